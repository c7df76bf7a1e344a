"""Zero-shot classification: any folder of images by class with class names and templates, and CIFAR-10."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.engine.benchmarks.benchmark import (
    Card,
    ClassificationBenchmark,
    ClassificationTask,
    Coverage,
    EmbeddedImage,
    Headline,
    Options,
)
from nearmiss.engine.benchmarks.builder import readable
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.fields import read_document
from nearmiss.engine.benchmarks.spec import IMAGE_FOLDER
from nearmiss.engine.formats.records import REMEDY

ROOT, CLASSES, TEMPLATES = "classification", "classes.json", "templates.json"
_CIFAR10 = "cifar10/cifar-10-batches-bin"
TEMPLATE = "a photo of a {}."
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
_SIDE = 32  # pixels of a CIFAR image; a record is a label and three planes


TOP_K = (1, 5)


def _headline(name: str) -> tuple[Headline, ...]:
    where = {"benchmark": name, "metric": "top1"}
    return (Headline(name, f"{name} top-1", f"zero-shot classification on {name}", where, cost=True),)


class ImageFolder:
    """A `Reader` of a user's images by class: classification/NAME/classes.json maps a folder to its class's name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._root = f"{ROOT}/{name.removeprefix(IMAGE_FOLDER)}"

    @property
    def card(self) -> Card:
        return Card(
            name=self._name,
            paper="images of your own",
            license="yours",
            origin=f"folders of images by class; {TEMPLATES} beside {CLASSES} lists templates with {{}}",
            files=(f"{self._root}/{CLASSES}",),
            notes="A class is the mean of its prompts' embeddings.",
            headline=_headline(self._name),
        )

    def exists(self, root: DataRoot, options: Options) -> bool:
        return root.path(self.card.files[0]).is_file()

    def load(self, root: DataRoot, options: Options) -> ClassificationBenchmark:
        """Raises InputError where a file is malformed or no image exists."""
        file = root.path(self.card.files[0])
        with readable(self._name, file):
            return self._load(file, root)

    def _load(self, file: Path, root: DataRoot) -> ClassificationBenchmark:
        classes = _classes(file)
        coverage = Coverage(hashes={self.card.files[0]: sha256(file)})
        templates, own = [TEMPLATE], root.path(f"{self._root}/{TEMPLATES}")
        if own.is_file():
            templates, coverage.hashes[f"{self._root}/{TEMPLATES}"] = _templates(own), sha256(own)
        labels: dict[str, int] = {}
        for label, folder in enumerate(classes):
            directory = file.parent / folder
            found = sorted(each for each in directory.rglob("*") if each.suffix.lower() in _SUFFIXES and each.is_file())
            for each in found:
                image = f"{self._root}/{folder}/{each.relative_to(directory).as_posix()}"
                if image in labels:
                    raise InputError(
                        "an image lies in the folders of two classes", file=each, record=folder, remedy=REMEDY
                    )
                labels[image] = label
            if not found:
                coverage.files_missing.append(f"{self._root}/{folder}")
        if not labels:
            raise InputError("no class has an image", file=file.parent, remedy="put images into the folders it names")
        coverage.n_read = len(labels)
        names = list(classes.values())
        task = ClassificationTask(None, list(labels), list(labels.values()), names, prompts(names, templates))
        return ClassificationBenchmark(self.card, [task], TOP_K, coverage)


def prompts(classes: list[str], templates: list[str]) -> list[list[str]]:
    """The prompts of each class: every template with its name in place of the braces."""
    return [[template.replace("{}", name) for template in templates] for name in classes]


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


@dataclass(frozen=True)
class CifarReader:
    """A `Reader` of CIFAR-10's binary version: records of a byte of label and three planes of 32 x 32 bytes."""

    card: Card

    def exists(self, root: DataRoot, options: Options) -> bool:
        return root.path(self.card.files[0]).is_file()

    def load(self, root: DataRoot, options: Options) -> ClassificationBenchmark:
        """Raises InputError where a file is missing, cut short or malformed."""
        file, meta = (root.path(name) for name in self.card.files)
        with readable(self.card.name, file):
            return self._load(file, meta)

    def _load(self, file: Path, meta: Path) -> ClassificationBenchmark:
        if not meta.is_file():
            raise InputError(
                "the names of CIFAR-10's classes are missing", file=meta, remedy="unpack its binary version"
            )
        classes = meta.read_text(encoding="utf-8", errors="replace").split()
        content = np.fromfile(file, dtype=np.uint8)
        if not len(content) or len(content) % (1 + 3 * _SIDE**2):
            raise InputError("the file is not CIFAR-10's binary version, or is cut short", file=file, remedy=REMEDY)
        records = content.reshape(-1, 1 + 3 * _SIDE**2)
        if records[:, 0].max() >= len(classes):
            raise InputError("a label is none of the classes", file=file, remedy=REMEDY)
        digest = sha256(file)
        images = [f"{self.card.files[0]}:{row:05d}" for row in range(len(records))]
        embedded = {
            image: EmbeddedImage(partial(_image, record[1:]), f"{digest}-{row}")
            for row, (image, record) in enumerate(zip(images, records, strict=True))
        }
        labels = records[:, 0].astype(int).tolist()
        absent = [classes[label] for label in sorted({*range(len(classes))} - {*labels})]
        coverage = Coverage(
            hashes={self.card.files[0]: digest},
            files_missing=[f"{self.card.files[0]}: {name}" for name in absent],
            n_read=len(images),
        )
        task = ClassificationTask(None, images, labels, classes, prompts(classes, [TEMPLATE]))
        return ClassificationBenchmark(self.card, [task], TOP_K, coverage, embedded)


def _image(planes: np.ndarray) -> Image.Image:
    return Image.fromarray(planes.reshape(3, _SIDE, _SIDE).transpose(1, 2, 0))


CIFAR10 = CifarReader(
    Card(
        name="cifar10",
        paper="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        license="not stated",
        origin="CIFAR-10's binary version",
        files=(f"{_CIFAR10}/test_batch.bin", f"{_CIFAR10}/batches.meta.txt"),
        notes="Test batch; one template.",
        headline=_headline("cifar10"),
    )
)
