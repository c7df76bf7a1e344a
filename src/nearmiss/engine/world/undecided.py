"""How often pixels cannot decide a statement, over statements that generators and benchmarks derive from captions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from nearmiss.base.seeding import rng
from nearmiss.engine.world.scene import Scene
from nearmiss.engine.world.spec import WorldConfig
from nearmiss.engine.world.statements import OPPOSITE, Statement, parse
from nearmiss.engine.world.truth import truth_value
from nearmiss.engine.world.vocabulary import used


def undecided(
    scenes: Mapping[str, Scene],
    captions: Mapping[str, Sequence[tuple[str, str]]],
    config: WorldConfig,
    *,
    drawn: int = 2000,
) -> dict[str, Any]:
    """Check `drawn` captions (text, template_id) against another image, and each of their edits against their own.

    `evaluated` counts statements, `undecided` is the share that is neither true nor false.
    """
    images = sorted(captions)
    verdicts: list[bool | None] = []
    for number in range(drawn):
        generator = rng(config.seed, "undecided", number)
        own, other = generator.choice(images), generator.choice(images)
        statement = read(generator.choice(captions[own])[0])
        verdicts.append(truth_value(statement, scenes[other]))
        verdicts.extend(truth_value(edited, scenes[own]) for edited in edits(statement, config, generator))
    return share(verdicts)


def share(verdicts: Iterable[bool | None]) -> dict[str, Any]:
    """The count of verdicts and the share that is undecided."""
    values = list(verdicts)
    return {"evaluated": len(values), "undecided": values.count(None) / len(values) if values else 0.0}


def edits(statement: Statement, config: WorldConfig, generator: Random) -> Iterator[Statement]:
    """The statement with one value replaced, for each value that it states, and with its relation reversed."""
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
    """The statement of a sentence of the world; raises `ValueError` where it does not parse."""
    statement = parse(text)
    if statement is None:
        raise ValueError(f"a caption of the world does not parse: {text!r}")
    return statement
