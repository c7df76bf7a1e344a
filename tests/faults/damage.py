"""Ways in which a file comes to harm on a disk."""

from pathlib import Path
from random import Random


def damage(file: Path, draw: Random) -> str:
    """Flip one bit of a file, truncate it, or empty it; returns a description."""
    content = bytearray(file.read_bytes())
    if not content:
        file.write_bytes(b"\0")
        return "a byte in an empty file"
    kind = draw.choices(("flip", "cut", "empty"), (8, 1, 1))[0]
    if kind == "flip":
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        content[place] ^= 1 << bit
        description = f"bit {bit} of byte {place} of {len(content)}"
    else:
        left = draw.randrange(len(content)) if kind == "cut" else 0
        description = f"{left} of {len(content)} bytes left"
        del content[left:]
    file.write_bytes(content)
    return description


def kind_of(name: str) -> str:
    """The kind of a file by its name, as the table calls it."""
    last = name.rpartition("/")[2]
    if last in ("manifest.json", ".nearmiss"):
        return last
    return f"*.{last.rpartition('.')[2]}"
