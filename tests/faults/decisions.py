"""What a process does with a database of decisions on a small disk."""

import sqlite3
from pathlib import Path

from nearmiss.base.errors import InputError
from nearmiss.engine.curation.opening import open_set
from nearmiss.engine.curation.store import Decision, Store

MANY = 20_000


def add_until_full(items: str, database: str) -> None:
    """Add decisions until one is refused; print how many rows were acknowledged, with those that were there."""
    acknowledged = 10
    try:
        with Store(Path(database), open_set(Path(items)).digest) as store:
            for number in range(MANY):
                store.add(Decision("carla", "0", "accept", None, f"caption {number}"), f"carla-{number}")
                acknowledged += 1
    except (sqlite3.OperationalError, OSError, InputError) as error:
        assert "full" in str(error) or "space" in str(error), error
    print(acknowledged)


def count(items: str, database: str) -> None:
    """Print how many rows a database has."""
    with Store(Path(database), open_set(Path(items)).digest, create=False) as store:
        print(len(store.history()))
