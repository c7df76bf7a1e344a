"""The example of docs/benchmarks.md is a benchmark, in the command and in a workflow's configuration."""

import re
import sys
from pathlib import Path
from types import ModuleType

import evaluating
import pytest
import sample_files

import small_open_clip
from nearmiss.config import resolve
from nearmiss.engine.benchmarks import spec

DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


@pytest.fixture
def example(monkeypatch):
    """The documented file and line, added to the registry."""
    text = DOCS.read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    ((name, entry),) = re.findall(r'`"(\w+)": "(.*?)"`', text)
    module = ModuleType(name)
    exec(compile(code, str(DOCS), "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, f"nearmiss.engine.benchmarks.{entry.partition(':')[0]}", module)
    monkeypatch.setitem(spec.BENCHMARKS, name, entry)
    return name


def test_the_documented_example_is_scored(example, tmp_path):
    small_open_clip.register(tmp_path)
    record = {"sentence": "A man rides a horse.", "shown": 1, "other": 2, "differs": "verb"}
    sample_files.put(tmp_path / "data" / "sentence_pairs" / "pairs.json", [record])
    for number in (1, 2):
        sample_files.picture(tmp_path / "data" / "sentence_pairs" / "images" / f"{number}.jpg", number)
    result = evaluating.runner(tmp_path)(tmp_path / "data", example)
    assert result["complete"]
    (row,) = [row for row in result["metrics"] if row["metric"] == "score"]
    assert (row["benchmark"], row["subset"], row["concept"]) == (example, "verb", "relation")
    assert (row["n_scored"], row["chance"]) == (1, 0.5)


def test_the_documented_example_is_a_benchmark_of_an_experiment(example, tmp_path):
    values = {"experiment": "x", "evaluate": {"benchmarks": ["world", example], "data_root": str(tmp_path)}}
    assert resolve(values).evaluate.benchmarks == ["world", example]
