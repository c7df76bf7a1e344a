"""Random captions of other images, checked against the annotations: the control for text count without hardness.

As many texts as a method of hard negatives gives, none of them made to be hard (our choice of control). Where an image
has annotations, a caption serves only where they contradict it: what they leave open may well be true. Where it has
none, any caption serves that says something else than the image's own, and is plausible.
"""

from collections.abc import Iterator
from typing import Any

from nearmiss.base.progress import progress
from nearmiss.base.seeding import rng
from nearmiss.engine.text.edits import Edit
from nearmiss.engine.text.parsing import parse
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Outcome, Rejected

_TYPE = "random"
_TRIES = 4  # draws for each negative that is wanted


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """For each caption, draws from all captions until `per_caption` may serve."""
    pool = [caption for caption in corpus.captions if not _countable(caption, corpus)]
    for caption in progress(corpus.captions, what="random captions", total=len(corpus.captions)):
        random = rng(corpus.seed, "random", caption.caption_id)
        drawn = random.sample(range(len(pool)), min(len(pool), _TRIES * options.per_caption))
        said: set[str] = set()
        for index in drawn:
            other = pool[index]
            if len(said) == options.per_caption:
                break
            if other.image_id == caption.image_id or other.text in said:
                continue
            outcome = _outcome(corpus, caption, other)
            if isinstance(outcome, Candidate):
                said.add(other.text)
            yield outcome
        if not said:
            yield Rejected(
                caption.caption_id, caption.image_id, _TYPE, "no caption drawn is contradicted", caption.text
            )


METHOD = Method("random", generate)


def _countable(caption: Caption, corpus: Corpus) -> bool:
    """Statements true of many other images (numbers, "no X") never serve other images."""
    statement = parse(caption.text, corpus.vocabulary.names)
    return statement is not None and any(thing.count is not None for thing in statement.mentions)


def _outcome(corpus: Corpus, caption: Caption, other: Caption) -> Outcome:
    reason = corpus.refusal(caption.image_id, other.text)
    annotated = caption.image_id in corpus.annotations
    if reason is None and annotated and corpus.verdict(caption.image_id, other.text).kind != "verified":
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
        edited=annotated,
    )
