"""Commands about published benchmarks: what there is of them, and how two models' answers differ."""

from pathlib import Path

import cyclopts

from nearmiss.commands.app import app

benchmarks = cyclopts.App(name="benchmarks", help="Published benchmarks: what is there, and two models side by side.")
app.command(benchmarks)


@benchmarks.command(name="list")
def list_(*, data_root: Path | None = None, move: list[str] | None = None) -> None:
    """Show each benchmark, its license, where its files come from and belong, and what of it is under the data root.

    Parameters
    ----------
    data_root
        The folder under which each source has its own.
    move
        A folder below the data root that lies elsewhere, as coco/val2017=/data/coco; repeat it for several.
    """
    from nearmiss.engine.benchmarks.data_root import DataRoot, moves
    from nearmiss.stages.evaluate.listing import listing

    print(listing(None if data_root is None else DataRoot(data_root, moves(move or []))))


@benchmarks.command
def compare(one: Path, other: Path, /, *, endpoint: list[str] | None = None, out: Path | None = None) -> None:
    """Compare two models on the same items: differences with intervals, sign-flip tests by image, Holm's adjustment.

    Parameters
    ----------
    one, other
        Folders that `nearmiss evaluate` made.
    endpoint
        What is tested, as BENCHMARK/SUBSET, named in advance; repeat it for several. Without it every endpoint is shown
        and none is tested.
    out
        A Parquet file for the table.
    """
    from nearmiss.stages.evaluate.paired import paired

    print(paired(one, other, tested=endpoint or [], out=out))
