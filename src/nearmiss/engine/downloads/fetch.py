"""Downloads one file over HTTP: mirrors in order, bounded retries, resumption by range, and checks of the content.

The bytes are written to NAME.part beside the target, and NAME.part.json records which address they come from, its
validator (ETag or Last-Modified) and its length. A later attempt at the same address continues the part with Range and
If-Range (RFC 9110, sections 13.1.5 and 14.2); a server without ranges, or with another file, starts it again.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from nearmiss.base.errors import InputError
from nearmiss.base.files import flush_file, flush_folder, sha256
from nearmiss.base.progress import progress
from nearmiss.engine.downloads.responses import (
    Passing,
    Refused,
    check_kind,
    check_status,
    continued_at,
    failure_of,
    is_markup,
    length_of,
    validator_of,
)

CHUNK = 2**20  # bytes that are written at a time
ATTEMPTS = 5
"""Attempts at one address in a row that do not bring the part a chunk further than it ever was."""
LONGEST_WAIT = 600.0
"""Seconds of Retry-After that are waited for; a longer wait is an error."""
HUB = "https://huggingface.co"
_TIMEOUT = (15.0, 60.0)  # seconds to connect, and between two reads
_MARKUP = re.compile(rb"\s*(<!doctype html|<html|<head)", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """A file to download: where it is published, and what is known of its content."""

    name: str
    """Its path below the data root, for messages."""
    urls: Sequence[str]
    bytes: int | None = None
    sha256: str | None = None
    recorded: str | None = None
    """The SHA-256 of the first download, where the catalog has none."""
    gated: bool = False
    """Whether a token of Hugging Face is sent to its own addresses."""


@dataclass(frozen=True)
class Fetched:
    """A downloaded file, complete and checked, still under its temporary name."""

    part: Path
    url: str
    bytes: int
    sha256: str


@dataclass
class Network:
    """What a download uses of the outside world; tests replace `sleep`."""

    session: requests.Session = field(default_factory=requests.Session)
    sleep: Callable[[float], None] = time.sleep


def part_of(target: Path) -> Path:
    """Where the bytes of an unfinished download lie."""
    return target.with_name(f"{target.name}.part")


def fetch(wanted: Wanted, target: Path, network: Network) -> Fetched:
    """Download a file to `part_of(target)` and check it; `finish` gives it its name.

    Raises InputError where no address has the file, with the reason for each address; OSError where it cannot be
    written. The part of an interrupted download stays for the next attempt, one with wrong content is deleted.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    for url in wanted.urls:
        try:
            return _from(url, wanted, target, network)
        except (Refused, Passing) as error:
            failures.append(f"{url}: {error}")
    raise InputError(
        "the file could not be downloaded:\n" + "\n".join(f"  - {failure}" for failure in failures),
        file=target,
        record=wanted.name,
        remedy=_remedy(wanted, failures),
    )


def finish(fetched: Fetched, target: Path) -> None:
    """Give a downloaded file its name, and remove the record of its part."""
    flush_file(fetched.part)
    fetched.part.replace(target)
    flush_folder(target.parent)
    _forget(fetched.part)


def discard_part(target: Path) -> None:
    """Remove what an interrupted download left beside a file that is complete."""
    _delete(part_of(target))


def _from(url: str, wanted: Wanted, target: Path, network: Network) -> Fetched:
    """Download from one address, with retries."""
    part, failed, best = part_of(target), 0, 0
    while True:
        try:
            _attempt(url, wanted, part, network)
            return _checked(url, wanted, part)
        except Passing as error:
            size = part.stat().st_size if part.is_file() else 0
            failed = 1 if size >= best + CHUNK else failed + 1
            best = max(best, size)
            if failed >= ATTEMPTS:
                raise
            wait = 2.0 ** (failed - 1) if error.after is None else error.after
            if wait > LONGEST_WAIT:
                raise Refused(f"{error}; the server requests a pause of {wait:.0f} s") from None
            network.sleep(wait)


def _attempt(url: str, wanted: Wanted, part: Path, network: Network) -> None:
    """One request: append to the part, or start it again."""
    known = _read_record(part)
    offset = part.stat().st_size if part.is_file() else 0
    if known.get("url") != url or not (known.get("validator") or wanted.sha256):
        offset = 0
    if offset and known.get("length") == offset:
        return
    try:
        with network.session.get(
            address(url), headers=_headers(url, wanted, offset, known), stream=True, timeout=_TIMEOUT
        ) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable and offset:
                _delete(part)
                raise Passing("the server has no bytes at the end of the part")
            check_status(response, gated=wanted.gated)
            check_kind(response, wanted.name)
            offset = continued_at(response, offset)
            length = length_of(response, offset)
            if offset and length != known.get("length"):
                _delete(part)
                raise Passing("the file has another length than before")
            if wanted.bytes is not None and length is not None and length != wanted.bytes:
                raise Refused(f"the file has {length:,} bytes there, not {wanted.bytes:,}")
            _write_record(part, {"url": url, "validator": validator_of(response), "length": length})
            size = _append(response, wanted, part, offset, length)
    except requests.exceptions.RequestException as error:
        raise failure_of(error) from None
    if length is not None and size < length:
        raise Passing(f"the connection ended after {size:,} of {length:,} bytes")
    _write_record(part, {**_read_record(part), "length": size})


def _append(response: requests.Response, wanted: Wanted, part: Path, offset: int, length: int | None) -> int:
    """Write the body from `offset` on; the size of the part afterwards."""
    limit = wanted.bytes if wanted.bytes is not None else length
    size = offset
    total = None if limit is None else -(-limit // CHUNK)
    name = f"{part.name.removesuffix('.part')} (MiB)"
    try:
        with part.open("r+b" if offset else "wb") as handle:
            handle.seek(offset)
            for chunk in progress(_chunks(response), what=name, total=total, initial=offset // CHUNK):
                if size == 0 and _MARKUP.match(chunk) and not is_markup(wanted.name):
                    raise Refused("the server sends a web page in place of the file")
                size += len(chunk)
                if limit is not None and size > limit:
                    raise Refused(f"the server sends more than the {limit:,} bytes of the file")
                handle.write(chunk)
                handle.flush()  # what a killed process has received stays
    except Refused:
        _delete(part)
        raise
    except requests.exceptions.RequestException as error:
        raise failure_of(error) from None
    return size


def _chunks(response: requests.Response) -> Iterator[bytes]:
    return (chunk for chunk in response.iter_content(CHUNK) if chunk)


def _checked(url: str, wanted: Wanted, part: Path) -> Fetched:
    """Check the size and the hash of a complete part; a wrong one is deleted."""
    size = part.stat().st_size
    if wanted.bytes is not None and size != wanted.bytes:
        _delete(part)
        raise Refused(f"the file has {size:,} bytes there, not {wanted.bytes:,}")
    digest = sha256(part)
    expected = wanted.sha256 or wanted.recorded
    if expected is not None and digest != expected:
        _delete(part)
        raise Refused(f"SHA-256 is {digest}, expected {expected}")
    return Fetched(part, url, size, digest)


def address(url: str) -> str:
    """The address that is requested: HF_ENDPOINT replaces the Hub's own host, as in its own client."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return endpoint + url.removeprefix(HUB) if endpoint and url.startswith(f"{HUB}/") else url


def _headers(url: str, wanted: Wanted, offset: int, known: dict[str, object]) -> dict[str, str]:
    headers = {"Accept-Encoding": "identity"}  # a compressed body has another length
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if known.get("validator"):
            headers["If-Range"] = str(known["validator"])
    token = os.environ.get("HF_TOKEN")
    # requests drops the header where the Hub redirects to another host
    if wanted.gated and token and url.startswith(f"{HUB}/"):
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _record_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_record(part: Path) -> dict[str, object]:
    try:
        content = json.loads(_record_of(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_record(part: Path, content: dict[str, object]) -> None:
    # one temporary name, so that a killed process leaves no more than the next one replaces
    new = _record_of(part).with_suffix(".new")
    new.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
    new.replace(_record_of(part))


def _delete(part: Path) -> None:
    part.unlink(missing_ok=True)
    _forget(part)


def _forget(part: Path) -> None:
    _record_of(part).unlink(missing_ok=True)
    _record_of(part).with_suffix(".new").unlink(missing_ok=True)


def _remedy(wanted: Wanted, failures: Sequence[str]) -> str:
    text = " ".join(failures)
    if wanted.gated and ("status 401" in text or "status 403" in text):
        page = wanted.urls[-1].partition("/resolve/")[0]
        return f"accept the terms at {page} and set HF_TOKEN to a token of that account"
    if "SHA-256" in text and not wanted.sha256:
        return "run again; if the publisher has replaced the file, remove its line from .nearmiss/checksums.tsv"
    if "SHA-256" in text or "bytes there" in text:
        return "run again; if the publisher has replaced the file, correct the entry in a file for --catalog"
    if "web page" in text and any("drive" in (urlsplit(url).hostname or "") for url in wanted.urls):
        return "the daily limit of the host may be used up: run again later, or download the file with a browser"
    return "run again to continue; --mirror names another address, or place the file there yourself"
