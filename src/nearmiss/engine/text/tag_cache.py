"""Tags on disk: a trained pipeline tags each text once, for whatever method needs it, also across interrupted runs.

A folder holds the tags of any number of pipelines. A pipeline is known by its files, its components and the version of
spaCy; a text by the words and spaces of its document. So a change of any of them is a miss, never a wrong tag. Shards
are complete files, written once (base/checked.py): processes that write at the same time write equal or further ones.
"""

import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from nearmiss.base.checked import discard, read_checked, write_checked
from nearmiss.base.files import folder_sha256

if TYPE_CHECKING:
    from spacy.language import Language

Tags = tuple[str, str]  # coarse and fine class of each token of a text, joined by blanks

_SCHEMA = pl.Schema({"key": pl.Binary, "pos": pl.String, "tag": pl.String})
_SUFFIX = ".arrow"


def pipeline_key(nlp: "Language") -> str | None:
    """The identity of a pipeline that was loaded from a folder; None for one that was not."""
    from spacy.about import __version__

    if nlp.path is None or not Path(nlp.path).is_dir():
        return None
    parts = (__version__, *nlp.pipe_names, folder_sha256(Path(nlp.path)))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def text_key(words: Sequence[str], spaces: Sequence[bool]) -> bytes:
    """The identity of a text."""
    gaps = "".join("10"[not space] for space in spaces)
    return hashlib.sha256("\n".join([*words, gaps]).encode("utf-8", "surrogatepass")).digest()


class TagCache:
    """The tags of the texts of one pipeline."""

    def __init__(self, folder: Path, pipeline: str) -> None:
        self._folder, self._pipeline = Path(folder), pipeline
        self._folder.mkdir(parents=True, exist_ok=True)
        self._kept = [pl.DataFrame(schema=_SCHEMA)]
        for file, content in read_checked(self._folder, pipeline, _SUFFIX):
            try:
                frame = pl.read_ipc(BytesIO(content))
            except (pl.exceptions.PolarsError, OSError):
                discard(file)
                continue
            if frame.schema == _SCHEMA:
                self._kept.append(frame)

    def get(self, keys: Sequence[bytes]) -> list[Tags | None]:
        """The tags of each text; None for those that are not kept."""
        self._kept = [pl.concat(self._kept).unique("key", keep="first", maintain_order=True)]
        wanted = pl.DataFrame({"key": pl.Series(keys, dtype=pl.Binary)})
        found = wanted.join(self._kept[0], on="key", how="left", maintain_order="left")
        return [None if pos is None else (pos, tag) for pos, tag in found.select("pos", "tag").iter_rows()]

    def keep(self, keys: Sequence[bytes], tags: Sequence[Tags]) -> None:
        """Write the tags of further texts as one shard."""
        if not keys:
            return
        rows = [(key, *each) for key, each in zip(keys, tags, strict=True)]
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        content = BytesIO()
        frame.write_ipc(content, compression="zstd")
        write_checked(self._folder, self._pipeline, _SUFFIX, content.getvalue())
        self._kept.append(frame)
