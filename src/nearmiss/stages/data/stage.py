"""Stage `data`: a data source becomes the tables that every later stage reads."""

from pathlib import Path

from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table
from nearmiss.stages.data.config import DataConfig


def run(*, config: DataConfig, out: Path, workers: int = 1, fingerprint: Path | None = None) -> None:
    """Make the folder `out`: tables/, what else the source makes, summary.json, manifest.json, cost.json.

    Whole or not at all. The files are the same for any number of `workers`.
    """
    cost = Cost()
    with OutputFolder(out) as folder:
        summary, inputs = config.source.write(folder, workers)
        write_json(folder / "summary.json", summary)
        cost.counts.update(images=read_table(folder / "tables" / "images.parquet", "images").height)
        cost.write(folder)
        made = sorted(path.name for path in folder.iterdir() if path.name != "cost.json")
        write_manifest(folder, stage="data", fingerprint=fingerprint, inputs=inputs, outputs=made)
