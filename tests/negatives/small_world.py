"""Tables of a few scenes of the world, made without rendering: the input of the tests of this folder."""

from pathlib import Path

from nearmiss.base.files import write_json
from nearmiss.base.tables import table, write_table
from nearmiss.engine.world.annotations import annotate
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import caption_id_of, scene_of
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.wording import captions, reserved_templates

TABLES = ("captions", "images", "objects", "relations")


def scenes(number: int, config: WorldConfig | None = None, split: str = "train") -> list[Scene]:
    """The first scenes of a split."""
    return [scene_of(config or WorldConfig(), split, index) for index in range(number)]


def write(folder: Path, number: int, *, completeness: float = 1.0, kind: str = "narrow") -> dict[str, Path]:
    """Write the tables and reserved.json of some training scenes; paths by the names that the stage's `run` takes."""
    config = WorldConfig(completeness=completeness)
    rows: dict[str, list[dict]] = {name: [] for name in TABLES}
    for scene in scenes(number, config):
        add(rows, scene, config, kind)
    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    for name, path in paths.items():
        write_table(table(name, rows[name]), path, name)
    write_json(folder / "reserved.json", reservation(config).as_record(reserved_templates()))
    truth = {scene.scene_id: scene.as_record() for scene in scenes(number, config)}
    write_json(folder / "truth" / "scenes_train.json", truth)
    return {**paths, "reserved": folder / "reserved.json"}


def add(rows: dict[str, list[dict]], scene: Scene, config: WorldConfig, kind: str, split: str = "train") -> None:
    """One scene's rows in every table."""
    image_id = scene.scene_id
    rows["images"].append(
        {"image_id": image_id, "file": f"{image_id}.jpg", "width": scene.side, "height": scene.side, "split": split}
        | {"source": "world"}
    )
    for number, (text, template_id) in enumerate(captions(scene, kind, config)):
        caption_id = caption_id_of(image_id, kind, number)
        rows["captions"].append(
            {"caption_id": caption_id, "image_id": image_id, "text": text, "template_id": template_id, "source": "x"}
        )
    for object_id, thing in annotate(scene, config).graph["objects"].items():
        box = {key: float(thing[key]) for key in "xywh"}
        rows["objects"].append(
            {"object_id": object_id, "image_id": image_id, "name": thing["name"], **box}
            | {"attributes": thing["attributes"], "mask": None}
        )
        rows["relations"] += [
            {"image_id": image_id, "subject_id": object_id, "predicate": each["name"], "object_id": each["object"]}
            for each in thing["relations"]
        ]
