"""Processes that train one run together: started, failed and ended together."""

import os
import select
import signal
import subprocess
import sys
import textwrap

import pytest

from nearmiss.base.errors import InputError
from nearmiss.base.lifetime import PARENT, die_with_starter
from nearmiss.base.progress import FOLDER
from nearmiss.cli import app
from nearmiss.engine.training import launch
from nearmiss.engine.training.launch import run_together

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")


def program(text):
    """A command in place of a training; `rank` is the process's number."""
    head = "import os, signal, sys, time; rank = int(os.environ['RANK'])\n"
    return [sys.executable, "-c", head + textwrap.dedent(text)]


def test_each_process_has_its_rank_and_the_rendezvous_port(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "progress"))
    code = f"""
    import socket
    port = int(os.environ["NEARMISS_RENDEZVOUS"])
    if rank == 0:
        listening = socket.socket(fileno=int(os.environ["NEARMISS_RENDEZVOUS_FD"]))
        assert listening.getsockname()[1] == port
        for _ in range(2):
            listening.accept()[0].sendall(b"here")
    else:
        with socket.create_connection(("127.0.0.1", port)) as link:
            assert link.recv(4) == b"here"
    assert (os.environ.get("{FOLDER}") is not None) is (rank == 0)  # one of them reports progress
    assert os.environ["{PARENT}"] == str(os.getppid())
    open(f"{tmp_path}/{{rank}}", "w").write(os.environ["WORLD_SIZE"] + os.environ["LOCAL_RANK"])
    """
    assert run_together(3, program(code)) == 0
    assert [(tmp_path / str(rank)).read_text() for rank in range(3)] == ["30", "31", "32"]


@pytest.mark.parametrize(
    ("code", "status", "shown"),
    [
        ("sys.exit('no such file' if rank == 1 else 0)", 1, "no such file"),
        ("print('twice', file=sys.stderr); sys.exit(2)", 2, None),  # the first one has printed it
        ("os.kill(os.getpid(), signal.SIGKILL) if rank == 1 else None", 128 + 9, None),
        ("sys.exit(3) if rank == 0 else time.sleep(600)", 3, None),
        ("sys.exit('gone') if rank == 1 else time.sleep(600)", 1, "gone"),
    ],
)
def test_a_failed_process_stops_all_with_its_status_and_message(monkeypatch, capsys, code, status, shown):
    monkeypatch.setattr(launch, "_GRACE", 0.0)
    assert run_together(2, program(code)) == status
    assert capsys.readouterr().err.strip() == (shown or "")


def test_an_interrupted_start_leaves_no_process(monkeypatch):
    started = []

    def interrupted(group):
        started.extend(group)
        raise KeyboardInterrupt

    monkeypatch.setattr(launch, "_first_failure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_together(2, program("time.sleep(600)"))
    assert len(started) == 2 and all(process.poll() is not None for process in started)


STARTER = """
import sys
from nearmiss.engine.training.launch import run_together
dies = "from nearmiss.base.lifetime import die_with_starter; die_with_starter()"
# one write each: the two share a pipe
says = "import os, time; os.write(1, b'%d%c' % (os.getpid(), 10)); time.sleep(600)"
run_together(2, [sys.executable, "-c", f"{dies}; {says}"])
"""


@linux
def test_processes_end_with_their_parent():
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    workers = [os.pidfd_open(int(starter.stdout.readline())) for _ in range(2)]
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    for worker in workers:
        assert select.select([worker], [], [], 60)[0]  # readable once its process has ended
        os.close(worker)


@linux
def test_under_torchrun_processes_end_with_torchrun(monkeypatch):
    """The starter that the environment names is torchrun's, so it is not the parent."""
    killed = []
    monkeypatch.setenv(PARENT, "1")
    monkeypatch.setattr(os, "kill", lambda *given: killed.append(given))
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: type("Kernel", (), {"prctl": lambda *_: 0})())
    die_with_starter()
    assert killed == [(os.getpid(), signal.SIGKILL)]
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    die_with_starter()
    assert len(killed) == 1


ARGUMENTS = "pretrain --arm clip --seed 3 --store s --captions c.parquet --words w.txt --state st --out o --start b"


def test_the_command_starts_the_configured_number_of_processes(monkeypatch):
    seen = []
    monkeypatch.setattr(launch, "run_together", lambda *given: seen.append(given) or 7)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with pytest.raises(SystemExit) as ended:
        app([*ARGUMENTS.split(), "--num-processes", "2", "--batch-size=8"])
    assert ended.value.code == 7
    [(processes, command)] = seen
    assert processes == 2 and command[1:4] == ["-m", "nearmiss", "pretrain"]
    assert {"--arm=clip", "--seed=3", "--start=b", "--state=st", "--batch-size=8"} <= set(command)
    assert not any(word.startswith(("--truth", "--config", "--negatives")) for word in command)
    monkeypatch.setenv("WORLD_SIZE", "2")  # as one of them it trains
    with pytest.raises(InputError, match="no such file"):
        app(command[3:], exit_on_error=False)
    assert len(seen) == 1
