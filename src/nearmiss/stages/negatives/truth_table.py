"""False negatives and yield of every method by completeness of the annotations, from the truth of the world.

The scenes stay the same; the share of annotations decreases. Every negative is checked. Like the report
(truth_report.py), this reads the truth and is no input of training.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nearmiss.base.files import write_json
from nearmiss.base.outputs import OutputFile
from nearmiss.base.progress import progress
from nearmiss.base.tables import table, write_table
from nearmiss.engine.world.annotations import annotate
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import caption_id_of, scene_of
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.wording import captions, reserved_templates
from nearmiss.stages.negatives.spec import MethodConfig
from nearmiss.stages.negatives.stage import run
from nearmiss.stages.negatives.truth_report import report

_TABLES = ("captions", "images", "objects", "relations")


def measure(
    *,
    world: WorldConfig,
    methods: Mapping[str, MethodConfig],
    scenes: int,
    completeness: Sequence[float],
    out: Path,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """A row for each method and completeness, written to `out` (JSON) and returned.

    Columns: method, mode, completeness (0 to 1), the counts negatives, false_negatives, undefined, unread (not a
    sentence of the world) and false_positives (positives that are false), and yield (share of captions with a negative,
    0 to 1).
    """
    target = OutputFile(out)
    rows = []
    cases = [(share, name) for share in completeness for name in methods]
    with TemporaryDirectory() as scratch:
        given: dict[float, dict[str, Any]] = {}
        for share, name in progress(cases, what="false negatives"):
            if share not in given:
                given[share] = write_tables(
                    Path(scratch) / str(share), world.model_copy(update={"completeness": share}), scenes
                )
            folder = Path(scratch) / f"{name}-{share}"
            run(name=name, config=methods[name], seed=seed, out=folder, **given[share])
            found = report(negatives=folder, truth=Path(scratch) / str(share) / "truth", out=folder / "truth.json")
            rows.append(
                {
                    "method": name,
                    "mode": getattr(methods[name], "mode", "default"),
                    "completeness": share,
                    "negatives": found["negatives"]["n"],
                    "false_negatives": found["negatives"]["true"],
                    "undefined": found["negatives"]["undefined"],
                    "unread": found["negatives"]["unparsed"],
                    "false_positives": found["positives"]["false"],
                    "yield": found["captions"]["yield"],
                }
            )
    rows.sort(key=lambda row: (row["method"], -row["completeness"]))
    with target as partial:
        write_json(partial, rows)
    return rows


def format_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a text table of at most 80 columns."""
    lines = [
        f"{'method':<16}{'complete':>9}{'negatives':>11}{'false neg.':>12}{'share':>8}{'undefined':>11}{'yield':>8}"
    ]
    for row in rows:
        share = row["false_negatives"] / row["negatives"] if row["negatives"] else 0.0
        name = row["method"] if row["mode"] == "default" else f"{row['method']} {row['mode']}"
        lines.append(
            f"{name[:15]:<16}{row['completeness']:>9.2f}{row['negatives']:>11}{row['false_negatives']:>12}"
            f"{share:>8.1%}{row['undefined']:>11}{row['yield']:>8.1%}"
        )
    return "\n".join(lines)


def write_tables(folder: Path, config: WorldConfig, number: int) -> dict[str, Path]:
    """Write tables of the first training scenes without drawing images; returns the arguments of `run` by name."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _TABLES}
    train_scenes = [scene_of(config, "train", index) for index in range(number)]
    for scene in train_scenes:
        _add(rows, scene, config)
    paths = {name: folder / f"{name}.parquet" for name in _TABLES}
    for name, path in paths.items():
        write_table(table(name, rows[name]), path, name)
    write_json(folder / "reserved.json", reservation(config).as_record(reserved_templates()))
    write_json(folder / "truth" / "scenes_train.json", {scene.scene_id: scene.as_record() for scene in train_scenes})
    return {**paths, "reserved": folder / "reserved.json"}


def _add(rows: dict[str, list[dict[str, Any]]], scene: Scene, config: WorldConfig) -> None:
    image_id = scene.scene_id
    of_image = {"image_id": image_id}
    rows["images"].append(
        {**of_image, "file": "", "width": scene.side, "height": scene.side, "split": "train", "source": "world"}
    )
    for number, (text, template_id) in enumerate(captions(scene, "narrow", config)):
        caption_id = caption_id_of(image_id, "narrow", number)
        caption = {"caption_id": caption_id, "text": text, "template_id": template_id, "source": "published"}
        rows["captions"].append({**of_image, **caption})
    for object_id, obj in annotate(scene, config).graph["objects"].items():
        box = {side: float(obj[side]) for side in "xywh"}
        naming = {"object_id": object_id, "name": obj["name"], "attributes": obj["attributes"], "mask": None}
        rows["objects"].append({**of_image, **naming, **box})
        for each in obj["relations"]:
            related = {"subject_id": object_id, "predicate": each["name"], "object_id": each["object"]}
            rows["relations"].append({**of_image, **related})
