"""What the commands that score a model share."""

from pathlib import Path

from nearmiss.base.errors import InputError

CACHE = Path(".nearmiss-embeddings")


def embeddings(cache: Path | None, state: Path | None) -> Path:
    """The folder of embeddings that --cache or --state names. Raises `InputError` where both do."""
    if cache is not None and state is not None:
        raise InputError("--cache and --state exclude each other", remedy="leave one of the two out")
    return state or cache or CACHE
