"""A data root with small files of every benchmark."""

from pathlib import Path

from caption_benchmark_files import (
    aro,
    bla,
    colorfoil,
    crepe,
    hnc,
    negbench,
    sugarcrepe,
    valse,
    vl_checklist,
    vsr,
    whatsup,
)
from gallery_files import general
from image_benchmark_files import (
    imagecode,
    inpaintcoco,
    mmvp_vlm,
    pairs_in_json,
    pairs_in_parquet,
    spec,
    squares,
    svo_probes,
)

from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import reader


def write(root: Path) -> Path:
    """A data root with every benchmark and every image that it needs."""
    for made in (sugarcrepe, aro, valse, vl_checklist, squares, hnc, crepe, whatsup, vsr, inpaintcoco, general):
        made(root)
    for made in (pairs_in_parquet, pairs_in_json, svo_probes, mmvp_vlm, spec, imagecode, bla, colorfoil, negbench):
        made(root)
    return root


def read(root: Path, name: str) -> ItemBenchmark:
    """The items of a benchmark under a data root."""
    found = reader(name).load(DataRoot(root), Options(tagger="lexicon"))
    assert isinstance(found, ItemBenchmark)
    return found
