"""Rejections where no annotations decide, and edits that break grammar; the report counts them."""

import pytest
from published_files import coco, write

from nearmiss.base.files import read_json
from nearmiss.base.tables import table
from nearmiss.engine.text import collisions
from nearmiss.engine.text.collisions import Used, collision
from nearmiss.engine.text.edits import diff
from nearmiss.engine.text.grammar import ARTICLE, DOUBLED, NUMBER, broken
from nearmiss.engine.text.tokens import token_texts
from nearmiss.stages.negatives.acceptance import check_candidates
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method
from nearmiss.stages.negatives.spec import KeywordConfig
from nearmiss.stages.negatives.stage import run


def collides(positive: str, negative: str, *others: str) -> str | None:
    return collision(token_texts(positive), diff(positive, negative), Used.of([positive, *others]))


@pytest.mark.parametrize(
    ("positive", "negative", "other", "why"),
    [
        ("a dog runs", "a cat runs", "there is a cat", collisions.WORD),
        ("a dog runs", "a cat runs", "two cats", collisions.SYNONYM),
        ("a red car", "a grey car", "a gray van", collisions.SYNONYM),
        ("a dog runs", "a woman runs", "a tall person", collisions.HYPERNYM),
        ("a car stops", "a vehicle stops", "a bus", collisions.HYPERNYM),
        ("a cup of tea", "a wine glass of tea", "a wine glass", collisions.WORD),
        ("a dog runs", "a cat runs", "an animal", None),  # the animal is the dog
        ("a dog runs", "a cat runs", "a glass of wine", None),
        ("a cup of tea", "a wine glass of tea", "a bottle of wine", None),
        ("a blue door", "an orange door", "a bowl of fruit", None),
        ("a man on a dog", "a dog on a man", "a dog", None),  # nothing new is named
        ("a cat on a bed", "a cat under a bed", "a shoe under the table", None),
    ],
)
def test_inserted_words_that_occur_in_other_captions_collide(positive, negative, other, why):
    assert collides(positive, negative, other) == why


@pytest.mark.parametrize(
    ("positive", "negative", "why"),
    [
        ("a red car", "a orange car", ARTICLE),
        ("two sheep and a dog", "two elephant and a dog", NUMBER),
        ("a dog on a bed", "a dogs on a bed", NUMBER),
        ("the dog is old", "the dogs is old", NUMBER),
        ("a man and a dog", "a man man and a dog", DOUBLED),
        ("people are here", "sheep are here", None),
        ("a orange dogs", "a orange cats", None),  # the caption's own faults
        ("the man with the dogs is old", "the man with the cats is old", None),
        ("a car door", "a bus door", None),
        ("a dog", "a pair of scissors", None),
    ],
)
def test_edits_that_break_grammar_are_detected(positive, negative, why):
    assert broken(positive, negative) == why


def planted(*negatives: str) -> Method:
    def generate(corpus, options):
        for caption in corpus.captions:
            for negative in negatives:
                yield Candidate(caption.caption_id, caption.image_id, "planted", caption.text, negative)

    return Method("planted", generate)


def test_collisions_and_grammar_are_rejected_and_annotations_have_precedence():
    given_captions = [Caption("1", "1", "a red dog", None, "x"), Caption("2", "2", "a red dog", None, "x")]
    given_captions += [Caption("3", "1", "a black cat", None, "x"), Caption("4", "2", "a black cat", None, "x")]
    given_captions.sort(key=lambda each: each.image_id)
    thing = {"x": 1.0, "y": 1.0, "w": 9.0, "h": 9.0, "attributes": ["red"], "mask": None, "image_id": "2"}
    objects = [{**thing, "name": "dog", "object_id": "a"}, {**thing, "name": "cat", "object_id": "b"}]
    image = {"image_id": "2", "file": "", "width": 64, "height": 64, "split": "train", "source": "x"}
    corpus = Corpus(
        tuple(given_captions), table("images", [image]), table("objects", objects), table("relations", []), 0
    )
    taken = check_candidates(corpus, planted("a black dog", "a black dogs"), KeywordConfig(), "planted")
    of_image = {"1": [], "2": []}
    for row in taken.negatives:
        of_image[row["image_id"]].append((row["caption_id"], row["negative"], row["verdict"]))
    assert ("2", "a black dog", "verified") in of_image["2"]  # in-scene words, a contradicted statement
    assert not [row for row in of_image["1"] if row[:2] == ("1", "a black dog")]
    reasons = taken.reasons()
    assert reasons[collisions.WORD] >= 1, reasons
    assert reasons[f"grammar: {NUMBER}"] >= 1


def test_the_report_counts_types_and_the_cost_of_checks(tmp_path):
    path = write(tmp_path / "captions.json", coco([(1, "a red dog"), (1, "a blue ball"), (2, "a small cat")]))
    out = tmp_path / "negatives.parquet"
    summary = run(name="keyword", config=KeywordConfig(), captions=path, out=out)
    assert sum(sum(each["verdicts"].values()) for each in summary["checks"].values()) == summary["negatives"]
    assert sum(sum(each["reasons"].values()) for each in summary["checks"].values()) == summary["rejected"]
    assert set(summary["checks"]["object"]["verdicts"]) == {"plausible"}
    cost = read_json(tmp_path / "negatives.cost.json")["checks"]
    assert {"equal captions", "grammar", "labels", "words of the captions"} <= set(cost)
    assert all(each["seconds"] >= 0 and each["checks"] > 0 for each in cost.values())
    assert "seconds" not in (tmp_path / "negatives.summary.json").read_text()
