"""Every command that takes --out, with small inputs. A test fails where a command is missing here."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cyclopts
import toys
from filelock import FileLock
from observed import Observation, observe
from running import nearmiss

from nearmiss.cli import app


@dataclass(frozen=True)
class Case:
    """A command with small inputs. Words with a leading `@` are paths in the folder of its group of inputs."""

    command: str
    group: str
    words: str
    file: str | None = None
    """The name of the file that --out names; None where --out is a folder."""
    form: str = ""
    """Tells apart several uses of one command."""
    roots: str = ""
    """Folders that paths are relative to; an output may be in them."""

    @property
    def name(self) -> str:
        return f"{self.command} ({self.form})" if self.form else self.command

    @property
    def is_file(self) -> bool:
        return self.file is not None

    def arguments(self, folder: Path) -> list[object]:
        """The command line without --out."""
        words = [folder / word[1:] if word.startswith("@") else _placed(word, folder) for word in self.words.split()]
        return [*self.command.split(), *words]

    def inputs(self, folder: Path) -> list[Path]:
        """The files and folders that it reads; of `--move NAME=PATH` the path."""
        given = [folder / word.rpartition("@")[2] for word in self.words.split() if "@" in word]
        return [path for path in given if path.relative_to(folder).parts[:1] not in WRITTEN]


def _placed(word: str, folder: Path) -> str:
    """A word with a path behind a prefix, as in local-dir:@model and tables=@tables."""
    prefix, at, name = word.partition("@")
    return f"{prefix}{folder / name}" if at else word


WRITTEN = {("state",), ("cache",), ("mlflow.db",)}
"""Names in a group's folder that are no inputs: a command writes there, beside --out."""

MOVED = "--move tables=@tables --move source=@published --cache @cache"
SCORED = f"--config @toy.yaml --arm hnc --seed 0 --model local-dir:@trained/checkpoint {MOVED}"
RUNS = " ".join(
    f"--{flag} " + " ".join(f"@{stage}/{arm}/0" for arm in toys.ARMS)
    for flag, stage in (("evaluations", "evaluate"), ("trainings", "pretrain"))
)

CASES = [
    Case("negatives audit", "pairs", "--pairs @pairs/negatives.parquet --balance"),
    Case("benchmarks compare", "benchmark", "@one @other", file="differences.parquet"),
    Case("benchmarks images", "benchmark", "--benchmarks winoground --data-root @root", file="images.parquet"),
    Case("compare", "runs", f"--config @toy.yaml --experiment toy {RUNS} --negatives @negatives/toy --data @data"),
    Case("track", "runs", f"--experiment toy {RUNS} --data @data --store @mlflow.db", file="tracked.json"),
    Case("negatives convert", "text", "--pairs @keyword/negatives.parquet --to sugarcrepe", form="folder"),
    Case("negatives convert", "text", "--pairs @keyword/negatives.parquet --to ce_clip", form="folder of arrays"),
    Case(
        "negatives convert", "text", "--pairs @keyword/negatives.parquet --to negclip", file="negclip.tsv", form="file"
    ),
    Case("curate export", "curation", "@set/pairs.parquet --db @decisions.db"),
    Case("data", "none", "--config @toy.yaml", form="world"),
    Case(
        "data",
        "photographs",
        "--source.name coco --source.root @. --source.images photographs --source.captions captions.json"
        ' --source.instances instances.json --source.splits {"train":1.0} --source.min_count 1',
        form="coco",
        roots="@.",
    ),
    Case("evaluate", "experiment", f"{SCORED} --training-negatives @negatives", form="workflow", roots="@published"),
    Case(
        "evaluate",
        "benchmark",
        "--model local-dir:@model --benchmarks winoground --data-root @root --cache @cache",
        form="standalone",
    ),
    Case(
        "benchmarks interpolate",
        "benchmark",
        "--base local-dir:@model --model local-dir:@model --interpolation [0.5] --benchmarks winoground"
        " --data-root @root --state @state/interpolation",
    ),
    Case(
        "finetune",
        "tasks",
        "--config @toy.yaml --arm hnc --seed 0 --checkpoint @checkpoint --tables @tables --root @published",
        roots="@published",
    ),
    Case(
        "inpaint",
        "photographs",
        "--config @toy.yaml --images @pictures/images.parquet --objects @pictures/objects.parquet"
        " --captions @pictures/captions.parquet --relations @pictures/relations.parquet --root @pictures",
        roots="@pictures",
    ),
    Case("negatives example", "none", ""),
    Case("negatives make", "text", "--method keyword --captions @captions.json", file="negatives.parquet", form="file"),
    Case("negatives make", "text", "--method keyword --captions @captions.json", form="folder"),
    Case(
        "negatives make", "text", "--method replace --fill cloze --tables @world --paraphrases synonym", form="workflow"
    ),
    Case("negatives make", "text", "--method scene_graph --tables @world", file="graphs.parquet", form="tables"),
    Case("negatives truth", "text", "--negatives @keyword --truth @truth", file="truth.json"),
    Case("negatives truth-table", "none", "--scenes 4 --completeness 1.0", file="table.json"),
    Case("negatives match", "text", "--negatives @keyword @scene_graph"),
    Case("negatives match-captions", "text", "--negatives @keyword @scene_graph --tables @world"),
    Case("negatives paraphrase", "text", "--captions @world/captions.parquet", file="paraphrases.parquet"),
    Case(
        "store",
        "training",
        "--config @toy.yaml --images @tables/images.parquet --root @. --state @state/store",
        roots="@.",
    ),
    Case(
        "pretrain",
        "training",
        "--config @toy.yaml --arm base --seed 0 --store @store --captions @tables/captions.parquet"
        " --words @words.txt --state @state/base/0",
    ),
    Case("corrupt", "experiment", f"--config @toy.yaml {MOVED}", roots="@published"),
    Case(
        "robustness",
        "experiment",
        f"{SCORED} --training-negatives @negatives --corrupted @corrupted",
        roots="@published",
    ),
    Case("schema", "none", "", file="experiment.schema.json"),
]

APART = {
    "versions pipeline": "test_the_pipeline_replaces_only_a_generated_one",
    "study report": "test_a_folder_of_the_user_is_not_replaced_by_a_report",
    "features": "test_a_folder_of_the_user_is_not_replaced_by_features",
    "benchmark-features": "test_a_folder_of_the_user_is_not_replaced_by_features_of_benchmarks",
}
"""Commands with --out that need a checkout or a model with pretrained weights, and the test that runs them."""


def commands_with_out() -> list[str]:
    """The commands of the application that take --out."""
    return [name for name, command in _every(app) if "--out" in _flags(command)]


def _every(application: cyclopts.App, before: str = "") -> Iterator[tuple[str, cyclopts.App]]:
    for name in application:
        if name.startswith("-"):
            continue
        command = application[name]
        yield f"{before}{name}", command
        yield from _every(command, f"{before}{name} ")


def _flags(command: cyclopts.App) -> set[str]:
    if command.default_command is None:
        return set()
    return {name for argument in command.assemble_argument_collection() for name in argument.names}


class Toys:
    """The inputs of each group, made when they are first asked for; every process of pytest makes no more than its
    share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def shared(self, group: str) -> Path:
        """A group's folder, which nobody changes."""
        folder = self._folder / "toys" / group
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                partial = folder.with_name(f"{group}-partial")
                shutil.rmtree(partial, ignore_errors=True)
                toys.make(group, partial)
                partial.rename(folder)
        return folder

    def result(self, case: Case) -> Path:
        """What a command makes of its inputs: its folder, or a folder with its file. Nobody changes it."""
        folder = self._folder / "results" / case.name.replace(" ", "-")
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                inputs = self.copy(case.group, folder.with_name(f"{folder.name}-inputs"))
                _observed(case, inputs, folder).write(_observation_of(folder))
                shutil.rmtree(inputs)
        return folder

    def observation(self, case: Case) -> Observation:
        """What the run that made a command's result did to the disk."""
        return Observation.read(_observation_of(self.result(case)))

    def copy(self, group: str, folder: Path) -> Path:
        """A copy of a group's folder that a test may change."""
        shutil.copytree(self.shared(group), folder, symlinks=True)
        return folder


def _observed(case: Case, inputs: Path, out: Path) -> Observation:
    def run() -> None:
        answer = nearmiss(*case.arguments(inputs), "--out", out / (case.file or ""))
        assert answer.status == 0, answer.output

    last = case.file if case.file and case.command == "negatives make" else "manifest.json"
    return observe(run, out, last, out.parent)


def _observation_of(result: Path) -> Path:
    return result.with_name(f"{result.name}.json")
