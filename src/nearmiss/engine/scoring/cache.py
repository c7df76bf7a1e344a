"""Embeddings on disk: each unique image and text is encoded once for a model, and what a killed run made is kept.

A folder belongs to one model and one way of reading (its name is their hash). Shards are whole files, written once; a
file that is cut short or of another shape is thrown away and made again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from nearmiss.base.files import replacing
from nearmiss.base.progress import progress

Encode = Callable[[Sequence[int]], np.ndarray]
"""Embeddings (n, D) float32 of the rows (n,) asked for."""


class Cache:
    """Embeddings of one kind ("image", "text") by name."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder, self._kind = Path(folder), kind
        self._folder.mkdir(parents=True, exist_ok=True)

    def get(self, names: Sequence[str], encode: Encode, *, shard: int = 2048) -> np.ndarray:
        """(N, D) of `names`, each of which occurs once. Those that are not there are encoded and kept by shards."""
        kept, features = self._kept()
        place = {name: row for row, name in enumerate(kept)}
        missing = [row for row, name in enumerate(names) if name not in place]
        made: list[np.ndarray] = []
        for start in progress(range(0, len(missing), shard), what=f"encode {self._kind}s"):
            rows = missing[start : start + shard]
            part = encode(rows)
            self._keep([names[row] for row in rows], part)
            for row in rows:
                place[names[row]] = len(place)
            made.append(part)
        whole = np.concatenate([*([features] if len(kept) else []), *made]) if kept or made else np.empty((0, 0))
        return whole[[place[name] for name in names]]

    def _kept(self) -> tuple[list[str], np.ndarray]:
        names: list[str] = []
        parts: list[np.ndarray] = []
        for file in sorted(self._folder.glob(f"{self._kind}-*.npz")):
            try:
                with np.load(file, allow_pickle=False) as held:
                    read, features = held["names"].tolist(), held["features"]
                if len(read) != len(features) or (parts and features.shape[1] != parts[0].shape[1]):
                    raise ValueError("names and features do not fit")
            except (OSError, ValueError, KeyError, EOFError, BadZipFile):
                file.unlink()
                continue
            new = [row for row, name in enumerate(read) if name not in set(names)] if set(read) & set(names) else None
            names += read if new is None else [read[row] for row in new]
            parts.append(features if new is None else features[new])
        return names, np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)

    def _keep(self, names: list[str], features: np.ndarray) -> None:
        number = 1 + max((int(file.stem.split("-")[1]) for file in self._folder.glob(f"{self._kind}-*.npz")), default=0)
        with replacing(self._folder / f"{self._kind}-{number:06d}.npz") as partial, partial.open("wb") as handle:
            np.savez(handle, names=np.array(names), features=features)
