"""`nearmiss versions snapshot`: records finished results with DVC, with the code and configuration that made them.

DVC would record any results beside any code. So this refuses whatever Snakemake would still run, and results whose
manifests name another fingerprint than today's or other bytes than there are.
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
    """Record an experiment's results in dvc.lock and DVC's cache, and send them to the remote where there is one.

    Raises `InputError` where results are missing or out of date, where a manifest does not describe its files, where
    dvc.yaml is not the one of today's workflow, and where an object of the cache is damaged. Nothing is recorded then.
    """
    with exclusive():
        target = remote_of(remote)
        _refuse_unfinished(config)
        workflow = dag.read(config)
        results, stages = workflow.results, list(workflow.stages)
        _refuse_strange(config, results, workflow.files)
        if not PIPELINE.is_file() or text_of(PIPELINE) != text(config, workflow):
            raise InputError(
                "dvc.yaml is not the one of this workflow and configuration",
                file=PIPELINE,
                remedy=f"write it anew: nearmiss versions pipeline {_flag(config)}".strip(),
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
            f"the results are not those of today's code and configuration; Snakemake would run: {jobs}",
            file=config,
            remedy=f"finish the run first (nearmiss run {_flag(config)}".strip()
            + "), then record it"
            + ("; where results were copied without their times, try `nearmiss versions redate`" if copied else ""),
        )


def _refuse_strange(config: Path, results: Path, made: list[str]) -> None:
    """Refuse results that are finished for Snakemake but do not match their manifests."""
    here = parts.in_folder(results, sorted({name.partition("/")[0] for name in made}))
    found = parts.manifests(here)
    wrong = parts.disagreeing(found, fingerprints(load(config), Path.cwd()), dag.parts(made))
    if wrong:
        name, why = next(iter(wrong.items()))
        raise InputError(
            f"results were made with another {why}, though their times say that they are up to date",
            file=results / "fingerprint" / f"{name}.json",
            remedy=f"delete the results that have this fingerprint, then: nearmiss run {_flag(config)}".strip(),
        )
    changed = parts.edited(here, found)
    if changed:
        raise InputError(
            f"{len(changed)} results are not what their manifests say: a manifest or a result was changed by hand",
            file=results / changed[0],
            remedy=f"delete it, then: nearmiss run {_flag(config)}".strip(),
        )


def _refuse_damaged_cache(cache: Cache, results: Path, stages: list[str]) -> None:
    """DVC leaves an object that exists as it is: a damaged one would be recorded and sent away for whole."""
    wanted = {
        digest: path.as_posix()
        for path in parts.in_folder(results, stages).values()
        if cache.has(digest := digest_of(path))
    }
    refuse_damaged(cache, cache.damaged(wanted))


def _commit(stages: list[str]) -> None:
    # Without relinking: with a `cache.type` of links, DVC would put links into the cache in place of the results.
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
            f"the results are recorded, but DVC cannot send them to remote '{remote}': {error_text(result)}",
            file=".dvc/config",
            remedy=f"correct the remote's address or rights, then: dvc push --remote {remote}",
        )
    print(f"sent to remote '{remote}'")
