"""The data source of docs/data.md is one file and its line in the registry: `data` and `negatives` run on it."""

import re
from pathlib import Path

import pytest

from checkout import copy_checkout

DOCS = Path(__file__).resolve().parents[2] / "docs" / "data.md"

EXPERIMENT = """experiment: toys
data: {source: {name: toys}}
inpaint: {operations: []}
finetune: {tasks: []}
evaluate: {benchmarks: [sugarcrepe], data_root: ., missing: allow}
robustness: {corruptions: []}
compare: {controls: []}
arms:
  base: {objective: [{term: contrastive}], num_negatives: 0}
  keyword: {method: keyword, objective: [{term: hard_negative_columns}]}
"""


@pytest.fixture
def checkout(root: Path, tmp_path: Path, python: str):
    copied = copy_checkout(root, tmp_path / "checkout", python)
    sources = copied.path / "src" / "nearmiss" / "stages" / "data" / "sources"
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    (sources / "toys.py").write_text(code)
    registry = (sources / "registry.py").read_text()
    registry = registry.replace("\nAnySource", "\nfrom nearmiss.stages.data.sources.toys import ToySource\nAnySource")
    (sources / "registry.py").write_text(re.sub(r"(AnySource = Annotated\[)", r"\1ToySource | ", registry))
    (copied.path / "toys.yaml").write_text(EXPERIMENT)
    return copied


def test_data_and_negatives_run_on_a_source_that_was_added(checkout):
    answer = checkout.snakemake("--cores", "2", "--", "data", "negatives", config="toys.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    made = checkout.path / "results" / "toys"
    assert (made / "data" / "manifest.json").is_file()
    assert (made / "negatives" / "keyword" / "negatives.parquet").is_file()
    assert not (made / "negatives" / "keyword" / "truth.json").exists()
