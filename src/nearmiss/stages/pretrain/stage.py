"""Stage `pretrain`: trains the base from its model's initial weights, and every other arm from the base."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nearmiss.base.device import deterministic
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256, write_text
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.formats.ce_clip import EMPTY
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.checkpoint import load_weights
from nearmiss.engine.models.cross_encoder import CrossEncoder, save_fusion
from nearmiss.engine.models.frozen_parts import TextParts, cut_of
from nearmiss.engine.models.image_features import RECORD, open_image_features
from nearmiss.engine.models.trainable import adapt_matrices, freeze, merged
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.objectives.spec import needs_paraphrases, needs_placeholder, reads_negatives
from nearmiss.engine.training import augmentations
from nearmiss.engine.training.batches import Batch, Batches, held_out
from nearmiss.engine.training.corpus import Corpus, read_corpus
from nearmiss.engine.training.corpus_files import open_corpus, store_corpus
from nearmiss.engine.training.flops import matrix_rate
from nearmiss.engine.training.frozen_features import CachedTexts, FrozenFeatures
from nearmiss.engine.training.parallel import Group, joined
from nearmiss.engine.training.state import CORPUS, State, claimed
from nearmiss.engine.training.trainer import Trainer, TrainingProgress
from nearmiss.engine.training.truth import SceneTruth
from nearmiss.stages.pretrain.config import ArmConfig, PretrainConfig
from nearmiss.stages.pretrain.features import image_record, text_record
from nearmiss.stages.pretrain.inputs import Run, check, with_fusion

CHECKPOINT, CURVE = "checkpoint", "curve.jsonl"
MOST_VALIDATED = 16  # batches of a validation


def run(
    *,
    shared: PretrainConfig,
    arm_name: str,
    arm: ArmConfig,
    seed: int,
    store: Path,
    captions: Path,
    words: Path | None,
    negatives: Path | None,
    start: Path | None,
    state: Path,
    fingerprint: Path | None,
    out: Path,
    truth: Path | None = None,
    features: Sequence[Path] = (),
) -> None:
    """Train one run and write the folder `out`: checkpoint/, curve.jsonl, manifest.json, cost.json.

    `base` needs no `start`; every other arm needs the base's checkpoint folder, and one with a method its `negatives`.
    A small built-in model needs `words`, from which its tokenizer is built; one of open_clip has its own tokenizer.
    `truth`, the folder of the world's scenes, is only for the mask of that name; `features` are the cached features of
    `pretrain.frozen`, if they are cached. An interrupted run resumes from
    `state` if it is started with the same arguments; on a CPU the result is bit-identical. Raises InputError before
    compute if the inputs do not fit, and if the training diverges.
    """
    cost, began = Cost(), (time.perf_counter(), time.process_time())
    given = Run(
        shared, arm_name, arm, seed, store, captions, words, negatives, start, fingerprint, truth, tuple(features)
    )
    check(given)
    target = OutputFolder(out, inputs=[store, captions, words, negatives, start, state, truth, *features])
    inputs = given.hashes
    architecture = given.architecture
    images = Store(store)
    if given.device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # required for deterministic cuBLAS
    with (
        joined(given.device) as group,
        claimed(state, given.key()) if group.leads else nullcontext(State(state / given.key())) as saved,
        deterministic(shared.threads),
    ):
        corpus, kept = held_out(_corpus(given, images, saved, group), shared.validation.share, seed)
        batches = Batches(
            corpus,
            size=shared.batch_size,
            seed=seed,
            phase=given.phase_name,
            num_negatives=arm.num_negatives,
            only_positives=not reads_negatives(arm.objective),
        )
        if start is None:
            model = architecture.begun(seed)
            inputs |= {name: sha256(file) for name, file in architecture.weight_files().items()}
        else:
            model = architecture.fresh(seed)
            load_weights(start, model)
        frozen = _frozen_features(given, model, images, corpus) if features else None
        freeze(model, [*shared.frozen, *arm.freeze])
        if arm.lora is not None:
            adapt_matrices(model, arm.lora.target_modules, rank=arm.lora.rank, alpha=arm.lora.alpha, seed=seed)
        whole = with_fusion(given, model)
        trainer = Trainer(
            model=whole,
            objective=Objective(arm.objective, corpus.negative_table.types if corpus.negative_table else ("",)),
            batches=batches,
            pixels=images.pixels,
            preprocessing=architecture.config["preprocess_cfg"],
            config=given.training,
            device=given.device,
            truth=None if truth is None else SceneTruth(truth, images.ids, corpus.book),
            validation=_validation(given, kept),
            group=group,
            pad=architecture.tokenization.pad,
            frozen=frozen,
        )
        with _out_of_memory_reported():
            done = trainer.run(saved)
        if not group.leads:
            return
        with target as folder:
            architecture.save(folder / CHECKPOINT, merged(model))
            if isinstance(whole, CrossEncoder):
                save_fusion(folder / CHECKPOINT, whole.fusion)
            write_text(folder / CURVE, "".join(json.dumps(line) + "\n" for line in done.curve))
            cost.counts = {
                **_costs(given, corpus, done),
                "seconds": round(time.perf_counter() - began[0] + trainer.earlier[0], 3),
                "cpu_seconds": round(time.process_time() - began[1] + trainer.earlier[1], 3),
            }
            cost.write(folder)
            outputs = [CHECKPOINT, f"{CHECKPOINT}/{WEIGHTS}", CURVE]
            write_manifest(folder, stage="pretrain", fingerprint=fingerprint, inputs=inputs, outputs=outputs)


def _corpus(given: Run, images: Store, saved: State, group: Group) -> Corpus:
    """The texts of the run, mapped from files beside its state, which the first process of the group writes."""
    shared, arm = given.shared, given.arm
    folder = saved.folder / CORPUS
    if group.leads:
        store_corpus(
            folder,
            lambda: read_corpus(
                store=images,
                captions=given.captions,
                caption_set=given.caption_set,
                negatives=given.negatives,
                verdicts=arm.verdicts,
                tokenization=given.architecture.tokenization,
                paraphrased=needs_paraphrases(arm.objective),
                placeholder=EMPTY if needs_placeholder(arm.objective) else None,
                sources=shared.sources,
                strings=given.truth is not None,
                inspect=partial(augmentations.check, shared.augment) if shared.augment else None,
            ),
        )
    group.wait()
    return open_corpus(folder)


def _frozen_features(given: Run, model: Any, images: Store, corpus: Corpus) -> FrozenFeatures:
    """The cached features of the frozen parts, compared with the model, the store and the texts of the run."""
    cut, kinds = cut_of(model, given.shared.frozen), {folder: read_json(folder / RECORD) for folder in given.features}
    texts = [folder for folder, record in kinds.items() if "layers" in record]
    of_images = [folder for folder in kinds if folder not in texts]
    found = None
    if cut.image is not None and of_images:
        found = open_image_features(of_images[0], image_record(given, model, cut), count=len(images))
    cached = None
    if cut.layers is not None and texts:
        parts = TextParts(model.to(given.device), cut.layers)
        cached = CachedTexts(texts, text_record(given.architecture, model, cut), corpus.book, parts)
    return FrozenFeatures(cut, found, cached)


@contextmanager
def _out_of_memory_reported() -> Iterator[None]:
    """Raise InputError, with the options to change, if the device runs out of memory; the saved state is kept."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"the device ran out of memory: {str(error).splitlines()[0]}",
            record="pretrain.grad_cache_chunks",
            remedy="raise pretrain.grad_cache_chunks (same gradients, less memory), or lower pretrain.batch_size or "
            "the arm's num_negatives",
        ) from None


def _validation(given: Run, kept: Corpus) -> list[Batch]:
    """Complete batches of the held-out images, the same ones at every validation."""
    if not len(kept):
        return []
    size = min(given.shared.batch_size, len(kept))
    batches = Batches(
        kept,
        size=size,
        seed=given.seed,
        phase="validation",
        num_negatives=given.arm.num_negatives,
        only_positives=not reads_negatives(given.arm.objective),
    )
    return [batches.at(step) for step in range(min(batches.per_epoch, MOST_VALIDATED))]


def _costs(given: Run, corpus: Corpus, done: TrainingProgress) -> dict[str, float | str]:
    """Costs of the whole run, in this process and, if it was resumed, in earlier ones."""
    bf16 = given.shared.precision == "bf16" and given.device.type == "cuda"
    seconds = max(done.seconds, 1e-9)  # a base of 0 steps takes none
    rate = matrix_rate(given.device, torch.bfloat16 if bf16 else torch.float32)
    return {
        **done.counts,
        "device": given.device.type,
        "training_seconds": round(done.seconds, 3),
        "training_cpu_seconds": round(done.cpu_seconds, 3),
        "steps_per_second": round(done.step / seconds, 3),
        "mfu": round(done.counts["flops"] / seconds / rate, 4),
        "truncated_texts": corpus.book.truncated,
        "unknown_texts": corpus.book.unknown,
    }
