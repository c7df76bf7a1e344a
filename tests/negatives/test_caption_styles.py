"""Captions of other styles (alt text, titles, tokenized text): the errors that they brought out, by kind."""

import pytest

from nearmiss.base.tables import table
from nearmiss.engine.text.bigrams import Bigrams
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit, apply
from nearmiss.engine.text.exchange import ONE_PHRASE, same_either_way
from nearmiss.engine.text.kinds import NO_PERSON
from nearmiss.engine.text.spans import SPANS, nouns
from nearmiss.engine.text.tagging import Tagged
from nearmiss.engine.text.usage import Usage, of_one_kind
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method
from nearmiss.stages.negatives.keyword.matching import find_keywords
from nearmiss.stages.negatives.keyword.method import METHOD as KEYWORD
from nearmiss.stages.negatives.replace.gaps import EmptySlot, gaps
from nearmiss.stages.negatives.spec import KeywordConfig, SwapConfig
from nearmiss.stages.negatives.stage import write_negatives


def corpus_of(*said: str) -> Corpus:
    """A corpus of one caption an image, without annotations."""
    captions = [Caption(f"{number:04}", f"{number:04}", text, None, "x") for number, text in enumerate(said)]
    return Corpus(captions, table("images", []), table("objects", []), table("relations", []), 0)


def tagged(marked: str) -> tuple[str, tuple[Tagged, ...]]:
    """A caption and its tags, written as word/POS/tag."""
    text, sentence = "", []
    for each in marked.split():
        word, pos, fine = each.rsplit("/", 2)
        start = len(text) + (1 if text else 0)
        text = f"{text} {word}".strip()
        sentence.append(Tagged(word, start, start + len(word), pos, fine))
    return text, tuple(sentence)


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ("A child throws a Frisbee", "Frisbee", "kite", "A child throws a kite"),
        ("Three adults holding Frisbees", "adults", "Frisbees", "Three Frisbees holding Frisbees"),
        ("Dogs run. Cats sleep", "Cats", "horses", "Dogs run. Horses sleep"),
        ("A Man Riding A Wave", "Wave", "horse", "A Man Riding A Horse"),
        ("A MAN ON A BUS", "BUS", "train", "A MAN ON A TRAIN"),
        ("a man before a TV", "TV", "door", "a man before a door"),
        ('"Dogs" it says', "Dogs", "cats", '"Cats" it says'),
    ],
)
def test_a_capital_belongs_to_its_place_or_to_its_word(text, old, new, expected):
    start = text.index(old)
    assert apply(text, [Edit(start, start + len(old), old, new)]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red - haired girl on a bus", ["girl", "bus"]),
        ("a dog - friendly beach near a car", ["near", "car"]),
        ("a red\u00a0car by a fire\u00a0hydrant", ["red", "car", "fire\u00a0hydrant"]),
        ("a red\u2011haired girl", ["girl"]),
    ],
)
def test_parts_of_hyphenated_words_are_no_keywords(text, expected):
    assert [keyword.text for keyword in find_keywords(text)] == expected


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("a/DET/DT girl/NOUN/NN kneels/NOUN/NNS on/ADP/IN a/DET/DT bed/NOUN/NN", ["bed"]),
        ("a/DET/DT sewing/VERB/VBG machine/NOUN/NN on/ADP/IN a/DET/DT bed/NOUN/NN", ["bed"]),
        ("a/DET/DT man/NOUN/NN riding/VERB/VBG horses/NOUN/NNS", ["man", "horses"]),
        ("a/DET/DT German/ADJ/JJ shepherd/NOUN/NN on/ADP/IN a/DET/DT bed/NOUN/NN", ["bed"]),
        ("a/DET/DT queen/NOUN/NN -/PUNCT/HYPH size/NOUN/NN bed/NOUN/NN in/ADP/IN a/DET/DT room/NOUN/NN", ["room"]),
        ("a/DET/DT herd/NOUN/NN of/ADP/IN sheep/NOUN/NNS", ["sheep"]),
        ("a/DET/DT snow/NOUN/NN covered/VERB/VBN hill/NOUN/NN", ["hill"]),
        ("a/DET/DT hot/ADJ/JJ dog/NOUN/NN on/ADP/IN a/DET/DT tray/NOUN/NN", ["tray"]),
        ("a/DET/DT stop/NOUN/NN sign/VERB/VB by/ADP/IN a/DET/DT truck/NOUN/NN", ["truck"]),
        ("a/DET/DT cube/NOUN/NN left/NOUN/NN of/ADP/IN a/DET/DT ball/NOUN/NN", ["cube", "ball"]),
    ],
)
def test_compounds_names_amounts_and_verbs_are_not_moved(marked, expected):
    text, sentence = tagged(marked)
    _, kneeling = tagged("she/PRON/PRP is/AUX/VBZ kneeling/VERB/VBG and/CCONJ/CC kneeling/VERB/VBG")
    _, herds = tagged("a/DET/DT herd/NOUN/NN of/ADP/IN cows/NOUN/NNS")
    usage = Usage([sentence, kneeling, herds])
    assert [span.text for span in nouns(text, sentence, usage)] == expected


def test_a_participle_that_has_no_object_elsewhere_is_not_swapped_for_one_that_has():
    text, sentence = tagged(
        "taking/VERB/VBG a/DET/DT creepy/NOUN/NN looking/VERB/VBG photo/NOUN/NN of/ADP/IN a/DET/DT cat/NOUN/NN"
    )
    others = [tagged("a/DET/DT cat/NOUN/NN looking/VERB/VBG at/ADP/IN a/DET/DT dog/NOUN/NN")[1]] * 5
    assert [span.text for span in SPANS["VP"](text, sentence, Usage([sentence, *others]))] == ["taking"]


def test_nouns_of_one_phrase_are_not_exchanged():
    text, sentence = tagged("a/DET/DT cloudless/NOUN/NN blue/ADJ/JJ sky/NOUN/NN")
    one, other = nouns(text, sentence, Usage([sentence]))
    assert same_either_way(sentence, one, other) == ONE_PHRASE


def test_a_verb_after_its_subject_is_no_compound_and_a_modifier_no_action():
    usage = Usage([tagged("a/DET/DT dog/NOUN/NN paddling/VERB/VBG and/CCONJ/CC paddling/VERB/VBG")[1]])
    text, sentence = tagged("a/DET/DT dog/NOUN/NN paddles/NOUN/NNS")
    assert isinstance(gaps(text, sentence, "object", usage, _first(), 2), EmptySlot)
    text, sentence = tagged("a/DET/DT dog/NOUN/NN paddling/NOUN/NN water/NOUN/NN")
    assert isinstance(gaps(text, sentence, "object", usage, _first(), 2), EmptySlot)
    text, sentence = tagged("a/DET/DT nicely/ADV/RB dressed/VERB/VBN woman/NOUN/NN")
    assert isinstance(gaps(text, sentence, "action", usage, _first(), 2), EmptySlot)


def _first():
    from random import Random

    return Random(0)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("man", "woman", True),
        ("girl", "dog", False),
        ("tennis player", "tennis", False),
        ("dog", "boy", False),
        ("bus", "zebra", False),
        ("bus", "train", True),
        ("street", "table", False),
        ("road", "puddle", True),
    ],
)
def test_a_new_noun_is_of_the_kind_of_the_old_one(old, new, says):
    assert of_one_kind(old, new, "NOUN") is says


def test_no_method_puts_another_word_in_the_place_of_a_person():
    texts = {
        "a pig on a couch": False,
        "a surgeon on a couch": False,
        "a woman on a couch": True,
        "a man on a bed": True,
    }

    def generate(corpus, options):
        for number, text in enumerate(texts):
            yield Candidate("0000", "0000", str(number), "a man on a couch", text)
        yield Candidate("0001", "0001", "swap", "a man on a horse", "a horse on a man")

    given = corpus_of("a man on a couch", "a man on a horse")
    checked = check_candidates(given, Method("x", generate), SwapConfig(), "x")
    assert [row["negative"] for row in checked.negatives] == [
        *(text for text, taken in texts.items() if taken),
        "a horse on a man",
    ]
    assert set(checked.reasons()) == {NO_PERSON}


def test_keyword_replaces_persons_by_persons():
    given = corpus_of("a person by a bed", "a dog", "a horse", "a man")
    checked = check_candidates(given, KEYWORD, KeywordConfig(concepts=["object"]), "keyword")
    assert {row["negative"] for row in checked.negatives if row["caption_id"] in ("0000", "0003")} == set()
    reasons = {row["caption_id"]: row["reason"] for row in checked.rejected}
    assert reasons["0000"] == reasons["0003"] == "no word can replace a keyword"


def test_objects_are_at_most_half_of_the_negatives_and_no_caption_loses_its_only_one():
    said = [f"a {color} dog near a cat" for color in ("red", "blue", "green", "black", "yellow")] * 8
    said += ["a horse", "a cow", "a bear"] * 10
    checked = check_candidates(corpus_of(*said), KEYWORD, KeywordConfig(), "keyword")
    types = [row["type"] for row in checked.negatives]
    assert 0.3 < types.count("object") / len(types) <= 0.5
    assert len({row["caption_id"] for row in checked.negatives}) == len(said)
    free = check_candidates(corpus_of(*said), KEYWORD, KeywordConfig(object_share=1), "keyword")
    types = [row["type"] for row in free.negatives]
    assert types.count("object") / len(types) > 0.5


def test_words_that_captions_never_have_side_by_side_have_a_large_gap():
    bigrams = Bigrams(
        ["a dog on the grass", "a cat on the grass", "a dog on the mat", "a cat on a mat", "the grass"] * 3
    )
    source = Text("a dog on the grass")
    likely, odd = (bigrams.gap(EditedText.of(source, text)) for text in ("a cat on the grass", "a on on the grass"))
    assert abs(likely) < 0.5 and odd > 3


def test_a_limit_of_the_gap_refuses_what_is_absurd_and_says_so(tmp_path):
    said = ["a bus on the road", "a train on the road", "a plane on the runway", "a train on the track"] * 4
    free, strict = (
        write_negatives(corpus_of(*said), KEYWORD, KeywordConfig(max_gap=gap), "keyword", tmp_path)
        for gap in (None, 0.5)
    )
    assert 0 < strict.negatives < free.negatives
    assert strict.all_reasons()["its words are far less likely than those of its caption"] > 0
