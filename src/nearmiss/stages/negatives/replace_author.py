"""Writes the negatives of one caption for CE-CLIP's slots: the first text that may serve, and what came before it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from nearmiss.engine.text.edits import Edit, apply
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Outcome, Rejected
from nearmiss.stages.negatives.replace_fill import Fill, Gap
from nearmiss.stages.negatives.replace_slots import Empty, Unit
from nearmiss.stages.negatives.replace_words import Usage, alike, comparable, meanings, used


class Author:
    """Of one caption. Draws come from `random`; `usage` says which words may be fills."""

    def __init__(self, corpus: Corpus, caption: Caption, usage: Usage, random: Random) -> None:
        self._corpus, self._caption, self._usage, self._random = corpus, caption, usage, random
        self._annotated = caption.image_id in corpus.annotations
        self._said = meanings(own.text for own in corpus.captions_of[caption.image_id])

    def exchange(self, pairs: Sequence[tuple[Unit, Unit]] | Empty) -> Iterator[Outcome]:
        """Two nouns change places."""
        if isinstance(pairs, Empty):
            yield self._empty("relation", pairs.reason)
        else:
            yield from self._first_fit("relation", (_exchanged(one, other) for one, other in pairs))

    def fill(self, slot: str, offered: Sequence[Gap] | Empty, fills: Mapping[Gap, list[Fill]]) -> Iterator[Outcome]:
        """One word gives way to another of its class."""
        if isinstance(offered, Empty):
            yield self._empty(slot, offered.reason)
        else:
            yield from self._first_fit(slot, self._filled(offered, fills))

    def _filled(self, offered: Sequence[Gap], fills: Mapping[Gap, list[Fill]]) -> Iterator[list[Edit]]:
        for gap in offered:
            old = self._caption.text[gap.start : gap.end]
            for fill in _drawn(fills[gap], self._random):
                if self._usage.serves(fill.word, gap.pos) and comparable(old, fill.word):
                    yield [Edit(gap.start, gap.end, old, fill.word)]

    def _first_fit(self, slot: str, tries: Iterable[list[Edit]]) -> Iterator[Outcome]:
        """The first text that the annotations contradict, or else the first that they leave open.

        Everything passed over on the way is told, with the reason.
        """
        spare: Candidate | None = None
        for edits in tries:
            candidate = self._candidate(slot, edits)
            refusal = self._refusal(candidate.negative, edits)
            if refusal is not None:
                yield self._refused(candidate, refusal)
            elif spare is None or self._verified(candidate.negative):
                spare = candidate
                if not self._annotated or self._verified(candidate.negative):
                    break
        yield spare if spare is not None else self._empty(slot, "no other word or order fits")

    def _refusal(self, negative: str, edits: list[Edit]) -> str | None:
        """Why a text may not serve. Where no annotation decides, a doubtful new word is refused as well."""
        refusal = self._corpus.refusal(self._caption.image_id, negative)
        if refusal is not None or len(edits) > 1 or self._verified(negative):
            return refusal
        if used(edits[0].new, self._said):
            return "the image's captions use the word, and no annotation decides"
        if alike(edits[0].old, edits[0].new):
            return "both words may be said of one thing, and no annotation decides"
        return None

    def _verified(self, negative: str) -> bool:
        return self._corpus.verdict(self._caption.image_id, negative).kind == "verified"

    def _candidate(self, slot: str, edits: list[Edit]) -> Candidate:
        caption = self._caption
        negative = apply(caption.text, edits)
        foil = edits[0].new if len(edits) == 1 else None
        return Candidate(
            caption.caption_id, caption.image_id, slot, caption.text, negative, caption.template_id, foil=foil
        )

    def _refused(self, candidate: Candidate, reason: str) -> Rejected:
        return Rejected(
            candidate.caption_id, candidate.image_id, candidate.type, reason, candidate.positive, candidate.negative
        )

    def _empty(self, slot: str, reason: str) -> Rejected:
        return Rejected(self._caption.caption_id, self._caption.image_id, slot, reason, self._caption.text)


def _exchanged(one: Unit, other: Unit) -> list[Edit]:
    """The first noun may open the sentence: its capital stays there."""
    moved = one.text[0].lower() + one.text[1:] if one.start == 0 and not one.text.isupper() else one.text
    return [Edit(one.start, one.end, one.text, other.text), Edit(other.start, other.end, other.text, moved)]


def _drawn(fills: list[Fill], random: Random) -> list[Fill]:
    """Fills in an order that is drawn: lower levels first, inside a level the likelier ones sooner (without return).

    Each fill gets the key u ** (1 / weight); the largest keys come first (Efraimidis and Spirakis, IPL 2006).
    """
    keyed = [(fill.level, -(random.random() ** (1 / fill.weight)), fill) for fill in fills if fill.weight > 0]
    return [fill for _, _, fill in sorted(keyed)]
