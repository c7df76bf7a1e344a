"""Files that are whole or absent: write next to the target, flush, rename. Hashes of files and folders."""

import ctypes
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from nearmiss.base.errors import InputError

# Snakemake leaves this in every output folder; it is not part of the data.
SNAKEMAKE_TIMESTAMP = ".snakemake_timestamp"
# The names and hashes of the files that nearmiss wrote into a folder (base/outputs.py).
RECORD = ".nearmiss"
MARKS = (RECORD, SNAKEMAKE_TIMESTAMP)
_MANY = 64  # files from which flushing the whole file system is cheaper than file by file


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; on success it replaces `path`, on failure it is removed.

    A symlink is followed.
    """
    path = Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    try:
        yield partial
        publish(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def partial_of(path: Path) -> Path:
    """A hidden name next to `path`, of this process only, that is written to before `path` is taken."""
    return path.with_name(f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}.partial")


def publish(partial: Path, path: Path) -> None:
    """Give a finished file its name; both the content and the name are on the disk afterwards."""
    flush_file(partial)
    partial.replace(path)
    flush_folder(path.parent)


def flush_file(file: Path) -> None:
    """Flush a file's content to the disk."""
    with file.open("rb") as handle:
        os.fsync(handle.fileno())


def flush_folder(folder: Path) -> None:
    """Flush the names of a folder's files to the disk, so that a rename survives a power cut.

    File systems that cannot do that, or a folder that may not be read, go without; a disk that fails is an `OSError`.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM):
            raise


def flush_files(folder: Path) -> None:
    """Flush every file below a folder to the disk, so that a power cut leaves no empty file under a final name."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    if len(files) > _MANY:
        handle = os.open(folder, os.O_RDONLY)
        try:
            syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
            if syncfs is not None and syncfs(handle) == 0:
                return
        finally:
            os.close(handle)
    for file in files:
        flush_file(file)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys and a final newline, whole or not at all; NaN is refused."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


Pairs = Callable[[list[tuple[str, Any]]], Any]
"""Converts the names and values of a JSON object, instead of a dict."""


def read_json(path: Path, *, pairs: Pairs | None = None) -> Any:
    """Read a JSON file; a missing or malformed one is an `InputError` that names the line. A UTF-8 BOM is skipped."""
    return parse_json(read_text(path), file=path, pairs=pairs)


def read_json_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with their line numbers; see `numbered_lines`."""
    found: list[tuple[int, dict[str, Any]]] = []
    for number, line in numbered_lines(path):
        record = parse_json(line, file=path, line=number)
        if not isinstance(record, dict):
            raise InputError("a record is not an object", file=path, record=f"line {number}", remedy=_RESTORE)
        found.append((number, record))
    return found


_RESTORE = "restore the file from its source"


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file, numbered from 1; blank ones are passed over.

    Lines end at a line feed only: U+2028, U+0085 and similar characters may occur inside a JSON string.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line


def read_text(path: Path) -> str:
    """A UTF-8 text file without its BOM; one that is missing or of another encoding is an `InputError`."""
    path = Path(path)
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise InputError("a file is missing", file=path, remedy="make it again or correct the path") from None
    except IsADirectoryError:
        raise InputError("a folder is there, not a file", file=path, remedy="name the file") from None
    except UnicodeDecodeError as error:
        raise InputError(
            "a file is not UTF-8 text", file=path, record=f"byte {error.start}", remedy="save it as UTF-8"
        ) from None


def parse_json(text: str, *, file: object, line: int | None = None, pairs: Pairs | None = None) -> Any:
    """The value of a JSON text; a malformed one is an `InputError` that names file and line.

    Strings that hold half of a surrogate pair cannot be written again and are refused.
    """
    where = None if line is None else f"line {line}"
    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise InputError(
            f"malformed JSON: {error.msg}",
            file=file,
            record=where or f"line {error.lineno}, column {error.colno}",
            remedy=_RESTORE,
        ) from None
    except RecursionError:
        raise InputError("malformed JSON: nested too deeply", file=file, record=where, remedy=_RESTORE) from None
    except ValueError:  # Python converts no integer of more than 4,300 digits
        raise InputError("malformed JSON: a number is too long", file=file, record=where, remedy=_RESTORE) from None
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"malformed JSON: half of a surrogate pair, {error.object[error.start]!r}",
                file=file,
                record=where,
                remedy=_RESTORE,
            ) from None
    return value


def sha256(path: Path) -> str:
    """Hash of one file's bytes."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def folder_sha256(path: Path) -> str:
    """Hash of a folder: of the sorted relative names and hashes of all files in it."""
    return sha256_of_hashes({name: sha256(file) for name, file in files_below(path).items()})


def files_below(folder: Path) -> dict[str, Path]:
    """Relative name -> file, of all files in a folder but marks and records."""
    files = [file for file in Path(folder).rglob("*") if file.is_file() and file.name not in MARKS]
    return {file.relative_to(folder).as_posix(): file for file in files}


def sha256_of_hashes(hashes: Mapping[str, str]) -> str:
    """The hash of a folder from the hashes of its files, by their relative names."""
    digest = hashlib.sha256()
    for name in sorted(hashes, key=PurePosixPath):
        digest.update(f"{name} {hashes[name]}\n".encode())
    return digest.hexdigest()
