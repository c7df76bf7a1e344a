"""spaCy pipelines for tagging: a small one that is built from the lexicons, and trained ones.

The lexicon pipeline is exact for a closed vocabulary, such as that of the synthetic world, and guesses other words by
their endings; free captions need a trained pipeline.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from nearmiss.base.errors import InputError
from nearmiss.engine.text.inflection import is_plural
from nearmiss.engine.text.lexicon import attribute_words, load, object_words
from nearmiss.engine.text.phrase_table import ANYTHING
from nearmiss.engine.text.spelling import normalize_spelling
from nearmiss.engine.text.tag_cache import TagCache, pipeline_key
from nearmiss.engine.text.tokens import Token

LEXICON = "lexicon"
"""The name by which a configuration chooses the lexicon pipeline for free captions, as for a trial."""
GET_ONE = "`python -m spacy download en_core_web_sm`"
_UNUSED = ["parser", "ner", "lemmatizer", "trainable_lemmatizer", "senter"]


@cache
def lexicon_pipeline() -> Language:
    """`spacy.blank("en")` with one component that tags by the lexicons, else by endings."""
    nlp = spacy.blank("en")
    nlp.add_pipe("nearmiss_lexicon_tagger")
    return nlp


@cache
def trained_pipeline(pipeline: str) -> Language:
    """The pipeline of a name or folder, or `LEXICON`. Raises InputError where it cannot be loaded."""
    if pipeline == LEXICON:
        return lexicon_pipeline()
    try:
        return spacy.load(pipeline, exclude=_UNUSED)
    except OSError as error:
        remedy = f"name an installed spaCy pipeline or the folder of one; {GET_ONE} gets one"
        file = pipeline if Path(pipeline).exists() else None
        raise InputError(f"no spaCy pipeline '{pipeline}': {error}", file=file, remedy=remedy) from None


def is_known(word: str) -> bool:
    """Whether the lexicon pipeline has a word, in lower case, and does not guess it by its ending."""
    if not word[0].isalpha() or word in _closed() or word in attribute_words() or word in object_words():
        return True
    return word in (ANYTHING, ANYTHING + "s") or word in load("number")["words"]


def spelled(tokens: tuple[Token, ...]) -> tuple[list[str], list[bool]]:
    """The words of a document of exactly these tokens, in normalized spelling, and whether a space follows each."""
    ends = [token.end for token in tokens]
    starts = [token.start for token in tokens[1:]]
    spaces = [start > end for end, start in zip(ends, starts, strict=False)]
    return [normalize_spelling(token.text) for token in tokens], [*spaces, False][: len(tokens)]


def as_doc(nlp: Language, tokens: tuple[Token, ...]) -> Doc:
    """A document of exactly these tokens."""
    words, spaces = spelled(tokens)
    return Doc(nlp.vocab, words=words, spaces=spaces)


@cache
def tag_cache(pipeline: str, folder: Path) -> TagCache | None:
    """The tags that a trained pipeline has given, in this process opened once; None for one that has no files."""
    key = pipeline_key(trained_pipeline(pipeline))
    return None if key is None else TagCache(folder, key)


@Language.factory("nearmiss_lexicon_tagger")
def _lexicon_tagger(nlp: Language, name: str) -> Callable[[Doc], Doc]:
    def component(doc: Doc) -> Doc:
        words = [token.text.lower() for token in doc]
        classes = [_class(word) for word in words]
        for index, token in enumerate(doc):
            pos, fine = classes[index]
            if pos == "EITHER":  # "orange": an adjective before a noun, or after "is"
                after = classes[index + 1][0] if index + 1 < len(classes) else ""
                before = [pos for pos, _ in classes[max(index - 2, 0) : index]]
                predicated = before[-1:] == ["AUX"] or before == ["ADJ", "CCONJ"]
                adjective = predicated or after in ("NOUN", "ADJ", "EITHER")
                pos, fine = ("ADJ", "JJ") if adjective else ("NOUN", "NN")
            token.pos_, token.tag_ = pos, fine
        return doc

    return component


_CLOSED: dict[tuple[str, str], str] = {
    ("DET", "DT"): "a an the this that these those some any each every no another",
    ("PRON", "PRP"): "it he she they him them who which his her its their there",
    ("AUX", "VBZ"): "is has was does",
    ("AUX", "VBP"): "are have were be been being",
    ("CCONJ", "CC"): "and or but both either neither nor",
    ("PART", "RB"): "not",
    ("ADP", "IN"): "of in on at to with above below over under behind near beside by from into onto inside outside "
    "between around through across along against for off beneath underneath atop upon toward towards about",
    ("NOUN", "NN"): "left right top bottom front back picture photo image",
    ("ADV", "RB"): "very just together away next",
}


@cache
def _closed() -> dict[str, tuple[str, str]]:
    return {word: kind for kind, words in _CLOSED.items() for word in words.split()}


@cache
def _class(word: str) -> tuple[str, str]:
    """(UPOS, Penn tag) of a word without context; "EITHER" where its position decides between adjective and noun."""
    if not word[0].isalnum():
        return "PUNCT", word if word in ".,:" else "."
    if word.isdigit() or (word in load("number")["words"] and word != "no"):
        return "NUM", "CD"
    if word in _closed():
        return _closed()[word]
    noun = word in object_words() or word in (ANYTHING, ANYTHING + "s")
    if word in attribute_words():
        if attribute_words()[word][0] == "action":
            return "VERB", "VBG"
        return ("EITHER", "") if noun else ("ADJ", "JJ")
    if noun:
        return "NOUN", "NNS" if is_plural(word) else "NN"
    return _by_ending(word)


def _by_ending(word: str) -> tuple[str, str]:
    if word.endswith("ing") and len(word) > 5:
        return "VERB", "VBG"
    if word.endswith("ed") and len(word) > 4:
        return "VERB", "VBN"
    if word.endswith("ly"):
        return "ADV", "RB"
    if word.endswith(("ful", "ous", "ish", "less", "able")):
        return "ADJ", "JJ"
    return "NOUN", "NNS" if is_plural(word) else "NN"
