"""The exception for mistakes of users: the problem, its location, and a remedy."""

import errno
import os
import re


class InputError(Exception):
    """An input of the user is invalid. Raised before compute; the CLI prints it and exits with status 2.

    `file` names the file, `record` the entry inside it (a key, an id, a line), `remedy` what to do.
    """

    def __init__(self, problem: str, *, file: object = None, record: object = None, remedy: str = "") -> None:
        self.problem, self.file, self.record, self.remedy = problem, file, record, remedy
        lines = [problem]
        if file is not None:
            lines.append(f"  file:   {file}")
        if record is not None:
            lines.append(f"  record: {record}")
        if remedy:
            lines.append(f"  remedy: {remedy}")
        super().__init__("\n".join(lines))


_REASONS = {
    errno.ENOSPC: ("there is no space left on the disk", "make room and run the command again"),
    errno.EDQUOT: ("the disk quota is used up", "make room and run the command again"),
    errno.EROFS: ("the file system is read-only", "name a folder that can be written to"),
    errno.EACCES: ("permission denied", "correct the permissions, or name another place"),
    errno.EPERM: ("operation not permitted", "correct the permissions, or name another place"),
    errno.ENAMETOOLONG: ("a file name is too long", "name a shorter one"),
    errno.EIO: ("the disk reports an input/output error", "check the disk"),
    errno.EMFILE: ("too many open files", "raise the limit (ulimit -n)"),
    errno.ENOENT: ("a file or folder is missing", "correct the path"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "correct the path"),
    errno.EISDIR: ("a folder is there, not a file", "correct the path"),
    errno.EFBIG: ("a file is larger than is allowed here", "raise the limit (ulimit -f), or name another disk"),
    errno.ELOOP: ("a symbolic link leads to itself", "correct the link"),
    errno.ESTALE: ("a file on a network disk has gone", "run the command again"),
}
_REMEDY = "correct what the message names, and run the command again"
_RUST = re.compile(r"\(os error (\d+)\)")
_NUMPY = re.compile(r"^\d+ requested and \d+ written$")
_PARTIAL = re.compile(r"/\.[^/]*partial[^/]*(/.*)?$")  # names that are written to before the final name is taken


def explained(error: BaseException) -> InputError | None:
    """A message for errors of the machine (space, permission, memory); None for errors of the program.

    Libraries that write files by themselves raise errors of their own, with the system's error in the text or as the
    cause.
    """
    if isinstance(error, MemoryError):
        return InputError("the machine is out of memory", remedy="give the job more memory, or fewer --workers")
    code = _code(error)
    if code is None:
        cause = error.__cause__ or error.__context__
        return None if cause is None or isinstance(cause, InputError) else explained(cause)
    filename = getattr(error, "filename", None)
    problem, remedy = _REASONS.get(code, (os.strerror(code), _REMEDY))
    return InputError(problem, file=None if filename is None else _PARTIAL.sub("", str(filename)), remedy=remedy)


def reason(error: OSError) -> str:
    """Why the system refused, in words, for a message that says what was refused."""
    known = _REASONS.get(error.errno or 0)
    return known[0] if known is not None else (error.strerror or str(error)).lower()


def _code(error: BaseException) -> int | None:
    """The system's number of an error, where it is one of the system's."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if found := _RUST.search(str(error)):  # polars, safetensors
        return int(found[1])
    full = _NUMPY.search(str(error)) if type(error) is OSError else "disk is full" in str(error)  # NumPy, sqlite
    return errno.ENOSPC if full else None
