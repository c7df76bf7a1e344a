"""InpaintCOCO's schema, written and read; and the benchmark that is made of it."""

import json
from io import BytesIO

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.inpaintcoco import BENCHMARK
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.formats.inpaintcoco import CocoDetails, InpaintDetails, Pair
from nearmiss.engine.images.decode import open_image_bytes


def png(value: int = 9, side: int = 16, mode: str = "RGB") -> bytes:
    buffer = BytesIO()
    Image.new(mode, (side, side), value if mode == "L" else (value,) * 3).save(buffer, format="PNG")
    return buffer.getvalue()


def half(side: int = 16) -> bytes:
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[: side // 2] = 255
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def row(**other: object) -> dict:
    """A row as the published file has it: members that ours lack, and fewer of ours."""
    return {
        "concept": "object",
        "coco_caption": "a cat on a mat",
        "coco_image": {"bytes": png(), "path": None},
        "inpaint_caption": "a dog on a mat",
        "inpaint_image": {"bytes": png(90), "path": "x.png"},
        "mask": {"bytes": half(), "path": "m.png"},
        "worker": "w3",
        "coco_details": {"captions": ["a cat on a mat"], "id": 7, "height": 480, "width": 640, "more": 1},
        "inpaint_details": {"duration": 12, "guidance_scale": 7.5, "prompt": "dog"},
        **other,
    }


def written(tmp_path, *rows: dict):
    file = tmp_path / "test-00000-of-00001.parquet"
    pl.DataFrame(list(rows)).write_parquet(file)
    return file


def pair(number: int) -> Pair:
    return Pair(
        concept="color",
        coco_caption=f"a red ball {number}",
        coco_image=png(),
        inpaint_caption=f"a blue ball {number}",
        inpaint_image=png(50),
        mask=half(),
        worker="nearmiss",
        coco_details=CocoDetails(captions=("a red ball",), image_id="12", width=16, height=16),
        inpaint_details=InpaintDetails("recolor", "replace", "12", "c1", "o1", None, "red", "blue", "verified"),
    )


def load(file):
    """The benchmark of one file of pairs."""
    return BENCHMARK.load(DataRoot(None, {"inpaintcoco": file.parent}), Options())


def test_written_pairs_are_read_back(tmp_path):
    inpaintcoco.write([pair(0), pair(1)], tmp_path / "a.parquet")
    usable, rejected = inpaintcoco.read(tmp_path / "a.parquet")
    assert not rejected
    assert [each.coco_caption for each in usable] == ["a red ball 0", "a red ball 1"]
    assert usable[0].coco_image == png() and usable[0].mask.sum() == 128


def test_equal_rows_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        inpaintcoco.write([pair(0)], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_datasets_finds_its_images_in_the_files_metadata(tmp_path):
    inpaintcoco.write([pair(0)], tmp_path / "a.parquet")
    schema = pq.read_schema(tmp_path / "a.parquet")
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert [name for name, kind in features.items() if kind == {"_type": "Image"}] == [
        "coco_image", "inpaint_image", "mask",
    ]  # fmt: skip
    assert [each.name for each in schema.field("mask").type] == ["bytes", "path"]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"inpaint_caption": " "}, "empty caption"),
        ({"inpaint_caption": None}, "empty caption"),
        ({"inpaint_caption": "a cat on a mat"}, "equal captions"),
        ({"mask": {"bytes": png(0), "path": ""}}, "degenerate mask"),
        ({"mask": {"bytes": png(255), "path": ""}}, "degenerate mask"),
        ({"mask": {"bytes": png(127, mode="L"), "path": ""}}, "degenerate mask"),
        ({"inpaint_image": {"bytes": png(side=12), "path": ""}}, "images of unequal size"),
        ({"inpaint_image": {"bytes": png()[:40], "path": ""}}, "image does not decode"),
        ({"coco_image": {"bytes": None, "path": "elsewhere.png"}}, "image without bytes"),
    ],
)
def test_an_invalid_row_is_excluded_and_counted(tmp_path, other, reason):
    file = written(tmp_path, row(), row(**other))
    usable, rejected = inpaintcoco.read(file)
    assert [each.row for each in usable] == [0] and rejected == [(1, reason)]
    assert [each.reason for each in load(file).coverage.malformed] == [reason]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda frame: frame.drop("mask"), "lacks the columns"),
        (lambda frame: frame.with_columns(mask=pl.lit("m.png")), "column 'mask'"),
        (lambda frame: frame.with_columns(concept=pl.lit(3)), "column 'concept'"),
        (lambda frame: frame.head(0), "has no items"),
    ],
)
def test_a_file_of_another_schema_is_an_input_error(tmp_path, change, problem):
    file = tmp_path / "other.parquet"
    change(pl.DataFrame([row()])).write_parquet(file)
    with pytest.raises(InputError, match=problem):
        load(file)


def test_a_missing_or_broken_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="no file of benchmark inpaintcoco exists"):
        load(tmp_path / "none.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="not readable"):
        load(tmp_path / "broken.parquet")


def test_rows_become_items_of_two_images_and_two_captions(tmp_path):
    benchmark = load(written(tmp_path, row(), row(concept="Colors"), row(concept="Colour"), row(concept="mood")))
    assert benchmark.items.select("concept", "operator", "subset", "condition").unique(maintain_order=True).rows() == [
        ("object", "replace", "2x2", "iid"),
        ("color", "replace", "2x2", "iid"),
    ]
    first = benchmark.items.row(0, named=True)
    assert [image[-12:] for image in first["images"]] == ["-000000-coco", "0000-inpaint"]
    assert first["truth"] == [[True, False], [False, True]]
    assert set(benchmark.embedded) == {name for names in benchmark.items["images"] for name in names}
    assert np.array_equal(
        np.asarray(benchmark.embedded[first["images"][1]].open()), np.asarray(open_image_bytes(png(90)))
    )
    assert [each.reason for each in benchmark.coverage.malformed] == ["unknown concept 'mood'"]
    assert len(benchmark.coverage.hashes) == 1
