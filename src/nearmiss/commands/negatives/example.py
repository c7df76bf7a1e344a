"""Command `negatives example`: captions and scene graphs that ship with the package, for a first run."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.commands.app import negatives as group

NAMES = ("captions.json", "graphs.json")
"""The data files in the package's folder `examples`; they describe the same images by the same ids."""


@group.command
def example(*, out: Path) -> None:
    """Write example captions and scene graphs, for a first run.

    nearmiss negatives example --out example

    The sentences are ours. captions.json has 20 captions in COCO's format, graphs.json 10 scene graphs in GQA's format,
    of the same images; there are no image files.

    Parameters
    ----------
    out
        Output: a folder for captions.json and graphs.json.
    """
    cost = Cost()
    with OutputFolder(out) as folder, as_file(files("nearmiss") / "examples") as source:
        for name in NAMES:
            shutil.copyfile(source / name, folder / name)
        cost.write(folder)
        write_manifest(folder, stage="example", fingerprint=None, inputs={}, outputs=[*NAMES])
    print(f"written: {out}")
