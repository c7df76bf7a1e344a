"""What published benchmarks there are, whose they are, and what of them lies under a data root."""

from collections.abc import Sequence
from textwrap import fill

from nearmiss.engine.benchmarks import image_folders, karpathy
from nearmiss.engine.benchmarks.published import Folders
from nearmiss.engine.benchmarks.registry import READERS

_WIDTH = 80
_GENERAL = {
    name: (
        "Karpathy's splits (CVPR 2015)" + ("; ECCV Caption (ECCV 2022)" if name == "retrieval_coco" else ""),
        (path,),
        ("coco/val2014",) if name == "retrieval_coco" else (f"{path.split('/')[0]}/images",),
    )
    for name, path in karpathy.FILES.items()
}


def listed(folders: Folders | None) -> str:
    """A paragraph for each benchmark, 80 columns wide; with folders, what is there is marked + and what is not -."""
    blocks = []
    for name, reader in READERS.items():
        source = reader.SOURCE
        about = [source.paper, f"Licence: {source.licence}", f"From: {source.origin}", source.notes]
        blocks.append(_block(name, about, source.files, source.images, folders))
    for name, (paper, files, images) in _GENERAL.items():
        blocks.append(_block(name, [paper], files, images, folders))
    wanted = f"{image_folders.ROOT}/NAME/{image_folders.CLASSES}"
    there = image_folders.names(folders) if folders is not None else []
    about = [
        f"Any images by class: {wanted} maps a folder to its class's name; {image_folders.TEMPLATES} beside it lists "
        "templates with {}.",
        f"There: {', '.join(there) or 'none'}" if folders is not None else "",
    ]
    blocks.append(_block("imagefolder/NAME", about, (), (), folders))
    blocks.append(
        _block("cifar10", ["CIFAR-10's binary version"], (f"{image_folders.CIFAR10}/test_batch.bin",), (), folders)
    )
    return "\n\n".join(blocks)


def _block(
    name: str, about: Sequence[str], files: Sequence[str], images: Sequence[str], folders: Folders | None
) -> str:
    lines = [name, *(fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  ") for text in about if text)]
    for pattern in files:
        found = [] if folders is None else folders.files(pattern)
        lines.append(
            f"  {_mark(bool(found), folders)}{pattern}" + (f" ({len(found)} files)" if "*" in pattern and found else "")
        )
    for folder in images:
        there = folders is not None and folders.path(folder).is_dir()
        lines.append(f"  {_mark(there, folders)}{folder}/")
    return "\n".join(lines)


def _mark(there: bool, folders: Folders | None) -> str:
    return "" if folders is None else "+ " if there else "- "
