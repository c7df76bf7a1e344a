# Functions of inputs and params. They stand apart from rules, as Snakemake's linter wishes.
import shlex
from pathlib import Path


def receipts_of_needed(wildcards):
    """Receipts of the downloads that a download needs."""
    return DOWNLOADS.receipts(DOWNLOADS.needs_of(wildcards.entry))


def receipts_of_evaluate(wildcards):
    """Receipts of what the benchmarks of stage evaluate are downloaded from."""
    return DOWNLOADS.receipts(DOWNLOADS.evaluate)


def receipts_of_robustness(wildcards):
    """The same for stage robustness."""
    return DOWNLOADS.receipts(DOWNLOADS.robustness)


def download_flags():
    """The flags of section `download`."""
    section = EXPERIMENT.download
    flags = {"root": section.root, "catalog": section.catalog, "mirror": section.mirror}
    words = [word for name, value in flags.items() if value for word in (f"--{name}", value)]
    words += ["--accept", *section.accept] if section.accept else []
    words += ["--offline"] if section.offline else []
    return shlex.join(words)


def parent_of(name):
    """A params function: the folder in which the first of the named input files lies."""

    def folder(wildcards, input):
        named = getattr(input, name)
        return str(Path(named if isinstance(named, str) else named[0]).parent)

    return folder


def published_of_method(wildcards):
    """The file of negatives that a method reads, where it reads one."""
    options = EXPERIMENT.negatives.methods[wildcards.method]
    return {"published": options.file} if options.method == "published" else {}


def negatives_of_arm(wildcards):
    """Files of the negatives that an arm trains on; none for an arm without a method."""
    method = EXPERIMENT.arms[wildcards.arm].method
    if method is None:
        return {}
    if method in MATCHED_METHODS:
        return {"negatives": matched_files(method)}
    return negatives_files(method)


def negatives_of_method(wildcards):
    """Files of a method's negatives."""
    return negatives_files(wildcards.method)


def negatives_files(method):
    """Files of a method's negatives by the name of the input."""
    names = ["negatives.parquet", "captions.parquet", "paraphrases.parquet", "manifest.json"]
    return {
        "negatives": [f"{RESULTS}/negatives/{method}/{name}" for name in names],
    }


def matched_files(method):
    """The files of a method's matched set."""
    files = ["negatives.parquet", "captions.parquet", "paraphrases.parquet", "drawn_with.parquet", "summary.json"]
    return [f"{MATCHED_SETS}/{method}/{file}" for file in files]


def truth_of_arm(wildcards):
    """The truth of the data source about every image, for an arm that masks by it."""
    return TRUTH if EXPERIMENT.arms[wildcards.arm].mask == "truth" else {}


def words_of_model(wildcards):
    """The list of words that a small model's tokenizer is made of; a model of open_clip's brings its own."""
    if not EXPERIMENT.pretrain.reads_words:
        return {}
    return {"words": DECLARED.words}


def features_of_arm(wildcards):
    """Cached features of frozen parts that a training reads: of images, of captions, of its method's texts."""
    method = EXPERIMENT.arms[wildcards.arm].method if hasattr(wildcards, "arm") else None
    parts = EXPERIMENT.pretrain.cached_parts
    names = ["images"] if "image" in parts else []
    if "text" in parts:
        names += ["captions", *([f"negatives/{method}"] if method else [])]
    found = [f"{RESULTS}/pretrain/features/{name}/manifest.json" for name in names]
    return {"features": found} if found else {}


def features_of_evaluate(wildcards):
    """Cached features of the benchmarks' images, where the image tower has a frozen part."""
    cached = "image" in EXPERIMENT.pretrain.cached_parts
    return {"features": [f"{RESULTS}/evaluate/features/manifest.json"]} if cached else {}


def features_flags(wildcards, input):
    """The flags that name the folders of cached features, or nothing."""
    return " ".join(f"--features {Path(file).parent}" for file in input.get("features", []))


def negatives_flag(wildcards):
    """The flag that names the folder of an arm's negatives, or nothing."""
    method = EXPERIMENT.arms[wildcards.arm].method
    folder = MATCHED_SETS if method in MATCHED_METHODS else f"{RESULTS}/negatives"
    return f"--negatives {folder}/{method}" if method else ""


def training_negatives_flag(wildcards):
    """The same for a command that evaluates."""
    return negatives_flag(wildcards).replace("--negatives", "--training-negatives")


def tables_of(section):
    """Tables of stage data that the benchmarks of a section (evaluate, robustness) read."""
    tables = (("world", "items"), ("retrieval", "retrieval"), ("classification", "classification"))
    return [f"{TABLES}/{table}_{section.split}.parquet" for name, table in tables if name in section.benchmarks]


def tables_to_choose_on():
    """The same tables of split val, on which an interpolation is chosen, where the data source has them."""
    section = EXPERIMENT.evaluate.model_copy(update={"split": "val"})
    there = {f"{TABLES}/{name}.parquet" for name in DECLARED.tables}
    return [table for table in tables_of(section) if table in there]


def _pairs(section):
    if "inpaintcoco" not in section.benchmarks or not EXPERIMENT.inpaint.operations:
        return {}
    return {"inpaint": f"{RESULTS}/inpaint/test-00000-of-00001.parquet"}


def pairs_of_evaluate(wildcards):
    """The pairs that benchmark inpaintcoco reads, where it is evaluated."""
    return _pairs(EXPERIMENT.evaluate)


def pairs_of_robustness(wildcards):
    """The same for stage robustness."""
    return _pairs(EXPERIMENT.robustness)


def data_root_flag():
    """The flag that names the folder of published benchmarks, or nothing."""
    root = EXPERIMENT.evaluate.data_root
    return f"--data-root {root}" if root else ""


def image_root(wildcards):
    """The folder that the files of table `images` are relative to; it may lie outside of the results."""
    return IMAGE_ROOT


def moved_folders(wildcards, input):
    """The flags that say where the experiment's own benchmarks lie."""
    moved = {"tables": Path(input.tables[0]).parent, "source": IMAGE_ROOT}
    if hasattr(input, "inpaint"):
        moved["inpaintcoco"] = Path(input.inpaint).parent
    return " ".join(f"--move {name}={folder}" for name, folder in moved.items())


def flag_of(name):
    """A params function: the flag that gives a named input file, or nothing where there is none."""

    def flag(wildcards, input):
        return f"--{name.replace('_', '-')} {getattr(input, name)}" if hasattr(input, name) else ""

    return flag


def whole_inpaint(wildcards):
    """Everything that stage inpaint makes, where it makes something."""
    return {"inpaint": rules.inpaint_pairs.output} if EXPERIMENT.inpaint.operations else {}


def flags_of(name, folders):
    """The flag that gives several folders, or nothing where there are none."""
    return f"--{name} {' '.join(folders)}" if folders else ""


def folder_flag_of(name):
    """A params function: the flag that gives the folder of named input files, or nothing where there are none."""

    def flag(wildcards, input):
        files = input.get(name)
        return f"--{name} {Path(files if isinstance(files, str) else files[0]).parent}" if files else ""

    return flag
