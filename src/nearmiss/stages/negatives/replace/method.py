"""CE-CLIP: four negatives for each caption from its parts of speech (Zhang et al., CVPR 2024, 3.1).

This is mode `default`; mode `released` (unchecked) is released.py.

Slots in the order of the paper: relation (exchange of two nouns), attribute, object and action (an adjective, a noun, a
verb filled by a language model). Corrected against the published code: each slot gives a negative or a reason, where
the code marked an empty slot by a literal "###" that its language model happened to produce; words are tokens, not
strings; the fill differs in meaning from the original word, and fills that are true by the annotations are skipped.
Our choices: fills come from the corpus if no language model is given; a fill has the same fine tag as the word; it is
drawn by seed from the likely fills, where the paper takes the fourth.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.cloze import Cloze
from nearmiss.engine.text.tagging import Tagged, need_tagger, tag
from nearmiss.engine.text.tokens import tokenize
from nearmiss.engine.text.usage import FILLED, Usage, word_class
from nearmiss.stages.negatives.candidates import Caption, Corpus, Method, Outcome
from nearmiss.stages.negatives.replace.builder import NegativeBuilder
from nearmiss.stages.negatives.replace.gaps import (
    CorpusFiller,
    EmptySlot,
    Filler,
    Gap,
    Sentence,
    exchanges,
    gaps,
)
from nearmiss.stages.negatives.replace.language_model import LanguageModelFiller
from nearmiss.stages.negatives.replace.released import released

TAGGING_BATCH = 2048  # captions per call of the tagger


class Tags:
    """Tags of captions sorted by image; tagged sentences are rebuilt on access to save memory."""

    def __init__(self, captions: Sequence[Caption], tagger: str | None, cache: Path | None = None) -> None:
        numbers: dict[tuple[str, str], int] = {}
        self._codes, self._ends = array("H"), array("Q", [0])
        for start in range(0, len(captions), TAGGING_BATCH):
            texts = [caption.text for caption in captions[start : start + TAGGING_BATCH]]
            for sentence in tag(texts, tagger, cache):
                self._codes.extend(numbers.setdefault((word.pos, word.tag), len(numbers)) for word in sentence)
                self._ends.append(len(self._codes))
        self._kinds = list(numbers)
        self._images = pl.Series([caption.image_id for caption in captions], dtype=pl.String)

    def of(self, captions: Sequence[Caption]) -> list[tuple[Tagged, ...]]:
        """The tagged tokens of consecutive captions of the corpus, starting with the first one of an image.

        Raises ValueError if the image is not in the corpus.
        """
        if not len(captions):
            return []
        first = self._images.index_of(captions[0].image_id)
        if first is None:
            raise ValueError(f"image {captions[0].image_id} is none of the corpus that was tagged")
        return list(self.read(captions, first))

    def read(self, captions: Iterable[Caption], first: int = 0) -> Iterator[tuple[Tagged, ...]]:
        """Yield the tagged tokens of consecutive captions; `first` is the index of the first one in the corpus."""
        for at, caption in enumerate(captions, first):
            kinds = [self._kinds[code] for code in self._codes[self._ends[at] : self._ends[at + 1]]]
            yield tuple([Tagged(*token, *kind) for token, kind in zip(tokenize(caption.text), kinds, strict=True)])

    @property
    def kinds(self) -> Sequence[tuple[str, str]]:
        """All pairs of coarse and fine classes."""
        return self._kinds


_FILL_BATCH = 256  # captions per call of the filler
_MAX_GAPS = 2  # words of a class that are tried


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """Yield one outcome or more for each caption and slot: a negative, and the rejections before it."""
    statistics = corpus.learned or learn(corpus, options)
    sentences = statistics.sentences(corpus, options.tagger)
    usage, filler = statistics.usage, _filler(statistics, options)
    whole = list(zip(corpus.captions, sentences, strict=True))
    batches = [whole[start : start + _FILL_BATCH] for start in range(0, len(whole), _FILL_BATCH)]
    for batch in progress(batches, what="replace words", total=len(batches)):
        if options.mode == "released":
            yield from released(corpus, options.slots, filler, batch)
        else:
            yield from _of_batch(corpus, options, usage, filler, batch)


@dataclass
class CorpusStatistics:
    """Statistics of all captions: the usual class of words, and the cloze model (None with a language model).

    The tags are not pickled: another process tags its captions again.
    """

    usage: Usage
    cloze: Cloze | None
    tags: Tags | None

    def sentences(self, corpus: Corpus, tagger: str | None) -> Sequence[Sentence]:
        """The tagged tokens of the captions of a shard."""
        if self.tags is not None:
            return self.tags.of(corpus.captions)
        return list(tag([caption.text for caption in corpus.captions], tagger, corpus.tags))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "tags": None}


def learn(corpus: Corpus, options: Any) -> CorpusStatistics:
    """Tags and counts all captions of the corpus."""
    captions = corpus.captions
    need_tagger([caption.text for caption in captions], options.tagger)
    tags = Tags(captions, options.tagger, corpus.tags)
    cloze = None
    if options.language_model is None:
        classes = {fine or pos for pos, fine in tags.kinds if pos in FILLED.values()}
        sentences = ([(word.lower, word_class(word)) for word in each] for each in tags.read(captions))
        cloze = Cloze(sentences, classes)
    return CorpusStatistics(Usage(tags.read(captions)), cloze, tags)


METHOD = Method("replace", generate, learn=learn)

_language_model = cache(LanguageModelFiller)  # loaded once per process


def _filler(statistics: CorpusStatistics, options: Any) -> Filler:
    if statistics.cloze is None:
        return _language_model(options.language_model, options.tagger, options.device, options.fill_margin)
    return CorpusFiller(statistics.cloze)


def _of_batch(
    corpus: Corpus, options: Any, usage: Usage, filler: Filler, batch: Sequence[tuple[Caption, Sentence]]
) -> Iterator[Outcome]:
    """Outcomes of a batch of captions; their gaps are filled in one call."""
    randoms = {caption.caption_id: rng(corpus.seed, "replace", caption.caption_id) for caption, _ in batch}
    slot_gaps: dict[tuple[str, str], list[Gap] | EmptySlot] = {
        (caption.caption_id, slot): gaps(
            caption.text,
            sentence,
            slot,
            usage,
            randoms[caption.caption_id],
            _MAX_GAPS,
            narrow=caption.image_id not in corpus.annotations,
        )
        for caption, sentence in batch
        for slot in options.slots
        if slot in FILLED
    }
    open_gaps = list(
        dict.fromkeys(gap for found in slot_gaps.values() if not isinstance(found, EmptySlot) for gap in found)
    )
    fills = dict(zip(open_gaps, filler.fills(open_gaps, options.fills), strict=True))
    for caption, sentence in batch:
        builder = NegativeBuilder(corpus, caption, usage, randoms[caption.caption_id])
        for slot in options.slots:
            if slot == "relation":
                yield from builder.exchange(exchanges(caption.text, sentence, usage), sentence)
            else:
                yield from builder.fill(slot, slot_gaps[caption.caption_id, slot], fills)
