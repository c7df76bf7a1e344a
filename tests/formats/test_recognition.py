"""The format of a file is recognized by its content; a file of another kind is named with the option for it."""

import json

import pytest

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.caption_files import read_caption_file
from nearmiss.engine.formats.exchange import read_negatives
from nearmiss.engine.formats.graph_files import read_graph_file
from nearmiss.engine.formats.recognition import FORMATS, recognize

BOX = {"x": 1, "y": 2, "w": 10, "h": 20}
MAN, SHIRT = {"object_id": 1, "names": ["man"], **BOX}, {"object_id": 2, "names": ["shirt"], **BOX}
WEARS = {"predicate": "wears", "subject": MAN, "object": SHIRT}
DOG = "A dog runs."

# Content of a small file of each format: FILE -> format.
FILES = {
    "captions_val2017.json": (
        "coco",
        {"images": [{"id": 7}], "annotations": [{"id": 1, "image_id": 7, "caption": DOG}]},
    ),
    "instances.json": (
        "instances",
        {"images": [{"id": 7}], "annotations": [{"id": 1, "image_id": 7, "bbox": [0] * 4}]},
    ),
    "dataset_coco.json": (
        "karpathy",
        {"images": [{"filename": "7.jpg", "split": "val", "sentences": [{"raw": DOG, "sentid": 3}]}]},
    ),
    "coco_karpathy_train.json": (
        "blip",
        [{"caption": DOG, "image": "val2014/COCO_val2014_000000000007.jpg", "image_id": "coco_7"}],
    ),
    "coco_karpathy_val.json": (
        "blip",
        [{"image": "val2014/COCO_val2014_000000000007.jpg", "caption": [DOG, "A dog."]}],
    ),
    "Flickr8k.token.txt": ("flickr", f'1000_a.jpg#0\t{DOG}\n1000_a.jpg#1\tIt says "hi" .\n'),
    "Train_GCC-training.tsv": ("cc3m", f"{DOG}\thttp://a.org/1.jpg\n"),
    "cc12m.tsv": ("cc3m", f"http://a.org/1.jpg\t{DOG}\n"),
    "captions.csv": ("csv", f'file_name,caption\n7.jpg,"{DOG} It, too."\n'),
    "captions.tsv": ("tsv", f"filepath\ttitle\n7.jpg\t{DOG}\n"),
    "captions.jsonl": ("jsonl", json.dumps({"image": "7.jpg", "text": DOG}) + "\n"),
    "region_descriptions.json": ("regions", [{"id": 7, "regions": [{"region_id": 1, "phrase": "a dog"}]}]),
    "factual.csv": ("factual", 'image_id,caption,scene_graph\n7,a dog runs,"( dog , is , running )"\n'),
    "sceneGraphs.json": ("gqa", {"7": {"width": 50, "height": 50, "objects": {}}}),
    "scene_graphs.json": ("visual_genome", [{"image_id": 7, "objects": [MAN, SHIRT], "relationships": []}]),
    "objects.json": ("visual_genome", [{"image_id": 7, "objects": [MAN, SHIRT]}]),
    "attributes.json": ("visual_genome", [{"image_id": 7, "attributes": [MAN | {"attributes": ["tall"]}]}]),
    "relationships.json": ("visual_genome", [{"image_id": 7, "relationships": [WEARS]}]),
    "replace_obj.json": ("sugarcrepe", {"0": {"filename": "7.jpg", "caption": "a", "negative_caption": "b"}}),
    "replace_attribute.json": (
        "sugarcrepe_pp",
        [{"id": 0, "filename": "7.jpg", "caption": "a red dog", "caption2": "a dog, red", "negative_caption": "a cat"}],
    ),
    "vg_color.json": ("vl_checklist", [["VG_100K/7.jpg", {"POS": ["red car"], "NEG": ["blue car"]}]]),
    "existence.json": ("valse", {"a": {"caption": "a", "foil": "b", "image_file": "7.jpg", "mturk": {"caption": 3}}}),
    "hnc.json": ("hnc", {"7": {"captions": {"0": {"caption": "a", "label": 1}}}}),
    "train_neg_clip.tsv": ("negclip", "\ttitle\tfilepath\tneg_caption\tneg_image\n0\ta\t7.jpg\t['b']\t[1]\n"),
}


def write(folder, name, content=None):
    """A file of `FILES`, or with the given content."""
    content = FILES[name][1] if content is None else content
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_recognized_by_its_first_record(tmp_path, name):
    assert recognize(write(tmp_path, name)).key == FILES[name][0]


def test_every_format_has_a_fixture():
    assert {key for key, _ in FILES.values()} == set(FORMATS)


@pytest.mark.parametrize("name", [name for name, (key, _) in FILES.items() if FORMATS[key].kind == "captions"])
def test_captions_of_every_format_are_read(tmp_path, name):
    reading = read_caption_file(write(tmp_path, name))
    assert not reading.faults
    assert "dog" in reading.tables["captions"]["text"][0]
    assert set(reading.tables["captions"]["image_id"]) <= set(reading.tables["images"]["image_id"])


def test_a_photograph_of_coco_has_one_id_in_both_years(tmp_path):
    content = "image,caption\nCOCO_val2014_000000000007.jpg,A dog.\n000000000007.jpg,A red dog.\n"
    captions = read_caption_file(write(tmp_path, "both.csv", content)).tables["captions"]
    assert captions["image_id"].to_list() == ["7", "7"]
    assert captions["caption_id"].to_list() == ["7-0", "7-1"]


@pytest.mark.parametrize("name", ["scene_graphs.json", "objects.json", "attributes.json", "relationships.json"])
def test_each_file_of_visual_genome_gives_its_objects(tmp_path, name):
    tables = read_graph_file(write(tmp_path, name)).tables
    assert "man" in tables["objects"]["name"].to_list()
    assert tables["relations"]["predicate"].to_list() == (["wears"] if name == "relationships.json" else [])
    assert tables["images"]["exhaustive"].to_list() == [False]


def test_relations_without_objects_are_set_aside_with_the_remedy(tmp_path):
    relation = {"predicate": "on", "subject_id": 1, "object_id": 2}
    (fault,) = read_graph_file(write(tmp_path, "r.json", [{"image_id": 7, "relationships": [relation]}])).faults
    assert fault.record == "image 7"
    assert "relations without objects" in fault.problem and "objects.json" in fault.problem


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("replace_attribute.json", [("a red dog", "a cat"), ("a dog, red", "a cat")]),
        ("vg_color.json", [("red car", "blue car")]),
    ],
)
def test_pairs_of_every_published_file_are_read_without_naming_the_format(tmp_path, name, rows):
    frame = read_negatives(write(tmp_path, name), None)
    assert list(frame.select("positive", "negative").iter_rows()) == rows


@pytest.mark.parametrize(
    ("read", "name", "message"),
    [
        (read_caption_file, "sceneGraphs.json", "GQA's scene graphs.*--graphs"),
        (read_caption_file, "relationships.json", "Visual Genome's scene graphs.*--graphs"),
        (read_caption_file, "replace_obj.json", "SugarCrepe's files.*--format sugarcrepe"),
        (read_caption_file, "instances.json", "COCO's instances.*--instances"),
        (read_graph_file, "coco_karpathy_val.json", "BLIP.*--captions"),
        (read_graph_file, "captions.csv", "CSV with named columns.*--captions"),
        (lambda path: read_negatives(path, "sugarcrepe"), "replace_attribute.json", r"SugarCrepe\+\+.*sugarcrepe_pp"),
        (lambda path: read_negatives(path, "valse"), "vg_color.json", "VL-CheckList.*--format vl_checklist"),
        (lambda path: read_negatives(path, None), "dataset_coco.json", "Karpathy.*--captions"),
    ],
)
def test_a_valid_file_of_another_kind_is_named_with_the_option_that_reads_it(tmp_path, read, name, message):
    with pytest.raises(InputError, match=rf"(?s){message}") as error:
        read(write(tmp_path, name))
    assert "malformed" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "image,caption,title\n7.jpg,a,b\n", "two columns may hold the captions: 'caption' and 'title'"),
        ("a.csv", "image,file_name,caption\n7.jpg,a,b\n", "two columns may hold the images"),
        ("a.csv", "picture,caption\n7.jpg,a\n", "no column with images is recognized"),
        ("a.json", [1, 2], "not recognized: it is a JSON list"),
        ("a.json", [], "an empty JSON list"),
        ("a.txt", "a dog\na cat\n", "not recognized: it is text that begins with 'a dog'"),
        ("a.txt", "", "not recognized: it is an empty file"),
    ],
)
def test_what_cannot_be_told_is_named_with_a_guess(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message) as error:
        read_caption_file(write(tmp_path, name, content))
    assert "remedy" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "record", "problem"),
    [
        (
            "a.json",
            [{"image": "7.jpg", "caption": DOG}, {"id": 1, "regions": []}],
            "record 1",
            "its fields are: id, regi",
        ),
        ("a.json", [{"image": "7.jpg", "caption": DOG}, [1]], "record 1", "no object"),
        ("a.tsv", f"image\tcaption\n7.jpg\t{DOG}\n8.jpg\ta\tb\n", "line 3", "a tab inside of a caption"),
        ("a.tsv", f"{DOG}\thttp://a/1\na\tb\thttp://a/2\n", "line 2", "a tab inside of a caption"),
        ("a.txt", f"7.jpg#0\t{DOG}\n8.jpg\ta\n", "line 2", "not FILE#NUMBER"),
        ("a.csv", f"image,caption\n7.jpg,{DOG}\n8.jpg,a,b\n", "line 3", "a comma outside of quotes"),
        ("a.jsonl", json.dumps({"image": "7.jpg", "text": DOG}) + "\n{\n", "line 2", "malformed JSON"),
    ],
)
def test_a_record_of_another_form_is_set_aside_by_name(tmp_path, name, content, record, problem):
    reading = read_caption_file(write(tmp_path, name, content))
    assert reading.tables["captions"]["text"].to_list() == [DOG]
    (fault,) = reading.faults
    assert fault.record == record and problem in fault.problem


def test_quotes_in_tsv_are_text_unless_they_enclose_a_field(tmp_path):
    content = 'image\tcaption\n7.jpg\t"Stop" sign\n8.jpg\t"A ""stop"" sign"\n9.jpg\ta 5" pipe\n'
    captions = read_caption_file(write(tmp_path, "a.tsv", content)).tables["captions"]
    assert captions["text"].to_list() == ['"Stop" sign', 'A "stop" sign', 'a 5" pipe']
