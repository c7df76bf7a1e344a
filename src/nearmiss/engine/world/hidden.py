"""The hidden truth: the exact scenes behind the world's images, for judges alone. Generators never read them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.world.scene import Scene


def read_scenes(truth: Path, image_ids: Iterable[str]) -> dict[str, Scene]:
    """The scenes of these images, from whichever split's file has them.

    Raises `InputError` where the folder has none, or an image's is missing.
    """
    files = sorted(truth.glob("scenes_*.json"))
    if not files:
        raise InputError("no scenes to judge by", file=truth, remedy="run stage data, or correct --truth")
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
