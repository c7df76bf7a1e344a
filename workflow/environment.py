"""Python code of the Snakefiles: the package of this checkout, the environment of jobs, and the fingerprints."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
# First, so that a copy of the checkout runs its own code, whatever is installed.
sys.path.insert(0, str(SOURCE))

from nearmiss.base.errors import InputError  # noqa: E402
from nearmiss.base.fingerprint_file import write_fingerprint  # noqa: E402
from nearmiss.base.lifetime import PARENT, die_with_starter, take  # noqa: E402
from nearmiss.base.tracking_address import store_of  # noqa: E402, F401  (the rules use it)
from nearmiss.config import Experiment  # noqa: E402
from nearmiss.experiment_parts import fingerprints  # noqa: E402
from nearmiss.preflight import check_path  # noqa: E402
from nearmiss.stages.negatives.spec import PublishedConfig  # noqa: E402
from nearmiss.versions.copied import notice  # noqa: E402
from nearmiss.versions.dates import settle  # noqa: E402
from snakemake_logger_plugin_nearmiss import NOTICE  # noqa: E402

# A library that starts its own threads in each of several jobs makes all of them slower; a stage that needs threads
# takes them from its configuration, because results depend on their number.
_SINGLE_THREADED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


@contextmanager
def refusing() -> Iterator[None]:
    """Convert errors of the checkout or its configuration to errors that Snakemake prints without a traceback."""
    try:
        yield
    except (InputError, OSError) as error:
        raise WorkflowError(f"The workflow cannot be read: {error}") from None


def check_checkout() -> None:
    """Refuse a path under which jobs would run other code than this."""
    check_path(ROOT, Path(sys.executable).parent)


def check_published(experiment: Experiment) -> None:
    """Refuse a method whose file of negatives is missing."""
    for name in experiment.methods():
        options = experiment.negatives.methods[name]
        if isinstance(options, PublishedConfig) and not Path(options.file).exists():
            raise InputError(
                "the file of negatives is missing",
                file=options.file,
                record=f"negatives.methods.{name}.file",
                remedy="correct the path; it is relative to the checkout",
            )


def shell_prefix(conda: bool) -> str:
    """Shell text before every job: this interpreter (unless conda brings one), this source, one thread a library."""
    settings = {name: "1" for name in _SINGLE_THREADED}
    settings |= {"PYTHONPATH": str(SOURCE), "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    exports.append(f"export {PARENT}=$PPID")
    if not conda:
        exports.append(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
    return ("set -euo pipefail; " + "; ".join(exports) + "; ").replace("{", "{{").replace("}", "}}")


def conda_file() -> str:
    """The conda environment file of all rules. Snakemake formats this path, so that braces in it are doubled."""
    return str(ROOT / "workflow" / "envs" / "nearmiss.yaml").replace("{", "{{").replace("}", "}}")


def gpus_wanted(device: str) -> int:
    """GPU slots of a job that computes on `device`: none where `auto` would find no GPU anyway."""
    return int(device == "cuda" or (device == "auto" and Path("/dev/nvidiactl").exists()))


def become_driver(experiment: str) -> IO[str] | None:
    """Register this driver, end it with the process that started it, and lock this experiment's fingerprint files.

    Returns None if another driver has locked them: its jobs must read the files that it has written.
    """
    die_with_starter()
    _held.append(take(Path("state/driver.lock"), shared=True))
    _held.append(take(Path("state") / experiment / "driver.lock"))
    return _held[-1]


_held: list[IO[str] | None] = []  # open for as long as the driver lives


def write_fingerprints(experiment: Experiment, folder: Path) -> None:
    """Write the fingerprint files of every stage, method and arm; files whose content is the same stay untouched.

    Files dated in the future get the current time. Notices name them, and results that are older than their inputs
    although their fingerprint is current.
    """
    today = fingerprints(experiment, ROOT)
    settled = settle(folder.parent)
    for name, content in today.items():
        write_fingerprint(folder / f"{name}.json", content)
    for line in [*settled, *notice(folder.parent, today)]:
        logger.warning(line, extra={NOTICE: True})
