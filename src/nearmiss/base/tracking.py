"""The only module that uses MLflow. It fills a store from the output folders of the jobs.

The store is an SQLite file, or a server that several machines write to. Several writers that create a file at once
destroy it for good (hydraflow issue 245 reports the same), so `track` takes a file lock; a server orders its writers. A
store is no declared output of the workflow: it is filled again from the folders. MLflow is imported inside the
functions, with its telemetry switched off before.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse
from urllib.request import url2pathname

from nearmiss.base import sqlite_file
from nearmiss.base.errors import InputError
from nearmiss.base.files import flush_files, publish
from nearmiss.base.lifetime import lock
from nearmiss.base.tracking_address import is_broken, server_errors

RUN = "nearmiss.run"
"""The tag that a run is known by: stage/arm/seed. Page and receipt name runs by it, never by MLflow's ids."""

RECORDED = "nearmiss.recorded"
"""The tag with the time at which a run was recorded, in nanoseconds since 1970; of one name, the last run stays."""

PARENT_NAME = "nearmiss.parent"
"""The tag with the name of a run's parent."""
TABLE = "metrics.json"
"""The artifact with all final figures, in the form that MLflow shows as a table."""
_PARENT = "mlflow.parentRunId"
_ARTIFACTS = "mlflow.loggedArtifacts"
_BATCH = 1000  # MLflow's own limit of metrics in one call
_ATTEMPTS = 5  # to send all runs, where an answer ends in the middle: MLflow's client does not ask again then
_PARAM_LENGTH = 6000  # MLflow's own limit of a parameter's value


@dataclass(frozen=True)
class Tracked:
    """What is recorded of one run."""

    name: str
    """stage/arm/seed; arm/seed of the run that has these as children."""
    params: dict[str, Any]
    metrics: dict[str, float]
    """Final figures; names may hold letters, digits and _-./ or spaces."""
    tags: dict[str, str]
    curve: list[dict[str, float]] = field(default_factory=list)
    """One entry a logged step: `step` and any number of figures."""
    table: dict[str, float] = field(default_factory=dict)
    """All final figures, which go into the artifact metrics.json; `metrics` are the most important ones."""
    parent: str | None = None
    """The name of the parent run, which is recorded with it."""
    span: tuple[float, float] | None = None
    """Start and end in seconds since 1970; the time of recording if not given."""
    curve_seconds: float = 0.0
    """Seconds of the steps of the curve, which end with the run."""
    origin: dict[str, str] = field(default_factory=dict)
    """Tags that the receipt does not have: MLflow's own for source, commit, user and description."""
    dataset: tuple[str, str] | None = None
    """Name and hash of the data."""
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    """Files by their names among the artifacts of the run."""


def track(store: Path | str, experiment: str, runs: Sequence[Tracked], *, artifacts: Path | None = None) -> None:
    """Write `runs` into the store: an SQLite file (a path) or an MLflow server (its address, a text).

    A run of the same name is replaced; runs of the experiment that are not among `runs` stay. Of a file, `artifacts` is
    the folder that MLflow notes for artifacts, next to the file if not given; a server keeps artifacts where it was
    started to. A request that a server does not answer is sent again by MLflow's client, with growing pauses, up to
    MLFLOW_HTTP_REQUEST_MAX_RETRIES times. Raises InputError where a file is not MLflow's, is damaged, cannot be written
    or is held by another process, and where a server does not answer, refuses the credentials or has no space.
    """
    for attempts_left in reversed(range(_ATTEMPTS if isinstance(store, str) else 1)):
        try:
            return _track(store, experiment, runs, artifacts)
        except InputError as error:
            if not attempts_left or not is_broken(error):
                raise
            print("the tracking server's answer ended in the middle; all runs are sent again", file=sys.stderr)


def _track(store: Path | str, experiment: str, runs: Sequence[Tracked], artifacts: Path | None) -> None:
    with _opened(store, create=True) as client:
        folder = None if isinstance(store, str) else (artifacts or artifacts_of(store)).as_uri()
        experiment_id = _experiment(client, folder, experiment)
        ids: dict[str, str] = {}
        for run in sorted(runs, key=lambda run: run.parent is not None):  # parents first
            ids[run.name] = _write(client, experiment_id, run, ids.get(run.parent or ""))
        location = _local(client.get_experiment(experiment_id).artifact_location)
        if location is not None and location.is_dir():
            flush_files(location)
        _replace(client, experiment_id, ids)


def _replace(client: Any, experiment_id: str, ids: dict[str, str]) -> None:
    """Delete earlier runs of the names in `ids`, and give the children of those that stay their new parents.

    A run that another writer has recorded since then stays. A request that was sent again may have made a run twice,
    with one time of recording: the other one is deleted.
    """
    for name, found in _runs(client, experiment_id).items():
        own = next((run for run in found if run.info.run_id == ids.get(name)), None)
        for run in found:
            if own is not None and run is not own and _time_of(run) <= _time_of(own):
                client.delete_run(run.info.run_id)
                if (folder := _local(run.info.artifact_uri)) is not None:
                    shutil.rmtree(folder, ignore_errors=True)
            elif name not in ids and (parent := run.data.tags.get(PARENT_NAME)) in ids:
                client.set_tag(run.info.run_id, _PARENT, ids[parent])


def _time_of(run: Any) -> int:
    return int(run.data.tags.get(RECORDED, 0))


def check_server(address: str) -> None:
    """Ask a server for one experiment. Raises InputError where it does not answer or refuses the credentials."""
    with _opened(address, create=False):
        pass


def recorded(store: Path | str, experiment: str) -> dict[str, dict[str, float]]:
    """All final figures of each run of an experiment, by name; empty where the experiment is unknown."""
    with _opened(store, create=False) as client:
        return {} if client is None else _recorded(client, experiment)


def _recorded(client: Any, experiment: str) -> dict[str, dict[str, float]]:
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return {}
    return {
        name: {**_table(client, runs[0]), **runs[0].data.metrics}
        for name, runs in _runs(client, found.experiment_id).items()
    }


def _table(client: Any, run: Any) -> dict[str, float]:
    """The figures of the run's artifact metrics.json; none where it has no such artifact."""
    folder = _local(run.info.artifact_uri)
    if folder is not None:
        table = folder / TABLE
        return dict(json.loads(table.read_text(encoding="utf-8"))["data"]) if table.is_file() else {}
    if _ARTIFACTS not in run.data.tags:
        return {}
    with tempfile.TemporaryDirectory() as target:
        file = Path(client.download_artifacts(run.info.run_id, TABLE, target))
        return dict(json.loads(file.read_text(encoding="utf-8"))["data"])


def digest(value: Any) -> str:
    """A short hash of plain JSON values, for a tag."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def environment() -> dict[str, str]:
    """Variables that keep MLflow quiet about its users; set before it is imported or started."""
    return {
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
    }


def uri_of(store: Path) -> str:
    """The store's address. A question mark would end the path: such a path is given as sqlite's own URI.

    The driver is named in that case, since MLflow would make a folder `file:` where the address begins `sqlite:///`.
    """
    path = str(Path(store).resolve())
    if "?" in path:
        return f"sqlite+pysqlite:///file:{quote(path)}?uri=true"
    return f"sqlite:///{path}"


def artifacts_of(store: Path) -> Path:
    """MLflow needs a folder for artifacts; weights never go there, only pointers to them are logged."""
    return Path(store).resolve().with_suffix(".artifacts")


@contextmanager
def _opened(store: Path | str, *, create: bool) -> Iterator[Any]:
    """The client of a store. Of a file: under its lock, made where it is missing, or None where it is empty."""
    if isinstance(store, str):
        _silence()
        with server_errors(store):
            yield _client(store)
        return
    if create:
        store.parent.mkdir(parents=True, exist_ok=True)
    with _locked(store) if create else nullcontext(), _explained(store):
        if create and store.stat().st_size == 0:
            _create(store)
        yield _client(store) if store.stat().st_size else None


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


def refuse_unusable(store: Path) -> None:
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
    refuse_unusable(store)
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
        remedy=f"copy the file, then: {sys.executable} -m mlflow db upgrade {uri_of(store)}"
        if known
        else "use the version of MLflow that wrote it, or name another store (--store)",
    )


def client_errors() -> tuple[type[Exception], ...]:
    """The errors of MLflow's client and of the library that it sends requests with."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    return MlflowException, RequestException


def _client(store: Path | str) -> Any:
    """MLflow's client, after one request, by which wrong credentials and a server that is away are known."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=store if isinstance(store, str) else uri_of(store))
    client.search_experiments(max_results=1)
    return client


def _create(store: Path) -> None:
    """Make the tables of an empty store, under another name first.

    MLflow makes its tables in many committed steps and cannot continue a store in which some are missing, as a full
    disk or a killed process leaves it.
    """
    made = store.with_name(f".{store.name}.new")
    for name in (made, *(made.with_name(made.name + suffix) for suffix in ("-journal", "-wal", "-shm"))):
        name.unlink(missing_ok=True)
    _client(made)
    publish(made, store)


def _silence() -> None:
    """Before MLflow is imported: no telemetry, no log of what is raised anyway, no run of a parent's."""
    os.environ.update(environment())
    os.environ.pop("MLFLOW_RUN_ID", None)  # mlflow issue 15713: a parent's run would be written to
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def _experiment(client: Any, artifacts: str | None, name: str) -> str:
    """The id of the experiment of this name, which is made or restored where it is not there."""
    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "active":
        return str(found.experiment_id)
    if found is not None:
        client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name, artifact_location=artifacts))
    except client_errors() as error:
        made = client.get_experiment_by_name(name) if "already exist" in str(error).lower() else None
        if made is None:
            raise
        return str(made.experiment_id)  # by another writer, or by this request, which was sent again


def _runs(client: Any, experiment_id: str) -> dict[str, list[Any]]:
    """The living runs of each name: finished ones first, of these the one that was recorded last.

    There are several of a name where a recording was interrupted before it removed the former run.
    """
    found: dict[str, list[Any]] = {}
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=1000, page_token=token)
        for run in page:
            if RUN in run.data.tags:
                found.setdefault(run.data.tags[RUN], []).append(run)
        token = page.token
        if not token:
            break
    for runs in found.values():
        runs.sort(key=lambda run: (run.info.status != "FINISHED", -_time_of(run), -(run.info.end_time or 0)))
    return found


def _local(address: str) -> Path | None:
    """The folder of an address of artifacts; None where they are not on this machine."""
    parsed = urlparse(address)
    return Path(url2pathname(parsed.path)) if parsed.scheme in ("", "file") else None


def _write(client: Any, experiment_id: str, run: Tracked, parent: str | None) -> str:
    """Record one run; its id."""
    from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag

    start, end = (None, None) if run.span is None else (round(1000 * second) for second in run.span)
    known_by = {RUN: run.name, RECORDED: str(time.time_ns())}
    created = client.create_run(experiment_id, start_time=start, run_name=run.name, tags=known_by)
    run_id, started = str(created.info.run_id), created.info.start_time
    last = max((int(entry["step"]) for entry in run.curve), default=0)
    began = (end or started) - 1000 * run.curve_seconds
    pace = 1000 * run.curve_seconds / max(last, 1)  # milliseconds of a step
    curve = [
        Metric(name, float(value), round(began + pace * entry["step"]), int(entry["step"]))
        for entry in run.curve
        for name, value in sorted(entry.items())
        if name != "step"
    ]
    final = [Metric(name, float(value), end or started, last) for name, value in sorted(run.metrics.items())]
    for metrics in (curve, final):
        for first in range(0, len(metrics), _BATCH):
            client.log_batch(run_id, metrics=metrics[first : first + _BATCH])
    params = [Param(name, str(value)[:_PARAM_LENGTH]) for name, value in sorted(run.params.items())]
    for first in range(0, len(params), 100):
        client.log_batch(run_id, params=params[first : first + 100])
    tags = {**run.tags, **run.origin}
    if parent is not None and run.parent is not None:
        tags |= {_PARENT: parent, PARENT_NAME: run.parent}
    if run.table:
        tags[_ARTIFACTS] = json.dumps([{"path": TABLE, "type": "table"}])
        content = {"columns": ["metric", "value"], "data": [list(row) for row in sorted(run.table.items())]}
        client.log_text(run_id, json.dumps(content), TABLE)
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in sorted(tags.items())])
    if run.dataset is not None:
        name, hashed = run.dataset
        data = Dataset(name, hashed[:36], "local", json.dumps({"uri": name}))  # 36 characters are MLflow's limit
        client.log_inputs(run_id, [DatasetInput(data, [])])
    for name, file in run.artifacts.items():
        client.log_artifact(run_id, str(file), str(Path(name).parent) if "/" in name else None)
    client.set_terminated(run_id, "FINISHED", end_time=end)
    return run_id
