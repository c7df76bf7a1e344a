"""Random captions of other images, checked against the annotations: the control for text count without hardness.

It gives as many texts as a method of hard negatives (our choice of control). For an image with exhaustive annotations,
a caption is accepted only if they contradict it, since undecided captions may be true. For other images, any plausible
caption is accepted that differs in meaning from the captions of the image.
"""

from collections.abc import Iterator
from typing import Any

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.edits import Edit
from nearmiss.engine.text.parsing import parse
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Outcome, Rejected

_TYPE = "random"
_TRIES = 4  # draws per requested negative


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """For each caption, sample from all captions until `per_caption` are accepted."""
    pool = [caption for caption in corpus.captions if not _countable(caption, corpus)]
    for caption in progress(corpus.captions, what="random captions", total=len(corpus.captions)):
        random = rng(corpus.seed, "random", caption.caption_id)
        drawn = random.sample(range(len(pool)), min(len(pool), _TRIES * options.per_caption))
        used: set[str] = set()
        for index in drawn:
            other = pool[index]
            if len(used) == options.per_caption:
                break
            if other.image_id == caption.image_id or other.text in used:
                continue
            outcome = _outcome(corpus, caption, other)
            if isinstance(outcome, Candidate):
                used.add(other.text)
            yield outcome
        if not used:
            yield Rejected(
                caption.caption_id, caption.image_id, _TYPE, "no caption drawn is contradicted", caption.text
            )


METHOD = Method("random", generate)


def _countable(caption: Caption, corpus: Corpus) -> bool:
    """Whether the caption states a number ("two X", "no X"); such captions are true of many images and not used."""
    statement = parse(caption.text, corpus.vocabulary.names)
    return statement is not None and any(obj.count is not None for obj in statement.mentions)


def _outcome(corpus: Corpus, caption: Caption, other: Caption) -> Outcome:
    reason = corpus.refusal(caption.image_id, other.text)
    annotations = corpus.annotations.get(caption.image_id)
    decided = annotations is not None and annotations.exhaustive
    if reason is None and decided and corpus.verdict(caption.image_id, other.text).kind != "verified":
        reason = "not contradicted by the annotations"
    if reason is not None:
        return Rejected(caption.caption_id, caption.image_id, _TYPE, reason, caption.text, other.text)
    whole = Edit(0, len(caption.text), caption.text, other.text)
    return Candidate(
        caption.caption_id,
        caption.image_id,
        _TYPE,
        caption.text,
        other.text,
        other.template_id,
        edits=(whole,),
        edited=decided,
    )
