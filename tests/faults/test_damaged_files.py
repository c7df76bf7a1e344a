"""One flipped bit or a cut in any file that is read back is named, or changes nothing; it is never computed with."""

import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest
from commands import CASES, Case
from damage import damage, kind_of
from running import Answer, nearmiss
from test_full_disk import results

from nearmiss.base.fingerprint_file import write_fingerprint
from nearmiss.base.outputs import read_record
from nearmiss.base.tracking import recorded
from nearmiss.engine.training.state import State

KIND = "bit flip, truncation"
pytestmark = pytest.mark.slow
MANY = 24
ON_RECORD = [
    case
    for case in CASES
    if case.group not in ("none", "curation", "photographs", "benchmark") and "@captions.json" not in case.words
]
"""Commands that read what nearmiss has written, not only files of the user."""


def names_it(answer: Answer, file: Path) -> bool:
    """Whether a message names a damaged file, or the folder whose record was damaged."""
    return answer.status == 2 and (file.name in answer.err or file.parent.name in answer.err)


def attempts(case: Case, toys, tmp_path: Path, tally, number: int) -> None:
    """Damage drawn files that a command reads and that nearmiss has written, one after the other."""
    inputs, expected = toys.copy(case.group, tmp_path / "inputs"), results(toys.result(case))
    files = sorted(file for given in case.inputs(inputs) for file in written(given))
    draw = Random(f"damage {case.name}")
    for round_ in range(number):
        file, out = draw.choice(files), tmp_path / f"out-{round_}"
        whole = file.read_bytes()
        description = damage(file, draw)
        name = file.relative_to(inputs).as_posix()
        with tally(KIND, f"{kind_of(name)} of results", f"{case.name}: {name}, {description}"):
            answer = nearmiss(*case.arguments(inputs), "--out", out / (case.file or ""))
            assert names_it(answer, file) or (answer.status == 0 and results(out) == expected), answer.output
            assert answer.status == 0 or not out.exists(), "a result of damaged files"
        file.write_bytes(whole)
        shutil.rmtree(inputs / "state", ignore_errors=True)


def written(given: Path) -> list[Path]:
    """Files at or below a path that a record names, and the records."""
    folders = [given, *given.parents] if given.is_dir() else list(given.parents)
    found: list[Path] = []
    for folder in folders[:3]:
        record = read_record(folder)
        names = [folder / name for name in (*record.files, *record.single)]
        found += [file for file in names if file.is_relative_to(given)]
        found += [folder / ".nearmiss"] if any(file.is_relative_to(given) for file in names) else []
    if given.is_dir():
        for mark in given.rglob(".nearmiss"):
            found += [mark.parent / name for name in read_record(mark.parent).files]
    return sorted({file for file in found if file.is_file()})


@pytest.mark.parametrize("case", ON_RECORD, ids=lambda case: case.name)
def test_damaged_inputs_are_reported(case, toys, tmp_path, tally):
    attempts(case, toys, tmp_path, tally, MANY)


def embedding_cache(toys, tmp_path, tally, number):
    (case,) = [each for each in CASES if each.name == "evaluate (standalone)"]
    inputs = toys.copy(case.group, tmp_path / "inputs")
    expected = None
    draw = Random("cache")
    for round_ in range(number + 1):
        files = sorted(file for file in (inputs / "cache").rglob("*") if file.is_file() and file.stat().st_size)
        if expected is None:
            assert nearmiss(*case.arguments(inputs), "--out", tmp_path / "first").status == 0
            expected = results(tmp_path / "first")
            continue
        file, out = draw.choice(files), tmp_path / f"out-{round_}"
        description = damage(file, draw)
        with tally(KIND, "embedding cache", f"{file.name}, {description}"):
            answer = nearmiss(*case.arguments(inputs), "--out", out)
            assert names_it(answer, file) or (answer.status == 0 and results(out) == expected), answer.output
        shutil.rmtree(inputs / "cache")
        nearmiss(*case.arguments(inputs), "--out", tmp_path / f"again-{round_}")


def training_state(toys, tmp_path, tally, number):
    """A training ends at its last step but one; its state is damaged; it goes on."""
    (case,) = [each for each in CASES if each.command == "pretrain"]
    inputs, expected = toys.copy(case.group, tmp_path / "inputs"), results(toys.result(case))
    kept = tmp_path / "kept"
    arguments = case.arguments(inputs)
    save = State.save
    with pytest.MonkeyPatch.context() as patched:

        def stop(self, step, *rest):
            save(self, step, *rest)
            raise KeyboardInterrupt

        patched.setattr(State, "save", stop)
        assert nearmiss(*arguments, "--out", tmp_path / "stopped").status == 130
    shutil.copytree(inputs / "state", kept)
    draw = Random("state")
    for round_ in range(number):
        shutil.rmtree(inputs / "state")
        shutil.copytree(kept, inputs / "state")
        files = sorted(file for file in (inputs / "state").rglob("*") if file.is_file() and file.stat().st_size)
        file, out = draw.choice(files), tmp_path / f"out-{round_}"
        description = damage(file, draw)
        with tally(KIND, "training state", f"{file.name}, {description}"):
            answer = nearmiss(*arguments, "--out", out)
            assert names_it(answer, file) or (answer.status == 0 and results(out) == expected), answer.output


def decisions(toys, tmp_path, tally, number):
    (case,) = [each for each in CASES if each.command == "curate export"]
    inputs, expected = toys.copy(case.group, tmp_path / "inputs"), results(toys.result(case))
    database = inputs / "decisions.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    whole = database.read_bytes()
    draw = Random("decisions")
    for round_ in range(number):
        for file in inputs.glob("decisions.db*"):
            file.unlink()
        database.write_bytes(whole)
        description, out = damage(database, draw), tmp_path / f"out-{round_}"
        with tally(KIND, "database of decisions", description):
            answer = nearmiss(*case.arguments(inputs), "--out", out)
            assert names_it(answer, database) or (answer.status == 0 and results(out) == expected), answer.output


def store_of_mlflow(toys, tmp_path, tally, number):
    """The store is made from the results: what is recorded again is right, or the store is refused."""
    (case,) = [each for each in CASES if each.command == "track"]
    inputs = toys.copy(case.group, tmp_path / "inputs")
    store, draw = inputs / "mlflow.db", Random("store")
    assert nearmiss(*case.arguments(inputs), "--out", tmp_path / "tracked.json").status == 0
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    whole, expected = store.read_bytes(), recorded(store, "toy")
    for round_ in range(number):
        for file in inputs.glob("mlflow.db*"):
            file.unlink()
        store.write_bytes(whole)
        description = damage(store, draw)
        with tally(KIND, "store of MLflow", description):
            answer = nearmiss(*case.arguments(inputs), "--out", tmp_path / f"{round_}.json")
            assert names_it(answer, store) or (answer.status == 0 and recorded(store, "toy") == expected), answer.output


def fingerprint(toys, tmp_path, tally, number):
    """A fingerprint file is a configuration that the driver has written."""
    inputs, draw = toys.copy("text", tmp_path / "inputs"), Random("fingerprint")
    file = tmp_path / "fingerprint" / "keyword.json"
    options = {"method": "keyword", "per_caption": 2}
    shared = {"seed": 3, "captions": "narrow", "paraphrases": []}
    content = {
        "stage": "negatives",
        "config": {"shared": shared, "method": options},
        "code": "c" * 64,
        "lock": "0" * 64,
    }
    write_fingerprint(file, content)
    words = [
        "negatives",
        "make",
        "--method",
        "keyword",
        "--fingerprint",
        file,
        "--captions",
        inputs / "world" / "captions.parquet",
    ]
    assert nearmiss(*words, "--out", tmp_path / "first").status == 0
    whole, expected = file.read_bytes(), results(tmp_path / "first")
    for round_ in range(number):
        file.write_bytes(whole)
        description, out = damage(file, draw), tmp_path / f"out-{round_}"
        with tally(KIND, "fingerprint file", description):
            answer = nearmiss(*words, "--out", out)
            assert names_it(answer, file) or (answer.status == 0 and results(out) == expected), answer.output


OTHERS = [embedding_cache, training_state, decisions, store_of_mlflow, fingerprint]


@pytest.mark.parametrize("attack", OTHERS, ids=lambda attack: attack.__name__)
def test_damaged_files_of_other_types_are_reported(attack, toys, tmp_path, tally):
    attack(toys, tmp_path, tally, MANY)
