"""Cache files with a digest of their content in their name, so that damage is detected before use.

The SHA-256 of a file's bytes is in its name, `STEM-DIGEST.SUFFIX`. A file with other content was truncated or
changed: it is deleted with a message, and its content is computed again.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from nearmiss.base.files import replacing

_DIGITS = 32  # of the digest in the name


def write_checked(folder: Path, stem: str, suffix: str, content: bytes) -> Path:
    """Write `content` atomically; return the file."""
    file = Path(folder) / f"{stem}-{_digest(content)}{suffix}"
    with replacing(file) as partial:
        partial.write_bytes(content)
    return file


def read_checked(folder: Path, stem: str, suffix: str) -> Iterator[tuple[Path, bytes]]:
    """Each file of `write_checked` with this stem and suffix, and its content, sorted by name."""
    for file in sorted(Path(folder).glob(f"{stem}-*{suffix}")):
        try:
            content = file.read_bytes()
        except FileNotFoundError:  # another evaluation replaced it
            continue
        if file.name.removesuffix(suffix).rsplit("-", 1)[-1] == _digest(content):
            yield file, content
        else:
            discard(file)


def discard(file: Path) -> None:
    """Delete a damaged file, with a message."""
    print(f"nearmiss: {file} is damaged and is computed again", file=sys.stderr)
    file.unlink(missing_ok=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
