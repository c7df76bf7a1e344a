"""The state from which an interrupted run resumes: complete or absent, verified before use, without code.

A state is a safetensors file and a record, `latest.json`, with the name and hash of the file, all values that are not
tensors, and a hash of its own content. The previous state is kept with its record, `previous.json`, so that a damaged
state costs only a few steps. Nothing is unpickled. The folder belongs to one configuration and its inputs; its name is
their hash.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, replacing, sha256, write_json
from nearmiss.base.lifetime import held

POINTER, PREVIOUS = "latest.json", "previous.json"
CORPUS = "corpus"
"""The folder of the texts of the training (corpus_files.py)."""
_KEY = re.compile(r"[0-9a-f]{16}")  # the name of a state's folder


@dataclass(frozen=True)
class Saved:
    """A saved state: completed steps, tensors by name, and other values."""

    step: int
    tensors: dict[str, Tensor]
    record: dict[str, Any]


class State:
    """The state folder of one training run."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.damage: list[str] = []
        """States that `load` skipped, with reasons; one line each."""

    def load(self) -> Saved | None:
        """The latest valid state; None if there is none.

        A state whose record or tensors do not match their hashes is skipped, the previous one is used, and `damage` has
        the reason.
        """
        self.damage = []
        for name in (POINTER, PREVIOUS):
            pointer = self.folder / name
            if not pointer.is_file():
                if name == POINTER and (self.folder / PREVIOUS).is_file():
                    self.damage.append(f"the saved state {pointer} is missing")
                continue
            try:
                content = verified_record(pointer)
                return Saved(content["step"], self._tensors(content), content["record"])
            except InputError as error:
                self.damage.append(f"the saved state {pointer} is damaged: {error.problem}")
        return None

    def save(self, step: int, tensors: dict[str, Tensor], record: dict[str, Any]) -> None:
        """Save the state after `step` steps, flushed to disk before it is recorded; the previous state is kept."""
        name = f"step-{step:07d}.safetensors"
        written = save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
        with replacing(self.folder / name) as partial:
            partial.write_bytes(written)
        content = {"file": name, "sha256": hashlib.sha256(written).hexdigest(), "step": step, "record": record}
        self._keep_the_last(step)
        write_json(self.folder / POINTER, {**content, "checksum": checksum_of(content)})
        self._tidy()

    def _tensors(self, content: dict[str, Any]) -> dict[str, Tensor]:
        """The tensors of a record."""
        file = self.folder / content["file"]
        if not file.is_file() or sha256(file) != content["sha256"]:
            raise InputError(f"{file.name} does not match its hash", file=file)
        return load_file(file)

    def _keep_the_last(self, step: int) -> None:
        """Make the latest record the previous one if it is valid and of an earlier step."""
        try:
            last = verified_record(self.folder / POINTER)
        except InputError:  # missing or damaged
            return
        if last["step"] < step:
            with replacing(self.folder / PREVIOUS) as partial:
                shutil.copyfile(self.folder / POINTER, partial)

    def _tidy(self) -> None:
        """Remove tensors without a record, and incomplete files of killed processes."""
        named = set()
        for name in (POINTER, PREVIOUS):
            with suppress(InputError):
                named.add(verified_record(self.folder / name)["file"])
        for old in [*self.folder.glob("step-*.safetensors"), *self.folder.glob(".*.partial")]:
            if old.name not in named:
                old.unlink()


def verified_record(pointer: Path) -> dict[str, Any]:
    """A verified record. Raises InputError if it is missing or damaged."""
    try:
        content = read_json(pointer)
    except (ValueError, RecursionError) as error:  # JSON that no json.dumps wrote
        raise InputError(f"malformed JSON: {error}", file=pointer) from None
    recorded = content.pop("checksum", None) if isinstance(content, dict) else None
    if recorded is None or recorded != checksum_of(content):
        raise InputError("its content does not match its checksum", file=pointer)
    return dict(content)


def checksum_of(content: dict[str, Any]) -> str:
    """Hash of a record's content. JSON preserves its numbers exactly, so the text can be reproduced."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@contextmanager
def claimed(run: Path, key: str) -> Iterator[State]:
    """The locked state of one training run, `run/key`. States of other keys in `run` are removed.

    Raises InputError if another process trains this run. The state is kept if the block fails or is killed, and removed
    if it succeeds; the empty lock file `run/lock` is kept.
    """
    with held(run / "lock") as ours:
        if not ours:
            raise InputError(
                "another process trains this run", file=run / "lock", remedy="wait for it to end, or stop it"
            )
        for folder in sorted(run.iterdir()):
            if _KEY.fullmatch(folder.name) and folder.name != key:
                _remove(folder)
        yield State(run / key)
        _remove(run / key)


def _remove(folder: Path) -> None:
    """Remove a state's own files, and its folder if it is empty then."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder / CORPUS, ignore_errors=True)
        for file in [
            *folder.glob("step-*.safetensors"),
            *folder.glob(".*.partial"),
            folder / POINTER,
            folder / PREVIOUS,
        ]:
            file.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
