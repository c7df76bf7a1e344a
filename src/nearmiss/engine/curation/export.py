"""The curated set: accepted items in their original format, other items with reasons, and a report."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import polars as pl

from nearmiss.base.display import single_line
from nearmiss.base.errors import InputError
from nearmiss.base.files import replacing, write_json
from nearmiss.base.outputs import OutputFolder
from nearmiss.engine.curation.agreement import Agreement, all_of_them, every_two
from nearmiss.engine.curation.items import CurationSet
from nearmiss.engine.curation.store import Decision, Store
from nearmiss.engine.curation.verdicts import Outcome, Rule, Verdict, decide

SET_ASIDE, REPORT = "set_aside.parquet", "report.json"
_SET_ASIDE: dict[str, Any] = {
    "item": pl.String,
    "concept": pl.String,
    "original": pl.String,
    "changed": pl.String,
    "outcome": pl.String,  # refused, or undecided
    "reasons": pl.List(pl.Struct({"annotator": pl.String, "reason": pl.String})),
}


def export(
    curated: CurationSet, store: Store, out: Path, *, rule: Rule, annotators: Sequence[str] = ()
) -> dict[str, Any]:
    """Write the folder `out`: the accepted items under the set's own file names, set_aside.parquet, report.json.

    `annotators` are those who count; by default, all who made a decision. Returns the report. Raises InputError, before
    writing, if a given annotator made no decision, no item is accepted, or `out` contains other files, such as the set.
    Equal decisions give equal bytes.
    """
    target = OutputFolder(out, inputs=[store.file, *curated.files])
    decisions = store.last()
    present = sorted({each.annotator for each in decisions})
    if not present:
        raise InputError("there are no decisions", file=store.file, remedy="curate first")
    counting = sorted(set(annotators)) or present
    unknown = [name for name in counting if name not in present]
    if unknown:
        raise InputError(
            f"there are no decisions of these annotators: {', '.join(unknown)}",
            file=store.file,
            remedy=f"choose from: {', '.join(present)}",
        )
    verdicts = decide(curated.items, decisions, counting, rule)
    accepted = {each.item.key: each.caption for each in verdicts if each.outcome == "accepted"}
    if not accepted:
        raise InputError(
            f"no item is accepted by the rule '{rule}' of {len(counting)} annotators",
            file=store.file,
            remedy="curate further, choose the rule 'majority', or list the annotators with --of",
        )
    report = _report(curated, verdicts, [each for each in decisions if each.annotator in counting], counting, rule)
    with target as folder:
        curated.write(folder, accepted)
        _write_set_aside(verdicts, folder / SET_ASIDE)
        write_json(folder / REPORT, report)
    return report


def in_words(report: dict[str, Any]) -> str:
    """The report as a few lines for a terminal."""
    counts = report["outcomes"]
    lines = [
        f"{counts['accepted']} accepted, {counts['refused']} refused, {counts['undecided']} undecided"
        f" (rule: {report['rule']}; annotators: {', '.join(report['annotators'])})",
        f"{report['captions_edited']} captions edited, annotators differ on {report['captions_differ']}",
    ]
    for concept, row in report["by_concept"].items():
        reasons = ", ".join(f"{reason} {count}" for reason, count in report["reasons_by_concept"][concept].items())
        shown = f"  {concept or 'no concept'}: {row['accepted']} of {sum(row.values())} accepted"
        lines.append(f"{shown}; refused for: {reasons}" if reasons else shown)
    lines += [f"Cohen's kappa, {' and '.join(each['annotators'])}: {_kappa(each)}" for each in report["cohen"]]
    if len(report["annotators"]) > 1:
        lines.append(f"Fleiss' kappa, all {len(report['annotators'])}: {_kappa(report['fleiss'])}")
    return "\n".join(map(single_line, lines))


def _kappa(agreement: dict[str, Any]) -> str:
    if agreement["kappa"] is None:
        return f"undefined over {agreement['items']} items"
    kappa, observed = round(agreement["kappa"], 2) + 0.0, agreement["observed"]
    return f"{kappa:.2f} over {agreement['items']} items ({observed:.0%} agreement)"


def _report(
    curated: CurationSet, verdicts: list[Verdict], decisions: list[Decision], annotators: list[str], rule: Rule
) -> dict[str, Any]:
    """Counts of items by concept, of refusals by reason (an annotator's refusal each), and the agreement."""
    concept_of = {item.key: item.concept for item in curated.items}
    concepts = sorted({item.concept for item in curated.items})
    outcomes = Counter((each.item.concept, each.outcome) for each in verdicts)
    reasons = Counter((concept_of[each.item], each.reason or "") for each in decisions if each.decision == "refuse")
    labels = {name: {each.item: each.decision for each in decisions if each.annotator == name} for name in annotators}
    accepted = [each for each in verdicts if each.outcome == "accepted"]
    kinds: tuple[Outcome, ...] = get_args(Outcome)
    return {
        "set": curated.digest,
        "kind": curated.kind,
        "rule": rule,
        "annotators": annotators,
        "decided": {name: len(labels[name]) for name in annotators},
        "outcomes": {kind: sum(each.outcome == kind for each in verdicts) for kind in kinds},
        "by_concept": {concept: {kind: outcomes[concept, kind] for kind in kinds} for concept in concepts},
        "by_reason": _counted(Counter(each.reason or "" for each in decisions if each.decision == "refuse")),
        "reasons_by_concept": {
            concept: _counted(Counter({name: count for (of, name), count in reasons.items() if of == concept}))
            for concept in concepts
        },
        "captions_edited": sum(each.caption != each.item.changed for each in accepted),
        "captions_differ": sum(each.captions_differ for each in accepted),
        "cohen": [_rounded(each) for each in every_two(labels)],
        "fleiss": _rounded(all_of_them(labels)),
    }


def _counted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items(), key=lambda each: (-each[1], each[0])))


def _rounded(agreement: Agreement) -> dict[str, Any]:
    shares = {"observed": agreement.observed, "kappa": agreement.kappa}
    rounded = {name: None if share is None else round(share, 6) for name, share in shares.items()}
    return {"annotators": list(agreement.annotators), "items": agreement.items, **rounded}


def _write_set_aside(verdicts: list[Verdict], path: Path) -> None:
    rows = [
        {
            "item": each.item.key,
            "concept": each.item.concept,
            "original": each.item.original,
            "changed": each.item.changed,
            "outcome": each.outcome,
            "reasons": [
                {"annotator": one.annotator, "reason": one.reason} for one in each.decisions if one.reason is not None
            ],
        }
        for each in verdicts
        if each.outcome != "accepted"
    ]
    with replacing(path) as partial:
        pl.DataFrame(rows, schema=_SET_ASIDE, orient="row").write_parquet(partial, statistics=False)
