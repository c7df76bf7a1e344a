"""A fingerprint changes when what a stage's work depends on changes, and only then."""

import shutil

import pytest

from nearmiss.base.fingerprint import closure, code_digest, code_files, write_fingerprint


@pytest.fixture
def source(tmp_path):
    """A small package with two stages, an engine part with data, and a door."""
    files = {
        "__init__.py": "",
        "cli.py": "from nearmiss.stages.one import stage",
        "base/__init__.py": "",
        "base/files.py": "X = 1",
        "engine/__init__.py": "",
        "engine/text/__init__.py": "",
        "engine/text/words.py": "from nearmiss.base import files",
        "engine/text/lexicons/color.json": "{}",
        "engine/world/__init__.py": "",
        "engine/world/scene.py": "",
        "stages/__init__.py": "",
        "stages/one/__init__.py": "",
        "stages/one/stage.py": "def run():\n    from ...engine.text.words import x\n",
        "stages/one/page.html.j2": "<p>",
        "stages/two/__init__.py": "",
        "stages/two/stage.py": "import nearmiss.engine.world.scene\nimport torch\n",
    }
    for name, text in files.items():
        (tmp_path / "nearmiss" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "nearmiss" / name).write_text(text)
    return tmp_path


def names(source, stage):
    return {file.relative_to(source / "nearmiss").as_posix() for file in code_files(source, stage)}


def test_code_files_are_the_closure_of_imports_with_their_data(source):
    assert names(source, "one") == {
        "__init__.py",
        "base/__init__.py",
        "base/files.py",
        "engine/__init__.py",
        "engine/text/__init__.py",
        "engine/text/words.py",
        "engine/text/lexicons/color.json",
        "stages/__init__.py",
        "stages/one/__init__.py",
        "stages/one/stage.py",
        "stages/one/page.html.j2",
    }
    assert "engine/world/scene.py" in names(source, "two")
    assert "cli.py" not in names(source, "two")


@pytest.mark.parametrize(
    ("edited", "one", "two"),
    [
        ("stages/one/stage.py", True, False),
        ("stages/one/page.html.j2", True, False),
        ("engine/text/lexicons/color.json", True, False),
        ("base/files.py", True, False),
        ("engine/world/scene.py", False, True),
        ("stages/__init__.py", True, True),
        ("cli.py", False, False),
    ],
)
def test_an_edit_changes_the_stages_that_reach_the_file(source, tmp_path_factory, edited, one, two):
    after = tmp_path_factory.mktemp("edited") / "src"
    shutil.copytree(source, after)
    with (after / "nearmiss" / edited).open("a") as handle:
        handle.write("\n")
    for stage, changes in (("one", one), ("two", two)):
        assert (code_digest(source, stage) != code_digest(after, stage)) == changes


def test_the_digest_does_not_depend_on_where_the_checkout_lies(source, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "src"
    shutil.copytree(source, elsewhere)
    assert code_digest(source, "one") == code_digest(elsewhere, "one")


def test_the_rule_file_is_part_of_the_code(source, tmp_path):
    rules = tmp_path / "one.smk"
    rules.write_text("rule one:")
    before = code_digest(source, "one", rules)
    rules.write_text("rule one: # edited")
    assert code_digest(source, "one", rules) != before


def test_an_fingerprint_is_written_only_when_its_content_changes(tmp_path):
    file = tmp_path / "fingerprint" / "one.json"
    assert write_fingerprint(file, {"stage": "one"})
    assert not write_fingerprint(file, {"stage": "one"})
    assert write_fingerprint(file, {"stage": "two"})
    file.write_text("damaged")
    assert write_fingerprint(file, {"stage": "two"})


def test_real_stages_never_depend_on_the_door(root):
    for stage in ("data", "negatives", "pretrain", "evaluate", "compare"):
        reached = closure(root / "src", [f"nearmiss.stages.{stage}.config"])
        assert not {"nearmiss.cli", "nearmiss.config", "nearmiss.driver"} & set(reached)
