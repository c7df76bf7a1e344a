"""dvc.yaml, written from the workflow: a DVC stage for each stage, in which Snakemake runs that stage's rules alone."""

import shlex
from pathlib import Path
from typing import Any

import yaml

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_text
from nearmiss.base.outputs import OutputFile
from nearmiss.config import STAGES, load
from nearmiss.config_yaml import parse_yaml
from nearmiss.experiment_parts import code_files
from nearmiss.versions.dag import Dag, DagStage, configured, read

LOCK = Path("requirements.lock")
WORKFLOW = (
    "Snakefile",
    "workflow/Snakefile",
    "workflow/environment.py",
    "workflow/rules/common.smk",
    "workflow/rules/inputs.smk",
)
# What a stage reads of the configuration beside its own section. Methods are those that some arm trains on.
READS = {stage: ("arms", "seeds") for stage in STAGES} | {"data": (), "inpaint": (), "negatives": ("arms",)}
HEADER = "# Written by `nearmiss versions pipeline` from the workflow. Change the rules, then write this file anew.\n"


def write(*, config: Path, out: Path) -> None:
    """Write dvc.yaml for the experiment in `config`; nothing is run and no results are needed."""
    generated = out.is_file() and out.read_text(encoding="utf-8", errors="replace").startswith(HEADER)
    with OutputFile(out, generated=generated) as partial:
        write_text(partial, text(config, read(config)))


def text(config: Path, dag: Dag) -> str:
    """The text of dvc.yaml for the experiment in `config`, a file inside this checkout, and its workflow."""
    return HEADER + yaml.safe_dump(pipeline(_inside(config), dag), sort_keys=False, width=1000)


def pipeline(config: Path, dag: Dag) -> dict[str, Any]:
    """dvc.yaml as plain values.

    An output persists, because DVC would else delete it before Snakemake sees what of it is still good. Fingerprint
    files, which the driver writes whenever it reads the workflow, are neither dependency nor output.
    """
    written = set(parse_yaml(config)[0])
    code = code_files(load(config), Path("src"))
    compare = dag.results / "compare"
    curves = (compare / "tables" / "curves.csv").as_posix()
    return {
        "stages": {stage.name: _stage(stage, dag, config, written, code[stage.name]) for stage in dag.stages.values()},
        "metrics": [(compare / "metrics.json").as_posix()],
        # The template in .dvc/plots draws a line for each arm and seed.
        "plots": [{curves: {"x": "step", "y": "loss", "title": "Training", "template": "curves"}}],
    }


def _stage(stage: DagStage, dag: Dag, config: Path, written: set[str], code: list[Path]) -> dict[str, Any]:
    # Without --allowed-rules a nested run would make other stages' files again behind DVC's back.
    command = ["snakemake", *configured(config), "--allowed-rules", *stage.rules, stage.name, "--", stage.name]
    files = {LOCK.as_posix(), *WORKFLOW, f"workflow/rules/{stage.name}.smk", *(file.as_posix() for file in code)}
    folders = [(dag.results / other).as_posix() for other in stage.predecessors]
    return {
        "cmd": shlex.join(command),
        "deps": [*sorted(files), *folders],
        "params": [{config.as_posix(): _params(stage.name, written)}],
        "outs": [{(dag.results / stage.name).as_posix(): {"persist": True}}],
    }


def _params(stage: str, written: set[str]) -> list[str] | None:
    """Keys that DVC watches for a stage, or None for the whole file.

    DVC refuses a key that the file does not have, and a file may leave any key at its default. Where one is left out,
    DVC watches the whole file: it may then call Snakemake for nothing, but never misses a key that is added later.
    """
    keys = [stage, *READS[stage]]
    return sorted(keys) if written.issuperset(keys) else None


def _inside(config: Path) -> Path:
    """The configuration's path relative to the checkout, as DVC wants it."""
    try:
        return Path(config).resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        raise InputError(
            "DVC versions configurations inside the checkout only",
            file=config,
            remedy="copy the file into config/ and name it there",
        ) from None
