"""Small files of benchmarks whose items have one image, in their authors' formats and with known faults."""

import csv
import json
from pathlib import Path

from sample_files import coco, csv_file, picture, put


def sugarcrepe(root: Path) -> None:
    caption_triples = [
        (
            "A tan toilet and sink in a small room.",
            "A white toilet and sink in a small room.",
            "A small room has a tan toilet.",
        ),
        ("A cat is on the mat.", "A cat is under the mat.", "On the mat there is a cat."),
        ("Two dogs run.", "Two dogs run.", "A pair of dogs runs."),  # equals its negative
    ]
    for part in ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj"):
        records = {
            str(number): {"filename": coco(root, number + 1), "caption": one, "negative_caption": other}
            for number, (one, other, _) in enumerate(caption_triples)
        }
        put(root / "sugarcrepe" / "data" / f"{part}.json", records)
    for part in ("swap_obj", "swap_atribute", "replace_obj", "replace_attribute", "replace_rel"):
        triples = [
            {"id": number, "filename": coco(root, number + 1), "caption": a, "caption2": c, "negative_caption": b}
            for number, (a, b, c) in enumerate(caption_triples)
        ]
        put(root / "sugarcrepe_pp" / "data" / f"{part}.json", triples)


def aro(root: Path) -> None:
    picture(root / "aro" / "images" / "1.jpg", 31)
    box = {"image_path": "1.jpg", "bbox_x": 2, "bbox_y": 3, "bbox_w": 20, "bbox_h": 16}
    relations = [("eating", "the horse is eating the grass", "the grass is eating the horse")] * 3
    relations += [("holding", "the man is holding the cup", "the cup is holding the man")]
    relations += [("next to", "the cup is next to the man", "the man is next to the cup")]  # of the authors' list
    put(
        root / "aro" / "visual_genome_relation.json",
        [{**box, "relation_name": name, "true_caption": one, "false_caption": other} for name, one, other in relations],
    )
    pair = {"true_caption": "the paved road and the white house", "false_caption": "the white road and the paved house"}
    rare = {"true_caption": "the old dog and the new car", "false_caption": "the new dog and the old car"}
    attributes = [{**box, "attributes": ["paved", "white"], **pair}] * 25 + [
        {**box, "attributes": ["old", "new"], **rare}
    ]
    put(root / "aro" / "visual_genome_attribution.json", attributes)
    name = coco(root, 7, "val2014")
    written_captions = ["A red bus stops near an old brick house.", "Cat."]  # one word has no other order
    put(
        root / "coco" / "annotations" / "coco_karpathy_test.json",
        [{"image": f"val2014/{name}", "caption": written_captions}],
    )
    picture(root / "flickr30k" / "flickr30k-images" / "9.jpg", 9)
    flickr = [{"image": "flickr30k-images/9.jpg", "caption": ["Two dogs chase a green ball."]}]
    put(root / "flickr30k" / "flickr30k_test.json", flickr)


def valse(root: Path) -> None:
    places = {
        "existence": "visual7w/images/v7w_1.jpg",
        "counting-hard": "visual7w/images/v7w_1.jpg",
        "plurals": "coco/val2017/000000000001.jpg",
        "actant-swap": "swig/images_512/drinking_1.jpg",
        "coreference-hard": "visdial/val2018/VisualDialog_val2018_000000000001.jpg",
        "foil-it": "coco/val2014/COCO_val2014_000000000001.jpg",
    }
    for number, (piece, place) in enumerate(places.items()):
        picture(root / place, 50 + number)
        record = {
            "image_file": place.rsplit("/", 1)[-1],
            "caption": "There are no people in the picture.",
            "foil": "There are people in the picture.",
            "mturk": {"foil": 0, "caption": 3, "other": 0},
        }
        doubted = {**record, "mturk": {"foil": 2, "caption": 1, "other": 0}}
        put(root / "valse" / "data" / f"{piece}.json", {"one": record, "two": doubted})


def vl_checklist(root: Path) -> None:
    for corpus in ("vg", "hake"):
        picture(root / "vl_checklist" / "images" / corpus / "1.jpg", 71)
    pairs = [("brown knob", "teal knob"), ("red car ", " red car")]  # equal but for blanks
    records = [["1.jpg", {"POS": [one], "NEG": [other]}] for one, other in pairs]
    for part in ("Attribute/vg/color", "Relation/vg/spatial", "Object/Location/hake_margin"):
        put(root / "vl_checklist" / f"{part}.json", records)


def hnc(root: Path) -> None:
    picture(root / "gqa" / "images" / "2407890.jpg", 90)
    captions = {
        "0": {"caption": "The sign is white.", "label": 1, "type": "attribute", "noisy": False, "cpt_p_id": None},
        "1": {"caption": "The sign is green.", "label": 0, "type": "attribute", "noisy": False, "cpt_p_id": 0},
        "2": {"caption": "The sign is black.", "label": 0, "type": "attribute", "noisy": True, "cpt_p_id": 0},
    }
    put(root / "hnc" / "hnc_clean_strict_test.json", {"2407890": {"captions": captions}})


def crepe(root: Path) -> None:
    for kind in ("atom", "swap", "negate"):
        folder = root / "crepe" / kind
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"prod_vg_hard_negs_{kind}_complexity_4.csv").open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(["", "image_id", "caption", "hard_negs", "x", "y", "width", "height"])
            writer.writerow([0, 1, "Bird on tree", "['Cat on tree', 'Bird on car']", 1, 2, 20, 20])


def whatsup(root: Path) -> None:
    options = [f"A beer bottle {where} an armchair" for where in ("on", "under", "to the left of", "to the right of")]
    for kind in ("controlled_images", "controlled_clevr"):
        picture(root / "whatsup" / kind / "beer-bottle_on_armchair.jpeg", 95)
        record = {"image_path": f"data/{kind}/beer-bottle_on_armchair.jpeg", "caption_options": options}
        put(root / "whatsup" / f"{kind}_dataset.json", [record])
    coco(root, 1)
    for name in ("coco_qa_one_obj", "coco_qa_two_obj", "vg_qa_one_obj", "vg_qa_two_obj"):
        put(root / "whatsup" / f"{name}.json", [[1, "A dog left of a cat", "A dog right of a cat"]])


def vsr(root: Path) -> None:
    for split in ("random", "zeroshot"):
        lines = []
        for number in range(24):
            name = f"{number % 6:012d}.jpg"
            picture(root / "vsr" / "images" / name, number % 6)
            statement = f"The cat is {('under', 'above', 'near', 'behind')[number // 6]} the bed."
            lines.append(json.dumps({"image": name, "caption": statement, "label": number % 2, "relation": "under"}))
        file = root / "vsr" / split / "test.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines), encoding="utf-8")


def bla(root: Path) -> None:
    picture(root / "bla" / "images" / "73.jpg", 300)
    texts = ["the woman feeds the man", "the man is fed by the woman"]
    texts += ["the man feeds the woman", "the woman is fed by the man"]
    group = {
        "group_index": 0,
        **dict(zip(("True1", "True2", "False1", "False2"), texts, strict=True)),
        "score": [0.9],
    }
    for part in ("active_passive", "coordination", "relative_clause"):
        record = {"image_id": 73, "index": 0, "caption_group": [group]}
        put(root / "bla" / "annotations" / f"{part}_captions.json", [record])


def colorfoil(root: Path) -> None:
    """Captions of COCO's file: ColorFoil takes the first one of an image that names a color."""
    texts = {
        1: ["A bus.", "A red bus and a white car."],
        2: ["A gray cat."],
        3: ["A colored kite."],
        7888: ["A red post."],
    }
    for number in texts:
        coco(root, number)
    annotations = [
        {"id": 10 * number + place, "image_id": number, "caption": caption}
        for number, captions in texts.items()
        for place, caption in enumerate(captions)
    ]
    put(root / "coco" / "annotations" / "captions_val2017.json", {"images": [], "annotations": annotations})


def negbench(root: Path) -> None:
    coco(root, 1)
    picture(root / "voc2007" / "VOCdevkit" / "VOC2007" / "JPEGImages" / "004070.jpg", 310)
    header = ["image_path", "correct_answer", *(f"caption_{number}" for number in range(4)), "correct_answer_template"]
    written = ["A knife, but no car.", "A car, but no knife.", "This image features a car", "There is no knife."]
    images = {"COCO_val": "data/coco/images/val2017/000000000001.jpg", "VOC2007": "data/voc2007/JPEGImages/004070.jpg"}
    for name, image in images.items():
        rows = [[image, 0, *written, template] for template in ("positive", "negative", "hybrid")]
        csv_file(root / "negbench" / f"{name}_mcq_llama3.1_rephrased.csv", [header, *rows])
    captions = ["A man in a kitchen, but there is no chair.", "No fork is present at the table's end."]
    for kind in ("retrieval", "negated_retrieval_llama3.1_rephrased_affneg_true"):
        row = ["['person']", "['chair']", images["COCO_val"], 1, str(captions)]
        header = ["positive_objects", "negative_objects", "filepath", "image_id", "captions"]
        csv_file(root / "negbench" / f"COCO_val_{kind}.csv", [header, row])
