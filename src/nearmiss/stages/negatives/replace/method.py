"""CE-CLIP: four negatives for each caption from its parts of speech (Zhang et al., CVPR 2024, 3.1).

This is mode `default`; mode `released` (unchecked) is released.py.

Slots in the paper's order: relation (two nouns exchanged), attribute, object and action (an adjective, a noun, a verb
filled anew by a language model). Corrected against the published code: each slot is filled or says why not, where the
code marked an empty one by a literal "###" that its language model happened to give; words are tokens, not strings; the
fill differs in meaning from the word that stood there, and what the annotations call true is passed over for the next
fill. Our choices: fills come from the corpus itself where no language model is named; a fill is of the same form (fine
tag) as the word; it is drawn by seed from the likely ones, where the paper takes the fourth.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.cloze import Cloze
from nearmiss.engine.text.tagging import Tagged, need_tagger, tag
from nearmiss.engine.text.tokens import tokenize
from nearmiss.engine.text.usage import FILLED, Usage, word_class
from nearmiss.stages.negatives.candidates import Caption, Corpus, Method, Outcome
from nearmiss.stages.negatives.replace.author import Author
from nearmiss.stages.negatives.replace.gaps import (
    CorpusFiller,
    Empty,
    Filler,
    Gap,
    LanguageModelFiller,
    Sentence,
    exchanges,
    gaps,
)
from nearmiss.stages.negatives.replace.released import released

LOT = 2048  # captions that are tagged objects at once


class Tags:
    """Of captions that lie together image by image; each sentence is made afresh when it is asked for."""

    def __init__(self, captions: Sequence[Caption], tagger: str | None) -> None:
        numbers: dict[tuple[str, str], int] = {}
        self._codes, self._ends = array("H"), array("Q", [0])
        for start in range(0, len(captions), LOT):
            for sentence in tag([caption.text for caption in captions[start : start + LOT]], tagger):
                self._codes.extend(numbers.setdefault((word.pos, word.tag), len(numbers)) for word in sentence)
                self._ends.append(len(self._codes))
        self._kinds = list(numbers)
        self._images = pl.Series([caption.image_id for caption in captions], dtype=pl.String)

    def of(self, captions: Sequence[Caption]) -> list[tuple[Tagged, ...]]:
        """The tagged tokens of captions that follow one another in the corpus, from the first one of an image on.

        Raises ValueError where the image is not the corpus's.
        """
        if not len(captions):
            return []
        first = self._images.index_of(captions[0].image_id)
        if first is None:
            raise ValueError(f"image {captions[0].image_id} is none of the corpus that was tagged")
        return list(self.read(captions, first))

    def read(self, captions: Iterable[Caption], first: int = 0) -> Iterator[tuple[Tagged, ...]]:
        """The tagged tokens of captions, one after the other, of which the first is the corpus's `first`-th."""
        for at, caption in enumerate(captions, first):
            kinds = [self._kinds[code] for code in self._codes[self._ends[at] : self._ends[at + 1]]]
            yield tuple([Tagged(*token, *kind) for token, kind in zip(tokenize(caption.text), kinds, strict=True)])

    @property
    def kinds(self) -> Sequence[tuple[str, str]]:
        """Every coarse and fine class that some token has."""
        return self._kinds


_LOT = 256  # captions whose gaps are filled together
_PLACES = 2  # words of a class that are tried, one after the other


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """One outcome or more for each caption and slot: a negative, and what was passed over before it."""
    lessons = corpus.learned or learn(corpus, options)
    sentences = lessons.sentences(corpus.captions, options.tagger)
    usage, filler = lessons.usage, _filler(lessons, options)
    whole = list(zip(corpus.captions, sentences, strict=True))
    lots = [whole[start : start + _LOT] for start in range(0, len(whole), _LOT)]
    for lot in progress(lots, what="replace words", total=len(lots)):
        if options.mode == "released":
            yield from released(corpus, options.slots, filler, lot)
        else:
            yield from _lot(corpus, options, usage, filler, lot)


@dataclass
class Lessons:
    """What all captions teach: the usual class of words, and what stands between which (None with a language model).

    The tags are kept where they were made and do not travel: another process tags its own captions.
    """

    usage: Usage
    cloze: Cloze | None
    tags: Tags | None

    def sentences(self, captions: Sequence[Caption], tagger: str | None) -> Sequence[Sentence]:
        """The tagged tokens of a shard's captions."""
        return self.tags.of(captions) if self.tags is not None else list(tag([c.text for c in captions], tagger))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "tags": None}


def learn(corpus: Corpus, options: Any) -> Lessons:
    """Tags and counts all captions of the corpus."""
    captions = corpus.captions
    need_tagger([caption.text for caption in captions], options.tagger)
    tags = Tags(captions, options.tagger)
    cloze = None
    if options.language_model is None:
        classes = {fine or pos for pos, fine in tags.kinds if pos in FILLED.values()}
        told = ([(word.lower, word_class(word)) for word in each] for each in tags.read(captions))
        cloze = Cloze(told, classes)
    return Lessons(Usage(tags.read(captions)), cloze, tags)


METHOD = Method("replace", generate, learn=learn)

_language_model = cache(LanguageModelFiller)  # loaded once in a process, whatever number of shards it works on


def _filler(lessons: Lessons, options: Any) -> Filler:
    if lessons.cloze is None:
        return _language_model(options.language_model, options.tagger)
    return CorpusFiller(lessons.cloze)


def _lot(
    corpus: Corpus, options: Any, usage: Usage, filler: Filler, lot: Sequence[tuple[Caption, Sentence]]
) -> Iterator[Outcome]:
    """Outcomes for some captions; their gaps go to the filler together."""
    randoms = {caption.caption_id: rng(corpus.seed, "replace", caption.caption_id) for caption, _ in lot}
    offers: dict[tuple[str, str], list[Gap] | Empty] = {
        (caption.caption_id, slot): gaps(caption.text, sentence, slot, usage, randoms[caption.caption_id], _PLACES)
        for caption, sentence in lot
        for slot in options.slots
        if slot in FILLED
    }
    open_gaps = list(dict.fromkeys(gap for offer in offers.values() if not isinstance(offer, Empty) for gap in offer))
    fills = dict(zip(open_gaps, filler.fills(open_gaps, options.fills), strict=True))
    for caption, sentence in lot:
        author = Author(corpus, caption, usage, randoms[caption.caption_id])
        for slot in options.slots:
            if slot == "relation":
                yield from author.exchange(exchanges(caption.text, sentence, usage), sentence)
            else:
                yield from author.fill(slot, offers[caption.caption_id, slot], fills)
