"""WebDataset shards: tar archives of samples, each an image and its captions, as img2dataset writes them.

Files of one sample have the same key, the name up to the first dot after the last slash: `000123.jpg`, `000123.txt`
and `000123.json` are one sample. A shard may also be a folder of such files, img2dataset's format `files`. Images are
not copied: the file of an image in an archive is `00000.tar//000123.jpg` (images/members.py).
"""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from nearmiss.base.errors import InputError
from nearmiss.engine.images.members import SEPARATOR, archive_index

IMAGES = ("jpg", "jpeg", "png", "webp")
TEXT, RECORD, CAPTION = "txt", "json", "caption"
_LARGEST = 16 << 20  # bytes of a text file


class Sample(NamedTuple):
    """An image of a shard, its file relative to the root, and its captions."""

    key: str
    file: str
    captions: tuple[str, ...]


class Shard(NamedTuple):
    """The usable samples of a shard, sorted by key; keys that are set aside, with the reason; SHA-256 of its texts.

    A key of None is the shard itself.
    """

    name: str
    samples: list[Sample]
    set_aside: list[tuple[str | None, str]]
    digest: str


def read_shard(where: tuple[Path, str | None], name: str) -> Shard:
    """The samples of the shard `name` below the root.

    `where` is the root and the field of the .json files with the caption or a list of captions. If the field is None,
    the .txt file is the caption, or the field `caption` of the .json file if there is no .txt file. Raises `InputError`
    for a compressed archive.
    """
    root, caption_field = where
    path = root / name
    if path.is_dir():
        files = {file.name: file for file in sorted(path.iterdir()) if file.is_file()}
        sizes = {each: file.stat().st_size for each, file in files.items()}
        return _shard(name, sizes, frozenset(), None, lambda each: files[each].read_bytes(), "/", caption_field)
    try:
        index = archive_index(path)
    except InputError as error:
        if "compressed" in error.problem:
            raise
        return Shard(name, [], [(None, f"{error.problem}; record: {name}")], "")
    with path.open("rb") as handle:

        def content(each: str) -> bytes:
            handle.seek(index.members[each].offset)
            return handle.read(index.members[each].size)

        sizes = {each: member.size for each, member in index.members.items()}
        return _shard(name, sizes, index.repeated, index.flaw, content, SEPARATOR, caption_field)


def _shard(
    name: str,
    sizes: dict[str, int],
    repeated: frozenset[str],
    flaw: str | None,
    content: Callable[[str], bytes],
    separator: str,
    caption_field: str | None,
) -> Shard:
    samples: dict[str, dict[str, str]] = {}
    images: dict[str, list[str]] = {}
    for file in sizes:
        key, suffix = key_of(file)
        samples.setdefault(key, {})[suffix] = file
        if suffix in IMAGES:
            images.setdefault(key, []).append(file)
    twice = {key_of(file)[0] for file in repeated}
    found: list[Sample] = []
    aside: list[tuple[str | None, str]] = [] if flaw is None else [(None, f"{flaw}; record: {name}")]
    digest = sha256()
    for key, files in sorted(samples.items()):
        try:
            if key in twice:
                raise ValueError("its key occurs twice")
            if len(images.get(key, ())) != 1:
                raise ValueError("the sample has several images" if key in images else "the sample has no image")
            too_large = [file for suffix, file in files.items() if suffix in (TEXT, RECORD) and sizes[file] > _LARGEST]
            if too_large:
                raise ValueError("its text is too large")
            captions = _captions(files, content, caption_field)
        except ValueError as error:
            aside.append((key, str(error)))
            continue
        found.append(Sample(key, f"{name}{separator}{images[key][0]}", captions))
        digest.update(json.dumps([key, *captions]).encode())
    return Shard(name, found, aside, digest.hexdigest())


def key_of(file: str) -> tuple[str, str]:
    """Key and suffix of a member, the suffix in lower case."""
    folder, slash, base = file.rpartition("/")
    stem, _, suffix = base.partition(".")
    return f"{folder.removeprefix('./')}{slash}{stem}".removeprefix("./"), suffix.lower()


def _captions(files: dict[str, str], content: Callable[[str], bytes], caption_field: str | None) -> tuple[str, ...]:
    """The unique captions of a sample. Raises ValueError, with the reason, if it has none."""
    given: Any = None
    if caption_field is None and TEXT in files:
        given = _decoded(content(files[TEXT]))
    elif RECORD in files:
        try:
            record = json.loads(_decoded(content(files[RECORD])))
        except (json.JSONDecodeError, RecursionError):
            raise ValueError("its .json file is malformed") from None
        given = record.get(caption_field or CAPTION) if isinstance(record, dict) else None
    texts = given if isinstance(given, list) else [given]
    captions = tuple(dict.fromkeys(text.strip() for text in texts if isinstance(text, str) and text.strip()))
    if not captions:
        raise ValueError("the sample has no text")
    if any(text.encode("utf-8", "replace").decode() != text for text in captions):
        raise ValueError("its text is not UTF-8")
    return captions


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("its text is not UTF-8") from None
