"""`nearmiss negatives make` without a workflow; and a new method, which is one package, one entry and one line."""

import os
import shutil
import subprocess
from pathlib import Path

import published_files
import pytest
import small_world

import nearmiss
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.outputs import beside
from nearmiss.base.tables import read_table
from nearmiss.commands.app import app
from nearmiss.commands.negatives import make  # noqa: F401  (adds the command)

SOURCE = Path(nearmiss.__file__).parents[1]
CAPTIONS = [(1, "A red dog on a large table."), (2, "Two cats under a blue bench."), (3, "")]


def command(*arguments: object) -> None:
    app(["negatives", "make", *map(str, arguments)], exit_on_error=False, result_action="return_value")


@pytest.fixture
def captions(tmp_path):
    return published_files.write(tmp_path / "captions.json", published_files.coco(CAPTIONS))


def test_captions_without_annotations_give_negatives_rejections_and_a_summary(captions, tmp_path, capsys):
    out = tmp_path / "made" / "negatives.parquet"
    command("--captions", captions, "--method", "keyword", "--out", out, "--seed", 3, "--per-caption", 2)
    made = read_table(out, "negatives")
    assert set(made["caption_id"]) == {"1", "2"} and set(made["seed"]) == {3}
    assert made.group_by("caption_id").len()["len"].max() <= 2
    assert "input" in set(read_table(beside(out, "rejected.parquet"), "rejected")["type"])
    captions_of = read_table(beside(out, "captions.parquet"), "captions")
    assert set(captions_of["caption_id"]) == {"1", "2"}
    tables = ("captions.parquet", "paraphrases.parquet", "rejected.parquet")
    side = {f"negatives.{name}" for name in (*tables, "summary.json", "cost.json", "manifest.json")}
    assert {path.name for path in out.parent.iterdir()} == {".nearmiss", "negatives.parquet", *side}
    shown = capsys.readouterr().out
    assert "examples" in shown and "+ A red dog on a large table." in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_tables_of_the_workflow_are_accepted(tmp_path):
    small_world.write(tmp_path / "tables", 8)
    out = tmp_path / "negatives.parquet"
    command("--tables", tmp_path / "tables", "--method", "replace", "--fill", "cloze", "--out", out)
    assert set(read_table(out, "negatives")["verdict"]) >= {"verified"}


def test_scene_graphs_are_input_of_the_scene_graph_method(tmp_path):
    _, graphs = published_files.of_the_world(8)
    path = published_files.write(tmp_path / "graphs.json", graphs)
    out = tmp_path / "negatives.parquet"
    command("--graphs", path, "--method", "scene_graph", "--out", out)
    assert set(read_table(out, "negatives")["caption_id"]) == set(
        read_table(tmp_path / "negatives.captions.parquet", "captions")["caption_id"]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "replace"], "spacy download en_core_web_sm"),
        (["--method", "replace", "--tagger", "no_such_pipeline"], "spacy download no_such_pipeline"),
        (["--method", "swap"], "spacy download en_core_web_sm"),
        (["--method", "keyword", "--tagger", "x"], "has no --tagger"),
        (["--method", "keyword", "--mode", "released"], "mode"),
        (["--method", "scene_graph"], "give --graphs"),
        (["--method", "none"], "unknown method 'none'"),
        (["--method", "keyword", "--tables", ".", "--graphs", "."], "exclude each other"),
        (["--method", "keyword", "--set", "negatives.methods.swap.method=swap"], "does not read this key"),
        (["--method", "keyword", "--set", "negatives.methods.keyword.concept=color"], "did you mean 'concepts'"),
    ],
)
def test_missing_input_is_reported_before_any_compute(captions, tmp_path, arguments, message):
    out = tmp_path / "out" / "negatives.parquet"
    with pytest.raises(InputError) as error:
        command("--captions", captions, *arguments, "--out", out)
    assert message in str(error.value)
    assert not out.exists()


def test_no_input_is_named(tmp_path):
    with pytest.raises(InputError, match="no input is given"):
        command("--method", "keyword", "--out", tmp_path / "n.parquet")


def test_a_failed_run_keeps_the_earlier_result_and_a_finished_one_replaces_it(captions, tmp_path):
    out = tmp_path / "negatives.parquet"
    command("--captions", captions, "--method", "keyword", "--out", out)
    before = out.read_bytes()
    empty = published_files.write(tmp_path / "empty.json", published_files.coco([(1, "")]))
    with pytest.raises(InputError, match="no record of the input can be used"):
        command("--captions", empty, "--method", "keyword", "--out", out)
    assert out.read_bytes() == before
    command("--captions", captions, "--method", "keyword", "--out", out, "--concepts", "[color]")
    assert set(read_table(out, "negatives")["type"]) == {"color"}
    assert read_json(tmp_path / "negatives.summary.json")["by_type"].keys() == {"color"}
    assert [path.name for path in tmp_path.glob(".*")] == [".nearmiss"]


SHOUT = '''"""Another word for red."""

from nearmiss.stages.negatives.candidates import Candidate, Method


def generate(corpus, options):
    for caption in corpus.captions:
        negative = caption.text.replace("red", options.word)
        yield Candidate(caption.caption_id, caption.image_id, "shout", caption.text, negative, new_word=options.word)


def learn(corpus, options):
    return len(corpus.captions)


METHOD = Method("shout", generate, learn=learn)
'''
ENTRY = '''class ShoutConfig(Typed):
    """Another word for red."""

    method: Literal["shout"] = "shout"
    word: str = Field("green", description="The word.")


MethodConfig = ShoutConfig | '''


def test_a_new_method_is_one_package_one_entry_and_one_line(captions, tmp_path, python):
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "src" / "nearmiss" / "stages" / "negatives"
    (folder / "shout").mkdir()
    (folder / "shout" / "__init__.py").write_text('"""Another word for red."""\n')
    (folder / "shout" / "method.py").write_text(SHOUT)
    spec = (folder / "spec.py").read_text()
    assert spec.count("MethodConfig = ") == 1
    (folder / "spec.py").write_text(spec.replace("MethodConfig = ", ENTRY))
    registry = (folder / "registry.py").read_text()
    assert registry.count("(RANDOM, ") == 1
    line = "from nearmiss.stages.negatives.shout.method import METHOD as SHOUT"
    registry = registry.replace("(RANDOM, ", "(SHOUT, RANDOM, ").replace("\n\nMETHODS", f"\n{line}\n\nMETHODS")
    (folder / "registry.py").write_text(registry)
    config = tmp_path / "config.yaml"
    methods = "".join(f"    {name}: {{method: {name}}}\n" for name in ("random", "keyword", "scene_graph", "replace"))
    loud = "    loud: {method: shout, word: purple}\n"
    config.write_text(f"experiment: loud\nnegatives:\n  methods:\n{methods}{loud}")
    out = tmp_path / "negatives.parquet"
    command = [python, "-m", "nearmiss", "negatives", "make", "--config", str(config), "--method", "loud"]
    command += ["--captions", str(captions), "--out", str(out), "--workers", "2"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    answer = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert read_table(out, "negatives")["negative"].to_list() == ["A purple dog on a large table."]
