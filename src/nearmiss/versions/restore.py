"""`nearmiss versions restore`: restores the results of a snapshot; results that match the current code are up to date.

All problems are detected before a file of the results is changed: objects that are missing or damaged, manifests that
do not describe their files, results that are not in a snapshot. Then all results that match get one common modification
time, because Snakemake runs jobs whose outputs are older than their inputs. (`snakemake --touch` would also mark
results that do not match as made by the current code.)
"""

from pathlib import Path, PurePosixPath

from nearmiss.base.errors import InputError
from nearmiss.base.tracking_address import store_of
from nearmiss.config import STAGES, load
from nearmiss.experiment_parts import Fingerprints, fingerprint_of, fingerprints
from nearmiss.versions import dag, parts
from nearmiss.versions.dates import date_fingerprints, date_stage, moment
from nearmiss.versions.objects import Cache, digest_of, fetch
from nearmiss.versions.workspace import LOCKFILE, PIPELINE, Locked, checkout, error_text, exclusive, locked, text_of


def restore(*, config: Path, stage: str | None = None, remote: str | None = None) -> dict[str, str]:
    """Restore the results of an experiment, or of one stage and the stages that it depends on.

    Prints the restored results. Returns the fingerprints that do not match the current configuration and code, each
    with the reason: results with such a fingerprint run again, with everything that depends on them.
    """
    with exclusive():
        experiment = load(config)
        results = Path("results") / experiment.experiment
        wanted = _wanted(results, config, stage)
        cache = Cache()
        fetch(cache, wanted, remote)
        files = parts.in_cache(cache, wanted)
        found = parts.manifests(files)
        _refuse_edited(parts.edited(files, found))
        today = fingerprints(experiment, Path.cwd())
        _refuse_links(cache, wanted)
        whole = _refuse_dirty(cache, wanted, today)
        made = dag.files(config)
        wrong = _mixed(wanted, today) | parts.disagreeing(found, today, dag.parts(made))
        if not whole:
            _checkout(cache, wanted)
            dag.forget(config, [(results / name).as_posix() for name in made])
        when = moment()
        for one in wanted:
            date_stage(one.folder, when)
        date_fingerprints(results / "fingerprint", today, when, stages=[one.stage for one in wanted], newer=wrong)
        _rebuild_store()
    print(f"restored {', '.join(one.stage for one in wanted)}: {len(files)} files, all hashes verified")
    for name, why in wrong.items():
        print(f"runs again, with everything that depends on it: {name} ({why})")
    return wrong


def _wanted(results: Path, config: Path, stage: str | None) -> list[Locked]:
    """The stages to restore, in the order of the workflow."""
    if not LOCKFILE.is_file():
        raise InputError(
            "there is no snapshot: dvc.lock is missing",
            file=LOCKFILE,
            remedy="check out a revision with dvc.lock, or run the workflow and then `nearmiss versions snapshot`",
        )
    pipeline = text_of(PIPELINE) if PIPELINE.is_file() else ""
    recorded = locked(text_of(LOCKFILE), results, pipeline=pipeline)
    if not recorded:
        raise InputError(
            f"dvc.lock has no results of experiment '{results.name}'",
            file=LOCKFILE,
            remedy=f"give the recorded configuration with --config; this one is {config}",
        )
    if stage is not None and stage not in recorded:
        raise InputError(
            f"dvc.lock has no stage '{stage}'", file=LOCKFILE, remedy=f"choose one of: {', '.join(recorded)}"
        )
    waiting = [stage] if stage is not None else list(recorded)
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        names.add(name)
        waiting += [other for other, one in recorded.items() if one.folder.as_posix() in recorded[name].needs]
    return [recorded[name] for name in STAGES if name in names]


def _mixed(wanted: list[Locked], today: Fingerprints) -> dict[str, str]:
    """Fingerprints of stages whose inputs are not the recorded results of other stages (`dvc repro` of one stage).

    Each with the reason; all fingerprints of such a stage, because dvc.lock has no smaller unit.
    """
    recorded = {one.folder.as_posix(): one.digest for one in wanted}
    wrong: dict[str, str] = {}
    for one in wanted:
        others = [Path(folder).name for folder, digest in one.needs.items() if recorded.get(folder, digest) != digest]
        if others:
            names = [name for name, fingerprint in today.items() if fingerprint["stage"] == one.stage]
            wrong |= dict.fromkeys(names, f"made from other results of {', '.join(others)}")
    return wrong


def _refuse_edited(names: list[str]) -> None:
    if names:
        raise InputError(
            f"{len(names)} recorded outputs do not match their manifests: a manifest or a result was edited "
            "before the snapshot",
            file=LOCKFILE,
            record=names[0],
            remedy="restore an older revision of dvc.lock, or run the workflow and record it again",
        )


def _refuse_dirty(cache: Cache, wanted: list[Locked], today: Fingerprints) -> bool:
    """Whether the results already equal the recorded ones; refuses results that are not in a snapshot."""

    def lost(digest: str) -> bool:
        return not (cache.has(digest) and cache.is_intact(digest))

    whole = True
    for one in wanted:
        recorded = cache.files(one)
        names = parts.present_files(one.folder)
        here = {name: digest_of(one.folder / name) for name in names}
        unknown = [name for name, digest in here.items() if recorded.get(name) != digest and lost(digest)]
        if unknown:
            raise InputError(
                f"{len(unknown)} results of stage '{one.stage}' are not in a snapshot and would be lost"
                + _other_configuration(one, today),
                file=one.folder / unknown[0],
                remedy="record them first (`nearmiss versions snapshot`), or move the folder away, then restore again",
            )
        whole = whole and here == recorded and not any(_is_link(one.folder / name) for name in names)
    return whole


def _is_link(path: Path) -> bool:
    """Whether a result is, or may be, a link into DVC's cache, as written by `dvc checkout`."""
    return path.is_symlink() or path.stat().st_nlink > 1


def _refuse_links(cache: Cache, wanted: list[Locked]) -> None:
    """Refuse to write through a link to a folder, whose target may be anywhere."""
    for one in wanted:
        for name in cache.files(one):
            for parent in list(PurePosixPath(name).parents)[:-1]:
                if (one.folder / parent).is_symlink():
                    raise InputError(
                        "a folder of the results is a symbolic link, and files would be written to its target",
                        file=one.folder / parent,
                        remedy="move the link away, then restore again",
                    )


def _other_configuration(one: Locked, today: Fingerprints) -> str:
    """A hint if existing results were made with another configuration than the current one."""
    try:
        here = parts.manifests(parts.in_folder(one.folder.parent, [one.stage]))
    except InputError:
        return ""
    for part, manifest in here.items():
        fingerprint = today[fingerprint_of(part, today)]
        if manifest.get("fingerprint") != fingerprint:
            return f"; {part} was made with another {parts.change(manifest.get('fingerprint'), fingerprint)}"
    return ""


def _checkout(cache: Cache, wanted: list[Locked]) -> None:
    """Check out the files with DVC, as copies, and verify each of them."""
    for one in wanted:
        for name in parts.present_files(one.folder):
            if _is_link(one.folder / name):
                (one.folder / name).unlink()  # its content is recorded
    result = checkout(*(one.stage for one in wanted))
    if result.returncode:
        raise InputError(
            f"DVC cannot check out the results: {error_text(result)}",
            file=LOCKFILE,
            remedy="free space or correct the file's permissions, then restore again",
        )
    for one in wanted:
        for name, digest in cache.files(one).items():
            path = one.folder / name
            if not path.is_file() or digest_of(path) != digest:
                raise InputError(
                    "a restored file does not match dvc.lock",
                    file=path,
                    remedy="check the disk, delete the file and restore again",
                )


def _rebuild_store() -> None:
    """Create MLflow's store from the results if it is missing; no job depends on it."""
    store = store_of(None)
    if isinstance(store, Path) and not store.exists() and any(store.parent.glob("*/compare/tracked.json")):
        from nearmiss.stages.compare.ui import rebuild

        rebuild(store)
