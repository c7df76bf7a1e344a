"""The catalog of published data sets: typed entries, read from catalog.yaml and from a file of the user's own.

A path of an entry is relative to the data root and is the path at which the readers expect the file
(docs/benchmarks.md). Sizes and hashes are those of the publishers' files; null where they are not known.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from nearmiss.base.errors import InputError
from nearmiss.base.files import read_text
from nearmiss.base.typed import Typed

NAME = re.compile(r"[a-z0-9_]+")
OWN_FOLDER = ".nearmiss"
"""Folder below the data root for receipts, checksums and temporary files."""


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or "\0" in path or ".." in parts or parts[0] == OWN_FOLDER:
        raise ValueError(f"a path below the data root is relative, without '..' and outside of {OWN_FOLDER}")
    return path


BelowRoot = Annotated[str, AfterValidator(_inside)]


class License(Typed):
    """Terms of use of a data set."""

    name: str = Field(min_length=1)
    url: str | None = None


class RemoteFile(Typed):
    """A file of an entry and where it is published."""

    path: BelowRoot
    urls: list[str] = Field(min_length=1)
    """Addresses in order of preference."""
    bytes: int | None = Field(None, ge=0)
    """Exact size; a file of another size is refused."""
    approximate_bytes: int | None = Field(None, ge=0)
    """Size for the plan, where the exact one is not known."""
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    unpack: Literal["zip", "tar"] | None = None
    into: BelowRoot | None = None
    """Folder that the archive's members are put into, with their paths; null for the data root itself."""
    members: dict[str, str] = Field({})
    """Which members are used and where they go below `into`; empty for all members at their own paths.

    A key is a file, a folder, or a pattern with stars; files that match a pattern go into the folder that is its value.
    """
    expansion: float = Field(1.0, gt=0)
    """Approximate size of the members divided by the size of the archive."""
    provides: list[BelowRoot] = Field([])
    """Files, folders or patterns below the data root that exist afterwards."""

    @model_validator(mode="after")
    def _complete(self) -> "RemoteFile":
        if self.unpack and not self.provides:
            raise ValueError("an archive names what it provides")
        if not self.unpack and (self.into or self.members):
            raise ValueError("'into' and 'members' belong to an archive: set 'unpack'")
        for address in self.urls:
            if not address.startswith(("http://", "https://")):
                raise ValueError(f"{address} is not an http or https address")
        for place in self.members.values():
            if place != ".":
                _inside(place)
        return self

    @property
    def targets(self) -> list[str]:
        """What exists below the data root afterwards."""
        return self.provides or [self.path]

    @property
    def size(self) -> int | None:
        """Size in bytes for a plan; None where it is not known."""
        return self.bytes if self.bytes is not None else self.approximate_bytes


class ByHand(Typed):
    """A data set that its publisher gives to registered users only."""

    instructions: str
    provides: list[BelowRoot] = Field(min_length=1)
    optional: bool = False
    """Whether readers are complete without it."""


class Entry(Typed):
    """One data set, or one part of it that is downloaded as a whole."""

    name: str = Field(pattern=f"^{NAME.pattern}$")
    title: str
    license: License
    citation: str = ""
    gated: Literal["huggingface"] | None = None
    """Its publisher requires an account whose terms were accepted, and a token."""
    by_hand: ByHand | None = None
    needs: list[str] = Field([])
    """Other entries that its readers need."""
    files: list[RemoteFile] = Field([])

    @model_validator(mode="after")
    def _files_or_instructions(self) -> "Entry":
        if (self.by_hand is None) == (not self.files):
            raise ValueError("an entry has either 'files' or 'by_hand'")
        return self

    @property
    def provides(self) -> list[str]:
        """What exists below the data root afterwards."""
        if self.by_hand is not None:
            return self.by_hand.provides
        return [target for file in self.files for target in file.targets]


Catalog = Mapping[str, Entry]


def load_catalog(own: Path | None = None) -> dict[str, Entry]:
    """The entries by name, in the order of the file; those of the file `own` are added, or replace others.

    Raises InputError where a file is malformed, with the entry and the key.
    """
    shipped = files(__package__).joinpath("catalog.yaml")
    found = _parse(shipped.read_text(encoding="utf-8"), "catalog.yaml")
    if own is not None:
        found |= _parse(read_text(own), own)
    for entry in found.values():
        for name in entry.needs:
            if name not in found:
                raise InputError(
                    f"the catalog has no entry {name!r}", file=own, record=f"{entry.name}.needs", remedy="correct it"
                )
    return found


def _parse(text: str, file: object) -> dict[str, Entry]:
    remedy = "docs/download.md describes an entry"
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise InputError(f"malformed YAML: {error}", file=file, remedy=remedy) from None
    if not isinstance(document, dict):
        raise InputError("a catalog is a map from names to entries", file=file, remedy=remedy)
    found: dict[str, Entry] = {}
    for name, values in document.items():
        if not isinstance(values, dict):
            raise InputError("an entry is a map", file=file, record=name, remedy=remedy)
        try:
            found[str(name)] = Entry.model_validate({"name": str(name), **values})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, (name, *first["loc"])))
            raise InputError(first["msg"], file=file, record=where, remedy=remedy) from None
    return found


def with_needs(names: Iterable[str], catalog: Catalog) -> list[Entry]:
    """The entries of these names and those they need, each once, needed ones first.

    Raises InputError for an unknown name.
    """
    found: dict[str, Entry] = {}
    open_: set[str] = set()

    def add(name: str) -> None:
        if name in found or name in open_:
            return
        if name not in catalog:
            close = difflib.get_close_matches(name, catalog, n=3, cutoff=0.5)
            remedy = f"choose from: {', '.join(close)}" if close else "`nearmiss download` lists all entries"
            raise InputError(f"the catalog has no entry {name!r}", record=name, remedy=remedy)
        open_.add(name)
        for needed in catalog[name].needs:
            add(needed)
        found[name] = catalog[name]

    for name in names:
        add(name)
    return list(found.values())


def providers(wanted: str, catalog: Catalog) -> list[Entry]:
    """The entries that provide a file, folder or pattern below the data root."""
    return [entry for entry in catalog.values() if any(covers(given, wanted) for given in entry.provides)]


def covers(provided: str, wanted: str) -> bool:
    """Whether a provided path is the wanted one, contains it, or is one of the files that a wanted pattern matches."""
    if provided == wanted or wanted.startswith(f"{provided}/"):
        return True
    patterns = {wanted, wanted.replace("/**/", "/")}  # as in a glob, ** also matches no folder at all
    return "*" in wanted and any(fnmatchcase(provided, pattern) for pattern in patterns)
