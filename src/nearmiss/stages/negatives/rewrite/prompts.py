"""The request to the model, and how its answer is read: anything but the requested JSON is rejected."""

import json
from collections.abc import Sequence
from typing import NamedTuple

Messages = list[dict[str, str]]

_CHANGES = {
    "object": "another object in place of one that is named",
    "attribute": "another color, size, material or other visible attribute of one object",
    "action": "another action that excludes the one that is named",
    "relation": "another spatial relation, or two objects in exchanged roles",
    "count": "another number of objects",
}
_INSTRUCTIONS = """You write hard negatives of image captions. A hard negative is a fluent caption that is almost the \
same as the given one and false of every image that the given caption describes. Change one detail and keep all other \
words. Describe a scene that could be photographed. Never replace a person by an animal or an object.

Kinds of changes:
{kinds}

Answer with JSON only, in this form:
{{"negatives": [{{"kind": "<kind>", "caption": "<caption>"}}]}}"""


class Answer(NamedTuple):
    """One caption of an answer."""

    kind: str
    caption: str


class UnusableAnswerError(Exception):
    """An answer is not the JSON that was requested."""


def messages(caption: str, kinds: Sequence[str], number: int) -> Messages:
    """The messages of a request for `number` negatives of a caption."""
    listed = "\n".join(f"- {kind}: {_CHANGES[kind]}" for kind in kinds)
    request = json.dumps({"caption": caption, "number": number}, ensure_ascii=False)
    return [
        {"role": "system", "content": _INSTRUCTIONS.format(kinds=listed)},
        {"role": "user", "content": request},
    ]


def read_answer(text: str, kinds: Sequence[str]) -> list[Answer]:
    """The captions of an answer. Raises `UnusableAnswerError` where it is anything but the requested JSON."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise UnusableAnswerError("the answer is not JSON") from None
    if not isinstance(content, dict) or content.keys() != {"negatives"} or not isinstance(content["negatives"], list):
        raise UnusableAnswerError("the answer has not the requested form")
    for each in content["negatives"]:
        if not isinstance(each, dict) or each.keys() != {"kind", "caption"}:
            raise UnusableAnswerError("the answer has not the requested form")
        if each["kind"] not in kinds or not isinstance(each["caption"], str):
            raise UnusableAnswerError("the answer has not the requested form")
    return [Answer(each["kind"], each["caption"]) for each in content["negatives"]]
