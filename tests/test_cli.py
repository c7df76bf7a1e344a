"""The command line: flags over files, and mistakes that end with one clear message."""

import json
import subprocess

import pytest

from nearmiss.base.errors import InputError
from nearmiss.fields import flags, source
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.pretrain.config import PretrainConfig


def nearmiss(python, *arguments, **options):
    command = [python, "-m", "nearmiss", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, **options)


def test_flags_are_nested_values():
    given = flags(("--world.images.train", "5", "--world.things={1: 0.5, 2: 0.5}", "--arm.image-lr", "2e-3"))
    assert given["world"] == {"images": {"train": 5}, "things": {1: 0.5, 2: 0.5}}
    assert float(given["arm"]["image_lr"]) == 2e-3


@pytest.mark.parametrize("tokens", [("stray",), ("--name",), ("--a", "1", "--a.b", "2")])
def test_wrong_flags_are_refused(tokens):
    with pytest.raises(InputError):
        flags(tokens)


def test_flags_override_an_experiment_file(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("experiment: x\ndata: {source: {name: world, seed: 7, images: {train: 50, val: 9}}}\n")
    given = source("data", config=file)
    section = given.section(DataConfig, flags(("--source.images.train", "3")))
    assert (section.source.seed, section.source.images.train, section.source.images.val) == (7, 3, 9)


def test_a_fingerprint_file_is_a_configuration_of_its_stage(tmp_path):
    file = tmp_path / "pretrain.json"
    config = PretrainConfig(batch_size=8).model_dump(mode="json")
    file.write_text(json.dumps({"stage": "pretrain", "config": config, "code": "c", "lock": "l"}))
    given = source("pretrain", fingerprint=file)
    assert given.fingerprint == file
    assert given.section(PretrainConfig, {}).batch_size == 8
    with pytest.raises(InputError, match="not of 'data'"):
        source("data", fingerprint=file)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("data --out OUT --source.images.trian 5", ["trian", "did you mean 'train'"]),
        ("data --out OUT --config missing.yaml", ["missing.yaml"]),
        ("data", ["--out"]),
        ("nothing", ["nothing"]),
        ("run --config missing.yaml", ["no workflow"]),
        ("snapshot", ["'nearmiss snapshot' is now 'nearmiss versions snapshot'"]),
        (
            "negatives make --method magic --captions a --out OUT",
            ["magic", "keyword"],
        ),
        (
            "pretrain --arm magic --seed 0 --store a --captions a --words a --state a --out OUT",
            ["magic", "ce_clip"],
        ),
    ],
)
def test_a_mistake_ends_with_one_message_and_status_2(tmp_path, python, arguments, words):
    answer = nearmiss(python, *arguments.split(), cwd=tmp_path)
    output = answer.stdout + answer.stderr
    assert answer.returncode == 2
    assert "Traceback" not in output
    for word in words:
        assert word in output
    assert list(tmp_path.iterdir()) == []


def test_help_lists_a_stages_fields(python):
    output = nearmiss(python, "pretrain", "--help").stdout
    assert "--model.image_size" in output
    assert "--arm.text_lr" in output
