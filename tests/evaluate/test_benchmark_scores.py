"""Published benchmarks for any open_clip model: scores equal a loop over items, and missing files are reported."""

import json
from functools import partial

import benchmark_files
import caption_benchmark_files
import evaluating
import numpy as np
import open_clip
import polars as pl
import pytest
import torch
from PIL import Image

import small_open_clip
from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.commands.evaluate import evaluate
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import existing, reader
from nearmiss.engine.benchmarks.spec import BENCHMARKS
from nearmiss.engine.scoring import blind
from nearmiss.engine.scoring.encoder import Encoder
from nearmiss.stages.evaluate.listing import listing
from nearmiss.stages.evaluate.paired import paired

PAIRS = "sugarcrepe,aro,valse,vl_checklist,whatsup,negbench,colorfoil"
SQUARES = "winoground,cola,eqben,inpaintcoco,bivlc,vismin,colorswap,coco_counterfactuals,mmvp_vlm"
OTHERS = "bla,spec,imagecode,svo_probes"  # several true captions, one caption of several images


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory):
    small_open_clip.register(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def lexicon(monkeypatch):
    """The built-in tagger in place of a trained one, which a clean clone does not have."""
    from nearmiss.engine.benchmarks import aro_order
    from nearmiss.engine.text.tagging import tag

    monkeypatch.setattr(aro_order, "tag", lambda texts, pipeline: tag(texts))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return benchmark_files.write(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path):
    """An evaluation of the small model into the test's folder."""
    return evaluating.runner(tmp_path)


def figure(result, benchmark, part, metric="score"):
    (row,) = [
        row
        for row in result["metrics"]
        if [row[key] for key in ("benchmark", "subset", "metric")] == [benchmark, part, metric]
    ]
    return row


def test_every_benchmark_is_scored_and_reported(whole, run, tmp_path):
    result = run(whole)
    lacking = [name for name, described in result["benchmarks"].items() if not described["complete"]]
    assert lacking == ["inpaintcoco"]  # as the published file it has rows that cannot be used
    assert not result["complete"]
    assert result["absent"] == []
    assert set(result["benchmarks"]) == set(existing(DataRoot(whole), Options()))
    assert all(row["n_scored"] == row["n_expected"] for row in result["metrics"])
    written = json.loads((tmp_path / "out" / "measurement.json").read_text(encoding="utf-8"))
    assert written == {key: value for key, value in result.items() if key != "metrics"}
    shown = evaluating.shown(result)
    assert max(map(len, shown.splitlines())) <= 80
    assert "1 records left out: degenerate mask" in shown
    assert "INCOMPLETE" in shown
    result = run(whole, PAIRS)
    assert result["complete"]
    assert "INCOMPLETE" not in evaluating.shown(result)


@pytest.mark.parametrize("benchmark", [*PAIRS.split(","), *SQUARES.split(","), *OTHERS.split(",")])
def test_decisions_equal_those_of_an_item_by_item_evaluator(whole, run, tmp_path, benchmark):
    run(whole, benchmark)
    scores = {row["item_id"]: row for row in pl.read_parquet(tmp_path / "out" / "scores.parquet").to_dicts()}
    model, transform, tokenizer = plain_model()
    right = {
        (row["item_id"], row["metric"]): row["value"] > 0
        for row in pl.read_parquet(tmp_path / "out" / "outcomes.parquet").iter_rows(named=True)
    }
    known = reader(benchmark).load(DataRoot(whole), Options())
    scored = 0
    for item in known.items.to_dicts():
        if item["item_id"] not in scores:
            continue
        s = plain_similarities(model, transform, tokenizer, whole, known, item)
        np.testing.assert_allclose(scores[item["item_id"]]["similarity"], s, atol=1e-5)
        if 1 in (len(item["images"]), len(item["captions"])):
            values, truth = np.ravel(s), np.ravel(item["truth"])
            least, most = min(values[truth]), max(values[~truth])
            assert right[item["item_id"], "score"] == (least > most) or abs(least - most) < 1e-5
        else:
            text = s[0][0] > s[0][1] and s[1][1] > s[1][0]
            image = s[0][0] > s[1][0] and s[1][1] > s[0][1]
            for side, won in {"text": text, "image": image, "group": text and image}.items():
                metric = side if (item["item_id"], side) in right else "score"
                assert metric == side or known.measurement.primary == side
                assert right[item["item_id"], metric] == won
        scored += 1
    assert scored == len(scores) > 0


def plain_model():
    """The same weights, loaded by open_clip."""
    torch.manual_seed(0)
    encoder = Encoder(small_open_clip.NAME, None)
    model, _, transform = open_clip.create_model_and_transforms(small_open_clip.NAME)
    model.load_state_dict(encoder.model.state_dict())
    return model.eval(), transform, open_clip.get_tokenizer(small_open_clip.NAME)


@torch.no_grad()
def plain_similarities(model, transform, tokenizer, root, benchmark, item):
    """Every image against every caption, one at a time."""
    found = []
    for path in item["images"]:
        image = (
            benchmark.embedded[path].open() if path in benchmark.embedded else Image.open(root / path).convert("RGB")
        )
        if item["crop"] is not None:
            x, y, w, h = item["crop"]
            image = image.crop((x, y, x + w, y + h))
        look = model.encode_image(transform(image).unsqueeze(0), normalize=True)
        words = [model.encode_text(tokenizer([caption]), normalize=True) for caption in item["captions"]]
        found.append([float((look @ word.T).item()) for word in words])
    return found


def test_a_second_run_encodes_nothing_and_gives_the_same_result(whole, run, monkeypatch):
    first = run(whole, PAIRS)
    monkeypatch.setattr(Encoder, "images", never)
    monkeypatch.setattr(Encoder, "texts", never)
    assert run(whole, PAIRS) == first


def never(*_):
    raise AssertionError("something was encoded again")


def test_a_killed_run_resumes(whole, run, monkeypatch):
    uninterrupted = run(whole, PAIRS, out="other", cache=whole.parent / "other-cache")
    monkeypatch.setattr(Encoder, "texts", partial(killed))
    with pytest.raises(KeyboardInterrupt):
        run(whole, PAIRS)
    monkeypatch.undo()
    monkeypatch.setattr(Encoder, "images", never)  # what was encoded before is kept
    assert run(whole, PAIRS) == uninterrupted


def killed(*_):
    raise KeyboardInterrupt


def test_a_truncated_embedding_file_is_computed_again(whole, run, tmp_path):
    first = run(whole, "sugarcrepe")
    for file in (tmp_path / "cache").rglob("image-*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    assert run(whole, "sugarcrepe") == first


def test_missing_and_broken_images_are_counted_and_named(run, tmp_path):
    root = benchmark_files.write(tmp_path / "data")
    (root / "coco" / "val2017" / "000000000001.jpg").unlink()
    (root / "coco" / "val2017" / "000000000002.jpg").write_bytes(b"not a picture")
    result = run(root, "sugarcrepe")
    assert not result["complete"]
    row = figure(result, "sugarcrepe", "swap_obj")
    assert (row["n_scored"], row["n_expected"]) == (1, 3)
    missing = result["benchmarks"]["sugarcrepe"]["images_missing"]
    assert missing == ["coco/val2017/000000000001.jpg", "coco/val2017/000000000002.jpg"]
    assert "INCOMPLETE" in evaluating.shown(result)
    assert "1/3" in evaluating.shown(result)


def test_a_missing_file_makes_the_result_incomplete(run, tmp_path):
    root = benchmark_files.write(tmp_path / "data")
    (root / "sugarcrepe" / "data" / "swap_obj.json").unlink()
    result = run(root, "sugarcrepe")
    assert not result["complete"]
    assert result["benchmarks"]["sugarcrepe"]["files_missing"] == ["sugarcrepe/data/swap_obj.json"]


def test_benchmarks_without_files_are_named_and_a_root_without_any_is_refused(whole, run, tmp_path):
    (tmp_path / "some").mkdir()
    caption_benchmark_files.sugarcrepe(tmp_path / "some")
    result = run(tmp_path / "some", "sugarcrepe,aro")
    assert result["absent"] == ["aro"]
    assert not result["complete"]
    with pytest.raises(InputError, match="no benchmark has a file"):
        run(tmp_path / "nothing", "aro,cola")
    with pytest.raises(ValueError, match="no benchmark is called 'aroo'"):
        run(whole, "aroo")


def test_a_changed_file_has_another_hash(whole, run, tmp_path):
    root = benchmark_files.write(tmp_path / "data")
    before = run(root, "cola")["benchmarks"]["cola"]["files"]
    file = root / "cola" / "COLA_multiobjects_matching_benchmark.json"
    file.write_text(file.read_text(encoding="utf-8").replace("plants", "weeds"), encoding="utf-8")
    after = run(root, "cola")["benchmarks"]["cola"]["files"]
    assert before.keys() == after.keys()
    assert before != after


def test_a_model_that_diverged_is_refused(whole, run, monkeypatch):
    begun = Encoder.__init__

    def diverged(self, *arguments, **options):
        begun(self, *arguments, **options)
        self.model.visual.proj.data[:] = float("nan")

    monkeypatch.setattr(Encoder, "__init__", diverged)
    with pytest.raises(InputError, match="not finite"):
        run(whole, "cola")


def test_a_tie_is_wrong_unless_the_published_rule_differs(whole, run, monkeypatch):
    monkeypatch.setattr(Encoder, "texts", lambda self, texts: np.full((len(texts), 16), 0.25, dtype=np.float32))
    assert figure(run(whole, "whatsup"), "whatsup", "mean")["value"] == 0
    assert figure(run(whole, "whatsup", released=True), "whatsup", "mean")["value"] == 1
    assert figure(run(whole, "aro", released=True), "aro", "mean")["value"] == 0  # its false caption is first


def test_a_macro_average_weights_strata_equally(whole, run, tmp_path):
    result = run(whole, "aro")
    outcomes = pl.read_parquet(tmp_path / "out" / "outcomes.parquet")
    outcomes = outcomes.filter(pl.col("subset") == "visual_genome_relation", pl.col("metric") == "score")
    strata = reader("aro").load(DataRoot(whole), Options()).items.select("item_id", "stratum")
    right = outcomes.join(strata, on="item_id").with_columns(right=pl.col("value") > 0)
    by_hand = right.group_by("stratum").agg(pl.col("right").mean())["right"].mean()
    assert figure(result, "aro", "visual_genome_relation")["value"] == pytest.approx(by_hand)


def test_statements_are_scored_without_a_raw_threshold(whole, run):
    result = run(whole, "vsr")
    metrics = {(row["subset"], row["metric"]) for row in result["metrics"]}
    assert metrics == {(part, metric) for part in ("random", "zeroshot") for metric in ("auroc", "accuracy")}


def test_published_values_are_in_the_table(whole, run):
    result = run(whole, "sugarcrepe", paper="openai")
    row = figure(result, "sugarcrepe", "swap_obj")
    assert row["published"] == pytest.approx(0.6138)
    assert "61.4" in evaluating.shown(result)
    with pytest.raises(InputError, match="no paper's figures"):
        run(whole, "sugarcrepe", paper="nobody")


def test_two_models_are_compared_item_by_item(whole, run, tmp_path):
    run(whole, PAIRS, out="one")
    result = paired(tmp_path / "one", tmp_path / "one", tested=["sugarcrepe/swap_obj"], out=tmp_path / "table.parquet")
    assert "1.0000 n.s." in result
    table = pl.read_parquet(tmp_path / "table.parquet")
    assert set(table["difference"]) == {0.0}
    assert table["p"].drop_nulls().len() == 1  # only what was named before is tested
    with pytest.raises(InputError, match="no endpoint is called"):
        paired(tmp_path / "one", tmp_path / "one", tested=["sugarcrepe/all"], out=None)


def test_the_list_marks_the_benchmarks_that_are_present(whole, tmp_path):
    there, nowhere = listing(DataRoot(whole)), listing(DataRoot(tmp_path))
    assert "+ winoground/examples.jsonl" in there
    assert "- winoground/examples.jsonl" in nowhere
    for name in BENCHMARKS:
        assert f"\n{name}\n" in f"\n{there}"
    assert max(map(len, there.splitlines())) <= 80


def test_the_text_prior_equals_a_model_of_constant_images(whole, run, monkeypatch):
    """A model with equal embeddings of all images scores as its text prior."""
    monkeypatch.setattr(Encoder, "images", lambda self, openers: np.full((len(openers), 16), 0.25, dtype=np.float32))
    result = run(whole, "sugarcrepe")
    for row in result["metrics"]:
        assert row["value"] == row["text_prior"]


def with_giveaway(count, giveaway="purple"):
    """Items whose negatives all have one word that no caption has."""
    rows = [
        dict.fromkeys(table("items", []).columns)
        | {
            "item_id": f"{number:03d}",
            "images": [f"{number}.jpg"],
            "captions": [f"a thing{number % 7}s on a table", f"a {giveaway} thing{number % 7}"],
            "truth": [[True, False]],
            "concept": "color",
            "operator": "replace",
        }
        for number in range(count)
    ]
    return table("items", rows)


def first_wins(similarity):
    return [true > false for ((true, false),) in similarity.sort("item_id")["similarity"].to_list()]


def test_a_textual_bias_is_found_without_images():
    assert all(first_wins(blind.lexical(with_giveaway(60), ("concept", "operator"))))


def test_a_text_classifier_is_fitted_on_the_training_negatives():
    pairs = with_giveaway(80)["captions"].to_list()
    negatives = pl.DataFrame({"positive": [one for one, _ in pairs], "negative": [other for _, other in pairs]})
    assert all(first_wins(blind.trained(with_giveaway(60), negatives)))
    turned = negatives.select(positive="negative", negative="positive")
    assert not any(first_wins(blind.trained(with_giveaway(60), turned)))


def test_the_exit_status_reports_missing_scores(tmp_path, capsys):
    caption_benchmark_files.sugarcrepe(tmp_path / "data")
    evaluated = partial(
        evaluate,
        "--benchmarks=sugarcrepe",
        "--device=cpu",
        model=small_open_clip.NAME,
        data_root=tmp_path / "data",
        out=tmp_path / "out",
        cache=tmp_path / "cache",
    )
    evaluated()
    (tmp_path / "data" / "coco" / "val2017" / "000000000001.jpg").unlink()
    with pytest.raises(SystemExit) as ended:
        evaluated()
    assert ended.value.code == 3
    assert "INCOMPLETE" in capsys.readouterr().out
