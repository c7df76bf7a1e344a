"""Varied wording: a pair of relation statements is written in a template that is drawn for its caption.

If the relations of all negatives are worded in one order, a model learns the order of mention instead of the relation
(docs/findings.md). Both texts of a pair are written in the same template, so that wording does not reveal the negative.
The templates are in relation_templates.json; those of the world's benchmark are excluded, so that they stay unseen.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json
from nearmiss.base.seeding import rng
from nearmiss.engine.text.labels import same_meaning
from nearmiss.engine.text.paraphrasing import inverse_phrase
from nearmiss.engine.text.parsing import parse
from nearmiss.engine.text.relations import SLOTS, Relation, fill, own_words, pattern, relation_of, slots_of
from nearmiss.stages.negatives.candidates import Candidate

ORDERS = ("subject_first", "fronted")
FILE = Path(__file__).with_name("relation_templates.json")
TEMPLATE_PREFIX = "relation_"
_WORDED = "-worded-"
_ROLES = {"subject": ("a_subject", "subject"), "object": ("a_object", "object"), "predicate": ("predicate",)}


@dataclass(frozen=True)
class RelationTemplate:
    """A sentence with slots (engine/text/relations.py); `order`: whether it begins with the subject."""

    template_id: str
    order: str
    text: str


def reworded(candidate: Candidate, seed: int, names: frozenset[str]) -> Candidate | None:
    """The candidate with both texts in one drawn template, as a pair of a new caption; None where either is no
    statement of one spatial relation. Depends only on the seed, the caption's id and the texts.
    """
    relations = [relation_of(text, names) for text in (candidate.positive, candidate.negative)]
    if None in relations:
        return None
    fitting = [(each, texts) for each in default_templates() if (texts := _texts(each, relations)) is not None]
    if not fitting:
        return None
    template, (positive, negative) = rng(seed, "wording", candidate.caption_id).choice(fitting)
    return Candidate(
        caption_id=f"{candidate.caption_id}{_WORDED}{template.template_id}",
        image_id=candidate.image_id,
        type=candidate.type,
        positive=positive,
        negative=negative,
        template_id=TEMPLATE_PREFIX + template.template_id,
        new_word=candidate.new_word,
        edited=candidate.edited,
    )


def inverse_statement(text: str, template_id: str | None, names: frozenset[str]) -> str | None:
    """A re-worded statement from its other end, in its own template: "below a ball there is a cube" for "above a cube
    there is a ball". None for other texts, and if the relation has no inverse or the statement would change.
    """
    template = next((each for each in default_templates() if TEMPLATE_PREFIX + each.template_id == template_id), None)
    relation = None if template is None else relation_of(text, names)
    turned = None if relation is None else inverse_phrase(relation.predicate)
    if template is None or relation is None or turned is None:
        return None
    found = fill(template.text, Relation(relation.object, turned, relation.subject))
    return found if found is not None and found != text and same_meaning(text, found, names) else None


def changed(candidate: Candidate, other: Candidate, names: frozenset[str]) -> str | None:
    """Which of the texts of `other` states something else than that of `candidate`; None where neither does."""
    for part in ("positive", "negative"):
        before, after = getattr(candidate, part), getattr(other, part)
        if parse(after, names) is None or not same_meaning(before, after, names):
            return f"the {part} states something else in another wording"
    return None


def caption_before(caption_id: str) -> str:
    """The id of the caption that a re-worded caption was made of; another id unchanged."""
    return caption_id.split(_WORDED, maxsplit=1)[0]


def _texts(template: RelationTemplate, relations: list[Relation | None]) -> tuple[str, str] | None:
    """Both texts in the template; None where it does not fit either: "a picture of a picture"."""
    used = own_words(template.text)
    texts = [
        None if each is None or {each.subject.head, each.object.head} & used else fill(template.text, each)
        for each in relations
    ]
    return None if None in texts else (str(texts[0]), str(texts[1]))


@cache
def default_templates() -> tuple[RelationTemplate, ...]:
    """The templates of relation_templates.json."""
    return read_templates(FILE)


def read_templates(file: Path) -> tuple[RelationTemplate, ...]:
    """The templates of a file {"templates": [{"id", "order", "text"}]}.

    Raises `InputError` for fewer than two templates, an id or text that occurs twice, an unknown order or slot, a
    template without subject, object or predicate, and a template of the world's benchmark.
    """
    records = read_json(file)
    records = records.get("templates") if isinstance(records, dict) else None
    if not isinstance(records, list) or len(records) < 2:
        raise InputError("varied wording needs at least two templates", file=file, remedy='list them under "templates"')
    held_out = benchmark_patterns()
    seen: dict[str, str] = {}
    found = []
    for number, record in enumerate(records):
        template = _template(record, number, file)
        words = pattern(template.text, "subject", "object", "predicate")
        if words in held_out:
            raise InputError(
                f"the template is one of the world's benchmark: {template.text!r}",
                file=file,
                record=template.template_id,
                remedy="remove it: templates of the benchmark occur in no training text",
            )
        for key in (template.template_id, template.text):
            if key in seen:
                raise InputError(
                    f"two templates are equal: {key!r}", file=file, record=seen[key], remedy="remove one of them"
                )
            seen[key] = template.template_id
        found.append(template)
    return tuple(found)


def _template(record: Any, number: int, file: Path) -> RelationTemplate:
    names = ("id", "order", "text")
    if not isinstance(record, dict) or any(not isinstance(record.get(name), str) for name in names):
        raise InputError(
            "a template needs the texts id, order and text", file=file, record=f"number {number}", remedy="add them"
        )
    template = RelationTemplate(*(record[name] for name in names))

    def refuse(problem: str, remedy: str) -> InputError:
        return InputError(problem, file=file, record=template.template_id, remedy=remedy)

    if template.order not in ORDERS:
        raise refuse(f"unknown order {template.order!r}", f"choose one of: {', '.join(ORDERS)}")
    try:
        slots = slots_of(template.text)
    except ValueError as error:
        raise refuse(f"the braces of a template do not match: {error}", "correct the text") from None
    if unknown := [slot for slot in slots if slot not in SLOTS]:
        raise refuse(f"unknown slot {unknown[0]!r}", f"choose from: {', '.join(SLOTS)}")
    for role, able in _ROLES.items():
        if sum(slots.count(slot) for slot in able) != 1:
            raise refuse(f"a template has the {role} exactly once", f"use one of: {', '.join(able)}")
    return template


@cache
def benchmark_patterns() -> frozenset[str]:
    """The relation templates that only the world's benchmark has, as `pattern` writes them.

    They are read from the world's data file, not by its code: generators and truth share none.
    """
    text = files("nearmiss.engine.world").joinpath("templates.json").read_text(encoding="utf-8")
    slots = {"{a}": "{a_subject}", "{b}": "{a_object}"}
    found = set()
    for record in json.loads(text)["templates"]:
        if record["kind"] == "relation" and record["use"] == ["new_wording"]:
            sentence = record["text"]
            for slot, name in slots.items():
                sentence = sentence.replace(slot, name)
            found.add(pattern(sentence, "subject", "object", "predicate"))
    return frozenset(found)
