"""The state that a killed training resumes from: whole or absent, verified before use, never anything but numbers.

A state is a safetensors file and `latest.json`, which names it with its hash and carries what is not a tensor. Nothing
is unpickled. The folder belongs to one configuration and its inputs; its name is their hash.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, sha256, write_json
from nearmiss.base.lifetime import held

POINTER = "latest.json"


@dataclass(frozen=True)
class Saved:
    """A state that was found: steps done, tensors by name, and the rest."""

    step: int
    tensors: dict[str, Tensor]
    record: dict[str, Any]


class State:
    """One training's state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def load(self) -> Saved | None:
        """The latest state, or None where there is none. A file that is not what the pointer says is an InputError."""
        pointer = self.folder / POINTER
        if not pointer.is_file():
            return None
        content = read_json(pointer)
        file = self.folder / content["file"]
        if not file.is_file() or sha256(file) != content["sha256"]:
            raise InputError(
                "the saved state is damaged", file=file, remedy=f"delete {self.folder}: training starts again"
            )
        return Saved(content["step"], load_file(file), content["record"])

    def save(self, step: int, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Save the state after `step` steps; the one before goes away once the new one counts."""
        name = f"step-{step:07d}.safetensors"
        with replacing(self.folder / name) as partial:
            partial.write_bytes(save({key: value.detach().cpu().contiguous() for key, value in tensors.items()}))
        pointed = {"file": name, "sha256": sha256(self.folder / name), "step": step, "record": record}
        write_json(self.folder / POINTER, pointed)
        for old in self.folder.glob("step-*.safetensors"):
            if old.name != name:
                old.unlink()


@contextmanager
def claimed(run: Path, key: str) -> Iterator[State]:
    """The state of one training, for it alone: `run/key`. What other keys left behind in `run` is removed.

    Raises InputError where another process trains this run. The state stays when the block fails or is killed, and
    goes when it succeeds; the empty lock file `run/lock` stays.
    """
    with held(run / "lock") as ours:
        if not ours:
            raise InputError(
                "another process trains this run", file=run / "lock", remedy="wait for it to end, or stop it"
            )
        for folder in sorted(run.iterdir()):
            if folder.is_dir() and folder.name != key:
                shutil.rmtree(folder)
        yield State(run / key)
        shutil.rmtree(run / key, ignore_errors=True)
