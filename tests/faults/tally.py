"""What was tried and what survived, counted by kind of fault and by what was attacked."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

WIDTHS = (22, 52)  # columns of the table before the counts


@dataclass
class Tally:
    """The attempts of one test. An attempt survives where its block ends without an error."""

    counts: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def __call__(self, kind: str, attacked: str, attempt: object = "") -> Iterator[None]:
        """Count one attempt. An error is kept for the end of the test, so that the other attempts are made, too."""
        count = self.counts.setdefault((kind, attacked), [0, 0])
        count[0] += 1
        try:
            yield
        except Exception:
            self.failures.append(f"{kind}, {attacked}: {attempt}\n{traceback.format_exc(limit=-3)}")
        else:
            count[1] += 1

    def rows(self) -> list[list[object]]:
        """Rows of kind, attacked, tried, survived."""
        return [[*key, *count] for key, count in self.counts.items()]


def table(rows: list[list[object]]) -> tuple[str, bool]:
    """All rows as one table with sums, and whether everything survived."""
    sums: dict[tuple[str, str], list[int]] = {}
    for kind, attacked, tried, survived in rows:
        count = sums.setdefault((str(kind), str(attacked)), [0, 0])
        count[0] += int(str(tried))
        count[1] += int(str(survived))
    left, right = WIDTHS
    lines = [f"{'kind of fault':<{left}}{'attacked':<{right}}{'tried':>8}{'survived':>10}"]
    for (kind, attacked), (tried, survived) in sorted(sums.items()):
        mark = "" if survived == tried else "  <--"
        lines.append(f"{kind:<{left}}{attacked:<{right}}{tried:>8}{survived:>10}{mark}")
    tried, survived = (sum(count[place] for count in sums.values()) for place in (0, 1))
    lines.append(f"{'all':<{left}}{'':<{right}}{tried:>8}{survived:>10}")
    return "\n".join(lines), tried == survived
