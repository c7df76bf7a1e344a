"""The outline of a mask as an SVG overlay of the image."""

import numpy as np

# Dark under light strokes, so that the outline is visible on any image.
_STROKES = (("#000", 3.0), ("#fff", 1.4))
_MOST_LINES = 100_000  # of an outline: the SVG of a noisy mask would be too large for a browser
_REFERENCE = 320  # pixels of an image's longer side at which the strokes have their nominal width


def outline_svg(mask: np.ndarray) -> bytes | None:
    """An SVG of the mask's size that runs along the edges of its pixels, holes included; None for more than 100,000.

    `mask` is (H, W) bool. Pixels beyond the image's border count as outside, so that an object that is cut off has
    an outline at the border. Our choice: pixel edges, not a smoothed contour, to show exactly which pixels changed.
    """
    height, width = mask.shape
    around = np.pad(mask, 1)
    rows, columns = around[1:, 1:-1] != around[:-1, 1:-1], (around[1:-1, 1:] != around[1:-1, :-1]).T
    if _count(rows) + _count(columns) > _MOST_LINES:
        return None
    across, down = _runs(rows, "h"), _runs(columns, "v")
    path = "".join(across + down)
    unit = max(height, width) / _REFERENCE
    lines = "".join(
        f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{size * unit:.3f}" stroke-linecap="square"/>'
        for color, size in _STROKES
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{lines}</svg>'.encode()


def _count(edges: np.ndarray) -> int:
    """Number of runs of set edges in all lines."""
    return int(np.count_nonzero(edges[:, 1:] & ~edges[:, :-1]) + np.count_nonzero(edges[:, :1]))


def _runs(edges: np.ndarray, direction: str) -> list[str]:
    """Path commands for the runs of set edges in each line; lines are rows for "h" and columns for "v"."""
    commands = []
    for line in np.flatnonzero(edges.any(axis=1)):
        steps = np.flatnonzero(np.diff(np.pad(edges[line], 1).astype(np.int8)))
        for start, end in zip(steps[::2], steps[1::2], strict=True):
            x, y = (start, line) if direction == "h" else (line, start)
            commands.append(f"M{x} {y}{direction}{end - start}")
    return commands
