"""A batch in chunks or in several processes trains as the whole batch does; weight averages and validation."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
import toy_training as toy
from safetensors.torch import load_file
from test_batches import batches, corpus
from torch import nn

from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.images.store import Store
from nearmiss.engine.models.checkpoint import configuration, fresh_model
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.training.batches import held_out
from nearmiss.engine.training.embedding import Embedder
from nearmiss.engine.training.encoding import check_chunks
from nearmiss.engine.training.spec import TrainingConfig, ValidationConfig
from nearmiss.engine.training.trainer import Trainer
from nearmiss.stages.pretrain import stage

MODEL = configuration(**toy.CONFIG.model.model_dump(), vocabulary=len(toy.WORDS) + 3)
TRAINING = TrainingConfig(steps=6, warmup_steps=2, image_lr=1e-3, text_lr=1e-3, checkpoint_every=2)


def training(folder, objective, **changed):
    read = corpus(folder, "negatives", paraphrased=True, placeholder="###")
    model = fresh_model(configuration(**toy.CONFIG.model.model_dump(), vocabulary=_vocabulary(read)), 0)
    return Trainer(
        model=model,
        objective=Objective(objective, read.negative_table.types),
        batches=batches(read),
        pixels=Store(folder / "store").pixels,
        preprocessing=MODEL["preprocess_cfg"],
        config=TRAINING.model_copy(update=changed),
        device=torch.device("cpu"),
    )


def _vocabulary(read):
    return int(read.book.tokens.max()) + 1


@pytest.mark.parametrize("arm", [toy.RANK, toy.RELEASED, toy.OTHERWISE], ids=["rank", "released", "otherwise"])
@pytest.mark.parametrize("parts", [2, 3, 8])
def test_loss_and_gradients_in_chunks_equal_those_of_the_whole_batch(toy_files, arm, parts):
    found = []
    for number in (1, parts):
        run = training(toy_files, arm.objective, grad_cache_chunks=number)
        loss, _, _ = run._backward(0, run.batches.at(0))
        found.append((loss.item(), {name: p.grad for name, p in run.model.named_parameters()}, run.objective))
    (loss, grads, objective), (loss_in_parts, grads_in_parts, objective_in_parts) = found
    assert loss_in_parts == pytest.approx(loss, rel=1e-6)
    for name, grad in grads.items():
        # float32 sums in another order: the error is relative to the largest summand, not to each element
        rounding = 1e-5 * float(grad.abs().max())
        torch.testing.assert_close(grads_in_parts[name], grad, rtol=1e-4, atol=rounding, msg=name)
    for one, other in zip(objective.parameters(), objective_in_parts.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-5, atol=1e-7)


def test_detached_chunks_give_the_image_tower_no_gradient(toy_files, monkeypatch):
    run, whole = training(toy_files, toy.RANK.objective, grad_cache_chunks=2), training(toy_files, toy.RANK.objective)
    images = Embedder.images
    monkeypatch.setattr(Embedder, "images", lambda self, *given: images(self, *given).detach().requires_grad_())
    for each in (run, whole):
        each._backward(0, each.batches.at(0))
    assert all(p.grad is None for name, p in run.model.named_parameters() if name.startswith("visual"))


def test_a_tower_with_batch_statistics_refuses_chunks(toy_files):
    model = fresh_model(MODEL, 0)
    model.visual.trunk.norm = nn.BatchNorm1d(8)
    check_chunks(model, 1)
    with pytest.raises(InputError, match=r"statistics over the batch in visual\.trunk\.norm"):
        check_chunks(model, 2)


def options(**changed):
    return toy.CONFIG.model_copy(update=changed)


def train_toy(folder, name, **changed):
    given = {"shared": options(**changed), "arm_name": "own", "arm": toy.OWN, "negatives": folder / "negatives"}
    stage.run(**toy.arguments(folder, **given, start=folder / "base" / "checkpoint", out=folder / name))


def run_toy(folder, name, **changed):
    train_toy(folder, name, **changed)
    return load_file(folder / name / "checkpoint" / WEIGHTS)


@pytest.fixture
def toy_copy(toy_base, tmp_path):
    shutil.copytree(toy_base, tmp_path, dirs_exist_ok=True)
    return tmp_path


def curve(folder):
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def test_a_run_in_chunks_gives_the_same_result(toy_copy):
    run_toy(toy_copy, "whole")
    run_toy(toy_copy, "parts", grad_cache_chunks=4)
    same_trainings(toy_copy, "whole", "parts")


def same_trainings(folder, one, other):
    """Equal losses and weights but for rounding; the bias of keys has no gradient but rounding, so it is left out."""
    losses = [[line["loss"] for line in curve(folder / name)] for name in (one, other)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    weights = [load_file(folder / name / "checkpoint" / WEIGHTS) for name in (one, other)]
    for name, value in weights[0].items():
        if not name.endswith("in_proj_bias"):
            torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-4, msg=name)


def test_two_processes_and_one_give_the_same_result(toy_copy, python):
    """torchrun with two processes and gloo: the same losses and weights as one process with the same whole batch."""
    run_toy(toy_copy, "single")
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import test_chunks_and_processes as t
t.train_toy(Path({str(toy_copy)!r}), "together", num_processes=2)
"""
    (toy_copy / "together.py").write_text(code)
    launcher = [python, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command = [*launcher, python, "-P", str(toy_copy / "together.py")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    same_trainings(toy_copy, "single", "together")
    assert [path.name for path in (toy_copy / "state" / "base").iterdir()] == ["lock"]


def test_invalid_numbers_of_processes_and_chunks_are_refused(toy_copy):
    with pytest.raises(InputError, match="1 processes were started, the configuration says 2"):
        run_toy(toy_copy, "wrong", num_processes=2)
    with pytest.raises(InputError, match="batch_size 8 cannot be split into 9 chunks"):
        run_toy(toy_copy, "wrong", grad_cache_chunks=9)
    assert not (toy_copy / "wrong").exists()


def test_the_average_of_weights_is_saved_and_resumes_bit_identically(toy_copy, monkeypatch):
    last, averaged = run_toy(toy_copy, "last"), run_toy(toy_copy, "averaged", ema_decay=0.5)
    start = load_file(toy_copy / "base" / "checkpoint" / WEIGHTS)
    name = "visual.trunk.head.weight"
    assert (averaged[name] - start[name]).norm() < (last[name] - start[name]).norm()
    assert folder_sha256(toy_copy / "averaged" / "checkpoint") == killed_and_resumed(
        toy_copy, monkeypatch, ema_decay=0.5
    )


def killed_and_resumed(folder, monkeypatch, **changed):
    """The checkpoint of a run that dies after its second saving and is started again."""
    from test_training import Killed, KilledState

    with monkeypatch.context() as patch:
        patch.setattr(KilledState, "kill_at", 4)
        patch.setattr("nearmiss.engine.training.state.State", KilledState)
        with pytest.raises(Killed):
            run_toy(folder, "again", **changed)
    run_toy(folder, "again", **changed)
    return folder_sha256(folder / "again" / "checkpoint")


VALIDATION = ValidationConfig(share=0.34, every=2)


def test_validation_images_are_not_trained_on(toy_files):
    read = corpus(toy_files, "negatives")
    rest, kept = held_out(read, 0.25, 0)
    assert len(kept) == 6 and len(rest) == 18
    assert sorted([*rest.rows, *kept.rows]) == sorted(read.rows)
    for part in (rest, kept):
        assert len(part.negative_table.first) - 1 == len(part.captions) == part.first[-1]
    whole = {(read.captions[c], n) for c in range(len(read.captions)) for n in foils_of(read, c)}
    parts = {
        (part.captions[c], n) for part in (rest, kept) for c in range(len(part.captions)) for n in foils_of(part, c)
    }
    assert parts == whole


def foils_of(read, caption):
    start, end = read.negative_table.first[caption : caption + 2]
    return read.negative_table.negatives[start:end].tolist()


def test_a_validated_run_records_the_loss_and_resumes_bit_identically(toy_copy, monkeypatch):
    run_toy(toy_copy, "validated", validation=VALIDATION, ema_decay=0.9)
    lines = [line for line in curve(toy_copy / "validated") if "validation_loss" in line]
    assert [line["step"] for line in lines] == [2, 4, 6]
    whole = folder_sha256(toy_copy / "validated" / "checkpoint")
    assert whole == killed_and_resumed(toy_copy, monkeypatch, validation=VALIDATION, ema_decay=0.9)


def test_early_stopping_keeps_the_best_weights(toy_copy, monkeypatch):
    losses = iter([3.0, 1.0, 2.0, 2.0, 2.0])
    seen, validate = {}, Trainer._validate

    def called(self):
        forward = self.objective.forward
        if self.done.step % 2 == 0:
            monkeypatch.setattr(self.objective, "forward", lambda f: (torch.tensor(next(losses)), {}))
        validate(self)
        monkeypatch.setattr(self.objective, "forward", forward)
        seen[self.done.step] = {name: value.clone() for name, value in self.model.state_dict().items()}

    monkeypatch.setattr(Trainer, "_validate", called)
    patient = ValidationConfig(share=0.3, every=2, patience=1)
    long = toy.CONFIG.continued.model_copy(update={"steps": 20})
    best = run_toy(toy_copy, "patient", validation=patient, continued=long)
    assert max(seen) == 6  # best at 4, nothing better at 6
    assert all(torch.equal(best[name], value) for name, value in seen[4].items())


def test_a_compiled_tower_gives_the_same_losses(toy_copy, monkeypatch):
    compile_of = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function: compile_of(function, backend="eager"))
    run_toy(toy_copy, "plain")
    run_toy(toy_copy, "compiled", compile=True)
    losses = [[line["loss"] for line in curve(toy_copy / name)] for name in ("plain", "compiled")]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


def test_out_of_memory_is_reported_and_the_state_is_kept(toy_copy, monkeypatch):
    step = Trainer._step

    def fails_at_the_fifth(self, number):
        if number == 4:
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", fails_at_the_fifth)
        with pytest.raises(InputError, match=r"ran out of memory: tried to allocate 20 GiB") as refused:
            train_toy(toy_copy, "unfinished")
    assert "pretrain.grad_cache_chunks" in refused.value.remedy
    assert not (toy_copy / "unfinished" / "checkpoint").exists()
    assert list(toy_copy.rglob("latest.json"))
