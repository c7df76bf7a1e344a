"""The corpus of a training as files beside its state: written once, then mapped, by all processes of the training.

A folder of .npy files and a record, `corpus.json`, with the hash of each, all values that are not arrays, and a
checksum of its own. The record is written last: without it, or where a hash differs, the corpus is made again.
"""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing, sha256, write_json
from nearmiss.engine.training.corpus import Corpus, NegativeTable, Paraphrases
from nearmiss.engine.training.state import checksum_of, verified_record
from nearmiss.engine.training.token_book import TokenBook

RECORD = "corpus.json"
_PARTS = {"book": TokenBook, "negative_table": NegativeTable, "paraphrases": Paraphrases}


def store_corpus(folder: Path, read: Callable[[], Corpus]) -> None:
    """Write the result of `read` into the folder, unless a complete and undamaged corpus is there."""
    if _is_whole(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    corpus = read()
    hashes, values = {}, {}
    for name, value in _fields("", corpus):
        if isinstance(value, np.ndarray):
            file = folder / f"{name}.npy"
            with replacing(file) as partial, partial.open("wb") as handle:
                np.save(handle, value)
            hashes[file.name] = sha256(file)
        else:
            values[name] = value
    content = {"files": hashes, "values": values}
    write_json(folder / RECORD, {**content, "checksum": checksum_of(content)})


def open_corpus(folder: Path) -> Corpus:
    """The corpus that `store_corpus` wrote, its arrays mapped."""
    record = verified_record(folder / RECORD)
    given = dict(record["values"])
    for name in record["files"]:
        given[name.removesuffix(".npy")] = np.load(folder / name, mmap_mode="r")
    parts: dict[str, Any] = {name: _part(kind, name, given) for name, kind in _PARTS.items()}
    return Corpus(**parts, **{name: value for name, value in given.items() if "." not in name})


def _is_whole(folder: Path) -> bool:
    try:
        files = verified_record(folder / RECORD)["files"]
        return all(sha256(folder / name) == digest for name, digest in files.items())
    except (InputError, OSError):  # missing or damaged
        return False


def _fields(prefix: str, value: Any) -> list[tuple[str, Any]]:
    """Fields by name, those of its parts as "part.field"; a part that is absent has none."""
    found: list[tuple[str, Any]] = []
    for field in dataclasses.fields(value):
        one = getattr(value, field.name)
        if dataclasses.is_dataclass(one):
            found += _fields(f"{field.name}.", one)
        elif field.name not in _PARTS:
            found.append((f"{prefix}{field.name}", one))
    return found


def _part(kind: Any, name: str, given: dict[str, Any]) -> Any:
    values = {each.removeprefix(f"{name}."): value for each, value in given.items() if each.startswith(f"{name}.")}
    if not values:
        return None
    return kind(**{each: tuple(value) if isinstance(value, list) else value for each, value in values.items()})
