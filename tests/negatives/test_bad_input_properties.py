"""For any captions and graphs: no method crashes, edits replace whole tokens, rows fit the schema."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearmiss.base.tables import SCHEMAS, table
from nearmiss.engine.formats import stream
from nearmiss.engine.text.edits import Edit, replay
from nearmiss.engine.text.tokens import tokenize
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Caption, Corpus
from nearmiss.stages.negatives.config import NegativesConfig
from nearmiss.stages.negatives.registry import METHODS

CONFIGS = NegativesConfig().methods
EXAMPLES = settings(max_examples=25, suppress_health_check=list(HealthCheck))
WORDS = [
    "a",
    "an",
    "the",
    "red",
    "Blue",
    "orange",
    "dog",
    "dogs",
    "man",
    "woman",
    "sheep",
    "on",
    "under",
    "left",
    "of",
    "to",
    "and",
    "is",
    "two",
    "three",
    "small",
    "LARGE",
    "table",
    "wine",
    "glass",
    "standing",
    ",",
    ".",
    "'",
    "-",
    "no",
]
printable = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
sentence = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
texts = st.lists(st.one_of(sentence, printable, st.tuples(sentence, printable).map(" ".join)), min_size=1, max_size=6)


def whole_tokens(text: str, edits: list[dict[str, Any]]) -> bool:
    """Whether each edit begins and ends where no token of the text is cut."""
    inside = {at for token in tokenize(text) for at in range(token.start + 1, token.end)}
    return not any({edit["start"], edit["end"]} & inside for edit in edits)


def check(corpus: Corpus, method: str) -> None:
    taken = check_candidates(corpus, METHODS[method], CONFIGS[method], method)
    for name, rows in (("negatives", taken.negatives), ("rejected", taken.rejected), ("captions", taken.captions())):
        assert table(name, rows).schema == SCHEMAS[name]
    for row in taken.negatives:
        assert row["negative"] != row["positive"]
        assert replay(row["positive"], [Edit(**edit) for edit in row["edits"]]) == row["negative"]
        assert whole_tokens(row["positive"], row["edits"]), row


@pytest.mark.parametrize("method", ["keyword", "replace", "random"])
@EXAMPLES
@given(texts=texts)
def test_any_caption_gives_negatives_or_reasons(method, texts):
    captions = tuple(Caption(str(n), str(n // 2), text, None, "published") for n, text in enumerate(texts))
    check(Corpus(captions, table("images", []), table("objects", []), table("relations", []), 0), method)


names = st.one_of(st.sampled_from(["dog", "dogs", "red cube", "ball", "man"]), printable.filter(str.strip))
things = st.lists(st.tuples(names, st.lists(names, max_size=3), st.integers(-20, 80)), min_size=1, max_size=5)
links = st.lists(st.tuples(st.integers(0, 5), names, st.integers(0, 5)), max_size=5)


@EXAMPLES
@given(things=things, links=links)
def test_any_graph_gives_negatives_or_reasons(things, links):
    objects = [
        {"object_id": str(n), "image_id": str(n % 2), "name": name, "attributes": attributes, "mask": None}
        | {"x": float(x), "y": float(x), "w": 10.0, "h": float(abs(x))}
        for n, (name, attributes, x) in enumerate(things)
    ]
    relations = [
        {"image_id": str(a % 2), "subject_id": str(a), "predicate": predicate, "object_id": str(b)}
        for a, predicate, b in links
    ]
    images = [
        {"image_id": str(n), "file": "", "width": 64, "height": 48, "split": "train", "source": "x"} for n in (0, 1)
    ]
    tables = table("images", images), table("objects", objects), table("relations", relations)
    check(Corpus((), *tables, 0), "scene_graph")


def test_an_edit_that_splits_a_word_is_detected():
    """The planted fault: "man" replaced inside "woman"."""
    assert whole_tokens("a woman", [{"start": 2, "end": 7}])
    assert not whole_tokens("a woman", [{"start": 4, "end": 7}])


plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), printable)
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(printable, inner), max_leaves=8)


@EXAMPLES
@given(content=st.dictionaries(printable, values), records=st.lists(values, max_size=5), piece=st.integers(1, 40))
def test_reading_in_chunks_equals_reading_the_whole_file(tmp_path_factory, content, records, piece):
    import json
    from unittest.mock import patch

    path = tmp_path_factory.getbasetemp() / "any.json"
    content = {**content, "annotations": records}
    path.write_text(json.dumps(content, indent=piece % 3 or None), encoding="utf-8")
    with patch.object(stream, "_PIECE", piece):
        found = list(stream.entries(path, ["annotations"]))
    assert [value for key, value in found if key == "annotations"] == records
    assert dict(pair for pair in found if pair[0] != "annotations") == {
        key: value for key, value in content.items() if key != "annotations"
    }
