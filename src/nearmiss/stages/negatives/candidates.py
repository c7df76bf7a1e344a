"""What a method of negatives is given and what it gives back; stage.py takes every candidate the same way from here."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import polars as pl

from nearmiss.engine.text.annotations import Annotations, Vocabulary, annotate
from nearmiss.engine.text.check import Verdict, check
from nearmiss.engine.text.edits import Edit, diff
from nearmiss.stages.negatives.reserved import NOTHING, Reserved


@dataclass(frozen=True)
class Caption:
    """A row of table `captions`."""

    caption_id: str
    image_id: str
    text: str
    template_id: str | None
    source: str


@dataclass(frozen=True)
class Corpus:
    """What generators may read: the captions and annotations of one split's images, and the seed of their draws.

    Captions are sorted by image and id. The tables `objects` and `relations` hold these images alone.
    """

    captions: tuple[Caption, ...]
    images: pl.DataFrame
    objects: pl.DataFrame
    relations: pl.DataFrame
    seed: int
    reserved: Reserved = NOTHING

    @cached_property
    def captions_of(self) -> dict[str, tuple[Caption, ...]]:
        """Each image's own captions."""
        found: dict[str, list[Caption]] = {}
        for caption in self.captions:
            found.setdefault(caption.image_id, []).append(caption)
        return {image_id: tuple(captions) for image_id, captions in found.items()}

    def verdict(self, image_id: str, negative: str) -> Verdict:
        """What the check says of a caption as a negative of an image."""
        known = self._verdicts.get((image_id, negative))
        if known is None:
            own = [caption.text for caption in self.captions_of.get(image_id, ())]
            known = check(negative, self.annotations.get(image_id), own)
            self._verdicts[image_id, negative] = known
        return known

    def refusal(self, image_id: str, negative: str) -> str | None:
        """Why the stage will not take this negative; None where it will. Methods look ahead with it."""
        verdict = self.verdict(image_id, negative)
        if verdict.kind not in ("verified", "plausible"):
            return verdict.why
        return "reserved combination" if self.reserved.mentioned_in(negative, self.vocabulary.names) else None

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], Verdict]:
        return {}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What the annotators of the corpus had words for."""
        return Vocabulary.of(self.objects)

    @cached_property
    def annotations(self) -> dict[str, Annotations]:
        """Each annotated image's annotations; an image without objects has none."""
        return annotate(self.images, self.objects, self.relations, self.vocabulary)


@dataclass(frozen=True)
class Candidate:
    """A negative before it is checked.

    `type` is the paper's own name of its kind; `foil` the new word or words, None where nothing new is named. `edits`
    are offsets in `positive`; where None, they are taken from comparing the two texts. `unchecked` says that it is
    given as a paper published it: no check refuses it, its verdict is "unchecked", and no arm trains on it unasked.
    """

    caption_id: str
    image_id: str
    type: str
    positive: str
    negative: str
    template_id: str | None = None
    foil: str | None = None
    edits: tuple[Edit, ...] | None = None
    unchecked: bool = False

    def all_edits(self) -> list[Edit]:
        """The edits that make the negative of the positive."""
        return list(self.edits) if self.edits is not None else diff(self.positive, self.negative)


@dataclass(frozen=True)
class Rejected:
    """A candidate that the method itself refused, or could not form at all (`negative` None), and why."""

    caption_id: str | None
    image_id: str
    type: str
    reason: str
    positive: str | None = None
    negative: str | None = None


@dataclass(frozen=True)
class Positive:
    """A caption that a method writes itself; it must come before the candidates that point to it."""

    caption_id: str
    image_id: str
    text: str
    template_id: str | None = None


Outcome = Candidate | Rejected | Positive


@dataclass(frozen=True)
class Method:
    """A generator of negatives.

    `generate(corpus, options)` yields outcomes in an order that depends on the corpus and the seed alone. `mode` is
    "faithful" (as published) or "default" (corrected).
    """

    name: str
    generate: "Generate"
    mode: str = "default"


class Generate(Protocol):
    """The function of a method."""

    def __call__(self, corpus: Corpus, options: Any) -> Iterator[Outcome]:
        """Outcomes for a corpus; `options` is the method's own configuration."""
        ...
