"""Stage `negatives`: one method's candidates, all taken the same way, into tables.

check -> reserved -> duplicates -> label -> tables; every candidate that is refused is kept with its reason. The corpus
is worked on in shards, in as many processes as one likes; the tables are written shard by shard.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress, silent
from nearmiss.base.tables import table
from nearmiss.base.workers import map_in_order
from nearmiss.engine.formats.sound_tables import Faults
from nearmiss.engine.text.annotations import Annotations
from nearmiss.engine.text.grammar import broken
from nearmiss.engine.text.labels import label, same_meaning
from nearmiss.engine.text.lexicon import attribute_kind, noun_group
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.phrase_labels import named
from nearmiss.engine.text.phrases import phrases
from nearmiss.engine.text.tokens import normalized, token_texts, tokenize
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Meter, Method, Positive, Rejected
from nearmiss.stages.negatives.paraphrases import of_negatives
from nearmiss.stages.negatives.reading import read_corpus, rejected
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.shards import SIZE, at_rest, shards
from nearmiss.stages.negatives.spec import MethodConfig, PublishedConfig
from nearmiss.stages.negatives.summary import Counted, as_summary
from nearmiss.stages.negatives.writing import Tables


def run(
    *,
    name: str,
    config: MethodConfig,
    seed: int,
    captions: Path,
    out: Path,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    reserved: Path | None = None,
    caption_set: str | None = None,
    split: str = "train",
    paraphrases: Sequence[str] = (),
    fingerprint: Path | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Make the folder `out` with the negatives of the method `name`, and return its summary.

    Reads only captions (of `caption_set`) and annotations of the images of `split`; without `images`, all captions are
    read and nothing is annotated. Writes negatives.parquet, captions.parquet (the positives of the negatives),
    rejected.parquet, paraphrases.parquet where operators of `paraphrases` are named, summary.json, manifest.json and
    cost.json; the bytes of all but the last do not depend on `workers`. Raises `InputError` where there is nothing to
    work on, or where no negative comes of it.
    """
    cost = Cost()
    given = {"captions": captions, "images": images, "objects": objects, "relations": relations, "reserved": reserved}
    if isinstance(config, PublishedConfig):
        given["published"] = Path(config.file)
    target = OutputFolder(out, inputs=given.values())
    inputs = verify_inputs(given)
    faults: Faults = []
    corpus = read_corpus(
        captions,
        images,
        objects,
        relations,
        caption_set=caption_set,
        split=split,
        seed=seed,
        reserved=reserved,
        faults=faults,
    )
    with target as folder:
        aside = rejected(faults, name)
        counted = make(
            corpus, METHODS[config.method], config, name, folder, workers=workers, aside=aside, paraphrases=paraphrases
        )
        if not counted.negatives:
            raise counted.nothing(name, captions)
        return finish(folder, counted, corpus, name, cost=cost, inputs=inputs, fingerprint=fingerprint)


def finish(
    folder: Path,
    counted: Counted,
    corpus: Corpus,
    name: str,
    *,
    cost: Cost,
    inputs: dict[str, str],
    fingerprint: Path | None = None,
) -> dict[str, Any]:
    """Write summary.json, cost.json and manifest.json beside a method's tables, and return the summary."""
    summary = as_summary(counted, name, captions=len(corpus.captions))
    write_json(folder / "summary.json", summary)
    cost.counts.update(captions=summary["captions"]["asked"], negatives=counted.negatives)
    cost.counts.update(checks=counted.meter.as_record())
    cost.write(folder)
    outputs = [*sorted(path.name for path in folder.glob("*.parquet")), "summary.json"]
    write_manifest(folder, stage="negatives", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    return summary


def make(
    corpus: Corpus,
    method: Method,
    options: MethodConfig,
    name: str,
    folder: Path,
    *,
    workers: int = 1,
    size: int = SIZE,
    aside: pl.DataFrame | None = None,
    paraphrases: Sequence[str] = (),
) -> Counted:
    """Write a method's tables into a folder and count what is in them.

    `size` is that of a shard, in captions; `aside` are rows of table `rejected` for records that could not be read.
    """
    shared = _Shared(method, options, name, tuple(paraphrases))
    counted = Counted()
    with Tables(folder) as tables:
        for table_name in ("negatives", "captions"):
            tables.add(table_name, table(table_name, []))
        tables.add("rejected", table("rejected", []) if aside is None else aside)
        if aside is not None:
            counted.add_rejected(aside)
        for part in _parts(corpus, shared, workers, size, counted.meter):
            for table_name, frame in part.frames.items():
                tables.add(table_name, frame)
            counted.add(part.frames, part.asked, part.own_positives, part.meter)
    return counted


_PRELOADED = ("nearmiss.stages.negatives.stage", "nearmiss.engine.text.pipelines", "inflect")
# What is remembered of whole texts: the next shard has others, and memory would grow with the corpus.
_OF_TEXTS = (parse, phrases, named, tokenize, token_texts, normalized)


@dataclass(frozen=True)
class _Shared:
    """What all shards need: sent to each process once."""

    method: Method
    options: MethodConfig
    name: str
    paraphrases: tuple[str, ...]
    learned: Any = None


@dataclass(frozen=True)
class Part:
    """What came of one shard: rows of tables, how many captions were asked, what the checks cost.

    `own_positives`: the method wrote captions itself.
    """

    frames: dict[str, pl.DataFrame]
    asked: int
    own_positives: bool
    meter: Meter


def _parts(corpus: Corpus, shared: _Shared, workers: int, size: int, meter: Meter) -> Iterator[Part]:
    """The parts of all shards, in order; of a method that must see the whole corpus at once, one part."""
    if shared.method.learn is None:
        yield _part(shared, corpus, bars=True)
        return
    with meter("learning"), silent():
        learned = shared.method.learn(corpus, shared.options)
    cut = list(shards(corpus, size))
    preload = [name for name in _PRELOADED if name in sys.modules]
    parts = map_in_order(_shard, replace(shared, learned=learned), cut, workers, preload=preload)
    yield from progress(parts, what=f"negatives {shared.name}", total=len(cut))


def _shard(shared: _Shared, corpus: Corpus) -> Part:
    with at_rest():
        return _part(shared, corpus)


def _part(shared: _Shared, corpus: Corpus, bars: bool = False) -> Part:
    corpus = replace(corpus, learned=shared.learned)
    with nullcontext() if bars else silent():
        taken = take(corpus, shared.method, shared.options, shared.name)
    frames = {
        "negatives": table("negatives", taken.negatives),
        "rejected": table("rejected", taken.rejected),
        "captions": table("captions", taken.captions()),
    }
    if shared.paraphrases:
        with corpus.meter("paraphrases"):
            frames["paraphrases"] = of_negatives(
                taken.negatives,
                shared.paraphrases,
                seed=corpus.seed,
                names=corpus.vocabulary.names,
                reserved=corpus.reserved,
            )
    for cached in _OF_TEXTS:
        cached.cache_clear()
    asked = taken.asked | {row["caption_id"] for row in taken.negatives}
    return Part(frames, len(asked), bool(taken.positives), corpus.meter)


@dataclass
class Taken:
    """What came of a method's outcomes: rows of the tables."""

    negatives: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    positives: dict[str, dict[str, Any]] = field(default_factory=dict)
    edited: list[Caption] = field(default_factory=list)  # captions of the corpus that negatives are made of
    refused_positives: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def reasons(self) -> Counter[str]:
        """How often each reason was given."""
        return Counter(row["reason"] for row in self.rejected)

    def captions(self) -> list[dict[str, Any]]:
        """The positives of the negatives: the method's own, and captions of the corpus."""
        used = {row["caption_id"] for row in self.negatives}
        rows = [row for key, row in self.positives.items() if key in used] + [asdict(each) for each in self.edited]
        return sorted(rows, key=lambda row: (row["image_id"], row["caption_id"]))


def take(corpus: Corpus, method: Method, options: MethodConfig, name: str) -> Taken:
    """The one path of every candidate, whatever method it is of; rows sorted by image and caption."""
    taken = Taken()
    seen: set[tuple[str, str]] = set()
    numbers: Counter[str] = Counter()
    mode = getattr(options, "mode", method.mode)
    for outcome in method.generate(corpus, options):
        if isinstance(outcome, Positive):
            _take_positive(corpus, outcome, name, taken)
            continue
        if outcome.caption_id is not None:
            taken.asked.add(outcome.caption_id)
        if isinstance(outcome, Rejected):
            taken.rejected.append(_rejection(outcome, outcome.reason, name))
            continue
        reason = None if outcome.unchecked else _refusal(corpus, outcome, taken)
        if reason is None and not outcome.unchecked and (outcome.caption_id, outcome.negative) in seen:
            reason = "duplicate"
        if reason is not None:
            taken.rejected.append(_rejection(outcome, reason, name))
            continue
        seen.add((outcome.caption_id, outcome.negative))
        numbers[outcome.caption_id] += 1
        row = _negative(corpus, outcome, name, mode)
        taken.negatives.append({"negative_id": f"{outcome.caption_id}-{name}-{numbers[outcome.caption_id]}", **row})
    used = {row["caption_id"] for row in taken.negatives} - taken.positives.keys()
    taken.edited = [caption for caption in corpus.captions if caption.caption_id in used]
    taken.negatives.sort(key=lambda row: (row["image_id"], row["caption_id"]))
    taken.rejected.sort(key=lambda row: (row["image_id"], row["caption_id"] or ""))
    return taken


def _refusal(corpus: Corpus, candidate: Candidate, taken: Taken) -> str | None:
    """Why a candidate cannot serve: its positive, the annotations, its meaning, its grammar or, without annotations,
    a word that may be true."""
    refused = taken.refused_positives.get(candidate.caption_id) or corpus.refusal(
        candidate.image_id, candidate.negative
    )
    if refused is not None:
        return refused
    if candidate.positive not in corpus.own_texts(candidate.image_id):  # else compared with all of these already
        with corpus.meter("same meaning"):
            same = same_meaning(candidate.positive, candidate.negative, corpus.vocabulary.names)
        if same:
            return "says the same as its positive"
    with corpus.meter("grammar"):
        fault = broken(candidate.positive, candidate.negative)
    if fault is not None:
        return f"grammar: {fault}"
    if not candidate.edited:
        return None
    return corpus.collision(candidate.image_id, candidate.positive, candidate.all_edits())


def _take_positive(corpus: Corpus, positive: Positive, name: str, taken: Taken) -> None:
    """A method's own positive serves unless the annotations contradict it or it speaks of a reserved combination."""
    kind = None if positive.unchecked else corpus.verdict(positive.image_id, positive.text).kind
    if kind in ("verified", "undefined"):
        taken.refused_positives[positive.caption_id] = "the positive is not true by the annotations"
    elif not positive.unchecked and corpus.reserved.mentioned_in(positive.text, corpus.vocabulary.names):
        taken.refused_positives[positive.caption_id] = "reserved combination"
    else:
        taken.positives[positive.caption_id] = {
            "caption_id": positive.caption_id,
            "image_id": positive.image_id,
            "text": positive.text,
            "template_id": positive.template_id,
            "source": name,
        }


def _negative(corpus: Corpus, candidate: Candidate, name: str, mode: str) -> dict[str, Any]:
    with corpus.meter("labels"):
        concept, operator = label(candidate.positive, candidate.negative, corpus.vocabulary.names)
    return {
        "caption_id": candidate.caption_id,
        "image_id": candidate.image_id,
        "method": name,
        "mode": mode,
        "type": candidate.type,
        "concept": concept,
        "operator": operator,
        "template_id": candidate.template_id,
        "positive": candidate.positive,
        "negative": candidate.negative,
        "edits": [edit.as_record() for edit in candidate.all_edits()],
        "foil_in_scene": _in_scene(candidate.foil, corpus.annotations.get(candidate.image_id)),
        "verdict": "unchecked" if candidate.unchecked else corpus.verdict(candidate.image_id, candidate.negative).kind,
        "seed": corpus.seed,
    }


def _in_scene(foil: str | None, annotations: Annotations | None) -> bool | None:
    """Whether the new word names a thing or an attribute of the scene; null where it names neither."""
    if foil is None or annotations is None:
        return None
    kind = attribute_kind(foil)
    if kind is not None and any(kind in thing.attributes for thing in annotations.objects):
        return True
    noun = noun_group(foil)
    if any(noun == thing.noun for thing in annotations.objects):
        return True
    return False if kind is not None or annotations.marks_all(noun) else None


def _rejection(outcome: Candidate | Rejected, reason: str, name: str) -> dict[str, Any]:
    return {
        "caption_id": outcome.caption_id,
        "image_id": outcome.image_id,
        "method": name,
        "type": outcome.type,
        "positive": outcome.positive,
        "negative": outcome.negative,
        "reason": reason,
    }
