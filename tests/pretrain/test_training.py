"""A run of stage pretrain: what it writes, that a killed one repeats to the bit, and what it refuses to start."""

import json
import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import toy_training as toy
from safetensors.torch import load_file

from nearmiss.base.device import deterministic
from nearmiss.base.errors import InputError
from nearmiss.base.files import folder_sha256, read_json, sha256
from nearmiss.base.lifetime import held
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.formats.checkpoint import WEIGHTS, checkpoint_files
from nearmiss.engine.images.store import Store
from nearmiss.engine.models import checkpoint
from nearmiss.engine.models.tokenization import Tokenization, word_tokenizer
from nearmiss.engine.objectives.registry import Objective
from nearmiss.engine.training.batches import Batches
from nearmiss.engine.training.corpus import read_corpus
from nearmiss.engine.training.spec import TrainingConfig
from nearmiss.engine.training.state import State, claimed
from nearmiss.engine.training.trainer import Trainer
from nearmiss.stages.pretrain import stage
from nearmiss.stages.pretrain.config import PhaseConfig
from nearmiss.stages.pretrain.inputs import Run

ARMS = {"own": (toy.OWN, "negatives"), "paired": (toy.OWN, "pairs"), "rank": (toy.RANK, "negatives")}
ARMS |= {"released": (toy.RELEASED, "negatives"), "otherwise": (toy.OTHERWISE, "negatives")}


def arm(folder, name, **changed):
    """Arguments of an arm that continues from the toy's base."""
    options, negatives = ARMS[name]
    given = {"arm_name": name, "arm": options, "negatives": folder / negatives, "start": folder / "base" / "checkpoint"}
    return toy.arguments(folder, **{"out": name, **given, **changed})


def weights(folder):
    return load_file(folder / "checkpoint" / WEIGHTS)


def curve(folder):
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


@pytest.fixture
def toy_copy(toy_base, tmp_path):
    """A copy of the trained toy that a test may damage."""
    shutil.copytree(toy_base, tmp_path, dirs_exist_ok=True)
    return tmp_path


def watch_steps(monkeypatch):
    """A list that grows by the number of each training step from now on."""
    steps, run = [], Trainer._step

    def step_and_tell(self, step):
        steps.append(step)
        run(self, step)

    monkeypatch.setattr(Trainer, "_step", step_and_tell)
    return steps


class Killed(Exception):
    """Stands for the end of a process."""


class KilledState(State):
    """A state whose process dies right after it saved at a certain step."""

    kill_at = 0

    def save(self, step, tensors, record):
        super().save(step, tensors, record)
        if step == self.kill_at:
            raise Killed


def test_a_run_writes_a_checkpoint_and_a_curve_and_removes_its_state(toy_base):
    out = toy_base / "base"
    assert sorted(path.name for path in out.iterdir()) == [
        ".nearmiss",
        "checkpoint",
        "cost.json",
        "curve.jsonl",
        "manifest.json",
    ]
    assert sorted(path.name for path in (out / "checkpoint").iterdir()) == sorted(checkpoint_files(tokenizer=True))
    assert [line["step"] for line in curve(out)] == [6]
    assert set(curve(out)[0]) == {"step", "loss", "contrastive", "gradient_norm", "scale"}
    assert [path.name for path in (toy_base / "state" / "base").iterdir()] == ["lock"]
    manifest = read_json(out / "manifest.json")
    assert set(manifest["inputs"]) == {"captions", "store/image_ids", "store/pixels", "words"}
    assert str(toy_base) not in (out / "manifest.json").read_text()
    cost = read_json(out / "cost.json")
    assert cost["images"] == 6 * 8 and cost["flops"] > 0 and cost["tokens"] > cost["texts"] > 0
    assert cost["unknown_texts"] == cost["truncated_texts"] == 0


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_continues_from_the_base_reproducibly(toy_copy, name):
    stage.run(**arm(toy_copy, name))
    first = folder_sha256(toy_copy / name / "checkpoint")
    stage.run(**arm(toy_copy, name, out="again"))
    assert folder_sha256(toy_copy / "again" / "checkpoint") == first
    assert sha256(toy_copy / "again" / "curve.jsonl") == sha256(toy_copy / name / "curve.jsonl")
    assert sha256(toy_copy / "again" / "manifest.json") == sha256(toy_copy / name / "manifest.json")
    assert first != folder_sha256(toy_copy / "base" / "checkpoint")
    assert {line["step"] for line in curve(toy_copy / name)} == {6}


@pytest.mark.parametrize("kill_at", [2, 4])
@pytest.mark.parametrize("name", ["rank", "paired", "released", "otherwise"])
def test_an_interrupted_run_resumes_bit_identically(toy_copy, monkeypatch, name, kill_at):
    stage.run(**arm(toy_copy, name))
    monkeypatch.setattr(KilledState, "kill_at", kill_at)
    monkeypatch.setattr("nearmiss.engine.training.state.State", KilledState)
    with pytest.raises(Killed):
        stage.run(**arm(toy_copy, name, out="killed"))
    assert not (toy_copy / "killed").exists()
    monkeypatch.setattr(KilledState, "kill_at", 0)
    steps = watch_steps(monkeypatch)
    stage.run(**arm(toy_copy, name, out="killed"))
    assert steps == list(range(kill_at, 6))
    assert folder_sha256(toy_copy / "killed" / "checkpoint") == folder_sha256(toy_copy / name / "checkpoint")
    assert sha256(toy_copy / "killed" / "curve.jsonl") == sha256(toy_copy / name / "curve.jsonl")
    counts = [read_json(toy_copy / folder / "cost.json") for folder in (name, "killed")]
    assert counts[0]["tokens"] == counts[1]["tokens"]


PROGRAM = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import toy_training as toy
from nearmiss.engine.training.trainer import Trainer
from nearmiss.stages.pretrain import stage

def step_or_die(self, step, run=Trainer._step):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    run(self, step)

Trainer._step = step_or_die
stage.run(**toy.arguments(Path({folder!r}), out="killed"))
"""


def test_a_run_killed_with_sigkill_resumes_bit_identically(toy_copy, monkeypatch, python):
    program = toy_copy / "killed.py"
    program.write_text(PROGRAM.format(tests=str(Path(toy.__file__).parent), folder=str(toy_copy)))
    killed = subprocess.run([python, "-P", program], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (toy_copy / "killed").exists()
    assert read_json(next(toy_copy.glob("state/killed/*/latest.json")))["step"] == 4
    steps = watch_steps(monkeypatch)
    stage.run(**toy.arguments(toy_copy, out="killed"))
    assert steps == [4, 5]
    assert folder_sha256(toy_copy / "killed" / "checkpoint") == folder_sha256(toy_copy / "base" / "checkpoint")
    assert sha256(toy_copy / "killed" / "curve.jsonl") == sha256(toy_copy / "base" / "curve.jsonl")


def test_a_state_of_other_inputs_is_not_used(toy_copy, monkeypatch):
    monkeypatch.setattr(KilledState, "kill_at", 2)
    monkeypatch.setattr("nearmiss.engine.training.state.State", KilledState)
    with pytest.raises(Killed):
        stage.run(**arm(toy_copy, "own"))
    monkeypatch.setattr(KilledState, "kill_at", 0)
    file = toy_copy / "negatives" / "negatives.parquet"
    write_table(read_table(file, "negatives").head(40), file, "negatives")
    steps = watch_steps(monkeypatch)
    stage.run(**arm(toy_copy, "own"))
    assert steps[0] == 0
    assert [path.name for path in (toy_copy / "state" / "own").iterdir()] == ["lock"]


def test_a_second_trainer_is_refused_and_a_failed_run_keeps_its_state(toy_base, tmp_path):
    with held(tmp_path / "lock") as ours, pytest.raises(InputError, match="another process"), claimed(tmp_path, "key"):
        assert ours
    with pytest.raises(RuntimeError), claimed(tmp_path, "key") as state:
        state.save(1, {}, {})
        raise RuntimeError
    assert (tmp_path / "key" / "latest.json").is_file()


def test_training_separates_captions_from_their_negatives(toy_copy):
    shared = toy.CONFIG.model_copy(
        update={"continued": PhaseConfig(captions="narrow", steps=155), "checkpoint_every": 999}
    )
    faster = toy.OWN.model_copy(update={"image_lr": 5e-3, "text_lr": 5e-3})
    stage.run(**arm(toy_copy, "paired", arm=faster, shared=shared))
    lines = curve(toy_copy / "paired")
    assert [line["step"] for line in lines] == [*range(10, 151, 10), 155]
    assert lines[-1]["own_negatives"] < lines[0]["own_negatives"] / 2


def test_a_diverged_run_stops_with_a_message(toy_copy, monkeypatch):
    with pytest.raises(InputError, match="diverged") as error:
        broken = {name: value * float("nan") for name, value in weights(toy_copy / "base").items()}
        monkeypatch.setattr(stage, "load_weights", lambda start, model: model.load_state_dict(broken))
        stage.run(**arm(toy_copy, "own"))
    assert "learning rates" in str(error.value)
    assert not (toy_copy / "own").exists()


def test_learning_rates_and_weight_decay_apply_to_the_right_parameters(toy_base):
    config = checkpoint.configuration(**toy.CONFIG.model.model_dump(), vocabulary=30)
    options = TrainingConfig(steps=1, image_lr=1e-3, text_lr=0.0, weight_decay=0.5)
    read = read_corpus(
        store=Store(toy_base / "store"),
        captions=toy_base / "tables" / "captions.parquet",
        negatives=None,
        verdicts=[],
        tokenization=Tokenization(word_tokenizer(toy.WORDS, 16), 16),
    )
    model = checkpoint.fresh_model(config, 0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    training = Trainer(
        model=model,
        objective=Objective([toy.BASE.objective[0]]),
        batches=Batches(read, size=8, seed=0, phase="base", num_negatives=0),
        pixels=Store(toy_base / "store").pixels,
        preprocessing=config["preprocess_cfg"],
        config=options,
        device=torch.device("cpu"),
    )
    with deterministic(1):
        training._step(0)
    moved = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert all(name.startswith("visual.") or name == "logit_scale" for name in moved)
    assert {"logit_scale", "visual.trunk.head.weight", "visual.trunk.norm.bias"} <= moved
    groups = training._optimizer._adamw.param_groups
    assert all((group["weight_decay"] > 0) == (min(p.ndim for p in group["params"]) >= 2) for group in groups)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def refusals(folder):
    """What must not start: a message, and the arguments that earn it."""
    small = toy.CONFIG.model.model_copy(update={"image_size": 32})
    yield "none are given", arm(folder, "own", negatives=None)
    yield "no loss term", arm(folder, "own", arm=toy.OWN.model_copy(update={"objective": []}))
    yield "duplicate loss term", arm(folder, "own", arm=toy.OWN.model_copy(update={"objective": toy.OWN.objective * 2}))
    yield "the seed is -1", toy.arguments(folder, seed=-1)
    yield "the seed is 9223372036854775808", toy.arguments(folder, seed=2**63)
    yield "has no method", toy.arguments(folder, negatives=folder / "negatives")
    yield "continues from the base", arm(folder, "own", start=None)
    yield "starts from the model's initial weights", toy.arguments(folder, start=folder / "base" / "checkpoint")
    yield "an input is missing: start", arm(folder, "own", start=folder / "nowhere")
    yield "no checkpoint folder", arm(folder, "own", start=folder / "store")
    yield "an input is missing: captions", toy.arguments(folder, captions=folder / "nowhere.parquet")
    yield "an input is missing: words", toy.arguments(folder, words=folder / "nowhere.txt")
    yield "an input is missing: negatives", arm(folder, "own", negatives=folder / "nowhere")
    yield "24 pixels", toy.arguments(folder, shared=toy.CONFIG.model_copy(update={"model": small}))
    yield "batch_size is 64", toy.arguments(folder, shared=toy.CONFIG.model_copy(update={"batch_size": 64}))
    yield "pairs of texts", arm(folder, "paired", arm=toy.OWN.model_copy(update={"num_negatives": 1}))
    (folder / "other-words.txt").write_text("a\nred\nblue\nof\n" + "\n".join(map(str, range(14))) + "\n")
    yield "other", arm(folder, "own", words=folder / "other-words.txt")


def test_invalid_inputs_are_refused_before_compute(toy_copy, monkeypatch):
    monkeypatch.setattr(stage, "Trainer", None)
    kept = folder_sha256(toy_copy / "base")
    for message, given in refusals(toy_copy):
        with pytest.raises(InputError, match=message) as error:
            stage.run(**{**given, "out": toy_copy / "base"})
        assert "remedy:" in str(error.value)
        assert folder_sha256(toy_copy / "base") == kept


def test_the_key_of_a_state_depends_on_everything_that_determines_the_weights(toy_base):
    given = arm(toy_base, "own")
    run = Run(**{name: value for name, value in given.items() if name not in ("state", "out")})
    others = [
        replace(run, seed=1),
        replace(run, arm=toy.RANK),
        replace(run, negatives=toy_base / "pairs"),
        replace(run, shared=toy.CONFIG.model_copy(update={"threads": 2})),
        replace(run, store=toy_base / "store", start=None),
    ]
    keys = [run.key(), *(other.key() for other in others)]
    assert len(set(keys)) == len(keys)
    assert replace(run).key() == run.key()
