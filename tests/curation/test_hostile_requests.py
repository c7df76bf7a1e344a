"""Unauthorized requests and invalid bodies are refused with a message, and the server continues."""

import json
import re
import socket
from threading import Thread

import pytest
import toy_sets
from test_server import HOME, TOKEN, Page, page_of

from nearmiss.engine.curation import server as serving
from nearmiss.engine.curation.server import listen
from nearmiss.engine.curation.store import Decision

LONG = "a red ball on a mat " * 200  # 4,000 characters


@pytest.fixture
def page(tmp_path):
    found = page_of(toy_sets.pairs(tmp_path), tmp_path / "decisions.db")
    yield found
    found.store.close()


@pytest.fixture
def port(page, monkeypatch):
    """A server that gives a silent connection a fifth of a second."""
    monkeypatch.setattr(serving._Quiet, "timeout", 0.2)
    server = listen(page.app, 0)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def send_request(port: int, page: Page, head: str, body: bytes = b"", *, cookie: bool = True) -> tuple[int, str]:
    """Send bytes to the server; the status and text of its response."""
    lines = [f"Host: 127.0.0.1:{port}", *([f"Cookie: {page.cookie}={TOKEN}"] if cookie else []), "\r\n"]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{head}\r\n".encode() + "\r\n".join(lines).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, response_text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(response_text).get("problem", "")


def decides(port: int, page: Page) -> bool:
    body = json.dumps({"item": "1", "decision": "accept", "token": "afterwards"}).encode()
    head = f"POST /{page.session}/decisions HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return send_request(port, page, head, body) == (200, "") and page.store.last() == [Decision("anna", "1", "accept")]


@pytest.mark.parametrize(
    ("headers", "body", "status", "words"),
    [
        pytest.param("Content-Length: 99999999999999999999999", b"{}", 413, "at most", id="longer than any disk"),
        pytest.param("Content-Length: 1000000", b"{}", 413, "at most", id="a megabyte"),
        pytest.param("X-None: 1", b"{}", 411, "length", id="without a length"),
        pytest.param("Transfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n", 411, "length", id="in chunks"),
        pytest.param(
            "Transfer-Encoding: chunked\r\nContent-Length: 2", b"2\r\n{}\r\n0\r\n\r\n", 411, "length", id="both"
        ),
        pytest.param("Content-Length: -1", b"{}", 400, "not a number", id="a negative length"),
        pytest.param("Content-Length: 1e3", b"{}", 400, "not a number", id="no number"),
        pytest.param("Content-Length: \u0662", b"{}", 400, "not a number", id="a digit of another script"),
        pytest.param("Content-Length: 2\r\nContent-Length: 200", b"{}", 408, "did not arrive", id="two lengths"),
        pytest.param("Content-Length: 0", b"", 400, "not JSON", id="empty"),
        pytest.param("Content-Length: 500", b"{", 408, "did not arrive", id="a body that never comes"),
    ],
)
def test_a_wrong_content_length_is_refused_and_the_server_continues(page, port, headers, body, status, words):
    head = f"POST /{page.session}/decisions HTTP/1.1\r\nContent-Type: application/json\r\n{headers}"
    answered, response_text = send_request(port, page, head, body)
    assert answered == status, response_text
    assert re.search(words, response_text)
    assert page.store.history() == []
    assert decides(port, page)


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "\u0663"])
@pytest.mark.parametrize("path", ["items/{}", "images/{}/original", "progress?after={}"])
def test_invalid_indices_are_handled(page, path, number):
    answer = page.get(path.format(number))
    assert answer.status_code in (200, 400, 404), answer.text
    assert answer.status_code == 200 or answer.json["problem"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" * 50_000, "not JSON"),
        (b'{"a":' * 10_000, "not JSON"),
        (b'{"item": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"item": ' + b"9" * 401 + b"}", "'item' must be a string"),
        (b'{"item": 1e400}', "'item' must be a string"),
        (b'{"item": NaN}', "'item' must be a string"),
        (b'{"item": "0", "decision": {"a": [1]}, "token": "t"}', "'accept' or 'refuse'"),
        (b'{"item": "0", "decision": "refuse", "reason": ["seam"], "token": "t"}', "'reason' must be a string"),
        (b'{"item": "0", "decision": "accept", "token": ["t"]}', "'token' must be a string"),
        (b'{"item": "0", "decision": "accept", "token": "' + b"t" * 201 + b'"}', "at most 200"),
        (b'{"item": "0", "decision": "accept", "token": "t", "caption": "half \\ud800"}', "surrogate"),
        (b'{"item": "0", "decision": "accept", "token": "\\udfff"}', "surrogate"),
        (b'{"item": "\\ud83d", "decision": "accept", "token": "t"}', "surrogate"),
        (b'{"item": "0\xff"}', "not JSON"),
    ],
)
def test_an_invalid_body_is_refused_with_a_message(page, body, words):
    answer = page.send(data=body, content_type="application/json")
    assert (answer.status_code // 100, page.store.history()) == (4, [])
    assert words in answer.json["problem"]


def test_the_length_limit_depends_on_the_items_captions(tmp_path):
    row = toy_sets.pair(0, coco_caption=LONG, inpaint_caption=f"{LONG}and a cat")
    page = page_of(toy_sets.pairs(tmp_path, row), tmp_path / "decisions.db")
    longest = page.get("items/0").json["longest"]
    assert longest >= 2 * len(LONG)
    assert page.decide(caption=f"{LONG}and a cat").json["saved"] == "t"
    assert page.decide(caption=f"{LONG}and a dog", token="u").json["saved"] == "u"
    assert page.store.last() == [Decision("anna", "0", "accept", caption=f"{LONG}and a dog")]
    assert page.decide(caption="\U0001f600" * longest, token="v").status_code == 200
    assert page.decide(caption="x" * (longest + 1), token="w").status_code == 400


def test_a_reused_token_is_not_acknowledged(page):
    assert page.decide(item="0").status_code == 200
    assert page.decide(item="0").status_code == 200  # sent again
    assert page.decide(item="1").status_code == 400
    assert page.decide(caption="a purple ball on a mat").status_code == 400
    assert page.store.last() == [Decision("anna", "0", "accept")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/", "/S/progress", "/S/items/0", "/S/images/0/original", "/S/decisions", "/page/page.js", "/none"]
)
def test_requests_without_the_token_are_refused(page, method, path):
    path = path.replace("S", page.session)
    decision = {"item": "0", "decision": "accept", "token": "t"}
    for given in ({}, {"Cookie": f"{page.cookie}=wrong"}, {"Cookie": f"{page.cookie}="}, {"Cookie": f"other={TOKEN}"}):
        answer = page.app.test_client(use_cookies=False).open(
            path, method=method, base_url=HOME, headers=given, json=decision
        )
        assert answer.status_code == 403
        assert "ball" not in answer.text
        assert page.session not in answer.text
        assert "Set-Cookie" not in answer.headers
    assert page.store.history() == []


@pytest.mark.parametrize(
    "query", ["", "?token=", "?token=wrong", f"?token={TOKEN}x", "?token=%ff%00", "?Token=" + TOKEN]
)
def test_a_wrong_token_is_refused(page, query):
    assert page.app.test_client().get(f"/{query}", base_url=HOME).status_code == 403


def test_the_token_in_the_address_is_valid_only_for_the_page(page):
    client = page.app.test_client(use_cookies=False)
    assert client.get(f"/{page.session}/items/0?token={TOKEN}", base_url=HOME).status_code == 403


def test_the_cookie_is_http_only_and_same_site(page):
    client = page.app.test_client()
    answer = client.get(f"/?token={TOKEN}", base_url=HOME)
    flags = {each.strip().lower() for each in answer.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= flags
    assert TOKEN not in answer.text
    assert client.get(f"/{page.session}/items/0", base_url=HOME).status_code == 200


def test_every_start_of_the_server_has_a_new_token(tmp_path, serve):
    file = toy_sets.write_pairs(tmp_path / "pairs.parquet")
    first, second = (serve(file, tmp_path / "decisions.db").url.partition("token=")[2] for _ in range(2))
    assert first != second
    assert len(first) >= 32
