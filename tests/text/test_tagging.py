"""Tags of the closed vocabulary are exact; offsets are those of our tokens with any pipeline."""

from pathlib import Path

import pytest

from nearmiss.base.errors import InputError
from nearmiss.engine.text.tagging import tag
from nearmiss.engine.text.tokens import tokenize
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.wording import words

TAGGER = Path(__file__).parents[3] / "shared" / "models" / "en_ewt_tagger"


def test_the_worlds_sentences_are_tagged():
    (found,) = tag(["There are two small orange crosses to the left of a ball."])
    assert [(each.text, each.pos, each.tag) for each in found] == [
        ("There", "PRON", "PRP"),
        ("are", "AUX", "VBP"),
        ("two", "NUM", "CD"),
        ("small", "ADJ", "JJ"),
        ("orange", "ADJ", "JJ"),
        ("crosses", "NOUN", "NNS"),
        ("to", "ADP", "IN"),
        ("the", "DET", "DT"),
        ("left", "NOUN", "NN"),
        ("of", "ADP", "IN"),
        ("a", "DET", "DT"),
        ("ball", "NOUN", "NN"),
        (".", "PUNCT", "."),
    ]


@pytest.mark.parametrize(
    ("text", "pos"),
    [
        ("a small orange", "NOUN"),
        ("a cube that is orange", "ADJ"),
        ("a cube that is small and orange", "ADJ"),
        ("an orange", "NOUN"),
    ],
)
def test_ambiguous_words_are_tagged_by_position(text, pos):
    (found,) = tag([text])
    assert found[-1].pos == pos


def test_no_word_of_the_world_is_tagged_as_a_verb():
    assert all(found[0].pos != "VERB" for found in tag(words(WorldConfig())))


def test_texts_keep_order_and_offsets():
    texts = ["a red cube", "", "a ball, on the left!", "a red cube"]
    found = list(tag(texts))
    assert [[(each.start, each.end) for each in tagged] for tagged in found] == [
        [(token.start, token.end) for token in tokenize(text)] for text in texts
    ]


def test_a_missing_pipeline_is_named():
    with pytest.raises(InputError, match="no_such_pipeline"):
        tag(["a cube"], "no_such_pipeline")


@pytest.mark.realdata
@pytest.mark.skipif(not TAGGER.exists(), reason="no real data")
def test_a_trained_pipeline_tags_our_tokens():
    (found,) = tag(["A man rides a brown horse."], str(TAGGER))
    assert [each.pos for each in found] == ["DET", "NOUN", "VERB", "DET", "ADJ", "NOUN", "PUNCT"]
    assert found[5].text == "horse"
