"""Zero-shot classification: any folder of images by class with class names and templates, and CIFAR-10."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.engine.benchmarks.fields import read_document
from nearmiss.engine.benchmarks.general import Labelled
from nearmiss.engine.benchmarks.published import Carried, Folders
from nearmiss.engine.formats.records import REMEDY

ROOT, CLASSES, TEMPLATES = "classification", "classes.json", "templates.json"
CIFAR10 = "cifar10/cifar-10-batches-bin"
TEMPLATE = "a photo of a {}."
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_SIDE = 32  # pixels of a CIFAR picture; a record is a label and three planes


def names(folders: Folders) -> list[str]:
    """The benchmarks that are there: `imagefolder/NAME` for each folder with classes.json, and cifar10."""
    found = [f"imagefolder/{file.parent.name}" for file in folders.files(f"{ROOT}/*/{CLASSES}")]
    return [*found, *(["cifar10"] if folders.path(f"{CIFAR10}/test_batch.bin").is_file() else [])]


def read(name: str, folders: Folders) -> Labelled:
    """Read one of `names`. Raises InputError where a file is malformed or no image is there."""
    return _cifar(folders) if name == "cifar10" else _folder(name, folders)


def prompts(classes: list[str], templates: list[str]) -> list[list[str]]:
    """The prompts of each class: every template with its name in place of the braces."""
    return [[template.replace("{}", name) for template in templates] for name in classes]


def _folder(name: str, folders: Folders) -> Labelled:
    root = f"{ROOT}/{name.removeprefix('imagefolder/')}"
    file = folders.path(f"{root}/{CLASSES}")
    classes = _classes(file)
    templates, hashes = [TEMPLATE], {f"{root}/{CLASSES}": sha256(file)}
    own = folders.path(f"{root}/{TEMPLATES}")
    if own.is_file():
        templates, hashes[f"{root}/{TEMPLATES}"] = _templates(own), sha256(own)
    labels: dict[str, int] = {}
    missing = []
    for label, folder in enumerate(classes):
        place = file.parent / folder
        found = sorted(each for each in place.rglob("*") if each.suffix.lower() in _SUFFIXES and each.is_file())
        for each in found:
            image = f"{root}/{folder}/{each.relative_to(place).as_posix()}"
            if image in labels:
                raise InputError("an image lies in the folders of two classes", file=each, record=folder, remedy=REMEDY)
            labels[image] = label
        if not found:
            missing.append(f"{root}/{folder}")
    if not labels:
        raise InputError("no class has an image", file=file.parent, remedy="put images into the folders it names")
    notes = f"{len(templates)} templates; a class is the mean of its prompts' embeddings"
    names = list(classes.values())
    return Labelled(
        name,
        list(labels),
        list(labels.values()),
        names,
        prompts(names, templates),
        hashes,
        notes,
        missing=missing,
    )


def _classes(file: Path) -> dict[str, str]:
    """Folder -> class name. Raises InputError where the file says something else, or names a folder twice."""
    document = read_document(file)
    if not isinstance(document, dict) or not all(isinstance(name, str) and name.strip() for name in document.values()):
        raise InputError("the file is not a JSON object from folder to class name", file=file, remedy=REMEDY)
    if doubled := getattr(document, "doubled", None):
        raise InputError("the file names a folder twice", file=file, record=min(doubled), remedy=REMEDY)
    for folder in document:
        if "\0" in folder or {"", ".", ".."} & set(folder.split("/")):
            raise InputError("a class has no folder beside the file", file=file, record=repr(folder), remedy=REMEDY)
    return document


def _templates(file: Path) -> list[str]:
    found = read_json(file)
    if not isinstance(found, list) or not found or not all(isinstance(each, str) and "{}" in each for each in found):
        raise InputError("the file is no JSON list of templates with {}", file=file, remedy=f'write ["{TEMPLATE}"]')
    return found


def _cifar(folders: Folders) -> Labelled:
    """CIFAR-10's binary version: records of a byte of label and three planes of 32 x 32 bytes."""
    file, meta = (folders.path(f"{CIFAR10}/{name}") for name in ("test_batch.bin", "batches.meta.txt"))
    if not meta.is_file():
        raise InputError("the names of CIFAR-10's classes are missing", file=meta, remedy="unpack its binary version")
    classes = meta.read_text(encoding="utf-8", errors="replace").split()
    content = np.fromfile(file, dtype=np.uint8)
    if not len(content) or len(content) % (1 + 3 * _SIDE**2):
        raise InputError("the file is not CIFAR-10's binary version, or is cut short", file=file, remedy=REMEDY)
    records = content.reshape(-1, 1 + 3 * _SIDE**2)
    if records[:, 0].max() >= len(classes):
        raise InputError("a label is none of the classes", file=file, remedy=REMEDY)
    digest = sha256(file)
    images = [f"{CIFAR10}/test_batch.bin:{row:05d}" for row in range(len(records))]
    carried = {
        image: Carried(partial(_picture, record[1:]), f"{digest}-{row}")
        for row, (image, record) in enumerate(zip(images, records, strict=True))
    }
    notes = "binary version, test batch; one template"
    labels = records[:, 0].astype(int).tolist()
    return Labelled(
        "cifar10",
        images,
        labels,
        classes,
        prompts(classes, [TEMPLATE]),
        {f"{CIFAR10}/{file.name}": digest},
        notes,
        carried,
        missing=[f"{CIFAR10}/{file.name}: {classes[label]}" for label in sorted({*range(len(classes))} - {*labels})],
    )


def _picture(planes: np.ndarray) -> Image.Image:
    return Image.fromarray(planes.reshape(3, _SIDE, _SIDE).transpose(1, 2, 0))
