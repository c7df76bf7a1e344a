"""A SLURM cluster on this machine: one controller and two node daemons, each with a name, a port and a folder.

Nothing outside the cluster's folder is written: the configuration is named by SLURM_CONF, munge has a socket and key of
its own. Debian's packages slurm-wlm and munge are what it needs; the daemons run as root.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")

# Nodes have more cores than the machine: submissions wait for memory and for one another, not for cores.
CONFIGURATION = """\
ClusterName=nearmiss
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdTimeout=10
KillWait=5
MinJobAge=3600
SchedulerParameters=requeue_delay=1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=24000\n"


def missing() -> str | None:
    """Why no cluster can be started here; None where one can."""
    if os.geteuid() != 0:
        return "SLURM's daemons are started as root here"
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(lacking)} not found (apt install slurm-wlm munge)" if lacking else None


class Cluster:
    """The daemons, and what a command needs to find them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        host = socket.gethostname()
        text = CONFIGURATION.format(host=host, port=_free_port(), folder=folder)
        text += "".join(NODE.format(name=name, host=host, port=_free_port()) for name in NODES)
        for name in ("state", "bin", *(f"spool-{node}" for node in NODES)):
            (folder / name).mkdir()
        self.configuration = folder / "slurm.conf"
        self.configuration.write_text(text)
        # The executor plugin removes all variables of SLURM from the environment of srun, SLURM_CONF among them.
        step = folder / "bin" / "srun"
        step.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {shutil.which("srun")} "$@"\n')
        step.chmod(0o755)

    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.configuration), "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def start(self) -> None:
        """Start munge, the controller and the nodes, and wait until both nodes are idle."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        own = {name: self.folder / f"munge.{name}" for name in ("socket", "pid", "seed", "log")}
        self.call(
            *("munged", "--force", "--socket", str(own["socket"]), "--key-file", str(key)),
            *("--pid-file", str(own["pid"]), "--seed-file", str(own["seed"]), "--log-file", str(own["log"])),
        )
        self.call("slurmctld")
        for node in NODES:
            self.call("slurmd", "-N", node)
        until(lambda: self.call("sinfo", "-h", "-N", "-o", "%T").split() == ["idle"] * len(NODES), "two idle nodes")

    def call(self, *command: str) -> str:
        """The output of a command; AssertionError with its messages where it fails."""
        done = subprocess.run(
            command, env={**os.environ, **self.environment()}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def running(self, *selection: str) -> dict[str, str]:
        """Running jobs: id -> node."""
        lines = self.call("squeue", "-h", "-t", "RUNNING", "-o", "%A %N", *selection).splitlines()
        return dict(line.split() for line in lines)

    def requeue(self, job: str) -> None:
        """Preempt a job: its processes are ended, and it waits for a node again."""
        self.call("scontrol", "requeue", job)

    def kill_node(self, node: str) -> list[str]:
        """End a node's daemon and all processes of its jobs at once, as a power failure does; returns the jobs."""
        jobs = list(self.running("-w", node))
        with suppress(ProcessLookupError):
            os.kill(int((self.folder / f"{node}.pid").read_text()), signal.SIGKILL)
        for process in _processes_of(jobs):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return jobs

    def restart_node(self, node: str) -> None:
        """Start a node's daemon again and wait until the controller gives it jobs."""
        self.call("slurmd", "-N", node)
        self.call("scontrol", "update", f"NodeName={node}", "State=RESUME")
        until(lambda: self.call("sinfo", "-h", "-n", node, "-o", "%T").strip() in ("idle", "mixed"), f"node {node}")

    def stop(self) -> None:
        """End all jobs and daemons."""
        with suppress(AssertionError):
            self.call("scancel", "--user", "root")
            until(lambda: not self.call("squeue", "-h").strip(), "no job")
        for file in [*(self.folder / f"{node}.pid" for node in NODES), *self.folder.glob("slurmctld.pid")]:
            _end(file)
        _end(self.folder / "munge.pid")


def until(condition: Callable[[], bool], what: str, patience: float = 300.0) -> None:
    """Poll a condition; AssertionError where it does not come true in `patience` seconds."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"waited {patience:.0f} s for {what}"
        time.sleep(0.2)


def _end(pid_file: Path) -> None:
    with suppress(OSError, ValueError):
        os.kill(int(pid_file.read_text()), signal.SIGTERM)


def _processes_of(jobs: list[str]) -> list[int]:
    """The processes of jobs, and the daemons of their steps (slurmstepd: [5.batch])."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            title = (entry / "cmdline").read_bytes().decode(errors="replace")
            variables = (entry / "environ").read_bytes().split(b"\0")
            if any(
                title.startswith(f"slurmstepd: [{job}.") or f"SLURM_JOB_ID={job}".encode() in variables for job in jobs
            ):
                found.append(int(entry.name))
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
