"""Writes the negatives of one caption for CE-CLIP's slots: the first text that may serve, and what came before it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.exchange import same_either_way
from nearmiss.engine.text.lexicon import noun_group
from nearmiss.engine.text.spans import Span
from nearmiss.engine.text.usage import Usage, alike, comparable, meanings, of_one_kind, used
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Outcome, Rejected
from nearmiss.stages.negatives.replace.gaps import Empty, Fill, Gap, Sentence, Unit

_WIDEST = 2  # the widest context, the word on the right, in which a verb is known to take what follows


class Author:
    """Of one caption. Draws come from `random`; `usage` says which words may be fills."""

    def __init__(self, corpus: Corpus, caption: Caption, usage: Usage, random: Random) -> None:
        self._corpus, self._caption, self._usage, self._random = corpus, caption, usage, random
        self._annotated = caption.image_id in corpus.annotations
        self._said = meanings(corpus.own_texts(caption.image_id))

    def exchange(self, pairs: Sequence[tuple[Unit, Unit]] | Empty, sentence: Sentence) -> Iterator[Outcome]:
        """Two nouns change places. Where no annotation decides, pairs that may say the same again are left out."""
        if isinstance(pairs, Empty):
            yield self._empty("relation", pairs.reason)
            return
        tries = []
        for one, other in pairs:
            edits = _exchanged(one, other)
            reason = (
                None if self._annotated else same_either_way(sentence, _span(sentence, one), _span(sentence, other))
            )
            if reason is None:
                tries.append(edits)
            else:
                yield self._refused(self._candidate("relation", edits), reason)
        yield from self._first_fit("relation", tries)

    def fill(self, slot: str, offered: Sequence[Gap] | Empty, fills: Mapping[Gap, list[Fill]]) -> Iterator[Outcome]:
        """One word gives way to another of its class."""
        if isinstance(offered, Empty):
            yield self._empty(slot, offered.reason)
        else:
            yield from self._first_fit(slot, self._filled(offered, fills))

    def _filled(self, offered: Sequence[Gap], fills: Mapping[Gap, list[Fill]]) -> Iterator[list[Edit]]:
        for gap in offered:
            if not (self._annotated or _free(gap)):
                continue
            old = self._caption.text[gap.start : gap.end]
            for fill in _drawn(fills[gap], self._random):
                if gap.pos == "VERB" and fill.level > _WIDEST and not self._annotated:
                    break
                if not self._annotated and not of_one_kind(old, fill.word, gap.pos):
                    continue
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


def _free(gap: Gap) -> bool:
    """Whether an adjective stands alone: of "black and white photo" neither half can be exchanged by itself."""
    beside = [gap.words[at] for at in (gap.place - 1, gap.place + 1) if 0 <= at < len(gap.words)]
    return gap.pos != "ADJ" or not {*beside} & {"and", "&"}


def _span(sentence: Sentence, unit: Unit) -> Span:
    """A unit as the rules of meaning read it."""
    places = [at for at, word in enumerate(sentence) if unit.start <= word.start and word.end <= unit.end]
    kind = "NNS" if unit.plural else "NN"
    return Span(unit.text, unit.start, unit.end, places[0], places[-1] + 1, kind, noun_group(unit.text), kind)


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
