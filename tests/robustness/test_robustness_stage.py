"""A model's scores on corrupted images and captions beside its clean ones, and what is refused before it is opened."""

import shutil

import numpy as np
import polars as pl
import pytest
import torch
import toy_noise as toy
from safetensors.torch import save_file

from nearmiss.base.errors import InputError
from nearmiss.base.files import RECORD, folder_sha256, read_json, sha256, write_json
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table, write_table
from nearmiss.engine.benchmarks.benchmark import ItemBenchmark
from nearmiss.engine.images.corruptions.corruption import Corruption
from nearmiss.engine.images.corruptions.registry import CORRUPTIONS
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.engine.scoring.model import parse_model
from nearmiss.engine.text.corruptions.spec import DroppedWordsConfig, OcrErrorsConfig
from nearmiss.stages.robustness import corrupted as corrupted_images
from nearmiss.stages.robustness import stage

NOISE = {(each.corruption, severity) for each in toy.CONFIG.corruptions for severity in (1, 5)}
TYPOS = {("typos", 1), ("typos", 5)}


def score(folder, out="out", config=toy.CONFIG, **changed):
    arguments = {
        "config": config,
        "model": parse_model(f"local-dir:{folder / 'checkpoint'}", arm="hnc", seed=3),
        "corrupted": folder / "corrupted",
        "root": toy.root_of(folder),
        "negatives": folder / "negatives",
        "captions": folder / "tables" / "captions.parquet",
        "cache": folder.parent / f"{folder.name}-{out}-cache",
        "out": folder / out,
    }
    stage.run(**{**arguments, **changed})
    return folder / out


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = toy.write(tmp_path_factory.mktemp("toy"))
    toy.corrupt(folder)
    return folder


@pytest.fixture(scope="module")
def done(made):
    return score(made)


@pytest.fixture
def broken(made, tmp_path):
    """A copy that a test may break, with a result already there."""
    folder = tmp_path / "copy"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("out"))
    (folder / "corrupted" / RECORD).unlink()  # pixels that no record names: the stage checks them by itself
    with OutputFolder(folder / "out") as earlier:
        (earlier / "metrics.parquet").write_bytes(b"what was there")
    return folder


def chosen(folder, config=toy.CONFIG):
    """The world's items that are scored."""
    (benchmark,), _ = corrupted_images.selected(config, toy.root_of(folder), folder.parent / "contents")
    assert isinstance(benchmark, ItemBenchmark)
    return benchmark.items


def metrics(folder):
    return read_table(folder / "metrics.parquet", "metrics")


def test_every_item_has_clean_and_corrupted_scores(made, done):
    scores = read_table(done / "scores.parquet", "scores")
    items = chosen(made)
    cells = scores.group_by("corruption", "severity").agg("item_id").select("corruption", "severity", "item_id")
    assert {row[:2] for row in cells.iter_rows()} == {(None, None), *NOISE, *TYPOS}
    assert all(sorted(row[2]) == items["item_id"].to_list() for row in cells.iter_rows())
    assert set(scores["arm"]) == {"hnc"} and set(scores["seed"]) == {3}


def test_a_drop_is_the_clean_accuracy_minus_the_corrupted_one(done):
    rows = metrics(done)
    key = ["concept", "operator"]
    clean = rows.filter(pl.col("corruption").is_null())
    assert set(clean["metric"]) == {"accuracy"}
    assert ("binding", "swap") in set(clean.select(key).iter_rows())
    noisy = rows.filter(pl.col("metric") == "accuracy", pl.col("corruption").is_not_null())
    drop = rows.filter(pl.col("metric") == "accuracy_drop")
    assert noisy.height == drop.height == clean.height * len(NOISE | TYPOS)
    both = noisy.join(drop, on=[*key, "corruption", "severity"], suffix="_drop")
    both = both.join(clean, on=key, suffix="_clean")
    assert (both["value_clean"] - both["value"]).to_list() == pytest.approx(both["value_drop"].to_list())
    assert ((drop["low"] <= drop["value"]) & (drop["value"] <= drop["high"])).all()
    assert set(rows["stage"]) == {"robustness"} and set(rows["subset"]) == {"2x2"} and set(rows["split"]) == {"test"}


def test_corruptions_change_similarities_and_typos_keep_images(done):
    scores = read_table(done / "scores.parquet", "scores")
    flat = {
        key: np.array(group.sort("item_id")["similarity"].to_list())
        for key, group in scores.group_by("corruption", "severity")
    }
    moved = {key: float(np.abs(values - flat[None, None]).mean()) for key, values in flat.items()}
    assert moved["gaussian_noise", 5] > moved["gaussian_noise", 1] > 0
    assert all(moved[cell] > 0 for cell in TYPOS)


def test_clean_scores_equal_those_of_stage_evaluate(made, done):
    """The same model on the published files gives the clean scores: the way over stored pixels changes nothing."""
    row = chosen(made).row(0, named=True)
    model = Encoder(f"local-dir:{made / 'checkpoint'}", None)
    files = [made / "published" / name.removeprefix("source/") for name in row["images"]]
    images = model.images([lambda file=file: open_rgb(file) for file in files])
    expected = images @ model.texts(row["captions"]).T
    scores = read_table(done / "scores.parquet", "scores").filter(pl.col("corruption").is_null())
    found = scores.filter(pl.col("item_id") == row["item_id"])["similarity"].to_list()[0]
    assert np.array(found) == pytest.approx(expected, abs=1e-5)


def test_every_text_and_every_content_of_an_image_is_encoded_once(made, monkeypatch):
    encoded = {"images": 0, "texts": 0}

    class Counting(Encoder):
        def images(self, openers):
            encoded["images"] += len(openers)
            return super().images(openers)

        def texts(self, texts):
            encoded["texts"] += 1
            assert len(set(texts)) == len(texts)
            return super().texts(texts)

    monkeypatch.setattr("nearmiss.engine.scoring.encoder.Encoder", Counting)
    score(made, "counted")
    contents = {
        image.tobytes()
        for file in (made / "corrupted").glob("*.npy")
        for image in np.load(file).reshape(-1, 32 * 32 * 3)
    }
    assert encoded == {"images": len(contents), "texts": 1}


def test_rows_have_the_trained_mark_and_blind_baselines(made, done):
    rows = metrics(done)
    marks = {(row["concept"], row["operator"]): row["trained"] for row in rows.iter_rows(named=True)}
    assert marks == {
        ("relation", "reverse"): "seen",
        ("color", "replace"): "seen",
        ("color", "swap"): "concept",
        ("binding", "swap"): "concept",
        ("location", "replace"): "unseen",
    }
    accuracies = rows.filter(pl.col("metric") == "accuracy")
    assert accuracies["blind"].null_count() == 0 and set(accuracies["chance"]) == {0.5}


def test_the_measurement_is_written(done):
    record = read_json(done / "measurement.json")
    world = record["benchmarks"]["world"]
    assert {each["corruption"] for each in record["corruptions"]} == {name for name, _ in NOISE}
    assert record["corruptions"][0]["deviation"] == [0.08, 0.12, 0.18, 0.26, 0.38]
    few, many = (world["changed_words"]["typos"][severity] for severity in ("1", "5"))
    assert few.keys() == many.keys() == {"color replace", "color swap", "location replace", "relation reverse"}
    assert all(0 < few[cell]["share"] <= many[cell]["share"] < 0.6 for cell in few)
    assert all(cell["untouched_items"] == 0 for cell in few.values())
    assert world["excluded"] == {} and record["severities"] == [1, 5]
    assert {"clean", "images", "texts"} == record["blind"].keys()


def test_concepts_that_are_not_preserved_are_excluded_and_reported(made, monkeypatch):
    def gray(pixels, options, severity, rng):
        return np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)

    monkeypatch.setitem(CORRUPTIONS, "contrast", Corruption("contrast", gray, destroys=frozenset({"color"})))
    folder = score(made, "gray")
    rows = metrics(folder)
    under = rows.filter(pl.col("corruption") == "contrast")
    assert set(under["concept"]) == {"relation", "location"}  # the toy's binding is all color
    assert "color" in set(rows.filter(pl.col("corruption") != "contrast")["concept"])
    scored = read_table(folder / "scores.parquet", "scores").filter(pl.col("corruption") == "contrast")
    assert not scored["item_id"].str.starts_with("color").any()
    world = read_json(folder / "measurement.json")["benchmarks"]["world"]
    assert world["excluded"] == {"contrast": ["color"]}
    assert world["why_excluded"]["contrast"] == "contrast does not preserve color: 6 items are not scored"


def test_a_second_run_gives_the_same_bytes(made, done):
    again = score(made, "again")
    for name in ("scores.parquet", "metrics.parquet", "measurement.json", "manifest.json"):
        assert sha256(again / name) == sha256(done / name), name


def test_captions_are_corrupted_as_configured(made):
    rows = metrics(score(made, "silent", toy.CONFIG.model_copy(update={"texts": []})))
    assert "typos" not in set(rows["corruption"])
    config = toy.CONFIG.model_copy(update={"texts": [DroppedWordsConfig(), OcrErrorsConfig()]})
    folder = score(made, "dropped", config)
    assert {("dropped_words", 5), ("ocr_errors", 1)} <= set(
        metrics(folder).select("corruption", "severity").iter_rows()
    )
    changed = read_json(folder / "measurement.json")["benchmarks"]["world"]["changed_words"]
    assert set(changed) == {"dropped_words", "ocr_errors"}
    assert all(0 < cell["share"] < 0.6 for cell in changed["dropped_words"]["5"].values())


def _missing_pixels(folder):
    (folder / "corrupted" / "contrast-5.npy").unlink()
    return "corrupted images are missing"


def _damaged_pixels(folder):
    (folder / "corrupted" / "contrast-5.npy").write_bytes(b"no array")
    return "corrupted images do not load"


def _cut_pixels(folder):
    file = folder / "corrupted" / "contrast-5.npy"
    np.save(file, np.load(file)[:-1])
    return "contrast-5.npy"


def _another_split(folder):
    file = folder / "corrupted" / "corruptions.json"
    write_json(file, {**read_json(file), "split": "val"})
    return "made with split 'val', not 'test'"


def _other_severities(folder):
    shutil.rmtree(folder / "corrupted")
    toy.corrupt(folder, config=toy.CONFIG.model_copy(update={"severities": [1]}))
    return r"made with severities \[1\], not \[1, 5\]"


def _other_items(folder):
    file = folder / "corrupted" / "images.json"
    write_json(file, read_json(file)[:3])
    return "of other items"


def _other_images(folder):
    file = folder / "corrupted" / "images.json"
    write_json(file, [{**each, "digest": "0" * 64} for each in read_json(file)])
    return "made from other images"


def _no_images(folder):
    shutil.rmtree(folder / "published" / "images")
    return "an image is missing"


def _no_captions(folder):
    (folder / "tables" / "captions.parquet").unlink()
    return "captions.parquet"


def _negatives(folder):
    (folder / "negatives" / "negatives.parquet").write_bytes(b"PAR1 no more")
    return "not readable"


FAULTS = [
    _missing_pixels,
    _damaged_pixels,
    _cut_pixels,
    _another_split,
    _other_severities,
    _other_items,
    _other_images,
    _no_images,
    _no_captions,
    _negatives,
]


@pytest.mark.parametrize("fault", FAULTS)
def test_malformed_input_is_reported_before_the_model_is_loaded(broken, monkeypatch, fault):
    monkeypatch.setattr(stage, "open_encoder", None)
    message = fault(broken)
    before = folder_sha256(broken / "out")
    with pytest.raises(InputError, match=message):
        score(broken)
    assert folder_sha256(broken / "out") == before


def _other_weights(checkpoint):
    save_file({"positional_embedding": torch.zeros(2)}, checkpoint / "open_clip_model.safetensors")
    return "checkpoint"


def _no_weights(checkpoint):
    (checkpoint / "open_clip_model.safetensors").unlink()
    return "checkpoint"


def _no_model(checkpoint):
    (checkpoint / "open_clip_config.json").unlink()
    return "open_clip_config.json"


@pytest.mark.parametrize("fault", [_other_weights, _no_weights, _no_model])
def test_a_checkpoint_that_does_not_load_is_named(broken, fault):
    message = fault(broken / "checkpoint")
    before = folder_sha256(broken / "out")
    with pytest.raises(InputError, match=message):
        score(broken)
    assert folder_sha256(broken / "out") == before


def test_an_inverted_truth_inverts_the_clean_accuracy(broken):
    """Inverting every truth gives one minus the accuracy."""
    there = metrics(score(broken, "there")).filter(pl.col("metric") == "accuracy")
    path = broken / "tables" / "items_test.parquet"
    items = read_table(path, "items")
    turned = [[[not cell for cell in row] for row in truth] for truth in items["truth"].to_list()]
    write_table(items.with_columns(truth=pl.Series(turned, dtype=pl.List(pl.List(pl.Boolean)))), path, "items")
    shutil.rmtree(broken / "corrupted")
    toy.corrupt(broken)
    back = metrics(score(broken, "back")).filter(pl.col("metric") == "accuracy")
    key = ["concept", "operator", "corruption", "severity"]
    both = there.join(back, on=key, nulls_equal=True)
    assert both.height == there.height
    assert (both["value"] + both["value_right"]).to_list() == pytest.approx([1.0] * both.height)


def test_retrieval_and_classification_are_corrupted_too(made):
    config = toy.CONFIG.model_copy(update={"benchmarks": ["retrieval", "classification"], "gallery": 3})
    folder = made.parent / "galleries"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("out", "corrupted", RECORD))
    toy.corrupt(folder, config=config)
    rows = metrics(score(folder, config=config))
    clean = rows.filter(pl.col("corruption").is_null())
    assert set(clean["benchmark"]) == {"retrieval", "classification"}
    assert set(clean.filter(benchmark="retrieval", subset="image_to_text")["n_scored"]) == {3}
    noisy = rows.filter(pl.col("corruption") == "gaussian_noise", pl.col("severity") == 5)
    assert {"recall@1", "recall@1_drop", "top1", "top1_drop"} <= set(noisy["metric"])
    assert set(rows.filter(pl.col("corruption") == "typos")["benchmark"]) == {"retrieval"}
