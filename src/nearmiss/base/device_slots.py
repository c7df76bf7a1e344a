"""One GPU for each process of a machine: a file lock for each device, and CUDA_VISIBLE_DEVICES for its holder.

Snakemake counts GPUs and does not say which one a job has (snakemake issue 281): without this, all jobs would take the
first. A scheduler that grants devices sets CUDA_VISIBLE_DEVICES itself, and each of its jobs has locks of its own: with
device cgroups the first device has the number 0 in every job. This module does not import torch, which reads the
variable once.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from nearmiss.base.lifetime import take

VISIBLE = "CUDA_VISIBLE_DEVICES"
HELD = "NEARMISS_DEVICE"
"""The device of this process. Processes that it starts use the same one: they work for it."""
_INTERVAL = 0.5  # seconds between two attempts while all devices are taken
_held: list[IO[str]] = []  # open for as long as the process lives


def devices() -> list[str]:
    """The devices that this process may use, as CUDA_VISIBLE_DEVICES names them: by it, else all of the machine."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        return [device.strip() for device in named.split(",") if device.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def granted() -> bool:
    """Whether somebody has given this process a device: a scheduler, a user, or `claim`."""
    return bool(os.environ.get(VISIBLE) and devices())


def claim(available: Sequence[str], folder: Path | None = None) -> str | None:
    """Take a free one of these devices for this process until it ends; None where none is available.

    Waits while other processes have them all. Sets CUDA_VISIBLE_DEVICES, so that torch counts the device as number 0.
    `folder` holds the locks, one for each device; by default, a folder of this user and this scheduler's job.
    """
    if HELD in os.environ or not available:
        return os.environ.get(HELD)
    folder = folder or _locks()
    waiting = False
    while True:
        for device in available:
            lock = take(folder / f"{device.replace('/', '-')}.lock")
            if lock is not None:
                _held.append(lock)
                os.environ[VISIBLE] = os.environ[HELD] = device
                return device
        if not waiting:
            print(f"waiting for a GPU: other processes have {', '.join(available)} ({folder})", file=sys.stderr)
            waiting = True
        time.sleep(_INTERVAL)


def _locks() -> Path:
    job = os.environ.get("SLURM_JOB_ID", "machine")
    return Path(tempfile.gettempdir()) / f"nearmiss-devices-{os.getuid()}" / job
