"""The headline figures as a small JSON file, which `dvc metrics diff` sets beside those of another revision."""

from nearmiss.stages.compare.overview import Overview


def headline(shown: Overview) -> dict[str, dict[str, float]]:
    """arm -> column -> figure, in per cent to two digits (the median over seeds)."""
    return {
        arm: {name: round(100 * cell.value, 2) for name, cell in sorted(cells.items())}
        for arm, cells in shown.cells.items()
    }
