"""dvc.yaml against the workflow that it is written from, and DVC's own views of real outputs."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from clones import CONFIG, RESULTS, Clone

from checkout import copy_checkout
from nearmiss.config import STAGES
from nearmiss.versions import pipeline
from nearmiss.versions.dag import Dag, DagStage

DAG = Dag(
    "tiny",
    {
        "data": DagStage("data", ("data_tables",), ("data/manifest.json",), ()),
        "compare": DagStage("compare", ("compare_page", "compare_track"), ("compare/manifest.json",), ("data",)),
    },
)


@pytest.fixture(scope="module")
def written(root, tmp_path_factory, python) -> Clone:
    """A copy of the checkout with the dvc.yaml of its default configuration."""
    copy = Clone(copy_checkout(root, tmp_path_factory.mktemp("pipeline") / "checkout").path, python=python)
    answer = copy.nearmiss("versions", "pipeline", "--out", "written.yaml")
    assert answer.returncode == 0, answer.stderr
    return copy


def test_dvc_yaml_is_the_one_of_the_workflow(written, root):
    assert (root / "dvc.yaml").read_text() == (written.path / "written.yaml").read_text(), (
        "run `nearmiss versions pipeline`"
    )


def test_every_stage_with_outputs_has_a_dvc_stage(written):
    stages = yaml.safe_load((written.path / "written.yaml").read_text())["stages"]
    assert list(stages) == [stage for stage in STAGES if stage in stages]
    assert {"data", "negatives", "pretrain", "evaluate", "compare"} <= set(stages)
    for name, stage in stages.items():
        assert stage["cmd"].endswith(f" {name} -- {name}")
        assert all((written.path / dep).is_file() for dep in stage["deps"] if not dep.startswith("results/"))
        assert stage["outs"] == [{f"results/world/{name}": {"persist": True}}]
        assert not any("fingerprint" in dep for dep in stage["deps"] if dep.startswith("results/"))


def test_a_dvc_stage_depends_on_the_inputs_of_its_jobs(written):
    stages = yaml.safe_load((written.path / "written.yaml").read_text())["stages"]
    read = {name: [dep for dep in stage["deps"] if dep.startswith("results/")] for name, stage in stages.items()}
    assert read["data"] == []
    assert read["negatives"] == ["results/world/data"]
    assert read["pretrain"][:2] == ["results/world/data", "results/world/negatives"]
    assert "results/world/pretrain" in read["evaluate"]


def test_a_new_import_of_a_stage_changes_the_pipeline(written, tmp_path):
    """The planted fault: were dvc.yaml not written anew, DVC would not see edits of the imported module."""
    copy = Clone(tmp_path / "checkout", python=written.python)
    shutil.copytree(written.path, copy.path, symlinks=True)
    copy.append("src/nearmiss/stages/compare/terminal.py", "from nearmiss.engine.text import cloze  # noqa\n")
    assert copy.nearmiss("versions", "pipeline", "--out", "again.yaml").returncode == 0
    before, after = ((copy.path / name).read_text().splitlines() for name in ("written.yaml", "again.yaml"))
    assert "    - src/nearmiss/engine/text/cloze.py" in set(after)
    assert (
        after.count("    - src/nearmiss/engine/text/cloze.py")
        == before.count("    - src/nearmiss/engine/text/cloze.py") + 1
    )


def stages_of(config, monkeypatch, root):
    monkeypatch.chdir(root)
    return pipeline.pipeline(config, DAG)["stages"]


def test_a_stage_depends_on_its_section(root, tmp_path, monkeypatch):
    config = tmp_path / "config.yaml"
    config.write_text(
        "experiment: tiny\ndata: {}\ncompare: {controls: []}\nseeds: [0]\n"
        "arms: {base: {objective: clip, num_negatives: 0}}\n"
    )
    stages = stages_of(config, monkeypatch, root)
    assert stages["data"]["params"] == [{config.as_posix(): ["data"]}]
    assert stages["compare"]["params"] == [{config.as_posix(): ["arms", "compare", "seeds"]}]


def test_a_stage_without_a_section_depends_on_the_whole_file(root, tmp_path, monkeypatch):
    config = tmp_path / "config.yaml"
    config.write_text("experiment: tiny\ndata: {}\n")
    stages = stages_of(config, monkeypatch, root)
    assert stages["data"]["params"] == [{config.as_posix(): ["data"]}]
    assert stages["compare"]["params"] == [{config.as_posix(): None}]


def test_the_default_configuration_needs_no_flag_and_another_one_has_it(root, monkeypatch):
    config = Path(CONFIG)
    assert stages_of(config, monkeypatch, root)["data"]["cmd"] == "snakemake --allowed-rules data_tables data -- data"
    other = pipeline.pipeline(Path("config/world-seeds.yaml"), DAG)["stages"]["data"]["cmd"]
    assert other.startswith("snakemake --configfile config/world-seeds.yaml --allowed-rules")


def test_dvc_shows_metrics_parameters_and_curves(mine):
    figures = json.loads((mine.path / RESULTS / "compare" / "metrics.json").read_text())
    shown = json.loads(mine.dvc("metrics", "show", "--json"))
    assert figures["clip"]
    assert shown[""]["data"][f"{RESULTS}/compare/metrics.json"]["data"] == figures
    arm, column = "clip", next(iter(figures["clip"]))
    figures[arm][column] += 1.0
    (mine.path / RESULTS / "compare" / "metrics.json").write_text(json.dumps(figures))
    changed = json.loads(mine.dvc("metrics", "diff", "HEAD", "--json"))
    assert changed[f"{RESULTS}/compare/metrics.json"][f"{arm}.{column}"]["diff"] == pytest.approx(1.0)
    mine.change(compare={"resamples": 100, "controls": ["clip"], "level": 0.9})
    changed = json.loads(mine.dvc("params", "diff", "HEAD", "--json"))
    assert changed[CONFIG]["compare.level"] == {"old": None, "new": 0.9}
    mine.dvc("plots", "show", "--out", "plots")
    assert "curves.csv" in (mine.path / "plots" / "index.html").read_text()
