"""The image files of benchmarks: the required views, the content of their files, and their openers."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from nearmiss.base.errors import InputError, reason
from nearmiss.engine.benchmarks.benchmark import (
    Benchmark,
    ClassificationBenchmark,
    Crop,
    EmbeddedImage,
    ItemBenchmark,
    RetrievalBenchmark,
    views_of,
)
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.images.decode import cut, open_image_bytes
from nearmiss.engine.images.members import read_content
from nearmiss.engine.scoring.contents import contents
from nearmiss.engine.scoring.embeddings import view_name
from nearmiss.engine.scoring.encoder import OpenImage

_AGAIN = "evaluate again: cached embeddings are kept"


class BenchmarkImages:
    """The views of benchmarks and their files; the content of every file is hashed once and cached in a folder.

    Raises InputError if an image of a benchmark that is `complete` is missing or is not an image.
    """

    def __init__(self, benchmarks: Sequence[Benchmark], root: DataRoot, cache: Path) -> None:
        self._embedded: dict[str, EmbeddedImage] = {}
        found: dict[str, tuple[str, Crop | None]] = {}
        for benchmark in benchmarks:
            self._embedded |= benchmark.embedded
            found |= {view_name(path, crop): (path, crop) for path, crop in views_of(benchmark)}
        self.views = dict(sorted(found.items()))
        """Name of each view -> path and crop."""
        paths = sorted({path for path, _ in self.views.values()} - self._embedded.keys())
        self._files = {path: root.path(path) for path in paths}
        known = contents(self._files, cache)
        self.digests = {path: content.digest for path, content in known.items()}
        self.digests |= {path: image.digest for path, image in self._embedded.items()}
        self.sizes = {path: content.size for path, content in known.items() if content.size is not None}
        for benchmark in benchmarks:
            if benchmark.card.complete:
                self._require(benchmark)

    def existing(self) -> list[str]:
        """Names of the views whose image exists."""
        return [name for name, (path, _) in self.views.items() if path in self.digests]

    def content_key(self, view: str) -> str:
        """The name of a view by the content of its file."""
        path, crop = self.views[view]
        return view_name(self.digests[path], crop)

    def opener(self, view: str) -> OpenImage:
        """The opener of a view."""
        path, crop = self.views[view]
        if path in self._embedded:
            return partial(_decoded, self._embedded[path].open, crop)
        return partial(_open_checked, self._files[path], self.digests[path], crop)

    def digest(self, benchmark: Benchmark) -> str:
        """SHA-256 over the names and contents of all images of a benchmark that exist."""
        digest = hashlib.sha256()
        for path in sorted({path for path, _ in views_of(benchmark)}):
            digest.update(f"{path} {self.digests.get(path)}\n".encode())
        return digest.hexdigest()

    def _require(self, benchmark: Benchmark) -> None:
        for path in sorted({path for path, _ in views_of(benchmark)} & self._files.keys()):
            if path not in self.digests or path not in self.sizes:
                problem = "an image is missing" if path not in self.digests else "an image does not decode"
                raise InputError(
                    problem,
                    file=self._files[path],
                    record=benchmark.name,
                    remedy="restore the file, or create it again",
                )


def texts_of(benchmark: Benchmark, existing: Mapping[str, object]) -> set[str]:
    """The texts of a benchmark. Captions of items without an existing image are omitted."""
    if isinstance(benchmark, ItemBenchmark):
        rows = benchmark.items.select("images", "captions").iter_rows()
        return {text for paths, texts in rows if any(path in existing for path in paths) for text in texts}
    if isinstance(benchmark, RetrievalBenchmark):
        return set(benchmark.captions)
    assert isinstance(benchmark, ClassificationBenchmark)
    return {text for task in benchmark.tasks for prompts in task.prompts for text in prompts}


def _open_checked(file: Path, digest: str, crop: Crop | None) -> Image.Image | None:
    """The image, or None if it does not decode. Raises InputError if the file changed since it was hashed."""
    try:
        content = read_content(file)
    except OSError as error:
        raise InputError(f"an image can no longer be read: {reason(error)}", file=file, remedy=_AGAIN) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise InputError("an image changed while it was read", file=file, remedy=_AGAIN)
    return _decoded(partial(open_image_bytes, content), crop)


def _decoded(open_image: Callable[[], Image.Image], crop: Crop | None) -> Image.Image | None:
    try:
        return cut(open_image(), crop)
    except (InputError, ValueError):
        return None
