"""dvc.yaml, written from the workflow: one DVC stage per stage, which runs Snakemake on the rules of that stage."""

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
# Sections that a stage reads in addition to its own. Methods are those that an arm trains on.
READS = {stage: ("arms", "seeds") for stage in STAGES} | {"data": (), "inpaint": (), "negatives": ("arms",)}
HEADER = "# Written by `nearmiss versions pipeline` from the workflow. Change the rules, then run the command again.\n"


def write(*, config: Path, out: Path) -> None:
    """Write dvc.yaml for the experiment in `config`; does not run the workflow and needs no results."""
    generated = out.is_file() and out.read_text(encoding="utf-8", errors="replace").startswith(HEADER)
    with OutputFile(out, generated=generated) as partial:
        write_text(partial, text(config, read(config)))


def text(config: Path, dag: Dag) -> str:
    """The text of dvc.yaml for the experiment in `config`, a file inside this checkout, and its workflow."""
    return HEADER + yaml.safe_dump(pipeline(_inside(config), dag), sort_keys=False, width=1000)


def pipeline(config: Path, dag: Dag) -> dict[str, Any]:
    """The content of dvc.yaml as Python values.

    Outputs are persistent, because DVC would otherwise delete them before Snakemake can reuse them. Fingerprint files,
    which are written whenever the workflow is read, are neither dependency nor output.
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
    # Without --allowed-rules, a nested run could create files of other stages again, unnoticed by DVC.
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
    """Parameters of a DVC stage, or None for the whole file.

    DVC does not accept a key that is missing from the file, and a file may omit any key. If one is missing, the stage
    depends on the whole file: DVC may then call Snakemake unnecessarily, but does not miss a key that is added later.
    """
    keys = [stage, *READS[stage]]
    return sorted(keys) if written.issuperset(keys) else None


def _inside(config: Path) -> Path:
    """The configuration's path relative to the checkout."""
    try:
        return Path(config).resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        raise InputError(
            "DVC versions only configurations inside of the checkout",
            file=config,
            remedy="copy the file to config/ and use that path",
        ) from None
