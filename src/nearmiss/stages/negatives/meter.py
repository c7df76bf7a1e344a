"""What checks cost: seconds and number of each, by name. Times go to cost.json alone, never into compared bytes."""

import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType


@dataclass
class Meter:
    """`with meter("grammar"):` counts one check and its wall time. Checks do not nest."""

    seconds: dict[str, float] = field(default_factory=dict)
    checks: Counter[str] = field(default_factory=Counter)
    _name: str = ""
    _start: float = 0.0

    def __call__(self, name: str) -> "Meter":
        """Measure one check."""
        self._name = name
        return self

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        name = self._name
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - self._start
        self.checks[name] += 1

    def add(self, other: "Meter") -> None:
        """Add what another process measured."""
        for name, seconds in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.checks.update(other.checks)

    def as_record(self) -> dict[str, dict[str, float]]:
        """Seconds and number of each check, by name."""
        names = sorted(self.checks)
        return {name: {"seconds": round(self.seconds[name], 3), "checks": self.checks[name]} for name in names}
