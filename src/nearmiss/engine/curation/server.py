"""The page's server: this machine only, one annotator a server, a decision is on the disk before it is acknowledged."""

import hashlib
import ipaddress
import socket
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.curation.items import CurationSet, Item, Kind, unfit
from nearmiss.engine.curation.store import Decision, Store
from nearmiss.engine.text.edits import diff

LOOPBACK = "127.0.0.1"
_REASONS = Path(__file__).with_name("reasons.json")
_POLICY = "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'"
_POLICY += "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_LONGEST = 2000  # characters of a caption or a token
_LARGEST = 64 * 1024  # bytes of a request


class Refused(Exception):
    """A request that is not answered: a status and one sentence for the page."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status = status


def reasons_of(kind: Kind) -> dict[str, str]:
    """The reasons to refuse an item of this kind: name as it is stored, and its sentence, in the page's order."""
    return read_json(_REASONS)[kind]


def create_app(curated: CurationSet, store: Store, annotator: str) -> Flask:
    """The page for one annotator, who sees the items and their own decisions and nobody else's."""
    app = Flask(__name__, static_folder="page", static_url_path="/page", template_folder="page")
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST
    reasons = reasons_of(curated.kind)
    places = {item.key: place for place, item in enumerate(curated.items)}
    session = session_of(curated.digest, annotator)

    def standing() -> dict[str, Decision]:
        return {each.item: each for each in store.last(annotator)}

    def progress(after: int) -> dict[str, Any]:
        """How far the annotator is, and the next undecided place, searched from `after` on and then from the start."""
        decided = standing()
        total = len(curated.items)
        order = (place % total for place in range(after, after + total))
        upcoming = next((place for place in order if curated.items[place].key not in decided), None)
        return {"decided": len(decided), "total": total, "next": upcoming}

    @app.before_request
    def only_this_machine() -> None:
        if not _is_loopback(request.remote_addr or "") or not _is_loopback(_name(request.host)):
            raise Refused(403, "this page is served to its own machine only")
        # a page of another site may send requests here; its browser says so
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{request.host}":
            raise Refused(403, "requests of other pages are refused")

    @app.before_request
    def only_this_session() -> None:
        given = (request.view_args or {}).pop("session", session)
        if given != session:
            raise Refused(409, "this address now serves another set or another annotator: reload the page")

    @app.after_request
    def guarded(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.errorhandler(Refused)
    def refused(error: Refused) -> tuple[Response, int]:
        return jsonify(problem=str(error)), error.status

    @app.errorhandler(sqlite3.Error)
    def unsaved(error: sqlite3.Error) -> tuple[Response, int]:
        return jsonify(problem=f"the decisions cannot be read or written: {error}"), 503

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> tuple[Response, int]:
        return jsonify(problem=error.description), error.code or 500

    @app.get("/")
    def page() -> str:
        shown = {"kind": curated.kind, "annotator": annotator, "session": session, "reasons": reasons}
        return render_template("page.html", **shown)

    @app.get("/<session>/progress")
    def where() -> Response:
        return jsonify(progress(request.args.get("after", 0, type=int) % len(curated.items)))

    @app.get("/<session>/items/<int:place>")
    def item(place: int) -> Response:
        if place >= len(curated.items):
            raise Refused(404, f"the set has {len(curated.items)} items")
        return jsonify(_shown(curated.items[place], place, session, standing().get(curated.items[place].key)))

    @app.get("/<session>/pictures/<int:place>/<any(original, changed, outline):which>")
    def picture(place: int, which: Any) -> Response:
        found = curated.picture(place, which) if place < len(curated.items) else None
        if found is None:
            raise Refused(404, "there is no such picture")
        response = Response(found.content, mimetype=found.media)
        response.headers["Cache-Control"] = "private, max-age=86400, immutable"
        return response

    @app.post("/<session>/decisions")
    def decide() -> Response:
        given = request.get_json()  # any other media type is refused, so that no form of another site fits
        if not isinstance(given, dict):
            raise Refused(400, "a decision is an object")
        place = places.get(_text(given, "item"))
        if place is None:
            raise Refused(404, "the set has no such item")
        token = _text(given, "token")
        if not token:
            raise Refused(400, "a decision needs a token")
        store.add(_decision(given, curated.items[place], annotator, reasons), token)
        return jsonify(saved=token, **progress(place))

    return app


def session_of(digest: str, annotator: str) -> str:
    """The name of an annotator's work on a set, with which every address of data begins.

    A page that is still open, or what its browser keeps, is then never taken for another set's or another annotator's
    when the next server takes over the port.
    """
    return hashlib.sha256(f"{digest}\n{annotator}".encode()).hexdigest()[:16]


def listen(app: Flask, port: int) -> BaseWSGIServer:
    """A server on the loopback address; port 0 takes a free one. Raises InputError where the port is taken."""
    with socket.socket() as trial:  # asked before: werkzeug ends the process where it cannot bind
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            problem = f"port {port} cannot be used: {error}"
            raise InputError(problem, record=f"--port {port}", remedy="give another port") from None
    return make_server(LOOPBACK, port, app, threaded=True, request_handler=_Quiet)


class _Quiet(WSGIRequestHandler):
    """Says nothing of requests that went well: the terminal is for the address and for errors."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def _name(host: str) -> str:
    """The host of a Host header, without its port."""
    return host[1 : host.index("]")] if host.startswith("[") and "]" in host else host.rsplit(":", 1)[0]


def _is_loopback(name: str) -> bool:
    """Whether an address or name is this machine's own; any other name may be pointed here by whoever owns it."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise Refused(400, f"'{name}' is a text of at most {_LONGEST} characters")
    return value


def _decision(given: Mapping[str, Any], item: Item, annotator: str, reasons: Mapping[str, str]) -> Decision:
    """The decision that a request holds, or Refused with the sentence that the annotator reads."""
    verdict, reason = given.get("decision"), _text(given, "reason")
    if verdict == "refuse":
        if reason not in reasons:
            raise Refused(400, "a refusal needs one of the listed reasons")
        return Decision(annotator, item.key, "refuse", reason=reason)
    if verdict != "accept":
        raise Refused(400, "a decision is 'accept' or 'refuse'")
    as_found = " ".join(item.changed.split())
    caption = " ".join(_text(given, "caption").split()) if given.get("caption") is not None else as_found
    if problem := unfit(item, caption):
        raise Refused(422, problem)
    return Decision(annotator, item.key, "accept", caption=None if caption == as_found else caption)


def _shown(item: Item, place: int, session: str, own: Decision | None) -> dict[str, Any]:
    """What the page is told of an item. What generators and other annotators say of it is not part of that."""
    changed = item.changed if own is None or own.caption is None else own.caption
    return {
        "place": place,
        "item": item.key,
        "concept": item.concept,
        "original": _marked(changed, item.original),
        "changed": _marked(item.original, changed),
        "as_found": item.changed,
        "pictures": {which: f"/{session}/pictures/{place}/{which}" for which in item.pictures},
        "decision": None if own is None else own.decision,
        "reason": None if own is None else own.reason,
        "edited": own is not None and own.caption is not None,
    }


def _marked(before: str, after: str) -> list[list[Any]]:
    """`after` in pieces [text, whether it differs from `before`]."""
    pieces: list[list[Any]] = []
    at = 0
    for edit in diff(after, before):
        pieces += [[after[at : edit.start], False], [after[edit.start : edit.end], True]]
        at = edit.end
    return [piece for piece in [*pieces, [after[at:], False]] if piece[0]]
