"""A fingerprint changes when what a part depends on changes, and only then."""

import json
import shutil

import pytest

from nearmiss.base import fingerprint
from nearmiss.base.fingerprint import ParsedCode, Registry, SourceTree, digest

FILES = {
    "__init__.py": "",
    "cli.py": "from nearmiss.stages.one import stage",
    "base/__init__.py": "",
    "base/files.py": "X = 1",
    "engine/__init__.py": "",
    "engine/text/__init__.py": "",
    "engine/text/words.py": "from nearmiss.base import files",
    "engine/text/lexicons/color.json": "{}",
    "engine/terms/__init__.py": "",
    "engine/terms/registry.py": "from nearmiss.engine.terms import first, second, shared",
    "engine/terms/first.py": "from nearmiss.engine.terms import shared",
    "engine/terms/second.py": "",
    "engine/terms/shared.py": "",
    "stages/__init__.py": "",
    "stages/one/__init__.py": "",
    "stages/one/stage.py": "def run():\n    from ...engine.text.words import x\n",
    "stages/one/page.html.j2": "<p>",
    "stages/two/__init__.py": "",
    "stages/two/stage.py": "import nearmiss.engine.terms.registry, torch\nfrom nearmiss.stages.two import methods",
    "stages/two/methods.py": "from nearmiss.stages.two.swap import make\nfrom nearmiss.stages.two.words import make",
    "stages/two/swap/__init__.py": "",
    "stages/two/swap/make.py": "",
    "stages/two/swap/later.py": "",
    "stages/two/words/__init__.py": "",
    "stages/two/words/make.py": "",
}
REGISTRIES = (
    Registry("terms", "nearmiss.engine.terms.registry", helpers=("shared",), files={"1st": "first"}),
    Registry("methods", "nearmiss.stages.two.methods"),
)


@pytest.fixture
def source(tmp_path):
    """A small package with two stages, an engine part with data, a registry of modules and one of packages."""
    for name, text in FILES.items():
        (tmp_path / "nearmiss" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "nearmiss" / name).write_text(text)
    return tmp_path


def names(source, stage, used=None):
    files = SourceTree(source, REGISTRIES).stage_files(stage, used)
    return {file.relative_to(source / "nearmiss").as_posix() for file in files}


def digests(source, used=None):
    return [SourceTree(source, REGISTRIES).stage_digest(stage, used) for stage in ("one", "two")]


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
    assert "engine/terms/first.py" in names(source, "two")
    assert "cli.py" not in names(source, "two")


def test_a_registry_contributes_only_named_plugins(source):
    below = "stages/two/"
    plugins = {name for name in FILES if name.startswith((f"{below}swap/", f"{below}words/"))}
    plugins |= {"engine/terms/first.py", "engine/terms/second.py"}
    whole = names(source, "two")
    assert plugins <= whole
    swap = {name for name in plugins if name.startswith(f"{below}swap/")}
    assert names(source, "two", {"methods": ["swap"]}) == whole - plugins | swap
    assert names(source, "two", {"terms": ["1st"]}) == whole - plugins | {"engine/terms/first.py"}
    assert names(source, "two", {}) == whole - plugins


EDITED = {
    "stages/one/stage.py": (True, False),
    "stages/one/page.html.j2": (True, False),
    "engine/text/lexicons/color.json": (True, False),
    "base/files.py": (True, False),
    "engine/terms/second.py": (False, True),
    "stages/__init__.py": (True, True),
    "cli.py": (False, False),
}


@pytest.mark.parametrize("edited", EDITED)
def test_an_edit_changes_the_stages_that_reach_the_file(source, edited):
    before = digests(source)
    (source / "nearmiss" / edited).write_text('{"a": 1}' if edited.endswith(".json") else "X = 2")
    after = digests(source)
    assert tuple(one != other for one, other in zip(before, after, strict=True)) == EDITED[edited]


MODULE = '''"""What it is."""

NAMES = ("a", "b")
"""What they are."""

class Thing:
    def run(self, number):
        return number + 1
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("NAMES", "# comment\nNAMES", True),
        ("What it is.", "What it was.", True),
        ('"""What they are."""', "", True),
        ("class Thing:\n", 'class Thing:\n    """A thing."""\n\n', True),
        ('("a", "b")', "(\n    'a',\n    'b',\n)", True),
        ('"b"', '"c"', False),
        ("number + 1", "number + 2", False),
        ("number + 1", "number - 1", False),
        ("def run", "async def run", False),
    ],
)
def test_comments_docstrings_and_formatting_do_not_change_the_hash(tmp_path, old, new, same):
    assert MODULE.count(old) == 1 or old in ("NAMES", "class Thing:\n")
    (tmp_path / "one.py").write_text(MODULE)
    (tmp_path / "two.py").write_text(MODULE.replace(old, new, 1))
    assert (digest(tmp_path / "one.py") == digest(tmp_path / "two.py")) == same


@pytest.mark.parametrize(
    ("name", "one", "two", "same"),
    [
        ("a.json", '{"a": [1, 2]}', '{\n  "a": [1, 2]\n}\n', True),
        ("a.json", '{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ("a.json", "{", "{ ", False),  # damaged
        ("a.txt", "red\n", "red\n\n", False),
        ("a.tsv", "red\tblue", "red\tgreen", False),
        ("a.smk", 'rule a:\n    shell: "echo #"\n', '# rules\nrule a:\n\n    shell: "echo #"  # as is\n', True),
        ("a.smk", 'rule a:\n    shell: "echo #1"\n', 'rule a:\n    shell: "echo #2"\n', False),
    ],
)
def test_comments_in_data_and_rules_do_not_change_the_hash(tmp_path, name, one, two, same):
    found = []
    for text in (one, two):
        (tmp_path / name).write_text(text)
        found.append(digest(tmp_path / name))
    assert (found[0] == found[1]) == same


def test_the_digest_does_not_depend_on_the_checkout_path(source, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "src"
    shutil.copytree(source, elsewhere)
    assert digests(source) == digests(elsewhere)


def test_the_rule_file_is_part_of_the_code(source, tmp_path):
    rules = tmp_path / "one.smk"
    rules.write_text("rule one:")
    before = SourceTree(source).stage_digest("one", rules=rules)
    rules.write_text("rule two:")
    assert SourceTree(source).stage_digest("one", rules=rules) != before


def test_real_stages_never_depend_on_the_command_line(root):
    for stage in ("data", "negatives", "pretrain", "evaluate", "compare"):
        reached = SourceTree(root / "src").closure([f"nearmiss.stages.{stage}.config"])
        assert not {"nearmiss.cli", "nearmiss.config", "nearmiss.driver"} & set(reached)


IMPORTING = b"from . import one\nfrom ..two import three, four\nimport nearmiss.five as five\n"


def test_parsed_modules_are_read_back_and_not_parsed_again(tmp_path, monkeypatch):
    first = ParsedCode(tmp_path / "parsed.json")
    found = first.of(IMPORTING)
    first.save()
    monkeypatch.setattr(fingerprint.ast, "parse", lambda *_: pytest.fail("parsed again"))
    assert ParsedCode(tmp_path / "parsed.json").of(IMPORTING) == found
    assert [each.names for each in found.imports] == [("one",), ("three", "four"), ("nearmiss.five",)]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": null, "modules": {}}'])
def test_damaged_parsed_modules_are_parsed_again(tmp_path, damage):
    (tmp_path / "parsed.json").write_bytes(damage)
    assert ParsedCode(tmp_path / "parsed.json").of(IMPORTING) == ParsedCode().of(IMPORTING)


def test_a_damaged_entry_of_a_parsed_module_is_parsed_again(tmp_path):
    first = ParsedCode(tmp_path / "parsed.json")
    first.of(IMPORTING)
    first.save()
    content = json.loads((tmp_path / "parsed.json").read_text())
    (key,) = content["modules"]
    content["modules"][key] = [1, 2, 3]
    (tmp_path / "parsed.json").write_text(json.dumps(content))
    assert ParsedCode(tmp_path / "parsed.json").of(IMPORTING) == ParsedCode().of(IMPORTING)


def test_only_modules_that_were_used_are_kept(tmp_path):
    for content in (IMPORTING, b"x = 1\n"):
        parsed = ParsedCode(tmp_path / "parsed.json")
        parsed.of(content)
        parsed.save()
    assert len(json.loads((tmp_path / "parsed.json").read_text())["modules"]) == 1
