"""Whether the runs of a study are those of its configuration and of this checkout: every difference is named."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.config import Experiment
from nearmiss.experiment_parts import Fingerprints
from nearmiss.stages.compare.config import StudyConfig
from nearmiss.study.folders import expected, finished, folder

TOLERANCE = 0.01
"""FLOPs of a control at equal compute may differ by this share; one optimizer step is about 0.03 %."""


@dataclass(frozen=True)
class Gap:
    """One reason why a study is incomplete."""

    run: str
    """ARM/SEED, or an arm."""
    problem: str

    def __str__(self) -> str:
        return f"{self.run}: {self.problem}"


def gaps(experiment: Experiment, study: StudyConfig, results: Path, today: Fingerprints) -> list[Gap]:
    """Everything that is missing or made otherwise; an empty list for a complete study.

    `today` are the fingerprints of the configuration in this checkout (`experiment_parts.fingerprints`).
    """
    found = list(_of_inputs(experiment, results, today))
    found += [gap for arm, seed in expected(experiment) for gap in _of_run(experiment, results, today, arm, seed)]
    found += _unexpected(experiment, results)
    found += _without_control(experiment, study, results)
    return [*found, *_unequal_compute(experiment, study, results)]


def _of_inputs(experiment: Experiment, results: Path, today: Fingerprints) -> Iterable[Gap]:
    """The data and the negatives that all runs share."""
    for part, content in today.items():
        stage = part.partition("/")[0]
        if stage in ("data", "negatives"):
            file = results / experiment.experiment / part / "manifest.json"
            if file.is_file():
                yield from (Gap(part, text) for text in _otherwise(stage, read_json(file).get("fingerprint"), content))
            else:
                yield Gap(part, f"no output of stage {stage}")


def _of_run(experiment: Experiment, results: Path, today: Fingerprints, arm: str, seed: int) -> Iterable[Gap]:
    name = f"{arm}/{seed}"
    manifests = {}
    for stage, part in (("pretrain", f"pretrain/{arm}"), ("evaluate", "evaluate")):
        file = folder(results, experiment, stage, arm, seed) / "manifest.json"
        try:
            manifests[stage] = read_json(file)
        except (FileNotFoundError, InputError):
            yield Gap(name, f"no output of stage {stage}")
            continue
        yield from (Gap(name, text) for text in _otherwise(stage, manifests[stage].get("fingerprint"), today[part]))
    if len(manifests) == 2:
        trained = manifests["pretrain"].get("outputs", {}).get("checkpoint")
        if manifests["evaluate"].get("inputs", {}).get("checkpoint") != trained:
            yield Gap(name, "the evaluated checkpoint is not that of the training")


def _otherwise(stage: str, made: Mapping[str, Any] | None, today: Mapping[str, Any]) -> Iterable[str]:
    """How a run was made otherwise than it would be made today."""
    if not made:
        yield f"stage {stage} was run without a fingerprint, outside of the workflow"
        return
    keys = sorted(_different(made.get("config"), today["config"]))
    if keys:
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        yield f"stage {stage} has another configuration: {', '.join(keys[:3])}{more}"
    if made.get("code") != today["code"]:
        yield f"stage {stage} was run by another commit, whose code differs from this checkout's"
    if made.get("lock") != today["lock"]:
        yield f"stage {stage} was run with other versions of packages"


def _different(one: Any, other: Any, key: str = "") -> Iterable[str]:
    """Keys at which two plain values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {*one, *other}:
            yield from _different(one.get(name), other.get(name), f"{key}.{name}" if key else name)
    elif one != other:
        yield key or "all of it"


def _unexpected(experiment: Experiment, results: Path) -> list[Gap]:
    planned = set(expected(experiment))
    return [
        Gap(f"{arm}/{seed}", "evaluated, but no run of the configuration")
        for arm, seed, _ in finished(results, experiment, "evaluate")
        if (arm, seed) not in planned
    ]


def _without_control(experiment: Experiment, study: StudyConfig, results: Path) -> list[Gap]:
    """Comparisons of which one side has no run at all."""
    evaluated = {arm for arm, _, _ in finished(results, experiment, "evaluate")}
    pairs = [(arm, control) for arm, controls in study.comparisons.items() for control in controls]
    found = [Gap(arm, f"its control '{control}' has no run") for arm, control in pairs if control not in evaluated]
    alone = sorted({control for arm, control in pairs if control in evaluated and arm not in evaluated})
    return found + [Gap(control, "a control whose arm has no run") for control in alone]


def _unequal_compute(experiment: Experiment, study: StudyConfig, results: Path) -> Iterable[Gap]:
    """The control at equal compute whose FLOPs are not those of the most expensive compared arm, by seed."""
    if study.equal_compute is None:
        return
    for seed in experiment.seeds:
        flops = {}
        for arm in (*study.comparisons, study.equal_compute):
            file = folder(results, experiment, "pretrain", arm, seed) / "cost.json"
            if file.is_file():
                flops[arm] = float(read_json(file)["flops"])
        own = flops.pop(study.equal_compute, None)
        if own is None or not flops:
            continue  # named as missing
        most = max(flops, key=lambda arm: flops[arm])
        if abs(own / flops[most] - 1) > TOLERANCE:
            yield Gap(
                f"{study.equal_compute}/{seed}",
                f"{own / flops[most]:.3f} of the FLOPs of '{most}', the most expensive arm: set arms."
                f"{study.equal_compute}.steps as nearmiss study steps says",
            )
