"""The value of a statement with many mentions and objects: exactly the best assignment's, in a bounded search."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.text.annotations import Annotations, Vocabulary, annotated
from nearmiss.engine.text.assignment import Steps, TooManyStepsError
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.readings import best_reading
from nearmiss.engine.text.truth_values import Truth, every
from nearmiss.engine.text.verdict import check, truth

values = st.sampled_from(Truth)


def by_force(fits, unmarked, relations, holds) -> Truth:
    """All assignments, one after the other; object -1 is one that is not annotated by itself."""
    best = Truth.FALSE
    for chosen in product(range(-1, len(fits[0]) if fits else 0), repeat=len(fits)):
        marked = [each for each in chosen if each >= 0]
        if len(set(marked)) < len(marked) or any(each < 0 and not unmarked[m] for m, each in enumerate(chosen)):
            continue
        parts = [fits[m][each] if each >= 0 else unmarked[m] for m, each in enumerate(chosen)]
        for subject, predicate, other in relations:
            known = chosen[subject] >= 0 and chosen[other] >= 0
            parts.append(holds(chosen[subject], predicate, chosen[other]) if known else Truth.UNKNOWN)
        best = max(best, every(parts))
    return best


@st.composite
def problems(draw):
    mentions, looks = draw(st.integers(1, 4)), draw(st.lists(st.integers(0, 3), max_size=5))
    fits = [draw(st.lists(values, min_size=len(looks), max_size=len(looks))) for _ in range(mentions)]
    if draw(st.booleans()):  # objects that look alike fit alike: they are interchangeable
        fits = [[row[looks.index(look)] for look in looks] for row in fits]
    index = st.integers(0, mentions - 1)
    relations = draw(st.lists(st.tuples(index, st.sampled_from("ab"), index), max_size=3))
    table = {(one, name, other): draw(values) for one in range(4) for name in "ab" for other in range(4)}
    unmarked = draw(st.lists(values, min_size=mentions, max_size=mentions))
    return fits, unmarked, relations, looks, lambda i, name, j: table[looks[i], name, looks[j]]


@settings(max_examples=150)
@given(problems())
def test_the_value_equals_the_best_of_all_assignments(problem):
    fits, unmarked, relations, looks, holds = problem
    steps = Steps()
    assert best_reading(fits, unmarked, relations, holds, looks, steps) is by_force(fits, unmarked, relations, holds)
    assert steps.taken < 200


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(0, 5), st.dictionaries(st.tuples(st.sampled_from("ab"), st.just("a")), values))
def test_chains_over_objects_that_look_alike_are_exact(mentions, objects, table):
    def holds(i: int, predicate: str, j: int) -> Truth:
        return table.get((predicate, "a"), Truth.UNKNOWN)

    fits = [[Truth.TRUE] * objects] * mentions
    relations = [(at, "ab"[at % 2], at + 1) for at in range(mentions - 1)]
    found = best_reading(fits, [Truth.FALSE] * mentions, relations, holds, [0] * objects, Steps())
    assert found is by_force(fits, [Truth.FALSE] * mentions, relations, holds)


NAMES = frozenset(["person", "dog", "bench"])


def crowd(people: int, *, apart: float = 20, red: int = 0, dogs: int = 0, stated=frozenset()) -> Annotations:
    """People in a row, `apart` pixels from one another in an image that is 100 pixels wide for each of them."""
    objects = [annotated(str(n), "person", ["red"] if n < red else [], (n * apart, 0, 10, 30)) for n in range(people)]
    objects += [annotated(f"d{n}", "dog", [], (n * apart, 60, 10, 10)) for n in range(dogs)]
    vocabulary = Vocabulary(NAMES, NAMES)
    return Annotations(100.0 * people, 100.0, tuple(objects), stated, vocabulary)


def read(caption: str, image: Annotations) -> tuple[Truth, int]:
    steps = Steps()
    statement = parse(caption, NAMES)
    assert statement is not None, caption
    return truth(statement, image, steps), steps.taken


def listed(number: int, noun: str = "a person") -> str:
    return " and ".join([noun] * number)


SIZES = pytest.mark.parametrize(("people", "mentions"), [(20, 5), (30, 6), (30, 8), (100, 20)])


@SIZES
def test_lists_of_many_people_are_decided_exactly(people, mentions):
    for caption, image, value in [
        (listed(mentions), crowd(people), Truth.TRUE),
        (listed(mentions), crowd(mentions), Truth.TRUE),
        (listed(mentions), crowd(mentions - 1), Truth.FALSE),
        (f"{listed(mentions)} and a dog", crowd(people), Truth.FALSE),
        (f"{listed(mentions)} and a dog", crowd(people, dogs=1), Truth.TRUE),
        (listed(mentions, "a woman"), crowd(people), Truth.UNKNOWN),
        (listed(mentions, "a red person"), crowd(people, red=mentions), Truth.TRUE),
        (listed(mentions, "a red person"), crowd(people, red=mentions - 1), Truth.UNKNOWN),
        (listed(mentions, "a person on the left"), crowd(people, apart=0), Truth.TRUE),
        (listed(mentions, "a person on the right"), crowd(people, apart=0), Truth.FALSE),
    ]:
        found, steps = read(caption, image)
        assert found is value, (caption, value)
        assert steps <= 10 * mentions


@SIZES
def test_chains_of_relations_between_many_people_are_decided_exactly(people, mentions):
    def chain(relation: str, noun: str = "a person") -> str:
        return f" {relation} ".join([noun] * mentions)

    near = frozenset((str(n), "near", str(n + 1)) for n in range(people))
    contradicted = frozenset((str(a), "in front of", str(b)) for a in range(people) for b in range(people))
    # Neighbors 90 pixels apart are too close to decide in an image that is wide enough for 30.
    lined_up = Truth.UNKNOWN if people < 23 else Truth.UNDEFINED
    for caption, image, value in [
        (chain("next to"), crowd(people), Truth.UNKNOWN),
        (chain("next to"), crowd(people, stated=near), Truth.TRUE),
        (chain("next to"), crowd(mentions - 1), Truth.FALSE),
        (chain("next to") + " and a dog", crowd(people), Truth.FALSE),
        (chain("to the left of"), crowd(mentions, apart=90), Truth.TRUE),
        (chain("to the left of"), crowd(mentions - 1, apart=90), Truth.FALSE),
        (chain("to the left of", "a red person"), crowd(people, apart=90, red=mentions - 1), lined_up),
        (chain("to the left of"), crowd(people, apart=1), Truth.UNDEFINED),
        (chain("above"), crowd(people), Truth.UNDEFINED),
        (chain("behind"), crowd(people), Truth.UNKNOWN),
        (chain("behind"), crowd(people, stated=contradicted), Truth.FALSE),
    ]:
        found, steps = read(caption, image)
        assert found is value, (caption, value)
        assert steps <= 5 * (people + mentions)


def branching(people: int) -> Annotations:
    """People, each in front of all others except those that a tree connects it to."""
    joined = {(n, n // 2) for n in range(1, people)}
    pairs = [(a, b) for a in range(people) for b in range(people) if (a, b) not in joined and (b, a) not in joined]
    return crowd(people, stated=frozenset((str(a), "in front of", str(b)) for a, b in pairs if a != b))


def test_a_search_beyond_its_bound_is_never_verified(monkeypatch):
    caption = " behind ".join(["a person"] * 12)  # the longest path of this tree has 7 people
    image = branching(16)
    assert check(caption, image).kind == "verified"
    assert read(f"there are no dogs and {caption}", image)[0] is Truth.FALSE
    monkeypatch.setattr("nearmiss.engine.text.assignment.MAX_STEPS", 20)
    verdict = check(caption, image)
    assert (verdict.kind, verdict.why) == ("plausible", "too many possible readings")
    # a part that needs no search may still be contradicted
    assert check(f"{caption} and a dog", image).kind == "verified"


def test_a_bounded_search_reports_that_it_stopped():
    fits = [[Truth.TRUE] * 6] * 6
    with pytest.raises(TooManyStepsError):
        best_reading(fits, [Truth.FALSE] * 6, [(0, "a", 1)], lambda *_: Truth.TRUE, range(6), Steps(0))
