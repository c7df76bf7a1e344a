"""Reading benchmarks by name (spec.py)."""

from collections.abc import Sequence
from importlib import import_module

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import Benchmark, Options, Reader
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.spec import BENCHMARKS, IMAGE_FOLDER, problem_of


def reader(name: str) -> Reader:
    """The reader of a benchmark. Raises InputError for an unknown name."""
    problem = problem_of(name)
    if problem:
        raise InputError(problem[0], record=name, remedy=problem[1])
    module, _, attribute = BENCHMARKS.get(name, "image_folders:ImageFolder").partition(":")
    found = getattr(import_module(f"nearmiss.engine.benchmarks.{module}"), attribute)
    made: Reader = found(name) if name.startswith(IMAGE_FOLDER) else found
    return made


def existing(root: DataRoot, options: Options) -> list[str]:
    """Names of the benchmarks of which some file exists under a data root, in the order of the registry."""
    known = [name for name in BENCHMARKS if reader(name).exists(root, options)]
    return [*known, *folder_names(root)]


def folder_names(root: DataRoot) -> list[str]:
    """`imagefolder/NAME` for each folder classification/NAME with classes.json."""
    return [f"{IMAGE_FOLDER}{file.parent.name}" for file in root.files("classification/*/classes.json")]


def load(names: Sequence[str], root: DataRoot, options: Options) -> tuple[list[Benchmark], list[str]]:
    """The benchmarks of these names, and the names of those of which no file exists.

    Raises InputError for an unknown name, where a file is malformed as a whole, and where no file of any exists.
    """
    root.check()
    readers = {name: reader(name) for name in dict.fromkeys(names)}
    found = {name: each.exists(root, options) for name, each in readers.items()}
    if not any(found.values()):
        raise InputError(
            "no benchmark has a file under the data root",
            file=root.root,
            record=", ".join(names),
            remedy="`nearmiss benchmarks list` shows where their files belong",
        )
    return [readers[name].load(root, options) for name in found if found[name]], [n for n in found if not found[n]]
