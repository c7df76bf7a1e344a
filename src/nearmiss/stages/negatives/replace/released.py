"""CE-CLIP's negatives as its released code makes them, defects included (Zhang et al., CVPR 2024, 3.1).

They are given unchecked: mending them would make them another method's. Known defects, each shown by a test:

- nouns are exchanged, and words masked, as strings at their first occurrence: "A man and a woman" tears "woman" apart;
- only the first two of more than two nouns are exchanged; two nouns alone give nothing, equal ones the caption itself;
- of "tennis racket" one word moves;
- the fourth likeliest fill is taken whatever it is: a synonym, another class of word, a word that is true;
- an impossible slot is marked by the text "###", which the published code gets from its language model by chance. Here
  it is set on purpose and the slot is rejected, so that no one trains on it.

Our choices: the draw of the masked word is seeded by the caption; where no language model is named, the fourth word of
the corpus's cloze model takes the place of the language model's fourth fill.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nearmiss.base.seeding import rng
from nearmiss.engine.text.tagging import Tagged
from nearmiss.engine.text.usage import FILLED, word_class
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Outcome, Rejected
from nearmiss.stages.negatives.replace.gaps import Filler, Gap

IMPOSSIBLE: Final = "###"
_MASKED = "temp1"  # the placeholder of the published exchange
_RANK = 3  # counted from 0, of the fills asked for
_ASKED = 5


@dataclass(frozen=True)
class _Slot:
    """A slot's masked word; `gap` None where the caption has no word of the class."""

    caption: Caption
    name: str
    gap: Gap | None


def released(
    corpus: Corpus, slots: Sequence[str], filler: Filler, lot: Sequence[tuple[Caption, Sequence[Tagged]]]
) -> Iterator[Outcome]:
    """One outcome for each caption and slot, in the order of the slots."""
    masked = {
        (caption.caption_id, slot): _Slot(caption, slot, _gap(corpus, caption, sentence, slot))
        for caption, sentence in lot
        for slot in slots
        if slot in FILLED
    }
    gaps = [slot.gap for slot in masked.values() if slot.gap is not None]
    told = dict(zip(gaps, filler.told(gaps, _ASKED), strict=True))
    for caption, sentence in lot:
        for name in slots:
            if name == "relation":
                yield _outcome(caption, name, exchanged(caption.text, sentence))
            else:
                gap = masked[caption.caption_id, name].gap
                texts = told[gap] if gap is not None else []
                yield _outcome(caption, name, texts[min(_RANK, len(texts) - 1)] if texts else IMPOSSIBLE)


def exchanged(caption: str, sentence: Sequence[Tagged]) -> str:
    """The first two of more than two nouns exchanged as strings, wherever these stand."""
    nouns = [word.text for word in sentence if word.pos == "NOUN"]
    if len(nouns) <= 2:
        return IMPOSSIBLE
    first, second = nouns[:2]
    return caption.replace(first, _MASKED).replace(second, first).replace(_MASKED, second)


def _gap(corpus: Corpus, caption: Caption, sentence: Sequence[Tagged], slot: str) -> Gap | None:
    """The first occurrence, as a string, of a word of the class that is drawn."""
    places = [at for at, word in enumerate(sentence) if word.pos == FILLED[slot]]
    if not places:
        return None
    place = rng(corpus.seed, "replace", "faithful", caption.caption_id, slot).choice(places)
    word = sentence[place]
    start = caption.text.find(word.text)
    lower = tuple(each.lower for each in sentence)
    return Gap(caption.text, start, start + len(word.text), lower, place, word.pos, word_class(word))


def _outcome(caption: Caption, slot: str, text: str) -> Outcome:
    if text == IMPOSSIBLE:
        reason = f"{IMPOSSIBLE}: the caption has too few words of the slot's class"
        return Rejected(caption.caption_id, caption.image_id, slot, reason, caption.text, IMPOSSIBLE)
    return Candidate(
        caption.caption_id, caption.image_id, slot, caption.text, text, caption.template_id, unchecked=True
    )
