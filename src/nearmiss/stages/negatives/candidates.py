"""What a method of negatives is given and what it gives back; acceptance.py takes every candidate the same way."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.text.annotations import Annotations, Vocabulary, annotate
from nearmiss.engine.text.check import UNDECIDED, Verdict, check
from nearmiss.engine.text.collisions import collision
from nearmiss.engine.text.edits import Edit, diff
from nearmiss.engine.text.labels import mentioned_pairs, mentioned_relations
from nearmiss.engine.text.parsing import parse


@dataclass(frozen=True)
class Reserved:
    """Combinations that no training text may have: the benchmark keeps them for its new pairs and new relations.

    (color, noun) pairs and (noun, predicate, noun) relations; a relation told from its other end is the same.
    """

    pairs: frozenset[tuple[str, str]] = frozenset()
    relations: frozenset[tuple[str, str, str]] = frozenset()

    @classmethod
    def read(cls, path: Path) -> "Reserved":
        """From `reserved.json`; an `InputError` names what is wrong in it."""
        content = read_json(path)
        try:
            pairs = frozenset((color, shape) for color, shape in content["pairs"])
            relations = frozenset((subject, predicate, other) for subject, predicate, other in content["relations"])
        except (TypeError, KeyError, ValueError) as error:
            raise InputError(
                f"reserved combinations are not as expected: {error}",
                file=path,
                remedy='write {"pairs": [[color, shape]], "relations": [[shape, predicate, shape]], "templates": [id]}',
            ) from None
        return cls(pairs, relations)

    def mentioned_in(self, text: str, names: frozenset[str] = frozenset()) -> bool:
        """Whether the text speaks of a reserved combination; what does not parse speaks of none."""
        if not self.pairs and not self.relations:
            return False
        caption = parse(text, names)
        if caption is None:
            return False
        return not self.pairs.isdisjoint(mentioned_pairs(caption)) or not self.relations.isdisjoint(
            mentioned_relations(caption)
        )


NOTHING = Reserved()


@dataclass
class Meter:
    """What checks cost: `with meter("grammar"):` counts one check and its wall time. Checks do not nest.

    Times go to cost.json alone, never into compared bytes.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    checks: Counter[str] = field(default_factory=Counter)
    _name: str = ""
    _start: float = 0.0

    def __call__(self, name: str) -> "Meter":
        """Measure one check."""
        self._name = name
        return self

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        name = self._name
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - self._start
        self.checks[name] += 1

    def add(self, other: "Meter") -> None:
        """Add what another process measured."""
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.checks.update(other.checks)

    def as_record(self) -> dict[str, dict[str, float]]:
        """Seconds and number of each check, by name."""
        names = sorted(self.checks)
        return {name: {"seconds": round(self.seconds[name], 3), "checks": self.checks[name]} for name in names}


_CHARACTERS = 2_000_000


def most_tried(caption: str) -> int:
    """How many candidates of a caption are tried: as many as have 2,000,000 characters together (our choice).

    A caption of usual length has far fewer; a long one of which all are refused would be worked on without an end.
    """
    return max(_CHARACTERS // max(len(caption), 1), 1)


TOO_MANY = "the caption has too many candidates, of which the others are not tried"


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

    Captions are sorted by image and id. The tables `objects` and `relations` hold these images alone. A shard of a
    corpus has the captions and annotations of some of its images; `words` and `learned` then say what only the whole
    corpus can: the annotators' vocabulary, and what the method's `learn` made of it.
    """

    captions: Sequence[Caption]
    images: pl.DataFrame
    objects: pl.DataFrame
    relations: pl.DataFrame
    seed: int
    reserved: Reserved = NOTHING
    words: Vocabulary | None = None
    learned: Any = None

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
            with self.meter("annotations" if image_id in self.annotations else "equal captions"):
                known = check(negative, self.annotations.get(image_id), self.own_texts(image_id))
            if known is UNDECIDED:
                with self.meter(UNDECIDED.why):
                    pass  # counted for the summary
            self._verdicts[image_id, negative] = known
        return known

    def own_texts(self, image_id: str) -> tuple[str, ...]:
        """What an image's own captions say."""
        return self._texts.get(image_id, ())

    @cached_property
    def _texts(self) -> dict[str, tuple[str, ...]]:
        return {image_id: tuple(each.text for each in own) for image_id, own in self.captions_of.items()}

    def refusal(self, image_id: str, negative: str) -> str | None:
        """Why the stage will not take this negative; None where it will. Methods look ahead with it."""
        verdict = self.verdict(image_id, negative)
        if verdict.kind not in ("verified", "plausible"):
            return verdict.why
        if self.reserved == NOTHING:
            return None
        with self.meter("reserved combinations"):
            reserved = self.reserved.mentioned_in(negative, self.vocabulary.names)
        return "reserved combination" if reserved else None

    def collision(self, image_id: str, positive: str, edits: Sequence[Edit]) -> str | None:
        """Why new words collide with the image's captions; None where they do not, or where annotations decide."""
        annotations = self.annotations.get(image_id)
        if annotations is not None and annotations.closed is None:
            return None
        with self.meter("words of the captions"):
            return collision(positive, edits, self.own_texts(image_id))

    @cached_property
    def meter(self) -> Meter:
        """Counts what the checks cost."""
        return Meter()

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], Verdict]:
        return {}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What the annotators of the corpus had words for."""
        return self.words if self.words is not None else Vocabulary.of(self.objects, self.images)

    @cached_property
    def annotations(self) -> dict[str, Annotations]:
        """Each annotated image's annotations; an image without objects has none."""
        return annotate(self.images, self.objects, self.relations, self.vocabulary)


@dataclass(frozen=True)
class Candidate:
    """A negative before it is checked.

    `type` is the paper's own name of its kind; `foil` the new word or words, None where nothing new is named. `edits`
    are offsets in `positive`; where None, they are taken from comparing the two texts. `unchecked`: a released method
    wants it as the paper has it, false negatives and all, so the stage neither refuses nor judges it. `edited`: the
    negative is an edit of its positive, so that new words may collide with the image's captions; another image's whole
    caption is none.
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
    edited: bool = True

    def all_edits(self) -> tuple[Edit, ...]:
        """The edits that make the negative of the positive."""
        return self.edits if self.edits is not None else self._compared

    @cached_property
    def _compared(self) -> tuple[Edit, ...]:
        return tuple(diff(self.positive, self.negative))


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
    """A caption that a method writes itself; it must come before the candidates that point to it.

    `unchecked`: see Candidate.
    """

    caption_id: str
    image_id: str
    text: str
    template_id: str | None = None
    unchecked: bool = False


Outcome = Candidate | Rejected | Positive


@dataclass(frozen=True)
class Method:
    """A generator of negatives.

    `generate(corpus, options)` yields outcomes in an order that depends on the corpus and the seed alone. `mode` is
    "released" (as the paper's code) or "default" (corrected); options that have a `mode` decide it. `learn(corpus,
    options)` makes what `generate` needs to know of the whole corpus; a method that has it works shard by shard, in
    many processes, and reads `corpus.learned` (which must survive pickling). Without it, `generate` is given the whole
    corpus at once.
    """

    name: str
    generate: "Generate"
    mode: str = "default"
    learn: Callable[[Corpus, Any], Any] | None = None


class Generate(Protocol):
    """The function of a method."""

    def __call__(self, corpus: Corpus, options: Any) -> Iterator[Outcome]:
        """Outcomes for a corpus; `options` is the method's own configuration."""
        ...
