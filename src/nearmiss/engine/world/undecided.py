"""How often pixels cannot decide a statement: of statements that generators and benchmarks would make of a caption."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from nearmiss.base.seeding import rng
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import OPPOSITE, Statement, parse
from nearmiss.engine.world.truth import judge
from nearmiss.engine.world.vocabulary import used


def undecided(
    scenes: Mapping[str, Scene],
    captions: Mapping[str, Sequence[tuple[str, str]]],
    config: WorldConfig,
    *,
    drawn: int = 2000,
) -> dict[str, Any]:
    """Of `drawn` captions (text, template_id), each judged of another image, and each edit of it of its own image.

    `judged` counts statements, `undecided` is the share that is neither true nor false.
    """
    images = sorted(captions)
    verdicts: list[bool | None] = []
    for number in range(drawn):
        generator = rng(config.seed, "undecided", number)
        own, other = generator.choice(images), generator.choice(images)
        statement = read(generator.choice(captions[own])[0])
        verdicts.append(judge(statement, scenes[other]))
        verdicts.extend(judge(edited, scenes[own]) for edited in edits(statement, config, generator))
    return share(verdicts)


def share(verdicts: Iterable[bool | None]) -> dict[str, Any]:
    """The count of verdicts and the share that is undecided."""
    told = list(verdicts)
    return {"judged": len(told), "undecided": told.count(None) / len(told) if told else 0.0}


def edits(statement: Statement, config: WorldConfig, generator: Random) -> Iterator[Statement]:
    """The statement with one value replaced, for each value that it says, and with its relation reversed."""
    words = used(config)
    known: dict[str, Sequence[str]] = {
        "color": list(words.colors),
        "shape": words.shapes,
        "size": list(words.sizes),
        "location": words.locations,
    }
    if statement.predicate is not None:
        yield replace(statement, predicate=OPPOSITE[statement.predicate])
    for index, mention in enumerate(statement.mentions):
        for slot, values in known.items():
            rest = [value for value in values if value != getattr(mention, slot)]
            if getattr(mention, slot) is not None and rest:
                mentions = list(statement.mentions)
                mentions[index] = replace(mention, **{slot: generator.choice(rest)})  # type: ignore[arg-type]
                yield replace(statement, mentions=tuple(mentions))


def read(text: str) -> Statement:
    """The statement of a sentence of the world; one that it does not read is a fault of the world's own."""
    statement = parse(text)
    if statement is None:
        raise ValueError(f"the world does not read its own caption: {text!r}")
    return statement
