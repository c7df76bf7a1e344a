"""Training images that a benchmark shows leave the training split: by number, and by content under another name."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import coco_files
from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table, table, write_table
from nearmiss.commands.benchmarks import images as list_images
from nearmiss.config import resolve
from nearmiss.engine.images.identity import DISTANCE, perceptual_hash, photograph_key, similar
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.overlap import EXCLUDED
from nearmiss.stages.data.stage import run

REAL = Path(__file__).parents[3] / "shared" / "realdata" / "coco_val2017_open" / "val2017"


def photograph(number: int, side: int = 96) -> Image.Image:
    """A smooth random image; different numbers look different."""
    noise = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root: 20 photographs of COCO with captions, and SugarCrepe on three of them and on others."""
    coco = coco_files.write(tmp_path / "coco", 20)
    for file in (coco / "val2017").iterdir():
        photograph(int(file.stem)).save(file)
    photograph(5, 64).save(tmp_path / "coco" / "val2017" / "000000000905.jpg", quality=80)  # image 5, other number
    records = {
        str(place): {"filename": f"{number:012d}.jpg", "caption": "a", "negative_caption": "b"}
        for place, number in enumerate((3, 4, 905, 77))
    }
    (tmp_path / "sugarcrepe" / "data").mkdir(parents=True)
    for part in ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj"):
        (tmp_path / "sugarcrepe" / "data" / f"{part}.json").write_text(json.dumps(records))
    return tmp_path


def config(root: Path, **splits: float) -> DataConfig:
    options = {"name": "coco", "root": str(root / "coco"), "min_count": 1, "splits": splits or {"train": 1.0}}
    return DataConfig.model_validate({"source": options})


def made(root: Path, out: Path, workers: int = 1, **splits: float) -> Path:
    shown = root / "shown.parquet"
    list_images(benchmarks=["sugarcrepe", "winoground"], data_root=root, out=shown)
    run(config=config(root, **splits), out=out, benchmark_images=shown, workers=workers)
    return out


def test_images_of_a_benchmark_are_excluded_from_training(root, tmp_path, capsys):
    out = made(root, tmp_path / "data")
    assert "4 images of 1 benchmark(s); 3 not found\nwithout files: winoground" in capsys.readouterr().out
    images = read_table(out / "tables" / "images.parquet", "images")
    assert images.filter(split=EXCLUDED)["image_id"].sort().to_list() == ["3", "4", "5"]
    assert images.filter(split="train").height == 17
    overlap = read_table(out / "overlap.parquet", "overlap")
    assert overlap.rows() == [
        ("3", "sugarcrepe", "coco/val2017/000000000003.jpg", "number"),
        ("4", "sugarcrepe", "coco/val2017/000000000004.jpg", "number"),
        ("5", "sugarcrepe", "coco/val2017/000000000905.jpg", "content"),
    ]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["excluded"] == {"sugarcrepe": {"number": 2, "content": 1}}
    assert summary["images"] == {"excluded": 3, "train": 17}


def test_images_of_other_splits_are_not_excluded(root, tmp_path):
    out = made(root, tmp_path / "data", train=0.5, test=0.5)
    images = read_table(out / "tables" / "images.parquet", "images")
    without = tmp_path / "without"
    run(config=config(root, train=0.5, test=0.5), out=without)
    before = read_table(without / "tables" / "images.parquet", "images")
    test = pl.col("split") == "test"
    assert images.filter(test).equals(before.filter(test)) and images.filter(test).height == 10
    moved = before.join(images, on="image_id").filter(pl.col("split") != pl.col("split_right"))
    assert set(moved["split"]) == {"train"} and set(moved["image_id"]) <= {"3", "4", "5"}


@pytest.mark.usefixtures("worker_server")
def test_the_tables_do_not_depend_on_the_workers(root, tmp_path):
    one, two = made(root, tmp_path / "one"), made(root, tmp_path / "two", workers=2)
    for name in ("tables/images.parquet", "overlap.parquet", "summary.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_an_empty_training_split_is_refused_with_its_key(root, tmp_path):
    shown = [
        {"benchmark": "toys", "image": f"{number}.jpg", "key": f"coco:{number}", "hash": None} for number in range(30)
    ]
    write_table(table("benchmark_images", shown), tmp_path / "all.parquet", "benchmark_images")
    with pytest.raises(InputError, match=r"every training image is an image of a benchmark(.|\n)*data\.held_out"):
        run(config=config(root), out=tmp_path / "data", benchmark_images=tmp_path / "all.parquet")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("collection", "file", "key"),
    [
        ("coco", "coco/val2014/COCO_val2014_000000391895.jpg", "coco:391895"),
        ("coco", "val2017/000000391895.jpg", "coco:391895"),
        ("vg", "vg/images/2316472.jpg", "visual_genome:2316472"),
        ("visual_genome", "VG_100K_2/2316472.jpg", "visual_genome:2316472"),
        ("gqa", "images/2316472.jpg", "visual_genome:2316472"),
        ("gqa", "images/n15251.jpg", None),
        ("flickr30k", "flickr30k-images/1000092795.jpg", "flickr:1000092795"),
        ("flickr8k", "Images/1000268201_693b08cb0e.jpg", "flickr:1000268201"),
        ("folder", "1.jpg", None),
        ("coco", "val2017/cat.jpg", None),
    ],
)
def test_a_photograph_has_one_number_in_every_release(collection, file, key):
    assert photograph_key(collection, file) == key


@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_dir(), reason="no real data beside the checkout")
def test_copies_of_photographs_are_found_and_others_are_not():
    originals, copies = [], []
    for file in sorted(REAL.iterdir())[:60]:
        with Image.open(file) as image:
            content = BytesIO()
            image.convert("RGB").resize((224, 224)).save(content, "JPEG", quality=70)
            originals.append(perceptual_hash(image))
        copies.append(perceptual_hash(Image.open(content)))
    pairs = similar(np.asarray(originals, dtype=np.uint64), np.asarray(copies, dtype=np.uint64))
    assert pairs.tolist() == [[number, number] for number in range(60)]
    assert DISTANCE < 12


def experiment(root: Path, **changes: object):
    values = {
        "experiment": "e",
        "data": {"source": {"name": "coco", "root": str(root / "coco")}},
        "evaluate": {"benchmarks": ["retrieval", "sugarcrepe", "aro"], "data_root": str(root)},
        "arms": {"base": {"objective": [{"term": "contrastive"}], "num_negatives": 0}},
        "finetune": {"tasks": []},
        "inpaint": {"operations": []},
        "robustness": {"corruptions": []},
        "compare": {"controls": []},
    }
    return resolve({**values, **changes})


def test_the_published_benchmarks_of_an_experiment_are_held_out(root):
    assert experiment(root).data.held_out == ["aro", "sugarcrepe"]
    source = {"name": "coco", "root": str(root / "coco")}
    assert experiment(root, data={"source": source, "held_out": []}).data.held_out == []
    assert experiment(root, data={"source": source, "held_out": ["valse"]}).data.held_out == ["valse"]
    assert resolve({"experiment": "w"}).data.held_out == []


@pytest.mark.parametrize(
    ("names", "problem"), [(["sugarcrape"], "no benchmark is called"), (["world"], "is a benchmark of the experiment")]
)
def test_a_benchmark_that_cannot_be_held_out_is_refused(root, names, problem):
    source = {"name": "coco", "root": str(root / "coco")}
    with pytest.raises(InputError, match=problem):
        experiment(root, data={"source": source, "held_out": names})
    with pytest.raises(InputError, match="no folder of published benchmarks is given"):
        experiment(root, data={"source": source, "held_out": ["aro"]}, evaluate={"benchmarks": ["retrieval"]})
