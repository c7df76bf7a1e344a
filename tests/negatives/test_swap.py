"""NegCLIP's swaps: two spans of one class are swapped, unless that preserves the meaning."""

import json
from collections import Counter
from pathlib import Path

import pytest
import small_world
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.base.errors import InputError
from nearmiss.base.tables import table
from nearmiss.engine.text.edits import replay
from nearmiss.engine.text.exchange import BESIDE, LISTED, PART, RELATED, SHARED, same_either_way
from nearmiss.engine.text.spans import SPANS, agree
from nearmiss.engine.text.tagging import tag
from nearmiss.engine.text.tokens import normalized, tokenize
from nearmiss.engine.text.usage import Usage
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Rejected
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.registry import METHODS
from nearmiss.stages.negatives.spec import SwapConfig
from nearmiss.stages.negatives.swap.method import generate

SHARED_DATA = Path(__file__).parents[3] / "shared"
CAPTIONS = SHARED_DATA / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
TAGGER = SHARED_DATA / "models" / "en_ewt_tagger"
EVERY = {"per_caption": 50}


def corpus(*texts: str, seed: int = 0) -> Corpus:
    """Captions of one image each, without annotations."""
    captions = tuple(Caption(f"{at:04}", f"{at:04}", text, None, "x") for at, text in enumerate(texts))
    return Corpus(captions, table("images", []), table("objects", []), table("relations", []), seed)


def outcomes(text: str, **options) -> list:
    return list(generate(corpus(text), SwapConfig(**{**EVERY, **options})))


def negatives(text: str, **options) -> set[tuple[str, str]]:
    return {(o.type, o.negative) for o in outcomes(text, **options) if isinstance(o, Candidate)}


def reasons(text: str, **options) -> set[str]:
    return {o.reason for o in outcomes(text, **options) if isinstance(o, Rejected)}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("NP", "A small dog above an old horse", {"An old horse above a small dog"}),
        ("NN", "A small dog above an old horse", {"A small horse above an old dog"}),
        ("NNS", "red dogs above blue horses", {"red horses above blue dogs"}),
        ("ADJ", "a small dog above an orange horse", {"an orange dog above a small horse"}),
        ("VP", "a dog chasing a cat pulling a cart", {"a dog pulling a cat chasing a cart"}),
        ("ADV", "a dog slowly running above a quickly turning wheel", None),
    ],
)
def test_each_class_swaps_its_spans(name, text, expected):
    found = negatives(text, classes=[name])
    if expected is None:
        expected = {"a dog quickly running above a slowly turning wheel"}
    assert found == {(name, negative) for negative in expected}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a cat and a dog", LISTED),
        ("a cat, a dog and a bird", LISTED),
        ("two cats and two dogs", LISTED),
        ("a cat standing next to a dog", BESIDE),
        ("a cat is sitting near a dog", BESIDE),
        ("a bowl of the soup", PART),
        ("a boy above a person", RELATED),
        ("small horses and dogs", SHARED),
    ],
)
def test_a_swap_that_preserves_the_statement_is_rejected(text, reason):
    assert negatives(text, classes=["NN", "NNS"]) == set()
    assert reason in reasons(text, classes=["NN", "NNS"])


def test_nouns_are_swapped_only_if_both_or_neither_have_an_article():
    assert negatives("a bowl above soup", classes=["NN"]) == set()  # "a soup above bowl"
    assert negatives("a bowl above a soup", classes=["NN"]) == {("NN", "a soup above a bowl")}


def test_symmetric_relations_are_not_swapped():
    assert reasons("a red cow with a blue cow", classes=["NP"]) == {RELATED}
    assert negatives("a red cow above a blue cow", classes=["NP"]) == {("NP", "a blue cow above a red cow")}


def test_without_the_rule_the_statement_is_preserved():
    """The planted fault: the pair that is refused agrees in all else, so only the rule of meaning holds it back."""
    (sentence,) = tag(["a cat standing next to a dog"])
    one, other = SPANS["NN"]("a cat standing next to a dog", sentence, Usage([sentence]))
    assert agree(one, other)
    assert same_either_way(sentence, one, other) == BESIDE
    (sentence,) = tag(["a cat above a dog"])
    one, other = SPANS["NN"]("a cat above a dog", sentence, Usage([sentence]))
    assert same_either_way(sentence, one, other) is None


def test_swapping_a_list_with_adjectives_changes_the_statement():
    assert ("NN", "a red dog and a small cat") in negatives("a red cat and a small dog", classes=["NN"])
    assert reasons("a red cat and a blue cat", classes=["ADJ"]) == {LISTED}


def test_a_swap_equal_to_another_caption_of_the_image_is_rejected():
    captions = tuple(
        Caption(str(at), "1", text, None, "x") for at, text in enumerate(["a cat on a bed", "a bed on a cat"])
    )
    own = Corpus(captions, table("images", []), table("objects", []), table("relations", []), 0)
    found = list(generate(own, SwapConfig(classes=["NN"])))
    assert {o.reason for o in found} == {"states what a caption of the image states"}


def test_swaps_depend_only_on_caption_and_seed():
    texts = ["a red cat above a small dog on a blue box", "a green cup under an old table by a large door"]
    options = SwapConfig(per_caption=2)
    first = [o.negative for o in generate(corpus(*texts), options)]
    assert first == [o.negative for o in generate(corpus(*texts), options)]
    others = {tuple(o.negative for o in generate(corpus(*texts, seed=seed), options)) for seed in range(1, 8)}
    assert others - {tuple(first)}
    per_caption = Counter(o.caption_id for o in generate(corpus(*texts), options) if isinstance(o, Candidate))
    assert max(per_caption.values()) == 2


words = st.sampled_from(
    ["a", "the", "red", "small", "dog", "cats", "Elephant", "running", "slowly", "and", "near", "on"]
)


@settings(max_examples=80)
@given(st.lists(words, min_size=1, max_size=12), st.integers(0, 3))
def test_swaps_split_no_word(parts, seed):
    text = " ".join(parts)
    for outcome in generate(corpus(text, seed=seed), SwapConfig(per_caption=50)):
        if isinstance(outcome, Candidate):
            assert replay(text, outcome.all_edits()) == outcome.negative
            before, after = (
                Counter(token.lower for token in tokenize(each) if token.lower not in ("a", "an"))
                for each in (text, outcome.negative)
            )
            assert before == after
        else:
            assert outcome.reason


def test_annotations_contradict_every_negative_of_the_world(tmp_path):
    taken = check_candidates(read_corpus(**small_world.write(tmp_path, 60)), METHODS["swap"], SwapConfig(), "swap")
    assert len(taken.negatives) > 100
    assert {row["verdict"] for row in taken.negatives} == {"verified"}
    assert taken.reasons()[LISTED] > 0


def test_a_missing_tagger_is_named_with_the_install_command(tmp_path):
    with pytest.raises(InputError, match="spacy download"):
        list(generate(corpus("a cat on a bed"), SwapConfig(tagger=str(tmp_path / "absent"))))


def test_free_captions_without_a_tagger_are_refused_before_compute():
    free = corpus(*(f"the weathered fisherman mends his nets quietly, day {day}" for day in range(60)))
    with pytest.raises(InputError, match="no tagger for free captions") as caught:
        next(generate(free, SwapConfig()))
    assert "spacy download" in str(caught.value)


@pytest.mark.realdata
@pytest.mark.skipif(not (CAPTIONS.exists() and TAGGER.exists()), reason="the real data folder is absent")
def test_swaps_of_coco_captions_equal_no_caption_of_their_image():
    records = sorted(json.loads(CAPTIONS.read_text())["annotations"], key=lambda record: record["image_id"])[:300]
    captions = tuple(
        Caption(str(record["id"]), str(record["image_id"]), record["caption"].strip(), None, "x") for record in records
    )
    own = Corpus(captions, table("images", []), table("objects", []), table("relations", []), 0)
    taken = check_candidates(own, METHODS["swap"], SwapConfig(tagger=str(TAGGER)), "swap")
    assert len({row["caption_id"] for row in taken.negatives}) / len(captions) > 0.55
    texts = {(caption.image_id, normalized(caption.text)) for caption in captions}
    for row in taken.negatives:
        assert (row["image_id"], normalized(row["negative"])) not in texts
        ends = {end for token in tokenize(row["positive"]) for end in (token.start, token.end)}
        assert all({edit["start"], edit["end"]} <= ends for edit in row["edits"])
