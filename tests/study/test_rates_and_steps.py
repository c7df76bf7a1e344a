"""The choice of learning rates refuses an optimum at the edge; equal steps follow from recorded FLOPs."""

import pytest
import runs_on_disk

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table, write_table
from nearmiss.cli import app
from nearmiss.config import load, resolve
from nearmiss.study.rates import Point, choice_text, chosen, grid, grid_text
from nearmiss.study.steps import equal_steps

RATES = (1e-3, 2e-3, 4e-3)


def search(**changed):
    """A search over three points, for clip and random, with two seeds."""
    arms = {"base": {"objective": "clip", "num_negatives": 0}}
    for point, rate in enumerate(RATES):
        arms[f"clip-{point}"] = {"objective": "clip", "num_negatives": 0, "image_lr": rate, "text_lr": rate / 2}
        arms[f"random-{point}"] = {"method": "random", "objective": "hnc", "image_lr": rate, "text_lr": rate / 2}
    given = {"experiment": "search", "seeds": [10, 11], "arms": {**arms, **changed}, "compare": {"controls": []}}
    return resolve(given)


def scored(results, experiment, values):
    """Table `metrics` of every run: `values[arm]` is zero-shot, retrieval is 0.1 above it."""
    empty = dict.fromkeys(["subset", "concept", "operator", "condition", "task", "corruption", "severity", "share"])
    marks = dict.fromkeys(["low", "high", "trained", "text_prior", "training_probe", "published", "blind", "split"])
    counts = {"n_scored": 4, "n_expected": 4, "ties": 0, "chance": 0.5}
    for arm, value in values.items():
        for seed in experiment.seeds:
            row = {**empty, **marks, **counts, "model": "m", "arm": arm, "seed": seed, "stage": "evaluate"}
            moved = value + (0.02 if seed == 10 else -0.02)
            rows = [
                {**row, "benchmark": "classification", "task": "mean", "metric": "top1", "value": moved},
                {
                    **row,
                    "benchmark": "retrieval",
                    "subset": "text_to_image",
                    "metric": "recall@1",
                    "value": moved + 0.1,
                },
            ]
            folder = results / "search" / "evaluate" / arm / str(seed)
            folder.mkdir(parents=True)
            write_table(table("metrics", rows), folder / "metrics.parquet", "metrics")


VALUES = {"clip-0": 0.5, "clip-1": 0.6, "clip-2": 0.4, "random-0": 0.3, "random-1": 0.5, "random-2": 0.45}


def test_the_best_mean_over_columns_and_seeds_is_chosen_for_each_arm(tmp_path):
    experiment = search()
    scored(tmp_path, experiment, VALUES)
    found = grid(experiment, tmp_path)
    assert [point.name for point in found["clip"]] == ["0", "1", "2"]
    assert found["clip"][1].by_seed == pytest.approx((0.67, 0.63)) and found["clip"][1].score == pytest.approx(0.65)
    assert {arm: point.image_lr for arm, point in chosen(found).items()} == {"clip": 2e-3, "random": 2e-3}
    assert "65.0 (2.8)" in grid_text(found)
    assert "clip: {image_lr: 0.002, text_lr: 0.001}" in choice_text(chosen(found))


@pytest.mark.parametrize(("best", "side"), [("clip-0", "below"), ("clip-2", "above")])
def test_an_optimum_at_either_edge_is_refused_with_its_arm(tmp_path, best, side):
    experiment = search()
    scored(tmp_path, experiment, {**VALUES, best: 0.9})
    with pytest.raises(InputError) as caught:
        chosen(grid(experiment, tmp_path))
    assert f"clip ({best[-1]}, {side}" in str(caught.value) and "random" not in str(caught.value)
    assert "add a point" in str(caught.value)


def test_of_equal_points_the_slowest_is_chosen():
    points = [
        Point(str(rate), rate, rate, (score,)) for rate, score in ((1e-4, 0.1), (1e-3, 0.5), (2e-3, 0.5), (4e-3, 0))
    ]
    assert chosen({"clip": points})["clip"].image_lr == 1e-3


def test_a_missing_run_of_the_search_is_refused(tmp_path):
    experiment = search()
    scored(tmp_path, experiment, {name: value for name, value in VALUES.items() if name != "random-2"})
    with pytest.raises(InputError, match="a run of the search is missing"):
        grid(experiment, tmp_path)


def test_arms_with_different_grids_are_refused(tmp_path):
    other = {"method": "random", "objective": "hnc", "image_lr": 5e-3, "text_lr": 1e-3}
    experiment = search(**{"random-2": other})
    scored(tmp_path, experiment, VALUES)
    with pytest.raises(InputError, match="different grids"):
        grid(experiment, tmp_path)


def test_the_search_of_the_study_has_one_grid_around_the_old_edge_for_every_tuned_arm(root):
    study, tuned = (load(root / "config" / f"study-{name}.yaml") for name in ("world", "search"))
    assert tuned.seeds == [10, 11, 12] and not set(tuned.seeds) & set(study.seeds)
    assert (tuned.evaluate.split, study.evaluate.split) == ("val", "final")
    grids = {}
    for name, arm in tuned.arms.items():
        if name != "base":
            of = name.rpartition("-")[0]
            grids.setdefault(of, []).append((arm.image_lr, arm.text_lr))
            rates = {"image_lr": None, "text_lr": None}
            assert arm.model_copy(update=rates) == study.arms[of].model_copy(update=rates)
    assert (
        len({tuple(points) for points in grids.values()}) == 1
        and min(grids["clip"])[0] < 1.5e-3 < max(grids["clip"])[0]
    )
    derived = {name for name in study.arms if name.startswith(("ce_clip_no", "ce_clip_fixed", "clip_compute"))}
    assert set(study.arms) - set(grids) - {"base"} - derived == {"ce_clip_released_negatives", "hnc_released_negatives"}


def test_equal_steps_follow_from_recorded_flops(tmp_path):
    experiment = runs_on_disk.experiment()
    runs_on_disk.write(tmp_path, experiment)
    # clip: 6e12 FLOPs in 2,000 steps; hnc: 9e12
    assert equal_steps(experiment, tmp_path, "clip") == (3000, "clip_compute")
    less = experiment.model_copy(update={"arms": {n: a for n, a in experiment.arms.items() if n != "clip_compute"}})
    assert equal_steps(less, tmp_path, "clip") == (3000, "hnc")


def test_equal_steps_without_trainings_are_refused(tmp_path):
    with pytest.raises(InputError, match="no finished training of 'clip'"):
        equal_steps(runs_on_disk.experiment(), tmp_path, "clip")


def test_the_command_prints_the_steps(tmp_path, capsys, monkeypatch):
    runs_on_disk.write(tmp_path, runs_on_disk.experiment())
    monkeypatch.setattr("nearmiss.config.load", lambda *args, **kwargs: runs_on_disk.experiment())
    app(["study", "steps", "--config", "x.yaml", "--results", str(tmp_path)], result_action="return_value")
    assert capsys.readouterr().out.startswith("3000 steps of 'clip'")
