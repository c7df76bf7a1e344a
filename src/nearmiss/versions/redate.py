"""`nearmiss versions redate`: verifies results that were copied without their times, and marks them as up to date.

Snakemake compares only times, so that it runs copied results again. Here the manifests decide: results with the current
fingerprint, the hashes of their manifest, and inputs that are among the results get one common time; all other results
are marked as older and run again. (`snakemake --touch` does not verify results.)
"""

from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import RECORD, sha256, sha256_of_hashes
from nearmiss.base.manifest import OF_IMAGES
from nearmiss.base.progress import progress
from nearmiss.config import STAGES, Experiment, load
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import reader
from nearmiss.experiment_parts import Fingerprints, fingerprint_of, fingerprints
from nearmiss.versions import dag, parts
from nearmiss.versions.dates import date, date_fingerprints, date_stage, moment
from nearmiss.versions.workspace import exclusive

# Seconds by which results that do not match are older than those that do.
_OLDER = 3600


def redate(*, config: Path) -> dict[str, str]:
    """Set the times of an experiment's results by their manifests; prints which match and which run again.

    Returns the parts that do not match the current configuration and code or their own manifests, each with the
    reason. The content of files is not changed. Raises `InputError` if there are no results.
    """
    with exclusive():
        experiment = load(config)
        results = Path("results") / experiment.experiment
        names = parts.in_folder(results, list(STAGES))
        if not names:
            raise InputError("there are no results to redate", file=results, remedy=f"nearmiss run --config {config}")
        today = fingerprints(experiment, Path.cwd())
        made = dag.files(config)
        wrong = disagreeing(names, today, dag.parts(made), _of_the_user(experiment, results))
        dag.forget(config, [(results / name).as_posix() for name in made])
        when = moment()
        for stage in STAGES:
            if (results / stage).is_dir():
                date_stage(results / stage, when)
        for part in wrong:
            date([results / name for name in names if name.startswith(f"{part}/")], when - _OLDER * 10**9)
        date_fingerprints(results / "fingerprint", today, when, stages=STAGES, newer=())
    agreeing = [part for part in dag.parts(made) if part not in wrong]
    print(f"redated {len(agreeing)} results that match the current code and configuration; all hashes verified")
    for part, why in wrong.items():
        print(f"runs again, with everything that depends on it: {part} ({why})")
    return wrong


def disagreeing(names: parts.Files, today: Fingerprints, mine: list[str], outside: set[str]) -> dict[str, str]:
    """Parts of `mine` that do not match the current code and configuration: name -> reason.

    `names` are all files of the results, `today` the current fingerprints, `outside` hashes of the user's own files. A
    hash over image files is not compared: the tables that list them are also inputs.
    """
    files = sorted(names.items())
    digests = {name: sha256(path) for name, path in progress(files, what="hash results", total=len(files))}
    known = {*digests.values(), *_folders(digests).values(), *outside}
    found, wrong = {}, {}
    for part in mine:
        try:
            found[part] = parts.read_manifest(names[f"{part}/manifest.json"])
        except KeyError:
            wrong[part] = "it is missing"
        except InputError as error:
            wrong[part] = error.problem
    for part, manifest in found.items():
        if why := parts.disagreement(part, manifest, today[fingerprint_of(part, today)], mine):
            wrong[part] = why
        elif changed := parts.edited(names, {part: manifest}):
            wrong[part] = f"differs from its manifest: {changed[0]}"
        elif lacking := [name for name, digest in _files(manifest) if digest not in known]:
            wrong[part] = f"made from other inputs: {lacking[0]}"
    return {part: wrong[part] for part in mine if part in wrong}


def _of_the_user(experiment: Experiment, results: Path) -> set[str]:
    """Hashes of the user's own files: those that the data source reads, and those of published benchmarks."""
    files = [Path(file) for file in experiment.data.source.declare(str(results / "data")).inputs]
    if experiment.evaluate.data_root is not None:
        root = DataRoot(Path(experiment.evaluate.data_root))
        named = dict.fromkeys([*(experiment.evaluate.benchmarks or ()), *(experiment.robustness.benchmarks or ())])
        files += [file for name in named for pattern in reader(name).card.files for file in root.files(pattern)]
    return {sha256(file) for file in files if file.is_file()}


def _files(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """The inputs that are a single file or folder, with their hashes."""
    return [(name, digest) for name, digest in manifest.get("inputs", {}).items() if not name.endswith(OF_IMAGES)]


def _folders(digests: dict[str, str]) -> dict[str, str]:
    """The hash of every folder, as base/files.py defines it, from the hashes of the files."""
    inside: dict[str, dict[str, str]] = {}
    for name, digest in digests.items():
        if Path(name).name == RECORD:
            continue
        for parent in list(Path(name).parents)[:-1]:
            inside.setdefault(parent.as_posix(), {})[Path(name).relative_to(parent).as_posix()] = digest
    return {folder: sha256_of_hashes(files) for folder, files in inside.items()}
