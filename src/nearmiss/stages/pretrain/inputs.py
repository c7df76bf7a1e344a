"""Inputs of a run of stage pretrain, checked before compute, and the key of its state."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import torch

from nearmiss.base.device import device_of
from nearmiss.base.errors import InputError
from nearmiss.base.fingerprint_file import read_fingerprint
from nearmiss.base.manifest import verify_inputs, versions
from nearmiss.base.table_parts import read_parts
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.images.store import IDS, PIXELS, Store
from nearmiss.engine.models.architecture import Architecture, named_architecture, own_architecture, weights_file
from nearmiss.engine.models.checkpoint import check_checkpoint
from nearmiss.engine.models.cross_encoder import CrossEncoder, fresh_fusion
from nearmiss.engine.models.image_features import FEATURES, RECORD
from nearmiss.engine.models.tokenization import read_words, tokenization_of
from nearmiss.engine.models.two_towers import local_weight_files, two_towers
from nearmiss.engine.objectives.spec import needs_fusion, needs_paraphrases, needs_positives
from nearmiss.engine.training.corpus import DRAWN_WITH, NEGATIVES, PARAPHRASES, POSITIVES, has_positives
from nearmiss.engine.training.encoding import check_whole_batches
from nearmiss.engine.training.frozen_features import FIRST, TOKENS
from nearmiss.engine.training.spec import TrainingConfig
from nearmiss.stages.pretrain.config import (
    BASE,
    AnyModelConfig,
    ArmConfig,
    ModelConfig,
    OpenClipConfig,
    PretrainConfig,
    TwoTowerConfig,
    training_config,
)

FEATURE_FILES = (FEATURES, TOKENS, FIRST)
LARGEST_SEED = 2**63 - 1  # of an Int64 column


@dataclass(frozen=True)
class Run:
    """One training run: an arm with its options, seed and files."""

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
    features: tuple[Path, ...] = ()
    """Folders of cached features of frozen parts: of the images, and of texts."""

    @property
    def phase_name(self) -> str:
        """Name of the phase; its arms have the same images and captions in the same order."""
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
        """All input files by name."""
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
            if (self.negatives / DRAWN_WITH).is_file():
                found["negatives/drawn_with"] = self.negatives / DRAWN_WITH
            if needs_paraphrases(self.arm.objective):
                found["negatives/paraphrases"] = self.negatives / PARAPHRASES
        if self.start is not None:
            found["start"] = self.start
            if (self.start / WEIGHTS).is_file():  # otherwise it is not a checkpoint, which is reported below
                found["start/weights"] = self.start / WEIGHTS
        if self.truth is not None:
            found["truth"] = self.truth
        for number, folder in enumerate(self.features):
            found[f"features/{number}"] = folder / RECORD
            found |= {f"features/{number}/{name}": folder / name for name in FEATURE_FILES if (folder / name).exists()}
        model = self.shared.model
        if self.arm_name == BASE and isinstance(model, TwoTowerConfig):
            found |= local_weight_files(model.image.model_dump(), model.text.model_dump())
        if self.arm_name == BASE and isinstance(model, OpenClipConfig):
            weights = weights_file(model.name, model.pretrained)
            found |= {"weights": weights} if weights is not None else {}
        return found

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of all input files by name, verified against their records; see `verify_inputs`."""
        return verify_inputs(self.files())

    def key(self) -> str:
        """Hash of everything that determines the weights: options, fingerprint, input files, device."""
        content: dict[str, Any] = {
            "shared": self.shared.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "arm": [self.arm_name, self.arm.model_dump(mode="json"), self.seed],
            "fingerprint": read_fingerprint(self.fingerprint) if self.fingerprint is not None else None,
            "files": self.hashes,
            "versions": versions(),
            "device": self.device.type,
        }
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()

    @cached_property
    def architecture(self) -> Architecture:
        """The architecture: a small model with the vocabulary of the word list, one of open_clip, or two towers."""
        return architecture_of(self.shared.model, self.words)


def architecture_of(model: AnyModelConfig, words: Path | None) -> Architecture:
    """The architecture of a model; a small one's tokenizer is made of the file `words`."""
    if isinstance(model, TwoTowerConfig):
        return two_towers(model.image.model_dump(), model.text.model_dump(), model.embed_dim)
    if isinstance(model, OpenClipConfig):
        return named_architecture(model.name, model.pretrained, model.sha256)
    assert words is not None  # checked
    return own_architecture(model.model_dump(), read_words(words))


def check(run: Run) -> None:
    """Raise InputError if the files do not fit the arm. Reads only headers and small files."""
    arm = run.arm
    if not 0 <= run.seed <= LARGEST_SEED:
        raise InputError(
            f"the seed is {run.seed}",
            record="seeds",
            remedy=f"use a seed from 0 to {LARGEST_SEED}, the range of a table column",
        )
    _ = run.device  # raises an error if the device does not exist
    model = run.shared.model
    if isinstance(model, ModelConfig) and model.text_width % model.text_heads:
        raise InputError(
            f"a text tower of width {model.text_width} cannot have {model.text_heads} equal heads",
            record="pretrain.model.text_heads",
            remedy="use a number of heads that divides the width",
        )
    _check_words(run)
    _check_objective(run)
    _check_chunks(run)
    _check_negatives(run)
    _check_truth(run)
    _check_features(run)
    for name, path in run.files().items():
        if not path.exists():
            raise InputError(
                f"an input is missing: {name}", file=path, remedy="run the stages before, or correct the path"
            )
    _check_store(run)
    _check_start(run)
    _check_fusion(run)
    paired = run.negatives is not None and has_positives(
        run.negatives, pl.concat(read_parts(run.captions, "captions", ("caption_id",)))
    )
    if needs_positives(arm.objective) and not paired:
        raise InputError(
            f"the term 'contrastive_positives' trains on captions that a method writes, but '{arm.method}' writes none",
            record=f"arms.{run.arm_name}.method",
            remedy="use a method that does, such as scene_graph, or set the method's wording to varied",
        )
    if paired and arm.num_negatives < 2:
        raise InputError(
            f"the method '{arm.method}' writes pairs of texts, but num_negatives is {arm.num_negatives}",
            record=f"arms.{run.arm_name}.num_negatives",
            remedy="set num_negatives to 2 or more",
        )


def _check_words(run: Run) -> None:
    if run.shared.reads_words and run.words is None:
        raise InputError(
            "the model's tokenizer is built from a word list, but none is given",
            record="pretrain.model",
            remedy="give --words a file with one word per line, or use a model that has its own tokenizer",
        )
    if run.words is not None and not run.shared.reads_words:
        raise InputError(
            "the model has its own tokenizer, but a word list is given",
            file=run.words,
            remedy="omit --words",
        )


def _check_objective(run: Run) -> None:
    """The same checks as for an experiment file, for command-line flags and other callers."""
    terms = [term.term for term in run.arm.objective]
    if not terms or len(set(terms)) != len(terms):
        fault = "has a duplicate loss term" if terms else "has no loss term"
        raise InputError(
            f"the arm '{run.arm_name}' {fault}",
            record=f"arms.{run.arm_name}.objective",
            remedy="list at least one term, and each term once",
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
            remedy="use nearmiss pretrain, which starts the processes, or torchrun with this --nproc-per-node",
        )


def _check_negatives(run: Run) -> None:
    method = run.arm.method
    if method is not None and run.negatives is None:
        raise InputError(
            f"the arm '{run.arm_name}' trains on negatives of method '{method}', but none are given",
            record=f"arms.{run.arm_name}.method",
            remedy="give --negatives the folder of stage negatives",
        )
    if method is None and run.negatives is not None:
        raise InputError(
            f"the arm '{run.arm_name}' has no method, but negatives are given",
            file=run.negatives,
            remedy="omit --negatives, or give the arm a method and a term that uses negatives",
        )


def _check_truth(run: Run) -> None:
    if (run.arm.mask == "truth") != (run.truth is not None):
        wanted = run.arm.mask == "truth"
        raise InputError(
            f"the arm '{run.arm_name}' has the mask '{run.arm.mask}', but {'no' if wanted else 'a'} truth is given",
            file=run.truth,
            record=f"arms.{run.arm_name}.mask",
            remedy="give --truth the folder of scenes" if wanted else "omit --truth, or set the mask to truth",
        )


def _check_features(run: Run) -> None:
    if run.shared.cache_frozen != bool(run.features):
        wanted = run.shared.cache_frozen
        raise InputError(
            f"pretrain.cache_frozen is {str(wanted).lower()}, but {'no' if wanted else 'cached'} features are given",
            file=run.features[0] if run.features else None,
            record="pretrain.cache_frozen",
            remedy="give --features the folders of nearmiss features" if wanted else "omit --features",
        )
    if run.features and needs_fusion(run.arm.objective) and "image" in run.shared.frozen:
        raise InputError(
            "a cross-encoder reads an image's patches, and the cached features are one embedding an image",
            record=f"arms.{run.arm_name}.objective",
            remedy="set pretrain.cache_frozen to false, freeze visual.trunk.* of a timm trunk instead of image, or "
            "remove image_text_matching",
        )


def _check_store(run: Run) -> None:
    store = Store(run.store)
    if store.side != run.architecture.side:
        raise InputError(
            f"the store's images have a side of {store.side} pixels, the model's input has {run.architecture.side}",
            file=run.store / PIXELS,
            record="pretrain.model.image_size",
            remedy="create the store again with this configuration (nearmiss store)",
        )
    if len(store) < run.shared.batch_size:
        raise InputError(
            f"the store has {len(store)} images, but batch_size is {run.shared.batch_size}",
            file=run.store / IDS,
            record="pretrain.batch_size",
            remedy="lower pretrain.batch_size, or use more training images",
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
            "the arm 'base' starts from the model's initial weights, but a checkpoint is given",
            file=run.start,
            remedy="omit --start, or choose another arm",
        )
    check_checkpoint(run.start, run.architecture.config)
    words = tokenization_of(f"local-dir:{run.start}", run.architecture.config["model_cfg"]["text_cfg"], run.start)
    if words.tokenizer.get_vocab() != run.architecture.tokenization.tokenizer.get_vocab():
        raise InputError(
            "the checkpoint was trained with another word list",
            file=run.start,
            remedy="train the base again with this word list",
        )


def _check_fusion(run: Run) -> None:
    """Raise InputError, before compute, if an arm's matching term cannot be trained as configured."""
    if not needs_fusion(run.arm.objective):
        return
    shape = run.shared.fusion
    if run.arm_name == BASE:
        raise InputError(
            "the base is a dual encoder, but its objective has a matching term",
            record="arms.base.objective",
            remedy="remove image_text_matching; an arm that continues from the base may have it",
        )
    if shape.width % shape.heads:
        raise InputError(
            f"a fusion of width {shape.width} cannot have {shape.heads} equal heads",
            record="pretrain.fusion.heads",
            remedy="use a number of heads that divides the width",
        )
    check_whole_batches(run.shared.grad_cache_chunks * run.shared.num_processes, run.shared.compile)


def with_fusion(run: Run, dual: Any) -> Any:
    """The model of a run: the dual encoder, or, for a matching term, a cross-encoder with a random fusion."""
    if not needs_fusion(run.arm.objective):
        return dual
    side, shape = run.architecture.side, run.shared.fusion
    fusion = fresh_fusion(dual, side=side, width=shape.width, heads=shape.heads, layers=shape.layers, seed=run.seed)
    return CrossEncoder(dual, fusion)
