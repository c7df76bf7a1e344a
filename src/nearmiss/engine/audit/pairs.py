"""The pairs under audit: images, types, texts, their tokens and their edits. Probes use nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.engine.text.edits import diff
from nearmiss.engine.text.tokens import normalized, tokenize

COLUMNS = ("image_id", "type", "positive", "negative")
UNTYPED = "untyped"

Array = np.ndarray
Words = tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """Equally long rows; `row` is a pair's row in the file. In the order of their contents, not of the file."""

    row: Array  # (n,) int
    image: tuple[str, ...]
    kind: tuple[str, ...]
    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.image)

    @cached_property
    def tokens(self) -> list[tuple[Words, Words]]:
        """Lower-case tokens of positive and negative, punctuation included: what an uncased encoder reads."""
        return [(tokens_of(one), tokens_of(other)) for one, other in zip(self.positive, self.negative, strict=True)]

    @cached_property
    def exchanges(self) -> list[tuple[str, ...]]:
        """What each pair exchanges: sorted keys "word <> word", one per changed position, the same in both directions.

        Without direction, so that "red for blue" and "blue for red" stay together: with one of them in training and
        the other in test, a classifier would learn the opposite.
        """
        return [_exchanged(one, other) for one, other in zip(self.positive, self.negative, strict=True)]

    @cached_property
    def kinds(self) -> dict[str, Array]:
        """The indices (int) of each type's pairs, types in alphabetical order."""
        names = np.asarray(self.kind, dtype=object)
        return {name: np.flatnonzero(names == name) for name in sorted(set(self.kind))}

    def take(self, indices: Array) -> "Pairs":
        """The pairs at these indices, in this order."""
        at = np.asarray(indices).tolist()
        columns = (self.image, self.kind, self.positive, self.negative)
        taken = Pairs(self.row[indices], *(tuple(column[i] for i in at) for column in columns))
        for name in ("tokens", "exchanges"):  # what is known is not made again
            if name in self.__dict__:
                taken.__dict__[name] = [self.__dict__[name][i] for i in at]
        return taken


@dataclass(frozen=True)
class Loaded:
    """The pairs that can be audited, and the number of others by reason."""

    pairs: Pairs
    set_aside: dict[str, int]


def load(frame: pl.DataFrame, *, file: Path) -> Loaded:
    """The pairs of a table. Set aside and counted: empty texts, and pairs whose texts are the same words.

    Raises InputError for missing columns, columns that hold no text, a table without rows, one without a single
    negative or positive, and one of which nothing is left.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise InputError(f"the pairs lack the columns {missing}", file=file, remedy=f"give them {', '.join(COLUMNS)}")
    if frame.is_empty():
        raise InputError("the file has no pairs", file=file, remedy="give a file with captions and their negatives")
    wrong = [column for column in COLUMNS if frame.schema[column] not in (pl.String, pl.Null)]
    if wrong:
        raise InputError(f"columns of the pairs hold no text: {wrong}", file=file, remedy="write them as strings")
    for side, other in (("positive", "negative"), ("negative", "positive")):
        if frame[side].null_count() == frame.height:
            raise InputError(
                f"the file has {other}s only, no {side}s", file=file, remedy="give both captions of a pair"
            )
    rows: list[tuple[str, str, str, str, int]] = []
    reasons: list[str] = []
    for row, (image, kind, positive, negative) in enumerate(frame.select(COLUMNS).iter_rows()):
        if not (positive or "").strip() or not (negative or "").strip():
            reasons.append("empty text")
        elif positive == negative:
            reasons.append("caption equals its negative")
        elif normalized(positive) == normalized(negative):
            reasons.append("same words, other punctuation or capitals")
        else:
            rows.append((image or f"row {row}", kind or UNTYPED, positive, negative, row))
    set_aside = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    if not rows:
        raise InputError(f"no pair can be audited: {set_aside}", file=file, remedy="give pairs whose texts differ")
    rows.sort()
    images, kinds, positives, negatives, indices = zip(*rows, strict=True)
    return Loaded(Pairs(np.asarray(indices), images, kinds, positives, negatives), set_aside)


def tokens_of(text: str) -> Words:
    """Lower-case tokens as they are spelled: another kind of hyphen or apostrophe is another word to an encoder."""
    return tuple(token.text.lower() for token in tokenize(text))


def _exchanged(positive: str, negative: str) -> tuple[str, ...]:
    found = {_key(normalized(edit.old), normalized(edit.new)) for edit in diff(positive, negative)}
    # Articles follow their words; where nothing else differs they stay.
    return tuple(sorted(found - {"a <> an", " <> "} or found))


def _key(old: str, new: str) -> str:
    return " <> ".join(sorted((old, new)))


def swapped(pairs: Pairs, flip: Sequence[bool] | Array) -> Pairs:
    """The pairs with positive and negative exchanged where `flip` is true: for controls with meaningless labels."""
    sides = [
        (other, one) if turned else (one, other)
        for one, other, turned in zip(pairs.positive, pairs.negative, flip, strict=True)
    ]
    one, other = zip(*sides, strict=True)
    return Pairs(pairs.row, pairs.image, pairs.kind, one, other)
