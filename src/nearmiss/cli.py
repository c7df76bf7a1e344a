"""The command line: the stages' commands, the groups (commands/), and `run`, `ui` and `schema`."""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from nearmiss.base.errors import InputError, explained
from nearmiss.base.lifetime import die_with_starter
from nearmiss.commands import (  # noqa: F401  (each adds its commands)
    benchmarks,
    compare,
    curate,
    data,
    download,
    evaluate,
    finetune,
    inpaint,
    interpolate,
    plan,
    pretrain,
    robustness,
    study,
    versions,
)
from nearmiss.commands.app import Overrides, Stage, app
from nearmiss.commands.negatives import audit, convert, example, make, match, match_captions, paraphrase, truth  # noqa: F401
from nearmiss.commands.renamed import GROUPED, refuse_renamed


@app.command(sort_key=1)
def run(
    *,
    config: Path = Path("config/config.yaml"),
    set_: Overrides = None,
    quick: Annotated[bool, Parameter(negative="")] = False,
    cores: str = "all",
    stage: Stage | None = None,
) -> None:
    """Run the workflow of an experiment and print the comparison.

    nearmiss run --config config/config.yaml --set pretrain.continued.steps=500

    Results that are up to date are not made again.

    Parameters
    ----------
    config
        Experiment file.
    quick
        Run the smallest size of the experiment, under a name of its own.
    cores
        Number of cores that jobs run on.
    stage
        Last stage to run; all stages if not given.
    """
    from nearmiss.driver import run as drive

    sys.exit(drive(config=config, overrides=set_ or (), quick=quick, cores=cores, stage=stage))


@app.command(sort_key=2)
def ui(*, store: str | None = None, port: int = 5000) -> None:
    """Open MLflow's page, or print the address of a server's.

    nearmiss ui --store results/mlflow.db

    A store that is a file is made again from the results where it is missing.

    Parameters
    ----------
    store
        Store: an SQLite file, or the address of an MLflow server. MLFLOW_TRACKING_URI if it is not given, else
        results/mlflow.db.
    port
        Port on the loopback address.
    """
    from nearmiss.base.tracking_address import store_of
    from nearmiss.stages.compare.ui import run as open_ui

    open_ui(store=store_of(store), port=port)


@app.command(show=False)
def schema(*, out: Path = Path("workflow/schemas/config.schema.json"), readme: Path | None = None) -> None:
    """Write the JSON schema of an experiment, which editors complete from.

    nearmiss schema --out workflow/schemas/config.schema.json

    Parameters
    ----------
    out
        Output: the schema file.
    readme
        File whose table of keys is written, too.
    """
    from nearmiss.reference import write_readme, write_schema

    write_schema(out)
    if readme is not None:
        write_readme(readme)


@app.command(show=False)
def completion(*, shell: Literal["bash", "zsh", "fish"] = "bash") -> None:
    """Write the script that completes commands and options in a shell.

    nearmiss completion --shell bash > ~/.local/share/bash-completion/completions/nearmiss

    Parameters
    ----------
    shell
        Shell that reads the script.
    """
    print(app.generate_completion(prog_name="nearmiss", shell=shell))


def main() -> None:
    """Run a command; a mistake of the user and what the machine refuses end with one message and status 2.

    The environment variable NEARMISS_TRACEBACK shows the traceback of such an error, too.
    """
    die_with_starter()
    _end_by_exception(signal.SIGTERM, signal.SIGHUP)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal may be limited to ASCII
    try:
        _refuse_renamed(sys.argv[1:])
        app(sys.argv[1:], exit_on_error=False)
    except cyclopts.CycloptsError:
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `nearmiss ... | head`
        _discard_output()
        sys.exit(141)
    except Exception as error:
        message = error if isinstance(error, InputError) else explained(error)
        if message is None or os.environ.get("NEARMISS_TRACEBACK"):
            raise
        print(f"nearmiss: {message}", file=sys.stderr)
        sys.exit(2)
    finally:
        _flush()


def _flush() -> None:
    """Write what is left; that the reader of a pipe has gone is no error (`nearmiss ... | head`)."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _refuse_renamed(arguments: list[str]) -> None:
    first = arguments[0] if arguments else ""
    refuse_renamed(arguments, list(app[first]) if first in GROUPED else [])


def _end_by_exception(*signals: signal.Signals) -> None:
    """Let these signals unwind the stack, so that temporary folders are removed and locks released."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    for each in signals:
        if signal.getsignal(each) is signal.SIG_DFL:  # nohup ignores SIGHUP: that stays
            signal.signal(each, end)
