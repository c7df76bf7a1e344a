"""Draws scenes: what lies where. Things never overlap nor stand on a borderline, so that statements are decided."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import hypot
from random import Random

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import derive, rng
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scene import Scene, Thing
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.vocabulary import Vocabulary, used

CLEARANCE = 0.05  # least distance from a borderline, as a share of the side; the judge's margin is .04
GAP = 0.03  # least free space between two things, and between a thing and the picture's border
PLAIN = 0.5  # share of things without a pattern
CROWDED = {3: 0.78, 4: 0.68, 5: 0.6, 6: 0.54}  # factor on radii where there are more than two things
ATTEMPTS = 20_000
ACTIVE = 0.5  # share of things in action, where there are actions

SPLITS = ("train", "val", "test", "final")

Place = tuple[float, float]
Accept = Callable[[list[Place]], bool]


def image_id_of(split: str, index: int) -> str:
    """The id of image number `index` of a split: digits, as COCO and GQA have them."""
    return str((SPLITS.index(split) + 1) * 1_000_000 + index)


def caption_id_of(scene_id: str, kind: str, number: int) -> str:
    """The id of caption `number` of a picture, among its broad or its narrow captions."""
    return f"{scene_id}{('broad', 'narrow').index(kind) + 1}{number:02d}"


def scene_of(config: WorldConfig, split: str, index: int) -> Scene:
    """Scene number `index` of a split; the same for any number of workers. It shows nothing that is held out."""
    scene_id = image_id_of(split, index)
    generator = rng(config.seed, "scene", scene_id)
    numbers = sorted(config.things)
    count = generator.choices(numbers, [config.things[number] for number in numbers])[0]
    return draw_scene(config, scene_id, count, generator, reservation(config).allows)


def draw_scene(
    config: WorldConfig,
    scene_id: str,
    count: int,
    generator: Random,
    allowed: Callable[[Scene], bool] = lambda scene: True,
) -> Scene:
    """A scene of `count` things that `allowed` accepts."""
    words = used(config)
    for _ in range(ATTEMPTS):
        looks = [draw_look(words, generator) for _ in range(count)]
        sizes = [generator.choice(list(words.sizes)) for _ in range(count)]
        radii = [radius_of(words, size, config.side, count, generator) for size in sizes]
        places = place(radii, config.side, generator)
        if places is None:
            continue
        things = tuple(
            Thing(f"{scene_id}{k}", shape, color, size, pattern, x, y, radius)
            for k, ((shape, color, pattern), size, radius, (x, y)) in enumerate(
                zip(looks, sizes, radii, places, strict=True)
            )
        )
        scene = surround(config, scene_id, act(config, scene_id, things))
        if allowed(scene):
            return scene
    raise InputError(
        f"no scene of {count} things could be drawn in {ATTEMPTS} attempts",
        record=scene_id,
        remedy="ask for fewer things in data.source.things or fewer held-out combinations in data.source.reserved",
    )


def act(config: WorldConfig, scene_id: str, things: tuple[Thing, ...]) -> tuple[Thing, ...]:
    """Some of the things in action, drawn from the name of the scene; none where no actions are configured."""
    actions = used(config).actions
    if not actions:
        return things
    generator = rng(config.seed, "actions", scene_id)
    drawn = [generator.choice(actions) if generator.random() < ACTIVE else None for _ in things]
    return tuple(replace(thing, action=action) for thing, action in zip(things, drawn, strict=True))


def surround(config: WorldConfig, scene_id: str, things: tuple[Thing, ...], nuisance: str | None = None) -> Scene:
    """Things on a ground with light and noise, all drawn from the name `nuisance` (the scene's own by default)."""
    name = nuisance or scene_id
    generator = rng(config.seed, "surroundings", name)
    return Scene(
        scene_id=scene_id,
        side=config.side,
        ground=generator.choice(list(used(config).grounds)),
        light=round(generator.uniform(0.88, 1.08), 3),
        nuisance=derive(config.seed, "nuisance", name) % 2**32,
        things=things,
    )


def draw_look(words: Vocabulary, generator: Random) -> tuple[str, str, str]:
    """Shape, color and pattern of a thing."""
    patterned = [pattern for pattern in words.patterns if pattern != "plain"]
    plain = not patterned or generator.random() < PLAIN
    return (
        generator.choice(words.shapes),
        generator.choice(list(words.colors)),
        "plain" if plain else generator.choice(patterned),
    )


def radius_of(words: Vocabulary, size: str, side: int, count: int, generator: Random) -> float:
    """Radius in pixels of a thing of this size in a scene of `count` things."""
    least, most = words.sizes[size]
    return round(generator.uniform(least, most) * side * CROWDED.get(count, 1.0), 2)


def place(
    radii: list[float],
    side: int,
    generator: Random,
    accept: Accept = lambda places: True,
    attempts: int = 400,
) -> list[Place] | None:
    """Centers in pixels for things of these radii, clear of each other and of every borderline, or None."""
    border = GAP * side
    for _ in range(attempts):
        places = [
            (
                round(generator.uniform(radius + border, side - radius - border), 2),
                round(generator.uniform(radius + border, side - radius - border), 2),
            )
            for radius in radii
        ]
        if is_clear(places, radii, side) and accept(places):
            return places
    return None


def is_clear(places: list[Place], radii: list[float], side: int) -> bool:
    """Whether no two things touch and every left, right, above, below and half of the picture is decided."""
    least = CLEARANCE * side
    if any(abs(x - side / 2) < least or abs(y - side / 2) < least for x, y in places):
        return False
    for (first, one), (second, two) in combinations(zip(places, radii, strict=True), 2):
        dx, dy = abs(first[0] - second[0]), abs(first[1] - second[1])
        if dx < least or dy < least or hypot(dx, dy) < one + two + GAP * side:
            return False
    return True
