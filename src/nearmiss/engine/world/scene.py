"""A scene: a ground and a few objects on it, with exact positions. Images, captions and annotations derive from it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json


@dataclass(frozen=True)
class SceneObject:
    """One object. Its center and radius (of the circle around it) are in pixels of the drawn image."""

    object_id: str
    shape: str
    color: str
    size: str
    pattern: str
    x: float
    y: float
    radius: float
    action: str | None = None

    def as_record(self) -> dict[str, Any]:
        """The object as plain JSON values. Its id is under `thing_id`; an action only where it has one."""
        record = asdict(self)
        action = record.pop("action")
        return {"thing_id": record.pop("object_id"), **record, **({} if action is None else {"action": action})}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "SceneObject":
        """The inverse of `as_record`."""
        return cls(record["thing_id"], **{name: value for name, value in record.items() if name != "thing_id"})


@dataclass(frozen=True)
class Scene:
    """A complete scene: two drawings of equal scenes are byte-identical.

    `light` is the brightness factor; `nuisance` seeds the ground's texture and the noise, so that two scenes with the
    same nuisance differ in their objects only.
    """

    scene_id: str
    side: int
    ground: str
    light: float
    nuisance: int
    objects: tuple[SceneObject, ...]

    def as_record(self) -> dict[str, Any]:
        """The scene as plain JSON values, its objects under `things`."""
        record = {name: value for name, value in vars(self).items() if name != "objects"}
        return {**record, "things": [obj.as_record() for obj in self.objects]}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Scene":
        """The inverse of `as_record`."""
        rest = {name: value for name, value in record.items() if name != "things"}
        return cls(**rest, objects=tuple(map(SceneObject.from_record, record["things"])))


def read_scenes(truth: Path, image_ids: Iterable[str]) -> dict[str, Scene]:
    """The exact scenes of these images, from the files of every split. Generators never read them.

    Raises `InputError` where the folder has no scenes, or those of an image are missing.
    """
    files = sorted(truth.glob("scenes_*.json"))
    if not files:
        raise InputError("the folder has no scenes", file=truth, remedy="run stage data, or correct --truth")
    wanted = dict.fromkeys(image_ids)
    scenes: dict[str, Scene] = {}
    for file in files:
        records: Mapping[str, dict[str, Any]] = read_json(file)
        scenes.update({image: Scene.from_record(records[image]) for image in sorted(wanted.keys() & records.keys())})
    missing = [image for image in wanted if image not in scenes]
    if missing:
        raise InputError(
            f"{len(missing)} images have no scene",
            file=truth,
            record=missing[0],
            remedy="take images and truth of one experiment, or correct the paths",
        )
    return scenes
