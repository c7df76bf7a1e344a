"""Dependencies of a part of an experiment besides its input files: its configuration, its code and the pinned packages.

A fingerprint is a small JSON file that the rules take as an input. Snakemake does not see edits of imported modules, so
the driver writes the file when it reads the workflow, and only when its content has changed.

Code is hashed as the syntax tree without docstrings: comments and formatting never change a fingerprint. A part depends
on the modules that its stage imports, directly or not. Of the plugins of a registry it depends on those that its
configuration names.
"""

import ast
import hashlib
import io
import json
import sys
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_json, write_json

PACKAGE = "nearmiss"
DATA_SUFFIXES = (".json", ".j2", ".css", ".js", ".txt", ".tsv", ".yaml")

Plugins = Mapping[str, Collection[str]]
"""Names of the plugins that a part uses, by kind of registry."""


@dataclass(frozen=True)
class Registry:
    """A module that imports every plugin of a kind; each plugin is a module or a package next to it."""

    kind: str
    module: str
    helpers: Collection[str] = ()
    """What the module imports from its package next to plugins."""
    files: Mapping[str, str] = field(default_factory=dict)
    """File or package of a plugin, where it is not the plugin's name."""

    def file_of(self, plugin: str) -> str:
        """File or package of a plugin, without the suffix."""
        return self.files.get(plugin, plugin)

    def part(self, module: str) -> str | None:
        """The file or package next to the registry that a module is or lies in; None for a module from elsewhere."""
        package, _, own = self.module.rpartition(".")
        inside = module.startswith(f"{package}.") and module != self.module
        name = module.removeprefix(f"{package}.").partition(".")[0] if inside else own
        return None if name == own else name


class SourceTree:
    """The modules of the package below a source folder. Files are read once for the life of the object."""

    def __init__(self, root: Path, registries: Sequence[Registry] = (), parsed: "ParsedCode | None" = None) -> None:
        self.root = root
        self._parsed = parsed or ParsedCode()
        self.registries = {registry.module: registry for registry in registries}
        self._files: dict[str, Path | None] = {}
        self._imports: dict[str, tuple[str, ...]] = {}
        self._digests: dict[Path, str] = {}

    def file(self, module: str) -> Path | None:
        """The file of a module, or None where there is no such module."""
        if module not in self._files:
            base = self.root.joinpath(*module.split("."))
            candidates = (base.with_suffix(".py"), base / "__init__.py")
            self._files[module] = next((each for each in candidates if each.is_file()), None)
        return self._files[module]

    def modules(self, package: str) -> list[str]:
        """A package with every module below it, or a single module; sorted."""
        folder = self.root.joinpath(*package.split("."))
        if not folder.is_dir():
            return [package] if self.file(package) else []
        names = [".".join(file.relative_to(self.root).with_suffix("").parts) for file in sorted(folder.rglob("*.py"))]
        return sorted(name.removesuffix(".__init__") for name in names)

    def imports(self, module: str) -> tuple[str, ...]:
        """Modules of the package that a module imports anywhere, inside functions too; its parent package included."""
        if module not in self._imports:
            file = self.file(module)
            assert file is not None
            package = module if file.name == "__init__.py" else module.rpartition(".")[0]
            found = {module.rpartition(".")[0]} if "." in module else set()
            imports = self._parsed.of(file.read_bytes()).imports
            found |= {name for statement in imports for name in _imported(statement, package)}
            ours = {name for name in found if name.split(".")[0] == PACKAGE}
            self._imports[module] = tuple(sorted(name for name in ours if self.file(name) is not None))
        return self._imports[module]

    def plugins(self, registry: Registry) -> set[str]:
        """Files and packages of a registry's plugins: what it imports from next to itself, helpers left out."""
        imported = {registry.part(name) for name in self.imports(registry.module)}
        return {name for name in imported if name is not None} - set(registry.helpers)

    def closure(self, roots: Iterable[str], used: Plugins | None = None) -> list[str]:
        """All modules that the roots reach by imports, the roots included, sorted.

        Where `used` is given, a registry leads only to the plugins that it names.
        """
        reached: set[str] = set()
        waiting = list(roots)
        while waiting:
            module = waiting.pop()
            if module not in reached:
                reached.add(module)
                waiting.extend(self._followed(module, used))
        return sorted(reached)

    def _followed(self, module: str, used: Plugins | None) -> list[str]:
        registry = self.registries.get(module)
        if registry is None or used is None:
            return list(self.imports(module))
        named = {registry.file_of(name) for name in used.get(registry.kind, ())}
        left = self.plugins(registry) - named
        followed = [name for name in self.imports(module) if registry.part(name) not in left]
        package = module.rpartition(".")[0]
        return [*followed, *(each for name in sorted(named) for each in self.modules(f"{package}.{name}"))]

    def stage_modules(self, stage: str, used: Plugins | None = None) -> list[str]:
        """Every module that a stage reaches from its folder; see `closure`.

        What lies next to a registry in a package of its own counts only where it is imported.
        """
        package = f"{PACKAGE}.stages.{stage}"
        folder = self.modules(package)
        beside: set[str] = set()
        for registry in self.registries.values() if used is not None else ():
            if registry.module in folder:
                own = registry.module.rpartition(".")[0] != package
                plugins = self.plugins(registry)
                beside |= {name for name in folder if (part := registry.part(name)) in plugins or (own and part)}
        return self.closure([name for name in folder if name not in beside], used)

    def stage_files(self, stage: str, used: Plugins | None = None) -> list[Path]:
        """Files that decide what a part of a stage does: the modules that it reaches, and data next to those.

        A YAML file counts where one of these modules names it: others of its folder are read by other stages.
        """
        modules = {file for name in self.stage_modules(stage, used) if (file := self.file(name))}
        data = {each for folder in {file.parent for file in modules} for each in _data_files(folder)}
        named = {each for each in data if each.suffix != ".yaml" or any(_names(file, each.name) for file in modules)}
        return sorted(modules | named)

    def stage_digest(self, stage: str, used: Plugins | None = None, rules: Path | None = None) -> str:
        """Hash of a part's code files and its stage's rule file, with names relative to the source folder."""
        lines = [
            f"{file.relative_to(self.root).as_posix()} {self._digest(file)}" for file in self.stage_files(stage, used)
        ]
        if rules is not None:
            lines.append(f"{rules.name} {self._digest(rules)}")
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _digest(self, file: Path) -> str:
        if file not in self._digests:
            self._digests[file] = digest(file, self._parsed)
        return self._digests[file]


def digest(file: Path, parsed: "ParsedCode | None" = None) -> str:
    """Hash of a file without comments, docstrings and formatting, which do not change behavior."""
    content = file.read_bytes()
    if file.suffix == ".py":
        return (parsed or ParsedCode()).of(content).digest
    plain = {".smk": _without_comments, ".json": _without_formatting, ".yaml": _values_of_yaml}.get(file.suffix)
    if plain is not None:
        # A damaged file counts as it is; whoever reads it names the problem.
        with suppress(ValueError, SyntaxError, tokenize.TokenError, yaml.YAMLError):
            content = plain(content)
    return _sha256(content)


class Import(NamedTuple):
    """An import statement: `from MODULE import NAMES` with its leading dots, or `import NAMES` without a module."""

    level: int
    module: str | None
    names: tuple[str, ...]


class Parsed(NamedTuple):
    """The import statements of a module, and the hash of its syntax tree."""

    imports: tuple[Import, ...]
    digest: str


class ParsedCode:
    """Modules by their content: parsing all of them takes longer than all else that Snakemake does with a workflow.

    With a file, what earlier processes parsed is read from it. A damaged file, or one of another version of this module
    or of Python, counts as empty.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._version = [*sys.version_info[:2], _sha256(Path(__file__).read_bytes())]
        self._known = self._read()
        self._used: dict[str, Parsed] = {}

    def of(self, content: bytes) -> Parsed:
        """The imports and the hash of a module. Raises SyntaxError where it is no Python."""
        key = _sha256(content)
        if key not in self._used:
            self._used[key] = self._known.get(key) or _parsed(content)
        return self._used[key]

    def save(self) -> None:
        """Write what was used, for later processes; a folder that cannot be written is no error."""
        if self._file is not None and self._used.keys() != self._known.keys():
            values = {key: [[*map(list, found.imports)], found.digest] for key, found in self._used.items()}
            with suppress(OSError):
                write_json(self._file, {"version": self._version, "modules": values})

    def _read(self) -> dict[str, Parsed]:
        if self._file is None:
            return {}
        try:
            content = read_json(self._file)
            if content["version"] != self._version:
                return {}
            return {
                key: Parsed(tuple(Import(level, module, tuple(names)) for level, module, names in imports), digest)
                for key, (imports, digest) in content["modules"].items()
            }
        except (InputError, OSError, KeyError, TypeError, ValueError, AttributeError):
            return {}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _parsed(content: bytes) -> Parsed:
    imports: list[Import] = []
    text: list[str] = []
    _flatten(ast.parse(content), text, imports)
    return Parsed(tuple(imports), _sha256(" ".join(text).encode()))


def _flatten(node: Any, text: list[str], imports: list[Import]) -> None:
    """Append a syntax tree as text, without positions and docstrings, and the import statements in it.

    Empty fields are left out: which of them there are depends on the version of Python.
    """
    if isinstance(node, ast.AST):
        if isinstance(node, ast.Import | ast.ImportFrom):
            origin = (node.level, node.module) if isinstance(node, ast.ImportFrom) else (0, None)
            imports.append(Import(*origin, tuple(alias.name for alias in node.names)))
        text.append(f"({type(node).__name__}")
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != []:
                text.append(name)
                _flatten(value, text, imports)
        text.append(")")
    elif isinstance(node, list):
        text.append("[")
        for each in node:
            if not _is_docstring(each):
                _flatten(each, text, imports)
        text.append("]")
    else:
        text.append(repr(node))


def _is_docstring(node: Any) -> bool:
    """Whether a statement is a string and nothing else: a docstring of a module, class, function or attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imported(statement: Import, package: str) -> Iterator[str]:
    """Names that an import statement inside a package may refer to modules by."""
    if not statement.level and statement.module is None:
        yield from statement.names
        return
    parts = package.split(".")
    prefix = parts[: len(parts) - statement.level + 1] if statement.level else []
    origin = ".".join([*prefix, *([statement.module] if statement.module else [])])
    yield origin
    yield from (f"{origin}.{name}" for name in statement.names)


def _without_comments(content: bytes) -> bytes:
    """A rule file without comments, blank lines and blanks at the end of lines."""
    lines = content.decode().splitlines()
    for token in tokenize.tokenize(io.BytesIO(content).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return "\n".join(line.rstrip() for line in lines if line.strip()).encode()


def _without_formatting(content: bytes) -> bytes:
    return json.dumps(json.loads(content), separators=(",", ":")).encode()


def _values_of_yaml(content: bytes) -> bytes:
    return json.dumps(yaml.safe_load(content), sort_keys=True, default=str).encode()


def _names(module: Path, name: str) -> bool:
    """Whether the source of a module names a file."""
    return name.encode() in module.read_bytes()


def _data_files(folder: Path) -> list[Path]:
    """Data files of a package: in its folder and in folders below that are no packages themselves."""
    found = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not (entry / "__init__.py").exists():
            found += _data_files(entry)
        elif entry.is_file() and entry.suffix in DATA_SUFFIXES:
            found.append(entry)
    return found
