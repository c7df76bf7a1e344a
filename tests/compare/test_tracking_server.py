"""Runs recorded by an MLflow server: as in a file, by several writers, and with a server that is away or refuses."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import toy_chain
from mlflow_servers import Server, free_port, refusing

from nearmiss.base import tracking
from nearmiss.base.errors import InputError
from nearmiss.base.tracking import Tracked
from nearmiss.base.tracking_address import FILE, store_of
from nearmiss.stages.compare import track, ui

WRITERS, METRICS = 8, 1000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with a database in an SQLite file."""
    folder = tmp_path_factory.mktemp("server")
    server = Server(folder, f"sqlite:///{folder}/server.db")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def impatient(monkeypatch):
    """MLflow's client gives up after one more attempt."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")


def run(number=0, metrics=3, value=0.0):
    figures = {f"metric-{index}": index + value for index in range(metrics)}
    parent = Tracked(name=f"arm/{number}", params={}, metrics={}, tags={"stage": "arm"})
    child = Tracked(
        name=f"evaluate/arm/{number}", params={"seed": number}, metrics=figures, tags={}, parent=parent.name
    )
    return [child, parent]


def living(address, experiment):
    client = tracking._client(address)
    return tracking._runs(client, client.get_experiment_by_name(experiment).experiment_id)


def test_a_server_has_the_runs_figures_and_artifacts_that_a_file_has(server, tmp_path):
    arguments = toy_chain.write(tmp_path / "toy", arms=("clip", "hnc"), questions=4)
    del arguments["inpainted"], arguments["root"]
    receipt = tmp_path / "tracked.json"
    track.run(**arguments, store=server.address, out=receipt)
    track.run(**arguments, store=tmp_path / "mlflow.db", out=tmp_path / "of-file.json")
    assert tracking.recorded(server.address, "toy") == tracking.recorded(tmp_path / "mlflow.db", "toy")
    sent = json.loads(receipt.read_text())
    assert sent.pop("server") == server.address
    assert sent == json.loads((tmp_path / "of-file.json").read_text())


def test_runs_are_replaced_by_their_names_and_children_keep_their_parents(server):
    tracking.track(server.address, "again", run(0) + run(1))
    tracking.track(server.address, "again", run(0, value=0.5))
    tracking.track(server.address, "again", [run(1)[1]])  # the parent alone
    found = living(server.address, "again")
    assert {name: len(runs) for name, runs in found.items()} == dict.fromkeys(
        ("arm/0", "arm/1", "evaluate/arm/0", "evaluate/arm/1"), 1
    )
    assert found["evaluate/arm/0"][0].data.metrics["metric-2"] == 2.5
    for number in (0, 1):
        child, parent = found[f"evaluate/arm/{number}"][0], found[f"arm/{number}"][0]
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_run_that_another_writer_recorded_later_stays(server):
    """One of two writers of the same run is suspended before it deletes the earlier runs."""
    tracking.track(server.address, "two", run())
    client = tracking._client(server.address)
    experiment = client.get_experiment_by_name("two").experiment_id
    first = {name: runs[0].info.run_id for name, runs in tracking._runs(client, experiment).items()}
    later = {one.name: tracking._write(client, experiment, one, None) for one in run(value=1.0)}
    tracking._replace(client, experiment, first)
    assert {runs[0].info.run_id for runs in tracking._runs(client, experiment).values()} == set(later.values())


def test_many_writers_at_once_lose_nothing(server):
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda number: tracking.track(server.address, "many", run(number, METRICS)), range(WRITERS)))
    found = tracking.recorded(server.address, "many")
    assert sum(len(figures) for name, figures in found.items() if name.startswith("evaluate/")) == WRITERS * METRICS


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_server_that_is_killed_and_started_again_meanwhile_loses_nothing(tmp_path, database):
    if database == "postgresql":
        with postgresql() as backend:
            kill_meanwhile(tmp_path, backend)
    else:
        kill_meanwhile(tmp_path, f"sqlite:///{tmp_path}/server.db")


def kill_meanwhile(folder, backend):
    server = Server(folder, backend)
    server.start()
    started = threading.Event()
    send = tracking._write

    def noted(*arguments):
        started.set()
        return send(*arguments)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(WRITERS) as pool:
        patch.setattr(tracking, "_write", noted)
        sent = [pool.submit(tracking.track, server.address, "many", run(number, METRICS)) for number in range(WRITERS)]
        started.wait()
        server.kill()
        server.start()
        for each in sent:
            each.result()
    found = tracking.recorded(server.address, "many")
    living_runs = living(server.address, "many")
    server.kill()
    assert sum(len(figures) for name, figures in found.items() if name.startswith("evaluate/")) == WRITERS * METRICS
    assert {len(runs) for runs in living_runs.values()} == {1}


def test_a_server_that_is_away_ends_with_one_message_and_the_next_attempt_sends_everything(server, tmp_path, impatient):
    arguments = toy_chain.write(tmp_path / "toy", arms=("clip",), questions=4)
    del arguments["inpainted"], arguments["root"]
    receipt = tmp_path / "tracked.json"
    away = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(InputError, match="does not answer") as caught:
        track.run(**{**arguments, "experiment": "away"}, store=away, out=receipt)
    assert away in str(caught.value) and "run the command again" in caught.value.remedy
    assert not receipt.exists()
    track.run(**{**arguments, "experiment": "away"}, store=server.address, out=receipt)
    assert "evaluate/clip/0" in tracking.recorded(server.address, "away")


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (401, "You are not authenticated.", "refuses the credentials"),
        (403, '{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}', "refuses the credentials"),
        (507, "insufficient storage", "disk of the tracking server is full"),
        (400, '{"error_code": "X", "message": "(sqlite3.OperationalError) database or disk is full"}', "is full"),
        (404, "<!doctype html><p>a wiki", "not that of an MLflow server"),
        (400, '{"error_code": "INVALID_STATE", "message": "closed for the night"}', "closed for the night"),
    ],
)
def test_what_a_server_refuses_is_named_with_a_remedy(status, text, words, impatient):
    with refusing(status, text) as address, pytest.raises(InputError, match=words) as caught:
        tracking.track(address, "toy", run())
    assert address in str(caught.value) and caught.value.remedy


def test_the_store_is_the_option_then_the_variable_then_the_file():
    named = {"MLFLOW_TRACKING_URI": "https://tracking.example.org/"}
    assert store_of("other.db", named) == Path("other.db")
    assert store_of(None, named) == "https://tracking.example.org"
    assert store_of(None, {"MLFLOW_TRACKING_URI": "sqlite:////data/mlflow.db"}) == Path("/data/mlflow.db")
    assert store_of(None, {}) == FILE


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("postgresql://host/db", "not at 'postgresql:'"),
        ("https://me:secret@host", "credentials"),
        ("http:/x", "not at"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address, words):
    with pytest.raises(InputError, match=words) as caught:
        store_of(address)
    assert "secret" not in str(caught.value)


def test_the_page_of_a_server_is_named_and_none_is_started(server, capsys):
    ui.run(store=server.address, port=1)
    assert capsys.readouterr().out.startswith(server.address)


class postgresql:
    """A database server of Debian's postgresql; skips the test where it is not installed."""

    def __init__(self) -> None:
        # Not in pytest's folder, which is closed to other users, also by a pytest that starts meanwhile.
        self.data, self.port = Path(tempfile.mkdtemp(prefix="nearmiss-postgresql-")), free_port()
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            pytest.skip("PostgreSQL is not installed (apt install postgresql)")
        pytest.importorskip(
            "psycopg2", reason="the client of PostgreSQL is not installed (pip install psycopg2-binary)"
        )
        self.programs = found[-1].parent
        self.user = {"user": "postgres"} if os.getuid() == 0 else {}  # it refuses to run as root

    def _call(self, *words: str) -> None:
        command = [str(self.programs / words[0]), *words[1:]]
        # Its server keeps the streams that it inherits: they are files, which nobody waits for.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(command, check=False, stdout=output, stderr=output, **self.user)
            output.seek(0)
            assert done.returncode == 0, output.read()

    def __enter__(self) -> str:
        if self.user:
            shutil.chown(self.data, "postgres")
        self._call("initdb", "-D", str(self.data), "-U", "nearmiss", "-A", "trust")
        options = f"-p {self.port} -k {self.data} -c listen_addresses=127.0.0.1"
        self._call("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.data / "log"), "-o", options, "start")
        return f"postgresql://nearmiss@127.0.0.1:{self.port}/postgres"

    def __exit__(self, *_: object) -> None:
        self._call("pg_ctl", "-D", str(self.data), "-m", "immediate", "-t", "300", "stop")
        shutil.rmtree(self.data)
