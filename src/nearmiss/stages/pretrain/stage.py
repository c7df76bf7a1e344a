"""Stage `pretrain`: the base is trained from random weights, every other arm continues from it."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_text
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.formats.ce_clip import EMPTY
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.checkpoint import fresh_model, load_weights
from nearmiss.engine.models.cross_encoder import CrossEncoder, save_fusion
from nearmiss.engine.models.low_rank import merged
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.objectives.spec import needs_paraphrases, needs_placeholder
from nearmiss.engine.training import augmentations
from nearmiss.engine.training.batches import Batch, Batches
from nearmiss.engine.training.corpus import Corpus, read_corpus
from nearmiss.engine.training.flops import matrix_rate
from nearmiss.engine.training.held_out import held_out
from nearmiss.engine.training.learned import adapt_matrices, freeze
from nearmiss.engine.training.loop import Training, deterministic
from nearmiss.engine.training.optimizer import Schedule
from nearmiss.engine.training.parallel import joined
from nearmiss.engine.training.recipe import Progressed, Recipe
from nearmiss.engine.training.state import State, claimed
from nearmiss.engine.training.truth import SceneTruth
from nearmiss.stages.pretrain.config import ArmConfig, PretrainConfig
from nearmiss.stages.pretrain.fusion import check_fusion, with_fusion
from nearmiss.stages.pretrain.inputs import Run, check

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
    words: Path,
    negatives: Path | None,
    start: Path | None,
    state: Path,
    fingerprint: Path | None,
    out: Path,
    truth: Path | None = None,
) -> None:
    """Train one run and write the folder `out`: checkpoint/, curve.jsonl, manifest.json, cost.json.

    `base` needs no `start`; every other arm needs the base's checkpoint folder, and one with a method its `negatives`;
    `truth`, the folder of the world's scenes, belongs to the mask of that name.
    Killed and started again with the same arguments, it goes on from `state` and, on a CPU, gives the same bits.
    Raises InputError before any compute where the inputs do not fit, and where the training diverges.
    """
    cost, began = Cost(), (time.perf_counter(), time.process_time())
    given = Run(shared, arm_name, arm, seed, store, captions, words, negatives, start, fingerprint, truth)
    check(given)
    check_fusion(given)
    target = OutputFolder(out, inputs=[store, captions, words, negatives, start, state, truth])
    inputs = given.hashes
    architecture = given.architecture
    pictures = Store(store)
    corpus = read_corpus(
        store=pictures,
        captions=captions,
        negatives=negatives,
        verdicts=arm.verdicts,
        tokenization=architecture.tokenization,
        paraphrased=needs_paraphrases(arm.objective),
        placeholder=EMPTY if needs_placeholder(arm.objective) else None,
        sources=shared.sources,
    )
    augmentations.check(shared.augment, corpus.book.number)
    corpus, kept = held_out(corpus, shared.validation.share, seed)
    batches = Batches(
        corpus, size=shared.batch_size, seed=seed, phase=given.phase_name, num_negatives=arm.num_negatives
    )
    if given.device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic with this alone
    with (
        joined(given.device) as group,
        claimed(state, given.key()) if group.leads else nullcontext(State(state / given.key())) as saved,
        deterministic(shared.threads),
    ):
        model = architecture.begun(seed) if start is None else fresh_model(architecture.config, seed)
        if start is not None:
            load_weights(start, model)
        freeze(model, arm.freeze)
        if arm.lora is not None:
            adapt_matrices(model, arm.lora.target_modules, rank=arm.lora.rank, alpha=arm.lora.alpha, seed=seed)
        whole = with_fusion(given, model)
        training = Training(
            model=whole,
            objective=Objective(arm.objective, corpus.foils.types if corpus.foils else ("",)),
            batches=batches,
            pixels=pictures.pixels,
            preprocessing=architecture.config["preprocess_cfg"],
            recipe=_recipe(given),
            device=given.device,
            truth=None if truth is None else SceneTruth(truth, pictures.ids, corpus.book),
            validation=_validation(given, kept),
            group=group,
            pad=architecture.tokenization.pad,
        )
        with _memory_named():
            done = training.run(saved)
        if not group.leads:
            return
        with target as folder:
            architecture.save(folder / CHECKPOINT, merged(model))
            if isinstance(whole, CrossEncoder):
                save_fusion(folder / CHECKPOINT, whole.fusion)
            write_text(folder / CURVE, "".join(json.dumps(line) + "\n" for line in done.curve))
            cost.counts = {
                **_costs(given, corpus, done),
                "seconds": round(time.perf_counter() - began[0] + training.earlier[0], 3),
                "cpu_seconds": round(time.process_time() - began[1] + training.earlier[1], 3),
            }
            cost.write(folder)
            write_manifest(
                folder, stage="pretrain", fingerprint=fingerprint, inputs=inputs, outputs=[CHECKPOINT, CURVE]
            )


@contextmanager
def _memory_named() -> Iterator[None]:
    """A device that runs out of memory ends with what to lower; the saved state stays."""
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
    """Whole batches of the images that were kept apart, the same ones every time."""
    if not len(kept):
        return []
    size = min(given.shared.batch_size, len(kept))
    batches = Batches(kept, size=size, seed=given.seed, phase="validation", num_negatives=given.arm.num_negatives)
    return [batches.at(step) for step in range(min(batches.per_epoch, MOST_VALIDATED))]


def _recipe(given: Run) -> Recipe:
    shared = given.shared
    return Recipe(
        schedule=Schedule(
            given.phase.steps, warmup_steps=shared.warmup_steps, cooldown_steps=given.phase.cooldown_steps
        ),
        image_lr=given.arm.image_lr,
        text_lr=given.arm.text_lr,
        weight_decay=shared.weight_decay,
        clip=shared.grad_clip_norm,
        bf16=shared.precision == "bf16",
        checkpoint_every=shared.checkpoint_every,
        mask=given.arm.mask,
        augment=tuple(shared.augment),
        seed=given.seed,
        parts=shared.grad_cache_chunks,
        average=shared.ema_decay,
        compile=shared.compile,
        validate_every=shared.validation.every if shared.validation.share else 0,
        patience=shared.validation.patience if shared.validation.share else None,
    )


def _costs(given: Run, corpus: Corpus, done: Progressed) -> dict[str, float | str]:
    """What the whole run computed, in this process and, where it was resumed, in those before."""
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
