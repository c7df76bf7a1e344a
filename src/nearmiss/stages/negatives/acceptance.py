"""Checks the candidates of a method, the same way for every method: each is accepted, or rejected with a reason.

check -> reserved -> duplicates -> wording -> label
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from nearmiss.engine.text.annotations import Annotations
from nearmiss.engine.text.collisions import collision
from nearmiss.engine.text.edited_text import EditedText
from nearmiss.engine.text.edits import Edit
from nearmiss.engine.text.grammar import broken_by
from nearmiss.engine.text.labels import label, label_of, same_meaning
from nearmiss.engine.text.lexicon import attribute_kind, noun_group
from nearmiss.engine.text.phrase_labels import Label
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Positive, Rejected
from nearmiss.stages.negatives.checked_rows import CheckedRows
from nearmiss.stages.negatives.rewording import changed, reworded
from nearmiss.stages.negatives.spec import MethodConfig

_BATCH = 1024  # outcomes that are checked together


def check_candidates(corpus: Corpus, method: Method, options: MethodConfig, name: str) -> CheckedRows:
    """Check all candidates of a method; rows are sorted by image and caption. The same for every method."""
    checked = CheckedRows()
    seen: set[tuple[str, str]] = set()
    numbers: dict[str, int] = {}
    mode = getattr(options, "mode", method.mode)
    varied = getattr(options, "wording", "fixed") == "varied"
    outcomes = method.generate(corpus, options)
    while batch := list(islice(outcomes, _BATCH)):
        candidates = []
        for outcome in batch:
            if isinstance(outcome, Candidate):
                candidates.append(outcome)
            elif isinstance(outcome, Positive):
                _check_positive(corpus, outcome, name, checked)
        texts = [_text(corpus, candidate) for candidate in candidates]
        reasons = _refusals(corpus, candidates, texts, checked)
        left = zip(candidates, texts, reasons, _labels(corpus, texts, reasons), strict=True)
        for outcome in batch:
            if isinstance(outcome, Positive):
                continue
            if outcome.caption_id is not None:
                checked.processed.add(outcome.caption_id)
            if isinstance(outcome, Rejected):
                checked.refused.append(_rejection(outcome, outcome.reason, name))
                continue
            candidate, text, reason, stated = next(left)
            caption_id = candidate.caption_id
            key = caption_id, candidate.negative
            if reason is None and not candidate.unchecked and key in seen:
                reason = "duplicate"
            if reason is not None:
                checked.refused.append(_rejection(candidate, reason, name))
                continue
            seen.add(key)
            numbers[caption_id] = number = numbers.get(caption_id, 0) + 1
            written = _in_varied_wording(corpus, candidate, name, checked, seen) if varied else None
            negative_id = f"{caption_id}-{name}-{number}"
            checked.accepted.append(
                (negative_id, *_negative(corpus, *(written or (candidate, text)), name, mode, stated))
            )
    used = {row[1] for row in checked.accepted} - checked.positives.keys()
    checked.sources = [caption for caption in corpus.captions if caption.caption_id in used]
    checked.sort()
    return checked


def _text(corpus: Corpus, candidate: Candidate) -> EditedText:
    """The negative as an edit of its positive: compared with it where the method does not give it."""
    return candidate.text or corpus.edited(candidate.image_id, candidate.positive, candidate.negative)


def _refusals(
    corpus: Corpus, candidates: Sequence[Candidate], texts: Sequence[EditedText], checked: CheckedRows
) -> list[str | None]:
    """Why each candidate is rejected: its positive, the annotations, its meaning, its grammar or, without annotations,
    a word that may be true. None where it is accepted, or not checked."""
    reasons: list[str | None] = []
    left: list[int] = []
    for at, (candidate, text) in enumerate(zip(candidates, texts, strict=True)):
        reason = None if candidate.unchecked else _false(corpus, candidate, text, checked)
        reasons.append(reason)
        if reason is None and not candidate.unchecked:
            left.append(at)
    with corpus.meter("grammar", len(left)):
        for at in left:
            fault = broken_by(texts[at])
            if fault is not None:
                reasons[at] = f"grammar: {fault}"
    left = [
        at
        for at in left
        if reasons[at] is None and candidates[at].edited and not corpus.decided(candidates[at].image_id)
    ]
    with corpus.meter("words of the captions", len(left)):
        for at in left:
            used = corpus.own(candidates[at].image_id).used
            reasons[at] = collision(texts[at].source.words, _edits(candidates[at], texts[at]), used)
    return reasons


def _edits(candidate: Candidate, text: EditedText) -> tuple[Edit, ...]:
    return text.edits if candidate.edits is None else candidate.edits


def _false(corpus: Corpus, candidate: Candidate, text: EditedText, checked: CheckedRows) -> str | None:
    """Why a candidate is no false statement: its positive is rejected, or its meaning is that of a caption."""
    refused = checked.refused_positives.get(candidate.caption_id)
    if refused is not None:
        return refused
    if candidate.verdict is None:
        refused = corpus.refusal(candidate.image_id, text)
    else:
        refused = corpus.refused(candidate.verdict, text)
    if refused is not None or candidate.positive in corpus.own(candidate.image_id).texts:
        return refused  # a negative is compared with all captions of the image already
    with corpus.meter("same meaning"):
        same = same_meaning(candidate.positive, candidate.negative, corpus.vocabulary.names)
    return "has the meaning of its positive" if same else None


def _labels(corpus: Corpus, texts: Sequence[EditedText], reasons: Sequence[str | None]) -> list[Label]:
    """Concept and operator of each candidate that is not rejected."""
    names = corpus.vocabulary.names
    left = [text for text, reason in zip(texts, reasons, strict=True) if reason is None]
    with corpus.meter("labels", len(left)):
        found = iter([_label(text, names) for text in left])
    return [next(found) if reason is None else (None, None) for reason in reasons]


def _label(text: EditedText, names: frozenset[str]) -> Label:
    """Concept and operator, of texts that know the words of all annotators."""
    if text.names == names:
        return label_of(text.source, text)
    return label(text.source.string, text.string, names)


def _in_varied_wording(
    corpus: Corpus, candidate: Candidate, name: str, checked: CheckedRows, seen: set[tuple[str, str]]
) -> tuple[Candidate, EditedText] | None:
    """An accepted candidate in a drawn template, with its positive as a new caption; None where it is unchecked or does
    not state relations, and where the new texts are rejected, which is recorded."""
    if candidate.unchecked:
        return None
    with corpus.meter("wording"):
        other = reworded(candidate, corpus.seed, corpus.vocabulary.names)
        reason = None if other is None else changed(candidate, other, corpus.vocabulary.names)
    if other is None:
        return None
    if reason is None and other.caption_id not in checked.positives:
        positive = Positive(other.caption_id, other.image_id, other.positive, other.template_id)
        _check_positive(corpus, positive, name, checked)
    text = _text(corpus, other)
    reason = reason or _refusals(corpus, [other], [text], checked)[0]
    if reason is None and (other.caption_id, other.negative) in seen:
        reason = "duplicate"
    if reason is not None:
        rejected = other._replace(caption_id=candidate.caption_id)
        checked.refused.append(_rejection(rejected, f"wording: {reason}", name))
        return None
    seen.add((other.caption_id, other.negative))
    return other, text


def _check_positive(corpus: Corpus, positive: Positive, name: str, checked: CheckedRows) -> None:
    """Accept a positive that a method wrote unless the annotations contradict it or it has a reserved combination."""
    kind = None if positive.unchecked else corpus.verdict(positive.image_id, positive.text).kind
    if kind in ("verified", "undefined"):
        checked.refused_positives[positive.caption_id] = "the positive is not true by the annotations"
    elif not positive.unchecked and corpus.reserved.mentioned_in(positive.text, corpus.vocabulary.names):
        checked.refused_positives[positive.caption_id] = "reserved combination"
    else:
        checked.positives[positive.caption_id] = Caption(
            positive.caption_id, positive.image_id, positive.text, positive.template_id, name
        )


def _negative(
    corpus: Corpus, candidate: Candidate, text: EditedText, name: str, mode: str, stated: Label
) -> tuple[Any, ...]:
    """A row of table `negatives` behind its id; `stated` are concept and operator of the candidate before it was
    re-worded."""
    image_id = candidate.image_id
    verdict = "unchecked"
    if not candidate.unchecked:
        verdict = (candidate.verdict or corpus.verdict(image_id, candidate.negative)).kind
    return (
        candidate.caption_id,
        image_id,
        name,
        mode,
        candidate.type,
        *stated,
        candidate.template_id,
        candidate.positive,
        candidate.negative,
        _edits(candidate, text),
        _in_scene(candidate.new_word, corpus.annotations.get(image_id)),
        verdict,
        corpus.seed,
    )


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


def _rejection(outcome: Candidate | Rejected, reason: str, name: str) -> tuple[Any, ...]:
    """A row of table `rejected`."""
    return (
        outcome.caption_id,
        outcome.image_id,
        name,
        outcome.type,
        outcome.positive,
        outcome.negative,
        reason,
    )
