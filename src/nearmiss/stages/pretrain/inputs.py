"""What a run of stage pretrain is given, checked before any compute, and the key of its state."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from nearmiss.base.device import device_of
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.manifest import verify_inputs, versions
from nearmiss.base.tables import read_table
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.images.store import IDS, PIXELS, Store
from nearmiss.engine.models.architecture import Architecture, named_architecture, own_architecture, weights_file
from nearmiss.engine.models.checkpoint import check_checkpoint
from nearmiss.engine.models.cross_encoder import CrossEncoder, fresh_fusion
from nearmiss.engine.models.text import packable
from nearmiss.engine.models.tokenization import read_words, tokenization_of
from nearmiss.engine.objectives.spec import needs_fusion, needs_paraphrases
from nearmiss.engine.training.corpus import NEGATIVES, PARAPHRASES, POSITIVES, has_positives
from nearmiss.engine.training.encoding import check_whole_batches
from nearmiss.engine.training.spec import TrainingConfig
from nearmiss.stages.pretrain.config import (
    BASE,
    ArmConfig,
    ModelConfig,
    OpenClipConfig,
    PretrainConfig,
    training_config,
)

LARGEST_SEED = 2**63 - 1  # of an Int64 column


@dataclass(frozen=True)
class Run:
    """One training: which arm with which options and seed, from which files."""

    shared: PretrainConfig
    arm_name: str
    arm: ArmConfig
    seed: int
    store: Path
    captions: Path
    words: Path | None
    negatives: Path | None
    start: Path | None
    fingerprint: Path | None
    truth: Path | None = None

    @property
    def phase_name(self) -> str:
        """Arms of one phase see the same images and captions in the same order."""
        return BASE if self.arm_name == BASE else "continued"

    @property
    def caption_set(self) -> str | None:
        """The set of the images' own captions that this phase trains on."""
        return (self.shared.base if self.arm_name == BASE else self.shared.continued).captions

    @cached_property
    def training(self) -> TrainingConfig:
        """All options of the training."""
        return training_config(self.shared, self.arm_name, self.arm, self.seed)

    @property
    def device(self) -> torch.device:
        """The configured device."""
        return device_of(self.shared.device, key="pretrain.device")

    def files(self) -> dict[str, Path]:
        """Everything that is read, by name."""
        found = {
            "captions": self.captions,
            "store/image_ids": self.store / IDS,
            "store/pixels": self.store / PIXELS,
        }
        if self.words is not None:
            found["words"] = self.words
        if self.negatives is not None:
            found["negatives"] = self.negatives / NEGATIVES
            if (self.negatives / POSITIVES).is_file():
                found["negatives/captions"] = self.negatives / POSITIVES
            if needs_paraphrases(self.arm.objective):
                found["negatives/paraphrases"] = self.negatives / PARAPHRASES
        if self.start is not None:
            found["start"] = self.start
            if (self.start / WEIGHTS).is_file():  # else it is no checkpoint, which is told below
                found["start/weights"] = self.start / WEIGHTS
        if self.truth is not None:
            found["truth"] = self.truth
        model = self.shared.model
        if self.arm_name == BASE and isinstance(model, OpenClipConfig):
            weights = weights_file(model.name, model.pretrained)
            found |= {"weights": weights} if weights is not None else {}
        return found

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of everything that is read, by name, compared with its records; see `verify_inputs`."""
        return verify_inputs(self.files())

    def key(self) -> str:
        """Hash of all that decides the weights: options, fingerprint, input files, device."""
        content: dict[str, Any] = {
            "shared": self.shared.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "arm": [self.arm_name, self.arm.model_dump(mode="json"), self.seed],
            "fingerprint": read_json(self.fingerprint) if self.fingerprint is not None else None,
            "files": self.hashes,
            "versions": versions(),
            "device": self.device.type,
        }
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()

    @cached_property
    def architecture(self) -> Architecture:
        """The model before its training: of ours with the vocabulary of the words, or one of open_clip's."""
        model = self.shared.model
        if isinstance(model, OpenClipConfig):
            return named_architecture(model.name, model.pretrained, model.sha256)
        assert self.words is not None  # checked
        return own_architecture(model.model_dump(), read_words(self.words))


def check(run: Run) -> None:
    """Raise InputError where the files are not those that the arm needs. Reads headers and small files only."""
    arm = run.arm
    if not 0 <= run.seed <= LARGEST_SEED:
        raise InputError(
            f"the seed is {run.seed}",
            record="seeds",
            remedy=f"take a seed from 0 to {LARGEST_SEED}, which tables can hold",
        )
    _ = run.device  # refused before anything is read where it is not there
    model = run.shared.model
    if isinstance(model, ModelConfig) and model.text_width % model.text_heads:
        raise InputError(
            f"a text tower {model.text_width} wide has no {model.text_heads} equal heads",
            record="pretrain.model.text_heads",
            remedy="take a number of heads that divides the width",
        )
    _check_words(run)
    _check_objective(run)
    _check_chunks(run)
    _check_negatives(run)
    _check_truth(run)
    for name, path in run.files().items():
        if not path.exists():
            raise InputError(f"an input is missing: {name}", file=path, remedy="run the stages before, or correct it")
    _check_store(run)
    _check_start(run)
    _check_fusion(run)
    if (
        run.negatives is not None
        and arm.num_negatives < 2
        and has_positives(run.negatives, read_table(run.captions, "captions"))
    ):
        raise InputError(
            f"the method '{arm.method}' gives pairs of texts, but num_negatives is {arm.num_negatives}",
            record=f"arms.{run.arm_name}.num_negatives",
            remedy="set num_negatives to 2 or more",
        )


def _check_words(run: Run) -> None:
    if run.shared.reads_words and run.words is None:
        raise InputError(
            "the model's tokenizer is made of a list of words, but none is given",
            record="pretrain.model",
            remedy="give --words a file with one word a line, or name a model of open_clip's, which brings its own",
        )
    if run.words is not None and not run.shared.reads_words:
        raise InputError(
            "a model of open_clip's has a tokenizer of its own, but a list of words is given",
            file=run.words,
            remedy="leave --words out",
        )


def _check_objective(run: Run) -> None:
    """An experiment is checked for the same when it is read; flags and other callers come by here alone."""
    terms = [term.term for term in run.arm.objective]
    if not terms or len(set(terms)) != len(terms):
        fault = "names a loss term twice" if terms else "has no loss term"
        raise InputError(
            f"the arm '{run.arm_name}' {fault}",
            record=f"arms.{run.arm_name}.objective",
            remedy="name at least one term, and each term once",
        )


def _check_chunks(run: Run) -> None:
    shared, started = run.shared, int(os.environ.get("WORLD_SIZE", "1"))
    chunks = shared.grad_cache_chunks * shared.num_processes
    if chunks > shared.batch_size:
        raise InputError(
            f"batch_size {shared.batch_size} cannot be split into {chunks} chunks",
            record="pretrain.grad_cache_chunks",
            remedy="lower pretrain.grad_cache_chunks or pretrain.num_processes, or raise pretrain.batch_size",
        )
    if started != shared.num_processes:
        raise InputError(
            f"{started} processes were started, the configuration says {shared.num_processes}",
            record="pretrain.num_processes",
            remedy="start with nearmiss pretrain, which starts them itself, or give torchrun that --nproc-per-node",
        )


def _check_negatives(run: Run) -> None:
    method = run.arm.method
    if method is not None and run.negatives is None:
        raise InputError(
            f"the arm '{run.arm_name}' trains on negatives of method '{method}', but none are given",
            record=f"arms.{run.arm_name}.method",
            remedy="give --negatives the folder that stage negatives made",
        )
    if method is None and run.negatives is not None:
        raise InputError(
            f"the arm '{run.arm_name}' has no method, but negatives are given",
            file=run.negatives,
            remedy="leave --negatives out, or give the arm a method and a term that uses negatives",
        )


def _check_truth(run: Run) -> None:
    if (run.arm.mask == "truth") != (run.truth is not None):
        wanted = run.arm.mask == "truth"
        raise InputError(
            f"the arm '{run.arm_name}' has the mask '{run.arm.mask}', but {'no' if wanted else 'a'} truth is given",
            file=run.truth,
            record=f"arms.{run.arm_name}.mask",
            remedy="give --truth the folder of scenes" if wanted else "leave --truth out, or set the mask to truth",
        )


def _check_store(run: Run) -> None:
    store = Store(run.store)
    if store.side != run.architecture.side:
        raise InputError(
            f"the store's images have {store.side} pixels a side, the model sees {run.architecture.side}",
            file=run.store / PIXELS,
            record="pretrain.model.image_size",
            remedy="make the store again with this configuration (nearmiss store)",
        )
    if len(store) < run.shared.batch_size:
        raise InputError(
            f"the store has {len(store)} images, but batch_size is {run.shared.batch_size}",
            file=run.store / IDS,
            record="pretrain.batch_size",
            remedy="lower pretrain.batch_size, or take more training images",
        )


def _check_start(run: Run) -> None:
    if run.start is None:
        if run.arm_name != BASE:
            raise InputError(
                f"the arm '{run.arm_name}' continues from the base, but no checkpoint is given",
                remedy="train the base first and give --start its checkpoint folder",
            )
        return
    if run.arm_name == BASE:
        raise InputError(
            "the arm 'base' starts from the model's first weights, but a checkpoint is given",
            file=run.start,
            remedy="leave --start out, or name another arm",
        )
    check_checkpoint(run.start, run.architecture.config)
    words = tokenization_of(f"local-dir:{run.start}", run.architecture.config["model_cfg"]["text_cfg"], run.start)
    if words.tokenizer.get_vocab() != run.architecture.tokenization.tokenizer.get_vocab():
        raise InputError(
            "the checkpoint was trained with other words",
            file=run.start,
            remedy="train the base again with these words",
        )


def _check_fusion(run: Run) -> None:
    """Raise InputError, before any compute, where an arm's matching term cannot be trained as configured."""
    if not needs_fusion(run.arm.objective):
        return
    shape = run.shared.fusion
    if run.arm_name == BASE:
        raise InputError(
            "the base is a dual encoder, but its objective has a matching term",
            record="arms.base.objective",
            remedy="take image_text_matching out; an arm that continues from the base may have it",
        )
    if shape.width % shape.heads:
        raise InputError(
            f"a fusion {shape.width} wide has no {shape.heads} equal heads",
            record="pretrain.fusion.heads",
            remedy="take a number of heads that divides the width",
        )
    check_whole_batches(run.shared.grad_cache_chunks * run.shared.num_processes, run.shared.compile)


def with_fusion(run: Run, dual: Any) -> Any:
    """The model that a run trains: the dual encoder, or, for a matching term, that with a random fusion."""
    if not needs_fusion(run.arm.objective):
        return dual
    if not packable(dual):
        raise InputError(
            "a cross-encoder needs a causal text tower that is read out at the end token; this one is another",
            record="pretrain.model",
            remedy="take another model, or leave image_text_matching out",
        )
    side, shape = run.architecture.side, run.shared.fusion
    fusion = fresh_fusion(dual, side=side, width=shape.width, heads=shape.heads, layers=shape.layers, seed=run.seed)
    return CrossEncoder(dual, fusion)
