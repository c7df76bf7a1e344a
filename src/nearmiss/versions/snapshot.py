"""`nearmiss versions snapshot`: records finished results with DVC, with the code and configuration that made them.

DVC would record any results with any code. So this command refuses results with pending Snakemake jobs, and results
whose manifests do not match the current fingerprint or the files.
"""

from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.config import load
from nearmiss.experiment_parts import fingerprints
from nearmiss.versions import dag, parts
from nearmiss.versions.copied import out_of_order
from nearmiss.versions.objects import Cache, digest_of, refuse_damaged
from nearmiss.versions.pipeline import text
from nearmiss.versions.workspace import LOCKFILE, PIPELINE, dvc, error_text, exclusive, locked, remote_of, text_of


def snapshot(*, config: Path, remote: str | None = None) -> None:
    """Record an experiment's results in dvc.lock and DVC's cache, and push them to the remote if there is one.

    Raises `InputError`, and records nothing, if results are missing or out of date, if a manifest does not describe its
    files, if dvc.yaml is not that of the current workflow, or if an object of the cache is damaged.
    """
    with exclusive():
        target = remote_of(remote)
        _refuse_unfinished(config)
        workflow = dag.read(config)
        results, stages = workflow.results, list(workflow.stages)
        _refuse_strange(config, results, workflow.files)
        if not PIPELINE.is_file() or text_of(PIPELINE) != text(config, workflow):
            raise InputError(
                "dvc.yaml does not match the workflow and configuration",
                file=PIPELINE,
                remedy=f"write it again: nearmiss versions pipeline {_flag(config)}".strip(),
            )
        cache = Cache()
        _refuse_damaged_cache(cache, results, stages)
        _commit(stages)
        recorded = list(locked(text_of(LOCKFILE), results).values())
        wanted = cache.wanted(recorded)
        refuse_damaged(cache, cache.damaged(wanted))
        print(f"recorded {len(wanted)} objects of {results} in dvc.lock; commit it with dvc.yaml to keep it")
        if target is None:
            print("no remote is configured: the objects are only in the cache of this checkout (docs/versions.md)")
        else:
            _push(target)


def _flag(config: Path) -> str:
    return "" if config == dag.DEFAULT_CONFIG else f"--config {config}"


def _refuse_unfinished(config: Path) -> None:
    planned = dag.planned(config)
    if planned:
        jobs = ", ".join(f"{rule} ({count})" for rule, count in sorted(planned.items()))
        experiment = load(config)
        copied = out_of_order(Path("results") / experiment.experiment, fingerprints(experiment, Path.cwd()))
        raise InputError(
            f"the results do not match the current code and configuration; Snakemake would run: {jobs}",
            file=config,
            remedy=f"finish the run first (nearmiss run {_flag(config)}".strip()
            + "), then record it"
            + ("; if results were copied without their times, try `nearmiss versions redate`" if copied else ""),
        )


def _refuse_strange(config: Path, results: Path, made: list[str]) -> None:
    """Refuse results that are up to date for Snakemake but do not match their manifests."""
    here = parts.in_folder(results, sorted({name.partition("/")[0] for name in made}))
    found = parts.manifests(here)
    wrong = parts.disagreeing(found, fingerprints(load(config), Path.cwd()), dag.parts(made))
    if wrong:
        name, why = next(iter(wrong.items()))
        raise InputError(
            f"results were made with another {why}, although their times are up to date",
            file=results / "fingerprint" / f"{name}.json",
            remedy=f"delete the results that have this fingerprint, then: nearmiss run {_flag(config)}".strip(),
        )
    changed = parts.edited(here, found)
    if changed:
        raise InputError(
            f"{len(changed)} results do not match their manifests: a manifest or a result was edited",
            file=results / changed[0],
            remedy=f"delete it, then: nearmiss run {_flag(config)}".strip(),
        )


def _refuse_damaged_cache(cache: Cache, results: Path, stages: list[str]) -> None:
    """Refuse damaged objects: DVC does not replace existing objects and would record and push them."""
    wanted = {
        digest: path.as_posix()
        for path in parts.in_folder(results, stages).values()
        if cache.has(digest := digest_of(path))
    }
    refuse_damaged(cache, cache.damaged(wanted))


def _commit(stages: list[str]) -> None:
    # Without relinking: with a `cache.type` of links, DVC would replace the results by links into the cache.
    result = dvc("commit", "--force", "--no-relink", *stages)
    if result.returncode:
        raise InputError(
            f"DVC cannot record the results: {error_text(result)}",
            file=PIPELINE,
            remedy="run `dvc status`",
        )


def _push(remote: str) -> None:
    result = dvc("push", "--remote", remote)
    if result.returncode:
        raise InputError(
            f"the results are recorded, but DVC cannot push them to remote '{remote}': {error_text(result)}",
            file=".dvc/config",
            remedy=f"correct the remote's address or permissions, then: dvc push --remote {remote}",
        )
    print(f"pushed to remote '{remote}'")
