"""The fewest elements that hit every set: which attributes tell a thing from all others of its name.

Exact, by depth-first search with a bound (Minimum Hitting Set is NP-hard); the limit on its steps is our choice.
"""

from collections.abc import Collection

MAX_STEPS = 2000


def smallest_cover(sets: Collection[int], size: int) -> list[int] | None:
    """The smallest set of numbers below `size` that has one of each of `sets`, whose bits are numbers.

    Of several, the first in dictionary order. None where there is none, or where the search takes more than MAX_STEPS.
    """
    if 0 in sets:
        return None
    needed = sorted(each for each in sets if not any(other != each and other & each == other for other in sets))
    steps = [MAX_STEPS]
    for most in range(size + 1):
        found = _cover(needed, 0, most, steps)
        if found is not None or steps[0] <= 0:
            return found
    return None


def _cover(sets: list[int], start: int, most: int, steps: list[int]) -> list[int] | None:
    """A cover of at most `most` numbers from `start` on; None where there is none, or where no step is left."""
    if not sets:
        return []
    steps[0] -= 1
    if steps[0] <= 0 or _disjoint(sets, start) > most:
        return None
    last = min(each.bit_length() for each in sets)  # beyond, one of the sets has no number left
    for at in range(start, last):
        rest = [each for each in sets if not each >> at & 1]
        if len(rest) == len(sets):
            continue
        found = _cover(rest, at + 1, most - 1, steps)
        if found is not None:
            return [at, *found]
    return None


def _disjoint(sets: list[int], start: int) -> int:
    """How many of the sets, from `start` on, share no number: a cover needs at least one for each."""
    count = used = 0
    for each in sets:
        if not (each >> start << start) & used:
            count, used = count + 1, used | each
    return count
