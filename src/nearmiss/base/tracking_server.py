"""MLflow's server on this machine: started, awaited, and stopped with this process."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

from nearmiss.base.errors import InputError, reason
from nearmiss.base.lifetime import die_with_parent
from nearmiss.base.tracking import artifacts_of, environment, refuse_unusable, uri_of

HOST = "127.0.0.1"
_INTERVAL = 0.2  # seconds between two looks at the server
_PATIENCE = 180.0  # seconds until the first answer of the server


def command(store: Path, port: int) -> list[str]:
    """The command that shows the store in a browser, on this machine's loopback address only."""
    options = {
        "--backend-store-uri": uri_of(store),
        "--default-artifact-root": str(artifacts_of(store)),
        "--host": HOST,
        "--port": str(port),
        "--workers": "1",
    }
    return [sys.executable, "-m", "mlflow", "ui", *(word for pair in options.items() for word in pair)]


def page(address: str) -> str:
    """The address of the experiments on a server's page."""
    return f"{address}/#/experiments?workflowType=machine_learning"


def address(store: Path, port: int) -> str:
    """The address of the newest experiment: the runs of its arms, compared in charts, in the mode for training."""
    opened = f"file:{quote(str(Path(store).resolve()))}?mode=ro"
    with contextlib.closing(sqlite3.connect(opened, uri=True)) as database:
        living = "SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'active'"
        found = database.execute(f"{living} ORDER BY last_update_time DESC, experiment_id DESC").fetchone()
    wanted = quote("tags.stage = 'arm'")
    page = f"experiments/{found[0]}/runs?compareRunsMode=CHART&searchFilter={wanted}&" if found else "experiments?"
    return f"http://{HOST}:{port}/#/{page}workflowType=machine_learning"


def serve(store: Path, port: int) -> None:
    """Start MLflow's server, print its address once it answers, and wait until it ends or this process is stopped.

    Its own lines go into a log file next to the store. Raises InputError without a store, where the port is in use,
    and where the server does not start.
    """
    store = Path(store)
    if not store.is_file():
        raise InputError("there is no store yet", file=store, remedy="finish an experiment first (make run)")
    refuse_unusable(store)
    _refuse_used(port)
    shown, log = address(store, port), store.with_suffix(".log")
    with log.open("w", encoding="utf-8") as lines:
        server = subprocess.Popen(
            command(store, port),
            env={**os.environ, **environment()},
            stdout=lines,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,  # noqa: PLW1509 (no thread runs here)
        )
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        _await(server, port, log)
        print(shown, flush=True)
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()


def _refuse_used(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"port {port} of {HOST} cannot be used: {reason(error)}", remedy="name another one (--port)"
            ) from None


def _await(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait for the server's first answer."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urlopen(f"http://{HOST}:{port}/health", timeout=5):
            return
        time.sleep(_INTERVAL)
    raise InputError("MLflow's server did not start", file=log, remedy="read the last lines of this file")
