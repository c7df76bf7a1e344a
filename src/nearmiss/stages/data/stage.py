"""Stage `data`: a data source becomes the tables that every later stage reads."""

from pathlib import Path

from nearmiss.base.files import write_json
from nearmiss.base.manifest import Cost, verify_inputs, write_manifest
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table, write_table
from nearmiss.stages.data.config import DataConfig
from nearmiss.stages.data.overlap import Exclusion, counts


def run(
    *,
    config: DataConfig,
    out: Path,
    workers: int = 1,
    benchmark_images: Path | None = None,
    fingerprint: Path | None = None,
) -> None:
    """Make the folder `out`: tables/, what else the source makes, summary.json, manifest.json, cost.json.

    `benchmark_images` is a table of images that no model may be trained on (`nearmiss benchmarks images`). Training
    images among them get the split `excluded`, and overlap.parquet lists them. Whole or not at all. The files are the
    same for any number of `workers`.
    """
    cost = Cost()
    with OutputFolder(out, inputs=[benchmark_images]) as folder:
        exclusion = None
        if benchmark_images is not None:
            exclusion = Exclusion(read_table(benchmark_images, "benchmark_images"))
        summary, inputs = config.source.write(folder, workers, exclusion)
        if exclusion is not None:
            write_table(exclusion.overlap, folder / "overlap.parquet", "overlap")
            summary |= {"excluded": counts(exclusion.overlap)}
            inputs |= verify_inputs({"benchmark_images": benchmark_images})
        write_json(folder / "summary.json", summary)
        cost.counts.update(images=read_table(folder / "tables" / "images.parquet", "images").height)
        cost.write(folder)
        made = sorted(path.name for path in folder.iterdir() if path.name != "cost.json")
        write_manifest(folder, stage="data", fingerprint=fingerprint, inputs=inputs, outputs=made)
