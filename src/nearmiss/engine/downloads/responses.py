"""What an HTTP response states of a file, and which failures may pass (RFC 9110)."""

import contextlib
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Refused(Exception):
    """An address does not have the file; another attempt would not help."""


class Passing(Exception):
    """An attempt failed for a reason that may pass; `after` is the wait in seconds that the server names."""

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


def check_status(response: requests.Response, *, gated: bool) -> None:
    """Raise where a response has no file: `Passing` for a busy server, else `Refused`."""
    status = response.status_code
    if status in (requests.codes.ok, requests.codes.partial_content):
        return
    reason = f"status {status}"
    if status in _TEMPORARY:
        raise Passing(reason, after=_retry_after(response))
    if status in (401, 403):
        what = "the terms are not accepted, or HF_TOKEN is not valid" if gated else "access is denied"
        raise Refused(f"{reason}: {what}")
    if status in (404, 410):
        raise Refused(f"{reason}: the file is not there")
    raise Refused(reason)


def check_kind(response: requests.Response, name: str) -> None:
    """Raise `Refused` for a web page in place of the file `name`."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml") and not is_markup(name):
        raise Refused("the server sends a web page in place of the file")


def is_markup(name: str) -> bool:
    """Whether a file is a web page by its name."""
    return name.lower().endswith((".html", ".htm"))


def continued_at(response: requests.Response, offset: int) -> int:
    """Where the body of a response begins in the file."""
    if response.status_code != requests.codes.partial_content:
        return 0
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != offset:
        raise Refused("the server sends another range than was requested")
    return offset


def length_of(response: requests.Response, offset: int) -> int | None:
    """The length of the whole file as the server states it."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return None
    match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if offset and match is not None and match[2] != "*":
        return int(match[2])
    length = response.headers.get("Content-Length", "")
    return offset + int(length) if length.isdigit() else None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that Retry-After names, as a number or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    return None


def failure_of(error: requests.exceptions.RequestException) -> Passing | Refused:
    """What an error of the connection means."""
    text = str(error.args[0] if error.args else error)
    if isinstance(error, requests.exceptions.SSLError):
        return Refused("the certificate of the server is not valid")
    if isinstance(error, requests.exceptions.TooManyRedirects | requests.exceptions.InvalidURL):
        return Refused(text)
    if isinstance(error, requests.exceptions.Timeout):
        return Passing("the server does not answer")
    if "IncompleteRead" in text:
        return Passing("the connection ended before the whole file was sent")
    return Passing("the connection failed")


def validator_of(response: requests.Response) -> str | None:
    """What If-Range compares: a strong ETag, else the date of the last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
