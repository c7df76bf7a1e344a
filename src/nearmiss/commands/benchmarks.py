"""Group `nearmiss benchmarks`: the published benchmarks, and the differences between two models on them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nearmiss.base.progress import job
from nearmiss.commands.app import DataRootPath, Moved
from nearmiss.commands.app import benchmarks as group


@group.command(name="list")
def list_(*, data_root: DataRootPath = None, move: Moved = None) -> None:
    """List each benchmark with its license, its origin, and its files under the data root.

    nearmiss benchmarks list --data-root DATA
    """
    from nearmiss.engine.benchmarks.data_root import DataRoot, moves
    from nearmiss.stages.evaluate.listing import listing

    print(listing(None if data_root is None and not move else DataRoot(data_root, moves(move or []))))


@group.command
def images(
    *, benchmarks: list[str], data_root: DataRootPath = None, move: Moved = None, tagger: str | None = None, out: Path
) -> None:
    """List the images of benchmarks, so that they can be excluded from training.

    nearmiss benchmarks images --benchmarks sugarcrepe --data-root DATA --out shown.parquet

    Parameters
    ----------
    benchmarks
        Benchmarks by name. Those without files are left out.
    tagger
        A spaCy pipeline, by name or folder, for aro_order.
    out
        Output: a Parquet file of image paths, numbers in published collections, and perceptual hashes.
    """
    with job("benchmarks images"):
        from nearmiss.base.outputs import OutputFile
        from nearmiss.base.tables import write_table
        from nearmiss.engine.benchmarks import registry
        from nearmiss.engine.benchmarks.benchmark import Options
        from nearmiss.engine.benchmarks.data_root import DataRoot, moves
        from nearmiss.engine.benchmarks.images import images_of

        root, options = DataRoot(data_root, moves(move or [])), Options(tagger=tagger)
        target = OutputFile(out, inputs=[data_root, *root.moved.values()])
        readers = {name: registry.reader(name) for name in benchmarks}
        absent = [name for name, reader in readers.items() if not reader.exists(root, options)]
        found = [reader.load(root, options) for name, reader in readers.items() if name not in absent]
        shown = images_of(found, root)
        with target as partial:
            write_table(shown, partial, "benchmark_images")
    print(
        f"{shown['image'].n_unique():,} images of {len(found)} benchmark(s); {shown['hash'].null_count():,} not found"
    )
    if absent:
        print(f"without files: {', '.join(absent)}")


@group.command
def compare(
    one: Path,
    other: Path,
    /,
    *,
    endpoint: Annotated[list[str] | None, Parameter(negative="")] = None,
    out: Path | None = None,
) -> None:
    """Compare two models on the same items.

    nearmiss benchmarks compare RESULT OTHER --endpoint sugarcrepe/swap_obj

    Prints differences with intervals, and sign-flip tests by image with Holm's adjustment.

    Parameters
    ----------
    one
        Folder of `nearmiss evaluate` of the first model.
    other
        Folder of `nearmiss evaluate` of the second model.
    endpoint
        Endpoint to test, as BENCHMARK/SUBSET, chosen in advance. Repeat it for several. Without it every endpoint is
        shown and none is tested.
    out
        Output: a Parquet file for the table.
    """
    from nearmiss.stages.evaluate.paired import paired

    print(paired(one, other, tested=endpoint or [], out=out))
