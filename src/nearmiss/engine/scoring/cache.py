"""Embeddings on disk: each unique image and text is encoded once for a model, also across interrupted runs.

A folder belongs to one model and one preprocessing (its name is their hash). Entries are indexed by the SHA-256 of
their keys, so that a key may have any length. Shards are complete files, written once (checked.py).
"""

import hashlib
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from zipfile import BadZipFile

import numpy as np

from nearmiss.base.checked import discard, read_checked, write_checked
from nearmiss.base.errors import InputError, reason
from nearmiss.base.progress import progress

Encode = Callable[[Sequence[int]], np.ndarray]
"""Values (n, D) of the requested rows (n,); a row of NaN if it cannot be encoded."""

_SUFFIX = ".npz"


def check_cache(folder: Path) -> None:
    """Create the folder of a cache. Raises InputError if it is not writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"the folder of embeddings is not writable: {reason(error)}",
            file=folder,
            remedy="give another --cache",
        ) from None


class Cache:
    """Values of one kind ("image", "text", ...) by key: a row of numbers each."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = Path(folder), kind
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, keys: Sequence[str], encode: Encode, *, shard: int = 2048) -> tuple[np.ndarray, np.ndarray]:
        """Values (M, D) and, for each of N unique `keys`, its row in them: (N,) int64, -1 if it cannot be encoded.

        Missing keys are encoded and stored in shards of `shard` keys.
        """
        digests = [hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest() for key in keys]
        row_of_key, parts = self._kept()
        missing = [row for row, digest in enumerate(digests) if digest not in row_of_key]
        count = sum(map(len, parts))
        for start in progress(range(0, len(missing), shard), what=f"encode {self._kind}s"):
            rows = missing[start : start + shard]
            made = encode(rows)
            good = np.asarray(np.isfinite(made).all(axis=1)) & bool(made.shape[1])
            names = [digests[row] for row, fine in zip(rows, good, strict=True) if fine]
            unfit = [digests[row] for row, fine in zip(rows, good, strict=True) if not fine]
            self._keep(names, made[good], unfit)
            row_of_key.update({name: count + row for row, name in enumerate(names)})
            row_of_key.update(dict.fromkeys(unfit, -1))
            count += len(names)
            parts += [made[good]] if names else []
        rows_of = np.array([row_of_key[digest] for digest in digests], dtype=np.int64)
        seen = rows_of >= 0
        if not seen.any():
            return np.empty((0, 0), dtype=np.float32), rows_of
        values = np.concatenate(parts)[rows_of[seen]]
        rows_of[seen] = np.arange(int(seen.sum()))
        return values, rows_of

    def _kept(self) -> tuple[dict[bytes, int], list[np.ndarray]]:
        """Row of each key, -1 if it cannot be encoded, and the parts whose concatenation the rows index."""
        row_of_key: dict[bytes, int] = {}
        parts: list[np.ndarray] = []
        count = 0
        for file, content in read_checked(self._folder, self._kind, _SUFFIX):
            try:
                with np.load(BytesIO(content), allow_pickle=False) as held:
                    keys, values, unfit = _names(held["keys"]), held["values"], _names(held["unfit"])
                if len(keys) != len(values) or (len(values) and parts and values.shape[1:] != parts[0].shape[1:]):
                    raise ValueError("keys and values do not fit")
            except (ValueError, KeyError, EOFError, BadZipFile):
                discard(file)
                continue
            for row, key in enumerate(keys):
                row_of_key.setdefault(key, count + row)
            for key in unfit:
                row_of_key.setdefault(key, -1)
            count += len(values)
            parts += [values] if len(values) else []
        return row_of_key, parts

    def _keep(self, keys: list[bytes], values: np.ndarray, unfit: list[bytes]) -> None:
        content = BytesIO()
        np.savez(content, keys=_table(keys), values=values, unfit=_table(unfit))
        numbers = [file.name.split("-")[1] for file in self._folder.glob(f"{self._kind}-*-*")]
        number = 1 + max((int(each) for each in numbers if each.isdecimal()), default=0)
        write_checked(self._folder, f"{self._kind}-{number:06d}", _SUFFIX, content.getvalue())


def _table(keys: Sequence[bytes]) -> np.ndarray:
    """(n, 32) uint8."""
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, hashlib.sha256().digest_size)


def _names(table: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in table]
