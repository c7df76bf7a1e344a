"""What is installed with the package: data files, declared dependencies, extras, and the lock that pins them."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nearmiss.base import extras
from nearmiss.base.errors import InputError
from nearmiss.stages.inpaint.config import InpaintConfig, check_packages
from nearmiss.versions import workspace

OPTIONAL = {"nearmiss.engine.images.editing.painter": "diffusion"}
"""Modules that import a package of an extra, inside a function."""
DISTRIBUTIONS = packages_distributions()


@pytest.fixture(scope="module")
def project(root: Path) -> dict:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def imported(file: Path, *, at_import: bool = False) -> Iterator[str]:
    """Top-level names of the third-party modules that a file imports, only outside of functions if `at_import`."""
    waiting: list[ast.AST] = [ast.parse(file.read_bytes())]
    while waiting:
        node = waiting.pop()
        if not (at_import and isinstance(node, ast.FunctionDef)):
            waiting.extend(ast.iter_child_nodes(node))
        found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found = [node.module]
        for name in {each.partition(".")[0] for each in found}:
            if name not in sys.stdlib_module_names and name != "nearmiss":
                yield name


def undeclared(file: Path, declared: set[str], *, at_import: bool = False) -> set[str]:
    """Third-party modules that a file imports and no declared distribution has."""
    return {
        name
        for name in imported(file, at_import=at_import)
        if declared.isdisjoint(map(canonicalize_name, DISTRIBUTIONS.get(name, ())))
    }


def test_the_wheel_has_every_file_of_the_package_that_git_tracks(root):
    listed = subprocess.run(["git", "ls-files", "src/nearmiss"], cwd=root, capture_output=True, text=True, check=True)
    tracked = {name.removeprefix("src/") for name in listed.stdout.splitlines() if (root / name).is_file()}
    included = {file.distribution_path for file in WheelBuilder(str(root)).recurse_included_files()}
    assert {name for name in tracked if not name.endswith(".py")}
    assert tracked <= included


def test_every_import_belongs_to_a_declared_dependency(root, project):
    core = names(project["dependencies"])
    for file in sorted((root / "src").rglob("*.py")):
        extra = OPTIONAL.get(".".join(file.relative_to(root / "src").with_suffix("").parts))
        optional = names(project["optional-dependencies"][extra]) if extra else set()
        assert not undeclared(file, core | optional), file
        assert not undeclared(file, core, at_import=True), file


def test_an_import_without_a_dependency_is_detected(tmp_path, project):
    planted = tmp_path / "planted.py"
    planted.write_text(
        "import numpy\n\n\ndef use():\n    import moto.server\n    from diffusers.utils import logging\n"
    )
    core = names(project["dependencies"])
    assert undeclared(planted, core) == {"moto", "diffusers"}
    assert not undeclared(planted, core, at_import=True)


def test_every_import_of_the_tests_belongs_to_a_declared_dependency(root, project):
    declared = names(project["dependencies"]).union(*map(names, project["optional-dependencies"].values()))
    files = sorted((root / "tests").rglob("*.py"))
    own = {file.stem for file in files}
    assert not {(file.name, name) for file in files for name in undeclared(file, declared) - own}


def pins(root: Path) -> dict[str, str]:
    """Package -> version, of the lock's pins that hold on this machine."""
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line.rstrip(" \\")) for line in lines if line and not line.startswith((" ", "#"))]
    here = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    return {canonicalize_name(each.name): str(each.specifier).removeprefix("==") for each in here}


def needed(requirements: list[str]) -> Iterator[Requirement]:
    """Requirements, and those of the installed distributions that satisfy them, as far as they lead."""
    waiting, seen = [(Requirement(each), "") for each in requirements], set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        yield requirement
        for wanted in ("", *requirement.extras):
            if (requirement.name, wanted) not in seen:
                seen.add((requirement.name, wanted))
                below = distribution(requirement.name).requires or []
                waiting += [(Requirement(each), wanted) for each in below]


def test_the_lock_pins_what_the_package_needs_and_nothing_else(root, project):
    declared = [*project["dependencies"], *(each for of in project["optional-dependencies"].values() for each in of)]
    pinned = pins(root)
    found = list(needed(declared))
    for requirement in found:
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{requirement} has no pin: run make lock"
        assert requirement.specifier.contains(pinned[name], prereleases=True), f"{requirement}, not {pinned[name]}"
    assert pinned.keys() == {canonicalize_name(each.name) for each in found}


def test_a_missing_extra_is_one_message_that_names_it(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    check_packages(InpaintConfig().operations)
    painted = InpaintConfig.model_validate(
        {"operations": [{"operation": "repaint_color", "diffusion": {"pipeline": "p"}}]}
    )
    with pytest.raises(InputError, match=r"'repaint_color' needs the package 'diffusers'.*\n.*nearmiss\[diffusion\]"):
        check_packages(painted.operations)


@pytest.mark.parametrize(("url", "refused"), [("s3://bucket/folder", True), ("/a/folder", False)])
def test_a_remote_on_s3_needs_its_extra(monkeypatch, url, refused):
    settings = f"remote.far.url={url}\ncore.remote=far\n"
    monkeypatch.setattr(workspace, "dvc", lambda *_: subprocess.CompletedProcess([], 0, settings, ""))
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    if refused:
        with pytest.raises(InputError, match=r"'far' needs the package 'dvc_s3'.*\n.*nearmiss\[s3\]"):
            workspace.remote_of(None)
    else:
        assert workspace.remote_of(None) == "far"
