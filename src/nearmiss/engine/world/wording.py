"""Captions of the world's scenes: true statements, worded in templates (templates.json).

`narrow` captions cover what hard negatives change: relation (two of five), binding, location, count or attribute.
`broad` captions cover everything; one of five is a relation. Templates marked `new_wording` occur in benchmark items
only and consist of words that occur in training. Each statement is checked against the scene first.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from random import Random
from string import Formatter
from typing import Literal

from nearmiss.base.seeding import rng
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import NUMBERS, OPPOSITE, Mention, Statement, inverted, short
from nearmiss.engine.world.topics import TOPICS
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.vocabulary import load_vocabulary, used

Use = Literal["broad", "narrow", "new_wording"]


@dataclass(frozen=True)
class Template:
    """A sentence with slots; `use`: captions in which it may occur, `part`: the option of `Wording` that enables it,
    `order`: of a relation, whether its subject is mentioned first."""

    template_id: str
    kind: str
    use: tuple[str, ...]
    text: str
    part: str | None = None
    order: str | None = None

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
    return tuple(
        Template(
            record["id"], record["kind"], tuple(record["use"]), record["text"], record.get("part"), record.get("order")
        )
        for record in records
    )


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
    vocabulary = load_vocabulary()
    noun = {**vocabulary.plurals, **vocabulary.class_plurals}.get(shape, "things") if plural else shape
    adjectives = [w for w in (mention.size, mention.action, mention.pattern, mention.color) if w is not None]
    words = [*adjectives, noun]
    if mention.count is not None:
        return " ".join([NUMBERS[mention.count], *words])
    return " ".join(["an" if words[0][0] in "aeiou" else "a", *words])


def _fillings(statement: Statement) -> dict[str, str | None]:
    first = statement.mentions[0]
    return {
        "a": noun_phrase(first),
        "a_noun": noun_phrase(Mention(shape=first.shape)),
        "a_plain": noun_phrase(replace(first, pattern=None)),
        "noun": first.shape or "thing",
        "size": first.size,
        "color": first.color,
        "pattern": first.pattern,
        "verb": "is" if first.count in (None, 1) else "are",
        "b": noun_phrase(statement.mentions[1]) if len(statement.mentions) > 1 else None,
        "c": noun_phrase(statement.mentions[2]) if len(statement.mentions) > 2 else None,
        "a_still": noun_phrase(replace(first, action=None)),
        "action": first.action,
        "predicate": statement.predicate,
        "short_predicate": short(statement.predicate) if statement.predicate else None,
        "location": first.location,
        "ground": statement.ground,
    }


def fits(statement: Statement, template: Template) -> bool:
    """Whether the template can express all of the statement."""
    return _fits(_fillings(statement), template)


def _fits(fillings: dict[str, str | None], template: Template) -> bool:
    slots = template.slots
    has_pattern = fillings["pattern"] is None or "a" in slots or "pattern" in slots
    return has_pattern and all(fillings[slot] is not None for slot in slots)


def phrase(statement: Statement, template: Template) -> str:
    """The statement in the words of the template."""
    return template.text.format_map(_fillings(statement))


def captions(scene: Scene, kind: Literal["broad", "narrow"], config: WorldConfig) -> list[tuple[str, str]]:
    """`config.captions` captions of a scene as (text, template_id), all true of it.

    Depends on the seed, the kind and the scene only.
    """
    generator = rng(config.seed, "captions", kind, scene.scene_id)
    plan = _PLANS[kind]["one" if len(scene.objects) == 1 else "more"]
    true = _True(scene, config)
    spent: set[Statement] = set()
    written: list[tuple[str, str]] = []
    for number in range(config.captions):
        topics = _further_topics(config, scene, kind, number) or plan[number % len(plan)]
        topic, statement = _choose(topics, true, spent, generator)
        spent |= {statement, inverted(statement)} if statement.predicate else {statement}
        text, template_id = _word(topic, statement, kind, {text for text, _ in written}, generator)
        written.append((_with_synonym(config, scene, kind, number, text), template_id))
    return written


def _further_topics(config: WorldConfig, scene: Scene, kind: str, number: int) -> tuple[str, ...] | None:
    """Topics beyond the plan, drawn by the shares of the configuration; None for the plan itself."""
    wording = config.wording
    shares = {
        ("both", "either", "denied"): wording.logic,
        ("general", "general_relation"): wording.general,
        ("three",): wording.three if len(scene.objects) > 2 else 0.0,
        ("action", "action_relation"): wording.actions if any(obj.action for obj in scene.objects) else 0.0,
    }
    left = rng(config.seed, "further captions", kind, scene.scene_id, number).random() if any(shares.values()) else 1.0
    for topics, share in shares.items():
        if left < share:
            return topics
        left -= share
    return None


def _with_synonym(config: WorldConfig, scene: Scene, kind: str, number: int, text: str) -> str:
    """The caption with a synonym for one of its words, in the share of captions that is configured."""
    if not config.wording.synonyms:
        return text
    generator = rng(config.seed, "synonyms", kind, scene.scene_id, number)
    known, tokens = load_vocabulary().synonyms, text.split()
    able = [index for index, word in enumerate(tokens) if word in known]
    if not able or generator.random() >= config.wording.synonyms:
        return text
    index = generator.choice(able)
    tokens[index] = generator.choice(known[tokens[index]])
    return " ".join(tokens)


class _True(dict[str, list[Statement]]):
    """The true statements about a scene by topic, computed on first access.

    None mentions held-out combinations, or colors and shapes that the configuration does not use.
    """

    def __init__(self, scene: Scene, config: WorldConfig) -> None:
        self.scene, self.held_out, self.used = scene, reservation(config), used(config)

    def __missing__(self, topic: str) -> list[Statement]:
        found = [statement for statement in TOPICS[topic](self.scene) if truth_value(statement, self.scene)]
        self[topic] = [statement for statement in found if self._is_allowed(statement)]
        return self[topic]

    def _is_allowed(self, statement: Statement) -> bool:
        colors = {mention.color for mention in statement.mentions} - {None}
        shapes = {mention.shape for mention in statement.mentions} - {None}
        known = colors <= self.used.colors.keys() and shapes <= {*self.used.shapes, *self.used.classes}
        return known and self.held_out.pairs.isdisjoint(statement.pairs())


def _choose(topics: tuple[str, ...], true: _True, spent: set[Statement], generator: Random) -> tuple[str, Statement]:
    """A topic and a true statement on it, an unused one where there is one.

    Where the scene has no statement on any of the topics, an attribute is used.
    """
    fresh = {topic: [s for s in true[topic] if s not in spent] for topic in topics}
    able = [topic for topic in topics if fresh[topic]] or [topic for topic in topics if true[topic]] or ["attribute"]
    topic = generator.choice(able)
    return topic, generator.choice(fresh.get(topic) or true[topic])


def _word(topic: str, statement: Statement, use: Use, spent: Collection[str], generator: Random) -> tuple[str, str]:
    """The statement in a drawn template, one that gives an unused text where there is one."""
    fillings = _fillings(statement)
    kind = topic if templates(topic, use) else statement.kind
    able = [template for template in templates(kind, use) if _fits(fillings, template)]
    texts = [(template.text.format_map(fillings), template.template_id) for template in able]
    return generator.choice([written for written in texts if written[0] not in spent] or texts)


# Topics of each caption of an image; one is drawn of those that the scene has.
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


def words(config: WorldConfig) -> list[str]:
    """Every word of any caption, prompt or benchmark text of a world, sorted."""
    vocabulary, wording = load_vocabulary(), config.wording
    known: set[str] = {"a", "an", "the", "is", "are", "thing", "things", *NUMBERS}
    known |= {*vocabulary.colors, *vocabulary.sizes, *vocabulary.patterns, *vocabulary.grounds}
    known |= {*vocabulary.plurals, *vocabulary.plurals.values()}
    enabled = [each for each in all_templates() if each.part is None or getattr(wording, each.part)]
    for text in (*OPPOSITE, *vocabulary.locations, *(template.text for template in enabled)):
        known |= {word for word in text.split() if "{" not in word}
    if wording.synonyms:
        known |= {other for others in vocabulary.synonyms.values() for other in others} | {"spheres"}
    if wording.general:
        known |= {*vocabulary.classes, *vocabulary.class_plurals.values()}
    return sorted(known | {*used(config).actions})
