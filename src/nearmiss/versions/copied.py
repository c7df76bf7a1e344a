"""Detects results that were copied without their modification times: current by manifest, outdated by time."""

from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, sha256
from nearmiss.config import STAGES
from nearmiss.experiment_parts import Fingerprints, fingerprint_of


def notice(results: Path, today: Fingerprints) -> list[str]:
    """Lines on results that are outdated only by time, and the remedy; empty if there are none."""
    parts = out_of_order(results, today)
    if not parts:
        return []
    return [
        f"Results that are older than their inputs but match the current code and configuration: "
        f"{len(parts)} (the first: {results / parts[0]}). Copying without times (cp -r) causes this.",
        "Snakemake may create them again. To keep them, stop now. Then `nearmiss versions redate` verifies all hashes "
        "and updates their times, or `nearmiss versions restore` restores the results of a snapshot.",
    ]


def out_of_order(results: Path, today: Fingerprints) -> list[str]:
    """Parts with the current fingerprint in the manifest that are older than that fingerprint or than an earlier part.

    A part whose inputs no longer exist is excluded: an earlier part was created again, with other content.
    """
    found, dates = _manifests(results)
    agreeing = [part for part, manifest in found.items() if manifest.get("fingerprint") == _fingerprint(part, today)]
    suspected = []
    for part in agreeing:
        fingerprint = results / "fingerprint" / f"{fingerprint_of(part, today)}.json"
        before = [dates[other] for other in _before(part, found)]
        if dates[part] < max([*before, fingerprint.stat().st_mtime if fingerprint.is_file() else 0.0]):
            suspected.append(part)
    if not suspected:
        return []
    known = _known(results, found)
    inputs = {part: set(_hashes(found[part], "inputs")) for part in suspected}
    return [part for part in suspected if not inputs[part] or inputs[part] & known]


def _manifests(results: Path) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Each part's manifest and its date, in order of name; unreadable ones are omitted."""
    found, dates = {}, {}
    for stage in STAGES:
        for depth in ("", "*/", "*/*/"):  # data, negatives/keyword, pretrain/clip/0
            for path in sorted((results / stage).glob(f"{depth}manifest.json")):
                part = path.parent.relative_to(results).as_posix()
                try:
                    content = read_json(path)
                    date = path.stat().st_mtime
                except (InputError, OSError):
                    continue
                if isinstance(content, dict):
                    found[part], dates[part] = content, date
    return found, dates


def _fingerprint(part: str, today: Fingerprints) -> Any:
    return today.get(fingerprint_of(part, today))


def _before(part: str, found: dict[str, dict[str, Any]]) -> list[str]:
    """Parts that are always created before this one."""
    stage, _, run = part.partition("/")
    earlier = {"data"}
    if stage == "compare":
        earlier |= set(found)
    elif stage in ("finetune", "evaluate", "robustness"):
        earlier |= {f"pretrain/{run}", f"{stage}/features"}
    elif stage == "pretrain":
        earlier |= {"pretrain/store", f"pretrain/base/{run.rpartition('/')[2]}"}
        earlier |= {other for other in found if other.startswith("pretrain/features/")}
    return [other for other in sorted(earlier - {part}) if other in found]


def _known(results: Path, found: dict[str, dict[str, Any]]) -> set[str]:
    """Hashes without reading large files: of manifests, of their entries, and of the tables of stage data."""
    files = [results / part / "manifest.json" for part in found]
    files += sorted((results / "data" / "tables").glob("*.parquet"))
    return {sha256(file) for file in files} | {
        one for manifest in found.values() for one in _hashes(manifest, "outputs")
    }


def _hashes(manifest: dict[str, Any], key: str) -> list[str]:
    named = manifest.get(key)
    return [str(value) for value in named.values()] if isinstance(named, dict) else []
