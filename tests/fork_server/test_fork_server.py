"""A forked command is, for whoever starts it, what an interpreter of its own is."""

import os
import select
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="commands are forked on Linux")

FORKED = "import sys; print('torch' in sys.modules)"


class Program:
    """A module `nearmiss` with a text of the test's own, run by an interpreter."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        (folder / "source" / "nearmiss").mkdir(parents=True, exist_ok=True)
        (folder / "source" / "nearmiss" / "__init__.py").touch()
        (folder / "source" / "nearmiss" / "__main__.py").write_text(textwrap.dedent(text))

    def start(self, python: str, *arguments: str, **environment: str) -> subprocess.Popen:
        """Start it in the folder with `PYTHONPATH`."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return subprocess.Popen(
            [python, "-m", "nearmiss", *arguments],
            cwd=self.folder,
            env={**kept, "PYTHONPATH": str(self.folder / "source"), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=0o027,
        )

    def end(self, python: str, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Status, output and messages."""
        process = self.start(python, *arguments, **environment)
        output, messages = process.communicate("typed\n")
        return process.returncode, output, messages.rpartition("\n ")[2]  # without the frames of a traceback


@pytest.mark.parametrize(
    "text",
    [
        """
        import os, sys
        umask = os.umask(0)
        print(sys.argv[1:], __name__, os.getcwd(), sys.path[:2], umask, sys.flags[:10], sys.stdin.read())
        print(os.environ["SET"], os.getppid(), os.getpgid(0), os.getsid(0), sorted(os.listdir("/proc/self/fd"))[:3])
        """,
        "print('written', end=''); raise SystemExit(3)",
        "raise SystemExit('a message')",
        "raise SystemExit",
        "1 / 0",
        "raise KeyboardInterrupt",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import os; os.kill(os.getpid(), 9)",
        "import atexit; atexit.register(print, 'last'); print('first', end=' ')",
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.1), print('thread'))).start()",
        """
        from concurrent.futures import ProcessPoolExecutor
        from math import factorial
        from multiprocessing import get_context
        if __name__ == "__main__":
            context = get_context("forkserver")
            context.set_forkserver_preload(["json"])
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                print(list(pool.map(factorial, range(9))))
        """,
        """
        import subprocess, sys
        print(subprocess.run([sys.executable, "-c", "print(1 + 1)"], capture_output=True).stdout)
        """,
    ],
)
def test_a_forked_command_equals_an_interpreter(python, tmp_path, text):
    program = Program(tmp_path, text)
    forked, real = (program.end(each, "--flag", "a b\udcff", SET="1") for each in (python, sys.executable))
    assert forked == real


def test_only_commands_with_the_environment_of_the_server_are_forked(python, tmp_path):
    program = Program(tmp_path, FORKED)
    assert program.end(python)[1] == "True\n"
    for name, value in {"PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": "1", "OMP_NUM_THREADS": "2", "HOME": "/"}.items():
        assert program.end(python, **{name: value})[1] == "False\n", name
    assert subprocess.check_output([python, "-c", FORKED], text=True) == "False\n"


WAITING = """
    import os, signal, sys, time
    def end(number, frame):
        sys.exit(f"signal {number}")
    signal.signal(signal.SIGTERM, end)
    print(os.getpid(), flush=True)
    time.sleep(600)
"""


def test_a_signal_reaches_a_forked_command(python, tmp_path):
    process = Program(tmp_path, WAITING).start(python)
    process.stdout.readline()
    process.terminate()
    assert process.communicate()[1] == "signal 15\n"
    assert process.returncode == 1


def test_a_forked_command_ends_with_its_client(python, tmp_path):
    process = Program(tmp_path, WAITING).start(python)
    descriptor = os.pidfd_open(int(process.stdout.readline()))
    process.kill()
    process.communicate()
    assert select.select([descriptor], [], [], 60)[0], "it outlived its client"
    os.close(descriptor)
