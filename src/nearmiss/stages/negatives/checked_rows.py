"""Rows of the tables of the stage while candidates are checked: tuples in the order of the columns, then one frame."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any

import polars as pl

from nearmiss.base.tables import EDIT, EDITS, SCHEMAS, table
from nearmiss.engine.text.edits import Edit
from nearmiss.stages.negatives.candidates import Caption

_NEGATIVES, _REJECTED = tuple(SCHEMAS["negatives"]), tuple(SCHEMAS["rejected"])
_EDITS = _NEGATIVES.index("edits")
_REASON = _REJECTED.index("reason")
_ORDER = {columns: (columns.index("image_id"), columns.index("caption_id")) for columns in (_NEGATIVES, _REJECTED)}


@dataclass
class CheckedRows:
    """Rows after the checks; `accepted` and `refused` are rows of tables `negatives` and `rejected`."""

    accepted: list[tuple[Any, ...]] = field(default_factory=list)
    refused: list[tuple[Any, ...]] = field(default_factory=list)
    positives: dict[str, Caption] = field(default_factory=dict)  # captions that the method wrote
    sources: list[Caption] = field(default_factory=list)  # captions of the corpus that negatives are made of
    refused_positives: dict[str, str] = field(default_factory=dict)
    processed: set[str] = field(default_factory=set)

    def sort(self) -> None:
        """Order the rows by image and caption."""
        self.accepted.sort(key=itemgetter(*_ORDER[_NEGATIVES]))
        image, caption = _ORDER[_REJECTED]
        self.refused.sort(key=lambda row: (row[image], row[caption] or ""))

    @property
    def negatives(self) -> list[dict[str, Any]]:
        """The rows of table `negatives` as records."""
        return _frame("negatives", self.accepted).to_dicts()

    @property
    def rejected(self) -> list[dict[str, Any]]:
        """The rows of table `rejected` as records."""
        return _frame("rejected", self.refused).to_dicts()

    def captions(self) -> list[dict[str, Any]]:
        """The rows of table `captions` as records."""
        return _frame("captions", self._captions()).to_dicts()

    def reasons(self) -> Counter[str]:
        """Count of each rejection reason."""
        return Counter(row[_REASON] for row in self.refused)

    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables `negatives`, `rejected` and `captions`, the positives of the negatives."""
        return {
            "negatives": _frame("negatives", self.accepted),
            "rejected": _frame("rejected", self.refused),
            "captions": _frame("captions", self._captions()),
        }

    def _captions(self) -> list[tuple[Any, ...]]:
        """The positives of the negatives: those the method wrote, and captions of the corpus."""
        caption = _ORDER[_NEGATIVES][1]
        used = {row[caption] for row in self.accepted}
        rows = [tuple(row) for key, row in self.positives.items() if key in used] + [
            tuple(each) for each in self.sources
        ]
        return sorted(rows, key=itemgetter(1, 0))


def _frame(name: str, rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """A table from its columns: from rows, polars takes ten times as long."""
    schema = SCHEMAS[name]
    if not rows:
        return table(name, [])
    columns = zip(schema, zip(*rows, strict=True), strict=True)
    return pl.DataFrame([_column(column, values, schema[column]) for column, values in columns])


def _column(name: str, values: Sequence[Any], kind: Any) -> pl.Series:
    """A column; a value that is the same in all rows becomes a column without a look at each row."""
    if name == "edits":
        return _edits(values)
    if values[0] == values[-1] and values.count(values[0]) == len(values):
        return pl.Series(name, values[:1], dtype=kind).new_from_index(0, len(values))
    return pl.Series(name, values, dtype=kind)


def _edits(column: Sequence[Sequence[Edit]]) -> pl.Series:
    """Column `edits`: the edits of each row as a list."""
    flat = list(chain.from_iterable(column))
    if not flat:
        return pl.Series("edits", [[]] * len(column), dtype=EDITS)
    names = EDIT.to_schema()
    values = zip(names, zip(*flat, strict=True), strict=True)
    fields = pl.DataFrame([pl.Series(name, each, dtype=names[name]) for name, each in values]).to_struct("edits")
    if len(flat) == len(column) and all(column):  # one edit in each row
        return fields.reshape((-1, 1)).arr.to_list()
    rows = pl.DataFrame({"row": pl.Series(range(len(column)), dtype=pl.UInt32)})
    owners = [row for row, edits in enumerate(column) for _ in edits]
    lists = pl.DataFrame({"row": pl.Series(owners, dtype=pl.UInt32), "edits": fields})
    lists = lists.group_by("row", maintain_order=True).agg("edits")
    joined = rows.join(lists, on="row", how="left", maintain_order="left")["edits"]
    return joined.fill_null(pl.Series([[]], dtype=EDITS)) if joined.null_count() else joined
