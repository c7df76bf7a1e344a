"""Parts of a model by simple words, or by patterns of parameter names."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from torch import nn

from nearmiss.base.errors import InputError

_BLOCKS = re.compile(r"(image|text)\.blocks\.(\d+)(?:-(\d+))?")
_NUMBERED = re.compile(r"\.(?:resblocks|blocks|stages|layers|layer)\.(\d+)\.")
_OF_NO_TOWER = ("logit_scale", "logit_bias")


def parameters_in(model: nn.Module, wanted: Iterable[str], key: str) -> set[str]:
    """Names of the parameters that some word means: `image`, `text`, `image.blocks.0-3`, or a pattern with stars.

    Raises InputError, naming the configuration's `key`, where a word means none.
    """
    names = [name for name, _ in model.named_parameters()]
    found: set[str] = set()
    for word in wanted:
        meant = {name for name in names if _means(word, name)}
        if not meant:
            raise InputError(
                f"'{word}' is no part of the model",
                record=key,
                remedy=f"name a tower, a tower's blocks, or a pattern of names such as {names[0]}",
            )
        found |= meant
    return found


def _means(word: str, name: str) -> bool:
    if word in ("image", "text"):
        return tower_of(name) == word
    blocks = _BLOCKS.fullmatch(word)
    if blocks is None:
        return fnmatchcase(name, word)
    tower, first, last = blocks[1], int(blocks[2]), int(blocks[3] or blocks[2])
    number = _NUMBERED.search(name)
    return tower_of(name) == tower and number is not None and first <= int(number[1]) <= last


def tower_of(name: str) -> str | None:
    """The tower that a parameter belongs to, by its name in open_clip's models; None for the logits' own."""
    if name in _OF_NO_TOWER:
        return None
    return "image" if name.startswith("visual.") else "text"
