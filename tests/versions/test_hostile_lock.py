"""A dvc.lock, or an object of DVC's cache, that leads out of the results or leaves a stage out is refused by name."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from nearmiss.base.errors import InputError
from nearmiss.child_environment import child_environment
from nearmiss.versions import restore, snapshot, verify
from nearmiss.versions.objects import Cache, digest_of
from nearmiss.versions.workspace import LOCKFILE, Locked, locked, problem_of_path, remote_of

RESULTS = Path("results/tiny")
FOLDER, FILE = "0" * 32 + ".dir", "1" * 32


def entry(path, needs=()):
    deps = [{"path": "src/a.py", "md5": FILE}, *({"path": one, "md5": FOLDER} for one in needs)]
    return {"cmd": "snakemake", "deps": deps, "outs": [{"path": path, "md5": FOLDER, "nfiles": 1}]}


def lock(**changes):
    stages = {"data": entry("results/tiny/data"), "pretrain": entry("results/tiny/pretrain", ["results/tiny/data"])}
    return yaml.safe_dump({"schema": "2.0", "stages": {**stages, **changes}})


def pipeline(**outs):
    return yaml.safe_dump({"stages": {name: {"outs": [{path: {"persist": True}}]} for name, path in outs.items()}})


def test_a_lock_file_has_the_stages_of_its_experiment():
    found = locked(lock(other={"cmd": "x", "outs": [{"path": "elsewhere", "md5": FILE}]}), RESULTS)
    assert list(found) == ["data", "pretrain"]
    assert found["pretrain"].needs == {"results/tiny/data": FOLDER}
    assert locked(lock(), Path("results/other")) == {}


PATHS = [
    "/etc",
    "../data",
    "results/../../x",
    "results/tiny/./data",
    "results//data",
    "C:\\x",
    "C:/x",
    "a\\b",
    "",
    "a/",
]


@pytest.mark.parametrize("path", [*PATHS, None, 3, ["a"], "a\0b"])
def test_a_path_that_is_not_below_its_folder_is_refused(path):
    assert problem_of_path(path)


@pytest.mark.parametrize("path", ["a", "a/b.txt", "a b/ü", "..a/b..", "ab:c", "-x", ".hidden"])
def test_a_path_below_its_folder_is_accepted(path):
    assert problem_of_path(path) is None


@pytest.mark.parametrize("path", PATHS)
def test_a_stage_with_an_invalid_path_is_named(path):
    with pytest.raises(InputError) as caught:
        locked(lock(data=entry(path)), RESULTS)
    assert caught.value.record == "stage data"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lock(data=entry("results/tinny/data")), "dvc.yaml has results/tiny/data"),
        (lock(pretrain=entry("results/tinny/pretrain")), "dvc.yaml has results/tiny/pretrain"),
        (lock(pretrain=entry("results/tiny/pretrian")), "dvc.yaml has results/tiny/pretrain"),
        (lock(pretrain={"cmd": "x"}), "stage 'pretrain' cannot be used"),
        (lock(pretrain=None), "stage 'pretrain' cannot be used"),
        (lock(pretrain={**entry("results/tiny/pretrain"), "outs": [{"path": "results/tiny/pretrain"}]}), "no MD5"),
        (lock(pretrain={**entry("x"), "outs": [{"path": "x", "md5": "../../etc/passwd.dir"}]}), "no MD5"),
        (lock(pretrain={**entry("x"), "outs": [{"path": "x"}, {"path": "y"}]}), "several outputs"),
    ],
)
def test_unusable_stages_are_refused(text, words):
    with pytest.raises(InputError, match=words) as caught:
        locked(text, RESULTS, pipeline=pipeline(data="results/tiny/data", pretrain="results/tiny/pretrain"))
    assert str(caught.value.record).startswith("stage ")


def test_a_missing_input_stage_is_refused():
    with pytest.raises(InputError, match="an input of stage 'pretrain', results/tiny/data, is not recorded"):
        locked(lock(data=entry("results/tinny/data")), RESULTS)


def test_a_stage_outside_of_the_pipeline_may_belong_to_another_experiment():
    found = locked(lock(inpaint=entry("results/old/inpaint")), RESULTS, pipeline=pipeline(data="results/tiny/data"))
    assert list(found) == ["data", "pretrain"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "schema: '3.0'\nstages: {}", "data: {outs: []}", "stages: [", "schema: '2.0'\nstages: [1]", "[" * 999],
)
def test_a_lock_file_of_another_or_no_version_is_refused(text):
    with pytest.raises(InputError, match="not a lock file of DVC"):
        locked(text, RESULTS)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with one object that lists files, which a test writes."""
    found = Cache.__new__(Cache)
    found.folder = tmp_path
    (tmp_path / FOLDER[:2]).mkdir()
    return found


def listed(cache, *entries):
    cache.path(FOLDER).write_text(json.dumps(entries))
    return cache.files(Locked("data", Path("results/tiny/data"), FOLDER, {}))


def test_files_of_a_folder_are_in_order_of_their_paths(cache):
    assert list(listed(cache, {"relpath": "b", "md5": FILE}, {"relpath": "a/c", "md5": FILE})) == ["a/c", "b"]


@pytest.mark.parametrize("path", [*PATHS, "../../..", None, 3])
def test_a_file_outside_of_its_folder_is_refused(cache, path):
    with pytest.raises(InputError, match="recorded file of stage 'data'"):
        listed(cache, {"relpath": "fine", "md5": FILE}, {"relpath": path, "md5": FILE})


@pytest.mark.parametrize("digest", ["../../x", "", None, "1" * 31, "G" * 32])
def test_an_object_without_a_hash_is_refused(cache, digest):
    with pytest.raises(InputError, match="has no MD5"):
        listed(cache, {"relpath": "fine", "md5": digest})


@pytest.mark.parametrize("content", ['{"a": 1}', "[1]", "{", ""])
def test_an_object_without_a_list_of_files_is_refused(cache, content):
    cache.path(FOLDER).write_text(content)
    with pytest.raises(InputError):
        cache.files(Locked("data", Path("results/tiny/data"), FOLDER, {}))


def test_nothing_is_written_through_a_link_to_a_folder(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = Locked("data", Path("results/tiny/data"), FOLDER, {})
    cache.path(FOLDER).write_text(json.dumps([{"relpath": "images/1.png", "md5": FILE}]))
    (one.folder).mkdir(parents=True)
    restore._refuse_links(cache, [one])
    (one.folder / "images").symlink_to(tmp_path)
    with pytest.raises(InputError, match="symbolic link") as caught:
        restore._refuse_links(cache, [one])
    assert caught.value.file == one.folder / "images"


@pytest.fixture(scope="module")
def below(tmp_path_factory, python):
    """A DVC project below the root of its repository, whose cache makes links, with one stage."""
    root = tmp_path_factory.mktemp("monorepo")
    project = root / "projects" / "mine"
    (project / "results" / "tiny" / "data").mkdir(parents=True)
    for name in ("a.txt", "b.txt", "c.txt"):
        (project / "results" / "tiny" / "data" / name).write_text("one")

    def call(*command):
        subprocess.run(
            command, cwd=project, env=child_environment(DVC_NO_ANALYTICS="1"), check=True, capture_output=True
        )

    call("git", "init", "--quiet", str(root))
    call(python, "-m", "dvc", "init", "--quiet", "--subdir")
    (project / ".dvc" / "config").write_text('[cache]\n    type = "reflink,copy"\n')
    (project / ".dvc" / "config.local").write_text("[cache]\n    type = symlink\n")
    (project / ".gitignore").write_text("/results/\n/state/\n")
    (project / "dvc.yaml").write_text(pipeline(data="results/tiny/data").replace("outs:", "cmd: 'true'\n    outs:"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        before = (project / "results/tiny/data/a.txt").stat()
        snapshot._commit(["data"])
    after = (project / "results/tiny/data/a.txt").lstat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)  # no link into the cache
    call("git", "add", "--all")
    call("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "one")
    return project


def test_a_revision_is_read_below_the_root_of_the_repository(below, monkeypatch):
    monkeypatch.chdir(below)
    shown = verify._shown("HEAD", LOCKFILE)
    assert shown.returncode == 0, shown.stderr
    assert list(locked(shown.stdout, RESULTS)) == ["data"]
    assert verify._shown("--output=written", LOCKFILE).returncode != 0
    assert not (below / "written").exists()
    files = verify._recorded("HEAD", RESULTS)
    assert {name: path.read_text() for name, path in files.items()} == {f"data/{name}.txt": "one" for name in "abc"}


def test_restored_results_are_copies_for_every_cache_type(below, monkeypatch):
    monkeypatch.chdir(below)
    cache = Cache()
    stages = list(locked(LOCKFILE.read_text(), RESULTS).values())
    missing, link, hard = (stages[0].folder / f"{name}.txt" for name in "abc")
    kept = cache.path(digest_of(missing))
    for file in (missing, link, hard):
        file.unlink()
    link.symlink_to(kept)
    hard.hardlink_to(kept)
    restore._checkout(cache, stages)
    for file in (missing, link, hard):
        assert not file.is_symlink() and file.stat().st_nlink == 1
        assert file.read_text() == "one"


def test_an_unreadable_dvc_configuration_is_an_input_error(below, monkeypatch):
    monkeypatch.chdir(below)
    file = below / ".dvc" / "config.local"
    before = file.read_text()
    try:
        file.write_text("[cache")
        with pytest.raises(InputError, match="DVC cannot read its configuration"):
            remote_of(None)
    finally:
        file.write_text(before)
