"""Fast and full reading of negatives agree on thousands of captions of the world and of COCO."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random

import pytest
import small_world
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.text import edited_text, grammar, labels, word_exchange
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.edits import Edit, apply, diff, replay
from nearmiss.engine.text.labels import label, label_of, same_meaning
from nearmiss.engine.text.lexicon import attribute_words, load, object_words
from nearmiss.engine.text.own_captions import OwnCaptions
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.tokens import normalized, token_texts, tokenize
from nearmiss.engine.text.word_exchange import Place
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.wording import captions
from nearmiss.stages.negatives.candidates import Caption
from nearmiss.stages.negatives.reading import read_annotation_files
from nearmiss.stages.negatives.replace.method import Tags
from nearmiss.stages.negatives.shards import garbage_collection_off

COCO = Path(__file__).parents[3] / "shared" / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
OF_PEOPLE = [
    "A man riding a wave on top of a surfboard.",
    "An orange cat sits next to a black and white dog on a couch.",
    "There are more dogs than cats on a bench.",
    "A red bus and a red car to the left of a small tree",
    "two people standing on the right side of the picture, one with a blue umbrella",
    "Either a dog or a small cat is under an old wooden table.",
    "A brick wall behind a table of brick",
    "there is no elephant in front of an apple",
]


def of_the_world(number: int) -> list[str]:
    config = WorldConfig(things={1: 0.2, 2: 0.5, 3: 0.3})
    shown = small_world.scenes(number, config)
    return sorted(
        {text for scene in shown for kind in ("broad", "narrow") for text, _ in captions(scene, kind, config)}
    )


def of_coco(number: int) -> list[str]:
    corpus = read_annotation_files(captions=COCO, instances=None, graphs=None, method="x", seed=0).corpus
    return [caption.text for caption in corpus.captions[:number]]  # type: ignore[attr-defined]


def pools() -> list[list[str]]:
    places = [phrase for phrases in load("location")["relations"].values() for phrase in phrases]
    halves = [phrase for phrases in load("location")["halves"].values() for phrase in phrases]
    return [
        sorted(object_words()),
        sorted(attribute_words()),
        sorted(places),
        sorted(halves),
        ["two", "no", "a", "and"],
    ]


def edited(texts: list[str], each: int) -> Iterator[tuple[str, int, int, Edit]]:
    """Captions with an edit of one word, or of a known phrase, most of them by a word of the same class."""
    random, known = Random(3), pools()
    for text in texts:
        tokens = tokenize(text)
        for _ in range(each):
            at = random.randrange(len(tokens))
            length = random.choice([1, 1, 1, 2])
            span = tokens[at : at + length]
            old = text[span[0].start : span[-1].end]
            pool = next((pool for pool in known if old.lower() in pool), random.choice(known))
            yield text, at, at + len(span), Edit(span[0].start, span[-1].end, old, random.choice(pool))


def label_the_long_way(positive: str, negative: str) -> tuple[str | None, str | None]:
    before, after = parse(positive), parse(negative)
    if before is None or after is None:
        return labels._label_of_frames(Text(positive), Text(negative))
    if before.join or after.join:
        return labels._compound_label(before, after)
    if not 0 <= len(after.mentions) - len(before.mentions) <= 1:
        return None, None
    changes = [labels._change(before, variant) for variant in labels._variants(after)]
    found = [change for change in changes if change is not None]
    return min(found)[1:] if found and labels._SAME not in found else (None, None)


def same_the_long_way(one: str, other: str) -> bool:
    if normalized(one) == normalized(other):
        return True
    first, second = parse(one), parse(other)
    return first is not None and second is not None and labels._canonical(first) == labels._canonical(second)


def same_as_any(text: str, captions: tuple[str, ...]) -> bool:
    return OwnCaptions(captions).state(Text(text))


def broken_the_long_way(positive: str, negative: str) -> str | None:
    before, after = (
        Counter(grammar._faults(token_texts(text), 0, len(token_texts(text)))) for text in (positive, negative)
    )
    kinds = (grammar.ARTICLE, grammar.NUMBER, grammar.DOUBLED)
    return next((kind for kind in kinds if after[kind] > before[kind]), None)


def exchange(text: str, first: int, last: int, edit: Edit) -> tuple[str, list[Edit]]:
    found = Place(Text(text), first, last).exchanged(edit.new)
    return found.string, list(found.edits)


def stated(own: tuple[str, ...], first: int, last: int, new: str) -> object:
    """Whether captions state an edit of the first of them, read from it and read as any other text."""
    captions = OwnCaptions(own)
    edited_text = Place(captions.texts[own[0]], first, last).exchanged(new)
    return one_answer(captions.state(edited_text), captions.state(Text(edited_text.string)))


def one_answer(*answers: object) -> object:
    """The result of all readings, or all results where they differ."""
    return answers[0] if len(set(answers)) == 1 else answers


def read(text: Text) -> tuple[object, ...]:
    return text.words, text.phrases, text.statement


def disagreements(texts: list[str], each: int) -> dict[str, list[tuple[str, str]]]:
    """Pairs for which fast and full reading differ, and the number of each result."""
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in ("label", "meaning", "grammar", "edit", "reading")}
    answers: Counter[object] = Counter()
    for number, (text, at, last, edit) in enumerate(edited(texts, each)):
        negative = apply(text, [edit])
        found_text = Place(Text(text), at, last).exchanged(edit.new)
        own = (text, *texts[number % 7 :: len(texts) // 4])
        checks = {
            "label": (
                one_answer(label_of(found_text.source, found_text), label(text, negative)),
                label_the_long_way(text, negative),
            ),
            "meaning": (stated(own, at, last, edit.new), any(same_the_long_way(each, negative) for each in own)),
            "grammar": (
                one_answer(grammar.broken_by(found_text), grammar.broken(text, negative)),
                broken_the_long_way(text, negative),
            ),
            "edit": (exchange(text, at, last, edit), (negative, diff(text, negative))),
            "reading": (read(found_text), read(Text(negative))),
        }
        for name, (short, long) in checks.items():
            if name != "reading":
                answers[name, str(long) if name != "edit" else len(long[1])] += 1
            if short != long:
                found[name].append((text, negative))
    assert len(answers) > 15, answers  # many different results
    return found


def test_fast_and_full_reading_agree_on_the_world():
    assert not any(disagreements([*of_the_world(60), *OF_PEOPLE * 10], 3).values())


@pytest.mark.realdata
@pytest.mark.skipif(not COCO.is_file(), reason="no real data beside the checkout")
def test_fast_and_full_reading_agree_on_coco_captions():
    assert not any(disagreements(of_coco(1500), 2).values())


@pytest.mark.parametrize(
    ("module", "name", "wrong", "what"),
    [
        (labels, "exchanged", lambda before, after: ("object", "replace"), "label"),
        (labels, "_decided", lambda before, after, direct: True, "label"),
        (edited_text, "named", lambda phrases: frozenset([phrases]), "meaning"),
        (labels, "of_replaced", lambda before, at, new: ("object", "replace"), "label"),
        (grammar, "differing", lambda before, after: (len(before), 0), "grammar"),
        (grammar, "exchangeable", lambda words, at, new: True, "grammar"),
        (word_exchange, "article_before", lambda word: "a", "edit"),
    ],
)
def test_a_wrong_fast_reading_is_detected(monkeypatch, module, name, wrong, what):
    texts = of_the_world(12) + OF_PEOPLE
    if what == "edit":  # only fast reading is wrong
        right = {(t, *at, e): (apply(t, [e]), diff(t, apply(t, [e]))) for t, *at, e in edited(texts, 6)}
        monkeypatch.setattr(module, name, wrong)
        assert any(exchange(*given) != answer for given, answer in right.items())
        return
    if what == "meaning":  # captions with the same meaning
        pair = "a cat to the left of a dog", "a dog to the right of a cat"
        assert same_as_any(pair[0], (pair[1],))
        monkeypatch.setattr(module, name, wrong)
        assert not same_as_any(pair[0], (pair[1],))
        return
    monkeypatch.setattr(module, name, wrong)
    if name == "_decided":  # two things that are the same: turned round, nothing has changed
        pair = "a cat to the left of a cat", "a cat to the right of a cat"
        assert label(*pair) != label_the_long_way(*pair) == (None, None)
    else:
        assert disagreements(texts, 6)[what]


def test_equal_statements_mention_equal_concepts():
    """All pairs of statements about a few scenes, so that paraphrases are among them."""
    texts = [*of_the_world(12)[:160], *OF_PEOPLE, "there are fewer cats than dogs on a bench"]
    same = [pair for pair in combinations(texts, 2) if same_the_long_way(*pair)]
    assert len(same) > 20
    assert all(same_meaning(*pair) and same_as_any(pair[0], (pair[1],)) for pair in same)


WORDS_OF_PHRASES = [
    "a",
    "the",
    "to",
    "left",
    "of",
    "in",
    "front",
    "hot",
    "dog",
    "fire",
    "hydrant",
    "orange",
    "is",
    "and",
]
WORDS_OF_PHRASES += ["there", "picture", "on", "top", "both", "right", "side", "tennis", "racket", "next", "standing"]
WORDS = st.sampled_from(
    ["a", "an", "A", "An", "the", "dog", "Apple", "orange", "TV", "-", "'", "5", "5a", ",", "red-hot", "é"]
)


@settings(max_examples=300)
@given(st.lists(st.tuples(WORDS, st.sampled_from([" ", "", "  "])), min_size=1, max_size=8), st.data())
def test_one_replacement_is_one_edit_in_any_text(pieces, data):
    text = "".join(word + space for word, space in pieces)
    tokens = tokenize(text)
    at = data.draw(st.integers(0, len(tokens) - 1))
    new = data.draw(st.sampled_from(["elephant", "cat", "hour", "fire hydrant", "a", "dog", "TV"]))
    token = tokens[at]
    edit = Edit(token.start, token.end, token.text, new)
    found = Place(Text(text), at, at + 1).exchanged(new)
    assert found.string == apply(text, [edit])
    assert list(found.edits) == diff(text, found.string)
    assert replay(text, found.edits) == found.string
    assert read(found) == read(Text(found.string))


ANY_WORDS = st.lists(st.sampled_from([*WORDS_OF_PHRASES, "dog", "5", ".", ",", "é"]), max_size=9).map(" ".join)


@settings(max_examples=500)
@given(ANY_WORDS, ANY_WORDS)
def test_any_edit_is_parsed_from_its_source(one, other):
    """Phrases of several words begin before the edit, end behind it, or are torn by it."""
    source = Text(one)
    assert source.words == Text(one).words
    assert read(EditedText.of(source, other)) == read(Text(other))
    assert [Text(text).readable for text in (one, other)] == [Text(text).statement is not None for text in (one, other)]


def test_stored_tags_are_returned_unchanged(tmp_path):
    from nearmiss.engine.text.tagging import tag

    texts = of_the_world(20)
    given_ = [Caption(f"{n:04}", f"{n // 3:04}", text, None, "x") for n, text in enumerate(texts)]
    tags = Tags(given_, None)
    tagged = list(tag(texts, None))
    assert list(tags.read(given_)) == tagged
    assert tags.of(given_[6:12]) == tagged[6:12]
    assert tags.of(given_[6:12]) != tagged[5:11]
    assert set(tags.kinds) == {(word.pos, word.tag) for sentence in tagged for word in sentence}
    assert tags.of([]) == []


def test_the_garbage_collector_is_restored():
    import gc

    with pytest.raises(KeyError), garbage_collection_off():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    with garbage_collection_off():
        pass
    assert not gc.isenabled()
    gc.enable()
