"""Small archives in the published formats, as entries of the catalog that the papers' configurations need."""

import json
import shutil
import sys
from pathlib import Path

import coco_files
import source_files

sys.path += [str(Path(__file__).parent / name) for name in ("download", "evaluate")]

import caption_benchmark_files
import image_benchmark_files
from file_server import FileServer
from published import entry, remote, write_catalog, zipped, zipped_folder

NUMBER = 120  # images of COCO
GQA = {"train": 60, "val": 16}  # images


def ce_clip(server: FileServer, files: Path, catalog: Path) -> list[str]:
    """Entries of config/papers/ce_clip.yaml and config/coco.yaml in quick mode; their names."""
    coco = coco_files.write(files / "coco", NUMBER)
    annotations = {}
    for kind in ("captions", "instances"):
        content = (coco / "annotations" / f"{kind}_val2017.json").read_bytes()
        annotations |= {f"annotations/{kind}_val2014.json": content, f"annotations/{kind}_train2014.json": content}
    splits = {
        number: "test" if number % 6 == 0 else "val" if number % 6 == 1 else "restval" for number in range(1, 121)
    }
    karpathy = (coco / coco_files.karpathy(coco, splits)).read_bytes()
    caption_benchmark_files.sugarcrepe(files / "root")
    entries = {
        "coco_2014_annotations": _archive(server, "coco/annotations.zip", zipped(annotations), "coco", [*annotations]),
        "karpathy_splits": _archive(
            server, "coco/splits.zip", zipped({"dataset_coco.json": karpathy}), "coco", ["dataset_coco.json"]
        ),
        "coco_2014_val_images": _folder(server, coco / "val2017", "coco/val2014"),
        "coco_2017_val_images": _folder(server, files / "root" / "coco" / "val2017", "coco/val2017"),
        "sugarcrepe": _files(server, files / "root", "sugarcrepe/**/*.json", needs=["coco_2017_val_images"]),
        "sugarcrepe_pp": _files(server, files / "root", "sugarcrepe_pp/**/*.json", needs=["coco_2017_val_images"]),
    }
    write_catalog(catalog, entries)
    return [*entries]


def inpaintcoco(server: FileServer, files: Path, catalog: Path) -> list[str]:
    """Entries of config/papers/inpaintcoco.yaml in quick mode; their names."""
    coco = coco_files.write(files / "coco", NUMBER)
    caption_benchmark_files.sugarcrepe(files / "root")
    image_benchmark_files.inpaintcoco(files / "root")
    for image in (files / "root" / "coco" / "val2017").iterdir():
        shutil.copy(image, coco / "val2017")
    annotations = {f"annotations/{path.name}": path.read_bytes() for path in (coco / "annotations").iterdir()}
    entries = {
        "coco_2017_annotations": _archive(server, "coco/annotations.zip", zipped(annotations), "coco", [*annotations]),
        "coco_2017_val_images": _folder(server, coco / "val2017", "coco/val2017"),
        "sugarcrepe": _files(server, files / "root", "sugarcrepe/**/*.json", needs=["coco_2017_val_images"]),
        "inpaintcoco": _files(server, files / "root", "inpaintcoco/**/*.parquet"),
    }
    write_catalog(catalog, entries)
    return [*entries]


def hnc(server: FileServer, files: Path, catalog: Path) -> list[str]:
    """Entries of config/papers/hnc.yaml in quick mode; their names."""
    gqa = source_files.gqa(files / "gqa", **GQA)
    caption_benchmark_files.hnc(files / "root")
    for image in (files / "root" / "gqa" / "images").iterdir():
        shutil.copy(image, gqa / "images")
    graphs = {f"{split}_sceneGraphs.json": (gqa / f"{split}_sceneGraphs.json").read_bytes() for split in GQA}
    entries = {
        "gqa_scene_graphs": _archive(server, "gqa/sceneGraphs.zip", zipped(graphs), "gqa", [*graphs]),
        "gqa_images": _folder(server, gqa / "images", "gqa/images"),
        "hnc": _files(server, files / "root", "hnc/*.json", needs=["gqa_images"]),
    }
    write_catalog(catalog, entries)
    return [*entries]


def _archive(server: FileServer, path: str, body: bytes, into: str, members: list[str]) -> dict:
    provides = [f"{into}/{name}" for name in members]
    return entry(remote(server, path, body, unpack="zip", into=into, provides=provides))


def _folder(server: FileServer, folder: Path, path: str) -> dict:
    body = zipped_folder(folder)
    return entry(remote(server, f"{path}.zip", body, unpack="zip", into=path, provides=[path]))


def _files(server: FileServer, root: Path, pattern: str, **values: object) -> dict:
    found = [
        remote(server, path.relative_to(root).as_posix(), path.read_bytes()) for path in sorted(root.glob(pattern))
    ]
    return entry(*found, **values)


def overrides(catalog: Path, names: list[str]) -> list[str]:
    """Arguments of `nearmiss run` that take the files from the server."""
    return ["--set", f"download.catalog={catalog}", "--set", f"download.accept={json.dumps(names)}"]
