"""Opens MLflow's UI; creates the store from the results if it is missing."""

import re
import sys
from pathlib import Path

from nearmiss.base import tracking, tracking_server
from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.progress import progress
from nearmiss.base.tracking import Tracked
from nearmiss.stages.compare.track import collect

_RUN = re.compile(r"(evaluate|pretrain|finetune|robustness)/[a-z0-9][a-z0-9_-]*/\d+")


def run(*, store: Path | str, port: int) -> None:
    """Show the store on the loopback address until it is stopped. A missing file is created from the results.

    Of a server (the address, a text) only the page's address is printed, after it has answered.
    """
    if isinstance(store, str):
        tracking.check_server(store)
        print(tracking_server.page(store))
        return
    if not Path(store).is_file():
        rebuild(store)
    tracking_server.serve(store, port)


def rebuild(store: Path) -> list[str]:
    """Write a store of every finished experiment in its folder (results/<experiment>/); returns their names.

    An experiment is finished if compare has written a receipt. The runs of the receipt are recorded from their folders.
    An experiment that cannot be read is reported and skipped. The store is written atomically.
    """
    store = Path(store)
    receipts = sorted(store.parent.glob("*/compare/tracked.json"))
    partial = store.with_name(f".{store.name}.partial")
    partial.unlink(missing_ok=True)  # left by a killed process
    recorded, problems = [], []
    try:
        for receipt in progress(receipts, what="rebuild the store", total=len(receipts)):
            try:
                experiment, runs = _of_receipt(receipt)
            except InputError as error:
                problems.append(f"not recorded: experiment '{receipt.parents[1].name}': {error}")
                continue
            tracking.track(partial, experiment, runs, artifacts=tracking.artifacts_of(store))
            recorded.append(receipt.parents[1].name)
        for problem in problems:
            print(problem, file=sys.stderr)
        if not recorded:
            raise InputError("no experiment is finished", file=store.parent, remedy="finish one first (make run)")
        partial.replace(store)
    finally:
        for left in (partial, partial.with_name(f".{partial.name}.lock")):
            left.unlink(missing_ok=True)
    return recorded


def _of_receipt(receipt: Path) -> tuple[str, list[Tracked]]:
    """Name and runs of the experiment of a receipt, read from its folders."""
    content = read_json(receipt)
    names = content.get("runs") if isinstance(content, dict) else None
    if not isinstance(names, dict) or not all(_RUN.fullmatch(name) for name in names) or "experiment" not in content:
        raise InputError(
            "the file is not a receipt of `nearmiss track`", file=receipt, remedy="delete it, it is then written again"
        )
    folder = receipt.parents[1]
    by_stage = {
        stage: [folder / name for name in names if name.startswith(f"{stage}/")]
        for stage in ("evaluate", "pretrain", "finetune", "robustness")
    }
    recorded = collect(
        by_stage["evaluate"],
        by_stage["pretrain"],
        folder / "data" if (folder / "data" / "manifest.json").is_file() else None,
        finetunings=by_stage["finetune"],
        robustnesses=by_stage["robustness"],
        page=receipt.parent,
    )
    return str(content["experiment"]), recorded
