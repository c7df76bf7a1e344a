"""Worker processes: their results are in order, wherever the temporary folder is."""

import os
import subprocess
import sys
import tempfile

import pytest

from nearmiss.base import workers
from nearmiss.base.errors import InputError
from nearmiss.base.workers import map_in_order

SQUARES = """
import os, sys, tempfile
from nearmiss.base.workers import map_in_order

def square(shared, item):
    return shared * item * item, tempfile.gettempdir()

if __name__ == "__main__":
    found = list(map_in_order(square, 2, range(5), 2))
    assert [value for value, _ in found] == [0, 2, 8, 18, 32], found
    assert {folder for _, folder in found} == {os.environ["TMPDIR"]} == {tempfile.gettempdir()}
"""


def test_a_long_temporary_folder_is_used_for_all_but_the_socket(tmp_path):
    """A Unix socket's path has at most 107 bytes."""
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    (tmp_path / "squares.py").write_text(SQUARES)
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run([sys.executable, tmp_path / "squares.py"], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("error", [OSError("AF_UNIX path too long"), OSError(13, "Permission denied", "/tmp")])
def test_a_server_that_cannot_start_is_one_message(error, monkeypatch):
    def refuse():
        raise error

    before = tempfile.tempdir
    monkeypatch.setattr(workers.forkserver, "ensure_running", refuse)
    with pytest.raises(InputError, match=r"cannot be started: (permission denied|af_unix)") as refused:
        list(map_in_order(max, None, range(3), 2))
    assert "TMPDIR" in refused.value.remedy and tempfile.tempdir == before
