"""The files of one run of the whole workflow."""

import json

import polars as pl

from checkout import Checkout
from nearmiss.base.files import RECORD, SNAKEMAKE_TIMESTAMP, sha256
from nearmiss.base.tables import SCHEMAS, read_table

ARMS = ("base", "clip", "keyword", "hnc")


def test_every_stage_writes_a_manifest_and_its_cost(finished):
    results = finished.results()
    folders = ["data", "inpaint", "pretrain/store", "finetune/scratch/0", "robustness/corrupted", "compare"]
    folders += [f"negatives/{method}" for method in ("keyword", "scene_graph")]
    folders += [f"{stage}/{arm}/0" for stage in ("pretrain", "finetune", "evaluate", "robustness") for arm in ARMS]
    for folder in folders:
        cost = json.loads((results / folder / "cost.json").read_text())
        assert cost["seconds"] > 0
        assert cost["peak_memory"] < 4e9
        manifest = json.loads((results / folder / "manifest.json").read_text())
        assert manifest["fingerprint"]["code"]
        assert manifest["outputs"]


def test_manifests_of_a_run_contain_no_paths_and_times(finished):
    for file in finished.results().rglob("manifest.json"):
        text = file.read_text()
        assert str(finished.path) not in text
        assert "/tmp" not in text


def test_the_tables_have_their_schemas(finished):
    results = finished.results()
    for name in ("images", "objects", "relations"):
        assert len(read_table(results / "data" / "tables" / f"{name}.parquet", name))
    for arm in ARMS:
        for name in ("scores", "metrics"):
            table = read_table(results / "evaluate" / arm / "0" / f"{name}.parquet", name)
            assert table.schema == SCHEMAS[name]
            # blind baselines are rows of their own beside the model's
            assert table.filter(pl.col("model") != "blind")["arm"].unique().to_list() == [arm]


def test_the_run_ends_with_the_comparison_and_the_result_paths(finished):
    output = (finished.path / "first-run.txt").read_text()
    assert (finished.results() / "compare" / "summary.txt").read_text().strip() in output
    for word in ("Cost", "pretrain", "results/tiny/compare/index.html", "results/mlflow.db"):
        assert word in output


def test_the_pretraining_state_is_removed_after_success(finished):
    left = [file for file in (finished.path / "state" / "tiny").rglob("*") if file.is_file()]
    assert [file.name for file in left if not file.name.endswith("lock")] == []


def test_all_arms_continue_from_one_base_on_the_same_images(finished):
    starts = set()
    for arm in ARMS[1:]:
        manifest = json.loads((finished.results() / "pretrain" / arm / "0" / "manifest.json").read_text())
        starts.add(json.dumps({name: value for name, value in manifest["inputs"].items() if name == "start"}))
    assert len(starts) == 1


def test_every_lasting_file_is_an_output_of_a_rule(finished):
    answer = finished.snakemake("--list-untracked")
    assert answer.returncode == 0
    untracked = [line for line in (answer.stdout + answer.stderr).splitlines() if line.startswith("results/tiny/")]
    folders = ("data/published/images/", "data/published/tasks/", "inpaint/sheets/", "pretrain/store/pixels/")
    folders = (*folders, "compare/figures/", "fingerprint/")
    assert [line for line in untracked if not line.startswith(tuple(f"results/tiny/{one}" for one in folders))] == []


def test_training_does_not_read_the_truth(finished):
    answer = finished.snakemake("--dry-run", "--forceall", "--printshellcmds")
    output = answer.stdout + answer.stderr
    commands = [line for line in output.splitlines() if "exec python -m nearmiss" in line]
    reading = [line for line in commands if "/truth" in line]
    assert len(commands) > 20
    assert reading and all("negatives truth" in line or " compare " in line for line in reading)


def test_data_and_negatives_do_not_depend_on_folder_and_workers(finished, tmp_path):
    """Nor does it matter that the run's processes were forked from one: here they are an interpreter's own."""
    results = finished.results()
    real = Checkout(finished.path)
    again = real.command(
        *("nearmiss", "data", "--fingerprint", str(results / "fingerprint" / "data.json")),
        *("--out", str(tmp_path / "data"), "--workers", "1"),
    )
    assert again.returncode == 0, again.stderr
    tables = tmp_path / "data" / "tables"
    again = real.command(
        *("nearmiss", "negatives", "make", "--fingerprint", str(results / "fingerprint/negatives/keyword.json")),
        *("--method", "keyword", "--tables", str(tables), "--out", str(tmp_path / "negatives" / "keyword")),
        *("--reserved", str(tmp_path / "data" / "published" / "reserved.json")),
    )
    assert again.returncode == 0, again.stderr
    for folder in ("data", "negatives/keyword"):
        assert contents(tmp_path / folder) == contents(results / folder)


def contents(folder):
    """Hash of each file of a folder; costs are no part of identity, and the truth report has a rule of its own, which
    is in the folder's record."""
    apart = ("cost.json", "truth.json", SNAKEMAKE_TIMESTAMP, RECORD)
    files = [file for file in folder.rglob("*") if file.is_file() and file.name not in apart]
    return {file.relative_to(folder).as_posix(): sha256(file) for file in files}
