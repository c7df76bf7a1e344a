"""CE-CLIP's negatives as its released code makes them, defects included (Zhang et al., CVPR 2024, 3.1).

They are not checked, so that the released method is reproduced. Known defects, each shown by a test:

- nouns are exchanged, and words masked, as strings at their first occurrence: "A man and a woman" splits "woman";
- only the first two of more than two nouns are exchanged; two nouns give no negative, equal nouns the caption itself;
- only one word of "tennis racket" is moved;
- the fourth likeliest fill is taken even if it is a synonym, of another word class, or true;
- an empty slot is marked by the text "###", which the published code gets from its language model by chance. Here it is
  set explicitly and the slot is rejected, so that it is not used in training.

Our choices: the draw of the masked word is seeded by the caption; without a language model, the fourth word of the
cloze model of the corpus is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nearmiss.base.seeding import rng
from nearmiss.engine.text.tagging import Tagged
from nearmiss.engine.text.usage import FILLED, word_class
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Outcome, Rejected
from nearmiss.stages.negatives.replace.gaps import Filler, Gap

EMPTY_SLOT: Final = "###"
_MASKED = "temp1"  # placeholder of the published exchange
_RANK = 3  # index among the requested fills
_NUM_FILLS = 5


@dataclass(frozen=True)
class _Slot:
    """The masked word of a slot; `gap` is None if the caption has no word of the class."""

    caption: Caption
    name: str
    gap: Gap | None


def released(
    corpus: Corpus, slots: Sequence[str], filler: Filler, batch: Sequence[tuple[Caption, Sequence[Tagged]]]
) -> Iterator[Outcome]:
    """One outcome for each caption and slot, in the order of the slots."""
    masked = {
        (caption.caption_id, slot): _Slot(caption, slot, _gap(corpus, caption, sentence, slot))
        for caption, sentence in batch
        for slot in slots
        if slot in FILLED
    }
    gaps = [slot.gap for slot in masked.values() if slot.gap is not None]
    filled = dict(zip(gaps, filler.filled_captions(gaps, _NUM_FILLS), strict=True))
    for caption, sentence in batch:
        for name in slots:
            if name == "relation":
                yield _outcome(caption, name, exchanged(caption.text, sentence))
            else:
                gap = masked[caption.caption_id, name].gap
                texts = filled[gap] if gap is not None else []
                yield _outcome(caption, name, texts[min(_RANK, len(texts) - 1)] if texts else EMPTY_SLOT)


def exchanged(caption: str, sentence: Sequence[Tagged]) -> str:
    """The caption with the first two of more than two nouns exchanged by string replacement."""
    nouns = [word.text for word in sentence if word.pos == "NOUN"]
    if len(nouns) <= 2:
        return EMPTY_SLOT
    first, second = nouns[:2]
    return caption.replace(first, _MASKED).replace(second, first).replace(_MASKED, second)


def _gap(corpus: Corpus, caption: Caption, sentence: Sequence[Tagged], slot: str) -> Gap | None:
    """The first occurrence, as a string, of a random word of the class."""
    indices = [index for index, word in enumerate(sentence) if word.pos == FILLED[slot]]
    if not indices:
        return None
    index = rng(corpus.seed, "replace", "faithful", caption.caption_id, slot).choice(indices)
    word = sentence[index]
    start = caption.text.find(word.text)
    lower = tuple(each.lower for each in sentence)
    return Gap(caption.text, start, start + len(word.text), lower, index, word.pos, word_class(word))


def _outcome(caption: Caption, slot: str, text: str) -> Outcome:
    if text == EMPTY_SLOT:
        reason = f"{EMPTY_SLOT}: the caption has too few words of the slot's class"
        return Rejected(caption.caption_id, caption.image_id, slot, reason, caption.text, EMPTY_SLOT)
    return Candidate(
        caption.caption_id, caption.image_id, slot, caption.text, text, caption.template_id, unchecked=True
    )
