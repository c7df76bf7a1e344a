"""Evaluations that `nearmiss evaluate` made on its own, on published and added benchmarks, in one report."""

import sys
from pathlib import Path

import polars as pl
import pytest
import torch
import toy_runs
from comparing import Page

import small_open_clip
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks import spec
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.scoring.model import Model
from nearmiss.stages.compare import stage, track
from nearmiss.stages.compare.config import CompareConfig
from nearmiss.stages.evaluate.config import EvaluateConfig
from nearmiss.stages.evaluate.stage import run as evaluate

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
import caption_benchmark_files
import sample_files

CONFIG = CompareConfig(resamples=100)
ADDED = '''"""Colors of things."""

from nearmiss.engine.benchmarks.benchmark import Card, Headline
from nearmiss.engine.benchmarks.builder import ItemBuilder, ItemReader, rows

CARD = Card(
    name="colors_of_things",
    paper="Nobody et al., Colors of Things",
    license="MIT",
    origin="this test",
    files=("colors_of_things/items.json",),
    images=("coco/val2017",),
    headline=(
        Headline(
            "colors_of_things",
            "colors of things",
            "the color of a thing against another one",
            {"benchmark": "colors_of_things", "subset": "all", "metric": "score"},
        ),
    ),
)


def add_items(items: ItemBuilder) -> None:
    for file in items.files():
        for number, value in enumerate(rows(file)):
            with items.record(value, file, f"record {number}") as record:
                captions = [record.text("true"), record.text("false")]
                image = f"coco/val2017/{record.text('image')}"
                items.add("all", number, [image], captions, [[True, False]], concept="color", operator="replace")


BENCHMARK = ItemReader(CARD, add_items)
'''


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data root with SugarCrepe and a benchmark of the test's own."""
    folder = tmp_path_factory.mktemp("root")
    caption_benchmark_files.sugarcrepe(folder)
    items = [
        {"image": sample_files.coco(folder, number), "true": f"a red cup {number}", "false": f"a blue cup {number}"}
        for number in range(6)
    ]
    sample_files.put(folder / "colors_of_things" / "items.json", items)
    return folder


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """The benchmark of the test's own is in the registry: one file and one line."""
    package = tmp_path_factory.mktemp("package")
    (package / "colors_of_things.py").write_text(ADDED)
    with pytest.MonkeyPatch.context() as patch:
        import nearmiss.engine.benchmarks as benchmarks

        patch.setattr(benchmarks, "__path__", [*benchmarks.__path__, str(package)])
        patch.setitem(spec.BENCHMARKS, "colors_of_things", "colors_of_things:BENCHMARK")
        yield


def evaluated(root, out, arm, benchmarks, seed=0):
    """The folder of an evaluation of the small model; its weights are drawn by the seed."""
    torch.manual_seed(seed)
    evaluate(
        config=EvaluateConfig(benchmarks=benchmarks, device="cpu", resamples=100),
        model=Model(small_open_clip.NAME, None, arm, 0),
        root=DataRoot(root),
        out=out / arm,
        cache=out / "cache",
    )
    return out / arm


@pytest.fixture(scope="module")
def models(root, added, tmp_path_factory):
    """Two models on SugarCrepe, a third on SugarCrepe without an image and on the added benchmark."""
    out = tmp_path_factory.mktemp("models")
    small_open_clip.register(tmp_path_factory.mktemp("registered"))
    one, two = (evaluated(root, out, arm, ["sugarcrepe"], seed) for seed, arm in enumerate(("ViT-S", "ViT-M:tag")))
    image = root / "coco" / "val2017" / "000000000001.jpg"
    kept = image.read_bytes()
    image.unlink()
    fewer = evaluated(root, out, "fewer", ["sugarcrepe", "colors_of_things"], 2)
    image.write_bytes(kept)
    return [one, two, fewer]


def compare(evaluations, out, **arguments):
    stage.run(**{"config": CONFIG, "experiment": "published", "evaluations": evaluations, "out": out} | arguments)
    return (out / "index.html").read_text(), (out / "summary.txt").read_text()


def test_two_evaluations_of_a_published_benchmark_make_a_full_report(models, root, tmp_path):
    text, summary = compare(models[:2], tmp_path / "out", root=DataRoot(root))
    page = Page()
    page.feed(text)
    assert (page.open, page.requested, page.scripts) == ([], [], {"page-script", "gallery-data"})
    assert page.images >= 4
    for words in ("Comparison of 2 models", "Sample items", "Hsieh et al., SugarCrepe", "Differences", "swap_att"):
        assert words in text, words
    for words in ("Seen and unseen", "from hard negatives", "Every arm continues", "Training seconds", "* Incomplete"):
        assert words not in text, words
    assert "sugarcrepe" in summary.splitlines()[1]
    assert "*" not in summary
    rows = read_table(tmp_path / "out" / "tables" / "differences.parquet", "differences")
    assert set(rows.select("arm", "control").iter_rows()) == {("ViT-M:tag", "ViT-S")}
    assert rows.filter(pl.col("p").is_not_null())["subset"].to_list() == ["mean"]
    assert rows["split"].null_count() == rows.height


def test_one_evaluation_without_data_is_a_report_too(models, tmp_path):
    text, summary = compare(models[:1], tmp_path / "out")
    assert "Comparison of 1 model" in text
    assert "Sample items" not in text
    assert "ViT-S" in summary


def test_a_benchmark_that_lacks_images_is_marked_and_compared_over_shared_items(models, tmp_path):
    text, summary = compare([models[0], models[2]], tmp_path / "out")
    assert "sugarcrepe*" in summary.split()
    assert "* Incomplete, because images, files or records are missing: sugarcrepe" in summary
    assert ">sugarcrepe *</th>" in text
    assert "of 21" in text
    found = [
        read_table(folder / "outcomes.parquet", "outcomes").filter(subset="swap_att", metric="score")
        for folder in (models[2], models[0])
    ]
    both = found[0].join(found[1], on="item_id", suffix="_other")
    rate = [both[name] / both[weight] for name, weight in (("value", "weight"), ("value_other", "weight_other"))]
    row = read_table(tmp_path / "out" / "tables" / "differences.parquet", "differences")
    row = row.filter(arm="fewer", subset="swap_att", metric="score")
    assert both.height == 2
    assert row["value"].item() == pytest.approx((rate[0] - rate[1]).mean())


def test_an_added_benchmark_is_in_the_report_by_its_headline(models, root, tmp_path):
    text, summary = compare([models[0], models[2]], tmp_path / "out", root=DataRoot(root))
    assert "the color of a thing against another one" in text
    assert "Nobody et al., Colors of Things" in text
    assert "a red cup 2" in text
    assert {"colors", "things"} <= set(summary.replace("*", " ").split())
    assert (
        read_table(tmp_path / "out" / "tables" / "metrics.parquet", "metrics")
        .filter(benchmark="colors_of_things", arm="fewer", metric="score", subset="all")
        .height
    )


def test_missing_images_are_reported_and_skipped(models, root, tmp_path):
    moved = DataRoot(None, {"sugarcrepe": root / "sugarcrepe"})
    text, _ = compare(models[:2], tmp_path / "out", root=moved)
    assert "sugarcrepe: 8 sampled items are not shown, because their images are missing." in text
    nothing, _ = compare(models[:2], tmp_path / "none", root=DataRoot(tmp_path / "empty"))
    assert "sugarcrepe: its files are missing" in nothing


def test_published_benchmarks_are_reported_with_those_of_an_experiment(models, tmp_path):
    arguments = toy_runs.write(tmp_path / "toy", arms=("base", "clip"), questions=4)
    evaluations = [*arguments.pop("evaluations"), models[0]]
    text, summary = compare(evaluations, tmp_path / "out", **{**arguments, "negatives": []})
    header = next(line for line in summary.splitlines() if line.startswith("arm "))
    assert {"relation", "bind", "0-shot"} <= set(header.split())
    assert "sugarcrepe" in summary
    assert ">R@1 text→image</th>" in text


def test_standalone_evaluations_are_tracked(models, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(track.tracking, "track", lambda store, name, runs: written.extend(runs))
    track.run(experiment="published", evaluations=models, store=tmp_path / "s.db", out=tmp_path / "receipt.json")
    assert [run.name for run in written if run.parent] == [
        "evaluate/ViT-S/0",
        "evaluate/ViT-M:tag/0",
        "evaluate/fewer/0",
    ]
    assert 0 <= written[0].metrics["headline.sugarcrepe"] <= 1
    assert "data" not in written[0].tags
    assert written[0].tags["weights_sha256"]
