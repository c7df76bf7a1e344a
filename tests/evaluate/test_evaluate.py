"""One evaluation from end to end on a toy experiment: what it writes, and what it refuses before any compute."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
import toy_experiment as toy

import small_towers
from nearmiss.base.errors import InputError
from nearmiss.base.files import RECORD, folder_sha256, sha256
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.models.two_towers import two_towers
from nearmiss.engine.scoring.model import parse_model
from nearmiss.stages.evaluate import features, stage
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.pretrain.config import ImageTowerConfig, TextTowerConfig

CONFIG = EvaluateConfig(
    resamples=100, benchmarks=["world", "retrieval", "classification"], missing="refuse", device="cpu"
)


def evaluate(folder, out="out", config=CONFIG, **changed):
    arguments = {
        "config": config,
        "model": parse_model(f"local-dir:{changed.pop('checkpoint', folder / 'checkpoint')}", arm="hnc", seed=3),
        "root": DataRoot(None, {"tables": folder / "tables", "source": folder / "published"}),
        "negatives": folder / "negatives",
        "captions": folder / "tables" / "captions.parquet",
        "cache": folder.parent / f"{folder.name}-{out}-cache",
        "out": folder / out,
    }
    stage.run(**{**arguments, **changed})
    return folder / out


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    toy.write_tables(folder)
    toy.write_negatives(folder / "negatives", [("relation", "reverse"), ("color", "replace")])
    toy.write_checkpoint(folder / "checkpoint")
    return folder


@pytest.fixture(scope="module")
def done(made):
    return evaluate(made)


@pytest.fixture
def broken(made, tmp_path):
    """A copy that a test may break, with a result already there."""
    folder = tmp_path / "copy"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(RECORD, "out"))
    with OutputFolder(folder / "out") as earlier:
        (earlier / "metrics.parquet").write_bytes(b"what was there")
    return folder


def test_scores_and_outcomes_are_complete(made, done):
    scores = read_table(done / "scores.parquet", "scores")
    items = read_table(made / "tables" / "items_test.parquet", "items")
    assert items["item_id"].to_list() == scores["item_id"].to_list()
    outcomes = read_table(done / "outcomes.parquet", "outcomes")
    assert outcomes.filter(benchmark="retrieval", subset="image_to_text", metric="recall@1").height == 8
    assert outcomes.filter(benchmark="classification", task="color", metric="top1").height == 8
    assert set(scores["arm"]) == {"hnc"}
    assert set(scores["seed"]) == {3}


def test_features_of_a_frozen_trunk_give_the_same_scores(made, done, tmp_path, monkeypatch):
    options = small_towers.model_of(tmp_path, ["a", "cube", "ball", "red", "blue", "left", "of"])
    image, text = ImageTowerConfig(**options["image"]).model_dump(), TextTowerConfig(**options["text"]).model_dump()
    towers = two_towers(image, text, options["embed_dim"])
    towers.save(tmp_path / "checkpoint", towers.begun(0))
    root = DataRoot(None, {"tables": made / "tables", "source": made / "published"})
    model = parse_model(str(tmp_path / "checkpoint"))
    common = {"config": CONFIG, "model": model, "root": root}
    features.run(**common, frozen=["visual.trunk.*"], out=tmp_path / "features", state=tmp_path / "state", workers=2)
    expected = evaluate(made, out=tmp_path / "plain", checkpoint=tmp_path / "checkpoint", cache=tmp_path / "cache")
    monkeypatch.setattr("nearmiss.engine.scoring.encoder.Encoder.images", None)
    given = {"features": tmp_path / "features", "cache": tmp_path / "cache"}
    found = evaluate(made, out=tmp_path / "cached", checkpoint=tmp_path / "checkpoint", **given)
    ours, theirs = (
        read_table(out / "scores.parquet", "scores")["similarity"].explode().explode().to_numpy()
        for out in (found, expected)
    )
    assert np.allclose(ours, theirs, atol=1e-3)
    with pytest.raises(InputError, match="other weights"):
        small_towers.write_trunk_weights(tmp_path / "other.safetensors", seed=2)
        others = two_towers(image | {"weights": str(tmp_path / "other.safetensors")}, text, options["embed_dim"])
        others.save(tmp_path / "other", others.begun(0))
        evaluate(made, out=tmp_path / "refused", checkpoint=tmp_path / "other", **given)


def test_a_folder_of_the_user_is_not_replaced_by_features_of_benchmarks(made, done, tmp_path):
    out = tmp_path / "photographs"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    root = DataRoot(None, {"tables": made / "tables", "source": made / "published"})
    with pytest.raises(InputError, match="holds files that nearmiss did not write"):
        features.run(config=CONFIG, model=parse_model("ViT-S-32"), frozen=[], root=root, out=out, state=tmp_path / "s")
    assert [each.name for each in out.iterdir()] == ["mine.txt"]


def test_each_metric_has_interval_chance_blind_and_counts(done):
    metrics = read_table(done / "metrics.parquet", "metrics")
    model = metrics.filter(pl.col("model") != "blind")
    for column in ("value", "low", "high", "chance", "blind", "n_scored", "n_expected"):
        assert model[column].null_count() == 0, column
    assert (model["n_scored"] == model["n_expected"]).all()
    assert ((model["low"] <= model["value"]) & (model["value"] <= model["high"])).all()
    assert set(metrics.filter(pl.col("model") == "blind")["arm"]) == {
        "blind_length",
        "blind_unigram",
        "blind_bigram",
        "blind_lexical",
        "blind_constant",
    }
    assert {"recall@1", "exact_recall@10", "top1", "accuracy", "text", "image", "group", "strict"} <= set(
        model["metric"]
    )


def test_the_blind_column_is_the_best_blind_row(done):
    metrics = read_table(done / "metrics.parquet", "metrics")
    key = ["benchmark", "subset", "concept", "operator", "condition", "task", "metric"]
    best = metrics.filter(pl.col("model") == "blind").group_by(key).agg(best=pl.col("value").max())
    both = metrics.filter(pl.col("model") != "blind").join(best, on=key, nulls_equal=True)
    assert both.height == metrics.filter(pl.col("model") != "blind").height
    assert both["blind"].to_list() == pytest.approx(both["best"].to_list())


def test_cells_are_marked_by_what_the_arm_was_trained_on(made, done):
    def marks(folder):
        rows = read_table(folder / "metrics.parquet", "metrics").filter(
            pl.col("model") != "blind", pl.col("concept").is_not_null()
        )
        return {(row["concept"], row["operator"]): row["trained"] for row in rows.iter_rows(named=True)}

    assert marks(done) == {
        ("relation", "reverse"): "seen",
        ("color", "replace"): "seen",
        ("color", "swap"): "concept",
        ("binding", "swap"): "concept",
        ("location", "replace"): "unseen",
    }
    assert set(marks(evaluate(made, "without", negatives=None)).values()) == {"unseen"}


def test_the_measurement_is_recorded(done):
    record = json.loads((done / "measurement.json").read_text())
    assert set(record["benchmarks"]) == {"world", "retrieval", "classification"}
    assert record["complete"]
    assert record["model"]["activation"] == "GELU"
    assert len(record["model"]["weights"]) == 32
    for entry in record["benchmarks"].values():
        assert entry["files"] and entry["notes"] and entry["precision"]
    assert record["benchmarks"]["world"]["measurement"]["ties"] == "wrong"


def test_a_rerun_from_shuffled_tables_gives_the_same_bytes(made, done, tmp_path):
    folder = tmp_path / "elsewhere"
    shutil.copytree(made, folder)
    for name, kind in (("items_test", "items"), ("retrieval_test", "retrieval"), ("images", "images")):
        path = folder / "tables" / f"{name}.parquet"
        write_table(read_table(path, kind).sample(fraction=1, shuffle=True, seed=1), path, kind)
    again = evaluate(folder)
    for name in ("scores.parquet", "metrics.parquet"):
        assert sha256(again / name) == sha256(done / name), name


def test_metrics_follow_from_the_outcomes(done):
    outcomes = read_table(done / "outcomes.parquet", "outcomes")
    metrics = read_table(done / "metrics.parquet", "metrics").filter(pl.col("model") != "blind")
    key = ["benchmark", "subset", "concept", "operator", "condition", "task", "metric"]
    again = outcomes.group_by(key).agg(again=pl.col("value").sum() / pl.col("weight").sum())
    both = metrics.join(again, on=key, nulls_equal=True)
    assert both.height == metrics.height
    assert both["again"].to_list() == pytest.approx(both["value"].to_list())


def _delete_image(folder):
    next(iter(sorted((folder / "published" / "images").glob("test-*")))).unlink()
    return "an image is missing"


def _break_image(folder):
    (folder / "published" / "images" / "test-001.png").write_bytes(b"no picture")
    return "test-001.png"


def _empty_split(folder):
    path = folder / "tables" / "items_test.parquet"
    write_table(read_table(path, "items").head(0), path, "items")
    return "no items"


def _unknown_image(folder):
    path = folder / "tables" / "images.parquet"
    write_table(read_table(path, "images").filter(pl.col("image_id") != "test-002"), path, "images")
    return "test-002"


def _missing_table(folder):
    (folder / "tables" / "retrieval_test.parquet").unlink()
    return "retrieval_test.parquet"


def _form(folder):
    path = folder / "tables" / "items_test.parquet"
    write_table(read_table(path, "items").with_columns(subset=pl.lit("1x1")), path, "items")
    return "1x1"


def _negatives(folder):
    (folder / "negatives" / "negatives.parquet").write_bytes(b"PAR1 no more")
    return "not readable"


@pytest.mark.parametrize(
    "fault", [_delete_image, _break_image, _empty_split, _unknown_image, _missing_table, _form, _negatives]
)
def test_bad_input_is_reported_before_the_model_is_loaded(broken, monkeypatch, fault):
    monkeypatch.setattr(stage, "open_encoder", None)
    message = fault(broken)
    before = folder_sha256(broken / "out")
    with pytest.raises(InputError, match=message):
        evaluate(broken)
    assert folder_sha256(broken / "out") == before


def test_an_evaluation_after_a_damaged_image_is_restored_gives_the_same_bytes(broken, done):
    """Embeddings of images that came in a batch with a damaged one would differ in their last bits."""
    image = broken / "published" / "images" / "test-001.png"
    whole = image.read_bytes()
    image.write_bytes(whole[:-200])
    with pytest.raises(InputError, match="1 images do not decode"):
        evaluate(broken)
    assert not list((broken.parent / "copy-out-cache").rglob("image-*")), "the rest of the batch was cached"
    image.write_bytes(whole)
    evaluate(broken)
    for name in ("scores.parquet", "outcomes.parquet", "metrics.parquet"):
        assert sha256(broken / "out" / name) == sha256(done / name)


def test_scores_follow_a_changed_ground_truth(made, tmp_path):
    """Inverting every truth inverts every accuracy."""
    folder = tmp_path / "turned"
    shutil.copytree(made, folder)
    path = folder / "tables" / "items_test.parquet"
    turned = [[[not cell for cell in row] for row in truth] for truth in read_table(path, "items")["truth"].to_list()]
    write_table(
        read_table(path, "items").with_columns(truth=pl.Series(turned, dtype=pl.List(pl.List(pl.Boolean)))),
        path,
        "items",
    )
    one = EvaluateConfig(benchmarks=["world"], resamples=100, device="cpu")
    there = read_table(evaluate(made, "there", one) / "metrics.parquet", "metrics")
    back = read_table(evaluate(folder, "back", one) / "metrics.parquet", "metrics")
    key = ["subset", "concept", "operator", "condition"]
    both = there.filter(pl.col("metric") == "accuracy", pl.col("model") != "blind").join(
        back.filter(pl.col("metric") == "accuracy", pl.col("model") != "blind"), on=key
    )
    assert (both["value"] + both["value_right"]).to_list() == pytest.approx([1.0] * both.height)
