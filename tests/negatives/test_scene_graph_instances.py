"""scene_graph from COCO instances: what names and boxes allow, each negative false by an own count."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from nearmiss.base.tables import read_table
from nearmiss.stages.negatives.scene_graph.method import BUILDERS
from nearmiss.stages.negatives.spec import SceneGraphConfig
from nearmiss.stages.negatives.stage import run

NAMES = {1: "dog", 2: "cat", 3: "car", 4: "bus"}
THERE = {1: {"dog": 2, "car": 1}, 2: {"cat": 3}, 3: {"bus": 1, "dog": 1, "cat": 2}, 4: {"car": 4, "bus": 2}}
NUMBERS = {"no": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}


def instances(path: Path) -> Path:
    category = {name: number for number, name in NAMES.items()}
    rows = []
    for image, counted in THERE.items():
        for name, count in counted.items():
            for copy in range(count):
                box = [10 + 40 * copy, 10 + 60 * category[name], 30, 25]
                rows.append(
                    {
                        "id": len(rows) + 1,
                        "image_id": image,
                        "category_id": category[name],
                        "bbox": box,
                        "area": 750,
                        "iscrowd": 0,
                        "segmentation": [],
                    }
                )
    content = {
        "images": [{"id": i, "file_name": f"{i:012}.jpg", "width": 320, "height": 320} for i in THERE],
        "categories": [{"id": number, "name": name} for number, name in NAMES.items()],
        "annotations": rows,
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="module")
def negatives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("instances")
    options = SceneGraphConfig(types=sorted(BUILDERS), per_image=50)
    out = folder / "made" / "negatives.parquet"
    run(name="scene_graph", config=options, instances=instances(folder / "instances.json"), out=out)
    return read_table(out, "negatives")


def test_types_that_need_attributes_or_relations_are_skipped(negatives):
    types = set(negatives["type"])
    assert "obj_count" in types
    assert not any("attr" in name or "rel" in name for name in types)


def test_positives_state_instance_counts_and_negatives_do_not(negatives):
    counted = negatives.filter(negatives["type"] == "obj_count")
    assert counted.height
    for image, positive, negative in counted.select("image_id", "positive", "negative").iter_rows():
        here = Counter(THERE[int(image)])
        assert _states(positive, here) and not _states(negative, here), (positive, negative)


def _states(text: str, here: Counter) -> bool:
    """Whether the number in a text is the number of the objects."""
    words = re.findall(r"[a-z]+", text.lower())
    number = next(NUMBERS[word] for word in words if word in NUMBERS)
    name = next(name for name in NAMES.values() for word in words if word in (name, f"{name}s", f"{name}es"))
    return here[name] == number
