"""Commands of earlier versions and their present names."""

from collections.abc import Sequence

from nearmiss.base.errors import InputError

RENAMED = {
    "audit": "negatives audit",
    "convert": "negatives convert",
    "curate-export": "curate export",
    "negatives-matched": "negatives match",
    "negatives-truth": "negatives truth",
    "negatives-truth-table": "negatives truth-table",
    "paraphrases": "negatives paraphrase",
    "pipeline": "versions pipeline",
    "redate": "versions redate",
    "restore": "versions restore",
    "snapshot": "versions snapshot",
    "verify": "versions verify",
}

GROUPED = {"negatives": "negatives make", "curate": "curate serve"}
"""Commands that are groups now. A group is called with the name of a command, or for its help."""


def refuse_renamed(arguments: Sequence[str], commands: Sequence[str]) -> None:
    """Raise `InputError` for a command line of an earlier version; `commands` are those of the group that it names."""
    name, following = (*arguments, "")[0], (*arguments, "", "")[1]
    new = RENAMED.get(name)
    if name in GROUPED and following not in (*commands, "", "-h", "--help", "--version"):
        # A misspelled command is a word; the former commands began with an option or with a path.
        new = None if name == "negatives" and not following.startswith("-") else GROUPED[name]
    if new is not None:
        raise InputError(f"'nearmiss {name}' is now 'nearmiss {new}'", remedy=f"see nearmiss {new} --help")
