"""The only module that uses MLflow. One writer fills the store from the output folders of the jobs.

Several writers that create a store at once destroy it for good (hydraflow issue 245 reports the same), so `track` takes
a file lock. The store is a sqlite file and no declared output of the workflow: it is made again from the folders where
it is missing. MLflow is imported inside the functions, with its telemetry switched off before.
"""

import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearmiss.base import sqlite_file
from nearmiss.base.errors import InputError
from nearmiss.base.lifetime import lock

RUN = "nearmiss.run"
"""The tag that a run is known by: stage/arm/seed. Page and receipt name runs by it, never by MLflow's ids."""

_BATCH = 1000  # MLflow's own limit of metrics in one call
_PARAM_LENGTH = 6000  # MLflow's own limit of a parameter's value


@dataclass(frozen=True)
class Tracked:
    """What is recorded of one run."""

    name: str
    """stage/arm/seed."""
    params: dict[str, Any]
    metrics: dict[str, float]
    """Final figures; names may hold letters, digits and _-./ or spaces."""
    tags: dict[str, str]
    curve: list[dict[str, float]] = field(default_factory=list)
    """One entry a logged step: `step` and any number of figures."""


def track(store: Path, experiment: str, runs: Sequence[Tracked], *, artifacts: Path | None = None) -> None:
    """Write `runs` into the sqlite file `store`; a run of the same name is replaced.

    `artifacts` is the folder that MLflow notes for artifacts, next to `store` if not given.
    Runs of the experiment that are not among `runs` stay. Raises InputError where the store is not MLflow's, is damaged
    or cannot be written, and where another process holds it and does not release it.
    """
    store = Path(store)
    store.parent.mkdir(parents=True, exist_ok=True)
    with _locked(store), _explained(store):
        client = _client(store)
        experiment_id = _experiment(client, artifacts or artifacts_of(store), experiment)
        before = _runs(client, experiment_id)
        for run in runs:
            _write(client, experiment_id, run)
            for run_id in before.get(run.name, ()):
                client.delete_run(run_id)


def recorded(store: Path, experiment: str) -> dict[str, dict[str, float]]:
    """The final metrics of each run of an experiment, by name; empty where the experiment is unknown."""
    with _explained(Path(store)):
        return _recorded(_client(Path(store)), experiment)


def _recorded(client: Any, experiment: str) -> dict[str, dict[str, float]]:
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return {}
    ids = _runs(client, found.experiment_id)
    return {name: dict(client.get_run(run_ids[0]).data.metrics) for name, run_ids in ids.items()}


def command(store: Path, port: int) -> list[str]:
    """The command that shows the store in a browser, on this machine's loopback address only."""
    return [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--backend-store-uri",
        _uri(store),
        "--default-artifact-root",
        str(artifacts_of(store)),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]


def digest(value: Any) -> str:
    """A short hash of plain JSON values, for a tag."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def environment() -> dict[str, str]:
    """Variables that keep MLflow quiet about its users; set before it is imported or started."""
    return {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_LOGGING_LEVEL": "WARNING"}


def _uri(store: Path) -> str:
    """The store's address; a question mark would end the path, which a path from the working folder may avoid."""
    path = str(Path(store).resolve())
    path = path if "?" not in path else os.path.relpath(path)
    if "?" in path:
        raise InputError(
            "MLflow cannot open a file with a question mark in its path",
            file=store,
            remedy="rename the folder, or name another store (--store)",
        )
    return f"sqlite:///{path}"


def artifacts_of(store: Path) -> Path:
    """MLflow needs a folder for artifacts; weights never go there, only pointers to them are logged."""
    return Path(store).resolve().with_suffix(".artifacts")


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """One writer at a time; another one waits."""
    with lock(store.with_name(f".{store.name}.lock")):
        yield


def _damaged(store: Path) -> str:
    return (
        f"move it away (mv {store} {store}.damaged), then `nearmiss ui` makes it again from the results; what other "
        "programs have recorded in it is only in the moved file"
    )


def _refuse_unusable(store: Path) -> None:
    """Refuse a database that is held, damaged, not writable, or another program's: MLflow would add its own tables."""
    tables = sqlite_file.check(store, remedy=_damaged(store))
    if tables and "alembic_version" not in tables:
        raise InputError(
            "the database belongs to another program: it has none of MLflow's tables",
            file=store,
            remedy="name another file (--store)",
        )


@contextmanager
def _explained(store: Path) -> Iterator[None]:
    """Errors of MLflow and of its database as messages, each kind with a remedy."""
    _refuse_unusable(store)
    _silence()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        if "out-of-date database schema" in str(error):
            raise _other_schema(store, str(error)) from None
        raise sqlite_file.refusal(error, store, _damaged(store)) from None


def _other_schema(store: Path, message: str) -> InputError:
    """The store was written by an older MLflow, whose step to today's is known, or by a newer one."""
    from mlflow.store.db_migrations import versions

    found = re.search(r"found version (\w+)", message)
    known = found is not None and any(any(Path(one).glob(f"{found[1]}_*.py")) for one in versions.__path__)
    return InputError(
        f"the store was written by {'an older' if known else 'a newer'} version of MLflow",
        file=store,
        record=f"schema {found[1]}" if found else None,
        remedy=f"copy the file, then: {sys.executable} -m mlflow db upgrade {_uri(store)}"
        if known
        else "use the version of MLflow that wrote it, or name another store (--store)",
    )


def _client(store: Path) -> Any:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=_uri(store))
    client.search_experiments(max_results=1)
    return client


def _silence() -> None:
    """Before MLflow is imported: no telemetry, no log of what is raised anyway, no run of a parent's."""
    os.environ.update(environment())
    os.environ.pop("MLFLOW_RUN_ID", None)  # mlflow issue 15713: a parent's run would be written to
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def _experiment(client: Any, artifacts: Path, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "active":
        return str(found.experiment_id)
    if found is not None:
        client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=artifacts.as_uri()))


def _runs(client: Any, experiment_id: str) -> dict[str, list[str]]:
    """Ids of the living runs of each name, newest first."""
    found: dict[str, list[str]] = {}
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=1000, page_token=token)
        for run in page:
            if RUN in run.data.tags:
                found.setdefault(run.data.tags[RUN], []).append(run.info.run_id)
        token = page.token
        if not token:
            return found


def _write(client: Any, experiment_id: str, run: Tracked) -> None:
    from mlflow.entities import Metric, Param, RunTag

    run_id = client.create_run(experiment_id, run_name=run.name, tags={RUN: run.name}).info.run_id
    started = client.get_run(run_id).info.start_time
    curve = [
        Metric(name, float(value), started, int(entry["step"]))
        for entry in run.curve
        for name, value in sorted(entry.items())
        if name != "step"
    ]
    for start in range(0, len(curve), _BATCH):
        client.log_batch(run_id, metrics=curve[start : start + _BATCH])
    final = [Metric(name, float(value), started, 0) for name, value in sorted(run.metrics.items())]
    for start in range(0, len(final), _BATCH):
        client.log_batch(run_id, metrics=final[start : start + _BATCH])
    params = [Param(name, str(value)[:_PARAM_LENGTH]) for name, value in sorted(run.params.items())]
    for start in range(0, len(params), 100):
        client.log_batch(run_id, params=params[start : start + 100])
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in sorted(run.tags.items())])
    client.set_terminated(run_id, "FINISHED")


def ui(store: Path, port: int) -> None:
    """Become MLflow's UI on this machine's loopback address; does not return. Raises InputError without a store."""
    if not Path(store).is_file():
        raise InputError("there is no store yet", file=store, remedy="finish an experiment first (make run)")
    _refuse_unusable(store)
    line = command(store, port)
    os.execve(line[0], line, {**os.environ, **environment()})
