"""Output folders: files of the user are never removed, and an interrupted write never looks complete."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearmiss.base import outputs
from nearmiss.base.errors import InputError
from nearmiss.base.files import RECORD, read_json, write_json
from nearmiss.base.manifest import verify_inputs, verify_written
from nearmiss.base.outputs import OutputFile, OutputFolder, read_record


def write(target: OutputFolder, **files: str) -> None:
    with target as folder:
        for name, text in files.items():
            path = folder / name.replace("__", "/").replace("_json", ".json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def files_below(folder: Path) -> dict[str, str]:
    """Name -> content of all files but records."""
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != RECORD
    }


def test_a_folder_of_the_user_is_refused_before_compute(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(InputError, match=r"did not write[\s\S]*thesis\.txt[\s\S]*new or empty"):
        OutputFolder(tmp_path)
    assert files_below(tmp_path) == {"thesis.txt": "three years"}


def test_empty_folders_are_not_files_of_the_user(tmp_path):
    (tmp_path / "out" / "tables" / "deep").mkdir(parents=True)
    write(OutputFolder(tmp_path / "out"), tables__a="1")
    assert files_below(tmp_path / "out") == {"tables/a": "1"}


def test_an_earlier_result_is_replaced_and_other_files_are_kept(tmp_path):
    write(OutputFolder(tmp_path / "out"), a="1", sheets__b="2", manifest_json="{}")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "sheets" / "notes.txt").write_text("mine, too")
    write(OutputFolder(tmp_path / "out"), a="3", manifest_json="{}")
    assert files_below(tmp_path / "out") == {
        "a": "3",
        "manifest.json": "{}",
        "notes.txt": "mine",
        "sheets/notes.txt": "mine, too",
    }


def test_other_results_are_not_replaced_silently(tmp_path, capsys):
    out = tmp_path / "out"
    write(OutputFolder(out), table="1", summary="same", old="x", **{"cost.json": "1 s"})
    write(OutputFolder(out), table="1", summary="same", old="x", **{"cost.json": "2 s"})
    assert capsys.readouterr().err == ""
    write(OutputFolder(out), table="2", summary="same", new="y", **{"cost.json": "2 s"})
    assert capsys.readouterr().err == f"nearmiss: {out}: replaced other results (old, table)\n"


def test_another_file_is_not_replaced_silently(tmp_path, capsys):
    for content, message in (("1", ""), ("1", ""), ("2", f"nearmiss: {tmp_path / 'x'}: replaced other results (x)\n")):
        with OutputFile(tmp_path / "x") as partial:
            partial.write_text(content)
        assert capsys.readouterr().err == message


def test_a_result_that_the_user_changed_is_not_replaced(tmp_path):
    write(OutputFolder(tmp_path / "out"), README="card")
    (tmp_path / "out" / "README").write_text("card, with my corrections")
    with pytest.raises(InputError, match=r"has changed since[\s\S]*README"):
        OutputFolder(tmp_path / "out")


def test_costs_may_differ_and_are_replaced(tmp_path):
    write(OutputFolder(tmp_path / "out"), cost_json="{}")
    (tmp_path / "out" / "cost.json").write_text('{"seconds": 2}')
    write(OutputFolder(tmp_path / "out"), cost_json="{}")


def test_a_file_created_meanwhile_is_not_replaced(tmp_path):
    write(OutputFolder(tmp_path / "out"), a="1")
    with pytest.raises(InputError, match=r"did not write[\s\S]*table"), OutputFolder(tmp_path / "out") as folder:
        (folder / "table").write_text("2")
        (tmp_path / "out" / "table").write_text("mine")
    assert files_below(tmp_path / "out") == {"a": "1", "table": "mine"}


@pytest.mark.parametrize(("out", "words"), [("data", "is or holds"), (".", "is or holds"), ("data/made", "inside of")])
def test_an_output_that_overlaps_an_input_is_refused(tmp_path, monkeypatch, out, words):
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/captions.json").write_text("[]")
    with pytest.raises(InputError, match=words):
        OutputFolder(Path(out), inputs=[Path("data"), None])


def test_an_overlap_through_a_link_is_detected(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(InputError, match="holds an input"):
        OutputFolder(tmp_path / "link", inputs=[tmp_path / "data"])


def test_a_link_is_followed_and_kept(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    write(OutputFolder(tmp_path / "out"), a="1")
    assert (tmp_path / "out").is_symlink()
    assert files_below(tmp_path / "disk") == {"a": "1"}


def test_the_current_folder_is_checked_like_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(OutputFolder(Path()), a="1")
    write(OutputFolder(Path()), b="2")
    assert files_below(tmp_path) == {"b": "2"}


def test_a_file_reached_through_a_link_of_the_user_is_not_replaced(tmp_path):
    write(OutputFolder(tmp_path / "out"), sheets__a="1")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "sheets").rename(tmp_path / "moved")
    (tmp_path / "out" / "sheets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="did not write"):
        write(OutputFolder(tmp_path / "out"), sheets__a="2")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_failed_folder_keeps_the_earlier_result(tmp_path):
    write(OutputFolder(tmp_path / "made"), whole="whole")
    with pytest.raises(RuntimeError), OutputFolder(tmp_path / "made") as folder:
        (folder / "half").write_text("half")
        raise RuntimeError("failed")
    assert files_below(tmp_path / "made") == {"whole": "whole"}
    with pytest.raises(RuntimeError), OutputFolder(tmp_path / "new") as folder:
        (folder / "half").write_text("half")
        raise RuntimeError("failed")
    assert not (tmp_path / "new").exists()


def test_two_processes_do_not_write_one_folder(tmp_path):
    with (
        OutputFolder(tmp_path / "out") as folder,
        pytest.raises(InputError, match="another process"),
        OutputFolder(tmp_path / "out"),
    ):
        pass
    assert not folder.exists()


@pytest.mark.parametrize("kept", range(8))
def test_an_interrupted_commit_is_recognized_and_never_complete(tmp_path, monkeypatch, kept):
    """After any number of its steps (unlink, rename), the next run replaces what is there without a question."""
    write(OutputFolder(tmp_path / "out"), a="1", b="1", manifest_json="1")
    steps = iter(range(100))

    def counted(step):
        def done(self, *arguments, **options):
            if ".partial" not in self.name and self.name != RECORD and next(steps) >= kept:
                raise KeyboardInterrupt
            return step(self, *arguments, **options)

        return done

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "unlink", counted(Path.unlink))
        patched.setattr(Path, "replace", counted(Path.replace))
        write(OutputFolder(tmp_path / "out"), a="2", c="2", manifest_json="2")
        raise KeyboardInterrupt  # all steps done
    present = files_below(tmp_path / "out")
    if "manifest.json" in present:
        version = present["manifest.json"]
        assert set(present.values()) == {version}
    write(OutputFolder(tmp_path / "out"), a="3", manifest_json="3")
    assert files_below(tmp_path / "out") == {"a": "3", "manifest.json": "3"}


@given(
    mine=st.dictionaries(st.sampled_from(["a", "b", "d/x", "notes"]), st.text("mn", min_size=1), max_size=4),
    first=st.dictionaries(st.sampled_from(["a", "b", "d/y", "c"]), st.text("12", min_size=1), min_size=1, max_size=3),
    second=st.dictionaries(st.sampled_from(["a", "b", "d/y", "c"]), st.text("12", min_size=1), min_size=1, max_size=3),
)
def test_no_file_of_the_user_is_lost(tmp_path_factory, mine, first, second):
    out = tmp_path_factory.mktemp("property") / "out"

    def run(files):
        with OutputFolder(out) as folder:
            for name, text in files.items():
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(text)

    run(first)
    for name, text in mine.items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text(text)
    try:
        run(second)
    except InputError:
        expected = {**first, **mine}
    else:
        expected = {**{name: text for name, text in mine.items() if first.get(name) != text}, **second}
    assert files_below(out) == expected


def test_a_single_file_replaces_only_its_earlier_version(tmp_path):
    out = tmp_path / "table.parquet"
    for text in ("1", "2"):
        with OutputFile(out) as partial:
            partial.write_text(text)
    assert out.read_text() == "2"
    out.write_text("mine")
    with pytest.raises(InputError, match="did not write"):
        OutputFile(out)
    (tmp_path / "other").write_text("mine")
    with pytest.raises(InputError, match="did not write"):
        OutputFile(tmp_path / "other")
    with pytest.raises(InputError, match="is an input"):
        OutputFile(tmp_path / "other", inputs=[tmp_path / "other"])
    with pytest.raises(InputError, match="is a folder"):
        OutputFile(tmp_path)


def test_a_generated_file_is_recognized_by_its_content(tmp_path):
    with OutputFile(tmp_path / "dvc.yaml", generated=False) as partial:
        partial.write_text("# Written by nearmiss")
    with pytest.raises(InputError, match="did not write"):
        OutputFile(tmp_path / "dvc.yaml", generated=False)
    with OutputFile(tmp_path / "dvc.yaml", generated=True) as partial:
        partial.write_text("# Written by nearmiss, anew")
    assert [path.name for path in tmp_path.iterdir()] == ["dvc.yaml"]


def test_a_single_file_survives_a_folder_of_results_around_it(tmp_path):
    write(OutputFolder(tmp_path / "out"), a="1")
    with OutputFile(tmp_path / "out" / "report") as partial:
        partial.write_text("report")
    write(OutputFolder(tmp_path / "out"), a="2")
    assert files_below(tmp_path / "out") == {"a": "2", "report": "report"}
    with OutputFile(tmp_path / "out" / "report") as partial:
        partial.write_text("anew")


@pytest.mark.parametrize("text", ["", "[]", '{"files": {"../x": []}, "single": {}}', '{"files": {"/x": []}}', "{"])
def test_a_damaged_record_is_named_and_nothing_is_removed(tmp_path, text):
    write(OutputFolder(tmp_path / "out"), a="1")
    (tmp_path / "out" / RECORD).write_text(text)
    with pytest.raises(InputError, match=r"\.nearmiss"):
        OutputFolder(tmp_path / "out")
    assert files_below(tmp_path / "out") == {"a": "1"}


def test_a_flipped_bit_in_an_input_is_named(tmp_path):
    write(OutputFolder(tmp_path / "made"), tables__x="abc", manifest_json="{}")
    verify_inputs({"tables": tmp_path / "made" / "tables"})
    (tmp_path / "made" / "tables" / "x").write_text("abb")
    with pytest.raises(InputError, match=r"changed or is damaged[\s\S]*tables/x"):
        verify_inputs({"tables": tmp_path / "made" / "tables"})
    with pytest.raises(InputError, match=r"changed or is damaged"):
        verify_written([tmp_path / "made" / "tables" / "x"])


def test_files_of_the_user_are_hashed_without_a_check(tmp_path):
    (tmp_path / "x").write_text("abc")
    digest = verify_inputs({"x": tmp_path / "x", "absent": None})["x"]
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(InputError, match="is missing: y"):
        verify_inputs({"y": tmp_path / "y"})


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_manifest_beside_an_input_is_found(tmp_path, text):
    write(OutputFolder(tmp_path / "made"), x="abc", manifest_json="{}")
    (tmp_path / "made" / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        verify_inputs({"x": tmp_path / "made" / "x"})


def test_a_full_disk_keeps_the_earlier_result(tmp_path, monkeypatch):
    write(OutputFolder(tmp_path / "out"), a="1")

    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

    monkeypatch.setattr(outputs, "flush_files", full)
    with pytest.raises(OSError, match="No space"):
        write(OutputFolder(tmp_path / "out"), a="2")
    assert files_below(tmp_path / "out") == {"a": "1"}
    assert read_record(tmp_path / "out").files.keys() == {"a"}


def test_equal_files_have_equal_records(tmp_path):
    for name in ("here", "there"):
        write(OutputFolder(tmp_path / name), b="2", a="1", cost_json=name)
    assert (tmp_path / "here" / RECORD).read_bytes() == (tmp_path / "there" / RECORD).read_bytes()
    assert read_json(tmp_path / "here" / RECORD)["files"]["cost.json"] == []


def test_a_killed_process_leaves_a_folder_that_the_next_one_cleans(tmp_path):
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom nearmiss.base.outputs import OutputFolder\n"
        "with OutputFolder(Path(sys.argv[1])) as folder:\n (folder / 'half').write_text('x')\n os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path / "out"], check=False)
    assert ended.returncode == -9
    assert [path.name.startswith(".nearmiss-partial-") for path in (tmp_path / "out").iterdir()] == [True]
    write(OutputFolder(tmp_path / "out"), a="1")
    assert files_below(tmp_path / "out") == {"a": "1"}
    write_json(tmp_path / "x.json", {})
