"""Checks the candidates of a method, the same way for every method: each is accepted, or rejected with a reason.

check -> reserved -> duplicates -> wording -> label
"""

from collections import Counter
from typing import Any

from nearmiss.engine.text.annotations import Annotations
from nearmiss.engine.text.edited_text import Text
from nearmiss.engine.text.grammar import broken_words
from nearmiss.engine.text.labels import label_of, same_meaning
from nearmiss.engine.text.lexicon import attribute_kind, noun_group
from nearmiss.stages.negatives.candidates import Candidate, Corpus, Method, Positive, Rejected
from nearmiss.stages.negatives.checked_rows import CheckedRows
from nearmiss.stages.negatives.rewording import changed, reworded
from nearmiss.stages.negatives.spec import MethodConfig


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
        caption_id = outcome.caption_id
        if caption_id is not None:
            checked.processed.add(caption_id)
        if isinstance(outcome, Rejected):
            checked.refused.append(_rejection(outcome, outcome.reason, name))
            continue
        candidate = _compared(corpus, outcome)
        reason = None if candidate.unchecked else _refusal(corpus, candidate, checked)
        key = caption_id, candidate.negative
        if reason is None and not candidate.unchecked and key in seen:
            reason = "duplicate"
        if reason is not None:
            checked.refused.append(_rejection(candidate, reason, name))
            continue
        seen.add(key)
        numbers[caption_id] = number = numbers[caption_id] + 1
        written = _in_varied_wording(corpus, candidate, name, checked, seen) if varied else candidate
        negative_id = f"{caption_id}-{name}-{number}"
        checked.accepted.append((negative_id, *_negative(corpus, written, name, mode, stated=candidate)))
    used = {row[1] for row in checked.accepted} - checked.positives.keys()
    checked.sources = [caption for caption in corpus.captions if caption.caption_id in used]
    checked.sort()
    return checked


def _compared(corpus: Corpus, candidate: Candidate) -> Candidate:
    """The candidate with its text: compared with its positive where the method does not give it."""
    if candidate.text is not None:
        return candidate
    return candidate._replace(text=corpus.edited(candidate.image_id, candidate.positive, candidate.negative))


def _refusal(corpus: Corpus, candidate: Candidate, checked: CheckedRows) -> str | None:
    """Why a candidate is rejected: its positive, the annotations, its meaning, its grammar or, without annotations, a
    word that may be true. None if it is accepted."""
    text = candidate.text
    assert text is not None
    refused = checked.refused_positives.get(candidate.caption_id) or corpus.refusal(candidate.image_id, text)
    if refused is not None:
        return refused
    if candidate.positive not in corpus.own(candidate.image_id).texts:  # else compared with all of these already
        with corpus.meter("same meaning"):
            same = same_meaning(candidate.positive, candidate.negative, corpus.vocabulary.names)
        if same:
            return "says the same as its positive"
    with corpus.meter("grammar"):
        fault = broken_words(text.source.words, text.words, text.first, text.tail)
    if fault is not None:
        return f"grammar: {fault}"
    if not candidate.edited:
        return None
    return corpus.collision(candidate.image_id, text.source.words, candidate.all_edits())


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
    other = _compared(corpus, other)
    reason = reason or _refusal(corpus, other, checked)
    if reason is None and (other.caption_id, other.negative) in seen:
        reason = "duplicate"
    if reason is not None:
        rejected = other._replace(caption_id=candidate.caption_id)
        checked.refused.append(_rejection(rejected, f"wording: {reason}", name))
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


def _negative(corpus: Corpus, candidate: Candidate, name: str, mode: str, *, stated: Candidate) -> tuple[Any, ...]:
    """A row of table `negatives` behind its id; concept and operator are those of `stated`, the candidate before it was
    re-worded."""
    with corpus.meter("labels"):
        concept, operator = label_of(*_texts(corpus, stated))
    image_id = candidate.image_id
    return (
        candidate.caption_id,
        image_id,
        name,
        mode,
        candidate.type,
        concept,
        operator,
        candidate.template_id,
        candidate.positive,
        candidate.negative,
        candidate.all_edits(),
        _in_scene(candidate.new_word, corpus.annotations.get(image_id)),
        "unchecked" if candidate.unchecked else corpus.verdict(image_id, candidate.negative).kind,
        corpus.seed,
    )


def _texts(corpus: Corpus, candidate: Candidate) -> tuple[Text, Text]:
    """The positive and the negative as texts that know the words of all annotators."""
    text, names = candidate.text, corpus.vocabulary.names
    if text is not None and text.names == names:
        return text.source, text
    return Text(candidate.positive, names), Text(candidate.negative, names)


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
