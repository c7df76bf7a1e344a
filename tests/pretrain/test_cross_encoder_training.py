"""An arm with a matching term trains a cross-encoder: it learns its pairs, and a killed run repeats to the bit."""

import json
import shutil
from dataclasses import replace

import open_clip
import pytest
import torch
import toy_training as toy
from safetensors.torch import load_file
from test_chunks_and_processes import TRAINING, corpus
from test_training import Killed, KilledState, weights

from nearmiss.base.device import deterministic
from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256, read_json, sha256
from nearmiss.engine.formats.checkpoint import CONFIG, checkpoint_files
from nearmiss.engine.images.store import Store
from nearmiss.engine.models import checkpoint
from nearmiss.engine.models.cross_encoder import FUSION_FILES, FUSION_WEIGHTS, CrossEncoder, open_cross_encoder
from nearmiss.engine.models.packing import pack
from nearmiss.engine.objectives import spec
from nearmiss.engine.objectives.image_text_matching import ImageTextMatchingTerm
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.training.batches import Batches
from nearmiss.engine.training.spec import ValidationConfig
from nearmiss.engine.training.trainer import Trainer
from nearmiss.stages.pretrain import stage
from nearmiss.stages.pretrain.config import ArmConfig, FusionConfig, PhaseConfig

SHARED = toy.CONFIG.model_copy(update={"fusion": FusionConfig(width=16, heads=2, layers=2)})
MATCHING = ArmConfig(method="toy", objective="hnc_itm")


@pytest.fixture
def toy_copy(toy_base, tmp_path):
    """A copy of the trained toy that a test may write to."""
    shutil.copytree(toy_base, tmp_path, dirs_exist_ok=True)
    return tmp_path


def arguments(folder, name="matching", negatives="negatives", arm=MATCHING, **changed):
    given = {"arm_name": "matching", "arm": arm, "negatives": folder / negatives}
    shared = SHARED.model_copy(update=changed)
    return toy.arguments(folder, **given, shared=shared, start=folder / "base" / "checkpoint", out=folder / name)


def curve(folder):
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def files(folder):
    return sorted(path.name for path in (folder / "checkpoint").iterdir())


@pytest.mark.parametrize("negatives", ["negatives", "pairs"])
def test_a_run_writes_a_dual_encoder_and_its_fusion_reproducibly(toy_copy, negatives):
    stage.run(**arguments(toy_copy, negatives=negatives))
    stage.run(**arguments(toy_copy, "again", negatives=negatives))
    out = toy_copy / "matching"
    assert files(out) == sorted([*checkpoint_files(tokenizer=True), *FUSION_FILES])
    assert files(toy_copy / "base") == sorted(checkpoint_files(tokenizer=True))
    assert folder_sha256(toy_copy / "again" / "checkpoint") == folder_sha256(out / "checkpoint")
    assert sha256(toy_copy / "again" / "curve.jsonl") == sha256(out / "curve.jsonl")
    assert {"loss", "contrastive", "image_text_matching"} <= set(curve(out)[0])
    plain, _, _ = open_clip.create_model_and_transforms(f"local-dir:{out / 'checkpoint'}")
    opened, _, _ = open_cross_encoder(out / "checkpoint")
    for name, value in weights(out).items():
        assert torch.equal(plain.state_dict()[name], value) and torch.equal(opened.dual.state_dict()[name], value)


def test_matching_pairs_cost_more_than_embeddings(toy_copy):
    stage.run(**arguments(toy_copy))
    stage.run(**arguments(toy_copy, "plain", arm=toy.OWN))
    costs = [read_json(toy_copy / name / "cost.json") for name in ("matching", "plain")]
    assert costs[0]["flops"] > costs[1]["flops"]
    assert costs[0]["texts"] == costs[1]["texts"] and costs[0]["tokens"] == costs[1]["tokens"]


@pytest.mark.parametrize("kill_at", [2, 4])
@pytest.mark.parametrize("average", [None, 0.5])
def test_an_interrupted_run_resumes_bit_identically(toy_copy, monkeypatch, kill_at, average):
    changed = {"ema_decay": average, "validation": ValidationConfig(share=0.34, every=2)}
    stage.run(**arguments(toy_copy, **changed))
    assert [line["step"] for line in curve(toy_copy / "matching") if "validation_loss" in line] == [2, 4, 6]
    with monkeypatch.context() as patch:
        patch.setattr(KilledState, "kill_at", kill_at)
        patch.setattr("nearmiss.engine.training.state.State", KilledState)
        with pytest.raises(Killed):
            stage.run(**arguments(toy_copy, "killed", **changed))
    stage.run(**arguments(toy_copy, "killed", **changed))
    for what in (folder_sha256, lambda folder: curve(folder.parent)):
        assert what(toy_copy / "killed" / "checkpoint") == what(toy_copy / "matching" / "checkpoint")


def test_resuming_without_the_fusion_changes_the_result(toy_copy, monkeypatch):
    stage.run(**arguments(toy_copy))
    resume = Trainer._resume

    def without_fusion(self, saved):
        forgotten = {name: value for name, value in self._whole.state_dict().items() if name.startswith("fusion.")}
        resume(self, replace(saved, tensors={**saved.tensors, **{f"model|{n}": v for n, v in forgotten.items()}}))

    monkeypatch.setattr(KilledState, "kill_at", 4)
    with monkeypatch.context() as patch:
        patch.setattr("nearmiss.engine.training.state.State", KilledState)
        with pytest.raises(Killed):
            stage.run(**arguments(toy_copy, "killed"))
    monkeypatch.setattr(Trainer, "_resume", without_fusion)
    stage.run(**arguments(toy_copy, "killed"))
    found = [load_file(toy_copy / name / "checkpoint" / FUSION_WEIGHTS) for name in ("killed", "matching")]
    assert not all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_loss_goes_down_and_the_true_text_of_a_pair_beats_its_negative(toy_copy):
    """Positives name the colour that their image is tinted with, their negatives another one."""
    phase = PhaseConfig(captions="narrow", steps=80)
    terms = [spec.Contrastive(), spec.ImageTextMatching(mined=False)]
    fast = ArmConfig(method="toy", objective=terms, image_lr=5e-3, text_lr=5e-3)
    stage.run(**arguments(toy_copy, negatives="pairs", arm=fast, continued=phase, checkpoint_every=100))
    losses = [line["image_text_matching"] for line in curve(toy_copy / "matching")]
    assert min(losses) < losses[0] / 2
    assert won(toy_copy, open_cross_encoder(toy_copy / "matching" / "checkpoint")[0]) > 0.9
    untrained = checkpoint.fresh_model(read_json(toy_copy / "matching" / "checkpoint" / CONFIG), 0)
    fusion = open_cross_encoder(toy_copy / "matching" / "checkpoint")[0].fusion
    assert won(toy_copy, CrossEncoder(untrained, fusion)) < 0.9  # the same fusion, given other features


@torch.no_grad()
def won(folder, model):
    """Share of the training's pairs of a true and a false text in which match_logit of the true one is larger."""
    read, pixels = corpus(folder, "pairs"), Store(folder / "store").pixels
    run = training(model.eval(), read, pixels)
    right = []
    for step in range(3):
        batch = run.batches.at(step)
        image = torch.arange(len(batch.rows)).repeat_interleave(batch.positives.shape[1])
        with deterministic(1):
            images, texts = run._batch_loss.encode(pixels[batch.rows], pack(batch.texts))
            logits = [model.match_logit(images, texts, image, t.flatten()) for t in (batch.positives, batch.negatives)]
        right += (logits[0] > logits[1])[batch.valid.flatten()].tolist()
    assert len(right) > 20
    return sum(right) / len(right)


def training(model, read, pixels, **changed):
    run = Trainer(
        model=model,
        objective=Objective(MATCHING.objective, read.negative_table.types),
        batches=Batches(read, size=8, seed=0, phase="continued", num_negatives=4),
        pixels=pixels,
        preprocessing=checkpoint.configuration(**SHARED.model.model_dump(), vocabulary=30)["preprocess_cfg"],
        config=TRAINING.model_copy(update=changed),
        device=torch.device("cpu"),
    )
    run._whole.eval()
    return run


def test_hard_pairs_depend_only_on_the_seed_and_the_step(toy_copy, monkeypatch):
    stage.run(**arguments(toy_copy))
    model, _, _ = open_cross_encoder(toy_copy / "matching" / "checkpoint")
    read, pixels = corpus(toy_copy, "negatives"), Store(toy_copy / "store").pixels
    noise, forward = [], ImageTextMatchingTerm.forward

    def seen(self, features):
        noise.append(features.matching.noise)
        return forward(self, features)

    monkeypatch.setattr(ImageTextMatchingTerm, "forward", seen)
    for seed, step in ((0, 0), (0, 0), (0, 1), (1, 0)):
        run = training(model, read, pixels, seed=seed)
        with deterministic(1):
            run._backward(step, run.batches.at(step))
    assert torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], noise[2]) and not torch.equal(noise[0], noise[3])


def test_the_fusion_has_the_learning_rate_of_the_text_tower(toy_copy):
    stage.run(**arguments(toy_copy))
    model, _, _ = open_cross_encoder(toy_copy / "matching" / "checkpoint")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    still = training(model, corpus(toy_copy, "negatives"), Store(toy_copy / "store").pixels, text_lr=0.0)
    with deterministic(1):
        still._step(0)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith(("dual.visual.", "dual.logit_scale")) for name in moved)


def refusals():
    """What must not start: a message, and what is changed of the arguments."""
    yield "whole batches", {"grad_cache_chunks": 2}
    yield "whole batches", {"compile": True}
    yield "cannot have 3 equal heads", {"fusion": FusionConfig(width=16, heads=3)}


@pytest.mark.parametrize(("message", "changed"), [*refusals()], ids=["parts", "compile", "heads"])
def test_invalid_inputs_are_refused_before_compute(toy_copy, monkeypatch, message, changed):
    monkeypatch.setattr(stage, "Trainer", None)
    with pytest.raises(InputError, match=message) as error:
        stage.run(**arguments(toy_copy, **changed))
    assert "remedy:" in str(error.value) and not (toy_copy / "matching").exists()


def test_the_base_stays_a_dual_encoder(toy_copy, monkeypatch):
    monkeypatch.setattr(stage, "Trainer", None)
    with pytest.raises(InputError, match="the base is a dual encoder"):
        stage.run(**toy.arguments(toy_copy, arm=MATCHING, negatives=toy_copy / "negatives"))
