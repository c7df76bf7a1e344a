"""Negatives written by an instruction model (as SugarCrepe, NeurIPS 2023, and TripletCLIP, NeurIPS 2024, have them).

Any server with OpenAI's interface works: a local one (vLLM, llama.cpp, Ollama) or a remote one. The answers are read
strictly as JSON and checked like the candidates of every other method. Our choices: one request for each caption, its
seed drawn by seed and caption; a negative keeps at least half of its caption's words.

Answers are kept (answers.py), so that a further run gives the same negatives and makes no request twice.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nearmiss.base.errors import InputError
from nearmiss.base.progress import progress
from nearmiss.base.seeding import derive
from nearmiss.engine.downloads.responses import Refused
from nearmiss.engine.text.edited_text import EditedText
from nearmiss.engine.text.legible import illegible
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus, Method, Outcome, Rejected
from nearmiss.stages.negatives.rewrite.answers import Answers
from nearmiss.stages.negatives.rewrite.endpoint import Endpoint
from nearmiss.stages.negatives.rewrite.prompts import Answer, UnusableAnswerError, messages, read_answer

_BATCH = 256  # captions whose requests are made together
_TYPE = "rewrite"  # of a rejection without a kind
_LARGEST_SEED = 2**31 - 1  # that servers accept


def generate(corpus: Corpus, options: Any) -> Iterator[Outcome]:
    """At most `per_caption` negatives for each caption; an answer that cannot be used is rejected with the reason.

    Raises `InputError` where no model is named, or the endpoint cannot be used.
    """
    if options.model is None:
        raise InputError("method 'rewrite' needs a model and none is named", remedy="set model, and endpoint")
    endpoint = Endpoint(options)
    captions = corpus.captions
    batches = [captions[start : start + _BATCH] for start in range(0, len(captions), _BATCH)]
    with Answers(Path(options.answers)) as kept:
        for batch in progress(batches, what="rewrite", total=len(batches)):
            given = _answers(corpus, batch, options, kept, endpoint)
            for caption, answer in zip(batch, given, strict=True):
                yield from _of_caption(corpus, caption, answer, options)


METHOD = Method("rewrite", generate)


def _answers(
    corpus: Corpus, batch: Sequence[Caption], options: Any, kept: Answers, endpoint: Endpoint
) -> list[str | Refused]:
    """The answer for each caption: kept ones, and those of the endpoint, which are kept as they arrive."""
    requests = [_request(corpus, caption, options) for caption in batch]
    found: list[str | Refused | None] = [kept.get(request) for request in requests]
    missing = [at for at, answer in enumerate(found) if answer is None]
    for number, answer in endpoint.answers([requests[at] for at in missing], kept.keep):
        found[missing[number]] = answer
    return [answer for answer in found if answer is not None]


def _request(corpus: Corpus, caption: Caption, options: Any) -> dict[str, Any]:
    """The body of a request. All of it determines the answer."""
    form = {} if options.response_format is None else {"response_format": {"type": options.response_format}}
    return {
        "model": options.model,
        "messages": messages(caption.text, options.kinds, options.per_caption),
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "seed": derive(corpus.seed, "rewrite", caption.caption_id) % _LARGEST_SEED,
        **form,
    }


def _of_caption(corpus: Corpus, caption: Caption, answer: str | Refused, options: Any) -> Iterator[Outcome]:
    """The candidates of an answer."""
    if isinstance(answer, Refused):
        yield Rejected(caption.caption_id, caption.image_id, _TYPE, f"the endpoint: {answer}", caption.text)
        return
    try:
        written = read_answer(answer, options.kinds)
    except UnusableAnswerError as error:
        yield Rejected(caption.caption_id, caption.image_id, _TYPE, str(error), caption.text)
        return
    if not written:
        yield Rejected(caption.caption_id, caption.image_id, _TYPE, "the answer has no caption", caption.text)
    made = 0
    for each in written:
        text = corpus.edited(caption.image_id, caption.text, each.caption)
        reason = _refusal(corpus, caption, each, text, options)
        if reason is None and made == options.per_caption:
            reason = "the answer has more captions than were requested"
        if reason is not None:
            yield Rejected(caption.caption_id, caption.image_id, each.kind, reason, caption.text, each.caption)
            continue
        made += 1
        new = text.edits[0].new if len(text.edits) == 1 else ""
        yield Candidate(
            caption.caption_id,
            caption.image_id,
            each.kind,
            caption.text,
            each.caption,
            caption.template_id,
            new or None,
            text=text,
        )


def _refusal(corpus: Corpus, caption: Caption, each: Answer, text: EditedText, options: Any) -> str | None:
    """Why a caption of an answer is no candidate."""
    fault = illegible(each.caption)
    if fault is not None:
        return fault
    if text.normalized == text.source.normalized:
        return "the answer repeats the caption"
    if len(text.new_words) > options.max_changed * len(text.words):
        return "the answer changes too much of the caption"
    return corpus.refusal(caption.image_id, text)
