"""Input and output types of the methods that generate negatives. All share the checks in acceptance.py."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.text.annotations import Annotations, Vocabulary, annotate
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit
from nearmiss.engine.text.labels import mentioned_pairs, mentioned_relations
from nearmiss.engine.text.own_captions import OwnCaptions
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.verdict import UNDECIDED, Verdict, verdict


@dataclass(frozen=True)
class Reserved:
    """Combinations that no training text may have: the benchmark holds them out as new pairs and new relations.

    (color, noun) pairs and (noun, predicate, noun) relations; the converse of a relation counts as the same relation.
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
        """Whether the text mentions a reserved combination; False for text that does not parse."""
        if not self.pairs and not self.relations:
            return False
        caption = parse(text, names)
        if caption is None:
            return False
        return not self.pairs.isdisjoint(mentioned_pairs(caption)) or not self.relations.isdisjoint(
            mentioned_relations(caption)
        )


NO_RESERVATIONS = Reserved()


@dataclass
class Meter:
    """Number and wall time of checks: `with meter("grammar", 9):` measures nine checks. Checks do not nest.

    Times are written to cost.json only, never to files that are compared.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    checks: Counter[str] = field(default_factory=Counter)
    _name: str = ""
    _number: int = 1
    _start: float = 0.0

    def __call__(self, name: str, number: int = 1) -> "Meter":
        """Measure a number of checks."""
        self._name, self._number = name, number
        return self

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.count(self._name, self._start, self._number)

    def count(self, name: str, start: float, number: int = 1) -> None:
        """Add checks that began at a time of `time.perf_counter` and end now."""
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
        self.checks[name] = self.checks.get(name, 0) + number

    def add(self, other: "Meter") -> None:
        """Add the measurements of another process."""
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.checks.update(other.checks)

    def as_record(self) -> dict[str, dict[str, float]]:
        """Seconds and number of each check, by name."""
        names = sorted(self.checks)
        return {name: {"seconds": round(self.seconds[name], 3), "checks": self.checks[name]} for name in names}


_MAX_CHARACTERS = 2_000_000


def max_candidates(caption: str) -> int:
    """Maximum number of candidates per caption: as many as have 2,000,000 characters together (our choice).

    Captions of usual length have far fewer; the bound limits the time of long captions with many rejections.
    """
    return max(_MAX_CHARACTERS // max(len(caption), 1), 1)


TOO_MANY = "the caption has too many candidates, of which the others are not tried"


class Caption(NamedTuple):
    """A row of table `captions`."""

    caption_id: str
    image_id: str
    text: str
    template_id: str | None
    source: str


_IMAGES_AT_ONCE = 256  # of which the captions are kept as texts: methods go from image to image


@dataclass(frozen=True)
class Corpus:
    """Input of the generators: captions and annotations of the images of one split, and the seed.

    Captions are sorted by image and id. The tables `objects` and `relations` hold only these images. A shard of a
    corpus has the captions and annotations of some of its images; `words` (vocabulary of the annotators) and `learned`
    (result of the method's `learn`) are computed from the whole corpus. Folder `tags` keeps the tags of captions for
    all methods (engine/text/tag_cache.py).
    """

    captions: Sequence[Caption]
    images: pl.DataFrame
    objects: pl.DataFrame
    relations: pl.DataFrame
    seed: int
    reserved: Reserved = NO_RESERVATIONS
    words: Vocabulary | None = None
    learned: Any = None
    tags: Path | None = None

    @cached_property
    def captions_of(self) -> dict[str, tuple[Caption, ...]]:
        """Captions by image."""
        found: dict[str, list[Caption]] = {}
        for caption in self.captions:
            found.setdefault(caption.image_id, []).append(caption)
        return {image_id: tuple(captions) for image_id, captions in found.items()}

    def own(self, image_id: str) -> OwnCaptions:
        """The captions of an image as texts, which know the names that the annotators of the image use."""
        known = self._own.get(image_id)
        if known is None:
            if len(self._own) == _IMAGES_AT_ONCE:
                self._own.clear()
            names = self.vocabulary.names if image_id in self.annotations else frozenset[str]()
            strings = [caption.text for caption in self.captions_of.get(image_id, ())]
            known = self._own[image_id] = OwnCaptions(strings, names)
        return known

    def edited(self, image_id: str, positive: str, negative: str) -> EditedText:
        """A negative as an edit of its positive."""
        own = self.own(image_id)
        return EditedText.of(own.texts.get(positive) or Text(positive, own.names), negative)

    def verdict(self, image_id: str, negative: str | Text) -> Verdict:
        """Verdict of the check on a caption as a negative of an image."""
        string = negative if isinstance(negative, str) else negative.string
        known = self._verdicts.get((image_id, string))
        if known is None:
            own, annotations = self.own(image_id), self.annotations.get(image_id)
            text = Text(negative, own.names) if isinstance(negative, str) else negative
            start = time.perf_counter()
            known = verdict(text, annotations, own)
            self.meter.count("equal captions" if annotations is None else "annotations", start)
            if known is UNDECIDED:
                with self.meter(UNDECIDED.why):
                    pass  # counted for the summary
            self._verdicts[image_id, string] = known
        return known

    def captions_of_image(self, image_id: str) -> tuple[str, ...]:
        """Texts of the captions of an image."""
        return self.own(image_id).strings

    @cached_property
    def _own(self) -> dict[str, OwnCaptions]:
        return {}

    def refusal(self, image_id: str, negative: str | Text) -> str | None:
        """Why the stage rejects this negative; None if it accepts it. Methods use it to check early."""
        return self.refused(self.verdict(image_id, negative), negative)

    def refused(self, found: Verdict, negative: str | Text) -> str | None:
        """`refusal` where the verdict is known."""
        if found.kind not in ("verified", "plausible"):
            return found.why
        if not (self.reserved.pairs or self.reserved.relations):
            return None
        string = negative if isinstance(negative, str) else negative.string
        with self.meter("reserved combinations"):
            reserved = self.reserved.mentioned_in(string, self.vocabulary.names)
        return "reserved combination" if reserved else None

    def decided(self, image_id: str) -> bool:
        """Whether the annotations of an image decide, so that new words may be those of its captions."""
        annotations = self.annotations.get(image_id)
        return annotations is not None and annotations.closed is None and annotations.exhaustive

    @cached_property
    def meter(self) -> Meter:
        """Cost of the checks."""
        return Meter()

    @cached_property
    def _verdicts(self) -> dict[tuple[str, str], Verdict]:
        return {}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Vocabulary of the annotators of the corpus."""
        return self.words if self.words is not None else Vocabulary.of(self.objects, self.images)

    @cached_property
    def annotations(self) -> dict[str, Annotations]:
        """Annotations by image; images without objects have none."""
        return annotate(self.images, self.objects, self.relations, self.vocabulary)


class Candidate(NamedTuple):
    """A negative before it is checked.

    `type`: the name that the paper uses. `new_word`: the new word or words, None if nothing new is named. `edits`:
    offsets in `positive`; if None, computed by comparing the two texts. `unchecked`: the stage neither checks nor
    rejects it, so that a released method is reproduced with its false negatives. `edited`: the negative is an edit of
    its positive, so new words may collide with the captions of the image; False for the caption of another image.
    `text`: the negative as an edit of the positive, and `verdict`: that of the check, if the method has them already
    (`Corpus.own`, `Corpus.verdict`).
    """

    caption_id: str
    image_id: str
    type: str
    positive: str
    negative: str
    template_id: str | None = None
    new_word: str | None = None
    edits: tuple[Edit, ...] | None = None
    unchecked: bool = False
    edited: bool = True
    text: EditedText | None = None
    verdict: Verdict | None = None

    def all_edits(self) -> tuple[Edit, ...]:
        """The edits that turn the positive into the negative."""
        if self.edits is not None:
            return self.edits
        return (self.text or EditedText.of(Text(self.positive), self.negative)).edits


class Rejected(NamedTuple):
    """A candidate that the method rejected or could not form (`negative` None), with the reason."""

    caption_id: str | None
    image_id: str
    type: str
    reason: str
    positive: str | None = None
    negative: str | None = None


@dataclass(frozen=True)
class Positive:
    """A caption written by a method; it must be yielded before the candidates that refer to it.

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

    `generate(corpus, options)` yields outcomes in an order that depends only on the corpus and the seed. `mode` is
    "released" (as the code of the paper) or "default" (corrected); options with a `mode` override it. `learn(corpus,
    options)` computes statistics of the whole corpus; a method that has it is run shard by shard in parallel and reads
    `corpus.learned` (which must be picklable). Without it, `generate` receives the whole corpus at once.
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
