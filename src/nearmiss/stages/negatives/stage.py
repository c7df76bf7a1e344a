"""Stage `negatives`: one method's candidates, all taken the same way, into tables.

check -> reserved -> duplicates -> label -> tables; every candidate that is refused is kept with its reason.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing_folder, write_json
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.tables import SCHEMAS, read_table, table, write_table
from nearmiss.engine.text.annotations import Annotations
from nearmiss.engine.text.labels import label, same_meaning
from nearmiss.engine.text.lexicon import attribute_kind, noun_group
from nearmiss.stages.negatives import keyword, random_captions, replace, scene_graph, swap
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Positive, Rejected
from nearmiss.stages.negatives.reserved import Reserved
from nearmiss.stages.negatives.spec import MethodConfig

METHODS: dict[str, Method] = {
    method.name: method
    for method in (random_captions.METHOD, keyword.METHOD, scene_graph.METHOD, replace.METHOD, swap.METHOD)
}


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
    split: str = "train",
    identity: Path | None = None,
) -> dict[str, Any]:
    """Make the folder `out` with the negatives of the method `name`, and return its summary.

    Reads only captions and annotations of the images of `split`; without `images`, all captions are read and nothing is
    annotated. Writes negatives.parquet, rejected.parquet, captions.parquet where the method writes positives of its
    own, summary.json, manifest.json and cost.json. Raises `InputError` where there is nothing to work on, or where no
    negative comes of it.
    """
    cost = Cost()
    corpus = read_corpus(captions, images, objects, relations, split=split, seed=seed, reserved=reserved)
    method = METHODS[config.method]
    taken = take(corpus, method, config, name)
    if not taken.negatives:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in taken.reasons().most_common(5))
        raise InputError(
            f"method '{name}' made no negative; reasons: {reasons or 'none'}",
            file=captions,
            remedy="give it captions or annotations with words of its concepts, or another method",
        )
    summary = _summary(taken, corpus, name)
    with replacing_folder(out) as folder:
        outputs = _write(taken, folder)
        write_json(folder / "summary.json", summary)
        cost.counts.update(captions=summary["captions"]["asked"], negatives=len(taken.negatives))
        cost.write(folder)
        given = {"captions": captions, "images": images, "objects": objects, "relations": relations}
        inputs = {key: path for key, path in {**given, "reserved": reserved}.items() if path is not None}
        write_manifest(folder, stage="negatives", identity=identity, inputs=inputs, outputs=[*outputs, "summary.json"])
    return summary


def read_corpus(
    captions: Path,
    images: Path | None = None,
    objects: Path | None = None,
    relations: Path | None = None,
    *,
    split: str = "train",
    seed: int = 0,
    reserved: Path | None = None,
) -> Corpus:
    """The corpus of one split from the tables; see `run`."""
    said = read_table(captions, "captions")
    shown = read_table(images, "images") if images is not None else table("images", [])
    if images is not None:
        _check_images(said, shown, captions, images)
        shown = shown.filter(pl.col("split") == split).sort("image_id")
        said = said.join(shown.select("image_id"), on="image_id", how="semi")
    if said.is_empty():
        raise InputError(f"no captions of split '{split}'", file=captions, remedy="name a split that has images")
    rows = said.sort("image_id", "caption_id").select(SCHEMAS["captions"].names()).iter_rows()
    return Corpus(
        captions=tuple(Caption(*row) for row in rows),
        images=shown,
        objects=_of_images(objects, "objects", shown),
        relations=_of_images(relations, "relations", shown),
        seed=seed,
        reserved=Reserved.read(reserved) if reserved is not None else Reserved(),
    )


def _check_images(said: pl.DataFrame, shown: pl.DataFrame, captions: Path, images: Path) -> None:
    unknown = said.join(shown.select("image_id"), on="image_id", how="anti")
    if not unknown.is_empty():
        first = unknown.sort("caption_id").row(0, named=True)
        raise InputError(
            f"{unknown.height} captions are of images that {images.name} does not have",
            file=captions,
            record=f"caption {first['caption_id']} of image {first['image_id']}",
            remedy="give tables of one data set",
        )


def _of_images(path: Path | None, name: str, shown: pl.DataFrame) -> pl.DataFrame:
    if path is None:
        return table(name, [])
    return read_table(path, name).join(shown.select("image_id"), on="image_id", how="semi")


@dataclass
class Taken:
    """What came of a method's outcomes: rows of the tables."""

    negatives: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    positives: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused_positives: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def reasons(self) -> Counter[str]:
        """How often each reason was given."""
        return Counter(row["reason"] for row in self.rejected)


def take(corpus: Corpus, method: Method, options: MethodConfig, name: str) -> Taken:
    """The one path of every candidate, whatever method it is of; rows sorted by image and caption."""
    taken = Taken()
    seen: set[tuple[str, str]] = set()
    numbers: Counter[str] = Counter()
    for outcome in method.generate(corpus, options):
        if isinstance(outcome, Positive):
            _take_positive(corpus, outcome, name, taken)
            continue
        if outcome.caption_id is not None:
            taken.asked.add(outcome.caption_id)
        if isinstance(outcome, Rejected):
            taken.rejected.append(_rejection(outcome, outcome.reason, name))
            continue
        repeated = (outcome.caption_id, outcome.negative) in seen
        reason = None if outcome.unchecked else _refusal(corpus, outcome, taken, repeated)
        if reason is not None:
            taken.rejected.append(_rejection(outcome, reason, name))
            continue
        seen.add((outcome.caption_id, outcome.negative))
        numbers[outcome.caption_id] += 1
        row = _negative(corpus, outcome, name, getattr(options, "mode", method.mode))
        taken.negatives.append({"negative_id": f"{outcome.caption_id}-{name}-{numbers[outcome.caption_id]}", **row})
    taken.negatives.sort(key=lambda row: (row["image_id"], row["caption_id"]))
    taken.rejected.sort(key=lambda row: (row["image_id"], row["caption_id"] or ""))
    return taken


def _refusal(corpus: Corpus, candidate: Candidate, taken: Taken, repeated: bool) -> str | None:
    """Why a candidate may not serve; None where it may."""
    reason = taken.refused_positives.get(candidate.caption_id)
    reason = reason or corpus.refusal(candidate.image_id, candidate.negative)
    if reason is None and same_meaning(candidate.positive, candidate.negative, corpus.vocabulary.names):
        reason = "says the same as its positive"
    return "duplicate" if reason is None and repeated else reason


def _take_positive(corpus: Corpus, positive: Positive, name: str, taken: Taken) -> None:
    """A method's own positive serves unless the annotations contradict it or it speaks of a reserved combination."""
    kind = corpus.verdict(positive.image_id, positive.text).kind
    if kind in ("verified", "undefined"):
        taken.refused_positives[positive.caption_id] = "the positive is not true by the annotations"
    elif corpus.reserved.mentioned_in(positive.text, corpus.vocabulary.names):
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
    return False if kind is not None or noun in annotations.vocabulary.nouns else None


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


def _write(taken: Taken, folder: Path) -> list[str]:
    """The tables; a positive that no negative points to is left out."""
    write_table(table("negatives", taken.negatives), folder / "negatives.parquet", "negatives")
    write_table(table("rejected", taken.rejected), folder / "rejected.parquet", "rejected")
    if not taken.positives:
        return ["negatives.parquet", "rejected.parquet"]
    used = {row["caption_id"] for row in taken.negatives}
    rows = [row for key, row in taken.positives.items() if key in used]
    rows.sort(key=lambda row: (row["image_id"], row["caption_id"]))
    write_table(table("captions", rows), folder / "captions.parquet", "captions")
    return ["captions.parquet", "negatives.parquet", "rejected.parquet"]


def _summary(taken: Taken, corpus: Corpus, name: str) -> dict[str, Any]:
    """Yield and counts. `asked`: captions that the method worked on; of a method with positives of its own, those."""
    given = {row["caption_id"] for row in taken.negatives}
    asked = len(taken.asked | given)
    total = asked if taken.positives else len(corpus.captions)
    return {
        "method": name,
        "captions": {"asked": total, "with_negative": len(given), "yield": len(given) / total},
        "negatives": len(taken.negatives),
        "rejected": len(taken.rejected),
        "foil_in_scene": sum(row["foil_in_scene"] is True for row in taken.negatives),
        **{
            f"by_{column}": dict(sorted(Counter(str(row[column]) for row in taken.negatives).items()))
            for column in ("type", "concept", "operator", "verdict")
        },
        "by_reason": dict(sorted(taken.reasons().items())),
    }
