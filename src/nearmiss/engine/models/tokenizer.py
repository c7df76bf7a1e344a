"""A tokenizer whose vocabulary is a closed list of words, saved so that open_clip and transformers open it."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel

from nearmiss.base.errors import InputError
from nearmiss.base.files import write_json, write_text

PAD, UNKNOWN, START, END = "<pad>", "<unk>", "<start>", "<end>"
PUNCTUATION = (".", ",", ";", ":", "!", "?", "'", "-")
NAME = "nearmiss-words"
"""What stands for such a tokenizer in a checkpoint's configuration; open_clip takes the files beside it."""
FILES = ("tokenizer.json", "tokenizer_config.json")


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
    write_text(Path(folder) / FILES[0], tokenizer.to_str(pretty=True) + "\n")
    write_json(
        Path(folder) / FILES[1],
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
    file = Path(folder) / FILES[0]
    if not file.is_file():
        raise InputError("the checkpoint has no tokenizer", file=file, remedy="train the checkpoint again")
    try:
        return Tokenizer.from_file(str(file))
    except BaseException as error:  # the library raises a bare Exception, and its Rust part a panic
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise InputError(f"the tokenizer is damaged: {error}", file=file, remedy="train the checkpoint again") from None
