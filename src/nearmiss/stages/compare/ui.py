"""Open MLflow's UI; make the store again from the results where it is missing."""

from pathlib import Path

from nearmiss.base import tracking
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.progress import progress
from nearmiss.stages.compare.track import collect


def run(*, store: Path, port: int) -> None:
    """Show the store on the loopback address; does not return. A missing store is made again from the results."""
    if not Path(store).is_file():
        rebuild(store)
    tracking.ui(store, port)


def rebuild(store: Path) -> list[str]:
    """Write a store from every finished experiment beside it (results/<experiment>/); their names.

    An experiment is finished when compare has left a receipt; what it names is recorded, from the folders themselves.
    """
    results = Path(store).parent
    receipts = sorted(results.glob("*/compare/tracked.json"))
    if not receipts:
        raise InputError("no experiment is finished", file=results, remedy="finish one first (make run)")
    for receipt in progress(receipts, what="rebuild the store", total=len(receipts)):
        folder = receipt.parents[1]
        content = read_json(receipt)
        names = list(content["runs"])
        by_stage = {
            stage: [folder / name for name in names if name.startswith(f"{stage}/")]
            for stage in ("evaluate", "pretrain", "finetune", "robustness")
        }
        recorded = collect(
            by_stage["evaluate"],
            by_stage["pretrain"],
            folder / "data",
            finetunings=by_stage["finetune"],
            robustnesses=by_stage["robustness"],
        )
        tracking.track(store, content["experiment"], recorded)
    return [receipt.parents[1].name for receipt in receipts]
