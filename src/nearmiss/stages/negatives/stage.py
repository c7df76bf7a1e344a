"""Stage `negatives`: checks the candidates of one method and writes the tables.

Steps: check -> reserved -> duplicates -> label -> tables. Rejected candidates are kept with their reason. The corpus is
processed in shards, in parallel where `workers` > 1; the tables are written shard by shard.
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
from nearmiss.engine.text.glance import named
from nearmiss.engine.text.grammar import broken
from nearmiss.engine.text.labels import label, same_meaning
from nearmiss.engine.text.lexicon import attribute_kind, noun_group
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.phrases import phrases
from nearmiss.engine.text.tokens import normalized, said, tokenize
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Meter, Method, Positive, Rejected
from nearmiss.stages.negatives.paraphrases import paraphrase_table
from nearmiss.stages.negatives.reading import read_corpus, rejected_rows
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.shards import SIZE, garbage_collection_off, shards
from nearmiss.stages.negatives.spec import MethodConfig, PublishedConfig
from nearmiss.stages.negatives.summary import TableCounts, as_summary
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
    """Write the negatives of the method `name` to the folder `out` and return the summary.

    Reads only captions (of `caption_set`) and annotations of the images of `split`; without `images`, all captions are
    read and nothing is annotated. Writes negatives.parquet, captions.parquet (the positives of the negatives),
    rejected.parquet, paraphrases.parquet where operators of `paraphrases` are named, summary.json, manifest.json and
    cost.json; the bytes of all but the last do not depend on `workers`. Raises `InputError` if there is no input or no
    negative results.
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
        set_aside = rejected_rows(faults, name)
        counts = write_negatives(
            corpus,
            METHODS[config.method],
            config,
            name,
            folder,
            workers=workers,
            set_aside=set_aside,
            paraphrases=paraphrases,
        )
        if not counts.negatives:
            raise counts.no_negatives_error(name, captions)
        return finish(folder, counts, corpus, name, cost=cost, inputs=inputs, fingerprint=fingerprint)


def finish(
    folder: Path,
    counts: TableCounts,
    corpus: Corpus,
    name: str,
    *,
    cost: Cost,
    inputs: dict[str, str],
    fingerprint: Path | None = None,
) -> dict[str, Any]:
    """Write summary.json, cost.json and manifest.json beside a method's tables, and return the summary."""
    summary = as_summary(counts, name, captions=len(corpus.captions))
    write_json(folder / "summary.json", summary)
    cost.counts.update(captions=summary["captions"]["asked"], negatives=counts.negatives)
    cost.counts.update(checks=counts.meter.as_record())
    cost.write(folder)
    outputs = [*sorted(path.name for path in folder.glob("*.parquet")), "summary.json"]
    write_manifest(folder, stage="negatives", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    return summary


def write_negatives(
    corpus: Corpus,
    method: Method,
    options: MethodConfig,
    name: str,
    folder: Path,
    *,
    workers: int = 1,
    size: int = SIZE,
    set_aside: pl.DataFrame | None = None,
    paraphrases: Sequence[str] = (),
) -> TableCounts:
    """Write the tables of a method into a folder and return their counts.

    `size`: captions per shard. `set_aside`: rows of table `rejected` for records that could not be read.
    """
    shared = _Shared(method, options, name, tuple(paraphrases))
    counts = TableCounts()
    with Tables(folder) as tables:
        for table_name in ("negatives", "captions"):
            tables.add(table_name, table(table_name, []))
        tables.add("rejected", table("rejected", []) if set_aside is None else set_aside)
        if set_aside is not None:
            counts.add_rejected(set_aside)
        for part in _parts(corpus, shared, workers, size, counts.meter):
            for table_name, frame in part.frames.items():
                tables.add(table_name, frame)
            counts.add(part.frames, part.processed, part.own_positives, part.meter)
    return counts


_PRELOADED = ("nearmiss.stages.negatives.stage", "nearmiss.engine.text.pipelines", "inflect")
# Caches keyed by whole texts. They are cleared after each shard, or memory would grow with the corpus.
_OF_TEXTS = (parse, phrases, named, tokenize, said, normalized)


@dataclass(frozen=True)
class _Shared:
    """State shared by all shards; sent to each process once."""

    method: Method
    options: MethodConfig
    name: str
    paraphrases: tuple[str, ...]
    learned: Any = None


@dataclass(frozen=True)
class Part:
    """Result of one shard: rows of tables, number of captions processed, cost of the checks.

    `own_positives`: the method wrote captions itself.
    """

    frames: dict[str, pl.DataFrame]
    processed: int
    own_positives: bool
    meter: Meter


def _parts(corpus: Corpus, shared: _Shared, workers: int, size: int, meter: Meter) -> Iterator[Part]:
    """Yield the parts of all shards in order; a method without `learn` gives one part for the whole corpus."""
    if shared.method.learn is None:
        yield _part(shared, corpus, show_progress=True)
        return
    with meter("learning"), silent():
        learned = shared.method.learn(corpus, shared.options)
    corpora = list(shards(corpus, size))
    preload = [name for name in _PRELOADED if name in sys.modules]
    parts = map_in_order(_shard, replace(shared, learned=learned), corpora, workers, preload=preload)
    yield from progress(parts, what=f"negatives {shared.name}", total=len(corpora))


def _shard(shared: _Shared, corpus: Corpus) -> Part:
    with garbage_collection_off():
        return _part(shared, corpus)


def _part(shared: _Shared, corpus: Corpus, show_progress: bool = False) -> Part:
    corpus = replace(corpus, learned=shared.learned)
    with nullcontext() if show_progress else silent():
        checked = check_candidates(corpus, shared.method, shared.options, shared.name)
    frames = {
        "negatives": table("negatives", checked.negatives),
        "rejected": table("rejected", checked.rejected),
        "captions": table("captions", checked.captions()),
    }
    if shared.paraphrases:
        with corpus.meter("paraphrases"):
            frames["paraphrases"] = paraphrase_table(
                checked.negatives,
                shared.paraphrases,
                seed=corpus.seed,
                names=corpus.vocabulary.names,
                reserved=corpus.reserved,
            )
    for cached in _OF_TEXTS:
        cached.cache_clear()
    processed = checked.processed | {row["caption_id"] for row in checked.negatives}
    return Part(frames, len(processed), bool(checked.positives), corpus.meter)


@dataclass
class CheckedRows:
    """Rows of the tables after the checks."""

    negatives: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    positives: dict[str, dict[str, Any]] = field(default_factory=dict)
    edited: list[Caption] = field(default_factory=list)  # captions of the corpus that negatives are made of
    refused_positives: dict[str, str] = field(default_factory=dict)
    processed: set[str] = field(default_factory=set)

    def reasons(self) -> Counter[str]:
        """Count of each rejection reason."""
        return Counter(row["reason"] for row in self.rejected)

    def captions(self) -> list[dict[str, Any]]:
        """The positives of the negatives: those the method wrote, and captions of the corpus."""
        used = {row["caption_id"] for row in self.negatives}
        rows = [row for key, row in self.positives.items() if key in used] + [asdict(each) for each in self.edited]
        return sorted(rows, key=lambda row: (row["image_id"], row["caption_id"]))


def check_candidates(corpus: Corpus, method: Method, options: MethodConfig, name: str) -> CheckedRows:
    """Check all candidates of a method; rows are sorted by image and caption. The same for every method."""
    checked = CheckedRows()
    seen: set[tuple[str, str]] = set()
    numbers: Counter[str] = Counter()
    mode = getattr(options, "mode", method.mode)
    for outcome in method.generate(corpus, options):
        if isinstance(outcome, Positive):
            _check_positive(corpus, outcome, name, checked)
            continue
        if outcome.caption_id is not None:
            checked.processed.add(outcome.caption_id)
        if isinstance(outcome, Rejected):
            checked.rejected.append(_rejection(outcome, outcome.reason, name))
            continue
        reason = None if outcome.unchecked else _refusal(corpus, outcome, checked)
        if reason is None and not outcome.unchecked and (outcome.caption_id, outcome.negative) in seen:
            reason = "duplicate"
        if reason is not None:
            checked.rejected.append(_rejection(outcome, reason, name))
            continue
        seen.add((outcome.caption_id, outcome.negative))
        numbers[outcome.caption_id] += 1
        row = _negative(corpus, outcome, name, mode)
        checked.negatives.append({"negative_id": f"{outcome.caption_id}-{name}-{numbers[outcome.caption_id]}", **row})
    used = {row["caption_id"] for row in checked.negatives} - checked.positives.keys()
    checked.edited = [caption for caption in corpus.captions if caption.caption_id in used]
    checked.negatives.sort(key=lambda row: (row["image_id"], row["caption_id"]))
    checked.rejected.sort(key=lambda row: (row["image_id"], row["caption_id"] or ""))
    return checked


def _refusal(corpus: Corpus, candidate: Candidate, checked: CheckedRows) -> str | None:
    """Why a candidate is rejected: its positive, the annotations, its meaning, its grammar or, without annotations, a
    word that may be true. None if it is accepted."""
    refused = checked.refused_positives.get(candidate.caption_id) or corpus.refusal(
        candidate.image_id, candidate.negative
    )
    if refused is not None:
        return refused
    if candidate.positive not in corpus.captions_of_image(
        candidate.image_id
    ):  # else compared with all of these already
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


def _check_positive(corpus: Corpus, positive: Positive, name: str, checked: CheckedRows) -> None:
    """Accept a positive that a method wrote unless the annotations contradict it or it has a reserved combination."""
    kind = None if positive.unchecked else corpus.verdict(positive.image_id, positive.text).kind
    if kind in ("verified", "undefined"):
        checked.refused_positives[positive.caption_id] = "the positive is not true by the annotations"
    elif not positive.unchecked and corpus.reserved.mentioned_in(positive.text, corpus.vocabulary.names):
        checked.refused_positives[positive.caption_id] = "reserved combination"
    else:
        checked.positives[positive.caption_id] = {
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
        "foil_in_scene": _in_scene(candidate.new_word, corpus.annotations.get(candidate.image_id)),
        "verdict": "unchecked" if candidate.unchecked else corpus.verdict(candidate.image_id, candidate.negative).kind,
        "seed": corpus.seed,
    }


def _in_scene(new_word: str | None, annotations: Annotations | None) -> bool | None:
    """Whether the new word names an object or an attribute of the scene; None if the annotations do not decide."""
    if new_word is None or annotations is None:
        return None
    kind = attribute_kind(new_word)
    if kind is not None and any(kind in obj.attributes for obj in annotations.objects):
        return True
    noun = noun_group(new_word)
    if any(noun == obj.noun for obj in annotations.objects):
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
