"""Write the conda environment file from requirements.lock: its pins, and its digest (`make lock` does this).

Our choices, after trials with Snakemake 9.27 and conda's own installer:

- The pins are listed. Snakemake copies the file to the folder of its environments, and conda runs pip there, so that
  a line `-r ../../requirements.lock` would only be found where that folder is the default `.snakemake/conda`, and
  neither with `--conda-prefix` nor with `--directory`.
- The hashes are not. Snakemake stores this file's whole text in its record of every output file, with conda or
  without; with hashes that is half a megabyte an output. `make env` checks the hashes; conda checks versions.
- The digest is. A change of the lock that leaves the pins alone (another hash) makes the environment anew as well.
"""

import hashlib
import sys
from pathlib import Path

HEADER = """\
# The one environment of all rules, for runs with --use-conda. Made from requirements.lock by `make lock`: do not edit.
# lock: {digest}
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def pins(lock: str) -> list[str]:
    """The lock's packages in its order, each with its marker and without its hashes: `name==version [; marker]`.

    ValueError where a line is neither a package, nor a hash, nor a comment.
    """
    found = []
    for number, line in enumerate(lock.splitlines(), 1):
        text = line.removesuffix("\\").strip()
        if not text or text.startswith(("#", "--hash=")):
            continue
        if "==" not in text or text.startswith("-"):
            raise ValueError(f"line {number} of the lock is no pin: {text}")
        found.append(text)
    return found


def environment_file(lock: bytes) -> str:
    """The text of the environment file that belongs to the lock's bytes."""
    lines = [f"      - {pin}\n" for pin in pins(lock.decode())]
    return HEADER.format(digest=hashlib.sha256(lock).hexdigest()) + "".join(lines)


def write(root: Path) -> None:
    """Write the environment file of the checkout at `root`."""
    text = environment_file((root / "requirements.lock").read_bytes())
    (root / "workflow" / "envs" / "nearmiss.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
