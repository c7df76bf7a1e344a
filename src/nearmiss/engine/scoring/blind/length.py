"""Length alone: the shorter text is taken to be the true one."""

from collections.abc import Iterable

from nearmiss.engine.scoring.blind.words import words


def scores(texts: Iterable[str]) -> dict[str, float]:
    """Minus the number of words of each text."""
    return {text: -float(len(words(text))) for text in texts}
