"""JSON objects that hold the SHA-256 of their own content, for files whose hash no record holds.

These are the files that differ by run or by place: costs and fingerprints. An object of an earlier version of nearmiss
has no such entry and counts as whole.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY = "sha256"


def with_digest(content: Mapping[str, Any]) -> dict[str, Any]:
    """The object, as JSON has it, with the SHA-256 of its content."""
    plain = json.loads(json.dumps(content))  # names that are no text would be sorted otherwise when read back
    return {**plain, KEY: _digest(plain)}


def without_digest(value: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The content of an object, and whether it is what its digest says."""
    content = {name: each for name, each in value.items() if name != KEY}
    return content, KEY not in value or value[KEY] == _digest(content)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
