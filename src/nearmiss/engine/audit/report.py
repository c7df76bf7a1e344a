"""The audit of a file: probes, one-sided words, and the balanced set on request.

report.json holds:

| key | what |
|---|---|
| `pairs` | `read`, `audited`, and `set_aside`: reason -> number |
| `corpus` | `texts` counted on, `left_out` because they are captions under audit; both 0 without one |
| `rows` | the rows of report.parquet: set (given, balanced), type, probe, scheme, n, images, accuracy, low, high |
| `one_sided_words` | type -> the most one-sided words |
| `balance` | null, or per type `before`, `after`, `dropped` (a share), `unseen` (the unseen probe afterwards, its worse
  scheme, by upper bound: accuracy, low, high), `apart` (the same of the n-gram model of the half of the corpus that did
  not balance; null without a corpus) and `balanced` (both bounds are at most .55; null below 2,000 pairs) |
| `chance`, `level`, `resamples`, `folds`, `seed`, `used`, `unseen`, `file`, `format` | how it was measured |
"""

from pathlib import Path
from typing import Any

import polars as pl

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json
from nearmiss.base.manifest import verify_inputs
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table
from nearmiss.engine.audit import balance as refinement
from nearmiss.engine.audit import ngram
from nearmiss.engine.audit.folds import FOLDS
from nearmiss.engine.audit.measure import LEVEL, RESAMPLES, measured
from nearmiss.engine.audit.one_sided_words import one_sided_words
from nearmiss.engine.audit.pairs import Pairs, load
from nearmiss.engine.audit.probe import Corpus, Probe
from nearmiss.engine.audit.registry import PROBES, UNSEEN
from nearmiss.engine.formats.caption_files import read_caption_file
from nearmiss.engine.formats.exchange import READERS, guessed

APART = "balanced, corpus held apart"
"""The balanced set under a language model of texts that took no part in balancing: half of the corpus, if given."""
BALANCED = 0.55  # the largest upper bound of the unseen probe on a balanced type
LARGE = 2000  # pairs from which a type is called balanced or not


def run(*, pairs: Path, form: str | None, corpus: Path | None, balance: bool, seed: int, out: Path) -> dict[str, Any]:
    """Audit a file and write report.json, report.parquet and, balanced, balanced.parquet; returns report.json.

    balanced.parquet has the columns and the order of a Parquet input, and those of table `negatives` for the others.
    Pairs that were set aside are not in it.
    """
    target = OutputFolder(out, inputs=[pairs, corpus])
    form = form or guessed(pairs)
    verify_inputs({"pairs": pairs, "corpus": corpus})
    frame = _parquet(pairs) if form == "parquet" else READERS[form](pairs)
    found = load(frame, file=pairs)
    texts = _texts(corpus) if corpus else []
    known = Corpus.without(texts, found.pairs)
    if corpus and not known.texts:
        raise InputError("the corpus has no caption that is not under audit", file=corpus, remedy="give other captions")
    probes = (*PROBES, UNSEEN)
    rows = [measured(found.pairs, probes, known, name="given", seed=seed)]
    kept: Pairs | None = None
    if balance:
        used, apart = known.halves(seed)
        kept = found.pairs.take(refinement.balanced(found.pairs, used, seed))
        if len(kept):
            rows.append(measured(kept, probes, used, name="balanced", seed=seed))
            if apart.texts:
                rows.append(measured(kept, (Probe("ngram", ngram.gap),), apart, name=APART, seed=seed))
    table = pl.concat(rows)
    report: dict[str, Any] = {
        "file": pairs.name,
        "format": form,
        "seed": seed,
        "chance": 0.5,
        "level": LEVEL,
        "resamples": RESAMPLES,
        "folds": FOLDS,
        "used": list(refinement.USED),
        "unseen": UNSEEN.name,
        "pairs": {"read": frame.height, "audited": len(found.pairs), "set_aside": found.set_aside},
        "corpus": {"texts": len(known.texts), "left_out": len(texts) - len(known.texts)},
        "rows": table.to_dicts(),
        "one_sided_words": one_sided_words(found.pairs),
        "balance": None if kept is None else _balance(found.pairs, kept, table),
    }
    with target as partial:
        table.write_parquet(partial / "report.parquet", statistics=False)
        write_json(partial / "report.json", report)
        if kept is not None:
            frame[sorted(kept.row.tolist())].write_parquet(partial / "balanced.parquet", statistics=False)
    return report


def _balance(before: Pairs, after: Pairs, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Per type the dropped pairs, and the results of the unseen probe and of the corpus held apart on the others."""
    result = {}
    for kind, indices in before.kinds.items():
        left = after.kinds.get(kind, ())
        unseen = _worst(rows.filter(set="balanced", type=kind, probe=UNSEEN.name))
        apart = _worst(rows.filter(set=APART, type=kind))
        highest = [each["high"] for each in (unseen, apart) if each]
        result[kind] = {
            "before": len(indices),
            "after": len(left),
            "dropped": 1 - len(left) / len(indices),
            "unseen": unseen,
            "apart": apart,
            "balanced": max(highest) <= BALANCED if highest and len(indices) >= LARGE else None,
        }
    return result


def _worst(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The row of the scheme with the largest upper bound."""
    found = rows.sort("high", "scheme", descending=True).select("accuracy", "low", "high", "scheme")
    return found.row(0, named=True) if found.height else None


def _parquet(path: Path) -> pl.DataFrame:
    """A Parquet file with whatever columns it has."""
    if not path.is_file():
        raise InputError("the file of pairs is missing", file=path, remedy="correct the path")
    try:
        return pl.read_parquet(path, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"the file of pairs is not readable Parquet: {error}", file=path) from None


def _texts(path: Path) -> list[str]:
    """The captions of a corpus: table `captions`, a file of captions (caption_files.py), or a text a line."""
    if path.suffix == ".parquet":
        return read_table(path, "captions")["text"].drop_nulls().to_list()
    if path.suffix in (".json", ".jsonl", ".csv", ".tsv", ".token"):
        return read_caption_file(path, strict=True).tables["captions"]["text"].to_list()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError("the corpus is missing", file=path, remedy="correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError("the corpus is not UTF-8 text", file=path, record=f"byte {error.start}") from None
    return [line for line in lines if line.strip()]
