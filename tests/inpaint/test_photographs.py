"""Photographs in COCO's format, through the data source `coco`: pairs, contact sheets and a data card."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_pictures as toy
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.commands.inpaint import inpaint
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import reader
from nearmiss.engine.formats.segmentation import encode_mask
from nearmiss.stages.data import stage as data_stage
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.inpaint import model_filter
from nearmiss.stages.inpaint.stage import PAIRS
from nearmiss.stages.inpaint.stage import run as run_stage

CATEGORIES = {"ball": 1, "cube": 2, "cross": 3}
LICENSE = {"id": 4, "name": "Attribution License", "url": "by"}
CONFIG = Path(__file__).parents[2] / "config" / "coco.yaml"
LOOSE = ("--gates.rougher", "9", "--gates.softer", "9", "--gates.recolored", "0")  # toys have no texture to keep
COLORS = ("red", "blue", "green", "yellow", "purple", "red")


def things(number):
    return [toy.Toy("ball", COLORS[number], "large", 24, 40), toy.Toy("cross", "blue", "small", 58, 30)]


def write(folder: Path) -> dict[str, Path]:
    """Six photographs of a ball and a cross, whose colors nobody noted."""
    (folder / "images").mkdir(parents=True)
    images, annotations, captions = [], [], []
    for number in range(6):
        name = f"{number:012d}.png"
        Image.fromarray(toy.draw(things(number), name)).save(folder / "images" / name)
        images.append(
            {
                "id": number,
                "file_name": name,
                "width": toy.SIDE,
                "height": toy.SIDE,
                "license": 4,
                "flickr_url": f"f{number}",
            }
        )
        captions.append({"id": number, "image_id": number, "caption": "A ball is near a cross."})
        for place, thing in enumerate(things(number)):
            mask = thing.mask()
            y, x = np.nonzero(mask)
            box = [int(x.min()), int(y.min()), int(x.max() - x.min() + 1), int(y.max() - y.min() + 1)]
            counts = encode_mask(mask)
            segmentation = {"size": [toy.SIDE, toy.SIDE], "counts": counts}
            annotations.append(
                {
                    "id": 10 * number + place,
                    "image_id": number,
                    "category_id": CATEGORIES[thing.name],
                    "bbox": box,
                    "iscrowd": 0,
                    "segmentation": segmentation,
                }
            )
    captions.append(
        {"id": 6, "image_id": 5, "caption": "Paint it red, blue, green, yellow, purple or orange."}
    )  # words to use
    categories = [{"id": number, "name": name} for name, number in CATEGORIES.items()]
    files = {"images": folder / "images", "instances": folder / "instances.json", "captions": folder / "captions.json"}
    files["instances"].write_text(
        json.dumps({"licenses": [LICENSE], "images": images, "categories": categories, "annotations": annotations})
    )
    files["captions"].write_text(json.dumps({"images": images, "annotations": captions}))
    return files


@pytest.fixture
def files(tmp_path):
    return write(tmp_path / "photographs")


def tables_of(files: dict[str, Path], out: Path) -> dict[str, Path]:
    """What stage data makes of the photographs, as the arguments of stage inpaint."""
    options = {"name": "coco", "root": str(files["images"].parent), "images": "images", "captions": "captions.json"}
    options |= {"instances": "instances.json", "splits": {"train": 1.0}, "min_count": 1, "max_faulty": 1.0}
    data_stage.run(config=DataConfig.model_validate({"source": options}), out=out)
    tables = {name: out / "tables" / f"{name}.parquet" for name in ("images", "objects", "captions", "origins")}
    return {**tables, "root": files["images"].parent}


def make(*fields: str, files: dict[str, Path], out: Path, workers: int = 1) -> Path:
    """Run the command on the photographs with the options of config/coco.yaml."""
    tables = tables_of(files, out.parent / f"{out.name}-data")
    inpaint("--split", "train", *fields, **tables, out=out, workers=workers, config=CONFIG)
    return out


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the command makes of them, and where from."""
    folder = tmp_path_factory.mktemp("photographs")
    files = write(folder / "photographs")
    return make(*LOOSE, files=files, out=folder / "out"), files


def changed(file, edit):
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))


def test_pairs_sheets_and_card_are_written(made):
    out, _ = made
    summary = json.loads((out / "summary.json").read_text())
    assert summary["by_concept"]["color"] >= 6
    assert summary["by_concept"]["size"] >= 6
    assert summary["changed_outside_masks"] == 0
    assert {file.stem.split("-")[0] for file in (out / "sheets").glob("*.png")} == set(summary["by_concept"])
    card = (out / "README.md").read_text()
    assert f"path: {PAIRS}" in card  # so that rejected.parquet is not read as data
    assert "Attribution License" in card
    assert f"{summary['pairs']} pairs of 6 images" in card


def test_a_measured_color_is_written_into_both_captions(made):
    pairs = pl.read_parquet(made[0] / PAIRS).filter(concept="color")
    for row in pairs.iter_rows(named=True):
        old, new = row["inpaint_details"]["old"], row["inpaint_details"]["new"]
        assert old in row["coco_caption"] and new in row["inpaint_caption"]
        assert row["inpaint_caption"].replace(new, old).replace("An ", "A ").replace("an ", "a ") == row[
            "coco_caption"
        ].replace("an ", "a ")
        number = int(row["inpaint_details"]["image_id"])
        assert old in (COLORS[number], "blue")
        assert row["coco_details"]["captions"][0] == "A ball is near a cross."
        assert row["inpaint_details"]["likeness"] >= 0.5


def test_at_most_two_pairs_of_an_operation_show_one_object(made):
    edits = pl.read_parquet(made[0] / PAIRS)["inpaint_details"].struct.unnest()
    assert edits.group_by("operation", "object_id").len()["len"].max() == 2  # six pairs a photograph are allowed


def test_every_gate_value_is_in_the_table(made):
    edit = pl.read_parquet(made[0] / PAIRS)["inpaint_details"].struct.unnest()
    assert edit["changed_inside"].min() >= 0.3
    assert edit["seam"].max() <= 1.5
    assert edit["sharpness"].null_count() == edit.filter(operation="remove").height


@pytest.mark.usefixtures("worker_server")
def test_bytes_do_not_depend_on_the_number_of_workers(made, tmp_path):
    out, files = made
    two = make(*LOOSE, files=files, out=tmp_path / "two", workers=2)
    for name in (PAIRS, "rejected.parquet", "README.md", "sheets/color-1.png"):
        assert (two / name).read_bytes() == (out / name).read_bytes()


def test_the_pairs_are_a_benchmark(made, tmp_path):
    (tmp_path / "inpaintcoco").symlink_to(made[0])
    benchmark = reader("inpaintcoco").load(DataRoot(tmp_path), Options())
    assert benchmark.items.height == pl.read_parquet(made[0] / PAIRS).height


def test_a_dry_run_prints_the_plan_and_makes_nothing(files, tmp_path, capsys):
    tables = tables_of(files, tmp_path / "data")
    del tables["origins"]
    before = sorted(tmp_path.rglob("*"))
    inpaint("--split", "train", **tables, dry_run=True, config=CONFIG)
    lines = capsys.readouterr().out.splitlines()
    assert any("recolor 0, red -> " in line and "A red ball is near a cross." in line for line in lines)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_an_output_folder_nothing_is_written(files, tmp_path):
    with pytest.raises(InputError, match="no output folder is given"):
        inpaint(**tables_of(files, tmp_path / "data"), config=CONFIG)


def test_photographs_that_cannot_be_used_are_set_aside_with_a_reason(files, tmp_path):
    def name(number):
        return files["images"] / f"{number:012d}.png"

    name(0).unlink()
    name(1).write_bytes(b"no image")
    Image.fromarray(np.zeros((toy.SIDE, toy.SIDE), dtype=np.uint16)).save(name(2))
    Image.open(name(3)).resize((40, 30)).save(name(3))
    tables = tables_of(files, tmp_path / "data")
    aside = pl.read_parquet(tmp_path / "data" / "set_aside.parquet").filter(pl.col("object_id").is_null())
    assert aside.select("image_id", "reason").rows() == [
        ("0", "the image is missing"),
        ("1", "the image does not decode"),
        ("2", "more than eight bits per channel"),
        ("3", "the image differs in size from its record"),
    ]
    assert pl.read_parquet(tables["images"]).height == 2


@pytest.mark.parametrize("mode", ["CMYK", "L", "rotated"])
def test_photographs_of_other_kinds_are_edited(files, tmp_path, photograph_options, mode):
    for number in range(6):
        file = files["images"] / f"{number:012d}.png"
        picture = Image.open(file)
        if mode == "rotated":
            exif = Image.Exif()
            exif[0x0112] = 6  # "turn it": masks are drawn on the pixels as they are stored
            picture.save(file.with_suffix(".jpg"), exif=exif, quality=95)
        else:
            picture.convert(mode).save(file.with_suffix(".jpg"), quality=95)
    for key in ("instances", "captions"):
        files[key].write_text(files[key].read_text().replace(".png", ".jpg"))
    operations = [each for each in photograph_options.operations if each.operation == "rescale"]
    config = photograph_options.model_copy(update={"operations": operations, "split": "train"})
    summary = run_stage(config=config, out=tmp_path / "out", **tables_of(files, tmp_path / "data"))
    assert json.loads((tmp_path / "data" / "summary.json").read_text())["set_aside"] == {}
    assert summary["pairs"] > 0
    first = pl.read_parquet(tmp_path / "out" / PAIRS)["coco_image"].struct.field("bytes")[0]
    assert Image.open(BytesIO(first)).mode == "RGB"


def test_unusable_masks_and_crowds_are_reported_and_others_are_edited(files, tmp_path):
    whole = {"size": [toy.SIDE, toy.SIDE], "counts": encode_mask(np.ones((toy.SIDE, toy.SIDE), dtype=bool))}
    flaws = {
        0: {"segmentation": {"size": [9, 9], "counts": [40, 41]}},
        10: {"segmentation": [[1, 2, 3]]},
        20: {"iscrowd": 1},
        30: {"segmentation": whole},
        40: {"segmentation": []},
    }

    def spoil(document):
        for each in document["annotations"]:
            each.update(flaws.get(each["id"], {}))

    changed(files["instances"], spoil)
    make(files=files, out=tmp_path / "out")
    rejected = [pl.read_parquet(tmp_path / name) for name in ("out/rejected.parquet", "out-data/set_aside.parquet")]
    reasons = {
        thing: [reason for rows in rejected for reason in rows.filter(object_id=str(thing))["reason"]]
        for thing in flaws
    }
    assert "malformed mask: its size is [9, 9], the image's is [80, 80]" in reasons[0]
    assert "malformed mask: a polygon is a list of three points or more" in reasons[10]
    assert "a crowd" in reasons[20]
    assert "the mask does not fit its box" in reasons[30]
    assert "no mask" in reasons[40]
    edited = set(pl.read_parquet(tmp_path / "out" / PAIRS)["inpaint_details"].struct.field("object_id"))
    assert not edited & {str(thing) for thing in flaws}


def test_captions_that_do_not_mention_the_object_are_reported(files, tmp_path):
    def spoil(document):
        for each in document["annotations"]:
            each["caption"] = "A quiet evening by the sea."

    changed(files["captions"], spoil)
    with pytest.raises(InputError, match="no caption mentions it"):
        make(files=files, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gate_rejects_failing_pairs(files, tmp_path):
    make("--gates.likeness", "1.0", "--gates.seam", "1.0001", files=files, out=tmp_path / "out")
    rejected = pl.read_parquet(tmp_path / "out" / "rejected.parquet")
    assert {"it does not look like the new color", "its border shows"} & set(rejected["reason"])


def test_a_uniform_classifier_rejects_every_pair_and_a_perfect_one_keeps_it(made, tmp_path):
    class Seeing:
        """Recognizes an image by its mean color, and a caption by whether it is that of the original."""

        def __init__(self, sees):
            self.sees = sees

        def images(self, pictures):
            self.kind = getattr(self, "kind", -1) + 1
            return np.tile([1.0, 0.0] if self.kind == 0 or not self.sees else [0.0, 1.0], (len(pictures), 1))

        def texts(self, texts):
            self.calls = getattr(self, "calls", -1) + 1
            return np.tile([1.0, 0.0] if self.calls == 0 else [0.0, 1.0], (len(texts), 1))

    before = pl.read_parquet(made[0] / PAIRS)
    for sees, kept in ((True, before.height), (False, 0)):
        file = tmp_path / f"{sees}.parquet"
        file.write_bytes((made[0] / PAIRS).read_bytes())
        refused = model_filter.filter_by_model(file, Seeing(sees))
        after = pl.read_parquet(file)
        assert (after.height, refused.height) == (kept, before.height - kept)
        assert set(refused["reason"]) <= {model_filter.REASON}
    seen = pl.read_parquet(tmp_path / "True.parquet")
    assert seen["inpaint_details"].struct.field("margin_changed").to_list() == [1.0] * before.height
    assert seen.drop("inpaint_details").equals(before.drop("inpaint_details"))
