"""Predicates of relations as complements of "be": annotators write "wears" and "sits on a", too.

predicates.tsv lists predicates of Visual Genome and GQA with their kind and the words that may follow "is": verbs in
the third person become participles ("wears": "wearing"), and what has no such form ("has", "and") is in no sentence.
The list and the forms are ours. An unlisted predicate is used as it is if it has the form of a complement.
"""

import csv
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

_PARTICIPLE_ENDINGS = ("by", "with", "in", "on", "to", "from", "of", "at", "against", "around", "under", "over", "into")


class Predicate(NamedTuple):
    """An entry of the list: preposition, participle, verb, adjective or other; `complement` is None if it has none."""

    kind: str
    complement: str | None


@cache
def predicates() -> dict[str, Predicate]:
    """The list, by predicate."""
    with Path(__file__).with_name("predicates.tsv").open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t")
        return {row["predicate"]: Predicate(row["kind"], row["complement"] or None) for row in rows}


@lru_cache(maxsize=1 << 16)
def complement(predicate: str) -> str | None:
    """The words of a predicate that may follow "is" and precede "the dog"; None if there are none.

    The forms that an unlisted predicate may have: a listed preposition in front ("on" in "on shelf of"), a participle
    in "-ing" in front ("sweeping"), a participle in "-ed" before a preposition ("welded to"), or "than" at the end.
    """
    listed = predicates().get(predicate)
    if listed is not None:
        return listed.complement
    words = predicate.split()
    while len(words) > 1 and words[-1] in ("a", "an", "the"):
        words.pop()
    if not words:
        return None
    known = predicates().get(" ".join(words))
    if known is not None:
        return known.complement
    return " ".join(words) if _follows_be(words) else None


def _follows_be(words: list[str]) -> bool:
    """Whether the words of an unlisted predicate have the form of a complement."""
    last = predicates().get(words[-1])
    ends_well = last is not None and last.kind == "preposition"
    if len(words) > 1 and _kind(words[0]) == "preposition":
        return ends_well
    if words[0].endswith("ing") and len(words[0]) > 5 and _kind(words[0]) != "other":
        return len(words) == 1 or ends_well
    if words[0].endswith("ed") and len(words[0]) > 4:
        return len(words) > 1 and words[-1] in _PARTICIPLE_ENDINGS
    return len(words) == 2 and words[0].endswith("er") and words[-1] == "than"


def _kind(word: str) -> str | None:
    found = predicates().get(word)
    return None if found is None else found.kind
