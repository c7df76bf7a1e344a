"""A list of images and captions as tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from nearmiss.base.manifest import verify_inputs
from nearmiss.base.tables import table
from nearmiss.engine.formats.caption_list import read_caption_list
from nearmiss.engine.formats.photographs import aside_of
from nearmiss.stages.data.sources.captioned import read_captioned
from nearmiss.stages.data.sources.splits import NAMES, Splits
from nearmiss.stages.data.sources.tables import SourceTables

if TYPE_CHECKING:
    from nearmiss.stages.data.sources.folder import FolderSource


def read(source: "FolderSource", workers: int) -> SourceTables:
    """The tables. The id of an image is its file in the folder; a text that an image has twice counts once."""
    files = source.files()
    hashes = verify_inputs(files)
    listed = read_caption_list(
        files["captions"],
        image_key=source.image_key,
        caption_key=source.caption_key,
        split_key=source.split_key,
        separator=source.separator,
    )
    folder = (Path(source.root) / source.images).absolute()
    names = {file: _relative(file, folder) for file in listed.captions}
    captions: dict[str, set[str]] = {}
    for file, texts in listed.captions.items():
        captions.setdefault(names[file], set()).update(texts)
    given = None
    if source.split_key is not None:
        known = {names[file]: NAMES.get(split.lower(), split) for file, split in listed.splits.items() if file in names}
        given = {file: split for file, split in known.items() if split in source.splits}
    image = {"width": None, "height": None, "split": "train", "source": source.name}
    return read_captioned(
        source,
        table("images", [{"image_id": name, "file": name, **image} for name in sorted(captions)]),
        table(
            "captions",
            [
                {"caption_id": f"{name}#{at}", "image_id": name, "text": text, "source": "published"}
                for name, texts in captions.items()
                for at, text in enumerate(sorted(texts))
            ],
        ),
        Splits(source.seed, source.limit, shares=source.splits, given=given),
        listed=files["captions"],
        key="captions",
        splits_key="splits" if given is None else "split_key",
        workers=workers,
        below=(source.images,),
        set_aside=[aside_of(fault, files["captions"]) for fault in listed.faults],
        inputs=hashes,
    )


def _relative(file: str, folder: Path) -> str:
    """A file relative to the folder of images; lists of open_clip have absolute paths."""
    path = Path(file)
    return path.relative_to(folder).as_posix() if path.is_absolute() and path.is_relative_to(folder) else file
