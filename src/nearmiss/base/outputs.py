"""Output folders and files: only files that nearmiss wrote are ever replaced or removed.

A folder with results holds a record, `.nearmiss`: the names and SHA-256 of the files that were written there. A file
that is not in the record, or that differs from it, belongs to the user. Targets are checked when an `OutputFolder` or
`OutputFile` is constructed, before any compute; files appear when its `with` block ends, the manifest last.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import TracebackType

from nearmiss.base.errors import InputError
from nearmiss.base.files import (
    MARKS,
    RECORD,
    files_below,
    flush_file,
    flush_files,
    flush_folder,
    partial_of,
    publish,
    read_json,
    sha256,
    write_json,
)
from nearmiss.base.replaced import other_results, tell_replaced

MANIFEST, COST = "manifest.json", "cost.json"
_PARTIAL = ".nearmiss-partial-"
_PATIENCE = 60.0  # seconds to wait for a process that moves files into the same folder, which takes it none

Hashes = list[str]
"""The SHA-256 that a file may have: two while it is being replaced, none where its content differs by run (costs)."""


@dataclass(frozen=True)
class Record:
    """What nearmiss wrote into a folder: `files` as one folder of results, `single` file by file."""

    files: Mapping[str, Hashes] = field(default_factory=dict)
    single: Mapping[str, Hashes] = field(default_factory=dict)

    def hashes(self, name: str) -> Hashes | None:
        """The hashes that a file may have; None for a file that nearmiss did not write."""
        return self.files.get(name, self.single.get(name))


class OutputFolder:
    """A folder of results: `with OutputFolder(path, inputs=[...]) as folder` yields an empty folder to write into.

    On success its files replace the files that an earlier run wrote; files of the user that lie next to them
    stay. On failure nothing has changed. A symlink is followed, and a mount point is written into.

    Args:
        path: the folder; it need not exist.
        inputs: what the results are made from. A target that is, contains or lies inside of one is refused.
        roots: folders that the names of input files are relative to. A target that is or contains one is refused.

    Raises:
        InputError: the target holds files that nearmiss did not write, overlaps an input, is no folder, cannot be
            written to, or is being written by another process.
    """

    def __init__(self, path: Path, *, inputs: Iterable[Path | None] = (), roots: Iterable[Path | None] = ()) -> None:
        self.path, self._named = _resolved(path), Path(path)
        refuse_overlap(path, inputs, roots)
        if self.path.exists() and not self.path.is_dir():
            raise InputError("the output is a file, not a folder", file=path, remedy="name another folder")
        _refuse_unwritable(self.path, path)
        self._check()

    def _check(self) -> None:
        known = read_record(self.path)
        if not known.files and self.path.is_dir():
            foreign = [name for name in _files_in(self.path) if name not in known.single]
            if foreign:
                raise InputError(
                    "the output folder holds files that nearmiss did not write",
                    file=self._named,
                    record=", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""),
                    remedy="name a new or empty folder, or move these files away",
                )
        for name in changed_files(self.path, known.files):
            raise InputError(
                "a file of the output folder has changed since nearmiss wrote it",
                file=self._named / name,
                remedy="move it away if it is needed, or delete it",
            )

    def __enter__(self) -> Path:
        self._made = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(self.path, self._named))
            for left in self.path.glob(f"{_PARTIAL}*"):  # of a killed process: it does not hold the lock any more
                shutil.rmtree(left, ignore_errors=True)
            self._partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=self.path))
            self._stack = stack.pop_all()
        return self._partial

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._commit()
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)
            if kind is not None and self._made:
                with contextlib.suppress(OSError):
                    self.path.rmdir()
            self._stack.close()

    def _commit(self) -> None:
        """Move the new files into place. Killed anywhere, the record still names every file that is there."""
        self._check()  # again, for what came while the results were computed
        known, new = read_record(self.path), _hashes_below(self._partial)
        self._refuse_collisions(known, new)
        flush_files(self._partial)
        both = {name: [*known.files.get(name, []), *new.get(name, [])] for name in {*known.files, *new}}
        anything: dict[str, Hashes] = {name: [] for name, hashes in new.items() if not hashes}
        replaced = other_results(self.path, known.files, new, besides=MANIFEST)
        single = {name: hashes for name, hashes in known.single.items() if name not in new}
        _write_record(self.path, Record({**both, **anything}, single))
        (self.path / MANIFEST).unlink(missing_ok=True)
        for name in known.files:
            (self.path / name).unlink(missing_ok=True)
        _remove_empty(self.path, known.files)
        for name in sorted(new, key=lambda each: (each == MANIFEST, each)):
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self._partial / name).replace(self.path / name)
        for folder in sorted(each for each in self._partial.rglob("*") if each.is_dir()):
            (self.path / folder.relative_to(self._partial)).mkdir(parents=True, exist_ok=True)
        _write_record(self.path, Record(new, single))
        tell_replaced(self._named, replaced)

    def _refuse_collisions(self, known: Record, new: Mapping[str, Hashes]) -> None:
        for name in sorted(new):
            target = self.path / name
            above = [parent for parent in target.parents if parent.is_relative_to(self.path) and parent != self.path]
            blocked = [each for each in above if each.is_symlink() or (each.exists() and not each.is_dir())]
            if blocked or (known.hashes(name) is None and (target.exists() or target.is_symlink())):
                raise InputError(
                    "the results would replace a file that nearmiss did not write",
                    file=self._named / (blocked[0].relative_to(self.path) if blocked else name),
                    remedy="move it away and run the command again",
                )


class OutputFile:
    """One file of results: `with OutputFile(path, inputs=[...]) as partial` yields a path to write to.

    The file appears when the block ends without an error. It may replace what an earlier run wrote, nothing else.

    Args:
        path: the file; a symlink is followed.
        inputs: what it is made from.
        generated: for files whose content says which command made them, whether the file that is there is one of
            these, so that it may be replaced. They are not recorded.

    Raises:
        InputError: there is a file that nearmiss did not write, or that has changed since; the path is a folder or an
            input.
    """

    def __init__(self, path: Path, *, inputs: Iterable[Path | None] = (), generated: bool | None = None) -> None:
        self.path, self._recorded = _resolved(path), generated is None
        if any(each is not None and Path(each).resolve() == self.path for each in inputs):
            raise InputError("the output is an input", file=path, remedy="name another file")
        if self.path.is_dir():
            raise InputError("the output is a folder, not a file", file=path, remedy="name a file in it")
        _refuse_unwritable(self.path.parent, path)
        if self.path.exists() and not generated and not self.is_ours():
            raise InputError(
                "there is a file of this name that nearmiss did not write, or that has changed since",
                file=path,
                remedy="name another file, or move this one away",
            )

    def is_ours(self) -> bool:
        """Whether the file is there as nearmiss wrote it."""
        return _is_ours(self.path, read_record(self.path.parent))

    def __enter__(self) -> Path:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = partial_of(self.path)
        return self._partial

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._recorded:
                move_into(self.path.parent, {self.path.name: self._partial})
            elif kind is None:
                publish(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)


def move_into(folder: Path, files: Mapping[str, Path], *, gone: Iterable[str] = ()) -> None:
    """Move finished files into a folder, as one step for other processes, and put them on record.

    Args:
        folder: the folder, which may hold other files.
        files: name -> finished file on the same disk. The last one says that all are there: it goes first, and comes
            last.
        gone: names of an earlier run's files that are removed, since this run has none of the kind.

    Raises:
        InputError: a name is taken by a file that nearmiss did not write, or that has changed since.
    """
    for each in files.values():
        flush_file(each)
    names = [*files, *gone]
    new: dict[str, Hashes] = {name: [] if name.endswith(COST) else [sha256(partial)] for name, partial in files.items()}
    with _locked(folder, folder, wait=True):
        known = read_record(folder)
        for name in names:
            if (folder / name).exists() and not _is_ours(folder / name, known):
                raise InputError(
                    "there is a file of this name that nearmiss did not write, or that has changed since",
                    file=folder / name,
                    remedy="name another file, or move this one away",
                )
        rest = {name: hashes for name, hashes in known.files.items() if name not in names}
        single = {name: hashes for name, hashes in known.single.items() if name not in names}
        both = {name: _either(known.hashes(name), new.get(name)) for name in names}
        before = {name: hashes for name in names if (hashes := known.hashes(name)) is not None}
        replaced = other_results(folder, before, new, besides=MANIFEST)
        _write_record(folder, Record(rest, single | both))
        if len(names) > 1:
            for name in [*reversed([*files]), *gone]:
                (folder / name).unlink(missing_ok=True)
            flush_folder(folder)
        for name, partial in files.items():
            partial.replace(folder / name)
        _write_record(folder, Record(rest, single | new))
    tell_replaced(folder / [*files][-1], replaced)


def _either(earlier: Hashes | None, new: Hashes | None) -> Hashes:
    """What a file may be while it is replaced; nothing is known of one whose content differs by run."""
    return [] if earlier == [] or new == [] else [*(earlier or []), *(new or [])]


def _is_ours(file: Path, record: Record) -> bool:
    hashes = record.hashes(file.name)
    return file.is_file() and hashes is not None and (not hashes or sha256(file) in hashes)


def refuse_overlap(out: Path, inputs: Iterable[Path | None], roots: Iterable[Path | None] = ()) -> None:
    """Raise `InputError` where an output is an input or root, holds one, or lies inside of an input."""
    target, inputs = _resolved(out), [*inputs]
    for each in (*inputs, *roots):
        if each is None:
            continue
        source = Path(each).resolve()
        if source.is_relative_to(target):
            raise InputError(
                "the output is or holds an input", file=out, record=str(each), remedy="name another folder"
            )
        if each in inputs and source.is_dir() and target.is_relative_to(source):
            raise InputError(
                "the output lies inside of an input", file=out, record=str(each), remedy="name a place outside of it"
            )


def _refuse_unwritable(folder: Path, named: Path) -> None:
    """Refuse a folder that cannot be made or written to before any work; what is above it decides where it is not."""
    above = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not above.is_dir():
        raise InputError("a part of the output's path is a file, not a folder", file=named, remedy="correct the path")
    if not os.access(above, os.W_OK | os.X_OK):
        closed = os.statvfs(above).f_flag & os.ST_RDONLY
        raise InputError(
            f"{'the file system is read-only' if closed else 'permission denied'}: the output cannot be written",
            file=named,
            remedy="correct the permissions, or name another place",
        )


def read_record(folder: Path) -> Record:
    """The record of a folder, empty where there is none. One that is damaged is an `InputError`."""
    file = folder / RECORD
    if not file.is_file():
        return Record()
    content = read_json(file)
    parts = [content.get(key) for key in ("files", "single")] if isinstance(content, dict) else [None]
    if not all(isinstance(part, dict) and all(map(_is_entry, part.items())) for part in parts):
        raise InputError(
            "the record of the files that nearmiss wrote is damaged",
            file=file,
            remedy="delete the record, move the folder's files away and run the command again",
        )
    return Record(*parts)


def changed_files(folder: Path, recorded: Mapping[str, Hashes]) -> Iterator[str]:
    """Names of recorded files that have another content now, or that are links."""
    for name, hashes in sorted(recorded.items()):
        file = folder / name
        if file.is_symlink() or (hashes and file.is_file() and sha256(file) not in hashes):
            yield name


def _files_in(folder: Path) -> list[str]:
    """Names of what is in a folder; folders without files do not count, since Snakemake makes them before a job."""
    names = sorted(each.name for each in folder.iterdir() if each.name not in MARKS and _PARTIAL not in each.name)
    return [name for name in names if not _is_bare(folder / name)]


def _is_bare(path: Path) -> bool:
    inner = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return all(each.is_dir() and not each.is_symlink() for each in inner)


def _write_record(folder: Path, record: Record) -> None:
    write_json(folder / RECORD, {"files": record.files, "single": record.single})


def _hashes_below(folder: Path) -> dict[str, Hashes]:
    return {name: [] if file.name == COST else [sha256(file)] for name, file in sorted(files_below(folder).items())}


def _remove_empty(folder: Path, names: Iterable[str]) -> None:
    """Remove the folders of files that are gone, where nothing else is in them."""
    parents = {parent for name in names for parent in PurePosixPath(name).parents} - {PurePosixPath(".")}
    for parent in sorted(parents, key=lambda each: -len(each.parts)):
        with contextlib.suppress(OSError):
            (folder / parent).rmdir()


def _is_entry(entry: tuple[str, object]) -> bool:
    path, hashes = PurePosixPath(entry[0]), entry[1]
    inside = not path.is_absolute() and ".." not in path.parts
    return inside and isinstance(hashes, list) and all(isinstance(each, str) for each in hashes)


def _resolved(path: Path) -> Path:
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of symlinks, a NUL
        raise InputError(f"the output cannot be resolved: {error}", file=path, remedy="name another path") from None


@contextlib.contextmanager
def _locked(folder: Path, named: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on a folder; file systems without locks go without."""
    handle = os.open(folder, os.O_RDONLY)
    end = time.monotonic() + (_PATIENCE if wait else 0)
    try:
        while not _taken(handle):
            if time.monotonic() >= end:
                raise InputError(
                    "another process is writing to the output folder",
                    file=named,
                    remedy="wait until it ends, or name another folder",
                )
            time.sleep(0.05)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        pass
    return True


def beside(out: Path, name: str) -> Path:
    """The file of a table that belongs to `out`: negatives.parquet has captions.parquet next to it as
    negatives.captions.parquet."""
    return out.with_name(f"{out.name.removesuffix('.parquet')}.{name}")
