"""What a scorer got right, question by question: the one table between similarities and every figure.

An endpoint is what a row of table `metrics` is about. Each question has `value` (right decisions, a tie half one) out
of `weight` decisions, so a figure is sum(value) / sum(weight); two runs are compared on the same questions.
"""

import polars as pl

ENDPOINT = ("benchmark", "subset", "concept", "operator", "condition", "task", "metric")
"""Columns that name an endpoint within one split and one state of the images."""

MARGIN = 1e-6
"""Similarities this near count as equal: the batch an embedding was made in moves it by up to 1e-7 (anchors 3.4)."""

OUTCOMES = pl.Schema(
    {
        **{name: pl.String for name in ENDPOINT},
        "question": pl.String,
        "cluster": pl.Int64,  # questions about the same images
        "value": pl.Float64,
        "weight": pl.Float64,
        "ties": pl.Int64,
        "chance": pl.Float64,
    }
)


def ordered(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Outcomes of several benchmarks as one table, in the order of endpoints and questions."""
    frame = pl.concat(parts) if parts else pl.DataFrame(schema=OUTCOMES)
    return frame.select(OUTCOMES.names()).cast(OUTCOMES).sort(*ENDPOINT, "question", nulls_last=False)
