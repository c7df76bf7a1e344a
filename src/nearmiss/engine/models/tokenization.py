"""How a model reads texts: their cleaning, their tokens and where they end, whatever tokenizer it was trained with.

A small model of ours has a closed list of words for a vocabulary, saved so that open_clip and transformers open it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import polars as pl
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json, write_text
from nearmiss.engine.formats.checkpoint import TOKENIZER_FILES
from nearmiss.engine.models.library_errors import as_input_error

PAD, UNKNOWN, START, END = "<pad>", "<unk>", "<start>", "<end>"
PUNCTUATION = (".", ",", ";", ":", "!", "?", "'", "-")
NAME = "nearmiss-words"
"""What represents a tokenizer of ours in a checkpoint's configuration; open_clip takes the files next to it."""
_SPLIT = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""  # as in CLIP's own code
_MERGES = 49152 - 256 - 2
_VOCABULARY = 49408  # CLIP's, and open_clip's where a configuration names none


@dataclass(frozen=True)
class Tokenized:
    """Texts as tokens."""

    ids: np.ndarray  # (T, context) int32, padding behind the end
    lengths: np.ndarray  # (T,) int64, the end token included
    cut: np.ndarray  # (T,) bool, texts that did not fit the context
    unknown: np.ndarray  # (T,) bool, texts with a word that is not in the vocabulary

    @property
    def truncated(self) -> int:
        """How many texts did not fit the context."""
        return int(self.cut.sum())


@dataclass(frozen=True)
class Tokenization:
    """A tokenizer with what open_clip does before and after it."""

    tokenizer: Tokenizer
    context: int
    pad: int = 0
    clean: Callable[[str], str] = str

    def __call__(self, texts: Sequence[str]) -> Tokenized:
        """Tokens of texts, at most `context` of each; what is cut off leaves the end token in its place."""
        ids = np.full((len(texts), self.context), self.pad, dtype=np.int32)
        lengths = np.zeros(len(texts), dtype=np.int64)
        cut = np.zeros(len(texts), dtype=bool)
        unknown = np.zeros(len(texts), dtype=bool)
        unknown_id = self.tokenizer.token_to_id(UNKNOWN)
        for row, encoding in enumerate(self.tokenizer.encode_batch([self.clean(text) for text in texts])):
            ids[row, : len(encoding.ids)] = encoding.ids
            lengths[row] = len(encoding.ids)
            cut[row] = bool(encoding.overflowing)
            unknown[row] = unknown_id is not None and unknown_id in encoding.ids
        return Tokenized(ids, lengths, cut, unknown)


@dataclass(frozen=True)
class TextBook:
    """Different texts as rows of token ids, padding after the end token, and the row of each text.

    Texts that are the same tokens, such as two that differ in capitals, share a row: the model cannot tell them apart.
    """

    ids: np.ndarray  # (M, context) int32
    lengths: np.ndarray  # (M,) int64
    number: dict[str, int]
    truncated: int  # texts that did not fit the context
    unknown: int  # texts with a word that is not in the vocabulary

    def numbers(self, texts: pl.Series) -> np.ndarray:
        """Rows of a column of texts (T,) int64."""
        return np.array([self.number[text] for text in texts], dtype=np.int64)


def text_book(texts: Iterable[str], tokenization: Tokenization) -> TextBook:
    """Tokenize all different texts; rows are sorted by their tokens, so that their order depends on nothing else."""
    different = sorted(set(texts))
    read = tokenization(different)
    rows, first, row_of = np.unique(read.ids, axis=0, return_index=True, return_inverse=True)
    number = dict(zip(different, row_of.reshape(-1).tolist(), strict=True))
    return TextBook(rows, read.lengths[first], number, read.truncated, int(read.unknown.sum()))


def read_words(path: Path) -> list[str]:
    """Words of a UTF-8 text file, one a line. Raises InputError where the file is missing or has none."""
    try:
        words = Path(path).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        raise InputError(
            "the list of words is missing", file=path, remedy="run stage data, or correct the path"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            "the list of words is not UTF-8 text", file=path, record=f"byte {error.start}", remedy="save it as UTF-8"
        ) from None
    if not words:
        raise InputError("the list of words is empty", file=path, remedy="run stage data again")
    return words


def word_tokenizer(words: Iterable[str], context_length: int) -> Tokenizer:
    """A tokenizer of lower-cased words and punctuation, at most `context_length` tokens a text.

    A hyphenated word is one token, as in engine/text.

    Ids: 0 padding, 1 unknown word, 2 start, then the words sorted, and the end of text last, because CLIP's text tower
    pools at the highest id. A text that is too long keeps its end token.
    """
    split = pre_tokenizers.Split(Regex(r"\w+(?:-\w+)*|[^\w\s]"), behavior="removed", invert=True)
    pieces = {piece for word in words for piece, _ in split.pre_tokenize_str(word.lower())} | set(PUNCTUATION)
    names = [PAD, UNKNOWN, START, *sorted(pieces), END]
    tokenizer = Tokenizer(WordLevel({name: number for number, name in enumerate(names)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = split
    ids = [(name, names.index(name)) for name in (START, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ids)
    tokenizer.add_special_tokens([PAD, UNKNOWN, START, END])
    tokenizer.enable_truncation(max_length=context_length)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path, context_length: int) -> None:
    """Write the two files that `transformers.AutoTokenizer`, and through it open_clip, reads from a folder."""
    write_text(Path(folder) / TOKENIZER_FILES[0], tokenizer.to_str(pretty=True) + "\n")
    write_json(
        Path(folder) / TOKENIZER_FILES[1],
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": context_length,
            "pad_token": PAD,
            "unk_token": UNKNOWN,
            "bos_token": START,
            "eos_token": END,
            "clean_up_tokenization_spaces": False,
        },
    )


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of a checkpoint folder; InputError where it is missing or damaged."""
    file = Path(folder) / TOKENIZER_FILES[0]
    if not file.is_file():
        raise InputError("the checkpoint has no tokenizer", file=file, remedy="train the checkpoint again")
    with as_input_error("the tokenizer is damaged", file=file, remedy="train the checkpoint again"):
        return Tokenizer.from_file(str(file))


def clip_tokenization(context: int) -> Tokenization:
    """CLIP's byte-pair encoding, with the ids that open_clip's own tokenizer gives, several times as fast."""
    tokenizer = Tokenizer.from_str(_clip_bpe().to_str())
    tokenizer.enable_truncation(max_length=context)
    return Tokenization(tokenizer, context, clean=_clean)


def own_tokenization(folder: Path, context: int) -> Tokenization:
    """The words of one of our checkpoint folders. Raises InputError where they are missing or damaged."""
    return Tokenization(load_tokenizer(folder), context)


def tokenization_of(name: str, text_cfg: dict[str, Any], folder: Path | None) -> Tokenization:
    """The tokenization of an open_clip model by its name and `text_cfg`; `folder` is where a local one's files lie.

    Raises InputError where its tokenizer cannot be had or is none that can be read a whole corpus with.
    """
    context = int(text_cfg.get("context_length") or 77)
    if text_cfg.get("hf_tokenizer_name") == NAME and folder is not None:
        return _held(own_tokenization(folder, context), name, text_cfg)
    if not text_cfg.get("hf_tokenizer_name"):
        if text_cfg.get("tokenizer_kwargs"):
            raise InputError("the model's tokenizer has options of its own", record=name, remedy="take another model")
        return _held(clip_tokenization(context), name, text_cfg)
    theirs = _load_tokenizer(name, text_cfg, None) if folder is None else local_tokenizer(folder, text_cfg)
    backend = getattr(theirs.tokenizer, "backend_tokenizer", None)
    if backend is None or theirs.tokenizer_mode or theirs.strip_sep_token:
        raise InputError("the model's tokenizer is not a fast one", record=name, remedy="take another model")
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=context)
    return Tokenization(tokenizer, context, int(theirs.tokenizer.pad_token_id), theirs.clean_fn)


def local_tokenizer(folder: Path, text_cfg: dict[str, Any]) -> Any:
    """open_clip's tokenizer of a checkpoint folder: of the files there only, and without running code of others.

    Raises InputError where it does not open.
    """
    return _load_tokenizer(f"local-dir:{folder}", text_cfg, folder, local_files_only=True, trust_remote_code=False)


def _held(tokenization: Tokenization, name: str, text_cfg: dict[str, Any]) -> Tokenization:
    """The tokenization, where the model has an embedding for each of its tokens."""
    words, held = tokenization.tokenizer.get_vocab_size(), int(text_cfg.get("vocab_size") or _VOCABULARY)
    if words > held:
        raise InputError(
            f"the tokenizer has {words} tokens, the model {held}",
            record=f"{name}: text_cfg.vocab_size",
            remedy="give a tokenizer and a configuration that belong together",
        )
    return tokenization


def _load_tokenizer(name: str, text_cfg: dict[str, Any], folder: Path | None, **options: bool) -> Any:
    """open_clip's tokenizer of a model; `options` are for transformers."""
    theirs = text_cfg.get("hf_tokenizer_name")
    remedy = "give a folder that holds its files, or a connection to the hub"
    with as_input_error("the model's tokenizer does not open", file=folder, record=theirs, remedy=remedy):
        return open_clip.get_tokenizer(name, **(options if theirs else {}))


@cache
def _clip_bpe() -> Tokenizer:
    theirs = open_clip.tokenizer.SimpleTokenizer()
    merges = [pair for pair, _ in sorted(theirs.bpe_ranks.items(), key=lambda item: item[1])]
    if len(merges) != _MERGES:
        raise RuntimeError(f"open_clip's list of merges has {len(merges)} entries, not {_MERGES}")
    tokenizer = Tokenizer(models.BPE(vocab=theirs.encoder, merges=merges, end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    ends = [("<start_of_text>", theirs.sot_token_id), ("<end_of_text>", theirs.eot_token_id)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{ends[0][0]} $A {ends[1][0]}", special_tokens=ends
    )
    return tokenizer


def _clean(text: str) -> str:
    """open_clip's cleaning, without the search for broken encodings where a text is plain."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return " ".join(text.split()).lower()
    return str(open_clip.tokenizer.get_clean_fn("lower")(text))
