"""The state of a training on a disk that damages files: it is continued as it was saved, or not at all."""

import json
import shutil

import pytest
import torch
import toy_training as toy

from nearmiss.base.files import folder_sha256, sha256
from nearmiss.base.seeding import array_rng
from nearmiss.engine.training.state import POINTER, PREVIOUS, State
from nearmiss.engine.training.trainer import Trainer
from nearmiss.stages.pretrain import stage

FILES = (POINTER, PREVIOUS, "step-0000004.safetensors", "step-0000002.safetensors")


class Killed(Exception):
    """Stands for the end of a process."""


def saved(folder):
    """A folder with the states of steps 2 and 4, after one of step 1 that is gone."""
    state = State(folder)
    assert state.load() is None and state.damage == []
    for step in (1, 2, 4):
        state.save(step, {"weight": torch.full((3,), step / 3)}, {"curve": [{"step": step, "loss": step / 7}]})
    assert sorted(file.name for file in folder.iterdir()) == sorted(FILES)
    return state


def as_saved(found):
    """Whether what was loaded is what `saved` saved at that step."""
    return (
        found.record == {"curve": [{"step": found.step, "loss": found.step / 7}]}
        and found.tensors.keys() == {"weight"}
        and torch.equal(found.tensors["weight"], torch.full((3,), found.step / 3))
    )


@pytest.mark.parametrize("name", FILES)
def test_a_state_with_a_flipped_bit_is_not_used(tmp_path, name):
    state = saved(tmp_path)
    content, draw = (tmp_path / name).read_bytes(), array_rng(0, "flips", name)
    places = range(len(content)) if len(content) < 600 else draw.integers(0, len(content), 600)
    for place in places:
        damaged = bytearray(content)
        damaged[int(place)] ^= 1 << int(draw.integers(8))
        (tmp_path / name).write_bytes(damaged)
        found = state.load()
        assert found is not None and as_saved(found)
        assert found.step == 4 or (name in (POINTER, FILES[2]) and len(state.damage) == 1)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"{}", b"[[1]]", b"torn", b"\xff\xfe", b"[" * 100_000, b"1" * 5000, None])
def test_an_empty_truncated_or_missing_state_is_skipped(tmp_path, name, content):
    state = saved(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    found = state.load()
    newest_is_hit = name in (POINTER, FILES[2])
    assert found.step == (2 if newest_is_hit else 4) and as_saved(found)
    assert bool(state.damage) is newest_is_hit and all(POINTER in line for line in state.damage)


def test_two_damaged_states_are_both_reported(tmp_path):
    state = saved(tmp_path)
    for name in FILES[2:]:
        (tmp_path / name).write_bytes(b"torn")
    assert state.load() is None
    assert [name in line for name, line in zip((POINTER, PREVIOUS), state.damage, strict=True)] == [True, True]
    state.save(2, {"weight": torch.full((3,), 2 / 3)}, {"curve": [{"step": 2, "loss": 2 / 7}]})
    assert as_saved(state.load()) and state.damage == []


def test_a_failed_save_keeps_the_earlier_states(tmp_path, monkeypatch):
    """No space for the new state: the one before is continued, and nothing half written stays."""
    state = saved(tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for target in ("nearmiss.engine.training.state.write_json", "nearmiss.engine.training.state.shutil.copyfile"):
        with monkeypatch.context() as patch:
            patch.setattr(target, full)
            with pytest.raises(OSError, match="No space"):
                state.save(6, {"weight": torch.ones(3)}, {})
        assert state.load().step == 4 and as_saved(state.load())
    state.save(8, {"weight": torch.ones(3)}, {})
    assert not list(tmp_path.glob(".*"))


@pytest.fixture
def interrupted(toy_base, tmp_path, monkeypatch):
    """A copy of the toy in which a second training of the base died after its state of step 4, and that state."""
    shutil.copytree(toy_base, tmp_path / "toy")
    step = Trainer._step

    def dies(self, number):
        if number == 4:
            raise Killed
        step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", dies)
        with pytest.raises(Killed):
            stage.run(**toy.arguments(tmp_path / "toy", out="again"))
    return tmp_path / "toy", next((tmp_path / "toy" / "state" / "again").glob("*/"))


@pytest.mark.parametrize(
    ("damaged", "first", "way"),
    [
        ([POINTER], 2, "resumes from step 2"),
        (["step-0000004.safetensors"], 2, "resumes from step 2"),
        ([POINTER, PREVIOUS], 0, "starts again"),
    ],
)
def test_a_damaged_state_is_reported_and_the_result_is_bit_identical(
    interrupted, monkeypatch, capsys, damaged, first, way
):
    folder, state = interrupted
    for name in damaged:
        content = (state / name).read_bytes()
        (state / name).write_bytes(content.replace(b"1", b"2") if name.endswith("json") else content[:-1])
    steps, step = [], Trainer._step
    monkeypatch.setattr(Trainer, "_step", lambda self, number: (steps.append(number), step(self, number)))
    stage.run(**toy.arguments(folder, out="again"))
    assert steps == list(range(first, 6))
    messages = [line for line in capsys.readouterr().err.splitlines() if "damaged" in line]
    assert len(messages) == 1 and way in messages[0] and str(state / POINTER) in messages[0]
    assert folder_sha256(folder / "again" / "checkpoint") == folder_sha256(folder / "base" / "checkpoint")
    assert sha256(folder / "again" / "curve.jsonl") == sha256(folder / "base" / "curve.jsonl")
    assert json.loads((folder / "again" / "cost.json").read_text())["images"] == 6 * 8
