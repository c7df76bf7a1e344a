"""A caption and its negative in parts, so that the words in which they differ can be marked."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from nearmiss.base.display import single_line
from nearmiss.engine.text.edits import Edit, diff, replay

LONGEST = 400
"""Characters of a caption on the page; a longer one is cut around its first edit."""
_BEFORE = 80  # characters before the first edit of a caption that is cut


class Part(NamedTuple):
    """A run of characters, and whether it is edited."""

    text: str
    edited: bool


class Marked(NamedTuple):
    """Both texts in parts."""

    positive: list[Part]
    negative: list[Part]


def marked(positive: str, negative: str, edits: Iterable[Mapping[str, Any]] | None = None) -> Marked:
    """The parts of both texts. `edits` are those of table `negatives`; without them the two texts are compared."""
    known = sorted(Edit(**edit) for edit in edits or ())
    if not _gives(positive, known, negative):
        known = diff(positive, negative)
    first, second = [], []
    at = 0
    for start, end, old, new in known:
        kept = positive[at:start]
        first += [Part(kept, False), Part(old, True)]
        second += [Part(kept, False), Part(new, True)]
        at = end
    rest = Part(positive[at:], False)
    return Marked(_shortened([*first, rest]), _shortened([*second, rest]))


def _gives(positive: str, edits: list[Edit], negative: str) -> bool:
    try:
        return replay(positive, edits) == negative
    except ValueError:
        return False


def _shortened(parts: list[Part]) -> list[Part]:
    """The parts on one line, at most LONGEST characters, from shortly before the first edit on."""
    shown = [Part(single_line(part.text), part.edited) for part in parts if part.text]
    if sum(len(part.text) for part in shown) <= LONGEST:
        return shown
    if shown and not shown[0].edited and len(shown[0].text) > _BEFORE:
        shown[0] = Part("… " + shown[0].text[-_BEFORE:], False)
    cut: list[Part] = []
    left = LONGEST
    for part in shown:
        if left <= 0:
            break
        cut.append(part if len(part.text) <= left else Part(part.text[:left] + " …", part.edited))
        left -= len(part.text)
    return cut
