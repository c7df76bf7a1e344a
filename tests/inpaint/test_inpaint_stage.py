"""What stage inpaint promises of its pairs: true captions, untouched surroundings, nothing dropped in silence."""

from collections import Counter
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from PIL import Image
from toy_pictures import EVERY, SIDE, options

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.formats.inpaintcoco import SCHEMA
from nearmiss.engine.formats.segmentation import encode_mask
from nearmiss.engine.text.annotations import Vocabulary, annotate
from nearmiss.engine.text.verdict import check
from nearmiss.stages.inpaint.stage import PAIRS, REJECTIONS, run


def rows(made):
    return list(pl.read_parquet(made / PAIRS).iter_rows(named=True))


def pixels(image):
    return np.asarray(Image.open(BytesIO(image["bytes"])).convert("RGB"))


def test_every_operation_makes_pairs_in_inpaintcocos_columns(made):
    frame = pl.read_parquet(made / PAIRS)
    assert frame.columns == SCHEMA.names()
    counts = Counter(row["inpaint_details"]["operation"] for row in rows(made))
    assert set(counts) == set(EVERY) and max(counts.values()) <= 8 and min(counts.values()) >= 3
    concepts = {row["inpaint_details"]["operation"]: row["concept"] for row in rows(made)}
    assert concepts == {
        "recolor": "color", "replace": "object", "rescale": "size", "move": "location", "remove": "count",
    }  # fmt: skip


def test_no_pixel_outside_a_mask_changes_and_many_inside_do(made):
    for row in rows(made):
        before, after = pixels(row["coco_image"]), pixels(row["inpaint_image"])
        inside = pixels(row["mask"])[..., 0] > 127
        differ = (before != after).any(axis=-1)
        assert not (differ & ~inside).any()
        assert (differ & inside).sum() > 60
    assert read_json(made / "summary.json")["changed_outside_masks"] == 0


def test_the_original_is_the_file_itself(made, shared_toys):
    for row in rows(made):
        file = shared_toys.folder / "images" / f"{row['inpaint_details']['image_id']}.png"
        assert (pixels(row["coco_image"]) == np.asarray(Image.open(file))).all()


def test_edited_captions_are_false_of_their_originals_by_the_annotations(made, shared_toys):
    tables = {name: pl.read_parquet(shared_toys.file(name)) for name in ("images", "objects", "relations")}
    known = annotate(**tables, vocabulary=Vocabulary.of(tables["objects"]))
    for row in rows(made):
        annotations = known[row["inpaint_details"]["image_id"]]
        assert check(row["coco_caption"], annotations).kind == "true"
        assert check(row["inpaint_caption"], annotations).kind == row["inpaint_details"]["verdict"] == "verified"
        assert row["coco_caption"] in row["coco_details"]["captions"]


def test_pairs_contain_no_held_out_combination(made):
    # no cube of the toys is red, whatever could be made so
    assert not [row for row in rows(made) if "red cube" in row["inpaint_caption"]]
    rejected = pl.read_parquet(made / "rejected.parquet")
    assert "no object of the data is like it" in rejected["reason"].to_list()


def test_rejections_are_written_and_counted(made):
    rejected = pl.read_parquet(made / "rejected.parquet")
    assert rejected.schema == REJECTIONS
    summary = read_json(made / "summary.json")
    assert summary["by_reason"] == dict(sorted(Counter(rejected["reason"]).items()))
    assert summary["pairs"] == len(rows(made)) == sum(each["pairs"] for each in summary["by_operation"].values())


@pytest.mark.usefixtures("worker_server")
def test_four_workers_write_the_same_bytes_as_one(toys, tmp_path):
    for workers in (1, 4):
        run(config=options("recolor", "remove"), out=tmp_path / str(workers), workers=workers, **toys.arguments())
    for name in (PAIRS, "rejected.parquet", "summary.json", "manifest.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "4" / name).read_bytes(), name


def test_another_seed_draws_other_pairs(toys, tmp_path):
    for seed in (0, 1):
        run(config=options("recolor", seed=seed), out=tmp_path / str(seed), **toys.arguments())
    one, other = ([row["inpaint_caption"] for row in rows(tmp_path / str(seed))] for seed in (0, 1))
    assert one != other


def test_colors_known_only_from_captions_are_marked(toys, tmp_path):
    toys.change("objects", attributes=pl.lit([], pl.List(pl.String)))
    run(config=options("recolor"), out=tmp_path / "out", **toys.arguments())
    verdicts = {row["inpaint_details"]["verdict"] for row in rows(tmp_path / "out")}
    assert verdicts == {"plausible"}


def reasons(toys, tmp_path, operation="recolor"):
    """Reasons of object 0000 in image 000; the other images are unchanged."""
    run(config=options(operation), out=tmp_path / "out", **toys.arguments())
    rejected = pl.read_parquet(tmp_path / "out" / "rejected.parquet")
    return set(rejected.filter(pl.col("object_id") == "0000")["reason"])


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (None, "no mask"),
        (encode_mask(np.ones((9, 9))), "mask of another size"),
        (encode_mask(np.zeros((SIDE, SIDE))), "empty mask"),
        ("!", "malformed mask"),
        (encode_mask(np.ones((SIDE, SIDE))), "the mask does not fit its box"),
    ],
)
def test_an_object_without_a_usable_mask_is_rejected(toys, tmp_path, mask, reason):
    first = pl.col("object_id") == "0000"
    toys.change("objects", mask=pl.when(first).then(pl.lit(mask, pl.String)).otherwise(pl.col("mask")))
    assert reason in reasons(toys, tmp_path)


def test_an_object_that_no_caption_mentions_is_rejected(toys, tmp_path):
    own = pl.col("image_id") == "000"
    toys.change("captions", text=pl.when(own).then(pl.lit("a picture")).otherwise(pl.col("text")))
    assert "no caption mentions it" in reasons(toys, tmp_path)


def test_an_occluded_object_is_not_removed(toys, tmp_path):
    frame = pl.read_parquet(toys.file("objects"))
    covered = frame.filter(pl.col("object_id") == "0000")
    toys.change(
        "objects",
        **{
            name: pl.when(pl.col("object_id") == "0001").then(pl.lit(covered[name][0])).otherwise(pl.col(name))
            for name in ("x", "y", "w", "h", "mask")
        },
    )
    assert "overlaps another object" in reasons(toys, tmp_path, "remove")


def test_a_caption_that_would_stay_true_makes_no_pair(toys, tmp_path):
    # of two red balls, one is recolored: "a red ball" is still true
    own = pl.col("image_id") == "000"
    toys.change(
        "objects",
        name=pl.when(own).then(pl.lit("ball")).otherwise(pl.col("name")),
        attributes=pl.when(own).then(pl.lit(["red"])).otherwise(pl.col("attributes")),
    )
    toys.change("captions", text=pl.when(own).then(pl.lit("a red ball")).otherwise(pl.col("text")))
    assert "its words do not distinguish the object from others" in reasons(toys, tmp_path)


@pytest.mark.parametrize("name", ["images", "objects", "captions", "relations"])
def test_a_missing_table_is_named(toys, tmp_path, name):
    toys.file(name).unlink()
    with pytest.raises(InputError, match=f"an input is missing: {name}"):
        run(config=options("recolor"), out=tmp_path / "out", **toys.arguments())


def test_a_missing_image_is_named_before_any_edit(toys, tmp_path):
    (toys.folder / "images" / "003.png").unlink()
    with pytest.raises(InputError, match=r"003\.png"):
        run(config=options("recolor"), out=tmp_path / "out", **toys.arguments())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("table", "column", "value", "problem"),
    [
        ("objects", "mask", pl.lit(None, pl.String), "no object in split 'test' has a mask"),
        ("images", "split", pl.lit("val"), "no images of split 'test'"),
        ("captions", "image_id", pl.lit("nowhere"), "does not have"),
        ("captions", "text", pl.lit("a picture"), "no pair could be made"),
    ],
)
def test_unusable_tables_are_an_input_error(toys, tmp_path, table, column, value, problem):
    toys.change(table, **{column: value})
    with pytest.raises(InputError, match=problem):
        run(config=options("recolor"), out=tmp_path / "out", **toys.arguments())


def test_a_failed_run_leaves_the_earlier_result(made, toys, tmp_path):
    run(config=options("recolor", pairs=1), out=tmp_path / "out", **toys.arguments())
    before = (tmp_path / "out" / PAIRS).read_bytes()
    toys.file("captions").unlink()
    with pytest.raises(InputError):
        run(config=options("recolor"), out=tmp_path / "out", **toys.arguments())
    assert (tmp_path / "out" / PAIRS).read_bytes() == before
