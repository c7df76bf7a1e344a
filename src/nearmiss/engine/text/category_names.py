"""Converts names of annotation files to words: LVIS has `traffic_light` and `bow_(decorative_ribbons)`.

Names that are words already, such as all of COCO's, are unchanged. Two names that become the same word are one noun:
their objects are counted together. The list of acronyms is ours.
"""

import json
import re
import unicodedata
from functools import cache
from importlib.resources import files

import polars as pl

from nearmiss.engine.text.inflection import plural

_QUALIFIER = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?|[)\]]")  # an opening bracket without its closing one ends the name
_JOINED = re.compile(r"(?<=[a-z]{3})(?=[A-Z][a-z])")  # TrafficLight, not iPod or McIntosh


@cache
def readable_name(raw: str) -> str:
    """A category, attribute or relation in the words of a caption; "" where no word is left.

    Underscores become spaces, qualifiers in brackets are removed (unless they are all there is), blanks are collapsed,
    letters are lowered except those of acronyms (TV), and Unicode is composed (NFC).
    """
    text = " ".join(unicodedata.normalize("NFC", raw).replace("_", " ").split())
    words = _without_qualifiers(text) or " ".join(re.sub(r"[()\[\]]", " ", text).split())
    return " ".join(_lowered(word) for word in _JOINED.sub(" ", words).split())


def plural_of(name: str) -> str:
    """The plural of a readable name in the singular; acronyms keep their capitals."""
    head, space, last = name.rpartition(" ")
    return f"{head}{space}{last}s" if last in _acronyms() else plural(name)


def _without_qualifiers(text: str) -> str:
    before = None
    while before != text:
        before, text = text, _QUALIFIER.sub(" ", text)
    return " ".join(text.split())


def _lowered(word: str) -> str:
    bare = word[:-1] if word.endswith("s") else word  # DVDs
    return word if bare in _acronyms() else word.lower()


@cache
def _acronyms() -> frozenset[str]:
    found: list[str] = json.loads(files(__package__).joinpath("lexicons", "acronyms.json").read_text(encoding="utf-8"))
    return frozenset(found)


def with_readable_objects(objects: pl.DataFrame) -> pl.DataFrame:
    """A table `objects` with readable names and attributes; unchanged where they are words already."""
    names = _changed(objects["name"])
    attributes = _changed(objects["attributes"].explode())
    if names:
        objects = objects.with_columns(pl.col("name").replace(names))
    if attributes:
        objects = objects.with_columns(pl.col("attributes").list.eval(pl.element().replace(attributes)))
    return objects


def with_readable_predicates(relations: pl.DataFrame) -> pl.DataFrame:
    """A table `relations` with readable predicates."""
    changed = _changed(relations["predicate"])
    return relations.with_columns(pl.col("predicate").replace(changed)) if changed else relations


def _changed(words: pl.Series) -> dict[str, str]:
    """raw -> readable, for the words that differ; a word that would become empty stays."""
    given = sorted(words.drop_nulls().unique().to_list())
    return {raw: readable for raw in given if (readable := readable_name(raw)) and readable != raw}
