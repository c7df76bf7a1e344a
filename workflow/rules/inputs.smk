# Functions of inputs and params. They stand apart from rules, as Snakemake's linter wishes.
from pathlib import Path


def parent_of(name):
    """A params function: the folder in which the first of the named input files lies."""

    def folder(wildcards, input):
        named = getattr(input, name)
        return str(Path(named if isinstance(named, str) else named[0]).parent)

    return folder


def negatives_of_arm(wildcards):
    """Files of the negatives that an arm trains on; none for an arm without a method."""
    method = EXPERIMENT.arms[wildcards.arm].method
    if method is None:
        return {}
    names = ["negatives.parquet", "manifest.json"]
    if EXPERIMENT.negatives.methods[method].method == "scene_graph":
        names.append("captions.parquet")
    return {
        "negatives": [f"{RESULTS}/negatives/{method}/{name}" for name in names],
    }


def negatives_flag(wildcards):
    """The flag that names the folder of an arm's negatives, or nothing."""
    method = EXPERIMENT.arms[wildcards.arm].method
    return f"--negatives {RESULTS}/negatives/{method}" if method else ""
