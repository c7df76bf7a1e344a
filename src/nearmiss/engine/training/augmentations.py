"""Augmentations on the device, each with the concepts that it changes: one that makes captions false is refused.

Every augmentation is a change of geometry (an affine map) or of color (a matrix and an offset), sampled for each image
from seed and step, so that a chunked batch and a resumed run have the same images. The concepts are our choice; the
ranges are common in contrastive training.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import array_rng
from nearmiss.engine.text.lexicon import attribute_words, load
from nearmiss.engine.text.phrases import phrases
from nearmiss.engine.training.spec import AugmentationName

Draw = Callable[[np.random.Generator, int], np.ndarray]
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Augmentation:
    """`affine` draws affine maps (N, 2, 3) or `color` draws matrices and offsets (N, 3, 4); `breaks` lists concepts."""

    breaks: frozenset[str]
    affine: Draw | None = None
    color: Draw | None = None


@dataclass(frozen=True)
class Drawn:
    """Changes of N images: `affine` (N, 2, 3), from output to input coordinates, and `color` (N, 3, 4)."""

    affine: np.ndarray
    color: np.ndarray

    def part(self, start: int, end: int) -> "Drawn":
        """The changes of images `start` to `end`."""
        return Drawn(self.affine[start:end], self.color[start:end])

    def apply(self, pixels: Tensor) -> Tensor:
        """The changed images (N, S, S, 3) uint8, for images (N, S, S, 3) uint8 on any device."""
        images = pixels.permute(0, 3, 1, 2).float()
        affine = torch.from_numpy(self.affine).to(images)
        grid = F.affine_grid(affine, list(images.shape), align_corners=False)
        moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
        color = torch.from_numpy(self.color).to(images)
        changed = torch.einsum("nij,njhw->nihw", color[:, :, :3], moved) + color[:, :, 3, None, None]
        return changed.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _flip(generator: np.random.Generator, count: int) -> np.ndarray:
    """Horizontal flip of half of the images."""
    maps = np.tile(np.eye(2, 3), (count, 1, 1))
    maps[:, 0, 0] = np.where(generator.random(count) < 0.5, -1.0, 1.0)
    return maps


def _crop(generator: np.random.Generator, count: int) -> np.ndarray:
    """A random square window of 80 to 100 % of the side, scaled to the full size."""
    side = generator.uniform(0.8, 1.0, count)
    maps = np.zeros((count, 2, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = side
    maps[:, :, 2] = generator.uniform(-1, 1, (count, 2)) * (1 - side)[:, None]
    return maps


def _light(generator: np.random.Generator, count: int) -> np.ndarray:
    """Brightness and contrast within 20 %."""
    contrast, brightness = generator.uniform(0.8, 1.2, (2, count))
    matrices = np.zeros((count, 3, 4))
    matrices[:, :, :3] = np.eye(3) * (contrast * brightness)[:, None, None]
    matrices[:, :, 3] = (127.5 * (1 - contrast) * brightness)[:, None]
    return matrices


def _gray(generator: np.random.Generator, count: int) -> np.ndarray:
    """Grayscale in a fifth of the images."""
    matrices = np.zeros((count, 3, 4))
    gray = np.tile(_LUMA, (3, 1))
    matrices[:, :, :3] = np.where((generator.random(count) < 0.2)[:, None, None], gray, np.eye(3))
    return matrices


def _hue(generator: np.random.Generator, count: int) -> np.ndarray:
    """Hue rotation around the gray axis by up to 36 degrees, clipped to RGB."""
    angle = generator.uniform(-np.pi / 5, np.pi / 5, count)[:, None, None]
    axis = np.ones((3, 3)) / 3
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turned = axis + (np.eye(3) - axis) * np.cos(angle) + across * np.sin(angle)
    return np.concatenate([turned, np.zeros((count, 3, 1))], axis=2)


AUGMENTATIONS: dict[str, Augmentation] = {
    "flip": Augmentation(frozenset({"relation", "location"}), affine=_flip),
    "crop": Augmentation(frozenset({"location", "count", "size"}), affine=_crop),
    "light": Augmentation(frozenset(), color=_light),
    "hue": Augmentation(frozenset({"color"}), color=_hue),
    "gray": Augmentation(frozenset({"color"}), color=_gray),
}


def draw(names: Sequence[AugmentationName], *, seed: int, step: int, count: int) -> Drawn:
    """The changes of a batch of `count` images at a step, in the order of the names."""
    affine, color = np.tile(np.eye(3), (count, 1, 1)), np.tile(np.eye(4), (count, 1, 1))
    for name in names:
        known, generator = AUGMENTATIONS[name], array_rng(seed, "augmentation", name, step)
        if known.affine is not None:
            affine = affine @ _square(known.affine(generator, count))
        if known.color is not None:
            color = _square(known.color(generator, count)) @ color
    return Drawn(affine[:, :2].astype(np.float32), color[:, :3].astype(np.float32))


def _square(maps: np.ndarray) -> np.ndarray:
    """Maps (N, d, d + 1) in homogeneous form (N, d + 1, d + 1)."""
    last = np.zeros((len(maps), 1, maps.shape[2]))
    last[:, 0, -1] = 1
    return np.concatenate([maps, last], axis=1)


def concepts_of(texts: Iterable[str]) -> frozenset[str]:
    """The concepts in texts: color, size, location, relation, count."""
    found: set[str] = set()
    sizes = load("size")["dimensions"]
    for text in texts:
        for phrase in phrases(text, frozenset()):
            if phrase.label in ("adjective", "either"):
                kind = (attribute_words().get(phrase.text) or ("", ""))[0]
                found.add("size" if kind in sizes else kind)
            found |= {"relation": {"relation"}, "half": {"location"}, "number": {"count"}}.get(phrase.label, set())
    return frozenset(found & {"color", "size", "location", "relation", "count"})


def check(names: Sequence[AugmentationName], texts: Iterable[str]) -> None:
    """Raise InputError if an augmentation makes some of the texts false."""
    if not names:
        return
    concepts = concepts_of(texts)
    for name in names:
        broken = sorted(AUGMENTATIONS[name].breaks & concepts)
        if broken:
            raise InputError(
                f"the augmentation '{name}' makes captions about {', '.join(broken)} false",
                record="pretrain.augment",
                remedy=f"remove '{name}' from pretrain.augment, or train on captions without these concepts",
            )
