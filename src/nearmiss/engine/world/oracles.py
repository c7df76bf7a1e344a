"""Four scorers that read the exact scene but lack one ability, and the expected score of each on each subset.

On an isolating benchmark, an oracle is at chance exactly where the item tests the ability that it lacks. A test and
the summary of stage `data` compare the scores of the items with the table of expectations.

- bag_of_words uses the words that a true caption of the scene could have, without their order.
- things_without_places uses each object with its attributes, without positions.
- places_without_binding uses which shape is where and which colors, sizes and patterns occur, not on which shape.
- counts_only uses the number of objects.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import permutations
from typing import Any

from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.statements import NUMBERS, OPPOSITE, Statement, parse
from nearmiss.engine.world.truth import located, related, truth_value
from nearmiss.engine.world.vocabulary import load_vocabulary

CHANCE_BAND = 0.03  # chance is .5 plus or minus this
SOLVED = 0.95

_UNINFORMATIVE = {"on", "at", "to", "of", "the", "side"}  # words that occur in several locations
_ORDER = ("bag_of_words", "things_without_places", "places_without_binding", "counts_only")
_SOLVES: dict[tuple[str, str], tuple[str, ...]] = {
    ("color", "replace"): _ORDER[:3],
    ("size", "replace"): _ORDER[:3],
    ("object", "replace"): _ORDER[:3],
    ("color", "swap"): ("things_without_places",),
    ("size", "swap"): ("things_without_places",),
    ("pattern", "swap"): ("things_without_places",),
    ("relation", "reverse"): ("places_without_binding",),
    ("location", "replace"): ("bag_of_words", "places_without_binding"),
    ("count", "recount"): _ORDER,
}

# (oracle, concept, operator) -> "chance" or "solved"
EXPECTED: dict[tuple[str, str, str], str] = {
    (oracle, *cell): "solved" if oracle in solvers else "chance"
    for cell, solvers in _SOLVES.items()
    for oracle in _ORDER
}


def bag_of_words(scene: Scene, caption: str) -> float:
    """Minus the number of words in the caption that no true caption of the scene contains."""
    return -float((content_words(caption) - scene_words(scene)).total())


def things_without_places(scene: Scene, caption: str) -> float:
    """1 where the statement holds after locations and relations are removed, else 0."""
    statement = _parsed(caption)
    mentions = tuple(replace(mention, location=None) for mention in statement.mentions)
    return _truth(Statement(mentions, ground=statement.ground), scene)


def places_without_binding(scene: Scene, caption: str) -> float:
    """1 where the statement holds for shapes and positions and each attribute occurs often enough, else 0."""
    statement = _parsed(caption)
    bare = tuple(replace(mention, color=None, size=None, pattern=None) for mention in statement.mentions)
    named = Counter(value for m in statement.mentions for value in (m.color, m.size, m.pattern) if value is not None)
    seen = Counter(value for obj in scene.objects for value in (obj.color, obj.size, obj.pattern))
    return _truth(replace(statement, mentions=bare), scene) if named <= seen else 0.0


def counts_only(scene: Scene, caption: str) -> float:
    """Minus the distance between the number of objects and the stated number; 0 where none is stated."""
    counts = [mention.count for mention in _parsed(caption).mentions if mention.count is not None]
    return -float(abs(sum(counts) - len(scene.objects))) if counts else 0.0


ORACLES: dict[str, Callable[[Scene, str], float]] = {
    "bag_of_words": bag_of_words,
    "things_without_places": things_without_places,
    "places_without_binding": places_without_binding,
    "counts_only": counts_only,
}


def _parsed(caption: str) -> Statement:
    statement = parse(caption)
    if statement is None:
        raise ValueError(f"a caption of the world does not parse: {caption!r}")
    return statement


def _truth(statement: Statement, scene: Scene) -> float:
    return float(truth_value(statement, scene) is True)


@lru_cache(maxsize=1 << 16)
def content_words(caption: str) -> Counter[str]:
    """The content words of a caption, with their counts."""
    known = _known_words()
    return Counter(word for word in re.findall(r"[a-z]+(?:-[a-z]+)*", caption.lower()) if word in known)


@lru_cache(maxsize=1)
def _known_words() -> frozenset[str]:
    vocabulary = load_vocabulary()
    attributes = {*vocabulary.colors, *vocabulary.sizes, *vocabulary.patterns, *vocabulary.grounds}
    nouns = {*vocabulary.plurals, *vocabulary.plurals.values(), "things"}
    positions = {word for phrase in (*vocabulary.predicates, *vocabulary.locations) for word in phrase.split()}
    return frozenset({*attributes, *nouns, *NUMBERS, *positions} - _UNINFORMATIVE)


@lru_cache(maxsize=1 << 14)
def scene_words(scene: Scene) -> Counter[str]:
    """The content words that a true caption of the scene could have, an object's words once per object."""
    vocabulary, objects = load_vocabulary(), scene.objects
    shapes = Counter(obj.shape for obj in objects)
    once = {scene.ground, *(NUMBERS[count] for count in (*shapes.values(), len(objects)))}
    once |= {vocabulary.plurals[shape] for shape, count in shapes.items() if count > 1}
    once |= {"things"} if len(objects) > 1 else set()
    once |= {p for a, b in permutations(objects, 2) for p in OPPOSITE if related(a, p, b, scene.side)}
    once |= {half for obj in objects for half in vocabulary.locations if located(obj, half, scene.side)}
    known = _known_words()
    each = Counter(value for obj in objects for value in (obj.shape, obj.color, obj.size, obj.pattern))
    return each + Counter({word for phrase in once for word in phrase.split() if word in known})


def decisions(scores: Sequence[Sequence[float]], truth: Sequence[Sequence[bool]]) -> list[float]:
    """Single decisions of an item (images x captions): each true against each false caption of an image, each true
    against each false image of a caption; 1 correct, 0 wrong, .5 a tie."""
    found = []
    rows = [(list(s), list(t)) for s, t in zip(scores, truth, strict=True)]
    columns = [(list(s), list(t)) for s, t in zip(zip(*scores, strict=True), zip(*truth, strict=True), strict=True)]
    for line, right in (*rows, *columns):
        for i, j in permutations(range(len(line)), 2):
            if right[i] and not right[j]:
                found.append(0.5 if line[i] == line[j] else float(line[i] > line[j]))
    return found


def table(items: Iterable[Mapping[str, Any]], scenes: Mapping[str, Scene]) -> list[dict[str, Any]]:
    """Accuracy of every oracle on every subset: oracle, concept, operator, condition, subset, accuracy, decisions,
    expected, holds. `items` are rows of table `items`, `scenes` the exact scenes of their images."""
    found: dict[tuple[str, ...], list[float]] = {}
    for item in items:
        for name, oracle in ORACLES.items():
            scores = [[oracle(scenes[image], caption) for caption in item["captions"]] for image in item["images"]]
            key = (name, item["concept"], item["operator"], item["condition"], item["subset"])
            found.setdefault(key, []).extend(decisions(scores, item["truth"]))
    rows = []
    for (name, concept, operator, condition, subset), right in sorted(found.items()):
        accuracy, expected = sum(right) / len(right), EXPECTED[name, concept, operator]
        holds = accuracy >= SOLVED if expected == "solved" else abs(accuracy - 0.5) <= CHANCE_BAND
        rows.append(
            {
                "oracle": name,
                "concept": concept,
                "operator": operator,
                "condition": condition,
                "subset": subset,
                "accuracy": accuracy,
                "decisions": len(right),
                "expected": expected,
                "holds": holds,
            }
        )
    return rows
