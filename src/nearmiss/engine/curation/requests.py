"""Validation of requests: their origin, their length, and the decision in their body.

A refused request raises `Refused` with a status and a message. Statuses from 400 to 499 other than 403, 408 and 409
are permanent; the page keeps and displays such a decision and continues with later ones.
"""

import ipaddress
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from flask import Request

from nearmiss.engine.curation.items import Item, unfit
from nearmiss.engine.curation.store import Decision

_LONGEST = 2000  # characters of a corrected caption, unless the item's captions are longer
_LONGEST_TOKEN = 200
_NUMBER = re.compile(r"0|[1-9][0-9]*")
_BESIDE = 64 * 1024  # bytes of a request in addition to its longest text
_BYTES = 12  # of a character in JSON, at most: two escapes \\uXXXX


class Refused(Exception):
    """A refused request: a status and a message for the page."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def longest_caption(item: Item) -> int:
    """Maximum length of a corrected caption in characters: 2,000, or twice the item's longest caption."""
    return max(_LONGEST, 2 * len(item.original), 2 * len(item.changed))


def largest_body(items: list[Item]) -> int:
    """Maximum size of a decision on any of the items in bytes."""
    return _BESIDE + _BYTES * max(longest_caption(item) + len(item.key) for item in items)


def check_sender(request: Request, cookie: str, token: str) -> None:
    """Refuse other machines, pages of other sites, and requests without the token of this start of the server.

    The token is in the address in the terminal; opening it sets a cookie for later requests. Other users of this
    machine can reach the port, but do not have the token.
    """
    if not _is_loopback(request.remote_addr or "") or not _is_loopback(_name(request.host)):
        raise Refused(403, "this page is only available on the machine of the server")
    # a page of another site may send requests; the browser states the origin
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        raise Refused(403, "requests of other pages are refused")
    given = request.args.getlist("token") if request.path == "/" else []
    if not any(_same(each, token) for each in (*given, *request.cookies.getlist(cookie))):
        raise Refused(403, "open the address with the token that nearmiss curate serve printed at its last start")


def read_object(request: Request, largest: int) -> dict[str, Any]:
    """The JSON object in the body. Raises Refused if it is too long, incomplete or not an object."""
    length = request.headers.get("Content-Length")
    if length is None or "Transfer-Encoding" in request.headers:
        raise Refused(411, "the length of a decision must be given")
    if not _NUMBER.fullmatch(length):
        raise Refused(400, "the length of a decision is not a number")
    if len(length) > len(str(largest)) or int(length) > largest:
        raise Refused(413, f"a decision has at most {largest:,} bytes")
    if not request.is_json:  # excludes HTML forms of other sites
        raise Refused(415, "a decision must be JSON")
    body = request.get_data(cache=False)
    if len(body) < int(length):
        raise Refused(400, "the decision is incomplete")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the decision is not JSON") from None
    if not isinstance(given, dict):
        raise Refused(400, "a decision must be a JSON object")
    return given


def text_of(given: Mapping[str, Any], name: str, longest: int | None = None) -> str:
    """A string of the request, empty if it is missing. Raises Refused if it is not a string or not valid UTF-8."""
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or (longest is not None and len(value) > longest):
        limit = "" if longest is None else f" of at most {longest} characters"
        raise Refused(400, f"'{name}' must be a string{limit}")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused(400, f"'{name}' contains half of a character (a surrogate): type that character again")
    return value


def token_of(given: Mapping[str, Any]) -> str:
    """The identifier of the decision. Raises Refused if it is missing."""
    token = text_of(given, "token", _LONGEST_TOKEN)
    if not token:
        raise Refused(400, "a decision needs a token")
    return token


def decision_of(given: Mapping[str, Any], item: Item, annotator: str, reasons: Mapping[str, str]) -> Decision:
    """The decision of a request. Raises Refused, with a message for the annotator, if it is invalid."""
    verdict, reason = given.get("decision"), text_of(given, "reason")
    if verdict == "refuse":
        if reason not in reasons:
            raise Refused(400, "a refusal needs one of the listed reasons")
        return Decision(annotator, item.key, "refuse", reason=reason)
    if verdict != "accept":
        raise Refused(400, "a decision must be 'accept' or 'refuse'")
    as_found = " ".join(item.changed.split())
    if given.get("caption") is None:
        caption = as_found
    else:
        caption = " ".join(text_of(given, "caption", longest_caption(item)).split())
    if problem := unfit(item, caption):
        raise Refused(422, problem)
    return Decision(annotator, item.key, "accept", caption=None if caption == as_found else caption)


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _name(host: str) -> str:
    """The host of a Host header, without its port."""
    return host[1 : host.index("]")] if host.startswith("[") and "]" in host else host.rsplit(":", 1)[0]


def _is_loopback(name: str) -> bool:
    """Whether an address or name is a loopback address; other names can be made to resolve to it (DNS rebinding)."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
