"""The page's server: local only, one annotator per server, decisions are on disk before they are acknowledged."""

import hashlib
import socket
import sqlite3
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.engine.curation.items import CurationSet, Item, Kind
from nearmiss.engine.curation.requests import (
    Refused,
    check_sender,
    decision_of,
    largest_body,
    longest_caption,
    read_object,
    text_of,
    token_of,
)
from nearmiss.engine.curation.store import Decision, Store, TokenTaken
from nearmiss.engine.text.edits import diff

LOOPBACK = "127.0.0.1"
TIMEOUT = 30.0
"""Seconds that a connection may be idle."""
_REASONS = Path(__file__).with_name("reasons.json")
_POLICY = (
    "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_IMAGE_POLICY = "default-src 'none'; sandbox"
_MARKED = 4_000_000  # product of the lengths of two captions whose differing words are marked


def reasons_of(kind: Kind) -> dict[str, str]:
    """The reasons for refusing an item of this kind: stored name and displayed sentence, in the page's order."""
    return read_json(_REASONS)[kind]


def create_app(curated: CurationSet, store: Store, annotator: str, token: str) -> Flask:
    """The page for one annotator, with the items and the annotator's own decisions.

    `token` is the secret of this start of the server: opening `/?token=...` sets a cookie; without either, requests are
    refused.
    """
    app = Flask(__name__, static_folder="page", static_url_path="/page", template_folder="page")
    largest = app.config["MAX_CONTENT_LENGTH"] = largest_body(curated.items)
    reasons = reasons_of(curated.kind)
    index_of = {item.key: index for index, item in enumerate(curated.items)}
    session = session_of(curated.digest, annotator)
    cookie = f"nearmiss-{session}"

    def own_decisions() -> dict[str, Decision]:
        return {each.item: each for each in store.last(annotator)}

    def progress(after: int) -> dict[str, Any]:
        """The annotator's progress, and the next undecided index, searched from `after` on and then from the start."""
        decided = own_decisions()
        total = len(curated.items)
        order = (index % total for index in range(after, after + total))
        upcoming = next((index for index in order if curated.items[index].key not in decided), None)
        return {"decided": len(decided), "total": total, "next": upcoming}

    @app.before_request
    def only_this_annotator() -> None:
        check_sender(request, cookie, token)

    @app.before_request
    def only_this_session() -> None:
        given = (request.view_args or {}).pop("session", session)
        if given != session:
            raise Refused(409, "this address now serves another set or another annotator: reload the page")

    @app.after_request
    def guarded(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    @app.errorhandler(Refused)
    def refused(error: Refused) -> tuple[Response, int]:
        return jsonify(problem=str(error)), error.status

    @app.errorhandler(sqlite3.Error)
    def unsaved(error: sqlite3.Error) -> tuple[Response, int]:
        if store.is_full(error):
            return jsonify(problem="the decision is not saved: the disk is full; free space and it is sent again"), 507
        return jsonify(problem=f"the decisions cannot be read or written: {error}"), 503

    @app.errorhandler(TokenTaken)
    def taken(error: TokenTaken) -> tuple[Response, int]:
        return jsonify(problem="another decision has this token: decide again"), 400

    @app.errorhandler(ClientDisconnected)
    def broken_off(error: ClientDisconnected) -> tuple[Response, int]:
        return jsonify(problem="the decision did not arrive"), 408

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> tuple[Response, int]:
        return jsonify(problem=error.description), error.code or 500

    @app.get("/")
    def page() -> Response:
        shown = {"kind": curated.kind, "annotator": annotator, "session": session, "reasons": reasons}
        response = Response(render_template("page.html", **shown), mimetype="text/html")
        response.set_cookie(cookie, token, httponly=True, samesite="Strict")
        return response

    @app.get("/<session>/progress")
    def where() -> Response:
        return jsonify(progress(request.args.get("after", 0, type=int) % len(curated.items)))

    @app.get("/<session>/items/<int:index>")
    def item(index: int) -> Response:
        if index >= len(curated.items):
            raise Refused(404, f"the set has {len(curated.items)} items")
        return jsonify(_shown(curated.items[index], index, session, own_decisions().get(curated.items[index].key)))

    @app.get("/<session>/images/<int:index>/<any(original, changed, outline):which>")
    def image(index: int, which: Any) -> Response:
        found = curated.image(index, which) if index < len(curated.items) else None
        if found is None:
            raise Refused(404, "there is no such image")
        response = Response(found.content, mimetype=found.media)
        response.headers["Cache-Control"] = "private, max-age=86400, immutable"
        response.headers["Content-Security-Policy"] = _IMAGE_POLICY
        return response

    @app.post("/<session>/decisions")
    def decide() -> Response:
        given = read_object(request, largest)
        index = index_of.get(text_of(given, "item"))
        if index is None:
            raise Refused(404, "the set has no such item")
        decision = decision_of(given, curated.items[index], annotator, reasons)
        named = token_of(given)
        store.add(decision, named)
        return jsonify(saved=named, **progress(index))

    return app


def session_of(digest: str, annotator: str) -> str:
    """An identifier of the annotator and the set, the first part of every data address.

    It prevents an open page, or decisions kept in its browser, from being assigned to another set or annotator when
    another server uses the port.
    """
    return hashlib.sha256(f"{digest}\n{annotator}".encode()).hexdigest()[:16]


def listen(app: Flask, port: int) -> BaseWSGIServer:
    """A server on the loopback address; port 0 selects a free one. Raises InputError if the port is in use."""
    with socket.socket() as trial:  # tested first: werkzeug exits the process if it cannot bind
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            problem = f"port {port} cannot be used: {error}"
            raise InputError(problem, record=f"--port {port}", remedy="give another port") from None
    return make_server(LOOPBACK, port, app, threaded=True, request_handler=_Quiet)


class _Quiet(WSGIRequestHandler):
    """Logs no successful requests: the terminal shows the address and errors."""

    timeout = TIMEOUT

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def _shown(item: Item, index: int, session: str, own: Decision | None) -> dict[str, Any]:
    """The data of an item for the page, without labels of generators and other annotators."""
    changed = item.changed if own is None or own.caption is None else own.caption
    return {
        "index": index,
        "item": item.key,
        "concept": item.concept,
        "original": _marked(changed, item.original),
        "changed": _marked(item.original, changed),
        "as_found": item.changed,
        "longest": longest_caption(item),
        "images": {which: f"/{session}/images/{index}/{which}" for which in item.images},
        "decision": None if own is None else own.decision,
        "reason": None if own is None else own.reason,
        "edited": own is not None and own.caption is not None,
    }


def _marked(before: str, after: str) -> list[list[Any]]:
    """`after` in pieces [text, whether it differs from `before`]; long texts are one piece, to limit the time."""
    if len(before) * len(after) > _MARKED:
        return [[after, False]]
    pieces: list[list[Any]] = []
    at = 0
    for edit in diff(after, before):
        pieces += [[after[at : edit.start], False], [after[edit.start : edit.end], True]]
        at = edit.end
    return [piece for piece in [*pieces, [after[at:], False]] if piece[0]]
