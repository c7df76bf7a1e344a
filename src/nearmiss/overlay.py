"""An overlay that makes a configuration smaller: what `quick` lays on top of an experiment.

An overlay has the keys of what it lies on. What a value does follows from the kind of both values:

| overlay | configuration | result |
|---|---|---|
| map | map | each key's value under the overlay's |
| map of two keys or more | map without any of them | the overlay's map, as another variant of a section |
| map | list of maps | each entry that has a key of the overlay gets its value |
| list of names | map or list | the entries with these names, where at least two of them are there |
| number | number | the smaller one |
| number | list | so many of its first entries |
| anything | anything else | the overlay's value |
"""

from typing import Any

from nearmiss.base.errors import InputError

QUICK: dict[str, Any] = {
    "seeds": 1,
    "arms": ["base", "clip", "random", "hnc"],  # both controls and one method (our choice)
    "inpaint": {"operations": {"pairs": 8}},
    "pretrain": {
        "warmup_steps": 25,
        "base": {"steps": 250, "cooldown_steps": 50},
        "continued": {"steps": 250, "cooldown_steps": 50},
    },
    "finetune": {"resamples": 200, "tasks": {"steps": 60}},
    "evaluate": {"resamples": 200},
    "robustness": {"items": 10, "resamples": 100},
    "compare": {"resamples": 200, "study": None},
}
"""The default: the smallest experiment that still shows every stage."""


def overlaid(value: Any, overlay: Any, key: str = "") -> Any:
    """A configuration's plain values under an overlay. Raises InputError, naming `key`, for a key it does not have."""
    if isinstance(overlay, dict) and isinstance(value, dict):
        if len(overlay) > 1 and not overlay.keys() & value.keys():
            return overlay
        if unknown := sorted(overlay.keys() - value.keys()):
            raise InputError(
                f"the overlay has a key that the configuration does not have: '{unknown[0]}'",
                record=key,
                remedy="correct the overlay",
            )
        return {
            name: overlaid(old, overlay[name], f"{key}.{name}") if name in overlay else old
            for name, old in value.items()
        }
    if isinstance(overlay, dict) and isinstance(value, list):
        return [overlaid(entry, {name: overlay[name] for name in overlay if name in entry}, key) for entry in value]
    if isinstance(overlay, list) and isinstance(value, dict | list):
        kept = [name for name in value if name in overlay]
        if len(kept) < 2:
            return value
        return {name: value[name] for name in kept} if isinstance(value, dict) else kept
    if _is_number(overlay) and _is_number(value):
        return min(value, overlay)
    if _is_number(overlay) and isinstance(value, list | tuple):
        return value[:overlay]
    return overlay


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def with_bounded_steps(values: dict[str, Any]) -> dict[str, Any]:
    """An experiment's values in which no arm has more steps of its own than the continued phase has."""
    most = values["pretrain"]["continued"]["steps"]
    arms = {
        name: arm if arm["steps"] is None else {**arm, "steps": min(arm["steps"], most)}
        for name, arm in values["arms"].items()
    }
    return {**values, "arms": arms}
