"""Small data sets in the published formats of GQA, Visual Genome, Flickr, lists of captions and WebDataset."""

import csv
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

COLORS = ("red", "blue", "green", "black")
NOUNS = ("cat", "dog", "car")
WIDTH, HEIGHT = 40, 30


def image(number: int, suffix: str = ".jpg", size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """An image of its own color."""
    out = io.BytesIO()
    drawn = Image.new("RGB", size, (number * 37 % 256, number * 91 % 256, number * 13 % 256))
    drawn.save(out, {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}[suffix])
    return out.getvalue()


def text(number: int, at: int = 0) -> str:
    """A caption of an image."""
    color, noun = COLORS[number % len(COLORS)], NOUNS[number % len(NOUNS)]
    return (f"a {color} {noun} near a box", f"the {noun} is {color}", f"photo of one {color} {noun} outside")[at]


def put_images(folder: Path, names: Sequence[str]) -> None:
    """Image files of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(image(number, Path(name).suffix))


def gqa(root: Path, train: int = 12, val: int = 4) -> Path:
    """Scene graphs of two splits with two objects and a relation each, and regions of Visual Genome."""
    graphs = {"train": range(100, 100 + train), "val": range(200, 200 + val)}
    for split, ids in graphs.items():
        content = {str(image_id): _graph(image_id) for image_id in ids}
        put(root / f"{split}_sceneGraphs.json", content)
        put_images(root / "images", [f"{image_id}.jpg" for image_id in ids])
    put(root / "region_descriptions.json", [_regions(image_id) for ids in graphs.values() for image_id in ids])
    return root


def _graph(image_id: int) -> dict[str, Any]:
    cat, box = str(image_id * 10 + 1), str(image_id * 10 + 2)
    color = COLORS[image_id % len(COLORS)]
    relation = [{"name": "to the left of", "object": box}]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "location": "indoors",
        "objects": {
            cat: {"name": "cat", "x": 1, "y": 2, "w": 10, "h": 12, "attributes": [color], "relations": relation},
            box: {"name": "box", "x": 20, "y": 2, "w": 15, "h": 20, "attributes": [], "relations": []},
        },
    }


def _regions(image_id: int) -> dict[str, Any]:
    return {
        "id": image_id,
        "regions": [
            {
                "region_id": image_id * 10 + at,
                "image_id": image_id,
                "phrase": text(image_id, at),
                "x": 0,
                "y": 0,
                "width": 9,
                "height": 9,
            }
            for at in range(3)
        ],
    }


def visual_genome(root: Path, number: int = 12) -> Path:
    """All files of Visual Genome, images in two folders, graphs in both forms."""
    ids = range(1, number + 1)
    folders = {image_id: "VG_100K" if image_id % 2 else "VG_100K_2" for image_id in ids}
    for folder in ("VG_100K", "VG_100K_2"):
        put_images(root / folder, [f"{image_id}.jpg" for image_id in ids if folders[image_id] == folder])
    put(
        root / "image_data.json",
        [
            {
                "image_id": image_id,
                "url": f"https://example.org/rak248/{folders[image_id]}/{image_id}.jpg",
                "width": WIDTH,
                "height": HEIGHT,
                "coco_id": None,
                "flickr_id": None,
            }
            for image_id in ids
        ],
    )
    put(root / "region_descriptions.json", [_regions(image_id) for image_id in ids])
    objects = {
        image_id: [
            {"object_id": image_id * 10 + at, "names": [noun], "x": at * 20, "y": 2, "w": 12, "h": 12, "synsets": []}
            for at, noun in enumerate(("cat", "box"))
        ]
        for image_id in ids
    }
    put(root / "objects.json", [{"image_id": key, "objects": value} for key, value in objects.items()])
    colors = {image_id: [COLORS[image_id % len(COLORS)]] for image_id in ids}
    put(
        root / "attributes.json",
        [
            {"image_id": key, "attributes": [{**value[0], "attributes": colors[key]}, value[1]]}
            for key, value in objects.items()
        ],
    )
    put(
        root / "relationships.json",
        [
            {
                "image_id": key,
                "relationships": [
                    {
                        "predicate": "NEAR",
                        "subject": value[0],
                        "object": value[1],
                        "relationship_id": key,
                        "synsets": [],
                    }
                ],
            }
            for key, value in objects.items()
        ],
    )
    graphs = [
        {
            "image_id": key,
            "objects": [{**value[0], "attributes": colors[key]}, value[1]],
            "relationships": [
                {
                    "predicate": "NEAR",
                    "subject_id": value[0]["object_id"],
                    "object_id": value[1]["object_id"],
                    "relationship_id": key,
                    "synsets": [],
                }
            ],
        }
        for key, value in objects.items()
    ]
    put(root / "scene_graphs.json", graphs)
    return root


def flickr(root: Path, data_set: str = "flickr8k", number: int = 12) -> Path:
    """Karpathy's JSON file, the published token file, and a list of each split: every fourth image val or test."""
    names = [f"{1000 + at}_ab.jpg" for at in range(number)]
    put_images(root / "images", names)
    splits = ["val" if at % 4 == 1 else "test" if at % 4 == 2 else "train" for at in range(number)]
    images = [
        {
            "imgid": at,
            "filename": name,
            "split": splits[at],
            "sentids": [at * 3 + each for each in range(3)],
            "sentences": [
                {"raw": text(at, each), "tokens": text(at, each).split(), "imgid": at, "sentid": at * 3 + each}
                for each in range(3)
            ],
        }
        for at, name in enumerate(names)
    ]
    put(root / f"dataset_{data_set}.json", {"images": images, "dataset": data_set})
    lines = [f"{name}#{each}\t{text(at, each)}\n" for at, name in enumerate(names) for each in range(3)]
    (root / "captions.token").write_text("".join(lines))
    for split in ("train", "val", "test"):
        listed = [name for name, own in zip(names, splits, strict=True) if own == split]
        (root / f"{split}.txt").write_text("\n".join(listed) + "\n")
    return root


def listed(root: Path, form: str = "csv", number: int = 12) -> Path:
    """Images and captions.FORM, with columns filepath, title and split; two captions an image."""
    names = [f"{at:03d}.png" for at in range(number)]
    put_images(root / "images", names)
    splits = ["validation" if at % 4 == 1 else "test" if at % 4 == 2 else "train" for at in range(number)]
    rows = [
        {"filepath": name, "title": text(at, each), "split": splits[at]}
        for at, name in enumerate(names)
        for each in range(2)
    ]
    with (root / f"captions.{form}").open("w", newline="") as handle:
        if form == "jsonl":
            handle.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(handle, list(rows[0]), delimiter="," if form == "csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    return root


def shards(root: Path, number: int = 2, samples: int = 10) -> Path:
    """Shards as img2dataset writes them: KEY.jpg, KEY.txt and KEY.json, keys unique over all shards."""
    root.mkdir(parents=True, exist_ok=True)
    for shard in range(number):
        put_shard(root / f"{shard:05d}.tar", shard_members(shard, samples))
    return root


def shard_members(shard: int, samples: int = 10) -> dict[str, bytes]:
    """The files of a shard by name, in its order."""
    found: dict[str, bytes] = {}
    for at in range(samples):
        key, number = f"{shard:05d}{at:04d}", shard * samples + at
        record = {
            "key": key,
            "status": "success",
            "caption": text(number),
            "others": [text(number, 1), text(number, 2)],
        }
        found |= {
            f"{key}.jpg": image(number),
            f"{key}.txt": text(number).encode(),
            f"{key}.json": json.dumps(record).encode(),
        }
    return found


def put_shard(path: Path, members: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> Path:
    """A tar archive of these files."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def put(path: Path, content: Any) -> Path:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
