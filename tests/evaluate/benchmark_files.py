"""Small files in the formats of the benchmarks' authors, with what is known to go wrong in them, and pictures."""

import csv
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from nearmiss.engine.benchmarks.benchmark import ItemBenchmark, Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import reader

SIDE = 32


def write(root: Path) -> Path:
    """A data root with every benchmark and every picture that it asks for."""
    for made in (sugarcrepe, aro, valse, vl_checklist, squares, hnc, crepe, whatsup, vsr, inpaintcoco, general):
        made(root)
    for made in (pairs_in_parquet, pairs_in_json, svo_probes, mmvp_vlm, spec, imagecode, bla, colorfoil, negbench):
        made(root)
    return root


def read(root: Path, name: str) -> ItemBenchmark:
    """The questions of a benchmark under a data root."""
    found = reader(name).load(DataRoot(root), Options(tagger="lexicon"))
    assert isinstance(found, ItemBenchmark)
    return found


def put_text(file: Path, text: str) -> Path:
    """A file with this text, to the letter."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    return file


def picture(file: Path, seed: int) -> None:
    """Noise, so that every picture has an embedding of its own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed)).save(file)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def put(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")


def coco(root: Path, number: int, folder: str = "val2017") -> str:
    name = f"{number:012d}.jpg"
    picture(root / "coco" / folder / name, number)
    return name


def sugarcrepe(root: Path) -> None:
    said = [
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
            for number, (one, other, _) in enumerate(said)
        }
        put(root / "sugarcrepe" / "data" / f"{part}.json", records)
    for part in ("swap_obj", "swap_atribute", "replace_obj", "replace_attribute", "replace_rel"):
        triples = [
            {"id": number, "filename": coco(root, number + 1), "caption": a, "caption2": c, "negative_caption": b}
            for number, (a, b, c) in enumerate(said)
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
    told = ["A red bus stops near an old brick house.", "Cat."]  # one word has no other order
    put(root / "coco" / "annotations" / "coco_karpathy_test.json", [{"image": f"val2014/{name}", "caption": told}])
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


def squares(root: Path) -> None:
    """Winoground, COLA and EqBen: two images and two captions."""
    captions = ["some plants surrounding a lightbulb", "a lightbulb surrounding some plants"]
    for number in (0, 1):
        picture(root / "winoground" / "images" / f"ex_0_img_{number}.png", 80 + number)
        picture(root / "vg" / "images" / f"{number + 1}.jpg", 82 + number)
        picture(root / "eqben" / "image" / "eqbensd" / f"{number}.jpg", 84 + number)
    example = {
        "id": 0,
        "image_0": "ex_0_img_0",
        "image_1": "ex_0_img_1",
        "caption_0": captions[0],
        "caption_1": captions[1],
    }
    file = root / "winoground" / "examples.jsonl"
    file.write_text(json.dumps({**example, "collapsed_tag": "Object"}) + "\n\n", encoding="utf-8")
    cola = [["https://host/VG_100K/1.jpg", captions[0], "https://host/VG_100K_2/2.jpg", captions[1]]]
    put(root / "cola" / "COLA_multiobjects_matching_benchmark.json", cola)
    eqben = {"image0": "eqbensd/0.png", "image1": "eqbensd/1.png", "caption0": captions[0], "caption1": captions[1]}
    put(root / "eqben" / "ann.json", [eqben])  # PNG in the annotation, JPEG in the light images


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


def inpaintcoco(root: Path) -> None:
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    mask[4:12, 4:12] = 255
    rows = [
        _pair("color", "A red bus.", "A blue bus.", mask),
        _pair("sizes", "A small dog.", "", mask),  # the published set has empty captions
        _pair("object", "A cat.", "A dog.", np.full((SIDE, SIDE), 255, dtype=np.uint8)),  # and masks of everything
    ]
    file = root / "inpaintcoco" / "data" / "test-00000-of-00001.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_parquet(file)


def _pair(concept: str, one: str, other: str, mask: np.ndarray) -> dict[str, object]:
    images = {"coco_image": noise(1), "inpaint_image": noise(2), "mask": mask}
    held = {name: {"bytes": _png(pixels), "path": f"{name}.png"} for name, pixels in images.items()}
    return {"concept": concept, "coco_caption": one, "inpaint_caption": other, **held}


def _parquet(file: Path, rows: list[dict[str, object]], images: dict[str, list[int]]) -> None:
    """Rows with noise of these seeds in image columns, in groups of two; the last row of each file lacks its images."""
    for column, seeds in images.items():
        for row, seed in zip(rows, seeds, strict=True):
            row[column] = {"bytes": _png(noise(seed)) if seed else None, "path": f"{seed}.png"}
    file.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(file, row_group_size=2)


def pairs_in_parquet(root: Path) -> None:
    """BiVLC and VisMin: two embedded images and two captions a row."""
    texts = [("A man throwing a ball.", "A man throwing a disc."), ("A red cup on a white cloth.", "A white cup.")]
    kinds = [("replace", "obj"), ("swap", "att"), ("add", "obj")]
    rows = [
        {"caption": one, "negative_caption": other, "type": kind, "subtype": about}
        for (one, other), (kind, about) in zip([*texts, texts[0]], kinds, strict=True)
    ]
    seeds = {"image": [120, 121, 122], "negative_image": [123, 124, 125]}
    _parquet(root / "bivlc" / "data" / "test-00000-of-00001.parquet", rows, seeds)
    categories = ("object", "attribute", "counting", "relation")
    rows = [{"text_0": texts[0][0], "text_1": texts[0][1], "category": category} for category in categories]
    seeds = {"image_0": [130, 131, 132, 133], "image_1": [134, 135, 136, 137]}
    _parquet(root / "vismin" / "data" / "test-00000-of-00001.parquet", rows, seeds)


def pairs_in_json(root: Path) -> None:
    """ColorSwap and COCO-Counterfactuals: two captions and the names of two images a record."""
    for number in (1, 2):
        picture(root / "colorswap" / "images" / f"img_0_{number}.png", 140 + number)
    for number in (0, 1):
        picture(root / "coco_counterfactuals" / "images" / f"236308_0_img_{number}.jpg", 143 + number)
    swapped = {
        "id": 0,
        "caption_1": "someone holding a yellow umbrella wearing a white dress",
        "caption_2": "someone holding a white umbrella wearing a yellow dress",
        "image_1": "images/img_0_1.png",
        "image_2": "images/img_0_2.png",
        "image_source": "midjourney",
        "caption_source": "human",
    }
    put(root / "colorswap" / "test.json", [swapped])
    changed = {
        "id": "236308_0",
        "image_0": "236308_0_img_0",
        "image_1": "236308_0_img_1",
        "caption_0": "A dog on a bench.",
        "caption_1": "A cat on a bench.",
    }
    put_text(root / "coco_counterfactuals" / "examples.jsonl", json.dumps(changed) + "\n")


def _csv(file: Path, rows: list[list[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)


def svo_probes(root: Path) -> None:
    header = ["sentence", "pos_triplet", "neg_triplet", "pos_url", "neg_url", "pos_image_id", "neg_image_id"]
    rows: list[list[object]] = [[*header, "subj_neg", "verb_neg", "obj_neg"]]
    marks = {"girl": (True, False, False), "sit": (False, True, False), "sand": (False, False, True), "no": (True,) * 3}
    for number, (changed, mark) in enumerate(marks.items()):
        urls = [f"https://host/{number}.jpg", f"https://host/{number + 10}.jpg"]
        sentence = f"A girl stands in grass {number}."
        rows.append([sentence, "girl,stand,grass", f"dog,{changed},grass", *urls, number, number + 10, *mark])
        for image in (number, number + 10):
            picture(root / "svo_probes" / "images" / f"{image}.jpg", 150 + image)
    _csv(root / "svo_probes" / "svo_probes.csv", rows)


def mmvp_vlm(root: Path) -> None:
    rows: list[list[object]] = [["Question ID", "Type", "Statement"]]
    statements = [("Color", "a red door", "a blue door"), ("Camera Perspective", "a dog, above", "a dog, below")]
    for first, (pattern, one, other) in zip((1, 3), statements, strict=True):
        rows += [[first, pattern, one], [first + 1, pattern, other]]
        for image in (first, first + 1):
            picture(root / "mmvp_vlm" / "MLLM_VLM Images" / pattern / f"{image}.jpg", 170 + image)
    _csv(root / "mmvp_vlm" / "Questions.csv", rows)


def spec(root: Path) -> None:
    for part in ("absolute_size", "relative_size", "absolute_spatial", "relative_spatial", "existence", "count"):
        folder = root / "spec" / part
        images = [f"images/{number}.jpg" for number in range(3)]
        for number, image in enumerate(images):
            picture(folder / image, 180 + number)
        texts = ["one apple", "two apples", "three apples"]
        put(folder / "image2text.json", [{"query": images[1], "keys": texts, "label": 1}])
        put(folder / "text2image.json", [{"query": texts[2], "keys": images, "label": 2}])


def imagecode(root: Path) -> None:
    """Frames are numbered with gaps, and in the order of their numbers."""
    sets = {"open-images-1815_f91d": range(10), "MSR-VTT-video7047-shot1_0": range(0, 110, 11)}
    for name, numbers in sets.items():
        for number in numbers:
            picture(root / "imagecode" / "image-sets" / name / f"img{number}.jpg", 190 + number)
    described = {"2": " A deer head is mounted next to a painting.", "9": "Some grass is seen."}
    put(root / "imagecode" / "valid_data.json", dict.fromkeys(sets, described))


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
        _csv(root / "negbench" / f"{name}_mcq_llama3.1_rephrased.csv", [header, *rows])
    captions = ["A man in a kitchen, but there is no chair.", "No fork is present at the table's end."]
    for kind in ("retrieval", "negated_retrieval_llama3.1_rephrased_affneg_true"):
        row = ["['person']", "['chair']", images["COCO_val"], 1, str(captions)]
        header = ["positive_objects", "negative_objects", "filepath", "image_id", "captions"]
        _csv(root / "negbench" / f"COCO_val_{kind}.csv", [header, row])


def _png(pixels: np.ndarray) -> bytes:
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def general(root: Path) -> None:
    """Karpathy's splits, images by class, CIFAR-10."""
    for name, folder in (("coco", "coco/val2014"), ("flickr30k", "flickr30k/images"), ("flickr8k", "flickr8k/images")):
        images = []
        for number in range(3):
            file = f"{number + 1:012d}.jpg"
            picture(root / folder / file, 100 + number)
            written = [{"raw": f"{name} {kind} {number}", "sentid": number} for kind in ("picture", "photograph")]
            split = "test" if number < 2 else "train"
            images.append(
                {"filename": file, "filepath": "val2014", "split": split, "cocoid": number + 1, "sentences": written}
            )
        put(root / name / f"dataset_{name}.json", {"images": images})
    annotations = [
        {"id": 10 * number + place, "image_id": number + 1, "caption": f"coco {kind} {number}"}
        for number in range(2)
        for place, kind in enumerate(("picture", "photograph"))
    ]
    put(root / "coco" / "annotations" / "captions_val2014.json", {"annotations": annotations})
    put(root / "eccv" / "eccv_caption_to_image.json", {"0": [1, 2]})  # the first caption is right for both images
    for number, folder in enumerate(("n01", "n02")):
        picture(root / "classification" / "animals" / folder / "a.jpg", 110 + number)
    put(root / "classification" / "animals" / "classes.json", {"n01": "cat", "n02": "dog"})
    put(root / "classification" / "animals" / "templates.json", ["a photo of a {}.", "a drawing of a {}."])
    cifar = root / "cifar10" / "cifar-10-batches-bin"
    cifar.mkdir(parents=True, exist_ok=True)
    records = [bytes([label]) + noise(label).transpose(2, 0, 1).tobytes() for label in (0, 1, 2)]
    (cifar / "test_batch.bin").write_bytes(b"".join(records))
    (cifar / "batches.meta.txt").write_text("airplane\nautomobile\nbird\n", encoding="utf-8")
