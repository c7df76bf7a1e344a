"""What the Snakefiles need in plain Python: this checkout's package, the environment of jobs, and the identities."""

import shlex
import sys
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
# First, so that a copy of the checkout runs its own code, whatever is installed.
sys.path.insert(0, str(SOURCE))

from nearmiss.base.identity import write_identity  # noqa: E402
from nearmiss.base.lifetime import PARENT, die_with_starter, take  # noqa: E402
from nearmiss.config import Experiment  # noqa: E402
from nearmiss.identities import identities  # noqa: E402

# A library that starts its own threads in each of several jobs makes all of them slower; a stage that wants threads
# takes them from its configuration, because results depend on their number.
_SINGLE_THREADED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


def shell_prefix(conda: bool) -> str:
    """Shell text before every job: this interpreter (unless conda brings one), this source, one thread a library."""
    settings = {name: "1" for name in _SINGLE_THREADED}
    settings |= {"PYTHONPATH": str(SOURCE), "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    exports.append(f"export {PARENT}=$PPID")
    if not conda:
        exports.append(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
    return ("set -euo pipefail; " + "; ".join(exports) + "; ").replace("{", "{{").replace("}", "}}")


def gpus_wanted(device: str) -> int:
    """GPU slots of a job that computes on `device`: none where `auto` would find no GPU anyway."""
    return int(device == "cuda" or (device == "auto" and Path("/dev/nvidiactl").exists()))


def become_driver(experiment: str) -> IO[str] | None:
    """Say that a driver is alive, die with whoever started it, and take this experiment's identity files.

    None where another living driver has them: it must find under its jobs what it has read itself.
    """
    die_with_starter()
    _held.append(take(Path("state/driver.lock"), shared=True))
    _held.append(take(Path("state") / experiment / "driver.lock"))
    return _held[-1]


_held: list[IO[str] | None] = []  # open for as long as the driver lives


def write_identities(experiment: Experiment, folder: Path) -> None:
    """Write the identity files of every stage, method and arm; files whose content is the same stay untouched."""
    for name, content in identities(experiment, ROOT).items():
        write_identity(folder / f"{name}.json", content)
