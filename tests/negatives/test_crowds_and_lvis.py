"""What COCO's crowds and LVIS's lists leave open is never claimed, whatever the words."""

import polars as pl
import published_files
import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table
from nearmiss.engine.formats.coco import read_instances
from nearmiss.stages.negatives.scene_graph.method import BUILDERS
from nearmiss.stages.negatives.spec import KeywordConfig, SceneGraphConfig
from nearmiss.stages.negatives.stage import run

NAMES = {1: "person", 2: "horse", 3: "kite", 4: "cat"}


def annotation(number: int, image: int, category: int, **changes):
    box = [10 + 5 * (number % 20), 10, 20, 20]
    return {"id": number, "image_id": image, "category_id": category, "bbox": box, **changes}


def file(path, annotations, names=NAMES, images=None, **of_images):
    """Instances in COCO's format; `of_images` are further keys of every image."""
    ids = sorted({each["image_id"] for each in annotations}) if images is None else images
    sizes = {"width": 320, "height": 320}
    content = {
        "images": [{"id": each, "file_name": f"{each}.jpg", **sizes, **of_images} for each in ids],
        "categories": [{"id": number, "name": name} for number, name in names.items()],
        "annotations": annotations,
    }
    return published_files.write(path, content)


def made(tmp_path, path, captions=None, **config):
    """(negatives, rejected) of all types of scene_graph, or of keyword where there are captions."""
    options = KeywordConfig() if captions else SceneGraphConfig(types=sorted(BUILDERS), per_image=50, **config)
    out = tmp_path / "out"
    name = "keyword" if captions else "scene_graph"
    run(name=name, config=options, instances=path, captions=captions, out=out)
    return read_table(out / "negatives.parquet", "negatives"), read_table(out / "rejected.parquet", "rejected")


# Image 1: a crowd and one person; 2: a crowd; 3: three people. Horses and kites differ, so that numbers can be stated.
CROWDS = [
    *(annotation(number, 1, 1, iscrowd=crowd) for number, crowd in ((11, 1), (12, 0))),
    annotation(21, 2, 1, iscrowd=1),
    *(annotation(number, 3, 1) for number in (31, 32, 33)),
    *(annotation(40 + image, image, 2, iscrowd=0) for image in (1, 2, 3)),
    *(annotation(50 + number, 1 + number % 3, 3) for number in range(4)),
    *(annotation(60 + number, 3, 2) for number in range(2)),
]


@pytest.mark.parametrize("mode", ["default", "released"])
def test_a_crowd_is_never_counted(tmp_path, mode):
    negatives, rejected = made(tmp_path, file(tmp_path / "i.json", CROWDS), mode=mode)
    texts = pl.concat([negatives["positive"], negatives["negative"]])
    assert texts.str.contains("people|person").any()  # of image 3
    of_crowds = negatives.filter(pl.col("image_id").is_in(["1", "2"]))
    assert of_crowds.height
    for column in ("positive", "negative"):
        assert not of_crowds[column].str.contains("people|person").any()
    if mode == "default":
        assert "objects of this name are not all annotated singly" in rejected["reason"].to_list()


@pytest.mark.parametrize("crowd", [True, False])
def test_a_crowd_contradicts_absence(tmp_path, crowd):
    texts = [(2, "There is a cat."), (3, "There is a horse."), (3, "There is a dog.")]
    rows = [annotation(1, 2, 4), annotation(2, 3, 2), *([annotation(3, 2, 2, iscrowd=1)] if crowd else [])]
    captions = published_files.write(tmp_path / "c.json", published_files.coco(texts))
    negatives, _ = made(tmp_path, file(tmp_path / "i.json", rows), captions)
    verdicts = dict(negatives.filter(image_id="2").select("negative", "verdict").iter_rows())
    assert "There is a dog." in verdicts
    assert (verdicts.get("There is a horse.") == "verified") is not crowd


@pytest.mark.parametrize("value", [2, "yes", "1", [1], float("nan"), -1])
def test_an_invalid_iscrowd_excludes_its_image(tmp_path, value):
    rows = [*CROWDS, annotation(99, 3, 3, iscrowd=value)]
    reading = read_instances(file(tmp_path / "i.json", rows))
    assert "3" not in reading.tables["objects"]["image_id"].to_list()
    assert any("'iscrowd' is neither 0 nor 1" in fault.problem for fault in reading.faults)


@pytest.mark.parametrize(("value", "crowd"), [(True, True), (1.0, True), (False, False), (None, False), (0, False)])
def test_other_forms_of_0_and_1_are_read(tmp_path, value, crowd):
    reading = read_instances(file(tmp_path / "i.json", [annotation(1, 1, 1, iscrowd=value)]))
    assert reading.tables["objects"]["crowd"].to_list() == [crowd] and not reading.faults


LVIS = {1: "bow_(weapon)", 2: "bow_(decorative_ribbons)", 3: "traffic_light", 4: "kite", 5: "horse"}


def closed(tmp_path, annotations, names=LVIS, images=None, **lists):
    reading = read_instances(file(tmp_path / "i.json", annotations, names, images, **lists))
    return dict(reading.tables["images"].select("image_id", "closed").iter_rows()), reading


@pytest.mark.parametrize(
    ("categories", "absent", "partly", "expected"),
    [
        ([3], [], [], ["traffic light"]),
        ([3], [4], [], ["kite", "traffic light"]),
        ([3], [4], [3], ["kite"]),
        ([3], [4], None, ["kite"]),
        ([3], None, [], ["traffic light"]),
        ([1], [], [], []),  # ribbons may be there, and are bows, too
        ([1], [2], [], ["bow"]),
        ([1, 2], [], [], ["bow"]),
        ([1, 2], [], [2], []),
        ([3], [3, 4], [], ["kite"]),  # annotated and declared absent
        ([3], [99], [], ["traffic light"]),  # an id that the file does not list
    ],
)
def test_exhaustively_annotated_names_are_read(tmp_path, categories, absent, partly, expected):
    rows = [annotation(number, 1, category) for number, category in enumerate(categories)]
    lists = {"neg_category_ids": absent, "not_exhaustive_category_ids": partly}
    found, _ = closed(tmp_path, rows, **{key: value for key, value in lists.items() if value is not None})
    assert found == {"1": expected}


def test_a_hypernym_is_exhaustive_only_with_its_hyponyms(tmp_path):
    names = {1: "person", 2: "man", 3: "baseball bat", 4: "bat_(animal)"}
    rows = [annotation(1, 1, 1), annotation(2, 1, 4)]
    found, _ = closed(tmp_path, rows, names, neg_category_ids=[], not_exhaustive_category_ids=[])
    assert found == {"1": []}
    found, _ = closed(tmp_path, rows, names, neg_category_ids=[2, 3], not_exhaustive_category_ids=[])
    assert found == {"1": ["baseball bat", "bat", "man", "person"]}


def test_a_file_without_the_lists_is_unchanged(tmp_path):
    reading = read_instances(file(tmp_path / "i.json", [annotation(1, 1, 3)]))
    assert "closed" not in reading.tables["images"].columns


@pytest.mark.parametrize("value", ["4", 4, [4, "x"], [float("nan")], {"4": 1}])
def test_an_invalid_list_excludes_the_annotations_of_its_image(tmp_path, value):
    _, reading = closed(tmp_path, [annotation(1, 1, 3)], neg_category_ids=value)
    assert reading.tables["objects"].is_empty()
    assert any("'neg_category_ids' is not a list of ids" in fault.problem for fault in reading.faults)


def test_counts_are_stated_only_of_exhaustive_names(tmp_path):
    rows = [annotation(10 * image + n, image, 3) for image in (1, 2, 3) for n in range(image)]
    rows += [annotation(100 + 10 * image + n, image, 5) for image in (1, 2, 3) for n in range(4 - image)]
    lists = {"neg_category_ids": [4], "not_exhaustive_category_ids": [5]}
    negatives, rejected = made(tmp_path, file(tmp_path / "i.json", rows, LVIS, **lists))
    assert negatives["positive"].str.contains("traffic light").all()
    assert "objects of this name are not all annotated singly" in rejected["reason"].to_list()


def test_absence_is_verified_only_for_declared_names(tmp_path):
    rows = [annotation(image, image, 3) for image in (1, 2)] + [annotation(3, 2, 4), annotation(4, 2, 5)]
    path = file(tmp_path / "i.json", rows, LVIS, neg_category_ids=[4], not_exhaustive_category_ids=[])
    caption_file = published_files.coco([(1, "A horse is near a traffic light."), (1, "There is a kite.")])
    captions = published_files.write(tmp_path / "c.json", caption_file)
    from nearmiss.stages.negatives.reading import read_annotation_files

    corpus = read_annotation_files(captions=captions, instances=path, graphs=None, method="x", seed=0).corpus
    assert corpus.verdict("1", "a kite is near a traffic light").kind == "verified"
    assert corpus.verdict("1", "a bow is near a traffic light").kind == "plausible"
    assert corpus.verdict("1", "two horses").kind == "plausible"


def test_category_names_are_written_as_words(tmp_path):
    rows = [
        annotation(10 * image + n, image, category) for image in (1, 2, 3) for n in range(image) for category in (3,)
    ]
    rows += [annotation(100 + 10 * image + n, image, 1 + n % 2) for image in (1, 2, 3) for n in range(4 - image)]
    rows = [{**row, "id": number} for number, row in enumerate(rows)]
    negatives, _ = made(tmp_path, file(tmp_path / "i.json", rows, LVIS))
    texts = " ".join([*negatives["positive"], *negatives["negative"]])
    assert "traffic light" in texts and "bow" in texts
    assert not set("_()") & set(texts)
    counted = negatives.filter(pl.col("positive").str.contains("bow"), type="obj_count", image_id="1")
    assert set(counted["positive"]) == {"There are three bows."}  # weapons and ribbons together


def test_an_id_with_two_names_is_not_used(tmp_path):
    rows = [annotation(10 * image + n, image, 1) for image in (1, 2) for n in range(image)]
    rows += [annotation(50 + image, image, 2) for image in (3, 4)] + [annotation(60, 4, 2)]
    content = file(tmp_path / "i.json", rows, {2: "dog"}).read_text()
    content = content.replace(
        '"categories": [', '"categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "horse"}, '
    )
    (tmp_path / "i.json").write_text(content)
    negatives, rejected = made(tmp_path, tmp_path / "i.json")
    texts = " ".join([*negatives["positive"], *negatives["negative"]])
    assert "dog" in texts and "horse" not in texts and "cat" not in texts
    reasons = rejected.filter(type="input")["reason"].to_list()
    assert any("has several names: cat, horse" in reason and "category 1" in reason for reason in reasons)
    assert sum("the id of its category has several names" in reason for reason in reasons) == 3


def test_a_repeated_name_is_one_name(tmp_path):
    rows = [annotation(1, 1, 1)]
    content = file(tmp_path / "i.json", rows, {1: "Traffic_Light"}).read_text()
    content = content.replace('"categories": [', '"categories": [{"id": 1, "name": "traffic light"}, ')
    (tmp_path / "i.json").write_text(content)
    reading = read_instances(tmp_path / "i.json")
    assert reading.tables["objects"]["name"].to_list() == ["traffic light"] and not reading.faults


def test_images_without_a_size_lose_only_their_boxes(tmp_path):
    path = file(tmp_path / "i.json", [annotation(1, 1, 1), annotation(2, 2, 1)])
    path.write_text(path.read_text().replace('"width": 320, "height": 320', '"height": 320', 1))
    reading = read_instances(path)
    assert reading.tables["objects"]["image_id"].to_list() == ["2"]
    assert reading.tables["images"]["image_id"].to_list() == ["1", "2"]
    assert [fault.problem.split(";")[0] for fault in reading.faults] == ["its image has no width and height"]


def test_a_file_without_usable_records_reports_the_reasons(tmp_path):
    path = file(tmp_path / "i.json", [annotation(1, 1, 1, bbox=[0, 0, -5, 5])])
    with pytest.raises(InputError, match=r"a box is not x, y, w, h.*\(1\)") as raised:
        made(tmp_path, path)
    assert raised.value.file == path and raised.value.record == "annotation 1"
