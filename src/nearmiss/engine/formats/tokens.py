"""Captions of Flickr8k and Flickr30k as published: a token file, and lists of the images of a split.

A line of the token file (Flickr8k.token.txt, results_20130124.token) is `FILE#NUMBER`, a tab and the caption (Hodosh et
al., JAIR 2013; Young et al., TACL 2014). A list has one file name per line.
"""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.set_aside import Fault, Faults, Reading, Rows, once, printable


def read_tokens(path: Path) -> Reading:
    """Tables `images` and `captions` of a token file.

    The id of an image is its file name without the suffix, that of a caption the text before the tab. Lines of another
    form are set aside. Raises `InputError` if no line has this form.
    """
    images, captions, faults = Rows("images"), Rows("captions"), Faults(path)
    seen: set[str] = set()
    for number, line in enumerate(_lines(path), start=1):
        name = f"line {number}"
        caption_id, tab, text = line.partition("\t")
        file, mark, _ = caption_id.rpartition("#")
        if not tab or not mark or not file:
            faults.append(Fault(name, "a line is not FILE#NUMBER, a tab and a caption"))
            continue
        image_id = Path(file).stem
        if printable(line) != line or not text.strip():
            problem = "a caption is empty" if printable(line) == line else "its text is not UTF-8"
            faults.append(Fault(name, problem, printable(image_id)))
            continue
        captions.add(caption_id, image_id, text.strip(), None, "published", name)
        if file not in seen:
            seen.add(file)
            images.add(image_id, file, None, None, "train", "flickr", f"image {file}")
    found = once(images.table(), "image_id", faults).frame()
    if found.is_empty():
        raise InputError(
            "no line of the file is FILE#NUMBER, a tab and a caption",
            file=path,
            remedy="give a token file such as Flickr8k.token.txt, or one of Karpathy's JSON files",
        )
    return Reading(
        {
            "images": found.drop("record"),
            "captions": once(captions.table(), "caption_id", faults).frame().drop("record"),
        },
        faults,
    )


def read_list(path: Path) -> list[str]:
    """The file names of a list. Raises `InputError` if there are none."""
    names = [line.strip() for line in _lines(path) if line.strip()]
    if not names:
        raise InputError("the list has no file names", file=path, remedy="write one file name per line")
    return names


def _lines(path: Path) -> list[str]:
    text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    return [line for line in text.split("\n") if line.strip()]
