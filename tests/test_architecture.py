"""The layers of docs/architecture.md: what may import what, and what a configuration may cost to read."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nearmiss.base.fingerprint import SourceTree
from nearmiss.config import STAGES

SOURCE = Path(__file__).resolve().parents[1] / "src"
TREE = SourceTree(SOURCE)
MODULES = TREE.modules("nearmiss")
# Inside the engine an import points to a lower level only.
LEVELS = [
    {"text", "images", "downloads"},
    {"formats"},
    {"world", "benchmarks"},
    {"models", "objectives"},
    {"training", "scoring"},
    {"audit", "curation"},
]
METHODS = {"keyword", "published", "random", "replace", "scene_graph", "swap"}
HEAVY = ("torch", "polars", "spacy", "mlflow", "numpy", "open_clip", "pandas", "snakemake", "matplotlib")


def level(part: str) -> int:
    return next(index for index, parts in enumerate(LEVELS) if part in parts)


def forbidden(importer: str, imported: str) -> str | None:
    """Why an import breaks the rules; None where it does not."""
    one, two = importer.split("."), imported.split(".")
    if len(one) < 2 or len(two) < 2:
        return None
    if one[1] == "base" and two[1] != "base":
        return "base imports base only"
    if one[1] == "engine" and two[1] not in ("engine", "base"):
        return "the engine imports engine and base"
    if one[1] == "stages" and two[1] not in ("stages", "engine", "base"):
        return "a stage imports stages, engine and base"
    if one[1] == two[1] == "stages" and len(one) > 2 and len(two) > 2 and one[2] != two[2]:
        return "stages never import each other"
    if one[:3] == two[:3] == ["nearmiss", "stages", "negatives"] and len(one) > 3 and len(two) > 3:
        return (
            "methods of negatives never import each other" if {one[3], two[3]} <= METHODS and one[3] != two[3] else None
        )
    if one[1] == two[1] == "engine" and len(one) > 2 and len(two) > 2 and one[2] != two[2]:
        return None if level(two[2]) < level(one[2]) else "imports inside the engine point down"
    return None


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    wrong = {imported: why for imported in TREE.imports(module) if (why := forbidden(module, imported))}
    assert not wrong


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("nearmiss.base.files", "nearmiss.engine.text.tokens"),
        ("nearmiss.engine.text.verdict", "nearmiss.engine.world.truth"),
        ("nearmiss.engine.world.truth", "nearmiss.engine.benchmarks.world"),
        ("nearmiss.engine.models.towers", "nearmiss.stages.pretrain.config"),
        ("nearmiss.stages.compare.stage", "nearmiss.stages.evaluate.stage"),
        ("nearmiss.stages.data.stage", "nearmiss.config"),
        ("nearmiss.stages.negatives.replace.builder", "nearmiss.stages.negatives.swap.method"),
    ],
)
def test_a_planted_upward_import_is_detected(importer, imported):
    assert forbidden(importer, imported)


def test_the_check_of_negatives_shares_no_code_with_the_truth():
    check = TREE.closure(["nearmiss.engine.text.verdict"])
    truth = TREE.closure(["nearmiss.engine.world.truth"])
    shared = {module for module in {*check} & {*truth} if not module.startswith("nearmiss.base")}
    assert shared <= {"nearmiss", "nearmiss.engine"}


def test_only_the_tracker_imports_mlflow():
    knowing = [
        module
        for module in MODULES
        if re.search(r"^\s*(import|from) mlflow", TREE.file(module).read_text(), re.MULTILINE)
    ]
    assert knowing in ([], ["nearmiss.base.tracking"])


@pytest.mark.parametrize("module", ["nearmiss", "nearmiss.config", "nearmiss.cli"])
def test_reading_a_configuration_imports_nothing_heavy(module):
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_stage_has_its_folder_rules_and_configuration(root):
    for stage in STAGES:
        assert (SOURCE / "nearmiss" / "stages" / stage / "config.py").is_file()
        assert (SOURCE / "nearmiss" / "stages" / stage / "stage.py").is_file()
        assert f"rule {stage}:" in (root / "workflow" / "rules" / f"{stage}.smk").read_text()


def test_every_method_of_negatives_is_a_package_in_the_rule():
    folders = {file.parent.name for file in (SOURCE / "nearmiss" / "stages" / "negatives").glob("*/__init__.py")}
    assert folders == METHODS


@pytest.mark.parametrize("module", [module for module in MODULES if TREE.file(module).name == "__init__.py"])
def test_packages_hold_a_docstring_and_no_code(module):
    tree = ast.parse(TREE.file(module).read_text())
    assert ast.get_docstring(tree)
    # The version, and the registration of our towers, are in a package itself.
    if module not in ("nearmiss", "nearmiss.engine.models"):
        assert len(tree.body) == 1


def test_files_stay_short(root):
    files = [*sorted(SOURCE.rglob("*.py")), *sorted((root / "workflow").rglob("*.smk"))]
    long = {str(file.relative_to(root)): count for file in files if (count := len(file.read_text().splitlines())) > 400}
    assert not long


def test_no_file_names_a_download_address(root):
    for name in ("requirements.lock", "Makefile", "pyproject.toml", ".ci/run"):
        assert "://" not in (root / name).read_text(), name


@pytest.mark.parametrize("page", ["architecture.md", "glossary.md", "extending.md"])
def test_pages_name_files_and_pages_that_exist(root, page):
    text = (root / "docs" / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (root / "docs" / link).exists(), link
    folder = SOURCE / "nearmiss" if page == "glossary.md" else root
    for name in re.findall(r"`(\w[\w/]*/|\w[\w/]*\.(?:py|smk))`", text):
        if page == "glossary.md" or "/" in name:
            assert (folder / name).exists() or (root / name).exists(), name


def test_the_documented_levels_of_the_engine_are_those_of_this_test(root):
    text = " ".join((root / "docs" / "architecture.md").read_text(encoding="utf-8").split())
    listed = re.search(r"from the lowest level: (.*?)\. Packages", text)[1]
    assert [set(re.findall(r"`(\w+)`", level)) for level in listed.split(";")] == LEVELS
