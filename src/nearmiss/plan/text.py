"""A plan as text of 80 columns."""

from textwrap import fill

from nearmiss.engine.downloads.plan import by_hand_text, size_text
from nearmiss.engine.downloads.spec import EVERY
from nearmiss.plan.data_files import rates
from nearmiss.plan.estimate import Estimate

_WIDTH = 80
_SMALLEST = 0.05  # hours below which a value is rounded to 0.0


def plan_text(plan: Estimate) -> str:
    """Jobs and hours by stage, then downloads, disk, memory and the assumptions."""
    experiment = plan.experiment
    seeds = len(experiment.seeds)
    lines = [f"{experiment.experiment}: {len(experiment.arms)} arms, {seeds} {'seed' if seeds == 1 else 'seeds'}", ""]
    lines += _table(plan)
    lines.append("")
    lines += _downloads(plan)
    disk = ", ".join(f"{name} {size_text(value)}" for name, value in plan.disk.items() if value)
    lines.append(_filled(f"disk: {size_text(sum(plan.disk.values()))} at most ({disk})"))
    lines.append(f"memory: {size_text(plan.memory)} for the largest job")
    if plan.gpu_memory is not None:
        lines.append(f"GPU memory: {size_text(plan.gpu_memory)} for one training (estimated, not measured)")
    lines.append("")
    lines += _notes(plan)
    return "\n".join(lines)


def _table(plan: Estimate) -> list[str]:
    lines = [_row("stage", "jobs", "hours here", "hours H100", "")]
    for cost, here, h100 in zip(plan.stages, plan.hours_here, plan.hours_h100, strict=True):
        if cost.jobs:
            lines.append(_row(cost.stage, f"{cost.jobs}", _hours(here), _hours(h100), cost.subject))
    jobs = sum(cost.jobs for cost in plan.stages)
    return [*lines, _row("sum", f"{jobs}", _hours(sum(plan.hours_here)), _hours(sum(plan.hours_h100)), "")]


def _downloads(plan: Estimate) -> list[str]:
    found = plan.downloads
    if found is None:
        return ["downloads: none; download.root is not set"]
    more = f" and {len(found.unsized)} files of unknown size" if found.unsized else ""
    lines = [_filled(f"downloads: {size_text(found.fetch)}{more} into {found.root}, at 10 MB/s")]
    if found.done:
        lines.append(_filled(f"exists: {', '.join(entry.name for entry in found.done)}"))
    accepted = set(plan.experiment.download.accept)
    missing = [entry.name for entry in found.todo if not {EVERY, entry.name} & accepted]
    if missing:
        lines.append(_filled(f"licenses to accept in download.accept: {', '.join(missing)}"))
    gated = [entry.name for entry in found.todo if entry.gated]
    if gated:
        lines.append(_filled(f"gated, needs HF_TOKEN: {', '.join(gated)}"))
    return [*lines, *(_filled(f"by hand: {by_hand_text(entry)}") for entry in found.by_hand)]


def _notes(plan: Estimate) -> list[str]:
    core, gpu = rates().per_core, rates().h100
    cores = f"{plan.cores} {'core' if plan.cores == 1 else 'cores'}"
    lines = [
        f"hours here: {cores}, no GPU, at rates measured elsewhere ({core.train_flops.source})",
        f"hours H100: training, {gpu.train_flops.source}; encoding, {gpu.encode_flops.source}; "
        f"{gpu.cores.value:.0f} CPU cores ({gpu.cores.source})",
    ]
    if not plan.counted:
        lines.append("the numbers of images and captions are not known before stage data has run: nothing is counted")
    if plan.unknown:
        lines.append(f"not counted: benchmarks {', '.join(plan.unknown)}")
    if plan.unverified:
        lines.append(f"sizes that were not compared with the files: benchmarks {', '.join(plan.unverified)}")
    return [_filled(line) for line in lines]


def _row(stage: str, jobs: str, here: str, h100: str, subject: str) -> str:
    return f"{stage:<12}{jobs:>5}{here:>12}{h100:>12}  {subject}".rstrip()


def _hours(value: float) -> str:
    if 0 < value < _SMALLEST:
        return "< 0.1"
    return f"{value:,.1f}"


def _filled(text: str) -> str:
    return fill(text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
