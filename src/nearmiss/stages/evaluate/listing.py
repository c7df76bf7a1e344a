"""Lists benchmarks, their sources, and their files under a data root."""

from collections.abc import Sequence
from textwrap import fill

from nearmiss.engine.benchmarks import image_folders
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import folder_names, reader
from nearmiss.engine.benchmarks.spec import BENCHMARKS, IMAGE_FOLDER

_WIDTH = 80


def listing(root: DataRoot | None) -> str:
    """A paragraph per benchmark, 80 columns wide; with a data root, what exists is marked + and what does not -."""
    options = Options()
    blocks = []
    for name in BENCHMARKS:
        card = reader(name).card
        about = [card.paper, f"License: {card.license}", f"From: {card.origin}", card.notes]
        files = [pattern.format(split=options.split) for pattern in card.files]
        blocks.append(_block(name, about, files, card.images, root))
    wanted = f"{image_folders.ROOT}/NAME/{image_folders.CLASSES}"
    known = folder_names(root) if root is not None else []
    about = [
        f"Any images by class: {wanted} maps a folder to its class's name; {image_folders.TEMPLATES} beside it lists "
        "templates with {}.",
        f"Under the data root: {', '.join(known) or 'none'}" if root is not None else "",
    ]
    blocks.append(_block(f"{IMAGE_FOLDER}NAME", about, (), (), root))
    return "\n\n".join(blocks)


def _block(name: str, about: Sequence[str], files: Sequence[str], images: Sequence[str], root: DataRoot | None) -> str:
    lines = [name, *(fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  ") for text in about if text)]
    for pattern in files:
        found = [] if root is None else root.files(pattern)
        lines.append(
            f"  {_mark(bool(found), root)}{pattern}" + (f" ({len(found)} files)" if "*" in pattern and found else "")
        )
    for folder in images:
        exists = root is not None and root.path(folder).is_dir()
        lines.append(f"  {_mark(exists, root)}{folder}/")
    return "\n".join(lines)


def _mark(exists: bool, root: DataRoot | None) -> str:
    return "" if root is None else "+ " if exists else "- "
