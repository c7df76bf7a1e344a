"""Files that are whole or absent: write beside the target, flush, rename. Hashes of files and folders."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError

# Snakemake leaves this in every folder that is an output; it is no part of anybody's data.
SNAKEMAKE_TIMESTAMP = ".snakemake_timestamp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`, on failure it goes away."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; on success it takes the place of `path` whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and a final newline, whole or not at all; NaN is refused."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; a missing or malformed one is an `InputError` that names the line."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("a file is missing", file=path, remedy="make it again or correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError(
            "a file is not UTF-8 text", file=path, record=f"byte {error.start}", remedy="save it as UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"malformed JSON: {error.msg}",
            file=path,
            record=f"line {error.lineno}, column {error.colno}",
            remedy="restore the file from its source",
        ) from None


def sha256(path: Path) -> str:
    """Hash of one file's bytes."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_sha256(path: Path) -> str:
    """Hash of a folder: of the sorted relative names and hashes of all files in it."""
    digest = hashlib.sha256()
    for file in sorted(Path(path).rglob("*")):
        if file.is_file() and file.name != SNAKEMAKE_TIMESTAMP:
            digest.update(f"{file.relative_to(path).as_posix()} {sha256(file)}\n".encode())
    return digest.hexdigest()
