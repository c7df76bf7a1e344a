"""What a stage's work depends on beside its input files: its configuration, its code and the pinned packages.

A fingerprint is a small JSON file that the rules take as an input. Snakemake does not see edits of imported modules, so
the driver writes the file when it reads the workflow, and only when its content has changed.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from nearmiss.base.files import read_json, sha256, write_json

PACKAGE = "nearmiss"
DATA_SUFFIXES = (".json", ".j2", ".txt")


def module_file(source: Path, module: str) -> Path | None:
    """The file of a module of ours under the source folder, or None where there is no such module."""
    base = source.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def imports(source: Path, module: str) -> tuple[str, ...]:
    """Modules of ours that a module's text imports anywhere, inside functions too; its parent packages included."""
    file = module_file(source, module)
    assert file is not None
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found = {module.rpartition(".")[0]} if "." in module else set()
    for node in ast.walk(ast.parse(file.read_bytes(), filename=str(file))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            prefix = parts[: len(parts) - node.level + 1] if node.level else []
            origin = ".".join([*prefix, *([node.module] if node.module else [])])
            found |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    ours = {name for name in found if name.split(".")[0] == PACKAGE}
    return tuple(sorted(name for name in ours if module_file(source, name) is not None))


def closure(source: Path, roots: list[str]) -> list[str]:
    """All modules of ours that the roots reach by imports, the roots included, sorted."""
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting.extend(imports(source, module))
    return sorted(reached)


def stage_modules(source: Path, stage: str) -> list[str]:
    """Every module in a stage's folder."""
    folder = source / PACKAGE / "stages" / stage
    files = sorted(folder.rglob("*.py"))
    names = [".".join(file.relative_to(source).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names]


def _data_files(folder: Path) -> list[Path]:
    """Data files of a package: in its folder and in folders below that are no packages themselves."""
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not (entry / "__init__.py").exists():
            found += _data_files(entry)
        elif entry.is_file() and entry.suffix in DATA_SUFFIXES:
            found.append(entry)
    return found


def code_files(source: Path, stage: str) -> list[Path]:
    """Files of the package that decide what a stage does: its modules, what they import, and data beside those."""
    files = {module_file(source, module) for module in closure(source, stage_modules(source, stage))}
    modules = sorted(file for file in files if file is not None)
    folders = sorted({file.parent for file in modules})
    return sorted({*modules, *(data for folder in folders for data in _data_files(folder))})


def code_digest(source: Path, stage: str, rules: Path | None = None) -> str:
    """Hash of the bytes of a stage's code files and of its rule file, with names relative to the source folder."""
    digest = hashlib.sha256()
    for file in code_files(source, stage):
        digest.update(f"{file.relative_to(source).as_posix()} {sha256(file)}\n".encode())
    if rules is not None:
        digest.update(f"{rules.name} {sha256(rules)}\n".encode())
    return digest.hexdigest()


def write_fingerprint(path: Path, content: dict[str, Any]) -> bool:
    """Write a fingerprint file by rename, only where its content differs; True where it was written."""
    if path.is_file():
        try:
            if read_json(path) == content:
                return False
        except Exception:  # a damaged file is written anew
            pass
    write_json(path, content)
    return True


def read_fingerprint(path: Path) -> dict[str, Any]:
    """The content of a fingerprint file."""
    content: dict[str, Any] = read_json(path)
    return content
