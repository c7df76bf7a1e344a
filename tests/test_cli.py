"""The command line: flags over files, and mistakes that end with one clear message."""

import json
import os
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
        ("negatives make --method keywrod --captions a --out OUT", ["did you mean 'keyword'?"]),
        ("evaluate --model RN50 --benchmarks sugarcrep --data-root a --out OUT", ["choose from: sugarcrepe"]),
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


MISSING = {
    "--captions": "negatives make --method keyword --captions missing --out OUT",
    "--pairs": "negatives audit --pairs missing --out OUT",
    "--model": "evaluate --model local-dir:missing --benchmarks winoground --out OUT",
    "--data-root": "evaluate --model RN50 --benchmarks winoground --data-root missing --out OUT",
    "--evaluations": "compare --evaluations missing --out OUT",
    "--tables": "finetune --arm a --seed 0 --checkpoint . --tables missing --root . --out OUT",
}
"""A command line for each option whose path is missing."""
RUN = """
import sys
from nearmiss.cli import main
try:
    main()
finally:
    print("heavy:", {"torch", "polars", "spacy", "open_clip", "PIL"} & set(sys.modules))
"""


@pytest.mark.parametrize("option", MISSING)
def test_a_missing_input_is_refused_before_heavy_imports(tmp_path, python, option):
    answer = subprocess.run(
        [python, "-c", RUN, *MISSING[option].split()], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert answer.returncode == 2
    expected = ["nearmiss: no such file or folder", "  file:   missing", f"  record: {option}"]
    assert answer.stderr.splitlines()[:3] == expected
    assert answer.stdout == "heavy: set()\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["--help", "evaluate --help", "download", "benchmarks list", "completion"])
def test_a_closed_pipe_is_no_error(python, arguments):
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen(
        [python, "-m", "nearmiss", *arguments.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=buffered,
    )
    process.stdout.close()
    assert process.communicate()[1] == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_knows_commands_and_options(python, shell):
    script = nearmiss(python, "completion", "--shell", shell).stdout
    for word in ("robustness", "match-captions", "training-negatives"):
        assert word in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_help_lists_a_stages_fields(python):
    output = nearmiss(python, "pretrain", "--help").stdout
    assert "--model.image_size" in output
    assert "--arm.text_lr" in output
