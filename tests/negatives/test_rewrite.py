"""Negatives of an instruction model: whatever an endpoint answers, a negative passes the checks or has a reason."""

import sqlite3
from threading import Event

import pytest
from stub_endpoint import message, negatives, serving

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Caption, Corpus
from nearmiss.stages.negatives.checked_rows import CheckedRows
from nearmiss.stages.negatives.rewrite.method import METHOD
from nearmiss.stages.negatives.spec import RewriteConfig

DOG, CAT = "a red dog on a couch", "a cat on a bed"


@pytest.fixture
def rewritten(tmp_path):
    """Runs the method against a stub with the given captions and options."""

    def ran(stub, *said: str, seed: int = 0, **options) -> CheckedRows:
        captions = [Caption(str(at), str(at), text, None, "x") for at, text in enumerate(said or (DOG,))]
        corpus = Corpus(captions, table("images", []), table("objects", []), table("relations", []), seed)
        given = {"model": "m", "endpoint": stub.address, "first_wait": 0, "attempts": 3, "concurrency": 2} | options
        return check_candidates(corpus, METHOD, RewriteConfig(answers=str(tmp_path / "answers"), **given), "rewrite")

    return ran


def test_answers_become_negatives_with_edits_labels_and_seeds(rewritten):
    with serving(lambda caption, _: negatives("a blue dog on a couch", "a red dog under a couch")) as stub:
        rows = rewritten(stub).negatives
    assert [row["negative"] for row in rows] == ["a blue dog on a couch", "a red dog under a couch"]
    assert [row["concept"] for row in rows] == ["color", "relation"]
    assert rows[0]["edits"] == [{"start": 2, "end": 5, "old": "red", "new": "blue"}]
    (request,) = stub.requests
    assert request["model"] == "m" and isinstance(request["seed"], int)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (message("Sure! Here you are: a blue dog"), "the answer is not JSON"),
        (message('```json\n{"negatives": []}\n```'), "the answer is not JSON"),
        (message("[" * 100_000), "the answer is not JSON"),
        (message(["a blue dog"]), "the answer has not the requested form"),
        (message({"negatives": [{"caption": "a blue dog"}]}), "the answer has not the requested form"),
        (message({"negatives": [{"kind": "mood", "caption": "a dog"}]}), "the answer has not the requested form"),
        (message({"negatives": [{"kind": "object", "caption": 5}]}), "the answer has not the requested form"),
        (message({"negatives": []}), "the answer has no caption"),
        (negatives(DOG), "the answer repeats the caption"),
        (negatives("A red dog, on a couch."), "the answer repeats the caption"),
        (negatives(""), "the caption is empty"),
        (negatives("a red dog \U0001f415 on a couch"), "the caption has emoji"),
        (negatives("un perro rojo en una cama"), "the caption is in another language"),
        (negatives("several people walk along a beach at dusk"), "the answer changes too much of the caption"),
        (negatives("a red animal on a couch"), "the image's captions use a more or less general word"),
        (negatives("an red bear on a couch"), "grammar: 'a' or 'an' does not fit"),
        ((400, {"error": "too long"}, {}), "the endpoint: status 400"),
        ((200, {"choices": [{"message": {"content": None}}]}, {}), "the endpoint: the message has no text"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(rewritten, answer, reason):
    with serving(lambda caption, _: negatives("a cat under a bed") if caption == CAT else answer) as stub:
        checked = rewritten(stub, DOG, CAT)
    assert [row["negative"] for row in checked.negatives] == ["a cat under a bed"]
    assert [row["reason"] for row in checked.rejected] == [reason]


@pytest.mark.parametrize(
    "failure",
    [(429, {}, {"Retry-After": "0"}), (500, {}, {}), (503, b"busy", {}), (200, b"<html>", {}), (200, None, {})],
)
def test_a_failure_that_may_pass_is_followed_by_another_attempt(rewritten, failure):
    good = negatives("a blue dog on a couch")
    with serving(lambda _, earlier: failure if earlier < 2 else good) as stub:
        assert len(rewritten(stub).negatives) == 1
    assert len(stub.requests) == 3


def test_an_endpoint_that_does_not_answer_in_time_is_asked_again(rewritten):
    released = Event()

    def late(_, earlier):
        if not earlier:
            released.wait(5)
        return negatives("a blue dog on a couch")

    with serving(late) as stub:
        assert len(rewritten(stub, timeout=0.2).negatives) == 1
        released.set()
    assert len(stub.requests) == 2


def test_one_caption_that_always_fails_costs_only_itself(rewritten):
    with serving(lambda caption, _: (500, {}, {}) if caption == DOG else negatives("a cat under a bed")) as stub:
        checked = rewritten(stub, DOG, CAT)
    assert [row["reason"] for row in checked.rejected] == ["the endpoint: status 500 (3 attempts)"]
    assert len(checked.negatives) == 1


def test_an_endpoint_that_never_answers_ends_the_run_and_what_was_answered_is_not_requested_again(rewritten):
    said = [f"a red dog near {number} cats" for number in range(12)]
    fails = Event()
    fails.set()

    def reply(caption, _):
        return (
            (500, {}, {}) if fails.is_set() and caption not in said[:5] else negatives(caption.replace("red", "blue"))
        )

    with serving(reply) as stub:
        with pytest.raises(InputError, match="the endpoint gives no answers: status 500"):
            rewritten(stub, *said)
        fails.clear()
        before = len(stub.requests)
        whole = rewritten(stub, *said)
        assert len(whole.negatives) == 12
        captions = [each["messages"][-1]["content"] for each in stub.requests[before:]]
        assert len(captions) == len(set(captions)) <= 12 - 5
        again = rewritten(stub, *said)
        assert len(stub.requests) == before + len(captions) and again.negatives == whole.negatives


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_or_an_address_that_is_refused_ends_the_run_at_once(rewritten, status):
    with serving(lambda *_: (status, {}, {})) as stub, pytest.raises(InputError, match=f"status {status}"):
        rewritten(stub)
    assert len(stub.requests) == 1


def test_an_answer_belongs_to_its_model_seed_and_prompt(rewritten, tmp_path):
    with serving(lambda *_: negatives("a blue dog on a couch")) as stub:
        for options in ({}, {}, {"seed": 1}, {"model": "other"}, {"temperature": 0.0}, {"kinds": ["object"]}):
            rewritten(stub, **options)
    assert len(stub.requests) == 5
    with sqlite3.connect(tmp_path / "answers" / "answers.sqlite") as database:
        kept = database.execute("SELECT model, seed FROM answers").fetchall()
    assert len(kept) == 5 and {model for model, _ in kept} == {"m", "other"} and len({seed for _, seed in kept}) == 2


def test_a_damaged_file_of_answers_is_named(rewritten, tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "answers.sqlite").write_bytes(b"nonsense" * 1000)
    with serving(lambda *_: negatives("a blue dog")) as stub, pytest.raises(InputError, match="damaged"):
        rewritten(stub)
    assert not stub.requests


def test_the_key_of_the_environment_is_sent_to_the_endpoint_and_to_no_other(rewritten, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "secret")
    with serving(lambda *_: negatives("a blue dog on a couch")) as other:
        elsewhere = (307, {}, {"Location": f"{other.address}/chat/completions"})
        with serving(lambda *_: elsewhere) as stub:
            checked = rewritten(stub, api_key_variable="SOME_KEY")
    assert stub.headers[0]["Authorization"] == "Bearer secret" and not other.requests
    assert [row["reason"] for row in checked.rejected] == ["the endpoint: status 307"]


def test_a_run_without_a_model_or_an_address_is_refused(rewritten):
    with serving(lambda *_: negatives("a")) as stub:
        with pytest.raises(InputError, match="needs a model"):
            rewritten(stub, model=None)
        with pytest.raises(InputError, match="no web address"):
            rewritten(stub, endpoint="file:///etc/passwd")
    assert not stub.requests
