"""Weights between a base and an arm: exact ends, the one evaluator on each, a choice on split val, refusals."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
import torch
import toy_experiment as toy
from polars.testing import assert_frame_equal
from safetensors.torch import load_file, save_file
from test_evaluate import CONFIG, evaluate

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.tables import SCHEMAS, read_table
from nearmiss.cli import app
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.models.checkpoint import open_checkpoint
from nearmiss.engine.models.cross_encoder import fresh_fusion, save_fusion
from nearmiss.engine.models.interpolation import interpolated, open_interpolation
from nearmiss.engine.scoring.model import parse_model
from nearmiss.stages.evaluate import interpolation
from nearmiss.stages.evaluate.config import EvaluateConfig

ALPHAS = [0.0, 0.5, 1.0]
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A toy experiment with items in test and in val, a base, and an arm whose weights differ in one half of them."""
    folder = tmp_path_factory.mktemp("toy")
    toy.write_tables(folder)
    for name in ("items", "retrieval", "classification"):
        shutil.copy(folder / "tables" / f"{name}_test.parquet", folder / "tables" / f"{name}_val.parquet")
    toy.write_negatives(folder / "negatives", [("relation", "reverse"), ("color", "replace")])
    toy.write_checkpoint(folder / "base")
    shutil.copytree(folder / "base", folder / "checkpoint")
    draws = np.random.default_rng(5)
    state = load_file(folder / "base" / WEIGHTS)
    for name, value in sorted(state.items()):
        if name.startswith("transformer"):
            state[name] = value + torch.from_numpy(draws.normal(0, 0.3, value.shape)).to(value.dtype)
    save_file(state, folder / "checkpoint" / WEIGHTS)
    return folder


def score(folder, out, *, config=CONFIG, alphas=ALPHAS, **changed):
    given = {
        "config": config.model_copy(update={"interpolation": alphas}),
        "base": parse_model(f"local-dir:{folder / 'base'}"),
        "arm": parse_model(f"local-dir:{folder / 'checkpoint'}", arm="hnc", seed=3),
        "root": DataRoot(None, {"tables": folder / "tables", "source": folder / "published"}),
        "negatives": folder / "negatives",
        "captions": folder / "tables" / "captions.parquet",
        "out": out,
        "state": out.with_name(f"{out.name}-state"),
    }
    return interpolation.run(**{**given, **changed})


@pytest.fixture(scope="module")
def done(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("scored") / "out"
    score(made, out)
    return out


def tensors(folder):
    return {name: value.numpy().tobytes() for name, value in load_file(folder / WEIGHTS).items()}


def test_the_ends_have_the_bits_of_the_base_and_of_the_arm(made, tmp_path):
    between = open_interpolation(f"local-dir:{made / 'base'}", made / "checkpoint")
    for alpha, name in ((0.0, "base"), (1.0, "checkpoint")):
        between.save(tmp_path / name, alpha)
        assert tensors(tmp_path / name) == tensors(made / name)
    assert tensors(made / "base") != tensors(made / "checkpoint")


def test_weights_between_are_their_weighted_mean_and_equal_ones_stay_as_they_are():
    third = torch.tensor([1 / 3, 0.1, -0.0])
    base = {"w": torch.tensor([0.0, 4.0]), "frozen": third, "steps": torch.tensor(3)}
    arm = {"w": torch.tensor([8.0, 2.0]), "frozen": third.clone(), "steps": torch.tensor(9)}
    found = interpolated(base, arm, 0.25)
    assert found["w"].tolist() == [2.0, 3.5]
    assert found["frozen"].numpy().tobytes() == third.numpy().tobytes()
    assert found["steps"] == 9
    assert interpolated(base, arm, 0.0)["steps"] == 3


@pytest.mark.parametrize(("alpha", "checkpoint"), [(0.0, "base"), (1.0, "checkpoint")])
def test_the_ends_have_the_metrics_of_the_base_and_of_the_arm(made, done, tmp_path, alpha, checkpoint):
    out = evaluate(made, out=tmp_path / "alone", checkpoint=made / checkpoint, cache=tmp_path / "cache")
    columns = [name for name in SCHEMAS["interpolation"] if name not in ("alpha", "chosen")]
    expected = read_table(out / "metrics.parquet", "metrics").filter(pl.col("model") != "blind").select(columns)
    found = read_table(done / interpolation.TABLE, "interpolation")
    found = found.filter(alpha=alpha, split="test").select(columns)
    assert_frame_equal(found, expected, check_exact=True)


def test_each_share_is_scored_on_both_splits_and_one_is_chosen(done):
    found = read_table(done / interpolation.TABLE, "interpolation")
    assert sorted(found.group_by("alpha", "split").len().select("alpha", "split").iter_rows()) == [
        (alpha, split) for alpha in ALPHAS for split in ("test", "val")
    ]
    record = read_json(done / interpolation.RECORD)
    assert set(found.filter("chosen")["alpha"]) == {record["chosen"]}
    assert len(set(record["weights"].values())) == 3
    assert not (done.parent / "out-state").exists()


def rows(values):
    """Rows of the two headlines of a toy choice: a fine-grained metric and the recall that may fall."""
    frames = []
    for alpha, (binding, recall) in values.items():
        for benchmark, subset, concept, operator, metric, value in (
            ("world", "1x2+2x2", "binding", "swap", "accuracy", binding),
            ("retrieval", "text_to_image", None, None, "recall@1", recall),
        ):
            frames.append(
                {"benchmark": benchmark, "subset": subset, "concept": concept, "operator": operator}
                | {"condition": "iid" if benchmark == "world" else None, "metric": metric, "value": value}
                | {"alpha": alpha, "task": None}
            )
    return pl.DataFrame(frames, infer_schema_length=None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({0.0: (0.5, 0.9), 0.5: (0.8, 0.8), 1.0: (0.9, 0.3)}, 0.5),
        ({0.0: (0.5, 0.9), 1.0: (0.9, 0.8)}, 1.0),
        ({0.0: (0.5, 0.5), 1.0: (0.5, 0.5)}, 0.0),
    ],
)
def test_the_choice_weighs_what_is_gained_and_what_it_costs(values, expected):
    assert interpolation.chosen(rows(values)) == expected


def test_without_items_in_val_no_share_is_chosen(made, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(made, folder)
    for file in (folder / "tables").glob("*_val.parquet"):
        file.unlink()
    record = score(folder, tmp_path / "out", alphas=[0.5])
    assert record["chosen"] is None
    assert not read_table(tmp_path / "out" / interpolation.TABLE, "interpolation")["chosen"].any()


def test_a_base_of_another_architecture_is_refused_before_anything_is_scored(made, tmp_path):
    toy.write_checkpoint(tmp_path / "other", quick_gelu=True)
    with pytest.raises(InputError, match=r"another architecture: model_cfg\.quick_gelu is True"):
        score(made, tmp_path / "out", base=parse_model(f"local-dir:{tmp_path / 'other'}"))
    assert not (tmp_path / "out").exists()


def with_fusion(source, target, seed=0):
    shutil.copytree(source, target)
    model, _, _ = open_checkpoint(target)
    save_fusion(target, fresh_fusion(model, side=16, width=16, heads=2, layers=1, seed=seed))


def test_a_fusion_that_the_base_lacks_is_refused(made, tmp_path):
    with_fusion(made / "checkpoint", tmp_path / "fused")
    with pytest.raises(InputError, match="the arm is a cross-encoder, and the base has no fusion"):
        open_interpolation(f"local-dir:{made / 'base'}", tmp_path / "fused")
    with pytest.raises(InputError, match="the base is a cross-encoder, and the arm has no fusion"):
        open_interpolation(f"local-dir:{tmp_path / 'fused'}", made / "checkpoint")


def test_fusions_of_both_are_interpolated_like_the_towers(made, tmp_path):
    for name, seed in (("base", 1), ("checkpoint", 2)):
        with_fusion(made / name, tmp_path / name, seed)
    between = open_interpolation(f"local-dir:{tmp_path / 'base'}", tmp_path / "checkpoint")
    between.save(tmp_path / "half", 0.5)
    base, arm, half = (load_file(tmp_path / name / "fusion.safetensors") for name in ("base", "checkpoint", "half"))
    assert all(torch.allclose(half[name], (base[name] + arm[name]) / 2) for name in half)
    assert any(not torch.equal(base[name], arm[name]) for name in half)


@pytest.mark.parametrize("alphas", ([1.5], [-0.1], [0.5, 0.5]))
def test_a_share_outside_of_0_to_1_or_twice_is_refused(alphas):
    with pytest.raises(ValueError, match="interpolation"):
        EvaluateConfig(interpolation=alphas)


def test_nothing_to_interpolate_is_refused(made, tmp_path):
    with pytest.raises(InputError, match="no share of weights"):
        score(made, tmp_path / "out", alphas=[])


def test_the_command_scores_two_folders_and_evaluate_names_it(made, tmp_path, capsys):
    moved = ["--move", f"tables={made / 'tables'}", "--move", f"source={made / 'published'}"]
    words = ["--interpolation", json.dumps([0.5]), "--benchmarks", "retrieval", *moved, "--resamples", "100"]
    model = f"local-dir:{made / 'checkpoint'}"
    base = f"local-dir:{made / 'base'}"
    given = ["--base", base, "--model", model, *words, "--out", str(tmp_path / "out")]
    app(["benchmarks", "interpolate", *given], exit_on_error=False, result_action="return_value")
    assert "1 shares of the weights" in capsys.readouterr().out
    assert read_table(tmp_path / "out" / interpolation.TABLE, "interpolation")["alpha"].unique().to_list() == [0.5]
    with pytest.raises(InputError, match="benchmarks interpolate"):
        app(["evaluate", "--model", model, *words, "--out", str(tmp_path / "other")], exit_on_error=False)
