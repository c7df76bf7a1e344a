"""The one rule for names that a configuration gives: of the experiment, its arms and its methods.

A name becomes a folder, a part of a file name, a wildcard of the workflow and an argument of a command. So it has
letters that are safe in all of these, on every file system, and names that differ only in case are equal.
"""

import re

LONGEST = 100  # a file name has 255 bytes, of which suffixes and seeds take a part
PATTERN = rf"^[a-z0-9][a-z0-9_-]{{0,{LONGEST - 1}}}$"
RULE = f"use 1 to {LONGEST} lower-case letters (a-z), digits, hyphens and underscores, starting with a letter or digit"
_DEVICES = re.compile(r"con|prn|aux|nul|com\d|lpt\d")
_TAKEN = {
    "arm": {
        "store": "pretrain's image store",
        "features": "pretrain's cached features",
        "scratch": "fine-tuning from random weights",
        "corrupted": "robustness's images",
    }
}


def problem_of_name(name: str, what: str) -> tuple[str, str] | None:
    """What is wrong with the name of an experiment, an arm or a method (`what`), and the remedy; None if nothing is."""
    if not re.fullmatch(PATTERN.strip("^$"), name):
        return f"not a valid name for {_article(what)}", RULE
    if _DEVICES.fullmatch(name):
        return f"not a valid name for {_article(what)}: it is a device on Windows", f"give the {what} another name"
    if taken := _TAKEN.get(what, {}).get(name):
        return f"the name of {taken}", f"give the {what} another name"
    if what == "method" and name.endswith("-truth"):
        return "the name of the check of another method", "give the method a name that does not end in -truth"
    return None


def _article(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"
