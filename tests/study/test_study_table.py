"""The table of a registered study: paired over seeds and items, Holm over the family, and it says what it lacks."""

import json
import shutil

import pytest
import runs_on_disk

from nearmiss.base.errors import InputError
from nearmiss.cli import app
from nearmiss.stages.compare.config import StudyConfig
from nearmiss.stages.compare.study import study_rows
from nearmiss.study import report as reports
from nearmiss.study.report import report

STUDY = StudyConfig(**runs_on_disk.STUDY)
SEEDS = range(4)


def items(arm, seed):
    """hnc: 20 points above clip in relation, a point more with each seed; 1 of 100 items worse in retrieval."""
    right = {"clip": 50, "clip_compute": 70, "base": 40, "hnc": 70 + seed}[arm]
    found = 99 if arm == "hnc" else 100
    return {
        "relation": [float(number < right) for number in range(100)],
        "retrieval": [float(number < found) for number in range(200)],
    }


def rows(outcomes=None, study=STUDY):
    given = {(arm, seed): runs_on_disk.outcomes(items(arm, seed)) for arm in runs_on_disk.ARMS for seed in SEEDS}
    found = study_rows(study, given if outcomes is None else outcomes, level=0.95)
    return {(row.endpoint, row.control): row for row in found}


def test_a_difference_is_the_mean_over_seeds_of_paired_items():
    row = rows()["relation", "clip"]
    assert row.found.by_seed == pytest.approx((0.20, 0.21, 0.22, 0.23)) and row.found.value == pytest.approx(0.215)
    assert row.of_arm == {0: 0.70, 1: 0.71, 2: 0.72, 3: 0.73} and row.seeds == [0, 1, 2, 3] and row.n_items == 100
    assert row.holds and row.found.low < 0.215 < row.found.high


def test_superiority_and_non_inferiority_are_adjusted_in_families_of_their_own():
    found = rows()
    one, other = (found["relation", control] for control in ("clip", "clip_compute"))
    assert one.found.p < other.found.p
    assert one.p_adjusted == pytest.approx(2 * one.found.p)
    assert other.p_adjusted == pytest.approx(max(other.found.p, one.p_adjusted)) and not other.holds
    # 0.5 points worse in every seed, within the margin of 3
    assert found["retrieval", "clip"].found.value == pytest.approx(-0.005) and found["retrieval", "clip"].holds


def test_seeds_that_only_one_side_has_are_left_out_and_one_common_seed_is_no_test():
    given = {
        (arm, seed): runs_on_disk.outcomes(items(arm, seed))
        for arm, seed in [("hnc", 0), ("hnc", 1), ("hnc", 2), ("clip", 1), ("clip", 2), ("clip_compute", 2)]
    }
    found = rows(given)
    assert found["relation", "clip"].seeds == [1, 2] and found["relation", "clip"].found is not None
    single = found["relation", "clip_compute"]
    assert single.seeds == [2] and (single.found, single.p_adjusted, single.holds) == (None, None, None)
    # the test that could not be made stays in the family
    assert found["relation", "clip"].p_adjusted == pytest.approx(min(1.0, 2 * found["relation", "clip"].found.p))


def test_items_that_a_run_lacks_are_left_out_for_all_seeds():
    given = {(arm, seed): runs_on_disk.outcomes(items(arm, seed)) for arm in runs_on_disk.ARMS for seed in SEEDS}
    given["clip", 0] = given["clip", 0].filter(item_id="relation-0").vstack(given["clip", 0].filter(metric="recall@1"))
    assert rows(given)["relation", "clip"].n_items == 1


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"benchmark": "world", "metric": "recall@7"}, ["selects 0 endpoints", "score that benchmark"]),
        ({"benchmark": "world", "form": "1x2"}, ["no column 'form'", "operator"]),
    ],
)
def test_an_endpoint_that_selects_nothing_is_refused(where, words):
    study = StudyConfig(**{**runs_on_disk.STUDY, "primary": [{"name": "mine", "where": where}]})
    with pytest.raises(InputError) as caught:
        rows(study=study)
    assert all(word in str(caught.value) for word in [*words, "mine"])


@pytest.fixture
def written(tmp_path, monkeypatch):
    """The study's experiment, its results, and reports that are made with its fingerprints."""
    experiment = runs_on_disk.experiment()
    monkeypatch.setattr(reports, "fingerprints", lambda of, root: runs_on_disk.today(of))
    results = runs_on_disk.write(tmp_path / "results", experiment, items=items)

    def made(name="study"):
        out = tmp_path / name
        text = report(experiment, file=tmp_path / "x.yaml", results=results, root=tmp_path, out=out)
        return text, json.loads((out / "study.json").read_text()), out

    return results, made


def test_a_complete_study_says_so_and_shows_the_value_of_every_seed(written):
    text, content, out = written[1]()
    assert text.startswith("# Study small: complete") and content["complete"] and not content["problems"]
    (line,) = [line for line in text.splitlines() if line.startswith("| relation | hnc | clip |")]
    assert "| 70.0, 71.0, 72.0, 73.0 | 50.0, 50.0, 50.0, 50.0 | +21.5 |" in line and line.endswith("| yes |")
    assert len((out / "study.csv").read_text().splitlines()) == 1 + len(content["rows"]) == 5


def test_an_incomplete_study_says_so_above_its_table(written):
    results, made = written
    shutil.rmtree(results / "small" / "evaluate" / "hnc" / "3")
    text, content, _ = made()
    assert "INCOMPLETE (1 problems)" in text and "hnc/3: no output of stage evaluate" in text
    assert "No claim follows" in text and not content["complete"]


def test_two_reports_of_one_study_have_the_same_bytes(written):
    first, second = (written[1](name)[2] for name in ("a", "b"))
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in ("study.json", "study.csv"))


def test_a_folder_of_the_user_is_not_replaced_by_a_report(written, tmp_path):
    out = tmp_path / "photographs"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that nearmiss did not write"):
        written[1]("photographs")
    assert [each.name for each in out.iterdir()] == ["mine.txt"]


def test_a_study_without_any_run_is_refused(written):
    shutil.rmtree(written[0] / "small" / "evaluate")
    with pytest.raises(InputError, match="no run of the study is finished"):
        written[1]()


def test_an_experiment_without_a_study_is_refused(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("experiment: x\n")
    with pytest.raises(InputError, match="registers no comparisons"):
        app(["study", "report", "--config", str(file), "--out", str(tmp_path / "out")], exit_on_error=False)
