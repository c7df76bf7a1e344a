"""Where runs are recorded: an SQLite file on this machine, or the address of an MLflow server.

The variables are MLflow's own: MLFLOW_TRACKING_URI names the place; MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD
and MLFLOW_TRACKING_TOKEN are the credentials, MLFLOW_HTTP_REQUEST_MAX_RETRIES is the limit of attempts. This
module does not import MLflow.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from nearmiss.base.errors import InputError

VARIABLE = "MLFLOW_TRACKING_URI"
FILE = Path("results/mlflow.db")
"""The store where neither an option nor the variable names one."""
_SERVER = ("http", "https")
_FILE = "sqlite:///"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?=/)", re.IGNORECASE)
_AGAIN = "then run the command again: the results lie in their folders, and all of their runs are sent"
_BROKEN = ("connection broken", "incompleteread", "chunkedencodingerror", "prematurely")
# Words of an answer (in lower case), what they mean, and what to do.
_REASONS = (
    (
        ("error code 401", "error code 403", "unauthorized", "not authenticated", "permission_denied"),
        "the tracking server refuses the credentials",
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    ),
    (
        ("disk is full", "no space left", "insufficient storage", "error code 507", "diskfull"),
        "the disk of the tracking server is full",
        "make room there",
    ),
    (
        (
            "max retries exceeded",
            "connection refused",
            "timeout exception",
            "connection aborted",
            "failed with exception",
        ),
        "the tracking server does not answer",
        f"start the server, or correct {VARIABLE}",
    ),
    (("error code 404", "<!doctype", "<html"), "the address is not that of an MLflow server", f"correct {VARIABLE}"),
)


def store_of(given: str | Path | None, environment: Mapping[str, str] = os.environ) -> Path | str:
    """The file (a path) or the server (its address, a text) that `given` names, else MLFLOW_TRACKING_URI, else `FILE`.

    Raises InputError for an address that is neither, and for a password in the address: it would be written to logs.
    """
    text = str(given or environment.get(VARIABLE) or FILE)
    source = VARIABLE if not given and environment.get(VARIABLE) else "--store"
    if text.startswith(_FILE):
        return Path(text.removeprefix(_FILE))
    if not _SCHEME.match(text):
        return Path(text)
    parts = urlsplit(text)
    if parts.scheme.lower() not in _SERVER or not parts.hostname:
        raise InputError(
            f"runs are recorded in an SQLite file or by a server at http:// or https://, not at '{parts.scheme}:'",
            record=source,
            remedy="name a file, or start `mlflow server` with this place as its backend store and name the server",
        )
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "the address of the tracking server contains credentials, which would be written to logs",
            record=source,
            remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in place of them",
        )
    return text.rstrip("/")


def is_broken(error: InputError) -> bool:
    """Whether the connection ended in the middle of an answer, as where the server was killed."""
    return any(sign in error.problem.lower() for sign in _BROKEN)


@contextmanager
def server_errors(address: str) -> Iterator[None]:
    """Errors of the client of an MLflow server as messages, each with a remedy."""
    from nearmiss.base.tracking import client_errors

    try:
        yield
    except client_errors() as error:
        raise refusal(error, address) from None


def refusal(error: BaseException, address: str) -> InputError:
    """What an error of the client means, by the words of the server's answer."""
    words = str(error).lower()
    for signs, problem, remedy in _REASONS:
        if any(sign in words for sign in signs):
            return InputError(f"{problem}: {_first_line(error)}", record=address, remedy=f"{remedy}, {_AGAIN}")
    return InputError(
        f"the tracking server refuses the runs: {_first_line(error)}",
        record=address,
        remedy=f"read the server's log, {_AGAIN}",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
