"""Small files in COCO's and GQA's formats, as a stranger's, for the tests of the stage without a workflow."""

import json
from pathlib import Path
from typing import Any

import small_world

from nearmiss.engine.world.annotations import annotate
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.wording import captions


def coco(texts: list[tuple[int, str]], images: int = 3) -> dict[str, Any]:
    """A captions file: (image id, text), caption ids from 1."""
    return {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in range(1, images + 1)],
        "annotations": [{"id": n, "image_id": i, "caption": text} for n, (i, text) in enumerate(texts, 1)],
    }


def graph(**objects: dict[str, Any]) -> dict[str, Any]:
    """A scene graph of 64 x 48 pixels; objects get what they lack."""
    usual = {"x": 1, "y": 2, "w": 10, "h": 12, "attributes": [], "relations": []}
    return {"width": 64, "height": 48, "objects": {name: {**usual, **thing} for name, thing in objects.items()}}


def of_the_world(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Captions and scene graphs of some of the world's scenes."""
    config = WorldConfig()
    shown = small_world.scenes(number, config)
    caption_file = {
        "images": [{"id": int(s.scene_id), "file_name": "x.png", "width": s.side, "height": s.side} for s in shown],
        "annotations": [
            {"id": f"{scene.scene_id}-{n}", "image_id": int(scene.scene_id), "caption": text}
            for scene in shown
            for n, (text, _) in enumerate(captions(scene, "narrow", config))
        ],
    }
    return caption_file, {scene.scene_id: annotate(scene, config).graph for scene in shown}


def write(path: Path, content: Any) -> Path:
    """As JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
