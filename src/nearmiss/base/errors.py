"""The one exception a user is meant to read: what is wrong, where, and what to do about it."""


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
