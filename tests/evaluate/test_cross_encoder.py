"""Items of a cross-encoder are scored pair by pair with its match logit, and with the cosine of its dual encoder."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
import torch
import toy_experiment as toy
from safetensors.torch import load_file, save_file
from test_evaluate import CONFIG, evaluate

from nearmiss.base.errors import InputError
from nearmiss.base.files import sha256
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.world import BENCHMARK
from nearmiss.engine.images.decode import open_rgb
from nearmiss.engine.models.checkpoint import open_checkpoint
from nearmiss.engine.models.cross_encoder import (
    FUSION_FILES,
    FUSION_WEIGHTS,
    fresh_fusion,
    open_cross_encoder,
    save_fusion,
)
from nearmiss.engine.models.packing import pack
from nearmiss.engine.scoring.images import BenchmarkImages
from nearmiss.engine.scoring.match import FusionPairs, MatchScorer, trimmed


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tables, negatives, and a cross-encoder with random weights and a random head."""
    folder = tmp_path_factory.mktemp("toy")
    toy.write_tables(folder)
    toy.write_negatives(folder / "negatives", [("relation", "reverse"), ("color", "replace")])
    toy.write_checkpoint(folder / "checkpoint")
    model, _, _ = open_checkpoint(folder / "checkpoint")
    fusion = fresh_fusion(model, side=16, width=16, heads=2, layers=2, seed=0)
    with torch.no_grad():
        fusion.head.weight.copy_(torch.from_numpy(np.random.default_rng(0).normal(size=fusion.head.weight.shape)))
    save_fusion(folder / "checkpoint", fusion)
    return folder


@pytest.fixture(scope="module")
def done(made):
    return evaluate(made)


@pytest.fixture(scope="module")
def dual(made, tmp_path_factory):
    """The same checkpoint without its fusion, evaluated."""
    folder = tmp_path_factory.mktemp("dual") / "copy"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("out"))
    for name in FUSION_FILES:
        (folder / "checkpoint" / name).unlink()
    return evaluate(folder)


def items_of(folder):
    return read_table(folder / "tables" / "items_test.parquet", "items")


def benchmark_of(made, cache):
    """The world's benchmark and its images."""
    root = DataRoot(made, {"source": made / "published"})
    world = BENCHMARK.load(root, Options())
    return world, BenchmarkImages([world], root, cache)


@torch.inference_mode()
def single_logit(made, file, text):
    """The match logit of one pair, with nothing beside it."""
    model, preprocess, tokenizer = open_cross_encoder(made / "checkpoint")
    images = model.eval().images(preprocess(open_rgb(file))[None])
    one = torch.tensor([0])
    return model.match_logit(images, model.texts(pack(trimmed(tokenizer([text])))), one, one).item()


def test_logits_do_not_depend_on_the_other_pairs_of_an_item(made, done):
    scores = read_table(done / "scores.parquet", "scores")
    assert scores["item_id"].is_sorted()
    items = items_of(made).filter(pl.col("crop").is_null())
    files = dict(read_table(made / "tables" / "images.parquet", "images").select("image_id", "file").iter_rows())
    checked = []
    for row in items.group_by("subset", maintain_order=True).head(1).iter_rows(named=True):
        kept = scores.filter(item_id=row["item_id"])
        assert kept["scorer"].to_list() == ["match_logit"]
        for i, image_id in enumerate(row["images"]):
            for j, text in enumerate(row["captions"]):
                found = kept["similarity"][0][i][j]
                assert found == pytest.approx(single_logit(made, made / "published" / files[image_id], text), abs=1e-4)
                checked.append(found)
    assert len(set(checked)) == len(checked) > 4


def test_cosine_scores_are_reported_beside_match_logits(made, done, dual):
    for name in ("scores", "metrics"):
        beside, plain = (read_table(f, name) for f in (done / f"dual_{name}.parquet", dual / f"{name}.parquet"))
        if name == "scores":
            plain = plain.filter(pl.col("item_id").is_in(items_of(made)["item_id"].to_list()))
        else:
            plain = plain.filter((pl.col("benchmark") == "world") & (pl.col("model") != "blind"))
        assert beside.height > 0 and beside.equals(plain)
    matched, cosine = (read_table(f / "outcomes.parquet", "outcomes") for f in (done, dual))
    other = pl.col("benchmark").is_in(["retrieval", "classification"])
    assert matched.filter(other).equals(cosine.filter(other)) and matched.filter(other).height > 0
    assert not matched.filter(~other).equals(cosine.filter(~other))


def test_a_dual_encoder_writes_no_second_set_of_scores(done, dual):
    names = [sorted(path.name for path in folder.iterdir()) for folder in (done, dual)]
    assert set(names[0]) - set(names[1]) == {"dual_scores.parquet", "dual_metrics.parquet"}
    found = [json.loads((folder / "measurement.json").read_text()) for folder in (done, dual)]
    assert "match_logit" in found[0]["similarity"]["items"] and "match_logit" not in found[1]["similarity"]["items"]
    assert set(read_table(dual / "scores.parquet", "scores")["scorer"]) == {"cosine"}


def test_a_rerun_gives_the_same_bytes_and_other_batches_nearly_the_same_values(made, done):
    again = evaluate(made, "again")
    smaller = evaluate(made, "smaller", CONFIG.model_copy(update={"batch_size": 3}))
    for name in ("scores.parquet", "metrics.parquet", "dual_scores.parquet", "manifest.json"):
        assert sha256(again / name) == sha256(done / name)
    figures = [
        read_table(folder / "scores.parquet", "scores")["similarity"].explode().explode() for folder in (done, smaller)
    ]
    assert np.abs(figures[0].to_numpy() - figures[1].to_numpy()).max() < 1e-4


def test_a_wrong_order_of_pairs_is_detected(made, tmp_path, monkeypatch):
    world, images = benchmark_of(made, tmp_path)
    scorer = MatchScorer(FusionPairs(made / "checkpoint"), batch_size=8)
    right, logits = scorer.similarities(world.items, images), FusionPairs.match_logit
    monkeypatch.setattr(FusionPairs, "match_logit", lambda self, *given: logits(self, *given).flip(0))
    assert not right.equals(scorer.similarities(world.items, images))


def test_non_finite_match_logits_are_an_error(made, tmp_path):
    shutil.copytree(made / "checkpoint", tmp_path / "checkpoint")
    weights = load_file(tmp_path / "checkpoint" / FUSION_WEIGHTS)
    weights["head.bias"][:] = torch.tensor([-3e38, 3e38])  # finite, but their difference is not
    save_file(weights, tmp_path / "checkpoint" / FUSION_WEIGHTS)
    with pytest.raises(InputError, match=r"match logits of .* are not finite"):
        evaluate(made, "bad", checkpoint=tmp_path / "checkpoint")
    assert not (made / "bad").exists()
