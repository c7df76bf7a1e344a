"""What a caption type yields: a pair of a true sentence and its negative, or a refusal."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nearmiss.engine.text.scene_graphs.graphs import Graph, Triple
from nearmiss.engine.text.scene_graphs.sources import unstatable
from nearmiss.stages.negatives.scene_graph.replacement import Selector


@dataclass(frozen=True)
class Pair:
    """A true sentence and its negative. `new`: the new word as the annotations name it; None for quantities."""

    type: str
    kind: str  # the template, by its name in words.json
    positive: str
    negative: str
    new: str | None


@dataclass(frozen=True)
class Refusal:
    """A source without a pair, and the reason."""

    type: str
    positive: str | None
    reason: str


Outcome = Pair | Refusal
Builder = Callable[[Selector], Iterator[Outcome]]


def refuse(type_name: str, triple: Triple) -> Refusal | None:
    """A refusal of a relation that no sentence states."""
    reason = unstatable(triple)
    return Refusal(type_name, None, reason) if reason else None


def uncounted(type_name: str, graph: Graph, name: str) -> Refusal | None:
    """A refusal of a sentence about the number of objects of a name if that number is unknown."""
    return (
        None
        if graph.is_counted(name)
        else Refusal(type_name, None, "objects of this name are not all annotated singly")
    )
