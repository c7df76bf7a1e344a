"""Contrasts: two scenes with one change, and what is said of each in two wordings.

Scenes are drawn until one suits the recipe, shows held-out combinations exactly where its condition asks for them, and
every statement is true of its own scene and false of the other.
"""

from dataclasses import dataclass, replace
from random import Random

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import rng
from nearmiss.engine.world.benchmark_pairs import Pair, Recipe, clear, with_thing
from nearmiss.engine.world.conditions import Reservation, reservation
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.scenes import draw_scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import OPPOSITE, Mention, Statement, inverted
from nearmiss.engine.world.topics import describe
from nearmiss.engine.world.truth import judge
from nearmiss.engine.world.vocabulary import load_vocabulary, used
from nearmiss.engine.world.wording import Template, Use, fits, phrase, templates

_ATTEMPTS = 20_000

Told = tuple[Statement, Statement]  # what is said of the first scene and of the second


@dataclass(frozen=True)
class Wording:
    """What is said of the two scenes of a pair, in one template."""

    template_id: str
    captions: tuple[str, str]


@dataclass(frozen=True)
class Contrast:
    """Two scenes by image id, a main wording and a paraphrase of it."""

    images: tuple[str, str]
    scenes: Pair
    wordings: tuple[Wording, Wording]


def possible(recipe: Recipe, condition: str, config: WorldConfig) -> bool:
    """Whether the configuration has the values that the recipe needs and the combinations that the condition shows."""
    words, things, held_out = used(config), thing_count(recipe, condition, config), reservation(config)
    if (condition == "new_pair" and not held_out.pairs) or (condition == "new_relation" and not held_out.relations):
        return False
    enough = {
        ("color", "replace"): len(words.colors) > things,
        ("object", "replace"): len(words.shapes) > things,
        ("size", "replace"): len(words.sizes) > 1,
        ("size", "swap"): len(words.sizes) > 1,
        ("pattern", "swap"): len(words.patterns) > 2,
    }
    return enough.get((recipe.concept, recipe.operator), True)


def thing_count(recipe: Recipe, condition: str, config: WorldConfig) -> int:
    """How many things are drawn for a scene."""
    if recipe.things is not None:
        return recipe.things
    return max(config.things) + 1 if condition == "more_objects" else 2


def contrast(recipe: Recipe, condition: str, config: WorldConfig, split: str, index: int) -> Contrast:
    """Contrast number `index`; those of condition new_wording are those of iid in other words."""
    shown = "iid" if condition == "new_wording" else condition
    name = "-".join((split, recipe.concept, recipe.operator, shown, f"{index:04d}"))
    pair, told, edit = _draw(recipe, shown, config, name)
    use: Use = "new_wording" if condition == "new_wording" else "narrow"
    generator = rng(config.seed, "benchmark wording", name, condition)
    template = _template(told, use, generator)
    wordings = (_worded(told, template, edit), _worded(*_retell(told, template, use, generator), edit))
    return Contrast((f"{name}-a", f"{name}-b"), pair, wordings)


def _worded(told: Told, template: Template, edit: str) -> Wording:
    return Wording(template.template_id + edit, (phrase(told[0], template), phrase(told[1], template)))


def _template(told: Told, use: Use, generator: Random, but: Template | None = None) -> Template:
    able = [t for t in templates(told[0].kind, use) if all(fits(statement, t) for statement in told)]
    return generator.choice([template for template in able if template != but] or able)


def _retell(told: Told, template: Template, use: Use, generator: Random) -> tuple[Told, Template]:
    """A paraphrase of both statements: a relation from its other thing, a list in its other order, else other words."""
    first, second = told
    if first.kind == "relation":
        return (inverted(first), inverted(second)), template
    if first.kind == "conjunction":
        return (
            replace(first, mentions=first.mentions[::-1]),
            replace(second, mentions=second.mentions[::-1]),
        ), template
    return told, _template(told, use, generator, but=template)


def _draw(recipe: Recipe, condition: str, config: WorldConfig, name: str) -> tuple[Pair, Told, str]:
    """Two scenes, what is said of them, and for a relation how the wrong caption is made of the right one."""
    generator, words, held_out = rng(config.seed, "benchmark", name), used(config), reservation(config)
    count = thing_count(recipe, condition, config)
    for _ in range(_ATTEMPTS):
        scene = _show(draw_scene(config, name, count, generator), condition, held_out, generator)
        pair = recipe.make(scene, words, generator)
        if pair is None or not all(map(clear, pair)) or not _keeps(pair, condition, held_out):
            continue
        told, edit = _tell(recipe, pair, generator)
        if told is not None and _contradict(pair, told):
            return (replace(pair[0], scene_id=f"{name}-a"), replace(pair[1], scene_id=f"{name}-b")), told, edit
    raise InputError(
        f"no scene suits the benchmark's {recipe.concept}/{recipe.operator}, condition {condition}",
        record=name,
        remedy="give data.source more colors, shapes or sizes, or reserve fewer combinations",
    )


def _show(scene: Scene, condition: str, held_out: Reservation, generator: Random) -> Scene:
    """The scene with a held-out combination brought into it, where the condition shows one."""
    if condition == "new_pair":
        color, shape = generator.choice(sorted(held_out.pairs))
        return with_thing(scene, 0, color=color, shape=shape)
    if condition == "new_relation":
        first, _, second = generator.choice(sorted(held_out.relations))
        return with_thing(with_thing(scene, 0, shape=first), 1, shape=second)
    return scene


def _keeps(pair: Pair, condition: str, held_out: Reservation) -> bool:
    """Whether held-out combinations are shown exactly where the condition asks for them."""
    pairs = [bool(held_out.pairs_of(scene)) for scene in pair]
    relations = [bool(held_out.relations_of(scene)) for scene in pair]
    if condition == "new_pair":
        return any(pairs) and not any(relations)
    if condition == "new_relation":
        return relations.count(True) == 1 and not any(pairs)
    return not any(pairs) and not any(relations)


def _contradict(pair: Pair, told: Told) -> bool:
    """Whether each statement is true of its own scene and false of the other."""
    return all(judge(said, scene) is (i == j) for i, scene in enumerate(pair) for j, said in enumerate(told))


def _tell(recipe: Recipe, pair: Pair, generator: Random) -> tuple[Told | None, str]:
    """What is said of both scenes on one topic; None where nothing fits."""
    topic = generator.choice(recipe.topics)
    if topic == "count":
        first, second = (Statement((Mention(shape=s.things[0].shape, count=len(s.things)),)) for s in pair)
        return (first, second), ""
    if topic == "attribute":
        first, second = (Statement((describe(scene.things[0]),)) for scene in pair)
        return (first, second), ""
    if topic == "location":
        return _tell_location(recipe, pair, generator), ""
    order = generator.sample((0, 1), 2)
    first, second = (
        Statement(tuple(describe(scene.things[i], pattern=recipe.concept == "pattern") for i in order))
        for scene in pair
    )
    if topic == "conjunction":
        return (first, second), ""
    return _tell_relation(recipe, pair, (first, second), generator)


def _tell_location(recipe: Recipe, pair: Pair, generator: Random) -> Told | None:
    """Where the first thing is: what changed for items on location, else what did not."""
    first, second = ([half for half in load_vocabulary().locations if judge(_at(scene, half), scene)] for scene in pair)
    if recipe.concept == "location":
        return _at(pair[0], next(h for h in first if h not in second)), _at(
            pair[1], next(h for h in second if h not in first)
        )
    kept = [half for half in first if half in second]
    half = generator.choice(kept)
    return _at(pair[0], half), _at(pair[1], half)


def _at(scene: Scene, half: str) -> Statement:
    return Statement((replace(describe(scene.things[0]), location=half),))


def _tell_relation(recipe: Recipe, pair: Pair, told: Told, generator: Random) -> tuple[Told | None, str]:
    """How the two things stand: what changed for items on relation, else what did not."""
    first, second = (
        [p for p in OPPOSITE if judge(replace(said, predicate=p), scene)]
        for said, scene in zip(told, pair, strict=True)
    )
    if recipe.concept != "relation":
        kept = [predicate for predicate in first if predicate in second]
        if not kept:
            return None, ""
        predicate = generator.choice(kept)
        return (replace(told[0], predicate=predicate), replace(told[1], predicate=predicate)), ""
    changed = [predicate for predicate in first if predicate not in second]
    if len(changed) != 1:
        return None, ""
    right = replace(told[0], predicate=changed[0])
    reversed_word = replace(right, predicate=OPPOSITE[changed[0]])
    if generator.random() < 0.5:
        return (right, reversed_word), ":reversed"
    return (right, inverted(reversed_word)), ":exchanged"
