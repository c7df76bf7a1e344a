"""Builds the negatives of one caption for the slots of CE-CLIP: the first accepted text and the rejections."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from nearmiss.engine.text.edited_text import EditedText
from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.exchange import same_either_way
from nearmiss.engine.text.lexicon import noun_group
from nearmiss.engine.text.spans import Span
from nearmiss.engine.text.usage import Usage, alike, comparable, meanings, of_one_kind, used
from nearmiss.engine.text.verdict import Verdict
from nearmiss.engine.text.word_exchange import Place
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Outcome, Rejected
from nearmiss.stages.negatives.replace.gaps import EmptySlot, Fill, Gap, Sentence, Unit

_Try = tuple[EditedText, tuple[str, str] | None]  # a negative; the old and the new word where one is exchanged
_WIDEST = 2  # the widest context (the word on the right) in which a verb is accepted without annotations


class NegativeBuilder:
    """Negatives of one caption. `random` is the generator of all draws; `usage` decides which words may be fills."""

    def __init__(self, corpus: Corpus, caption: Caption, usage: Usage, random: Random) -> None:
        self._corpus, self._caption, self._usage, self._random = corpus, caption, usage, random
        self._annotated = caption.image_id in corpus.annotations
        own = corpus.own(caption.image_id)
        self._source = own.texts[caption.text]
        self._caption_meanings = meanings(own.strings)

    def exchange(self, pairs: Sequence[tuple[Unit, Unit]] | EmptySlot, sentence: Sentence) -> Iterator[Outcome]:
        """Exchange two nouns. Without annotations, pairs whose exchange may preserve the meaning are rejected."""
        if isinstance(pairs, EmptySlot):
            yield self._empty("relation", pairs.reason)
            return
        left = []
        for one, other in pairs:
            reason = (
                None if self._annotated else same_either_way(sentence, _span(sentence, one), _span(sentence, other))
            )
            if reason is None:
                left.append((one, other))
            else:
                yield self._refused("relation", self._exchanged(one, other), reason)
        tries = ((EditedText.of(self._source, self._exchanged(*pair)), None) for pair in left)
        yield from self._first_fit("relation", tries)

    def _exchanged(self, one: Unit, other: Unit) -> str:
        """The caption with two nouns exchanged; one that moves away from the start of the sentence is lowercased."""
        moved = one.text[0].lower() + one.text[1:] if one.start == 0 and not one.text.isupper() else one.text
        edits = [Edit(one.start, one.end, one.text, other.text), Edit(other.start, other.end, other.text, moved)]
        return apply(self._caption.text, edits)

    def fill(self, slot: str, gaps: Sequence[Gap] | EmptySlot, fills: Mapping[Gap, list[Fill]]) -> Iterator[Outcome]:
        """Replace one word by another of its class."""
        if isinstance(gaps, EmptySlot):
            yield self._empty(slot, gaps.reason)
        else:
            yield from self._first_fit(slot, self._filled(gaps, fills))

    def _filled(self, gaps: Sequence[Gap], fills: Mapping[Gap, list[Fill]]) -> Iterator["_Try"]:
        for gap in gaps:
            if not (self._annotated or _free(gap)):
                continue
            place = Place(self._source, gap.index, gap.last)
            for fill in _sampled(fills[gap], self._random):
                if gap.pos == "VERB" and fill.level > _WIDEST and not self._annotated:
                    break
                if not self._annotated and not of_one_kind(place.old, fill.word, gap.pos):
                    continue
                if self._usage.serves(fill.word, gap.pos) and comparable(place.old, fill.word):
                    yield place.exchanged(fill.word), (place.old, fill.word)

    def _first_fit(self, slot: str, tries: Iterable["_Try"]) -> Iterator[Outcome]:
        """The first text that the annotations contradict, or else the first undecided one.

        Texts rejected before it are yielded with their reasons.
        """
        spare: Candidate | None = None
        for text, exchanged in tries:
            verdict = self._corpus.verdict(self._caption.image_id, text)
            refusal = self._refusal(text, verdict, exchanged)
            if refusal is not None:
                yield self._refused(slot, text.string, refusal)
            elif spare is None or verdict.kind == "verified":
                spare = self._candidate(slot, text, verdict, exchanged)
                if not self._annotated or verdict.kind == "verified":
                    break
        yield spare if spare is not None else self._empty(slot, "no other word or order fits")

    def _refusal(self, text: EditedText, verdict: Verdict, exchanged: tuple[str, str] | None) -> str | None:
        """Why a text is rejected. If the annotations do not decide, a doubtful new word is rejected as well."""
        refusal = self._corpus.refused(verdict, text)
        if refusal is not None or exchanged is None or verdict.kind == "verified":
            return refusal
        old, new = exchanged
        if used(new, self._caption_meanings):
            return "the image's captions use the word, and no annotation decides"
        if alike(old, new):
            return "both words can describe one object, and no annotation decides"
        return None

    def _candidate(self, slot: str, text: EditedText, verdict: Verdict, exchanged: tuple[str, str] | None) -> Candidate:
        caption = self._caption
        new_word = None if exchanged is None else exchanged[1]
        return Candidate(
            caption.caption_id,
            caption.image_id,
            slot,
            caption.text,
            text.string,
            caption.template_id,
            new_word,
            text=text,
            verdict=verdict,
        )

    def _refused(self, slot: str, negative: str, reason: str) -> Rejected:
        caption = self._caption
        return Rejected(caption.caption_id, caption.image_id, slot, reason, caption.text, negative)

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


def _sampled(fills: list[Fill], random: Random) -> list[Fill]:
    """Weighted random order without replacement: lower levels first, likelier fills of a level sooner.

    Keys are u ** (1 / weight), the largest first (Efraimidis and Spirakis, IPL 2006).
    """
    keyed = [(fill.level, -(random.random() ** (1 / fill.weight)), fill) for fill in fills if fill.weight > 0]
    return [fill for _, _, fill in sorted(keyed)]
