"""Downloads that an experiment needs: entries of the catalog for its data source and its benchmarks, and their check.

An entry is downloaded by a job where its files are missing or where an earlier job has left its receipt, so that the
workflow has the same jobs before and after. Files of the user's own have no receipt and no job.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nearmiss.config import Experiment
from nearmiss.engine.downloads.catalog import Entry, covers, load_catalog, providers, with_needs
from nearmiss.engine.downloads.plan import check, plan_of, state_of
from nearmiss.engine.downloads.receipts import receipt_file


@dataclass(frozen=True)
class NeededDownloads:
    """Entries that an experiment needs, in the order in which they need each other."""

    root: Path | None = None
    entries: list[Entry] = field(default_factory=list)
    source: frozenset[str] = frozenset()
    """Names of the entries of the data source."""
    held_out: frozenset[str] = frozenset()
    """Names of the entries of the benchmarks whose images are excluded from training."""
    evaluate: frozenset[str] = frozenset()
    robustness: frozenset[str] = frozenset()
    jobs: frozenset[str] = frozenset()
    """Names of the entries that a job downloads."""

    def receipts(self, names: Sequence[str] | frozenset[str]) -> list[str]:
        """The receipts of those of these entries that a job downloads, sorted."""
        return [str(receipt_file(self.root, name)) for name in sorted(self.jobs & set(names))] if self.root else []

    def provides(self, path: Path) -> bool:
        """Whether a job of the data source's entries downloads a file or a folder."""
        if self.root is None or not path.absolute().is_relative_to(self.root.absolute()):
            return False
        name = path.absolute().relative_to(self.root.absolute()).as_posix()
        given = [entry for entry in self.entries if entry.name in self.jobs & self.source]
        return any(covers(place, name) for entry in given for place in entry.provides)

    def needs_of(self, name: str) -> list[str]:
        """Entries that an entry needs."""
        return next((entry.needs for entry in self.entries if entry.name == name), [])


def needed_downloads(experiment: Experiment) -> NeededDownloads:
    """The downloads of an experiment; none without `download.root`.

    Raises InputError for an unknown entry and for a malformed catalog.
    """
    config = experiment.download
    if config.root is None:
        return NeededDownloads()
    root = Path(config.root)
    catalog = load_catalog(None if config.catalog is None else Path(config.catalog))
    source = with_needs(experiment.data.source.declare("").downloads, catalog)
    corrupted = experiment.robustness.benchmarks if experiment.robustness.corruptions else []
    readers = {
        "held_out": experiment.data.held_out,
        "evaluate": experiment.evaluate.benchmarks,
        "robustness": corrupted,
    }
    found: dict[str, list[Entry]] = {}
    own = experiment.own_benchmarks()
    data_root = experiment.evaluate.data_root
    if data_root is not None and Path(data_root).absolute() == root.absolute():
        for reader, names in readers.items():
            wanted = [pattern for name in names or () if name not in own for pattern in _patterns(name)]
            providing = [entry.name for pattern in wanted for entry in providers(pattern, catalog)]
            found[reader] = with_needs(providing, catalog)
    entries = {entry.name: entry for group in (source, *found.values()) for entry in group}
    jobs = [entry.name for entry in entries.values() if entry.files and state_of(entry, root) != "present"]
    return NeededDownloads(
        root,
        list(entries.values()),
        source=frozenset(entry.name for entry in source),
        jobs=frozenset(jobs),
        **{reader: frozenset(entry.name for entry in group) for reader, group in found.items()},
    )


def check_downloads(experiment: Experiment, needed: NeededDownloads, *, disk: bool = True) -> None:
    """Raise one InputError with all that keeps the downloads from being carried out, before any job starts.

    Removes receipts whose files are gone. What is fetched by hand may be missing where `evaluate.missing` allows it.
    `disk` includes the space on this machine; a dry run is possible without it.
    """
    if needed.root is None:
        return
    plan = plan_of(needed.entries, needed.root)
    if experiment.evaluate.missing == "allow":
        plan = replace(plan, by_hand=[entry for entry in plan.by_hand if entry.name in needed.source])
    config = experiment.download
    check(plan, config.accept, offline=config.offline, mirror=config.mirror, disk=disk)
    for entry in plan.todo:  # a receipt whose files are gone would keep its job from running
        receipt_file(needed.root, entry.name).unlink(missing_ok=True)


def _patterns(name: str) -> tuple[str, ...]:
    """Files and image folders of a benchmark below the data root."""
    from nearmiss.engine.benchmarks.registry import reader

    card = reader(name).card
    return (*card.files, *card.images)
