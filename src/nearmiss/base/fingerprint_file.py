"""Fingerprint files: what the driver writes for each part of an experiment, and the stages take as an input.

A file holds the SHA-256 of its own content: no result is made with a configuration, or known by a code hash, that a
disk has changed.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import parse_json, read_text, write_json
from nearmiss.base.json_digest import with_digest, without_digest

_KEYS = {"stage", "config", "code", "lock"}  # the last one is the hash of the pinned packages


def read_fingerprint(file: Path) -> dict[str, Any]:
    """The content of a fingerprint file. Raises `InputError` for another file, and for one that is damaged."""
    text = read_text(file)
    try:
        values = parse_json(text, file=file)
    except InputError as error:
        raise InputError(
            f"the file is no fingerprint file or is damaged: {error.problem}",
            file=file,
            record=error.record,
            remedy=_REMEDY,
        ) from None
    content, whole = without_digest(values) if isinstance(values, dict) else ({}, False)
    if not whole or content.keys() != _KEYS:
        raise InputError("the file is no fingerprint file, or is damaged or edited", file=file, remedy=_REMEDY)
    return content


_REMEDY = "delete it, `nearmiss run` writes it again; or name an experiment with --config in place of --fingerprint"


def write_fingerprint(path: Path, content: dict[str, Any]) -> bool:
    """Write a fingerprint file by rename, only where its content differs; True where it was written."""
    if path.is_file():
        with suppress(Exception):  # a damaged file is written anew
            if read_fingerprint(path) == content:
                return False
    write_json(path, with_digest(content))
    return True
