"""Pairs and negatives: what is found at a path, and that they are written back as they came."""

import hashlib
import json
import shutil

import polars as pl
import pyarrow.parquet as pq
import pytest
import toy_sets

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table
from nearmiss.engine.curation.items import Item, unfit
from nearmiss.engine.curation.opening import open_set
from nearmiss.engine.formats import inpaintcoco
from nearmiss.engine.text.edits import Edit, replay


def found(curated) -> dict[str, str]:
    """Every item with the caption that it has."""
    return {item.key: item.changed for item in curated.items}


def test_pairs_are_written_back_with_every_column_and_the_metadata_of_datasets(tmp_path):
    curated = toy_sets.pairs(tmp_path)
    curated.write(tmp_path / "out", found(curated))
    before, after = (pq.read_table(folder / curated.files[0].name) for folder in (tmp_path, tmp_path / "out"))
    assert after.schema.equals(before.schema, check_metadata=True)
    assert json.loads(after.schema.metadata[b"huggingface"]) == toy_sets.FEATURES
    assert after.equals(before)


def test_fewer_pairs_with_another_caption(tmp_path):
    curated = toy_sets.pairs(tmp_path)
    files = curated.write(tmp_path / "out", {"1": "a blue cube on a mat", "4": "a large cup"})
    assert files == [curated.files[0].name]
    expected = [
        {**toy_sets.pair(1), "inpaint_caption": "a blue cube on a mat"},
        toy_sets.pair(4),
    ]
    assert pq.read_table(tmp_path / "out" / files[0]).to_pylist() == expected


def test_a_caption_without_correction_keeps_its_blanks(tmp_path):
    curated = toy_sets.pairs(tmp_path, toy_sets.pair(0, inpaint_caption=" a blue ball on a mat\n"))
    assert curated.items[0].changed == "a blue ball on a mat"
    curated.write(tmp_path / "out", found(curated))
    written = pq.read_table(tmp_path / "out" / curated.files[0].name)
    assert written["inpaint_caption"].to_pylist() == [" a blue ball on a mat\n"]


def test_the_written_pairs_are_read_as_a_benchmark(tmp_path):
    curated = toy_sets.pairs(tmp_path)
    curated.write(tmp_path / "out", {"0": "a grey ball on a mat", "2": "a dog on a mat"})
    usable, rejected = inpaintcoco.read(tmp_path / "out" / curated.files[0].name)
    assert [each.inpaint_caption for each in usable] == ["a grey ball on a mat", "a dog on a mat"]
    assert not rejected


def test_a_published_set_of_several_files_keeps_its_files(tmp_path):
    for number in range(2):
        toy_sets.write_pairs(tmp_path / "data" / f"test-0000{number}-of-00002.parquet")
    curated = open_set(tmp_path)
    assert [item.key for item in curated.items] == [str(number) for number in range(10)]
    files = curated.write(tmp_path / "out", {"7": "a wolf on a mat"})
    counts = [pq.read_table(tmp_path / "out" / file).num_rows for file in files]
    assert counts == [0, 1]
    assert open_set(tmp_path / "out").items[0].changed == "a wolf on a mat"


def test_images_belong_to_their_rows_in_every_row_group(tmp_path):
    curated = toy_sets.pairs(tmp_path)
    for place in (4, 0, 2, 1, 3, 0):
        assert curated.image(place, "original").content == toy_sets.pair(place)["coco_image"]["bytes"]


def test_equal_sets_have_one_digest_and_other_rows_another(tmp_path):
    one, same = toy_sets.pairs(tmp_path / "a"), toy_sets.pairs(tmp_path / "b")
    other = toy_sets.pairs(tmp_path / "c", toy_sets.pair(1))
    assert one.digest == same.digest != other.digest


def test_an_empty_caption_is_shown_as_empty(tmp_path):
    curated = toy_sets.pairs(tmp_path, toy_sets.pair(0, inpaint_caption=None, concept=None))
    assert (curated.items[0].changed, curated.items[0].concept) == ("", "")


def test_negatives_are_written_back(tmp_path):
    curated = open_set(toy_sets.write_negatives(tmp_path / "set"))
    files = curated.write(tmp_path / "out", {"n3": "a cow in a box", "n0": "a blue ball on a mat"})
    assert files == ["negatives.parquet", "captions.parquet"]
    written = read_table(tmp_path / "out" / "negatives.parquet", "negatives")
    assert written.equals(toy_sets.negatives().filter(pl.col("negative_id").is_in(["n0", "n3"])))
    captions = [(folder / "captions.parquet").read_bytes() for folder in (tmp_path / "set", tmp_path / "out")]
    assert captions[0] == captions[1]


def test_a_corrected_negative_has_new_edits_and_no_verdict_of_its_old_words(tmp_path):
    curated = open_set(toy_sets.write_negatives(tmp_path / "set"))
    curated.write(tmp_path / "out", {"n0": "a red cube on a mat"})
    row = read_table(tmp_path / "out" / "negatives.parquet", "negatives").row(0, named=True)
    assert row["negative"] == "a red cube on a mat"
    assert replay(row["positive"], [Edit(**edit) for edit in row["edits"]]) == row["negative"]
    assert (row["verdict"], row["foil_in_scene"]) == ("plausible", None)


def test_negatives_without_images_are_shown_as_text(tmp_path):
    curated = open_set(toy_sets.write_negatives(tmp_path / "set"))
    assert {item.images for item in curated.items} == {()}


def test_an_image_outside_of_the_root_is_excluded(tmp_path):
    images, root = toy_sets.write_images(tmp_path / "images")
    table = pl.read_parquet(images).with_columns(file=pl.lit("../secret.png"))
    table.write_parquet(images)
    (tmp_path / "secret.png").write_bytes(b"secret")
    curated = open_set(toy_sets.write_negatives(tmp_path / "set"), images=images, root=root)
    assert curated.image(0, "original") is None


def lacking_a_column(folder):
    file = toy_sets.write_pairs(folder / "a.parquet")
    pq.write_table(pq.read_table(file).drop_columns(["mask"]), file)


def with_a_wrong_column(folder):
    file = toy_sets.write_pairs(folder / "a.parquet")
    rows = pq.read_table(file)
    at = rows.schema.get_field_index("coco_image")
    pq.write_table(rows.set_column(at, "coco_image", rows["coco_caption"]), file)


def of_both_kinds(folder):
    toy_sets.write_negatives(folder)
    toy_sets.write_pairs(folder / "a.parquet")


def with_an_id_twice(folder):
    rows = toy_sets.negatives()
    pl.concat([rows, rows]).write_parquet(folder / "negatives.parquet")


def with_two_tables(folder):
    toy_sets.write_negatives(folder)
    shutil.copy(folder / "negatives.parquet", folder / "more.parquet")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "there is no set for curation"),
        (lambda folder: (folder / "a.parquet").write_bytes(b"no table"), "not readable Parquet"),
        (lambda folder: toy_sets.negatives().clear().write_parquet(folder / "a.parquet"), "no negatives"),
        (lacking_a_column, "lacks the columns"),
        (with_a_wrong_column, "column 'coco_image' is string"),
        (of_both_kinds, "pairs and negatives"),
        (with_an_id_twice, "occurs twice"),
        (with_two_tables, "several tables"),
    ],
)
def test_unsupported_sets_are_refused(tmp_path, make, words):
    make(tmp_path)
    with pytest.raises(InputError, match=words):
        open_set(tmp_path)


def test_images_are_given_with_their_folder_and_for_negatives_only(tmp_path):
    images, root = toy_sets.write_images(tmp_path / "images")
    pairs, negatives = toy_sets.pairs(tmp_path / "p").files[0], toy_sets.write_negatives(tmp_path / "n")
    with pytest.raises(InputError, match="contain their images"):
        open_set(pairs, images=images, root=root)
    with pytest.raises(InputError, match="--root"):
        open_set(negatives, images=images)


def test_curation_does_not_change_the_set(tmp_path):
    curated = toy_sets.pairs(tmp_path)
    before = hashlib.sha256(curated.files[0].read_bytes()).digest()
    curated.image(0, "outline")
    curated.write(tmp_path / "out", found(curated))
    assert hashlib.sha256(curated.files[0].read_bytes()).digest() == before


@pytest.mark.parametrize(
    ("original", "changed", "words"),
    [
        ("", "a dog", "original caption is empty"),
        ("a cat", "\n", "changed caption is empty"),
        ("a  cat", "a cat ", "are equal"),
        ("a cat", "a dog", None),
    ],
)
def test_items_that_cannot_be_accepted(original, changed, words):
    problem = unfit(Item("0", "", original, changed, ()), changed)
    assert problem is None if words is None else words in problem
