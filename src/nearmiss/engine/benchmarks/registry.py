"""The published benchmarks by name. One file each lies beside this one."""

from types import ModuleType

from nearmiss.engine.benchmarks import (
    aro,
    aro_order,
    cola,
    crepe,
    eqben,
    hnc,
    inpaintcoco_pairs,
    sugarcrepe,
    sugarcrepe_pp,
    valse,
    vl_checklist,
    vsr,
    whatsup,
    winoground,
)

READERS: dict[str, ModuleType] = {
    module.SOURCE.name: module
    for module in (
        sugarcrepe,
        sugarcrepe_pp,
        aro,
        aro_order,
        valse,
        vl_checklist,
        inpaintcoco_pairs,
        hnc,
        winoground,
        cola,
        crepe,
        whatsup,
        vsr,
        eqben,
    )
}
"""Each has a `SOURCE` and a function `fill(sheet)`."""
