"""Small files of benchmarks whose items have several images, in their authors' formats and with known faults."""

import json
from pathlib import Path

import numpy as np
import polars as pl
from sample_files import SIDE, csv_file, noise, picture, png, put, put_text


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
    held = {name: {"bytes": png(pixels), "path": f"{name}.png"} for name, pixels in images.items()}
    return {"concept": concept, "coco_caption": one, "inpaint_caption": other, **held}


def _parquet(file: Path, rows: list[dict[str, object]], images: dict[str, list[int]]) -> None:
    """Rows with noise of these seeds in image columns, in groups of two; the last row of each file lacks its images."""
    for column, seeds in images.items():
        for row, seed in zip(rows, seeds, strict=True):
            row[column] = {"bytes": png(noise(seed)) if seed else None, "path": f"{seed}.png"}
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
    csv_file(root / "svo_probes" / "svo_probes.csv", rows)


def mmvp_vlm(root: Path) -> None:
    rows: list[list[object]] = [["Question ID", "Type", "Statement"]]
    statements = [("Color", "a red door", "a blue door"), ("Camera Perspective", "a dog, above", "a dog, below")]
    for first, (pattern, one, other) in zip((1, 3), statements, strict=True):
        rows += [[first, pattern, one], [first + 1, pattern, other]]
        for image in (first, first + 1):
            picture(root / "mmvp_vlm" / "MLLM_VLM Images" / pattern / f"{image}.jpg", 170 + image)
    csv_file(root / "mmvp_vlm" / "Questions.csv", rows)


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
