"""Peak memory and time of stage `data` on scene graphs of the size of GQA and Visual Genome.

    python benchmarks/sources.py [CASE ...] [--images N] [--scratch DIR] [--graphs graphs.json]

A few real graphs of GQA are repeated, under new ids, until there are as many images as published: 85,638 of GQA and
108,077 of Visual Genome. For Visual Genome two graphs are joined and written in its formats: 34 objects an image
(published: 35), 21 relations and 50 regions, as published, whose phrases are made of words of the graphs. No image is
decoded: its size is that of its record. Each case is a process of its own; only files that a case reads are written, 3
GB at most. The last line is one JSON object.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

SAMPLE = Path(__file__).parents[2] / "shared" / "realdata" / "gqa_scene_graph_sample" / "train-sgs-sample.json"
IMAGES = {"gqa": 85_638, "visual_genome": 108_077}
RELATIONS, REGIONS = 21, 50
GQA = {"name": "gqa", "scene_graphs": {"train": "graphs.json", "val": "val.json"}}
GENOME = {"name": "visual_genome", "images": "images", "captions": None}
SEPARATE = {key: f"{key}.json" for key in ("objects", "attributes", "relationships")}
CASES: dict[str, dict[str, Any]] = {
    "gqa, graphs": GQA,
    "gqa, graphs and 5 statements": {**GQA, "captions": "scene_graphs", "captions_per_image": 5},
    "visual_genome, regions and graphs": {**GENOME, "captions": "regions", "scene_graphs": "scene_graphs.json"},
    "visual_genome, 5 regions and graphs": {
        **{**GENOME, "scene_graphs": "scene_graphs.json"},
        **{"captions": "regions", "captions_per_image": 5},
    },
    "visual_genome, graphs in three files": {**GENOME, **SEPARATE},
    "visual_genome, graphs and 5 statements": {
        **{**GENOME, "scene_graphs": "scene_graphs.json"},
        **{"captions": "scene_graphs", "captions_per_image": 5},
    },
}
Graph = dict[str, Any]


def renamed(graph: Graph, number: int) -> Graph:
    """A graph whose object ids are of one image only."""
    ids = {each: f"{number}{at:03d}" for at, each in enumerate(graph["objects"])}
    objects = {
        ids[each]: {
            **obj,
            "relations": [{**relation, "object": ids[relation["object"]]} for relation in obj["relations"]],
        }
        for each, obj in graph["objects"].items()
    }
    return {**graph, "objects": objects}


def write_gqa(folder: Path, graphs: list[Graph], count: int) -> None:
    """Graphs of `count` images, an eighth of them in the second file."""
    numbers = range(1, count + 1)
    for name, own in (("graphs", [n for n in numbers if n % 8]), ("val", [n for n in numbers if not n % 8])):
        with (folder / f"{name}.json").open("w", encoding="utf-8") as out:
            graph_of = (f'"{number}": {json.dumps(renamed(graphs[number % len(graphs)], number))}' for number in own)
            out.write("{" + next(graph_of))
            out.writelines(f",\n{each}" for each in graph_of)
            out.write("}")


def joined(graphs: list[Graph], number: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Objects with attributes, and relations, of two graphs as an image of Visual Genome has them."""
    objects, relations = [], []
    for side in range(2):
        content = renamed(graphs[(number + side) % len(graphs)], 10 * number + side)["objects"]
        for object_id, obj in content.items():
            box = {side: obj[side] for side in "xywh"}
            names = {"names": [obj["name"]], "synsets": [f"{obj['name']}.n.01"], "merged_object_ids": []}
            objects.append({"object_id": int(object_id), **box, **names, "attributes": obj["attributes"]})
            relations += [(object_id, each["name"], each["object"]) for each in obj["relations"]]
    ends = [
        {"relationship_id": 100 * number + at, "predicate": name, "subject_id": int(one), "object_id": int(other)}
        for at, (one, name, other) in enumerate(relations[:: max(1, len(relations) // RELATIONS)][:RELATIONS])
    ]
    return objects, ends


def write_visual_genome(
    folder: Path, graphs: list[Graph], sizes: list[tuple[int, int]], count: int, wanted: list[str]
) -> None:
    """The files of Visual Genome that the `wanted` cases read, for `count` images."""
    read = [CASES[case] for case in wanted]
    phrases = list(islice(_phrases(graphs), 5000))
    numbers = range(1, count + 1)

    def put(name: str, record: Callable[[int], dict[str, Any]]) -> None:
        with (folder / f"{name}.json").open("w", encoding="utf-8") as out:
            out.write("[" + json.dumps(record(numbers[0])))
            out.writelines(",\n" + json.dumps(record(number)) for number in numbers[1:])
            out.write("]")

    def image(number: int) -> dict[str, Any]:
        width, height = sizes[number % len(sizes)]
        url = f"https://example.org/images/VG_100K/{number}.jpg"
        return {"image_id": number, "url": url, "width": width, "height": height, "coco_id": None, "flickr_id": None}

    def regions(number: int) -> dict[str, Any]:
        box = {"x": 10, "y": 10, "width": 90, "height": 60}
        own = ((number * REGIONS + at, phrases[(number * 7 + at) % len(phrases)]) for at in range(REGIONS))
        found = [{"region_id": key, **box, "image_id": number, "phrase": phrase} for key, phrase in own]
        return {"id": number, "regions": found}

    def part(number: int, key: str) -> dict[str, Any]:
        objects, relations = joined(graphs, number)
        lists = {"objects": objects, "attributes": objects, "relationships": relations}
        return {"image_id": number, key: lists[key]}

    def whole(number: int) -> dict[str, Any]:
        objects, relations = joined(graphs, number)
        return {"image_id": number, "objects": objects, "relationships": relations}

    put("image_data", image)
    if any(case["captions"] == "regions" for case in read):
        put("region_descriptions", regions)
    if any("scene_graphs" in case for case in read):
        put("scene_graphs", whole)
    for key in SEPARATE if any("objects" in case for case in read) else ():
        put(key, lambda number, key=key: part(number, key))  # type: ignore[misc]


def _phrases(graphs: list[Graph]) -> Iterator[str]:
    random = Random(0)
    names = sorted({obj["name"] for graph in graphs for obj in graph["objects"].values()})
    words = ("red", "large", "wooden", "old", "white", "small")
    while True:
        yield f"a {random.choice(words)} {random.choice(names)} near the {random.choice(names)}"


def as_recorded(photographs: Any, images: Any) -> Any:
    """All listed images, with the sizes of their records, in place of `Photographs.usable`."""
    for image_id, width, height, file in images.select("image_id", "width", "height", "file").iter_rows():
        photographs.sizes[image_id] = photographs.recorded_sizes[image_id] = (width, height)
        photographs.hashes[file], photographs.perceptual_hashes[file] = f"{int(image_id):064x}", int(image_id)
    return images


def one(case: str, root: Path) -> None:
    """Run stage `data` in this process and print its figures."""
    from nearmiss.engine.formats.photographs import Photographs
    from nearmiss.stages.data.config import DataConfig
    from nearmiss.stages.data.stage import run

    Photographs.usable = as_recorded  # type: ignore[method-assign]
    out = root / "out"
    start, before = time.process_time(), _peak()
    run(config=DataConfig.model_validate({"source": {**CASES[case], "root": str(root)}}), out=out)
    spent = time.process_time() - start
    summary = json.loads((out / "summary.json").read_text())
    rows = {name: summary[name] for name in ("captions", "objects", "relations")}
    print(json.dumps({**rows, "cpu_seconds": round(spent, 1), "peak_mib": round(_peak()), "start_mib": round(before)}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))


def measured(cases: Iterable[str], graphs: list[Graph], images: int | None, scratch: Path | None) -> Iterator[dict]:
    """The figures of each case; files of a source are written once."""
    for source, published in IMAGES.items():
        wanted = [case for case in cases if CASES[case]["name"] == source]
        if not wanted:
            continue
        count = images or published
        with tempfile.TemporaryDirectory(dir=scratch) as name:
            folder = Path(name)
            sizes = [(graph["width"], graph["height"]) for graph in graphs]
            if source == "gqa":
                write_gqa(folder, graphs, count)
            else:
                following = [*sizes[1:], sizes[0]]
                sizes = [(max(a, c), max(b, d)) for (a, b), (c, d) in zip(sizes, following, strict=True)]
                write_visual_genome(folder, graphs, sizes, count, wanted)
            (folder / "images").mkdir()
            for case in wanted:
                command = [sys.executable, __file__, "--one", case, name]
                answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                subprocess.run(["rm", "-r", str(folder / "out")], check=True)
                yield {"case": case, "images": count, **json.loads(answer.splitlines()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"all by default: {'; '.join(CASES)}")
    parser.add_argument("--images", type=int)
    parser.add_argument("--scratch", type=Path, help="folder on the disk to write to")
    parser.add_argument("--graphs", type=Path, default=SAMPLE)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], Path(given.one[1]))
        return
    graphs = list(json.loads(given.graphs.read_text()).values())
    names = ("images", "captions", "objects", "relations", "cpu_seconds", "peak_mib")
    print(f"{'':40}" + "".join(f"{name:>12}" for name in names), flush=True)
    found = []
    for row in measured(given.cases or CASES, graphs, given.images, given.scratch):
        found.append(row)
        print(f"{row['case']:40}" + "".join(f"{row[name]:>12,}" for name in names), flush=True)
    print(json.dumps({"benchmark": "sources", "runs": found}))


if __name__ == "__main__":
    main()
