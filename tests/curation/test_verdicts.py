"""What becomes of an item when several people decide on it."""

import pytest

from nearmiss.engine.curation.items import Item
from nearmiss.engine.curation.store import Decision
from nearmiss.engine.curation.verdicts import decide

ITEM = Item("0", "color", "a red ball", "a blue ball", ())
NAMES = ("anna", "ben", "cleo", "dan")


def verdict(letters: str, rule: str, captions: tuple[str | None, ...] = ()):
    """`letters` has one per annotator: a accepts, r refuses, a dash is open."""
    names = NAMES[: len(letters)]
    decisions = [
        Decision(name, "0", "accept", caption=caption)
        if letter == "a"
        else Decision(name, "0", "refuse", reason="seam")
        for name, letter, caption in zip(names, letters, captions or (None,) * len(letters), strict=True)
        if letter != "-"
    ]
    return decide([ITEM], decisions, names, rule)[0]


@pytest.mark.parametrize(
    ("letters", "by_all", "by_majority"),
    [
        ("a", "accepted", "accepted"),
        ("r", "refused", "refused"),
        ("-", "undecided", "undecided"),
        ("aa", "accepted", "accepted"),
        ("ar", "refused", "refused"),  # half is not more than half
        ("a-", "undecided", "undecided"),
        ("r-", "refused", "refused"),
        ("aar", "refused", "accepted"),
        ("aa-", "undecided", "accepted"),
        ("a--", "undecided", "undecided"),
        ("ra-", "refused", "undecided"),
        ("rr-", "refused", "refused"),
        ("aarr", "refused", "refused"),
        ("aaar", "refused", "accepted"),
        ("aa--", "undecided", "undecided"),
        ("rr--", "refused", "refused"),
    ],
)
def test_an_item_is_undecided_until_its_outcome_is_certain(letters, by_all, by_majority):
    assert verdict(letters, "all").outcome == by_all
    assert verdict(letters, "majority").outcome == by_majority


@pytest.mark.parametrize(
    ("captions", "agreed", "differ"),
    [
        ((None, None, None), "a blue ball", False),
        (("a grey ball", None, None), "a blue ball", True),
        (("a grey ball", "a grey ball", None), "a grey ball", True),
        (("a grey ball", None), "a grey ball", True),  # who corrects has seen something
        (("a white ball", "a grey ball"), "a grey ball", True),
        (("a grey ball", "a grey ball"), "a grey ball", False),
    ],
)
def test_the_most_frequent_caption_is_used(captions, agreed, differ):
    found = verdict("a" * len(captions), "majority", captions)
    assert (found.caption, found.captions_differ) == (agreed, differ)


def test_the_caption_of_a_refusing_annotator_is_ignored():
    assert verdict("aar", "majority", ("a grey ball", "a grey ball", None)).caption == "a grey ball"
    assert not verdict("aar", "majority", ("a grey ball", "a grey ball", None)).captions_differ


def test_annotators_who_do_not_count_are_ignored():
    refusal = Decision("ben", "0", "refuse", reason="seam")
    found = decide([ITEM], [Decision("anna", "0", "accept"), refusal], ["anna"], "all")[0]
    assert (found.outcome, len(found.decisions)) == ("accepted", 1)


def test_items_keep_their_order():
    items = [Item(key, "", "x", "y", ()) for key in ("9", "10", "1")]
    assert [each.item.key for each in decide(items, [], ["anna"], "all")] == ["9", "10", "1"]
