"""The benchmarks by name, and names that they share with what compares them. Import-free.

A benchmark is one file next to this one and one line in `BENCHMARKS`. The table holds texts, so that a configuration is
checked without importing a reader, and so that a fingerprint holds the files of the chosen benchmarks only.
"""

import difflib
from collections.abc import Sequence

FORMS = ("1x2", "1xN", "1x3", "2x2")
"""Forms of an item of the world's benchmark, images x captions."""

POOLED = "1x2+2x2"
"""The subset in which the decisions of both forms of a concept are counted together: what a claim is measured on."""

BINDING = ("color", "size", "pattern")
"""Concepts whose operator `swap` is called binding: two present objects exchange a value."""

MARGIN = 1e-6
"""Similarities within this distance count as equal: an embedding depends on its batch by up to 1e-7."""


def grouped(condition: str, column: str, value: str) -> str:
    """The condition of the items of a condition that have a value in a column, counted apart."""
    return f"{condition}, {column}: {value}"


def group_of(condition: str | None) -> tuple[str, str, str] | None:
    """(condition, column, value) of the condition of such a group; None for another one."""
    whole, comma, group = (condition or "").partition(", ")
    column, colon, value = group.partition(": ")
    return (whole, column, value) if comma and colon else None


MEAN = "mean"
"""The subset, or task, that represents the unweighted mean of all."""

BENCHMARKS = {
    "world": "world:BENCHMARK",
    "retrieval": "retrieval:BENCHMARK",
    "classification": "classification:BENCHMARK",
    "inpaintcoco": "inpaintcoco:BENCHMARK",
    "sugarcrepe": "sugarcrepe:BENCHMARK",
    "sugarcrepe_pp": "sugarcrepe_pp:BENCHMARK",
    "aro": "aro:BENCHMARK",
    "aro_order": "aro_order:BENCHMARK",
    "valse": "valse:BENCHMARK",
    "vl_checklist": "vl_checklist:BENCHMARK",
    "hnc": "hnc:BENCHMARK",
    "winoground": "winoground:BENCHMARK",
    "cola": "cola:BENCHMARK",
    "crepe": "crepe:BENCHMARK",
    "whatsup": "whatsup:BENCHMARK",
    "vsr": "vsr:BENCHMARK",
    "eqben": "eqben:BENCHMARK",
    "bivlc": "bivlc:BENCHMARK",
    "vismin": "vismin:BENCHMARK",
    "colorswap": "colorswap:BENCHMARK",
    "coco_counterfactuals": "coco_counterfactuals:BENCHMARK",
    "svo_probes": "svo_probes:BENCHMARK",
    "mmvp_vlm": "mmvp_vlm:BENCHMARK",
    "spec": "spec_diagnostics:BENCHMARK",
    "imagecode": "imagecode:BENCHMARK",
    "bla": "bla:BENCHMARK",
    "colorfoil": "colorfoil:BENCHMARK",
    "negbench": "negbench:BENCHMARK",
    "retrieval_negbench": "negbench_retrieval:ORIGINAL",
    "retrieval_negbench_negated": "negbench_retrieval:NEGATED",
    "retrieval_coco": "karpathy:COCO",
    "retrieval_flickr30k": "karpathy:FLICKR30K",
    "retrieval_flickr8k": "karpathy:FLICKR8K",
    "cifar10": "image_folders:CIFAR10",
}
"""Name -> module next to this one and the `Reader` in it."""

OWN = ("world", "retrieval", "classification", "inpaintcoco")
"""Benchmarks that an experiment writes for itself; they are read from its results."""

IMAGE_FOLDER = "imagefolder/"
"""Prefix of classification benchmarks that are folders of a user's own: imagefolder/NAME."""


def table_of(name: str, split: str) -> str:
    """The table of stage data that a benchmark of an experiment's own is read from; for inpaintcoco there is none."""
    return f"{'items' if name == 'world' else name}_{split}"


def module_of(name: str) -> str:
    """The module next to this one that reads a benchmark."""
    return BENCHMARKS.get(name, "image_folders").partition(":")[0]


def problem_of(name: str) -> tuple[str, str] | None:
    """What is wrong with a name, and the remedy; None where there is such a benchmark."""
    if name in BENCHMARKS or (name.startswith(IMAGE_FOLDER) and len(name) > len(IMAGE_FOLDER)):
        return None
    close = difflib.get_close_matches(name, BENCHMARKS, n=3, cutoff=0.6)
    return f"no benchmark is called {name!r}", f"choose from: {', '.join(close or BENCHMARKS)}, {IMAGE_FOLDER}NAME"


def problem_of_names(names: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a list of names, and the remedy; None where each is known and named once."""
    for at, name in enumerate(names):
        if problem := problem_of(name):
            return problem
        if name in names[:at]:
            return f"the benchmark {name!r} is named twice", "name each benchmark once"
    return None


def known_names(names: list[str] | None) -> list[str] | None:
    """The value of an option that names benchmarks, as a validator: raises ValueError for `problem_of_names`."""
    if problem := problem_of_names(names or []):
        raise ValueError(f"{problem[0]}: {problem[1]}")
    return names
