"""The only place that knows MLflow. One writer fills the store from what the jobs left in their folders.

Several writers that create a store at once destroy it for good (hydraflow issue 245 reports the same), so `track` takes
a file lock. The store is a sqlite file and no declared output of the workflow: it is made again from the folders where
it is missing. MLflow is imported inside the functions, with its telemetry switched off before.
"""

import fcntl
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError

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


def track(store: Path, experiment: str, runs: Sequence[Tracked]) -> None:
    """Write `runs` into the sqlite file `store`; a run of the same name is replaced.

    Runs of the experiment that are not among `runs` stay. Raises InputError where the store is not MLflow's.
    """
    store = Path(store)
    store.parent.mkdir(parents=True, exist_ok=True)
    with _locked(store):
        client = _client(store)
        experiment_id = _experiment(client, store, experiment)
        before = _runs(client, experiment_id)
        for run in runs:
            _write(client, experiment_id, run)
            for run_id in before.get(run.name, ()):
                client.delete_run(run_id)


def recorded(store: Path, experiment: str) -> dict[str, dict[str, float]]:
    """The final metrics of each run of an experiment, by name; empty where the experiment is unknown."""
    client = _client(Path(store))
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return {}
    ids = _runs(client, found.experiment_id)
    return {name: dict(client.get_run(run_ids[0]).data.metrics) for name, run_ids in ids.items()}


def command(store: Path, port: int) -> list[str]:
    """The command that shows the store in a browser, on this machine's loopback address alone."""
    return [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--backend-store-uri",
        _uri(store),
        "--default-artifact-root",
        str(_artifacts(store)),
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
    return f"sqlite:///{Path(store).resolve()}"


def _artifacts(store: Path) -> Path:
    """MLflow wants a folder for artifacts; weights never go there, only pointers to them are logged."""
    return Path(store).resolve().with_suffix(".artifacts")


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    with store.with_name(f".{store.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _client(store: Path) -> Any:
    os.environ.update(environment())
    os.environ.pop("MLFLOW_RUN_ID", None)  # mlflow issue 15713: a parent's run would be written to
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = MlflowClient(tracking_uri=_uri(store))
        client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError) as error:
        raise InputError(
            f"MLflow does not open the store: {str(error).splitlines()[0]}",
            file=store,
            remedy="delete it: it is made again from the results",
        ) from None
    return client


def _experiment(client: Any, store: Path, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "active":
        return str(found.experiment_id)
    if found is not None:
        client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=_artifacts(store).as_uri()))


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
    line = command(store, port)
    os.execve(line[0], line, {**os.environ, **environment()})
