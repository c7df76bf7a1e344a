"""The world's words and their appearance, read from vocabulary.json. The configuration sets how many are used."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, TypeVar

from nearmiss.base.errors import InputError
from nearmiss.engine.world.spec import WorldConfig

Value = TypeVar("Value")


@dataclass(frozen=True)
class Vocabulary:
    """Words in the order of the file, each with its appearance.

    `colors` and `grounds`: RGB 0 to 255. `plurals`: each shape's plural. `sizes`: least and greatest radius as a share
    of the image side. `synonyms`: other words for a word. `classes`: general words for shapes, with their shapes.
    """

    colors: Mapping[str, tuple[int, int, int]]
    plurals: Mapping[str, str]
    sizes: Mapping[str, tuple[float, float]]
    synonyms: Mapping[str, tuple[str, ...]]
    classes: Mapping[str, tuple[str, ...]]
    class_plurals: Mapping[str, str]
    actions: tuple[str, ...]
    patterns: tuple[str, ...]
    grounds: Mapping[str, tuple[int, int, int]]
    locations: tuple[str, ...]
    predicates: tuple[str, ...]

    @property
    def shapes(self) -> tuple[str, ...]:
        """The names of the shapes."""
        return tuple(self.plurals)


@cache
def load_vocabulary() -> Vocabulary:
    """All words of the file."""
    record: dict[str, Any] = json.loads(files(__package__).joinpath("vocabulary.json").read_text(encoding="utf-8"))
    return Vocabulary(
        colors={name: tuple(rgb) for name, rgb in record["colors"].items()},
        plurals=record["shapes"],
        sizes={name: tuple(radii) for name, radii in record["sizes"].items()},
        synonyms={word: tuple(others) for word, others in record["synonyms"].items()},
        classes={name: tuple(entry["shapes"]) for name, entry in record["classes"].items()},
        class_plurals={name: entry["plural"] for name, entry in record["classes"].items()},
        actions=tuple(record["actions"]),
        patterns=tuple(record["patterns"]),
        grounds={name: tuple(rgb) for name, rgb in record["grounds"].items()},
        locations=tuple(record["locations"]),
        predicates=tuple(record["predicates"]),
    )


def used(config: WorldConfig) -> Vocabulary:
    """The words that a configuration uses: the first ones of each kind."""
    whole = load_vocabulary()

    def head(kind: str, words: Mapping[str, Value], number: int) -> dict[str, Value]:
        if number > len(words):
            raise InputError(
                f"the world has {len(words)} {kind}, not {number}",
                record=f"data.source.{kind}",
                remedy=f"set it to {len(words)} at most",
            )
        return dict(islice(words.items(), number))

    return Vocabulary(
        colors=head("colors", whole.colors, config.colors),
        plurals=head("shapes", whole.plurals, config.shapes),
        sizes=head("sizes", whole.sizes, config.sizes),
        synonyms=whole.synonyms,
        classes=whole.classes,
        class_plurals=whole.class_plurals,
        actions=tuple(head("actions", dict.fromkeys(whole.actions, 0), config.actions)),
        patterns=tuple(head("patterns", dict.fromkeys(whole.patterns, 0), config.patterns)),
        grounds=head("grounds", whole.grounds, config.grounds),
        locations=whole.locations,
        predicates=whole.predicates,
    )
