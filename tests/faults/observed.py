"""A run of a command under observation: its file operations, and the order of its flushes and renames."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from operations import Operation, hooked

from nearmiss.base import files


@dataclass(frozen=True)
class Observation:
    """What a run did to the disk."""

    operations: list[Operation]
    published: list[str]
    """Names of files in the order in which they got their final names."""
    faults: list[str]
    """Final names that were given before the file was flushed, or after the file that marks a complete result."""

    def write(self, file: Path) -> None:
        """Write the observation as JSON."""
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Observation":
        """Read an observation that was written."""
        content = json.loads(file.read_text())
        return cls(**{**content, "operations": [Operation(**each) for each in content["operations"]]})


def observe(run: Callable[[], object], out: Path, last: str, below: Path) -> Observation:
    """Run a command that writes `out` and whose file `last` marks a complete result.

    Operations count below a folder, which holds inputs and outputs.
    """
    disk, operations, flush_files = _Disk(out, last), list[Operation](), files.flush_files

    def see(each: Operation) -> None:
        operations.append(each)
        disk.see(each)

    def flushed(folder: Path) -> None:
        flush_files(folder)
        for file in folder.rglob("*"):  # many files are flushed by one call for the whole file system
            disk.note(str(file))

    with pytest.MonkeyPatch.context() as patched, hooked(see, below):
        for module in ("outputs", "tracking"):
            patched.setattr(f"nearmiss.base.{module}.flush_files", flushed)
        run()
    return Observation(operations, disk.published, disk.faults)


class _Disk:
    """What is known to be on the disk: a file counts with the size and the time at which it was flushed last."""

    def __init__(self, out: Path, last: str) -> None:
        self.flushed: dict[tuple[int, int], tuple[int, int]] = {}
        self.published: list[str] = []
        self.faults: list[str] = []
        self.out, self.last = out, last
        self._of_mlflow: list[str] = []
        self._complete = False

    def note(self, path: str) -> None:
        """A file was flushed as it is now."""
        found = Path(path).stat()
        self.flushed[found.st_dev, found.st_ino] = found.st_size, found.st_mtime_ns

    def see(self, each: Operation) -> None:
        """A rename that gives a final name to a file must come after the flush of that file.

        MLflow renames its artifacts before that; they must be flushed before the last file is published.
        """
        if each.kind == "fsync":
            self.note(each.target)
        if each.kind != "replace" or "partial" in each.destination.removeprefix(str(self.out)):
            return
        if ".artifacts/" in each.destination:
            self._of_mlflow.append(each.destination)
            return
        self._check(each.target, each.destination)
        if Path(each.destination).name == self.last:
            for path in filter(os.path.exists, self._of_mlflow):
                self._check(path, path)
        name = Path(each.destination).name
        if name == files.RECORD:
            return
        self.published.append(name)
        if Path(each.destination).is_relative_to(self.out):  # and not in a state folder, where a result is an input
            if self._complete:
                self.faults.append(f"after {self.last}: {each.destination}")
            self._complete = name == self.last

    def _check(self, path: str, name: str) -> None:
        found = Path(path).stat()
        if self.flushed.get((found.st_dev, found.st_ino)) != (found.st_size, found.st_mtime_ns):
            self.faults.append(f"not flushed: {name}")
