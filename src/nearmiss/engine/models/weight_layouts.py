"""Weight files that name the parameters of a timm model in another way, and their names in timm.

`weight_layouts.json` has a table for each layout: how a file of it is recognized, the name of each module, and the
variants of a block. Such a file numbers its blocks consecutively.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

TABLES = Path(__file__).with_name("weight_layouts.json")
_TIMM_BLOCK = re.compile(r"(blocks\.\d+\.\d+)\.")


def names_of_timm(found: Mapping[str, Any], expected: Iterable[str]) -> dict[str, Any]:
    """The weights of a file under timm's names; unchanged if the file has no layout of the table.

    `expected` are the names of the timm model's weights, whose blocks are stages of layers (`blocks.2.0`). A name that
    is not in the table is kept, so that the caller's comparison of names reports it.
    """
    layout = next((each for each in _tables().values() if each["recognized_by"] in found), None)
    if layout is None:
        return dict(found)
    blocks = _blocks_of(expected)
    variants = _variants(found, layout)
    return {_renamed(name, layout, variants, blocks): value for name, value in found.items()}


@cache
def _tables() -> dict[str, Any]:
    return dict(json.loads(TABLES.read_text(encoding="utf-8")))


def _blocks_of(expected: Iterable[str]) -> list[str]:
    """The blocks of a timm model, in the order of their computation."""
    found = {match[1] for name in expected if (match := _TIMM_BLOCK.match(name))}
    return sorted(found, key=lambda block: [int(part) for part in block.split(".")[1:]])


def _variants(found: Mapping[str, Any], layout: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The names of the modules of each numbered block."""
    members: dict[str, set[str]] = {}
    for name in found:
        if name.startswith(f"{layout['blocks']}."):
            _, number, module, *_ = name.split(".")
            members.setdefault(number, set()).add(module)
    return {
        number: next((each["names"] for each in layout["block_variants"] if each["recognized_by"] in modules), {})
        for number, modules in members.items()
    }


def _renamed(name: str, layout: Mapping[str, Any], variants: Mapping[str, Mapping[str, str]], blocks: list[str]) -> str:
    first, *rest = name.split(".")
    if first != layout["blocks"]:
        return ".".join([layout["names"].get(first, first), *rest])
    number, module, *rest = rest
    if not number.isdigit() or int(number) >= len(blocks):
        return name
    return ".".join([blocks[int(number)], variants[number].get(module, module), *rest])
