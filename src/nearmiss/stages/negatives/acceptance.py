"""Checks the candidates of a method, the same way for every method: each is accepted, or rejected with a reason.

check -> reserved -> duplicates -> wording -> label
"""

from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nearmiss.engine.text.annotations import Annotations
from nearmiss.engine.text.grammar import broken
from nearmiss.engine.text.labels import label, same_meaning
from nearmiss.engine.text.lexicon import attribute_kind, noun_group
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Positive, Rejected
from nearmiss.stages.negatives.rewording import changed, reworded
from nearmiss.stages.negatives.spec import MethodConfig


@dataclass
class CheckedRows:
    """Rows of the tables after the checks."""

    negatives: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    positives: dict[str, dict[str, Any]] = field(default_factory=dict)
    edited: list[Caption] = field(default_factory=list)  # captions of the corpus that negatives are made of
    refused_positives: dict[str, str] = field(default_factory=dict)
    processed: set[str] = field(default_factory=set)

    def reasons(self) -> Counter[str]:
        """Count of each rejection reason."""
        return Counter(row["reason"] for row in self.rejected)

    def captions(self) -> list[dict[str, Any]]:
        """The positives of the negatives: those the method wrote, and captions of the corpus."""
        used = {row["caption_id"] for row in self.negatives}
        rows = [row for key, row in self.positives.items() if key in used] + [asdict(each) for each in self.edited]
        return sorted(rows, key=lambda row: (row["image_id"], row["caption_id"]))


def check_candidates(corpus: Corpus, method: Method, options: MethodConfig, name: str) -> CheckedRows:
    """Check all candidates of a method; rows are sorted by image and caption. The same for every method."""
    checked = CheckedRows()
    seen: set[tuple[str, str]] = set()
    numbers: Counter[str] = Counter()
    mode = getattr(options, "mode", method.mode)
    varied = getattr(options, "wording", "fixed") == "varied"
    for outcome in method.generate(corpus, options):
        if isinstance(outcome, Positive):
            _check_positive(corpus, outcome, name, checked)
            continue
        if outcome.caption_id is not None:
            checked.processed.add(outcome.caption_id)
        if isinstance(outcome, Rejected):
            checked.rejected.append(_rejection(outcome, outcome.reason, name))
            continue
        reason = None if outcome.unchecked else _refusal(corpus, outcome, checked)
        if reason is None and not outcome.unchecked and (outcome.caption_id, outcome.negative) in seen:
            reason = "duplicate"
        if reason is not None:
            checked.rejected.append(_rejection(outcome, reason, name))
            continue
        seen.add((outcome.caption_id, outcome.negative))
        numbers[outcome.caption_id] += 1
        written = _in_varied_wording(corpus, outcome, name, checked, seen) if varied else outcome
        row = _negative(corpus, written, name, mode, stated=outcome)
        checked.negatives.append({"negative_id": f"{outcome.caption_id}-{name}-{numbers[outcome.caption_id]}", **row})
    used = {row["caption_id"] for row in checked.negatives} - checked.positives.keys()
    checked.edited = [caption for caption in corpus.captions if caption.caption_id in used]
    checked.negatives.sort(key=lambda row: (row["image_id"], row["caption_id"]))
    checked.rejected.sort(key=lambda row: (row["image_id"], row["caption_id"] or ""))
    return checked


def _refusal(corpus: Corpus, candidate: Candidate, checked: CheckedRows) -> str | None:
    """Why a candidate is rejected: its positive, the annotations, its meaning, its grammar or, without annotations, a
    word that may be true. None if it is accepted."""
    refused = checked.refused_positives.get(candidate.caption_id) or corpus.refusal(
        candidate.image_id, candidate.negative
    )
    if refused is not None:
        return refused
    if candidate.positive not in corpus.captions_of_image(
        candidate.image_id
    ):  # else compared with all of these already
        with corpus.meter("same meaning"):
            same = same_meaning(candidate.positive, candidate.negative, corpus.vocabulary.names)
        if same:
            return "says the same as its positive"
    with corpus.meter("grammar"):
        fault = broken(candidate.positive, candidate.negative)
    if fault is not None:
        return f"grammar: {fault}"
    if not candidate.edited:
        return None
    return corpus.collision(candidate.image_id, candidate.positive, candidate.all_edits())


def _in_varied_wording(
    corpus: Corpus, candidate: Candidate, name: str, checked: CheckedRows, seen: set[tuple[str, str]]
) -> Candidate:
    """An accepted candidate in a drawn template, with its positive as a new caption; unchanged where it is unchecked or
    does not state relations, and where the new texts are rejected, which is recorded."""
    if candidate.unchecked:
        return candidate
    with corpus.meter("wording"):
        other = reworded(candidate, corpus.seed, corpus.vocabulary.names)
        reason = None if other is None else changed(candidate, other, corpus.vocabulary.names)
    if other is None:
        return candidate
    if reason is None and other.caption_id not in checked.positives:
        positive = Positive(other.caption_id, other.image_id, other.positive, other.template_id)
        _check_positive(corpus, positive, name, checked)
    reason = reason or _refusal(corpus, other, checked)
    if reason is None and (other.caption_id, other.negative) in seen:
        reason = "duplicate"
    if reason is not None:
        rejected = replace(other, caption_id=candidate.caption_id)
        checked.rejected.append(_rejection(rejected, f"wording: {reason}", name))
        return candidate
    seen.add((other.caption_id, other.negative))
    return other


def _check_positive(corpus: Corpus, positive: Positive, name: str, checked: CheckedRows) -> None:
    """Accept a positive that a method wrote unless the annotations contradict it or it has a reserved combination."""
    kind = None if positive.unchecked else corpus.verdict(positive.image_id, positive.text).kind
    if kind in ("verified", "undefined"):
        checked.refused_positives[positive.caption_id] = "the positive is not true by the annotations"
    elif not positive.unchecked and corpus.reserved.mentioned_in(positive.text, corpus.vocabulary.names):
        checked.refused_positives[positive.caption_id] = "reserved combination"
    else:
        checked.positives[positive.caption_id] = {
            "caption_id": positive.caption_id,
            "image_id": positive.image_id,
            "text": positive.text,
            "template_id": positive.template_id,
            "source": name,
        }


def _negative(corpus: Corpus, candidate: Candidate, name: str, mode: str, *, stated: Candidate) -> dict[str, Any]:
    """A row of table `negatives`; concept and operator are those of `stated`, the candidate before it was re-worded."""
    with corpus.meter("labels"):
        concept, operator = label(stated.positive, stated.negative, corpus.vocabulary.names)
    return {
        "caption_id": candidate.caption_id,
        "image_id": candidate.image_id,
        "method": name,
        "mode": mode,
        "type": candidate.type,
        "concept": concept,
        "operator": operator,
        "template_id": candidate.template_id,
        "positive": candidate.positive,
        "negative": candidate.negative,
        "edits": [edit.as_record() for edit in candidate.all_edits()],
        "foil_in_scene": _in_scene(candidate.new_word, corpus.annotations.get(candidate.image_id)),
        "verdict": "unchecked" if candidate.unchecked else corpus.verdict(candidate.image_id, candidate.negative).kind,
        "seed": corpus.seed,
    }


def _in_scene(new_word: str | None, annotations: Annotations | None) -> bool | None:
    """Whether the new word names an object or an attribute of the scene; None if the annotations do not decide."""
    if new_word is None or annotations is None:
        return None
    kind = attribute_kind(new_word)
    if kind is not None and any(kind in obj.attributes for obj in annotations.objects):
        return True
    noun = noun_group(new_word)
    if any(noun == obj.noun for obj in annotations.objects):
        return True
    return False if kind is not None or annotations.marks_all(noun) else None


def _rejection(outcome: Candidate | Rejected, reason: str, name: str) -> dict[str, Any]:
    return {
        "caption_id": outcome.caption_id,
        "image_id": outcome.image_id,
        "method": name,
        "type": outcome.type,
        "positive": outcome.positive,
        "negative": outcome.negative,
        "reason": reason,
    }
