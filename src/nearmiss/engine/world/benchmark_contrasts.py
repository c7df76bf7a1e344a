"""Contrasts: two scenes with one change, and captions of each in two wordings.

Scenes are drawn until one fits the recipe, shows held-out combinations exactly where its condition requires them, and
every statement is true of its own scene and false of the other.
"""

from dataclasses import dataclass, replace
from random import Random

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import rng
from nearmiss.engine.world.benchmark_pairs import Pair, Recipe, clear, with_object
from nearmiss.engine.world.conditions import Reservation, reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import draw_scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import OPPOSITE, Mention, Statement, inverted
from nearmiss.engine.world.topics import describe
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.vocabulary import load_vocabulary, used
from nearmiss.engine.world.wording import Template, Use, fits, phrase, templates

_ATTEMPTS = 20_000

StatementPair = tuple[Statement, Statement]  # about the first scene and about the second


@dataclass(frozen=True)
class Wording:
    """Captions of the two scenes of a pair, in one template. `template_id` ends in how the wrong caption was made."""

    template_id: str
    captions: tuple[str, str]
    template: Template


@dataclass(frozen=True)
class Contrast:
    """Two scenes by image id, a main wording and a paraphrase of it."""

    images: tuple[str, str]
    scenes: Pair
    wordings: tuple[Wording, Wording]


def possible(recipe: Recipe, condition: str, config: WorldConfig) -> bool:
    """Whether the configuration has the values that the recipe needs and the combinations that the condition shows."""
    words, count, held_out = used(config), num_objects(recipe, condition, config), reservation(config)
    if (condition == "new_pair" and not held_out.pairs) or (condition == "new_relation" and not held_out.relations):
        return False
    enough = {
        ("color", "replace"): len(words.colors) > count,
        ("object", "replace"): len(words.shapes) > count,
        ("size", "replace"): len(words.sizes) > 1,
        ("size", "swap"): len(words.sizes) > 1,
        ("pattern", "swap"): len(words.patterns) > 2,
    }
    return enough.get((recipe.concept, recipe.operator), True)


def num_objects(recipe: Recipe, condition: str, config: WorldConfig) -> int:
    """Number of objects drawn for a scene."""
    if recipe.num_objects is not None:
        return recipe.num_objects
    return max(config.things) + 1 if condition == "more_objects" else 2


def contrast(recipe: Recipe, condition: str, config: WorldConfig, split: str, index: int) -> Contrast:
    """Contrast number `index`. Condition new_wording rewords the contrasts of iid."""
    shown = "iid" if condition == "new_wording" else condition
    name = "-".join((split, recipe.concept, recipe.operator, shown, f"{index:04d}"))
    pair, statements, edit = _draw(recipe, shown, config, name)
    use: Use = "new_wording" if condition == "new_wording" else "narrow"
    generator = rng(config.seed, "benchmark wording", name, condition)
    template = _template(statements, use, generator)
    wordings = (
        _wording(statements, template, edit),
        _wording(*_paraphrase(statements, template, use, generator), edit),
    )
    return Contrast((f"{name}-a", f"{name}-b"), pair, wordings)


def _wording(statements: StatementPair, template: Template, edit: str) -> Wording:
    captions = phrase(statements[0], template), phrase(statements[1], template)
    return Wording(template.template_id + edit, captions, template)


def _template(statements: StatementPair, use: Use, generator: Random, but: Template | None = None) -> Template:
    able = [t for t in templates(statements[0].kind, use) if all(fits(statement, t) for statement in statements)]
    return generator.choice([template for template in able if template != but] or able)


def _paraphrase(
    statements: StatementPair, template: Template, use: Use, generator: Random
) -> tuple[StatementPair, Template]:
    """A paraphrase of both statements: a relation inverted, a list reversed, else another template."""
    first, second = statements
    if first.kind == "relation":
        return (inverted(first), inverted(second)), template
    if first.kind == "conjunction":
        return (
            replace(first, mentions=first.mentions[::-1]),
            replace(second, mentions=second.mentions[::-1]),
        ), template
    return statements, _template(statements, use, generator, but=template)


def _draw(recipe: Recipe, condition: str, config: WorldConfig, name: str) -> tuple[Pair, StatementPair, str]:
    """Two scenes, their statements, and for a relation how the wrong caption is made from the correct one."""
    generator, words, held_out = rng(config.seed, "benchmark", name), used(config), reservation(config)
    count = num_objects(recipe, condition, config)
    for _ in range(_ATTEMPTS):
        scene = _show(draw_scene(config, name, count, generator), condition, held_out, generator)
        pair = recipe.make(scene, words, generator)
        if pair is None or not all(map(clear, pair)) or not _keeps(pair, condition, held_out):
            continue
        statements, edit = _make_statements(recipe, pair, generator)
        if statements is not None and _contradict(pair, statements):
            return (replace(pair[0], scene_id=f"{name}-a"), replace(pair[1], scene_id=f"{name}-b")), statements, edit
    raise InputError(
        f"no scene suits the benchmark's {recipe.concept}/{recipe.operator}, condition {condition}",
        record=name,
        remedy="give data.source more colors, shapes or sizes, or reserve fewer combinations",
    )


def _show(scene: Scene, condition: str, held_out: Reservation, generator: Random) -> Scene:
    """The scene with a held-out combination inserted, where the condition requires one."""
    if condition == "new_pair":
        color, shape = generator.choice(sorted(held_out.pairs))
        return with_object(scene, 0, color=color, shape=shape)
    if condition == "new_relation":
        first, _, second = generator.choice(sorted(held_out.relations))
        return with_object(with_object(scene, 0, shape=first), 1, shape=second)
    return scene


def _keeps(pair: Pair, condition: str, held_out: Reservation) -> bool:
    """Whether held-out combinations occur exactly where the condition requires them."""
    pairs = [bool(held_out.pairs_of(scene)) for scene in pair]
    relations = [bool(held_out.relations_of(scene)) for scene in pair]
    if condition == "new_pair":
        return any(pairs) and not any(relations)
    if condition == "new_relation":
        return relations.count(True) == 1 and not any(pairs)
    return not any(pairs) and not any(relations)


def _contradict(pair: Pair, statements: StatementPair) -> bool:
    """Whether each statement is true of its own scene and false of the other."""
    return all(
        truth_value(statement, scene) is (i == j)
        for i, scene in enumerate(pair)
        for j, statement in enumerate(statements)
    )


def _make_statements(recipe: Recipe, pair: Pair, generator: Random) -> tuple[StatementPair | None, str]:
    """Statements about both scenes on one topic; None where nothing fits."""
    topic = generator.choice(recipe.topics)
    if topic == "count":
        first, second = (Statement((Mention(shape=s.objects[0].shape, count=len(s.objects)),)) for s in pair)
        return (first, second), ""
    if topic == "attribute":
        first, second = (Statement((describe(scene.objects[0]),)) for scene in pair)
        return (first, second), ""
    if topic == "location":
        return _location_statements(recipe, pair, generator), ""
    order = generator.sample((0, 1), 2)
    first, second = (
        Statement(tuple(describe(scene.objects[i], pattern=recipe.concept == "pattern") for i in order))
        for scene in pair
    )
    if topic == "conjunction":
        return (first, second), ""
    return _relation_statements(recipe, pair, (first, second), generator)


def _location_statements(recipe: Recipe, pair: Pair, generator: Random) -> StatementPair | None:
    """The location of the first object: the changed one for items on location, else one that did not change."""
    first, second = (
        [half for half in load_vocabulary().locations if truth_value(_at(scene, half), scene)] for scene in pair
    )
    if recipe.concept == "location":
        return _at(pair[0], next(h for h in first if h not in second)), _at(
            pair[1], next(h for h in second if h not in first)
        )
    kept = [half for half in first if half in second]
    half = generator.choice(kept)
    return _at(pair[0], half), _at(pair[1], half)


def _at(scene: Scene, half: str) -> Statement:
    return Statement((replace(describe(scene.objects[0]), location=half),))


def _relation_statements(
    recipe: Recipe, pair: Pair, statements: StatementPair, generator: Random
) -> tuple[StatementPair | None, str]:
    """The relation of the two objects: the changed one for items on relation, else one that did not change."""
    first, second = (
        [p for p in OPPOSITE if truth_value(replace(statement, predicate=p), scene)]
        for statement, scene in zip(statements, pair, strict=True)
    )
    if recipe.concept != "relation":
        kept = [predicate for predicate in first if predicate in second]
        if not kept:
            return None, ""
        predicate = generator.choice(kept)
        return (replace(statements[0], predicate=predicate), replace(statements[1], predicate=predicate)), ""
    changed = [predicate for predicate in first if predicate not in second]
    if len(changed) != 1:
        return None, ""
    right = replace(statements[0], predicate=changed[0])
    reversed_word = replace(right, predicate=OPPOSITE[changed[0]])
    if generator.random() < 0.5:
        return (right, reversed_word), ":reversed"
    return (right, inverted(reversed_word)), ":exchanged"
