"""Number and article of English nouns, based on the library `inflect`, cached. Its few errors are corrected by data:
lexicons/inflection.json lists words in -s that are no plurals, words with only one number, and irregular pairs.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

_LONGEST_WORD = 100  # letters: longer strings are no English words, and `inflect` takes quadratic time


@cache
def _data() -> dict[str, Any]:
    content = json.loads(files(__package__).joinpath("lexicons", "inflection.json").read_text(encoding="utf-8"))
    return {
        "singular": frozenset(content["singular_in_s"]),
        "paired": frozenset(content["paired"]),
        "same": frozenset(content["same_in_both"]),
        "plurals": content["irregular"],
        "singulars": {many: one for one, many in content["irregular"].items()},
    }


@cache
def _engine() -> Any:
    import typeguard

    # inflect checks the types of its arguments. The decorator parses the library's source once for each function, which
    # takes three seconds; arguments here are strings and whole numbers.
    checked = typeguard.typechecked
    typeguard.typechecked = lambda function: function  # type: ignore[assignment]
    try:
        import inflect
    finally:
        typeguard.typechecked = checked
    return inflect.engine()


@cache
def plural(noun: str) -> str:
    """The plural of a noun in the singular; of several words the last one changes ("traffic lights")."""
    head, space, last = noun.rpartition(" ")
    low, data = last.lower(), _data()
    if not low or low in data["same"] or low in data["paired"]:
        return noun
    if len(low) > _LONGEST_WORD:
        return f"{noun}s"
    many = data["plurals"].get(low) or str(_engine().plural_noun(low))
    return head + space + many


@cache
def singular(noun: str) -> str:
    """The singular of a noun in the plural; a noun in the singular stays as it is."""
    head, space, last = noun.rpartition(" ")
    low, data = last.lower(), _data()
    fixed = any(low in data[key] for key in ("singular", "paired", "same", "plurals"))
    if not low or fixed or low.endswith("ss") or len(low) > _LONGEST_WORD:
        return noun
    if low in data["singulars"]:
        return head + space + str(data["singulars"][low])
    one = _engine().singular_noun(low)
    return head + space + one if one and plural(one) == low else noun


@cache
def is_plural(noun: str) -> bool:
    """Whether a noun, by its last word, is in the plural; "scissors" always is, "sheep" never."""
    last = noun.rpartition(" ")[2].lower()
    return last in _data()["paired"] or singular(last) != last


@cache
def indefinite_article(following_word: str) -> str:
    """ "a" or "an", by the word that follows it."""
    return str(_engine().a(following_word[:_LONGEST_WORD])).split(" ", 1)[0]


@cache
def number_word(number: int) -> str:
    """A number as a word: 2 is "two"."""
    return str(_engine().number_to_words(number))
