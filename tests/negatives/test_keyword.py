"""Keyword substitution: complete on the world's captions, English on real ones, and careful where nothing decides."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
import small_world

from nearmiss.base.tables import table, write_table
from nearmiss.engine.text.edits import diff
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Rejected
from nearmiss.stages.negatives.keyword.matching import find_keywords
from nearmiss.stages.negatives.keyword.method import METHOD, _Shuffled, generate
from nearmiss.stages.negatives.keyword.words import Choice, Choices
from nearmiss.stages.negatives.reading import read_corpus
from nearmiss.stages.negatives.spec import KeywordConfig

CAPTIONS = Path(__file__).parents[3] / "shared" / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
MANY = KeywordConfig(per_caption=50)


def corpus_of(folder: Path, *texts: str | tuple[str, str]) -> Corpus:
    """A corpus without annotations; captions of one image unless given as (image, caption)."""
    rows = [("1", each) if isinstance(each, str) else each for each in texts]
    captions = [
        {"caption_id": f"{number:04}", "image_id": image_id, "text": text, "template_id": None, "source": "x"}
        for number, (image_id, text) in enumerate(rows)
    ]
    write_table(table("captions", captions), folder / "captions.parquet", "captions")
    return read_corpus(folder / "captions.parquet")


def negatives_of(corpus: Corpus, text: str, config: KeywordConfig = MANY) -> set[str]:
    return {o.negative for o in generate(corpus, config) if isinstance(o, Candidate) and o.positive == text}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Boats cross the lake", [("object", "Boats")]),
        ("A man trains for the race", [("object", "man")]),
        ("a dog house next to a bus stop", [("location", "next to")]),
        ("a big hot dog on a table", [("size", "big"), ("object", "hot dog"), ("location", "on"), ("object", "table")]),
        ("a black and white photo", []),
        ("an orange cat eats an orange", [("color", "orange"), ("object", "cat"), ("object", "orange")]),
        ("an orange ring and an orange growing", [("color", "orange"), ("object", "ring"), ("object", "orange")]),
        ("a glass of orange juice", []),
        ("a little bit of cake", [("object", "cake")]),
        ("something on the left of the picture", [("location", "on the left of")]),
        ("she holds it over there", []),
        ("a red-haired woman's hat", []),
    ],
)
def test_keywords_are_found(text, expected):
    assert [(spot.concept, spot.text) for spot in find_keywords(text)] == expected


def test_new_words_come_from_the_corpus_with_their_number_and_article(tmp_path):
    corpus = corpus_of(tmp_path, "a dog and two cats", ("2", "An elephant"), ("3", "a red sky"), ("4", "an orange sky"))
    assert negatives_of(corpus, "a dog and two cats") == {"an elephant and two cats", "a dog and two elephants"}
    assert negatives_of(corpus, "An elephant") == {"A dog", "A cat"}
    assert negatives_of(corpus, "a red sky") == set()  # red and orange can describe one object


def test_sizes_and_locations_are_replaced_by_opposites(tmp_path):
    texts = [
        "a tiny cat behind a sofa",
        "a short man",
        "a short road",
        "a cube left of a ball",
        "a cup on a table",
        "a cat at the top",
    ]
    corpus = corpus_of(tmp_path, *((str(number), text) for number, text in enumerate(texts)))
    config = KeywordConfig(concepts=["size", "location"], per_caption=50)
    assert [negatives_of(corpus, text, config) for text in texts] == [
        {"a large cat behind a sofa", "a tiny cat in front of a sofa"},
        {"a tall man"},
        {"a long road"},
        {"a cube right of a ball"},
        {"a cup under a table"},
        {"a cat at the bottom"},
    ]


def test_without_annotations_words_of_the_images_captions_are_refused_and_counted(tmp_path):
    corpus = corpus_of(tmp_path, "a dog", "a puppy near a cat", ("2", "a horse"), ("3", "two people"), ("4", "a man"))
    assert negatives_of(corpus, "a dog") == {"a horse"}
    reasons = Counter(o.reason for o in generate(corpus, MANY) if isinstance(o, Rejected))
    assert reasons["the image's captions use the word, and no annotation decides"] == 3
    assert "a man" not in {text for text in negatives_of(corpus, "two people")}


def test_annotations_permit_words_of_the_scene(tmp_path):
    paths = small_world.write(tmp_path, 60)
    corpus = read_corpus(**paths)
    taken = check_candidates(corpus, METHOD, KeywordConfig(), "keyword")
    assert {row["verdict"] for row in taken.negatives} == {"verified"}
    in_scene = [row for row in taken.negatives if row["foil_in_scene"]]
    assert len(in_scene) > len(taken.negatives) / 20


def test_captions_of_the_world_have_negatives_of_each_concept(tmp_path):
    corpus = read_corpus(**small_world.write(tmp_path, 100))
    taken = check_candidates(corpus, METHOD, KeywordConfig(), "keyword")
    given = Counter(row["caption_id"] for row in taken.negatives)
    assert len(given) / len(corpus.captions) > 0.85
    assert max(given.values()) <= 4
    concepts = {(row["caption_id"], row["type"]) for row in taken.negatives}
    spoken = {(caption.caption_id, spot.concept) for caption in corpus.captions for spot in find_keywords(caption.text)}
    assert len(concepts) / len(spoken) > 0.9
    assert {row["concept"] for row in taken.negatives} == {"object", "color", "size", "location", "relation"}


def test_words_are_inserted_about_as_often_as_removed(tmp_path):
    corpus = read_corpus(**small_world.write(tmp_path, 200))
    old, new = Counter(), Counter()
    for outcome in generate(corpus, KeywordConfig()):
        if isinstance(outcome, Candidate):
            (edit,) = diff(outcome.positive, outcome.negative)
            old[edit.old.split()[-1]] += 1
            new[edit.new.split()[-1]] += 1
    for word in ("small", "large", "red", "blue", "cube", "cone", "top", "bottom", "above", "below"):
        assert 0.6 < old[word] / new[word] < 1.6, word


class CoarseRandom(Random):
    """Its numbers are often equal."""

    def random(self) -> float:
        return round(super().random(), 1)


@pytest.mark.parametrize("kind", [Random, CoarseRandom])
def test_words_are_drawn_in_the_order_of_their_keys(kind):
    choices = Choices([Choice(f"g{n}", "x", False, frozenset()) for n in range(9)], [1 / (1 + n % 3) for n in range(9)])
    for seed in range(50):
        shuffled, random = _Shuffled(choices, kind(seed)), kind(seed)
        keys = [random.random() ** power for power in choices.powers]
        ordered = [choice for _, choice in sorted(zip(keys, choices.words, strict=True), reverse=True)]
        assert [shuffled.pop() for _ in choices.words] == ordered
        assert not shuffled.left


def test_several_keywords_can_change_at_once(tmp_path):
    texts = ["a small red cup on a table", "a large blue bowl under a chair", "a bowl", "nothing"]
    corpus = corpus_of(tmp_path, *((str(number), text) for number, text in enumerate(texts)))
    for several in (2, 3):
        config = KeywordConfig(edits_at_once=several, per_caption=3)
        made = [o for o in generate(corpus, config) if isinstance(o, Candidate)]
        assert made
        assert {sum(1 for _ in diff(o.positive, o.negative)) for o in made} <= {several, several - 1}  # neighbors join
        assert all(len(o.type.split("+")) <= several and "+" in o.type for o in made)
    refused = {o.caption_id: o.reason for o in generate(corpus, config) if isinstance(o, Rejected)}
    assert refused["0002"] == "fewer keywords than are edited at once"
    assert refused["0003"] == "no keyword"


@pytest.mark.parametrize(
    ("text", "never"),
    [
        ("a dark red car", {"a dark white car", "a dark black car"}),
        ("a man", {"a boy"}),
        ("a red light", {"a navy light", "a blue light"}),
        ("a people on a hill", {"a dogs on a hill"}),
    ],
)
def test_ungrammatical_or_possibly_true_negatives_are_not_written(tmp_path, text, never):
    texts = [
        text,
        "a white cat",
        "a black cat",
        "a navy cat",
        "a blue cat",
        "a green cat",
        "a boy",
        "two dogs",
        "a girl",
    ]
    corpus = corpus_of(tmp_path, *((str(number), each) for number, each in enumerate(texts)))
    assert not negatives_of(corpus, text) & never


def test_words_are_not_replaced_by_synonyms(tmp_path):
    texts = [
        "a puppy on a sofa",
        "a dog",
        "a kitten",
        "a couch",
        "a big bed",
        "a huge chair",
        "a small cup",
        "grey",
        "gray",
    ]
    corpus = corpus_of(tmp_path, *((str(number), each) for number, each in enumerate(texts)))
    groups = {spot.text.lower(): (spot.concept, spot.group) for text in texts for spot in find_keywords(text)}
    edits = [edit for o in generate(corpus, MANY) if isinstance(o, Candidate) for edit in diff(o.positive, o.negative)]
    known = [
        (groups[e.old.lower()], groups[e.new.lower()]) for e in edits if {e.old.lower(), e.new.lower()} <= {*groups}
    ]
    assert len(known) > 5
    assert all(old != new for old, new in known)


@pytest.mark.realdata
@pytest.mark.skipif(not CAPTIONS.exists(), reason="no real data")
def test_most_real_captions_have_negatives(tmp_path):
    records = json.loads(CAPTIONS.read_text(encoding="utf-8"))["annotations"][:2000]
    corpus = corpus_of(tmp_path, *((str(record["image_id"]), record["caption"].strip()) for record in records))
    taken = check_candidates(corpus, METHOD, KeywordConfig(), "keyword")
    assert len({row["caption_id"] for row in taken.negatives}) / len(corpus.captions) > 0.8
    types = Counter(row["type"] for row in taken.negatives)
    assert min(types.values()) > 50
    labeled = [row for row in taken.negatives if row["concept"] is not None]
    assert len(labeled) / len(taken.negatives) > 0.6


OBJECTS = KeywordConfig(concepts=["object"], per_caption=50)


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("Several giraffe by a fence", "two dogs", {"Several dogs by a fence"}),
        ("A pair of zebra by a fence", "two dogs", {"A pair of dogs by a fence"}),
        ("a woman brushing her hair", "a man", set()),
        ("the woman smiles", "a man", {"the man smiles"}),
        ("a bag of luggage", "an umbrella", set()),
        ("his luggage", "an umbrella", {"his umbrella"}),
        ("a child before a TV", "a keyboard", {"a child before a keyboard"}),
        ("A DOG RUNS", "a cat", {"A CAT RUNS"}),
    ],
)
def test_number_sex_mass_and_capitals_agree(tmp_path, text, other, expected):
    assert negatives_of(corpus_of(tmp_path, ("1", text), ("2", other)), text, OBJECTS) == expected


@pytest.mark.parametrize(("text", "found"), [("a car on a car", 0), ("a cat on a table", 1)])
def test_a_relation_between_equal_objects_is_not_replaced(tmp_path, text, found):
    own = corpus_of(tmp_path, ("1", text))
    assert len(negatives_of(own, text, KeywordConfig(concepts=["location"]))) == found
