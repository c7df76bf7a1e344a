"""Group `nearmiss benchmarks`: the published benchmarks, and the differences between two models on them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from nearmiss.commands.app import DataRootPath, Moved
from nearmiss.commands.app import benchmarks as group


@group.command(name="list")
def list_(*, data_root: DataRootPath = None, move: Moved = None) -> None:
    """List each benchmark with its license, its origin, and its files under the data root."""
    from nearmiss.engine.benchmarks.data_root import DataRoot, moves
    from nearmiss.stages.evaluate.listing import listing

    print(listing(None if data_root is None and not move else DataRoot(data_root, moves(move or []))))


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
