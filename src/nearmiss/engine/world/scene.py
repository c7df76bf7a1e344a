"""What a scene is: a ground and a few things on it, in exact numbers. Everything else is made from this."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Thing:
    """One thing. Its center and radius (of the circle around it) are in pixels of the drawn image."""

    thing_id: str
    shape: str
    color: str
    size: str
    pattern: str
    x: float
    y: float
    radius: float
    action: str | None = None


def _record(thing: Thing) -> dict[str, Any]:
    return {name: value for name, value in asdict(thing).items() if name != "action" or value is not None}


@dataclass(frozen=True)
class Scene:
    """A scene, complete: two drawings of equal scenes are equal to the byte.

    `light` is the brightness factor; `nuisance` seeds the ground's texture and the noise, so that two scenes with the
    same nuisance differ in their things alone.
    """

    scene_id: str
    side: int
    ground: str
    light: float
    nuisance: int
    things: tuple[Thing, ...]

    def as_record(self) -> dict[str, Any]:
        """The scene as plain JSON values."""
        return {**asdict(self), "things": [_record(thing) for thing in self.things]}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Scene":
        """The scene from what `as_record` gave."""
        return cls(**{**record, "things": tuple(Thing(**thing) for thing in record["things"])})
