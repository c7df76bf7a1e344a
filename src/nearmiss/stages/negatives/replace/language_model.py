"""Fills of a masked language model (CE-CLIP uses distilroberta-base).

Our choices: only whole words that the `tagger` assigns the class of the replaced word; with a margin, only words that
are likely enough beside the original one. Gaps run in batches of similar length. On an accelerator, rounding may order
fills differently than on a CPU.
"""

from collections.abc import Sequence
from math import log
from typing import Any, NamedTuple

from nearmiss.base.errors import InputError
from nearmiss.engine.text.tagging import tag
from nearmiss.engine.text.usage import word_class
from nearmiss.stages.negatives.replace.gaps import Fill, Gap, filled

_BATCH = 64
_OVERSAMPLING = 3  # factor of fills requested, since subwords and words of other classes are filtered out
_WORD_STARTS = ("Ġ", "▁")  # word-start markers of byte-level and SentencePiece vocabularies


class _Token(NamedTuple):
    """A likely token of a gap: its number, its probability, and the tokens of the caption with it."""

    number: int
    probability: float
    sequence: Sequence[int]


class LanguageModelFiller:
    """Fills of a masked language model by name or folder, on a device (auto, cpu, cuda).

    `margin`: by how much a fill may be less likely than the original word, in logarithms; None for no limit. An
    original word of several tokens has no probability of its own: the likeliest fill stands for it.

    Raises `InputError` where the model cannot be loaded, has no mask, or the device is missing.
    """

    def __init__(self, model: str, tagger: str | None, device: str = "auto", margin: float | None = None) -> None:
        from transformers import AutoModelForMaskedLM, AutoTokenizer

        from nearmiss.base.device import device_of

        self._device = device_of(device, key="device")
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(model)
            self._model: Any = AutoModelForMaskedLM.from_pretrained(model).to(self._device).eval()
        except (OSError, ValueError) as error:
            raise _unusable(model, str(error)) from None
        if self._tokenizer.mask_token_id is None:
            raise _unusable(model, "its tokenizer has no mask")
        self._tagger, self._margin = tagger, margin
        self._marks_starts = any(piece.startswith(_WORD_STARTS) for piece in self._tokenizer.get_vocab())

    def fills(self, gaps: Sequence[Gap], most: int) -> list[list[Fill]]:
        """At most `most` whole words of the gap's class for each gap."""
        predictions = self._predictions(gaps, _OVERSAMPLING * most)
        candidates = [self._whole_words(gap, *predicted) for gap, predicted in zip(gaps, predictions, strict=True)]
        return [fills[:most] for fills in self._of_class(gaps, candidates)]

    def filled_captions(self, gaps: Sequence[Gap], most: int) -> list[list[str]]:
        """The captions with each fill, as the tokenizer writes them."""
        return [
            [str(self._tokenizer.decode(token.sequence, skip_special_tokens=True)) for token in tokens]
            for tokens, _ in self._predictions(gaps, most)
        ]

    def _predictions(self, gaps: Sequence[Gap], most: int) -> list[tuple[list[_Token], float]]:
        """For each gap, the likeliest tokens, best first, and the probability of the original word."""
        texts = [filled(gap, self._tokenizer.mask_token) for gap in gaps]
        found: list[tuple[list[_Token], float]] = [([], 1.0)] * len(gaps)
        order = sorted(range(len(gaps)), key=lambda at: len(texts[at]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            originals = [self._number_of(gaps[at]) for at in batch]
            for at, predicted in zip(batch, self._forward([texts[at] for at in batch], originals, most), strict=True):
                found[at] = predicted
        return found

    def _forward(
        self, texts: Sequence[str], originals: Sequence[int | None], most: int
    ) -> list[tuple[list[_Token], float]]:
        import torch

        given = self._tokenizer(list(texts), return_tensors="pt", padding=True, truncation=True).to(self._device)
        ids = given["input_ids"]
        masks = ids == self._tokenizer.mask_token_id
        places = masks.int().argmax(1)  # the first mask; texts cut off before it have none
        with torch.inference_mode():
            logits = self._model(**given).logits[torch.arange(len(texts), device=self._device), places]
            probabilities = logits.float().softmax(-1).cpu()
        values, numbers = probabilities.topk(min(most, probabilities.shape[-1]))
        found: list[tuple[list[_Token], float]] = []
        for row, original in enumerate(originals):
            if not bool(masks[row].any()):
                found.append(([], 1.0))
                continue
            sequence, place = ids[row].tolist(), int(places[row])
            tokens = []
            for number, value in zip(numbers[row].tolist(), values[row].tolist(), strict=True):
                whole = [*sequence[:place], number, *sequence[place + 1 :]]
                tokens.append(_Token(number, value, [each for each in whole if each != self._tokenizer.pad_token_id]))
            known = float(values[row][0]) if original is None else float(probabilities[row, original])
            found.append((tokens, known))
        return found

    def _number_of(self, gap: Gap) -> int | None:
        """The token that is the original word, where it is one token."""
        marker = " " if gap.start > 0 else ""
        ids = self._tokenizer(marker + gap.caption[gap.start : gap.end], add_special_tokens=False)["input_ids"]
        return int(ids[0]) if len(ids) == 1 else None

    def _whole_words(self, gap: Gap, predicted: Sequence[_Token], original: float) -> list[Fill]:
        least = 0.0 if self._margin is None else log(max(original, 1e-30)) - self._margin
        fills: dict[str, Fill] = {}
        for token in predicted:
            word = str(self._tokenizer.decode([token.number])).strip().lower()
            if self._margin is not None and log(max(token.probability, 1e-30)) < least:
                break
            if word.isalpha() and self._starts_word(gap, token.number) and word != gap.words[gap.index]:
                fills.setdefault(word, Fill(word, 0, token.probability))
        return list(fills.values())

    def _starts_word(self, gap: Gap, token: int) -> bool:
        """Whether a token starts a word; at the start of a text, tokens of RoBERTa have no marker."""
        piece = self._tokenizer.convert_ids_to_tokens(token)
        if self._marks_starts and gap.start > 0:
            return bool(piece.startswith(_WORD_STARTS))
        return not piece.startswith("##")

    def _of_class(self, gaps: Sequence[Gap], candidates: list[list[Fill]]) -> list[list[Fill]]:
        """The fills that have the class of the replaced word when tagged in their sentence."""
        texts = [filled(gap, fill.word) for gap, fills in zip(gaps, candidates, strict=True) for fill in fills]
        tagged = iter(tag(texts, self._tagger))
        return [
            [fill for fill in fills if word_class(next(tagged)[gap.index]) == gap.word_class]
            for gap, fills in zip(gaps, candidates, strict=True)
        ]


def _unusable(model: str, reason: str) -> InputError:
    return InputError(
        f"no masked language model could be loaded: {reason}",
        file=model,
        remedy="give a folder or model that transformers can load for fill-mask, or null for corpus counts",
    )
