"""What the study of objectives found, from the comparison of its runs: a table of every seed's value, tables, a figure.

    snakemake --configfile config/objectives.yaml --cores all evaluate
    nearmiss compare --experiment objectives ... --out COMPARED      (docs/objectives.md has the whole line)
    python benchmarks/objectives_study.py COMPARED
    python benchmarks/objectives_study.py docs/read/objectives.tsv      (prints the tables only)

Writes docs/read/objectives.tsv and docs/objectives.png, and prints the tables as they stand in docs/objectives.md. Bold
differences are significant in every seed: Holm-adjusted p below 0.05. A table without p, as the first one was written,
has the p of a normal distribution with the interval of the difference, adjusted for the same family of tests.
"""

import argparse
from pathlib import Path
from statistics import NormalDist

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from matplotlib.colors import TwoSlopeNorm

DOCS = Path(__file__).parents[1] / "docs"
CONTROL = "clip"
TITLES = {
    "relation/reverse": "relation",
    "binding/swap": "binding",
    "size/replace": "size",
    "object/replace": "object",
    "count/recount": "count",
    "text_to_image": "T>I",
    "image_to_text": "I>T",
    "zero-shot": "0-shot",
}
"""The columns; color and location are above 99 % everywhere, so that nothing is left to compare."""
OMITTED = 2
ALPHA = 0.05
HELD_OUT = {
    ("binding/swap", "new_pair"): "binding, new pairs",
    ("binding/swap", "new_wording"): "binding, new wording",
    ("binding/swap", "more_objects"): "binding, more objects",
    ("relation/reverse", "new_pair"): "relation, new pairs",
    ("relation/reverse", "new_wording"): "relation, new wording",
    ("relation/reverse", "new_relation"): "relation, new relations",
}
HELD_OUT_ARMS = ("clip", "random_columns", "negclip", "ce_clip", "replace_own", "keyword_own", "hnc", "hnc_itm")
MARKS = {"seen": "●", "wording": "◕", "concept": "◐", "unseen": ""}
NEGATIVES_AND_LOSS = [
    ("corrected", ("corrected", "ce_clip"), ("released", "ce_clip_negatives_released")),
    ("released", ("corrected", "ce_clip_loss_released"), ("released", "ce_clip_released")),
]
GRID = {
    "random": ("random_columns", "random", "random_focal"),
    "keyword": ("roesch", "keyword_own", "keyword_focal"),
    "replace": ("replace_columns", "replace_own", "fsc_clip"),
}
FORMS = ("columns", "own negatives", "focal")


def main() -> None:
    """Read the comparison, write table and figure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compared", type=Path, help="folder that nearmiss compare made, or the table of values")
    given = parser.parse_args().compared
    if given.is_file():
        _print(pl.read_csv(given, separator="\t"))
        return
    tables = given / "tables"
    values = _named(pl.read_parquet(tables / "metrics.parquet").filter(pl.col("model") != "blind"))
    values = values.join(_trained(values), on=["arm", "cell"], how="left")
    gaps = _named(pl.read_parquet(tables / "differences.parquet").filter(pl.col("control") == CONTROL))
    both = values.join(
        gaps.select("arm", "seed", "cell", "condition", gap="value", gap_low="low", gap_high="high", p="p"),
        on=["arm", "seed", "cell", "condition"],
        how="left",
    )
    shown = [
        "arm", "seed", "cell", "condition", "trained", "n_scored", "chance", "blind", "value", "low", "high", "gap",
        "gap_low", "gap_high", "p",
    ]  # fmt: skip
    table = both.select(shown).sort("arm", "cell", "condition", "seed")
    table.with_columns(pl.col(pl.Float64).round(4)).write_csv(DOCS / "read" / "objectives.tsv", separator="\t")
    _print(table)
    _draw(both.filter(pl.col("condition") == "iid"))


def _print(both: pl.DataFrame) -> None:
    iid = both.filter((pl.col("condition") == "iid") | pl.col("condition").is_null())
    iid = iid if "p" in iid.columns else _with_p(iid)
    print(f"{_table(iid, list(TITLES), TITLES)}\n")
    print(f"{_pairs(iid)}\n")
    print(f"{_grid(iid)}\n")
    print(_held_out(both))


def _with_p(iid: pl.DataFrame) -> pl.DataFrame:
    """Holm-adjusted p of the differences of each seed, from their intervals; a family also has the omitted columns."""
    width = (pl.col("gap_high") - pl.col("gap_low")) / (2 * NormalDist().inv_cdf(0.975))
    rows = iid.with_columns(z=(pl.col("gap") / width).abs().fill_nan(0))
    parts = []
    for (_,), seed in rows.group_by("seed", maintain_order=True):
        tested = seed.filter(pl.col("gap").is_not_null()).sort("z", descending=True)
        number = tested["arm"].n_unique() * (len(TITLES) + OMITTED)
        p = [2 * (1 - NormalDist().cdf(z)) * (number - rank) for rank, z in enumerate(tested["z"])]
        parts += [tested.with_columns(p=pl.Series(p).cum_max().clip(0, 1)), seed.filter(pl.col("gap").is_null())]
    return pl.concat(parts, how="diagonal").drop("z").sort("arm", "cell", "seed")


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of the columns above, each with the name of its cell."""
    world = (pl.col("benchmark") == "world") & (pl.col("subset") == "1x2+2x2") & (pl.col("metric") == "accuracy")
    retrieval = (pl.col("benchmark") == "retrieval") & (pl.col("metric") == "recall@1")
    zero_shot = (pl.col("benchmark") == "classification") & (pl.col("task") == "mean")
    cell = (
        pl.when(world)
        .then(pl.col("concept") + "/" + pl.col("operator"))
        .when(retrieval)
        .then(pl.col("subset"))
        .when(zero_shot)
        .then(pl.lit("zero-shot"))
    )
    return rows.with_columns(cell=cell).filter(pl.col("cell").is_in(list(TITLES)))


def _trained(values: pl.DataFrame) -> pl.DataFrame:
    """Whether an arm's negatives held the cell, its concept in another form, or neither, in any seed."""
    return values.group_by("arm", "cell").agg(pl.col("trained").first()).select("arm", "cell", "trained")


def _of(iid: pl.DataFrame, arm: str, cell: str) -> pl.DataFrame:
    return iid.filter((pl.col("arm") == arm) & (pl.col("cell") == cell)).sort("seed")


def _table(iid: pl.DataFrame, cells: list[str], titles: dict[str, str]) -> str:
    """Every arm's differences to the control in points, one for each seed; bold if significant in every seed."""
    lines = [f"| arm | {' | '.join(titles[cell] for cell in cells)} |", f"|---|{'---|' * len(cells)}"]
    own = [_percent(_of(iid, CONTROL, cell)["value"]) for cell in cells]
    lines.append(f"| `{CONTROL}`, % | {' | '.join(own)} |")
    for arm in iid["arm"].unique(maintain_order=True):
        if arm != CONTROL:
            figures = [_figures(_of(iid, arm, cell)) for cell in cells]
            lines.append(f"| `{arm}` | {' | '.join(figures)} |")
    return "\n".join(lines)


def _figures(rows: pl.DataFrame) -> str:
    one_sign = bool((rows["gap"] > 0).all() or (rows["gap"] < 0).all())
    sure = one_sign and bool((rows["p"] < ALPHA).fill_null(False).all())
    text = " ".join(_points(gap) for gap in rows["gap"])
    mark = MARKS.get(rows["trained"][0] or "unseen", "")
    return f"{f'**{text}**' if sure else text} {mark}".strip()


def _points(gap: float) -> str:
    """A difference in whole points, with its sign."""
    return f"{rounded:+d}" if (rounded := round(100 * gap)) else "0"


def _percent(values: pl.Series) -> str:
    return " ".join(f"{100 * value:.0f}" for value in values)


def _pairs(iid: pl.DataFrame) -> str:
    """The corrected and the released loss on corrected and on released negatives."""
    cells = ["binding/swap", "count/recount", "text_to_image", "image_to_text", "zero-shot"]
    lines = [f"| loss | negatives | {' | '.join(TITLES[cell] for cell in cells)} |", f"|---|---|{'---|' * len(cells)}"]
    for loss, *arms in NEGATIVES_AND_LOSS:
        for negatives, arm in arms:
            figures = [_percent(_of(iid, arm, cell)["value"]) for cell in cells]
            lines.append(f"| {loss} | {negatives} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _grid(iid: pl.DataFrame) -> str:
    """Three methods with three objectives: binding, then retrieval by text."""
    lines = [f"| negatives | {' | '.join(f'{form}: binding, T>I' for form in FORMS)} |", "|---|---|---|---|"]
    for method, arms in GRID.items():
        figures = [
            f"{_percent(_of(iid, arm, 'binding/swap')['value'])}, {_percent(_of(iid, arm, 'text_to_image')['value'])}"
            for arm in arms
        ]
        lines.append(f"| {method} | {' | '.join(figures)} |")
    return "\n".join(lines)


def _held_out(both: pl.DataFrame) -> str:
    """Binding and relation on what no training data held, for some arms; the others stand in the table of values."""
    lines = [f"| arm | {' | '.join(HELD_OUT.values())} |", f"|---|{'---|' * len(HELD_OUT)}"]
    for arm in HELD_OUT_ARMS:
        figures = [
            _percent(_of(both.filter(pl.col("condition") == condition), arm, cell)["value"])
            for cell, condition in HELD_OUT
        ]
        lines.append(f"| `{arm}` | {' | '.join(figures)} |")
    return "\n".join(lines)


def _draw(iid: pl.DataFrame) -> None:
    """Medians over seeds of the differences to the control, an arm a row."""
    arms = [arm for arm in iid["arm"].unique(maintain_order=True) if arm != CONTROL]
    found = np.array([[_of(iid, arm, cell)["gap"].median() for cell in TITLES] for arm in arms])
    order = np.argsort(-found[:, list(TITLES).index("binding/swap")], kind="stable")
    arms, found = [arms[place] for place in order], found[order]
    figure, axes = plt.subplots(figsize=(8.2, 0.36 * len(arms) + 1.2), layout="constrained")
    axes.imshow(100 * found, cmap="PuOr", norm=TwoSlopeNorm(0, -30, 30), aspect="auto")
    for row, column in np.ndindex(found.shape):
        trained = _of(iid, arms[row], list(TITLES)[column])["trained"][0] or "unseen"
        strong = abs(found[row, column]) > 0.18
        axes.text(
            column, row, f"{_points(found[row, column])} {MARKS.get(trained, '')}".strip(), ha="center", va="center",
            color="white" if strong else "black", fontsize=9,
        )  # fmt: skip
    axes.set_xticks(range(len(TITLES)), TITLES.values(), fontsize=9)
    axes.set_yticks(range(len(arms)), arms, fontsize=9)
    axes.xaxis.tick_top()
    axes.set_title(f"Points over {CONTROL}, median of seeds  (● negatives of this cell, ◐ of its concept)", fontsize=10)
    figure.savefig(DOCS / "objectives.png", dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
