"""What the world says about its scenes: true statements, worded in templates that are data (templates.json).

`narrow` captions speak of what hard negatives change: relation (two of five), binding, location, count or attribute.
`broad` captions speak of everything; one of five is a relation. Templates marked `new_wording` occur in benchmark items
alone, built of words that training knows. Each caption is judged against the scene before it is said.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import permutations
from random import Random
from string import Formatter
from typing import Literal

from nearmiss.base.seeding import rng
from nearmiss.engine.world.scene import Scene, Thing
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import NUMBERS, OPPOSITE, Mention, Statement, inverted, short
from nearmiss.engine.world.truth import judge
from nearmiss.engine.world.vocabulary import load_vocabulary

Use = Literal["broad", "narrow", "new_wording"]


@dataclass(frozen=True)
class Template:
    """A sentence with slots; `use` says in which captions it may occur."""

    template_id: str
    kind: str
    use: tuple[str, ...]
    text: str

    @property
    def slots(self) -> tuple[str, ...]:
        """The names of its slots."""
        return _slots(self.text)


@cache
def _slots(text: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(text) if name)


@cache
def all_templates() -> tuple[Template, ...]:
    """Every template, in the order of the file."""
    records = json.loads(files(__package__).joinpath("templates.json").read_text(encoding="utf-8"))["templates"]
    return tuple(Template(record["id"], record["kind"], tuple(record["use"]), record["text"]) for record in records)


@cache
def templates(kind: str, use: Use) -> tuple[Template, ...]:
    """The templates of one kind that may be used in these captions."""
    return tuple(template for template in all_templates() if template.kind == kind and use in template.use)


def reserved_templates() -> list[str]:
    """Ids of the templates that no training text has."""
    return [template.template_id for template in all_templates() if template.use == ("new_wording",)]


def noun_phrase(mention: Mention) -> str:
    """ "a small striped red cube", "two red things"; the location is not part of it."""
    plural = mention.count not in (None, 1)
    shape = mention.shape or "thing"
    noun = load_vocabulary().plurals.get(shape, "things") if plural else shape
    adjectives = [word for word in (mention.size, mention.pattern, mention.color) if word is not None]
    words = [*adjectives, noun]
    if mention.count is not None:
        return " ".join([NUMBERS[mention.count], *words])
    return " ".join(["an" if words[0][0] in "aeiou" else "a", *words])


def _fillings(statement: Statement) -> dict[str, str | None]:
    first, last = statement.mentions[0], statement.mentions[-1]
    return {
        "a": noun_phrase(first),
        "a_noun": noun_phrase(Mention(shape=first.shape)),
        "a_plain": noun_phrase(replace(first, pattern=None)),
        "noun": first.shape or "thing",
        "size": first.size,
        "color": first.color,
        "pattern": first.pattern,
        "verb": "is" if first.count in (None, 1) else "are",
        "b": noun_phrase(last) if len(statement.mentions) > 1 else None,
        "predicate": statement.predicate,
        "short_predicate": short(statement.predicate) if statement.predicate else None,
        "location": first.location,
        "ground": statement.ground,
    }


def fits(statement: Statement, template: Template) -> bool:
    """Whether the template can say all of the statement."""
    return _sayable(_fillings(statement), template)


def _sayable(fillings: dict[str, str | None], template: Template) -> bool:
    slots = template.slots
    says_pattern = fillings["pattern"] is None or "a" in slots or "pattern" in slots
    return says_pattern and all(fillings[slot] is not None for slot in slots)


def phrase(statement: Statement, template: Template) -> str:
    """The statement in the template's words."""
    return template.text.format_map(_fillings(statement))


def describe(thing: Thing, *, pattern: bool = False) -> Mention:
    """A thing by size, color and shape, and by its pattern where asked for and not plain."""
    said = thing.pattern if pattern and thing.pattern != "plain" else None
    return Mention(shape=thing.shape, color=thing.color, size=thing.size, pattern=said)


def captions(scene: Scene, kind: Literal["broad", "narrow"], config: WorldConfig) -> list[tuple[str, str]]:
    """`config.captions` captions of a scene as (text, template_id), all true of it.

    Depends on the seed, the kind and the scene alone.
    """
    generator = rng(config.seed, "captions", kind, scene.scene_id)
    plan = _PLANS[kind]["one" if len(scene.things) == 1 else "more"]
    true = _True(scene)
    spent: set[Statement] = set()
    written: list[tuple[str, str]] = []
    for number in range(config.captions):
        topic, statement = _choose(plan[number % len(plan)], true, spent, generator)
        spent |= {statement, inverted(statement)} if statement.predicate else {statement}
        written.append(_word(topic, statement, kind, {text for text, _ in written}, generator))
    return written


class _True(dict[str, list[Statement]]):
    """The true statements about a scene by topic, found when they are asked for."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __missing__(self, topic: str) -> list[Statement]:
        self[topic] = [statement for statement in _TOPICS[topic](self.scene) if judge(statement, self.scene)]
        return self[topic]


def _choose(topics: tuple[str, ...], true: _True, spent: set[Statement], generator: Random) -> tuple[str, Statement]:
    """A topic and a true statement on it, one that was not made yet where there is one.

    Where the scene has nothing to say on any of the topics, an attribute takes their place.
    """
    fresh = {topic: [s for s in true[topic] if s not in spent] for topic in topics}
    able = [topic for topic in topics if fresh[topic]] or [topic for topic in topics if true[topic]] or ["attribute"]
    topic = generator.choice(able)
    return topic, generator.choice(fresh.get(topic) or true[topic])


def _word(topic: str, statement: Statement, use: Use, said: Collection[str], generator: Random) -> tuple[str, str]:
    """The statement in a drawn template, one that gives a text not said yet where there is one."""
    fillings = _fillings(statement)
    kind = topic if templates(topic, use) else statement.kind
    able = [template for template in templates(kind, use) if _sayable(fillings, template)]
    texts = [(template.text.format_map(fillings), template.template_id) for template in able]
    return generator.choice([written for written in texts if written[0] not in said] or texts)


def _relations(scene: Scene) -> list[Statement]:
    return [
        Statement((describe(first), describe(second)), predicate)
        for first, second in permutations(scene.things, 2)
        for predicate in OPPOSITE
    ]


def _conjunctions(scene: Scene) -> list[Statement]:
    return [Statement((describe(first), describe(second))) for first, second in permutations(scene.things, 2)]


def _locations(scene: Scene) -> list[Statement]:
    halves = load_vocabulary().locations
    return [Statement((replace(describe(thing), location=half),)) for thing in scene.things for half in halves]


def _attributes(scene: Scene) -> list[Statement]:
    return [Statement((describe(thing),)) for thing in scene.things]


def _nameless(scene: Scene) -> list[Statement]:
    """ "a small red thing"."""
    return [Statement((replace(describe(thing), shape=None),)) for thing in scene.things]


def _counts(scene: Scene) -> list[Statement]:
    """ "two cubes"; "one ball" or "two things" where no shape comes twice, which would crowd out the former."""
    names = [thing.shape for thing in scene.things]
    groups = [Mention(shape=name, count=names.count(name)) for name in sorted(set(names))]
    if len(groups) == len(names):
        groups.append(Mention(count=len(names)))
    return [Statement((mention,)) for mention in groups]


def _totals(scene: Scene) -> list[Statement]:
    """ "two things"."""
    return [Statement((Mention(count=len(scene.things)),))]


def _patterns(scene: Scene) -> list[Statement]:
    return [Statement((describe(thing, pattern=True),)) for thing in scene.things if thing.pattern != "plain"]


def _patterns_both(scene: Scene) -> list[Statement]:
    """Conjunctions of two things that both have a pattern."""
    patterned = [thing for thing in scene.things if thing.pattern != "plain"]
    pairs = permutations(patterned, 2)
    return [Statement((describe(first, pattern=True), describe(second, pattern=True))) for first, second in pairs]


def _grounds(scene: Scene) -> list[Statement]:
    return [replace(s, ground=scene.ground) for s in (*_attributes(scene), *_totals(scene))]


def _grounds_both(scene: Scene) -> list[Statement]:
    return [replace(s, ground=scene.ground) for s in _conjunctions(scene)]


_TOPICS: dict[str, Callable[[Scene], list[Statement]]] = {
    "relation": _relations,
    "conjunction": _conjunctions,
    "location": _locations,
    "attribute": _attributes,
    "nameless": _nameless,
    "count": _counts,
    "pattern": _patterns,
    "patterns": _patterns_both,
    "ground": _grounds,
    "ground_both": _grounds_both,
}

# What each caption of an image speaks of; of several topics that the scene has, one is drawn.
_PLANS: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {
    "narrow": {
        "one": (("attribute",), ("location",), ("location",), ("attribute",), ("count",)),
        "more": (("relation",), ("relation",), ("conjunction",), ("location",), ("count", "attribute")),
    },
    "broad": {
        "one": (("location",), ("attribute", "nameless"), ("ground",), ("pattern", "count"), ("location",)),
        "more": (
            ("relation",),
            ("location",),
            ("conjunction",),
            ("location",),
            ("ground", "ground_both", "pattern", "patterns", "count"),
        ),
    },
}


@cache
def words() -> list[str]:
    """Every word of any caption, prompt or benchmark text of the world, sorted."""
    vocabulary = load_vocabulary()
    known: set[str] = {"a", "an", "the", "is", "are", "thing", "things", *NUMBERS}
    known |= {*vocabulary.colors, *vocabulary.sizes, *vocabulary.patterns, *vocabulary.grounds}
    known |= {*vocabulary.plurals, *vocabulary.plurals.values()}
    for text in (*OPPOSITE, *vocabulary.locations, *(template.text for template in all_templates())):
        known |= {word for word in text.split() if "{" not in word}
    return sorted(known)
