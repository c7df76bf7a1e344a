"""No command removes or changes a file that it did not make, wherever --out points."""

import shutil
import sqlite3
from pathlib import Path
from random import Random

import commands
import pytest
from commands import CASES, Case
from running import Answer, contents, nearmiss

KIND = "target safety"
SOME = 12  # names that a command writes
CASE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
FILES = [case for case in CASES if case.is_file]
FOLDERS = [case for case in CASES if not case.is_file]
MINE = {
    "thesis.txt": "three years of work",
    ".hidden": "mine",
    "photographs/2019/a.jpg": "no other copy",
    "manifest.json": '{"mine": true}',
    "summary.json": "{}",
    "cost.json": "{}",
    "captions.parquet": "PAR1 mine PAR1",
    "negatives.parquet": "PAR1 mine PAR1",
}


def put(folder: Path, *names: str) -> Path:
    """Files of a user in a folder."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(MINE.get(name, f"mine: {name}"), encoding="utf-8")
    return folder


class Place:
    """A folder with the inputs of a command and whatever a test puts beside them."""

    def __init__(self, case: Case, toys: commands.Toys, folder: Path) -> None:
        self.case, self.folder = case, folder
        self.inputs = toys.copy(case.group, folder / "inputs")

    def run(self, out: object, cwd: Path | None = None) -> Answer:
        """Run the command with --out."""
        return nearmiss(*self.case.arguments(self.inputs), "--out", out, folder=cwd or self.folder)

    def refused(self, out: object, *words: str, cwd: Path | None = None) -> None:
        """The command must end with a message that has some of `words`, and nothing may have changed."""
        before = contents(self.folder)
        answer = self.run(out, cwd)
        assert contents(self.folder) == before
        assert answer.status == 2, answer.output
        assert "remedy:" in answer.err, answer.output
        assert not words or any(word in answer.err for word in words), answer.err


@pytest.fixture
def place(case, toys, tmp_path) -> Place:
    return Place(case, toys, tmp_path)


@pytest.fixture
def made(case, toys) -> Path:
    """What the command makes: its folder, or the folder of its file. Not to be changed."""
    return toys.result(case)


def test_every_command_with_an_output_has_a_case():
    covered = {case.command for case in CASES} | commands.APART.keys()
    assert covered == set(commands.commands_with_out())


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_a_folder_of_the_user_is_refused(place, made, tmp_path, tally):
    written = [name for name, content in contents(made).items() if content != "folder" and name != ".nearmiss"]
    drawn = Random(place.case.name).sample(written, min(SOME, len(written)))
    sets = [list(MINE), [".hidden"], ["photographs/2019/a.jpg"], *([name] for name in drawn)]
    for number, names in enumerate(sets):
        with tally(KIND, "--out is a folder of the user", f"{place.case.name}, {names}"):
            place.refused(put(tmp_path / str(number), *names), "did not write")


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_a_file_of_the_user_keeps_its_name(place, made, tmp_path, tally):
    """Of the file itself and of those that are named after it; files with other names do not matter."""
    written = [name for name in contents(made) if name != ".nearmiss"]
    for name in written:
        with tally(KIND, "--out's names are files of the user", f"{place.case.name}, {name}"):
            place.refused(put(tmp_path / f"taken-{name}", name) / place.case.file, "did not write")
    with tally(KIND, "--out is a file beside files of the user", place.case.name):
        names = [name for name in MINE if name not in written]
        mine = put(tmp_path / "mine", *names)
        before, inputs = contents(mine), contents(place.inputs)
        answer = place.run(mine / place.case.file)
        assert answer.status == 0, answer.output
        after = contents(mine)
        assert {name: after[name] for name in before} == before
        assert after.keys() - before.keys() == contents(made).keys()
        _unchanged(place, inputs)


@CASE
def test_an_output_near_an_input_is_refused(place, tmp_path, tally):
    """Equal to an input, holding it, or inside of it."""
    case, name = place.case, "--out is, holds or lies in an input"
    inputs = case.inputs(place.inputs)
    for given in inputs:
        with tally(KIND, name, f"{case.name}, equal to {given.name}"):
            place.refused(given)
        with tally(KIND, name, f"{case.name}, holds {given.name}"):
            place.refused(given.parent)
        link = tmp_path / f"link-{given.name}"
        link.unlink(missing_ok=True)
        link.symlink_to(given)
        with tally(KIND, name, f"{case.name}, link to {given.name}"):
            place.refused(link)
        if given.is_dir() and not case.is_file and f"@{given.relative_to(place.inputs)}" not in case.roots.split():
            with tally(KIND, name, f"{case.name}, inside of {given.name}"):
                place.refused(given / "made", "inside of an input", "holds an input")
    with tally(KIND, name, f"{case.name}, holds all inputs"):
        place.refused(place.inputs)


@CASE
def test_links_files_and_the_current_folder_are_refused_where_files_of_the_user_are(place, tmp_path, tally):
    case, mine = place.case, put(tmp_path / "mine", *MINE)
    (tmp_path / "link").symlink_to(mine)
    (tmp_path / "file").symlink_to(mine / "thesis.txt")
    (mine / "empty").mkdir()
    attempts = {
        "a link to a folder of the user": (tmp_path / "link", None),
        "a link to a file of the user": (tmp_path / "file", None),
        "a file of the user": (mine / "thesis.txt", None),
        "below a file of the user": (mine / "thesis.txt" / "made", None),
        "the current folder": (".", mine),
        "the folder above": ("..", mine / "empty"),
        "a path with ..": (mine / "empty" / ".." / ".", None),
    }
    for what, (out, cwd) in attempts.items():
        with tally(KIND, f"--out is {what}", case.name):
            place.refused(out, cwd=cwd)


@CASE
def test_an_earlier_result_is_replaced_and_files_of_the_user_are_kept(place, made, tmp_path, tally):
    case = place.case
    with tally(KIND, "--out is an earlier result with a file of the user", case.name):
        earlier = shutil.copytree(made, tmp_path / "earlier")
        result, inputs = contents(earlier), contents(place.inputs)
        put(earlier, "notes.txt", "photographs/2019/a.jpg")
        answer = place.run(earlier / (case.file or ""))
        assert answer.status == 0, answer.output
        after = contents(earlier)
        assert after["notes.txt"] == b"mine: notes.txt"
        assert after["photographs/2019/a.jpg"] == b"no other copy"
        assert after.keys() - result.keys() == {
            "notes.txt",
            "photographs",
            "photographs/2019",
            "photographs/2019/a.jpg",
        }
        assert result.keys() <= after.keys()
        _unchanged(place, inputs)
    changed = next(name for name, content in result.items() if content != "folder" and _is_kept(case, name))
    with tally(KIND, "--out is an earlier result that the user changed", f"{case.name}, {changed}"):
        edited = shutil.copytree(made, tmp_path / "edited")
        (edited / changed).write_text("corrected by hand")
        place.refused(edited / (case.file or ""), "changed since")


def _is_kept(case: Case, name: str) -> bool:
    """Whether a change of a file is one of the user: costs differ by run, and a schema identifies itself."""
    return not name.endswith(("cost.json", ".nearmiss")) and (not case.is_file or name == case.file)


def _unchanged(place: Place, before: dict) -> None:
    after = contents(place.inputs)
    read = {name: content for name, content in before.items() if (name.partition("/")[0],) not in commands.WRITTEN}
    assert {name: after.get(name) for name in read} == read


def test_a_training_state_keeps_files_of_the_user(toys, tmp_path, tally):
    """--state is a folder with the state of a killed training; everything else in it belongs to the user."""
    (case,) = [each for each in CASES if each.command == "pretrain"]
    place = Place(case, toys, tmp_path)
    mine = put(place.inputs / "state" / "base" / "0", *MINE)
    before = contents(mine)
    with tally(KIND, "--state is a folder of the user", case.name):
        answer = place.run(tmp_path / "out")
        after = contents(mine)
        assert {name: after.get(name) for name in before} == before
        assert answer.status in (0, 2), answer.output


def test_the_mlflow_store_never_replaces_a_file_of_the_user(toys, tmp_path, tally):
    (case,) = [each for each in CASES if each.command == "track"]
    place = Place(case, toys, tmp_path)
    store = place.inputs / "mlflow.db"
    for what in ("a text", "a database of another program"):
        store.unlink(missing_ok=True)
        with sqlite3.connect(store) as database:
            database.execute("CREATE TABLE addresses (name TEXT)")
        database.close()
        if what == "a text":
            store.write_text("addresses")
        before = contents(tmp_path)
        with tally(KIND, "--store is a file of the user", what):
            answer = place.run(tmp_path / "tracked.json")
            assert answer.status == 2 and "mlflow.db" in answer.err, answer.output
            assert contents(tmp_path).keys() - before.keys() <= {"inputs/.mlflow.db.lock"}
            assert {name: contents(tmp_path)[name] for name in before} == before


def test_the_table_of_keys_replaces_only_the_text_between_its_markers(tmp_path, tally):
    readme = tmp_path / "README.md"
    for text in ("", "mine", "<!-- keys: written by `make schema` --> mine, no end"):
        with tally(KIND, "--readme is a file of the user", repr(text)):
            readme.write_text(text)
            answer = nearmiss("schema", "--out", tmp_path / "schema.json", "--readme", readme)
            assert answer.status == 2, answer.output
            assert readme.read_text() == text
    with tally(KIND, "--readme is a file of the user", "missing"):
        answer = nearmiss("schema", "--out", tmp_path / "schema.json", "--readme", tmp_path / "none.md")
        assert answer.status == 2, answer.output


def test_the_pipeline_replaces_only_a_generated_one(root, tmp_path, tally):
    for name in ("params.yaml", "thesis.txt"):
        with tally(KIND, "--out is a file of the user", "pipeline"):
            put(tmp_path, name)
            before = contents(tmp_path)
            answer = nearmiss(
                "versions", "pipeline", "--config", "tests/tiny.yaml", "--out", tmp_path / name, folder=root
            )
            assert answer.status == 2 and "did not write" in answer.err, answer.output
            assert contents(tmp_path) == before
    with tally(KIND, "--out is a folder of the user", "pipeline"):
        answer = nearmiss("versions", "pipeline", "--config", "tests/tiny.yaml", "--out", tmp_path, folder=root)
        assert answer.status == 2 and contents(tmp_path) == before, answer.output
