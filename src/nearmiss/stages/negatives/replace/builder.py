"""Builds the negatives of one caption for the slots of CE-CLIP: the first accepted text and the rejections."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.exchange import same_either_way
from nearmiss.engine.text.lexicon import noun_group
from nearmiss.engine.text.spans import Span
from nearmiss.engine.text.usage import Usage, alike, comparable, meanings, of_one_kind, used
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Outcome, Rejected
from nearmiss.stages.negatives.replace.gaps import EmptySlot, Fill, Gap, Sentence, Unit

_WIDEST = 2  # the widest context (the word on the right) in which a verb is accepted without annotations


class NegativeBuilder:
    """Negatives of one caption. `random` is the generator of all draws; `usage` decides which words may be fills."""

    def __init__(self, corpus: Corpus, caption: Caption, usage: Usage, random: Random) -> None:
        self._corpus, self._caption, self._usage, self._random = corpus, caption, usage, random
        self._annotated = caption.image_id in corpus.annotations
        self._caption_meanings = meanings(corpus.captions_of_image(caption.image_id))

    def exchange(self, pairs: Sequence[tuple[Unit, Unit]] | EmptySlot, sentence: Sentence) -> Iterator[Outcome]:
        """Exchange two nouns. Without annotations, pairs whose exchange may preserve the meaning are rejected."""
        if isinstance(pairs, EmptySlot):
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

    def fill(self, slot: str, gaps: Sequence[Gap] | EmptySlot, fills: Mapping[Gap, list[Fill]]) -> Iterator[Outcome]:
        """Replace one word by another of its class."""
        if isinstance(gaps, EmptySlot):
            yield self._empty(slot, gaps.reason)
        else:
            yield from self._first_fit(slot, self._filled(gaps, fills))

    def _filled(self, gaps: Sequence[Gap], fills: Mapping[Gap, list[Fill]]) -> Iterator[list[Edit]]:
        for gap in gaps:
            if not (self._annotated or _free(gap)):
                continue
            old = self._caption.text[gap.start : gap.end]
            for fill in _sampled(fills[gap], self._random):
                if gap.pos == "VERB" and fill.level > _WIDEST and not self._annotated:
                    break
                if not self._annotated and not of_one_kind(old, fill.word, gap.pos):
                    continue
                if self._usage.serves(fill.word, gap.pos) and comparable(old, fill.word):
                    yield [Edit(gap.start, gap.end, old, fill.word)]

    def _first_fit(self, slot: str, tries: Iterable[list[Edit]]) -> Iterator[Outcome]:
        """The first text that the annotations contradict, or else the first undecided one.

        Texts rejected before it are yielded with their reasons.
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
        """Why a text is rejected. If the annotations do not decide, a doubtful new word is rejected as well."""
        refusal = self._corpus.refusal(self._caption.image_id, negative)
        if refusal is not None or len(edits) > 1 or self._verified(negative):
            return refusal
        if used(edits[0].new, self._caption_meanings):
            return "the image's captions use the word, and no annotation decides"
        if alike(edits[0].old, edits[0].new):
            return "both words may be said of one thing, and no annotation decides"
        return None

    def _verified(self, negative: str) -> bool:
        return self._corpus.verdict(self._caption.image_id, negative).kind == "verified"

    def _candidate(self, slot: str, edits: list[Edit]) -> Candidate:
        caption = self._caption
        negative = apply(caption.text, edits)
        new_word = edits[0].new if len(edits) == 1 else None
        return Candidate(
            caption.caption_id, caption.image_id, slot, caption.text, negative, caption.template_id, new_word=new_word
        )

    def _refused(self, candidate: Candidate, reason: str) -> Rejected:
        return Rejected(
            candidate.caption_id, candidate.image_id, candidate.type, reason, candidate.positive, candidate.negative
        )

    def _empty(self, slot: str, reason: str) -> Rejected:
        return Rejected(self._caption.caption_id, self._caption.image_id, slot, reason, self._caption.text)


def _free(gap: Gap) -> bool:
    """Whether an adjective is not part of a conjunction: in "black and white photo" neither can be replaced."""
    beside = [gap.words[at] for at in (gap.index - 1, gap.index + 1) if 0 <= at < len(gap.words)]
    return gap.pos != "ADJ" or not {*beside} & {"and", "&"}


def _span(sentence: Sentence, unit: Unit) -> Span:
    """Convert a unit to a span."""
    indices = [at for at, word in enumerate(sentence) if unit.start <= word.start and word.end <= unit.end]
    kind = "NNS" if unit.plural else "NN"
    return Span(unit.text, unit.start, unit.end, indices[0], indices[-1] + 1, kind, noun_group(unit.text), kind)


def _exchanged(one: Unit, other: Unit) -> list[Edit]:
    """The two edits; a noun that moves away from the start of the sentence is lowercased."""
    moved = one.text[0].lower() + one.text[1:] if one.start == 0 and not one.text.isupper() else one.text
    return [Edit(one.start, one.end, one.text, other.text), Edit(other.start, other.end, other.text, moved)]


def _sampled(fills: list[Fill], random: Random) -> list[Fill]:
    """Weighted random order without replacement: lower levels first, likelier fills of a level sooner.

    Keys are u ** (1 / weight), the largest first (Efraimidis and Spirakis, IPL 2006).
    """
    keyed = [(fill.level, -(random.random() ** (1 / fill.weight)), fill) for fill in fills if fill.weight > 0]
    return [fill for _, _, fill in sorted(keyed)]
