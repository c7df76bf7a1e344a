"""What is refused before a workflow starts, and which folders replace unusable ones."""

import errno
import os
import pwd
import sys
import tempfile
from pathlib import Path

import pytest

from nearmiss import child_environment, driver, preflight
from nearmiss.base import lifetime
from nearmiss.base.errors import InputError, reason


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout that is the working folder; nothing in it can run."""
    (tmp_path / "Snakefile").write_text("")
    (tmp_path / "tiny.yaml").write_text("experiment: tiny\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(driver, "_snakemake", lambda *_: pytest.fail("the workflow was started"))
    return tmp_path


@pytest.mark.parametrize("name", ["a b", "{v2}", "it's", 'say "x"', "what?", "50%", "#1", "ünï", "$HOME", "a\\b", "-x"])
def test_supported_folder_names(name):
    preflight.check_path(Path("/home/me") / name)


@pytest.mark.parametrize(("name", "letter"), [("v1:2", "colon"), ("a\nb", "line break"), ("a\rb", "line break")])
def test_an_unsupported_checkout_path_is_refused_before_the_run(tmp_path, monkeypatch, name, letter):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "Snakefile").write_text("")
    monkeypatch.chdir(folder)
    with pytest.raises(InputError, match=letter) as caught:
        driver.run(config=Path("none.yaml"))
    assert "rename" in caught.value.remedy
    assert repr(name)[1:-1] in str(caught.value.file)


def test_an_unsupported_environment_path_is_refused(checkout, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/opt/a:b/bin/python")
    with pytest.raises(InputError, match="colon"):
        driver.run(config=Path("tiny.yaml"))


@pytest.mark.parametrize("name", ["results", "results/tiny", "logs/tiny", "state", ".snakemake"])
def test_a_folder_that_cannot_be_created_is_named_before_any_job(checkout, name):
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("a file in the way")
    with pytest.raises(InputError, match="cannot write into this folder") as caught:
        driver.run(config=Path("tiny.yaml"))
    assert str(caught.value.file).startswith(str(checkout / name))
    assert "nothing was started" in caught.value.remedy


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT])
def test_a_folder_that_cannot_be_written_is_named_before_any_job(checkout, monkeypatch, number):
    def refuse(dir):
        if dir == Path("results/tiny"):
            raise OSError(number, os.strerror(number))
        return real(dir=dir)

    real = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(InputError, match=reason(OSError(number, ""))) as caught:
        driver.run(config=Path("tiny.yaml"))
    assert caught.value.file == checkout / "results" / "tiny"


def test_results_that_cannot_be_replaced_are_named_before_any_job(checkout, monkeypatch):
    theirs = checkout / "results" / "tiny" / "evaluate" / "clip"
    theirs.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, _: not str(path).endswith("clip"))
    with pytest.raises(InputError, match="cannot replace") as caught:
        driver.run(config=Path("tiny.yaml"))
    assert caught.value.file == theirs


@pytest.mark.parametrize("cores", ["0", "-1", "two", "1.5", ""])
def test_an_invalid_number_of_cores_is_refused(checkout, cores):
    with pytest.raises(InputError, match="positive integer or all"):
        driver.run(config=Path("tiny.yaml"), cores=cores)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(checkout, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lifetime.fcntl, "flock", refuse)
    with pytest.raises(InputError, match="cannot lock files") as caught:
        driver.run(config=Path("tiny.yaml"))
    assert caught.value.file == Path("state/run.lock")


def variables(monkeypatch, **changed):
    for name, value in changed.items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return child_environment.child_environment()


def test_usable_folders_are_not_replaced(checkout, monkeypatch):
    made = variables(monkeypatch, HOME=checkout, XDG_CACHE_HOME=None, TMPDIR=checkout)
    assert (made["HOME"], made["TMPDIR"]) == (str(checkout), str(checkout))
    assert "XDG_CACHE_HOME" not in made
    assert not (checkout / "state").exists()


@pytest.mark.parametrize(
    ("home", "cache"), [("/proc", None), ("/dev/null", None), (None, "/proc/x"), ("/proc", "relative")]
)
def test_a_cache_folder_that_cannot_be_written_is_replaced_by_one_of_the_checkout(checkout, monkeypatch, home, cache):
    made = variables(monkeypatch, HOME=home or checkout, XDG_CACHE_HOME=cache)
    assert made["XDG_CACHE_HOME"] == str(checkout / "state" / ".cache")
    assert Path(made["XDG_CACHE_HOME"]).is_dir()


def test_a_user_without_a_home_folder_has_one_in_the_checkout(checkout, monkeypatch):
    def unknown(_):
        raise KeyError("no such user")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    made = variables(monkeypatch, HOME=None, XDG_CACHE_HOME=None)
    assert made["HOME"] == str(checkout / "state" / ".cache")
    assert not (checkout / "~").exists()


def test_a_temporary_folder_that_is_missing_is_replaced(checkout, monkeypatch):
    made = variables(monkeypatch, TMPDIR="/nonexistent")
    assert Path(made["TMPDIR"]).is_dir()


def test_where_no_temporary_folder_can_be_written_the_checkout_has_one(checkout, monkeypatch):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    made = variables(monkeypatch, TMPDIR=None)
    assert made["TMPDIR"] == str(checkout / "state" / ".cache" / "tmp")


def test_subprocesses_write_utf_8_in_any_locale(checkout, monkeypatch):
    assert variables(monkeypatch, LC_ALL="C", PYTHONUTF8="0")["PYTHONUTF8"] == "1"
