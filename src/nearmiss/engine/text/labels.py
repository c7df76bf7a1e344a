"""Concept and operator of a negative, from comparing its statement with that of its positive.

The generator's own label is not used: tables are grouped by the change of meaning. A statement has several equivalent
forms (a list in any order, a relation from its other end); the change is the smallest over all of them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import permutations

from nearmiss.engine.text.annotations import without_posture
from nearmiss.engine.text.edited_text import EditedText, Text
from nearmiss.engine.text.lexicon import inverse, load, opposites
from nearmiss.engine.text.parsing import Caption, Mention
from nearmiss.engine.text.phrase_labels import Label, concept_of, exchanged, of_replaced

# Where several single changes explain a difference, the first of these is named.
_RANKS = ("color", "size", "pattern", "location", "count", "existence", "attribute", "object")
_MOST_CHANGED = 2  # objects that one change affects: a swap affects two
_LONGEST_LIST = 4  # longer lists are compared in their given order


def label(positive: str, negative: str, names: frozenset[str] = frozenset()) -> Label:
    """(concept, operator) of the one change that makes the negative of the positive.

    (None, None) where both mean the same, where more than one object changed, or where either does not parse and its
    frame ("there is no", "either ... or") does not decide. `names` are further nouns. An attribute of a kind without a
    separate concept (material, age) is ("attribute", operator). Two numbers compared are ("count", "recount");
    statements joined by "both" or "either" are "logic", with the operator of the part that changed.
    """
    return label_of(Text(positive, names), Text(negative, names))


def label_of(positive: Text, negative: Text) -> Label:
    """`label` of two texts."""
    replaced = negative.replaced if isinstance(negative, EditedText) and negative.source is positive else None
    if replaced is not None:
        quick = of_replaced(positive.phrases, *replaced)
    else:
        quick = exchanged(positive.phrases, negative.phrases)
    if quick is not None and positive.compound is None:
        return quick if positive.readable else (None, None)
    before = positive.statement
    after = None if before is None else negative.statement
    if before is None or after is None:
        return _label_of_frames(positive, negative)
    if before.join or after.join:
        return _compound_label(before, after)
    if not 0 <= len(after.mentions) - len(before.mentions) <= 1:
        return None, None
    if len(set(before.mentions) - set(after.mentions)) > _MOST_CHANGED:
        return None, None
    change = _least(before, after)
    return (None, None) if change is None or change == _SAME else change[1:]


def _label_of_frames(*texts: Text) -> Label:
    """The label of two texts that do not parse, where their first words suffice: joined, or negated."""
    joins = {text.compound.join for text in texts if text.compound is not None}
    if joins:
        return ("count", "recount") if joins <= _COMPARISONS else ("logic", None)
    denied = [
        [phrase.label for phrase in text.phrases[:2]] == ["be", "number"] and text.phrases[1].value == 0
        for text in texts
    ]
    return ("existence", "negate") if denied[0] != denied[1] else (None, None)


def _compound_label(before: Caption, after: Caption) -> Label:
    """The label where two statements are joined; parts are compared in their given order."""
    if _canonical(before) == _canonical(after):
        return None, None
    if {before.join, after.join} <= _COMPARISONS:
        return "count", "recount"
    if len(before.parts) != len(after.parts):
        return "logic", None
    changes = [_least(one, other) for one, other in zip(before.parts, after.parts, strict=True) if one != other]
    operators = {change[2] for change in changes if change is not None and change != _SAME}
    return "logic", operators.pop() if len(operators) == 1 else None


def _least(before: Caption, after: Caption) -> tuple[int, str, str] | None:
    """The smallest change over all equivalent forms; `_SAME` where one is equal."""
    if len(before.mentions) == len(after.mentions):
        direct = _change(before, _from_start(after))
        if direct == _SAME or (direct is not None and _decided(before, after, direct)):
            return direct
        lost, won = _lost(before, after), _lost(after, before)
        if len(lost) == 1 and len(_mention_changes(lost[0], won[0])) > 1:
            return None  # in every pairing of the objects, one of them changes in more than one way
    orders = _near_orders(before.mentions, after.mentions)
    found = [change for order in orders if (change := _change(before, _ordered(after, order))) is not None]
    return min(found, default=None)


def _lost(before: Caption, after: Caption) -> list[Mention]:
    """The mentions that are no longer there."""
    old, new = before.mentions, after.mentions
    if len(set(old)) == len(old):
        return list({*old}.difference(new))
    return list((Counter(old) - Counter(new)).elements())


def _near_orders(old: tuple[Mention, ...], new: tuple[Mention, ...]) -> Iterator[Sequence[int]]:
    """The orders of the new mentions in which no more of them differ from the old ones than in one change."""
    numbers: dict[Mention, int] = {}
    before, after = ([numbers.setdefault(each, len(numbers)) for each in mentions] for mentions in (old, new))
    most = _MOST_CHANGED if len(old) == len(new) else 0
    for order in _orders(len(new)):
        if sum(number != after[at] for number, at in zip(before, order, strict=False)) <= most:
            yield order


_COMPARISONS = {"more", "fewer", "as many"}
_SAME = (-1, "", "")


def same_meaning(one: str, other: str, names: frozenset[str] = frozenset()) -> bool:
    """Whether two captions are the same words, or state the same where both parse."""
    return same(Text(one, names), Text(other, names))


def same(one: Text, other: Text) -> bool:
    """`same_meaning` of two texts."""
    if one.normalized == other.normalized:
        return True
    first, second = one.statement, other.statement
    if first is None or second is None or _outline(first) != _outline(second):
        return False
    return _canonical(first) == _canonical(second)


_Key = tuple[str, tuple[tuple[str, str], ...], int, str, bool]


def _key(mention: Mention) -> _Key:
    """A sortable key of all properties of a mention."""
    count = -1 if mention.count is None else mention.count
    return mention.noun, mention.attributes, count, mention.location or "", mention.plural


def _outline(caption: Caption) -> tuple[int, tuple[_Key, ...]]:
    """An invariant of all equivalent forms of a statement: cheap to compare, and nearly always different."""
    if caption.join is not None:
        return -1, ()
    return len(caption.relations), tuple(sorted(map(_key, caption.mentions)))


@lru_cache(maxsize=1 << 14)
def _canonical(caption: Caption) -> object:
    """A canonical form of statements with the same meaning; joined ones in order, with "fewer" expressed as "more"."""
    if caption.join is None:
        return min((tuple(map(_key, variant.mentions)), variant.relations) for variant in _variants(caption))
    parts = [_canonical(part) for part in caption.parts]
    if caption.join == "fewer":
        return "more", *reversed(parts)
    return caption.join, *(parts if caption.join == "more" else sorted(parts, key=repr))


def _variants(caption: Caption) -> Iterator[Caption]:
    """All equivalent forms: every order of the objects, each relation from either end."""
    return (_ordered(caption, order) for order in _orders(len(caption.mentions)))


def _orders(count: int) -> Iterable[Sequence[int]]:
    return permutations(range(count)) if count <= _LONGEST_LIST else [range(count)]


def _ordered(caption: Caption, order: Sequence[int]) -> Caption:
    """The caption with its objects in this order."""
    index_of = {old: new for new, old in enumerate(order)}
    mentions = tuple([caption.mentions[index] for index in order])
    relations = [(index_of[s], predicate, index_of[o]) for s, predicate, o in caption.relations]
    return Caption(mentions, tuple(sorted(map(_from_first, relations))))


def _decided(before: Caption, after: Caption, direct: tuple[int, str, str]) -> bool:
    """Whether no equivalent form can give another label to a change in the same order.

    Relations rank first, and different objects can stay unchanged in one order only. No order of the objects can hide
    the properties that one object loses and gains.
    """
    if direct[1] == "relation":
        return len(set(after.mentions)) == len(after.mentions)
    return sum(old != new for old, new in zip(before.mentions, after.mentions, strict=True)) == 1


def _from_start(caption: Caption) -> Caption:
    """The caption with each relation from the object that is mentioned first."""
    return Caption(caption.mentions, tuple(sorted(map(_from_first, caption.relations))))


def _from_first(relation: tuple[int, str, int]) -> tuple[int, str, int]:
    """The relation from the object that is mentioned first, where its predicate has an inverse."""
    subject, predicate, other = relation
    turned = inverse(predicate) if subject > other else None
    return (other, turned, subject) if turned is not None else relation


def _change(before: Caption, after: Caption) -> tuple[int, str, str] | None:
    """(rank, concept, operator) of the one change between captions in the same order, or None."""
    old_relations = tuple(sorted(map(_from_first, before.relations)))
    relation = _relation_change(old_relations, after.relations)
    mentions = _mentions_change(before.mentions, after.mentions)
    if relation is None or mentions is None:
        return None
    if relation == _SAME or mentions == _SAME:
        return mentions if relation == _SAME else relation
    return None


def _relation_change(
    old: tuple[tuple[int, str, int], ...], new: tuple[tuple[int, str, int], ...]
) -> tuple[int, str, str] | None:
    """The change of one relation between the same objects; reversed where the predicate is inverted."""
    if old == new:
        return _SAME
    differing = [(a, b) for a, b in zip(old, new, strict=False) if a != b]
    if len(old) != len(new) or len(differing) != 1:
        return None
    (subject, was, other), (new_subject, becomes, new_other) = differing[0]
    if (subject, other) == (new_subject, new_other):
        contrary = opposites("location").get(without_posture(was), ())
        return 0, "relation", "reverse" if without_posture(becomes) in contrary else "replace"
    if (subject, was, other) == (new_other, becomes, new_subject):
        return 0, "relation", "reverse"
    return None


def _mentions_change(old: tuple[Mention, ...], new: tuple[Mention, ...]) -> tuple[int, str, str] | None:
    if len(new) == len(old) + 1:
        return _ranked("object", "add") if new[:-1] == old else None
    if len(new) != len(old):
        return None
    changes = [change for a, b in zip(old, new, strict=True) if a != b for change in _mention_changes(a, b)]
    if not changes:
        return _SAME
    concept, was, becomes = changes[0]
    if len(changes) == 2 and changes[1] == (concept, becomes, was) and was and becomes:
        return _ranked(concept, "swap")
    if len(changes) > 1:
        return None
    if concept == "count":
        return _ranked("existence", "negate") if "0" in (was, becomes) else _ranked("count", "recount")
    if not becomes:
        return None
    return _ranked(concept, "replace" if was else "add")


@lru_cache(maxsize=1 << 16)
def _mention_changes(old: Mention, new: Mention) -> tuple[tuple[str, str, str], ...]:
    return tuple(_differences(old, new))


def _differences(old: Mention, new: Mention) -> Iterator[tuple[str, str, str]]:
    """(concept, old, new) of all differences between two mentions; "" is none."""
    sizes = load("size")["dimensions"]
    kinds = sorted({kind for kind, _ in (*old.attributes, *new.attributes)})
    lost = {kind: _values(old, kind) - _values(new, kind) for kind in kinds}
    won = {kind: _values(new, kind) - _values(old, kind) for kind in kinds}
    size = [kind for kind in kinds if kind in sizes]
    for concept, group in [("size", size), *((concept_of(kind), [kind]) for kind in kinds if kind not in sizes)]:
        was = " ".join(sorted(value for kind in group for value in lost[kind]))
        becomes = " ".join(sorted(value for kind in group for value in won[kind]))
        if was or becomes:
            yield concept, was, becomes
    for concept, was, becomes in (
        ("location", old.location or "", new.location or ""),
        ("count", _number(old), _number(new)),
        ("object", old.noun, new.noun),
    ):
        if was != becomes:
            yield concept, was, becomes


def _values(mention: Mention, kind: str) -> set[str]:
    return {value for each, value in mention.attributes if each == kind}


def _number(mention: Mention) -> str:
    return "" if mention.count is None else str(mention.count)


def _ranked(concept: str, operator: str) -> tuple[int, str, str]:
    return _RANKS.index(concept) + 1, concept, operator


def mentioned_pairs(caption: Caption) -> list[tuple[str, str]]:
    """The (color, noun) pairs of single mentions."""
    return [
        (group, mention.noun) for mention in caption.mentions for kind, group in mention.attributes if kind == "color"
    ]


def mentioned_relations(caption: Caption) -> list[tuple[str, str, str]]:
    """(noun, predicate, noun) of every relation, from both ends."""
    relations = [
        (caption.mentions[s].noun, predicate, caption.mentions[o].noun) for s, predicate, o in caption.relations
    ]
    turned = [
        (other, back, subject) for subject, predicate, other in relations if (back := inverse(predicate)) is not None
    ]
    return [*relations, *turned]
