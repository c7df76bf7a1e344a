"""Reads YAML: plain values with the line of each key, within limits that a configuration never reaches.

A file is refused before its values are built where it would cost more than its length: aliases that multiply, values
that contain themselves, nesting without end. Limits are our choice.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from nearmiss.base.errors import InputError

Lines = dict[tuple, int]  # path of keys and indices -> line number, from 1

MOST_BYTES = 2**20
MOST_VALUES = 100_000  # with every alias written out
DEEPEST = 64
_MERGE = "tag:yaml.org,2002:merge"


class _Refused(yaml.YAMLError):
    """Text that is YAML and cannot be a configuration; `line` from 1."""

    def __init__(self, problem: str, line: int, remedy: str = "correct the file") -> None:
        super().__init__(problem)
        self.problem, self.line, self.remedy = problem, line, remedy


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with limits; a scalar that Python cannot build is an error with its place."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth == DEEPEST:
            raise _Refused(f"values are nested more than {DEEPEST} levels deep", self.peek_event().start_mark.line + 1)
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # a date that does not exist, an integer of 5,000 digits
            problem = f"'{str(node.value)[:40]}' cannot be read: {error}"
            raise _Refused(problem, node.start_mark.line + 1, "correct the value, or put it in quotes") from None


def parse_yaml(path: Path) -> tuple[dict[str, Any], Lines]:
    """Values of a YAML (or JSON) file and the line of each key; a problem is an `InputError` with the line."""
    path = Path(path)
    try:
        values, lines = _parse(_text(path))
    except yaml.YAMLError as error:
        raise _problem(error, path) from None
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise InputError(
            "a configuration is a map of keys to values", file=path, record="line 1", remedy="write it as `key: value`"
        )
    return values, lines


def parse_value(text: str) -> Any:
    """The value of a flag of the command line, read as YAML; text that is not YAML is a string."""
    try:
        return _parse(text)[0]
    except _Refused as error:
        raise InputError(
            f"a flag's value is refused: {error.problem}", file="command line", remedy=error.remedy
        ) from None
    except yaml.YAMLError:
        return text


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise InputError("the configuration is not a regular file", file=path, remedy="name a text file")
        with path.open("rb") as handle:
            content = handle.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError("the configuration is missing", file=path, remedy="correct the path") from None
    except (OSError, ValueError) as error:
        raise InputError(f"the configuration cannot be read: {error}", file=path, remedy="correct the path") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"the configuration has more than {MOST_BYTES} bytes", file=path, remedy="name another file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            "the configuration is no UTF-8 text file", file=path, record=f"line {line}", remedy="save it as UTF-8"
        ) from None


def _parse(text: str) -> tuple[Any, Lines]:
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        character = f"U+{ord(error.character) if isinstance(error.character, str) else error.character:04X}"
        line = text.count("\n", 0, error.position) + 1
        raise _Refused(f"the character {character} is not allowed", line, "delete the character") from None
    node = loader.get_single_node()
    if node is None:
        return None, {}
    _limit(node)
    lines: Lines = {}
    for where, line in _keys(node, (), loader):
        lines.setdefault(where, line)
    return loader.construct_document(node), lines


def _limit(root: yaml.Node) -> None:
    """Refuse what grows without end, or without measure, when its aliases are written out."""
    measured: dict[int, tuple[int, int]] = {}  # node -> number of values in it, levels below it
    open_nodes: set[int] = set()

    def measure(node: yaml.Node) -> tuple[int, int]:
        if id(node) in open_nodes:
            raise _Refused("a value contains itself through an alias", node.start_mark.line + 1, "write the value out")
        if id(node) not in measured:
            open_nodes.add(id(node))
            inner = [measure(child) for child in _children(node)]
            open_nodes.remove(id(node))
            measured[id(node)] = 1 + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)
        return measured[id(node)]

    size, depth = measure(root)
    if size > MOST_VALUES or depth > DEEPEST:
        largest = max(_children(root), key=measure, default=root)
        limit = f"{MOST_VALUES} values" if size > MOST_VALUES else f"{DEEPEST} levels"
        line = largest.start_mark.line + 1
        raise _Refused(f"aliases make more than {limit} of this file", line, "write fewer aliases of aliases")


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _keys(node: yaml.Node, at: tuple, loader: _Loader) -> Iterator[tuple[tuple, int]]:
    """The path of every key and list entry with its line; refuses keys that occur twice and unusable text."""
    if isinstance(node, yaml.ScalarNode):
        bad = next((letter for letter in node.value if letter == "\0" or "\ud800" <= letter <= "\udfff"), None)
        if bad is not None:
            problem = f"the character U+{ord(bad):04X} is not allowed in a value"
            raise _Refused(problem, node.start_mark.line + 1, "delete the character")
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            where = (*at, str(index))
            yield where, item.start_mark.line + 1
            yield from _keys(item, where, loader)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[Any, int] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = "<<" if key.tag == _MERGE else loader.construct_object(key, deep=True)
            if not isinstance(key, yaml.ScalarNode):
                raise _Refused("a key is a list or a map", line, "write a word for the key")
            if name in seen:
                raise _Refused(
                    f"the key '{key.value}' occurs twice: {'.'.join((*at, key.value))} (lines {seen[name]} and {line})",
                    line,
                    "keep one of the two",
                )
            seen[name] = line
            if key.tag == _MERGE:
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
                continue
            where = (*at, key.value)
            yield where, line
            yield from _keys(key, where, loader)
            yield from _keys(value, where, loader)
        for each in merged:  # last, because a key that is written here is the one that counts
            yield from _keys(each, at, loader)


def _problem(error: yaml.YAMLError, path: Path) -> InputError:
    if isinstance(error, _Refused):
        return InputError(error.problem, file=path, record=f"line {error.line}", remedy=error.remedy)
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return InputError(
        f"malformed YAML: {problem or error}",
        file=path,
        record=f"line {mark.line + 1}, column {mark.column + 1}" if mark else None,
        remedy="indent with spaces, not with tabs" if "\\t" in str(problem) else "correct the file",
    )
