"""The one exception that a user is meant to read: what is wrong, where, and what to do about it."""

import errno
import re


class InputError(Exception):
    """Something the user gave is wrong. Raised before compute is spent; the CLI prints it and exits with 2.

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
}
_PARTIAL = re.compile(r"/\.[^/]*partial[^/]*(/.*)?$")  # names that are written to before the final name is taken


def explained(error: BaseException) -> InputError | None:
    """What the machine refused (space, permission, memory) as a message; None for errors of the program."""
    if isinstance(error, MemoryError):
        return InputError("the machine is out of memory", remedy="give the job more memory, or fewer --workers")
    if not isinstance(error, OSError) or error.errno is None:
        return None
    problem, remedy = _REASONS.get(error.errno, (error.strerror or str(error), ""))
    file = None if error.filename is None else _PARTIAL.sub("", str(error.filename))
    return InputError(problem, file=file, remedy=remedy)
