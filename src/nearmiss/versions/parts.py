"""Parts of an experiment's results, which are the folders with a manifest, and the content of their manifests.

Results are given as a mapping from a name (`pretrain/clip/0/manifest.json`) to the file with its bytes, so that a
folder of results and DVC's cache are read in the same way.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import RECORD, SNAKEMAKE_TIMESTAMP, read_json, sha256, sha256_of_hashes
from nearmiss.base.progress import progress
from nearmiss.experiment_parts import Fingerprints, fingerprint_of
from nearmiss.versions.objects import Cache
from nearmiss.versions.workspace import Locked

Files = dict[str, Path]
Manifests = dict[str, dict[str, Any]]

_MANIFEST = "/manifest.json"


def present_files(folder: Path) -> list[str]:
    """Names of all files in a folder, relative and sorted, without Snakemake's timestamp files, as in .dvcignore."""
    found = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != SNAKEMAKE_TIMESTAMP)
    return [file.relative_to(folder).as_posix() for file in found]


def in_folder(results: Path, stages: list[str]) -> Files:
    """All files of some stages in a folder of results."""
    return {f"{stage}/{name}": results / stage / name for stage in stages for name in present_files(results / stage)}


def in_cache(cache: Cache, stages: list[Locked]) -> Files:
    """All files of some stages in DVC's cache; the lists of files must exist."""
    return {
        f"{one.folder.name}/{name}": cache.path(digest) for one in stages for name, digest in cache.files(one).items()
    }


def manifests(files: Files) -> Manifests:
    """Name of each part -> its manifest. Raises `InputError` for a file that is not a manifest."""
    names = sorted(name for name in files if name.endswith(_MANIFEST))
    return {name.removesuffix(_MANIFEST): read_manifest(files[name]) for name in names}


def read_manifest(file: Path) -> dict[str, Any]:
    """A manifest's content. Raises `InputError` if the file is not a manifest."""
    content = read_json(file)
    named = [content.get(key, {}) if isinstance(content, dict) else None for key in ("inputs", "outputs")]
    if not all(isinstance(each, dict) for each in named):
        raise InputError(
            "the file is not a manifest", file=file, remedy="delete its folder, which is then created again"
        )
    return dict(content)


def edited(files: Files, found: Manifests) -> list[str]:
    """Outputs that do not match the hashes in their manifest: one of the two was edited."""
    outputs = [
        (f"{part}/{name}", digest) for part, one in found.items() for name, digest in one.get("outputs", {}).items()
    ]
    bar = progress(outputs, what="check manifests", total=len(outputs))
    return [name for name, digest in bar if _digest(files, name) != digest]


def _digest(files: Files, name: str) -> str | None:
    """The hash of a file, or of a folder as base/files.py defines it; None if it does not exist."""
    if name in files:
        return sha256(files[name])
    below = {one.removeprefix(f"{name}/"): path for one, path in files.items() if one.startswith(f"{name}/")}
    inside = {one: path for one, path in below.items() if PurePosixPath(one).name != RECORD}
    return sha256_of_hashes({one: sha256(path) for one, path in inside.items()}) if inside else None


def disagreeing(found: Manifests, today: Fingerprints, parts: list[str]) -> dict[str, str]:
    """Fingerprints that do not match a part: name -> reason. Parts outside of the workflow are ignored.

    `today` are the current fingerprints, `parts` the names of the parts of the current workflow.
    """
    wrong: dict[str, str] = {}
    for part in parts:
        if part in found:
            name = fingerprint_of(part, today)
            if why := disagreement(part, found[part], today[name], parts):
                wrong.setdefault(name, why)
    return wrong


def disagreement(part: str, manifest: dict[str, Any], fingerprint: Any, parts: list[str]) -> str | None:
    """Why a part does not match the current workflow, by its manifest and the current fingerprint; None if it does."""
    if manifest.get("fingerprint") != fingerprint:
        return change(manifest.get("fingerprint"), fingerprint)
    return _other_runs(manifest, parts) if part == "compare" else None


def _other_runs(manifest: dict[str, Any], parts: list[str]) -> str | None:
    """Why the comparison does not have the runs of the current workflow; None if it has.

    It is the only part that reads all runs, and the list of runs is not part of a fingerprint. Snakemake detects a
    changed list only in the checkout that made the comparison, not in a clone.
    """
    named = {"/".join(name.split("/")[:3]) for name in manifest.get("inputs", {}) if name.count("/") >= 2}
    stages = {name.partition("/")[0] for name in named}
    runs = {part for part in parts if part.count("/") == 2 and part.partition("/")[0] in stages}
    gone, new = sorted(named - set(parts)), sorted(runs - named)
    if not gone and not new:
        return None
    return "it compares other runs: " + ", ".join([*(f"-{one}" for one in gone), *(f"+{one}" for one in new)])


def change(then: Any, now: Any) -> str:
    """Text of the differences between two fingerprints: configuration (with its keys), code, packages."""
    if not isinstance(then, dict) or not isinstance(now, dict):
        return "made without a fingerprint"
    changes = []
    if keys := differing(then.get("config"), now.get("config")):
        changes.append(f"configuration ({', '.join(keys[:4])}{', ...' if len(keys) > 4 else ''})")
    changes += [word for key, word in (("code", "code"), ("lock", "packages")) if then.get(key) != now.get(key)]
    return ", ".join(changes) or "no difference"


def differing(one: Any, other: Any, at: str = "") -> list[str]:
    """Dotted keys under which two nested values differ, sorted."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [
            found
            for key in keys
            for found in differing(one.get(key), other.get(key), f"{at}.{key}" if at else str(key))
        ]
    return [] if one == other else [at or "everything"]
