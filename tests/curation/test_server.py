"""What the server of the page sends, to whom, and what it refuses."""

import dataclasses
import re
import socket

import pytest
import toy_sets

from nearmiss.base.errors import InputError
from nearmiss.engine.curation.negatives import NegativeSet
from nearmiss.engine.curation.server import create_app, listen, reasons_of, session_of
from nearmiss.engine.curation.store import Decision, Store

HOME = "http://127.0.0.1:8765"
TOKEN = "the-secret-of-this-start"


@dataclasses.dataclass
class Page:
    """The server's application as anna's browser sees it."""

    app: object
    store: Store
    session: str
    cookie: str

    def client(self, host: str = "127.0.0.1"):
        """A browser that has opened the address with its token."""
        client = self.app.test_client()
        client.set_cookie(self.cookie, TOKEN, domain=host)
        return client

    def get(self, path: str, **options: object):
        return self.client().get(f"/{self.session}/{path}", base_url=HOME, **options)

    def decide(self, **decision: object):
        return self.send(json={"item": "0", "decision": "accept", "token": "t", **decision})

    def send(self, **request: object):
        return self.client().post(f"/{self.session}/decisions", base_url=HOME, **request)


def page_of(curated, file, annotator="anna") -> Page:
    store = Store(file, curated.digest)
    session = session_of(curated.digest, annotator)
    return Page(create_app(curated, store, annotator, TOKEN), store, session, f"nearmiss-{session}")


@pytest.fixture
def page(tmp_path):
    found = page_of(toy_sets.pairs(tmp_path), tmp_path / "decisions.db")
    yield found
    found.store.close()


def test_the_server_listens_only_on_the_loopback_address(page):
    server = listen(page.app, 0)
    try:
        assert server.socket.getsockname()[0] == "127.0.0.1"
    finally:
        server.server_close()


def test_a_port_in_use_is_an_input_error(page):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="another port"):
            listen(page.app, taken.getsockname()[1])


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_invalid_port_is_an_input_error(page, port):
    with pytest.raises(InputError, match="another port"):
        listen(page.app, port)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"])
def test_local_host_names_are_accepted(page, host):
    client = page.app.test_client()
    assert client.get(f"/?token={TOKEN}", base_url=f"http://{host}").status_code == 200
    assert client.get("/", base_url=f"http://{host}").status_code == 200


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org:8765", "192.168.1.7:8765", "[2001:db8::1]"])
def test_other_host_names_are_refused(page, host):
    answer = page.app.test_client().get(f"/?token={TOKEN}", base_url=f"http://{host}")
    assert answer.status_code == 403
    assert "machine of the server" in answer.json["problem"]


def test_another_machine_is_refused(page):
    answer = page.get("progress", environ_overrides={"REMOTE_ADDR": "192.168.1.7"})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["http://example.org", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8765"])
def test_a_request_of_another_page_is_refused(page, origin):
    assert page.get("progress", headers={"Origin": origin}).status_code == 403


def test_a_request_of_the_page_is_accepted(page):
    assert page.get("progress", headers={"Origin": HOME}).status_code == 200


def test_forms_of_other_pages_are_refused(page):
    answer = page.send(data={"item": "0", "decision": "accept"})
    assert answer.status_code == 415
    assert page.store.history() == []


def test_the_page_loads_only_its_own_files(page):
    answer = page.client().get("/", base_url=HOME)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(r'(src|href)="(?!/)', answer.text)
    assert "://" not in answer.text


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        ({"decision": "refuse", "reason": "ugly"}, 400, "listed reasons"),
        ({"decision": "refuse"}, 400, "listed reasons"),
        ({"decision": "refuse", "reason": "absurd"}, 400, "listed reasons"),  # a reason of negatives
        ({"decision": "perhaps"}, 400, "'accept' or 'refuse'"),
        ({"caption": " "}, 422, "empty"),
        ({"caption": " a red  ball on a mat "}, 422, "are equal"),
        ({"caption": "x" * 2001}, 400, "at most 2000"),
        ({"caption": 7}, 400, "must be a string"),
        ({"item": "99"}, 404, "no such item"),
        ({"token": ""}, 400, "token"),
    ],
)
def test_an_invalid_decision_is_refused_with_a_message_and_not_stored(page, wrong, status, words):
    answer = page.decide(**wrong)
    assert (answer.status_code, page.store.history()) == (status, [])
    assert words in answer.json["problem"]


@pytest.mark.parametrize("body", ["[1]", "7", "null", "{"])
def test_a_body_without_a_decision_is_refused(page, body):
    assert page.send(data=body, content_type="application/json").status_code == 400


def test_an_item_whose_original_caption_is_empty_can_only_be_refused(tmp_path):
    page = page_of(toy_sets.pairs(tmp_path, toy_sets.pair(0, coco_caption=None)), tmp_path / "decisions.db")
    assert page.decide().status_code == 422
    assert page.decide(decision="refuse", reason="original_wrong").status_code == 200


def test_requests_of_another_session_are_refused(page):
    """The item has the same key in every set of pairs: without the session it would be taken."""
    ben = dataclasses.replace(page, session=session_of("another digest", "anna"))
    for answer in (ben.decide(), ben.get("items/0"), ben.get("progress"), ben.get("images/0/original")):
        assert answer.status_code == 409
        assert "reload" in answer.json["problem"]
    assert page.store.history() == []


def test_a_decision_is_acknowledged_with_the_next_index(page):
    answer = page.decide(item="0").json
    assert answer == {"saved": "t", "decided": 1, "total": 5, "next": 1}


def test_after_the_last_item_skipped_items_follow(page):
    page.decide(item="0", token="a")
    assert page.decide(item="4", token="b").json["next"] == 1
    for item in "123":
        last = page.decide(item=item, token=item).json
    assert last == {"saved": "3", "decided": 5, "total": 5, "next": None}


def test_blanks_around_a_corrected_caption_are_removed(page):
    page.decide(caption="  a purple   ball on a mat ")
    assert page.store.last() == [Decision("anna", "0", "accept", caption="a purple ball on a mat")]


def test_an_unchanged_caption_is_not_a_correction(page):
    page.decide(caption="a blue ball on a mat")
    assert page.store.last() == [Decision("anna", "0", "accept")]


def test_an_item_has_the_changed_words_and_the_annotators_decision(page):
    page.decide(caption="a big ball on a mat")
    shown = page.get("items/0").json
    assert shown["original"] == [["a ", False], ["red", True], [" ball on a mat", False]]
    assert shown["changed"] == [["a ", False], ["big", True], [" ball on a mat", False]]
    assert (shown["decision"], shown["edited"], shown["as_found"]) == ("accept", True, "a blue ball on a mat")


def test_decisions_of_other_annotators_are_not_shown(tmp_path, page):
    page.decide(decision="refuse", reason="seam")
    ben = page_of(toy_sets.pairs(tmp_path), tmp_path / "decisions.db", annotator="ben")
    assert ben.get("progress").json["decided"] == 0
    shown = ben.get("items/0").json
    assert (shown["decision"], shown["reason"]) == (None, None)
    assert "anna" not in ben.get("items/0").text


def test_images_are_sent_unchanged_and_the_mask_as_an_outline(page):
    original = page.get("images/1/original")
    assert original.data == toy_sets.pair(1)["coco_image"]["bytes"]
    assert original.mimetype == "image/jpeg"
    assert page.get("images/1/changed").mimetype == "image/png"
    outline = page.get("images/1/outline")
    assert outline.mimetype == "image/svg+xml"
    # the border of the upper left quarter of 32 pixels, each side a line
    assert {"M0 0h16", "M0 16h16", "M0 0v16", "M16 0v16"} <= set(re.findall(r"M\d+ \d+[hv]\d+", outline.text))


@pytest.mark.parametrize("path", ["images/99/original", "items/99", "images/0/worker", "images/../items/0"])
def test_missing_resources_are_not_found(page, path):
    assert page.get(path).status_code == 404


def test_unsupported_image_formats_are_converted(tmp_path):
    tiff = toy_sets.pair(0, coco_image={"bytes": toy_sets.image((1, 2, 3), "TIFF"), "path": None})
    page = page_of(toy_sets.pairs(tmp_path, tiff), tmp_path / "decisions.db")
    assert page.get("images/0/original").data.startswith(b"\x89PNG")


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_a_broken_image_is_not_found_and_its_item_is_shown(tmp_path, content):
    row = toy_sets.pair(0, inpaint_image={"bytes": content, "path": None})
    page = page_of(toy_sets.pairs(tmp_path, row), tmp_path / "decisions.db")
    assert page.get("images/0/changed").status_code == 404
    assert page.get("items/0").status_code == 200


def test_negatives_show_the_image_of_their_caption(tmp_path):
    images, root = toy_sets.write_images(tmp_path / "images")
    file = toy_sets.write_negatives(tmp_path / "set") / "negatives.parquet"
    page = page_of(NegativeSet(file, images=images, root=root), tmp_path / "decisions.db")
    assert page.get("images/0/original").data == (root / "0.png").read_bytes()
    assert list(page.get("items/0").json["images"]) == ["original"]
    assert page.get("images/4/original").status_code == 404  # the file is missing
    assert page.get("images/0/changed").status_code == 404


def test_a_database_error_is_reported_and_the_decision_not_acknowledged(page):
    page.store.close()
    answer = page.decide()
    assert answer.status_code == 503
    assert "cannot be read or written" in answer.json["problem"]


@pytest.mark.parametrize("kind", ["pairs", "negatives"])
def test_every_reason_has_a_key(kind):
    assert 1 < len(reasons_of(kind)) <= 9
