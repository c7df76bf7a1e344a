"""Samples scenes. Objects never overlap nor lie on a borderline, so that statements are decided."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import hypot
from random import Random

from nearmiss.base.errors import InputError
from nearmiss.base.seeding import derive, rng
from nearmiss.engine.world.conditions import reservation
from nearmiss.engine.world.scene import Scene, SceneObject
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.vocabulary import Vocabulary, used

CLEARANCE = 0.05  # least distance from a borderline, as a share of the side; truth.py has a margin of .04
GAP = 0.03  # least free space between two objects, and between an object and the image border
PLAIN = 0.5  # share of objects without a pattern
CROWDED = {3: 0.78, 4: 0.68, 5: 0.6, 6: 0.54}  # factor on radii by number of objects
ATTEMPTS = 20_000
ACTIVE = 0.5  # share of objects in action, where there are actions

SPLITS = ("train", "val", "test", "final")

Position = tuple[float, float]
Accept = Callable[[list[Position]], bool]


def image_id_of(split: str, index: int) -> str:
    """The id of image number `index` of a split: digits, as COCO and GQA have them."""
    return str((SPLITS.index(split) + 1) * 1_000_000 + index)


def caption_id_of(scene_id: str, kind: str, number: int) -> str:
    """The id of caption `number` of an image, among its broad or its narrow captions."""
    return f"{scene_id}{('broad', 'narrow').index(kind) + 1}{number:02d}"


def scene_of(config: WorldConfig, split: str, index: int) -> Scene:
    """Scene number `index` of a split, without held-out combinations; the same for any number of workers."""
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
    """A scene of `count` objects that `allowed` accepts."""
    words = used(config)
    for _ in range(ATTEMPTS):
        looks = [draw_look(words, generator) for _ in range(count)]
        sizes = [generator.choice(list(words.sizes)) for _ in range(count)]
        radii = [radius_of(words, size, config.side, count, generator) for size in sizes]
        positions = draw_positions(radii, config.side, generator)
        if positions is None:
            continue
        objects = tuple(
            SceneObject(f"{scene_id}{k}", shape, color, size, pattern, x, y, radius)
            for k, ((shape, color, pattern), size, radius, (x, y)) in enumerate(
                zip(looks, sizes, radii, positions, strict=True)
            )
        )
        scene = surround(config, scene_id, act(config, scene_id, objects))
        if allowed(scene):
            return scene
    raise InputError(
        f"no scene of {count} objects could be drawn in {ATTEMPTS} attempts",
        record=scene_id,
        remedy="lower data.source.things or the number of held-out combinations in data.source.reserved",
    )


def act(config: WorldConfig, scene_id: str, objects: tuple[SceneObject, ...]) -> tuple[SceneObject, ...]:
    """Give some of the objects an action, seeded by the scene id; none where no actions are configured."""
    actions = used(config).actions
    if not actions:
        return objects
    generator = rng(config.seed, "actions", scene_id)
    drawn = [generator.choice(actions) if generator.random() < ACTIVE else None for _ in objects]
    return tuple(replace(obj, action=action) for obj, action in zip(objects, drawn, strict=True))


def surround(
    config: WorldConfig, scene_id: str, objects: tuple[SceneObject, ...], nuisance: str | None = None
) -> Scene:
    """Objects on a ground with light and noise, seeded by the name `nuisance` (the scene id by default)."""
    name = nuisance or scene_id
    generator = rng(config.seed, "surroundings", name)
    return Scene(
        scene_id=scene_id,
        side=config.side,
        ground=generator.choice(list(used(config).grounds)),
        light=round(generator.uniform(0.88, 1.08), 3),
        nuisance=derive(config.seed, "nuisance", name) % 2**32,
        objects=objects,
    )


def draw_look(words: Vocabulary, generator: Random) -> tuple[str, str, str]:
    """Shape, color and pattern of an object."""
    patterned = [pattern for pattern in words.patterns if pattern != "plain"]
    without = not patterned or generator.random() < PLAIN
    return (
        generator.choice(words.shapes),
        generator.choice(list(words.colors)),
        "plain" if without else generator.choice(patterned),
    )


def radius_of(words: Vocabulary, size: str, side: int, count: int, generator: Random) -> float:
    """Radius in pixels of an object of this size in a scene of `count` objects."""
    least, most = words.sizes[size]
    return round(generator.uniform(least, most) * side * CROWDED.get(count, 1.0), 2)


def draw_positions(
    radii: list[float],
    side: int,
    generator: Random,
    accept: Accept = lambda positions: True,
    attempts: int = 400,
) -> list[Position] | None:
    """Centers in pixels for objects of these radii, clear of each other and of every borderline, or None."""
    border = GAP * side
    for _ in range(attempts):
        positions = [
            (
                round(generator.uniform(radius + border, side - radius - border), 2),
                round(generator.uniform(radius + border, side - radius - border), 2),
            )
            for radius in radii
        ]
        if is_clear(positions, radii, side) and accept(positions):
            return positions
    return None


def is_clear(positions: list[Position], radii: list[float], side: int) -> bool:
    """Whether no two objects touch and every left, right, above, below and half of the image is decided."""
    least = CLEARANCE * side
    if any(abs(x - side / 2) < least or abs(y - side / 2) < least for x, y in positions):
        return False
    for (first, one), (second, two) in combinations(zip(positions, radii, strict=True), 2):
        dx, dy = abs(first[0] - second[0]), abs(first[1] - second[1])
        if dx < least or dy < least or hypot(dx, dy) < one + two + GAP * side:
            return False
    return True
