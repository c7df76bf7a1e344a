"""Stage `inpaint`: makes counterfactual pairs in InpaintCOCO's schema from images, masks and captions.

Beside the pairs are everything that was rejected, contact sheets, and a data card that names the images' licenses.

For each operation, images are processed in random order in batches of a fixed size until it has its number of pairs.
The output is the same for any number of workers, and large data sets are not processed completely.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json, write_text
from nearmiss.base.manifest import OF_IMAGES, Cost, verify_files, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.progress import progress
from nearmiss.base.seeding import derive
from nearmiss.base.tables import read_table
from nearmiss.base.workers import worker_pool
from nearmiss.engine.formats.inpaintcoco import Origin, write
from nearmiss.engine.images.editing.spec import OperationConfig
from nearmiss.engine.images.members import content_sha256
from nearmiss.stages.inpaint.card import card
from nearmiss.stages.inpaint.config import InpaintConfig, ModelFilter, check_packages
from nearmiss.stages.inpaint.corpus import Corpus, read_corpus
from nearmiss.stages.inpaint.editing import REJECTIONS, Outcome, Rejection, edit_image, planned
from nearmiss.stages.inpaint.sheets import write_sheets

PAIRS, REJECTED, SUMMARY = "test-00000-of-00001.parquet", "rejected.parquet", "summary.json"
SHEETS, CARD = "sheets", "README.md"
BATCH = 48  # images per batch, after which the number of pairs is checked

Tasks = list[tuple[OperationConfig, str]]
Map = Callable[[Tasks], Iterator[Outcome]]


def run(
    *,
    config: InpaintConfig,
    images: Path,
    objects: Path,
    captions: Path,
    root: Path,
    out: Path,
    relations: Path | None = None,
    workers: int = 1,
    origins: Path | None = None,
    fingerprint: Path | None = None,
) -> dict[str, Any]:
    """Write the folder `out`: the pairs (`PAIRS`), rejected.parquet, summary.json, sheets/, README.md (the data card),
    manifest.json, cost.json.

    `images`, `objects`, `captions`, `relations` and `origins` are tables, `root` the folder that image files are
    relative to. Returns the summary. Raises InputError before any edit if tables or files
    are invalid, and at the end if there is no pair.
    """
    cost = Cost()
    if workers < 1:
        raise InputError(f"invalid number of workers: {workers}", record="--workers", remedy="give 1 or more")
    check_packages(config.operations)
    target = OutputFolder(out, inputs=[images, objects, captions, relations, origins], roots=[root])
    tables = {"images": images, "objects": objects, "captions": captions, "relations": relations, "origins": origins}
    inputs = verify_inputs(tables)
    corpus = read_corpus(images, objects, captions, relations, root, split=config.split, caption_set=config.captions)
    files = (image.file for image in corpus.images.values())
    inputs[f"source{OF_IMAGES}"] = verify_files(Path(root), files, content_sha256)
    if origins is not None:
        rows = read_table(origins, "origins").iter_rows(named=True)
        corpus = replace(corpus, origins={row.pop("image_id"): Origin(**row) for row in rows})
    outcomes_of: dict[str, list[Outcome]] = {}
    with worker_pool(_edit, (corpus, config), workers, preload=["nearmiss.stages.inpaint.editing"]) as edit_all:
        for options in config.operations:
            outcomes_of[options.operation] = _pairs(edit_all, corpus, options, config.seed)
    pairs = [pair for outcomes in outcomes_of.values() for outcome in outcomes for pair in outcome.pairs]
    rejected = [Rejection(image_id, None, "", None, reason) for image_id, reason in corpus.set_aside]
    rejected += [row for outcomes in outcomes_of.values() for outcome in outcomes for row in outcome.rejected]
    if config.operations and not pairs:
        reasons = Counter(row.reason for row in rejected).most_common(5)
        raise InputError(
            f"no pair could be made; reasons: {', '.join(f'{reason} ({count})' for reason, count in reasons)}",
            file=captions,
            remedy="give captions that name the objects with masks, or other operations",
        )
    with target as folder:
        write(pairs, folder / PAIRS)
        table_of_rejected = pl.DataFrame([vars(row) for row in rejected], schema=REJECTIONS, orient="row")
        if config.model_filter is not None:
            table_of_rejected = pl.concat([table_of_rejected, _filtered(folder / PAIRS, config.model_filter)])
        table_of_rejected.write_parquet(folder / REJECTED, statistics=False)
        kept = pl.read_parquet(folder / PAIRS, glob=False)
        summary = _summary(corpus, config, outcomes_of) | {
            "pairs": kept.height,
            "rejected": table_of_rejected.height,
            "by_concept": dict(sorted(kept["concept"].value_counts().iter_rows())),
        }
        write_json(folder / SUMMARY, summary)
        write_sheets(kept, folder / SHEETS)
        described = kept.select("concept", "coco_details", "inpaint_details")
        write_text(folder / CARD, card(described, table_of_rejected, config, PAIRS))
        # workers are children of a server process, so the CPU time of the job does not include them
        edits = [outcome.cpu_seconds for outcomes in outcomes_of.values() for outcome in outcomes]
        cost.counts.update(pairs=len(pairs), pictures=len(edits), edit_cpu_seconds=round(sum(edits), 3))
        cost.write(folder)
        outputs = [PAIRS, REJECTED, SUMMARY, SHEETS, CARD]
        write_manifest(folder, stage="inpaint", fingerprint=fingerprint, inputs=inputs, outputs=outputs)
    return summary


def plan(
    *, config: InpaintConfig, images: Path, objects: Path, captions: Path, root: Path, relations: Path | None = None
) -> Iterator[str]:
    """Yield a line for each change that captions and annotations allow, without editing."""
    corpus = read_corpus(images, objects, captions, relations, root, split=config.split, caption_set=config.captions)
    for options in config.operations:
        for image_id in sorted(corpus.annotations):
            for each in planned(corpus, options, config, image_id, Outcome()):
                edit = each.caption_edits[0]
                change = f"{options.operation} {each.plan.object_id}, {each.plan.old} -> {each.plan.new}"
                yield f"{image_id} {change}: {edit.text} -> {edit.edited}"


def _filtered(pairs: Path, options: ModelFilter) -> pl.DataFrame:
    """Remove pairs from the file by a model; the rows of the removed ones."""
    from nearmiss.engine.scoring.encoder import Encoder  # torch takes seconds to import
    from nearmiss.stages.inpaint.model_filter import filter_by_model

    return filter_by_model(pairs, Encoder(options.name, options.pretrained))


def _pairs(edit_all: Map, corpus: Corpus, options: OperationConfig, seed: int) -> list[Outcome]:
    """The outcomes of one operation until it has its number of pairs."""
    name = options.operation
    order = sorted(corpus.annotations, key=lambda image_id: (derive(seed, "inpaint", name, image_id), image_id))
    outcomes: list[Outcome] = []
    made = 0
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    for batch in batches:
        if made >= options.pairs:
            break
        tasks = [(options, image_id) for image_id in batch]
        for outcome in progress(edit_all(tasks), what=name, total=len(tasks)):
            if made >= options.pairs:
                break
            del outcome.pairs[options.pairs - made :]
            outcomes.append(outcome)
            made += len(outcome.pairs)
    return outcomes


def _summary(corpus: Corpus, config: InpaintConfig, outcomes_of: dict[str, list[Outcome]]) -> dict[str, Any]:
    """Counts. `changed_outside_masks`: pixels that differ outside of the masks, over all pairs."""
    all_outcomes = [outcome for outcomes in outcomes_of.values() for outcome in outcomes]
    pairs = [pair for outcome in all_outcomes for pair in outcome.pairs]
    requested: dict[str, int] = {options.operation: options.pairs for options in config.operations}
    return {
        "split": config.split,
        "pictures": {"of_split": len(corpus.images), "with_things": len(corpus.annotations)},
        "pairs": len(pairs),
        "rejected": sum(len(outcome.rejected) for outcome in all_outcomes),
        "changed_outside_masks": sum(outcome.changed_outside for outcome in all_outcomes),
        "by_operation": {
            name: {
                "requested": requested[name],
                "pairs": sum(len(outcome.pairs) for outcome in outcomes),
                "pictures": len(outcomes),
                "reasons": dict(sorted(Counter(row.reason for each in outcomes for row in each.rejected).items())),
            }
            for name, outcomes in sorted(outcomes_of.items())
        },
        "by_concept": dict(sorted(Counter(pair.concept for pair in pairs).items())),
        "by_verdict": dict(sorted(Counter(pair.inpaint_details.verdict for pair in pairs).items())),
        "by_reason": dict(sorted(Counter(row.reason for each in all_outcomes for row in each.rejected).items())),
    }


def _edit(given: tuple[Corpus, InpaintConfig], task: tuple[OperationConfig, str]) -> Outcome:
    corpus, config = given
    return edit_image(corpus, task[0], config, task[1])
