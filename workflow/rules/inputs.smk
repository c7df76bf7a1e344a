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
    if EXPERIMENT.negatives.paraphrases:
        names.append("paraphrases.parquet")
    return {
        "negatives": [f"{RESULTS}/negatives/{method}/{name}" for name in names],
    }


def truth_of_arm(wildcards):
    """The world's scenes, for an arm that masks by them."""
    if EXPERIMENT.arms[wildcards.arm].mask != "truth":
        return {}
    return {"truth": rules.data_world.output.truth}


def words_of_model(wildcards):
    """The list of words that a small model's tokenizer is made of; a model of open_clip's brings its own."""
    if not EXPERIMENT.pretrain.reads_words:
        return {}
    return {"words": f"{DATA}/published/words.txt"}


def negatives_flag(wildcards):
    """The flag that names the folder of an arm's negatives, or nothing."""
    method = EXPERIMENT.arms[wildcards.arm].method
    return f"--negatives {RESULTS}/negatives/{method}" if method else ""


def pairs_of_inpaint(wildcards):
    """The pairs that benchmark inpaintcoco reads, where it is asked."""
    if "inpaintcoco" not in EXPERIMENT.evaluate.benchmarks:
        return {}
    return {"inpaint": f"{RESULTS}/inpaint/test-00000-of-00001.parquet"}


def flag_of(name):
    """A params function: the flag that gives a named input file, or nothing where there is none."""

    def flag(wildcards, input):
        return f"--{name} {getattr(input, name)}" if hasattr(input, name) else ""

    return flag


def whole_inpaint(wildcards):
    """Everything that stage inpaint makes, where it makes something."""
    return {"inpaint": rules.inpaint_pairs.output} if EXPERIMENT.inpaint.operations else {}


def folder_flag_of(name):
    """A params function: the flag that gives the folder of a named input's first file, or nothing."""

    def flag(wildcards, input):
        return f"--{name} {Path(getattr(input, name)[0]).parent}" if hasattr(input, name) else ""

    return flag


def flags_of(name, folders):
    """The flag that gives several folders, or nothing where there are none."""
    return f"--{name} {' '.join(folders)}" if folders else ""


def folder_flag_of(name):
    """A params function: the flag that gives the folder of named input files, or nothing where there are none."""

    def flag(wildcards, input):
        files = input.get(name)
        return f"--{name} {Path(files if isinstance(files, str) else files[0]).parent}" if files else ""

    return flag
