"""`nearmiss versions verify`: compares local results with recorded ones and reports possible causes of differences.

Data must have the same bytes. Trained weights may differ in bits on other devices, with other versions or numbers of
threads; their metrics must be within the recorded intervals.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import RECORD, sha256
from nearmiss.base.manifest import read_cost
from nearmiss.config import STAGES, load
from nearmiss.versions import parts
from nearmiss.versions.intervals import agreement
from nearmiss.versions.objects import Cache, refuse_damaged
from nearmiss.versions.parts import Files
from nearmiss.versions.workspace import LOCKFILE, PIPELINE, locked

# Stages without floating-point training: expected to be byte-identical.
DATA = ("data", "negatives", "inpaint", "pretrain/store", "robustness/corrupted")
# Records of other files, and costs, which always differ.
_APART = ("manifest.json", "cost.json", RECORD)


@dataclass
class Finding:
    """Result for one part; `holds` is False if it differs from what is expected."""

    part: str
    holds: bool
    text: str
    details: list[str] = field(default_factory=list)


def verify(*, config: Path, against: str) -> bool:
    """Compare the results of an experiment with recorded ones; prints differences and possible causes.

    `against` is a folder of results or a revision with a dvc.lock. Returns whether all data are the same bytes and all
    metrics are within their intervals. Raises `InputError` if there is nothing to compare.
    """
    results = Path("results") / load(config).experiment
    here = parts.in_folder(results, list(STAGES))
    if not here:
        raise InputError("there are no results to verify", file=results, remedy=f"nearmiss run --config {config}")
    there = _recorded(against, results)
    found = findings(there, here)
    for one in found:
        print(f"{'ok      ' if one.holds else 'DIFFERS '} {one.part}: {one.text}")
        for detail in one.details:
            print(f"             {detail}")
    broken = sum(not one.holds for one in found)
    print(f"{len(found)} parts compared with {against}: {f'{broken} differ' if broken else 'all agree'}")
    return broken == 0


def _recorded(against: str, results: Path) -> Files:
    """The recorded results: of another folder, or of a revision, from DVC's cache."""
    if Path(against).is_dir():
        files = parts.in_folder(Path(against), list(STAGES))
        if not files:
            raise InputError(
                "the folder has no results", file=against, remedy="give a folder results/<experiment> (--against)"
            )
        return files
    recorded = _shown(against, LOCKFILE)
    if recorded.returncode:
        raise InputError(
            f"'{against}' is neither a folder nor a revision with a dvc.lock: {recorded.stderr.strip()}",
            file=LOCKFILE,
            remedy="give a folder of results or a revision (--against), or record results (nearmiss versions snapshot)",
        )
    pipeline = _shown(against, PIPELINE)
    text = pipeline.stdout if pipeline.returncode == 0 else ""
    stages = list(locked(recorded.stdout, results, f"{against}:{LOCKFILE}", text).values())
    if not stages:
        raise InputError(
            f"dvc.lock of {against} has no results of experiment '{results.name}'",
            file=f"{against}:{LOCKFILE}",
            remedy="give the recorded configuration (--config)",
        )
    cache = Cache()
    wanted = cache.wanted(stages)
    refuse_damaged(cache, cache.damaged(wanted))
    lacking = [name for digest, name in wanted.items() if not cache.has(digest)]
    if lacking:
        raise InputError(
            f"{len(lacking)} recorded objects are not in DVC's cache",
            file=cache.folder,
            record=lacking[0],
            remedy="fetch them: dvc fetch --all-commits",
        )
    return parts.in_cache(cache, stages)


def _shown(revision: str, file: Path) -> subprocess.CompletedProcess[str]:
    """A file of this folder in a git revision; the folder may be below the root of the repository."""
    try:
        return subprocess.run(
            ["git", "show", "--end-of-options", f"{revision}:./{file.as_posix()}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise InputError(
            "git is not installed", file=file, remedy="install it, or give a folder of results (--against)"
        ) from None


def findings(there: Files, here: Files) -> list[Finding]:
    """Findings on each part of either side, sorted by name."""
    mine, theirs = parts.manifests(here), parts.manifests(there)
    edited = parts.edited(here, mine)
    findings = []
    for part in sorted({*mine, *theirs}):
        if part not in mine:
            findings.append(Finding(part, False, "missing here"))
        elif part not in theirs:
            findings.append(Finding(part, True, "not recorded there"))
        elif wrong := [name for name in edited if name.startswith(f"{part}/")]:
            findings.append(Finding(part, False, "edited: differs from its manifest", wrong))
        else:
            findings.append(_compared(part, there, here, theirs[part], mine[part]))
    return findings


def _compared(part: str, there: Files, here: Files, then: dict[str, Any], now: dict[str, Any]) -> Finding:
    changed = _changed(part, there, here)
    if not changed:
        return Finding(part, True, "the same bytes")
    why = [f"why: {reason}" for reason in reasons(then, now, _cost(part, there), _cost(part, here))]
    if part.startswith(DATA) and (part in DATA or part.startswith(tuple(f"{one}/" for one in DATA))):
        return Finding(part, False, f"{len(changed)} data files differ", [*changed[:5], *why])
    metrics = f"{part}/metrics.parquet"
    if metrics not in there or metrics not in here:
        return Finding(part, True, f"{', '.join(changed)}: different bits, which is possible for training", why)
    one = agreement(there[metrics], here[metrics])
    text = f"{one.compared} metrics, {one.different} differ, {len(one.outside)} outside of their intervals"
    if one.without_interval:
        text += f", {one.without_interval} without an interval"
    if one.missing:
        text += f"; {len(one.missing)} in only one of the two, or with other items"
    return Finding(part, one.holds, text, [*one.outside[:5], *one.missing[:5], *why])


def _changed(part: str, there: Files, here: Files) -> list[str]:
    """Files of a part that differ or are missing on one side, without its cost and its manifest."""
    names = sorted({name for name in (*there, *here) if name.startswith(f"{part}/")})
    inner = [name for name in names if not name.endswith(_APART)]
    return [
        name.removeprefix(f"{part}/")
        for name in inner
        if name not in there or name not in here or sha256(there[name]) != sha256(here[name])
    ]


def _cost(part: str, files: Files) -> dict[str, Any]:
    file = files.get(f"{part}/cost.json")
    return read_cost(file) if file is not None else {}


def reasons(
    then: dict[str, Any], now: dict[str, Any], cost_then: dict[str, Any], cost_now: dict[str, Any]
) -> list[str]:
    """Possible causes of a difference, from the manifests and costs; never empty."""
    findings = []
    if then.get("fingerprint") != now.get("fingerprint"):
        findings.append(f"another {parts.change(then.get('fingerprint'), now.get('fingerprint'))}")
    versions = [then.get("versions", {}), now.get("versions", {})]
    findings += [
        f"{name} {versions[0].get(name)} there, {versions[1].get(name)} here" for name in parts.differing(*versions)
    ]
    if cost_then.get("device") != cost_now.get("device"):
        findings.append(f"device {cost_then.get('device')} there, {cost_now.get('device')} here")
    inputs = parts.differing(then.get("inputs"), now.get("inputs"))
    if inputs:
        findings.append(f"other inputs: {', '.join(inputs[:5])}")
    return findings or ["same code, configuration, versions and inputs: another processor, or other library threads"]
