"""Scene graphs of a recognized format (recognition.py) as the tables `images`, `objects` and `relations`."""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.engine.formats import gqa, visual_genome
from nearmiss.engine.formats.recognition import require
from nearmiss.engine.formats.set_aside import Reading

_IMAGES, _OBJECTS, _ATTRIBUTES, _RELATIONS = (
    "image_data.json",
    "objects.json",
    "attributes.json",
    "relationships.json",
)


def read_graph_file(path: Path) -> Reading:
    """Scene graphs of GQA, one of Visual Genome's files, or a folder with several of them.

    A folder has objects.json and image_data.json, and maybe attributes.json and relationships.json. Raises
    `InputError` for a file of another kind, with the option that reads it.
    """
    path = Path(path)
    if path.is_dir():
        return _of_folder(path)
    if require(path, "graphs").key == "visual_genome":
        return visual_genome.read_single_file(path).reading()
    return gqa.read_scene_graphs(path)


def _of_folder(folder: Path) -> Reading:
    missing = [name for name in (_IMAGES, _OBJECTS) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"the folder of scene graphs lacks {' and '.join(missing)}",
            file=folder,
            remedy="add it from Visual Genome, or give one file",
        )
    images = visual_genome.read_image_data(folder / _IMAGES)
    attributes, relations = (folder / name if (folder / name).is_file() else None for name in (_ATTRIBUTES, _RELATIONS))
    table = images.tables["images"]
    found = visual_genome.read_separate_graphs(
        folder / _OBJECTS, attributes, relations, table, frozenset(table["image_id"])
    ).reading()
    found.faults.extend(images.faults)
    return found
