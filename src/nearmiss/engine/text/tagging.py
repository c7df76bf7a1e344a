"""Parts of speech of our tokens, so that offsets agree everywhere; pipelines are in pipelines.py."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nearmiss.base.errors import InputError
from nearmiss.engine.text.spelling import lowered
from nearmiss.engine.text.tokens import tokenize

_BATCH = 256
_FREE = 0.2  # share of words that only a trained tagger has, above which captions are not those of the world
_FEWEST = 50  # captions on which this is checked


class Tagged(NamedTuple):
    """A token with its coarse class (`pos`, UPOS) and fine class (`tag`, Penn Treebank); offsets in characters."""

    text: str
    start: int
    end: int
    pos: str
    tag: str

    @property
    def lower(self) -> str:
        """The token in normalized spelling and lower case."""
        return lowered(self.text)


def need_tagger(texts: Sequence[str], pipeline: str | None) -> None:
    """Load the pipeline, so that a missing one is reported before any compute.

    Raises `InputError` where it cannot be loaded, and where none is set for free captions, which the lexicon pipeline
    would only guess (our choice: more than a fifth of the words of 50 captions or more).
    """
    from nearmiss.engine.text.pipelines import GET_ONE, is_known, trained_pipeline

    if pipeline is not None:
        trained_pipeline(pipeline)
        return
    sample = texts[:: max(len(texts) // 1000, 1)]
    words = [token.lower for text in sample for token in tokenize(text)]
    share = sum(not is_known(word) for word in words) / max(len(words), 1)
    if len(texts) >= _FEWEST and share > _FREE:
        raise InputError(
            f"no tagger for free captions: {share:.0%} of their words are not in the lexicons",
            remedy=f"set tagger to a spaCy pipeline by name or folder; {GET_ONE} gets en_core_web_sm",
        )


def tag(texts: Iterable[str], pipeline: str | None = None) -> Iterator[tuple[Tagged, ...]]:
    """The tagged tokens of each text, in order; `pipeline` None is the lexicon pipeline, else a name or folder.

    Raises `InputError` where the pipeline cannot be loaded.
    """
    # spaCy takes seconds to import, and most methods of negatives tag nothing.
    from nearmiss.engine.text.pipelines import as_doc, lexicon_pipeline, trained_pipeline

    nlp = lexicon_pipeline() if pipeline is None else trained_pipeline(pipeline)
    wanted = list(texts)
    distinct = list(dict.fromkeys(wanted))
    docs = nlp.pipe((as_doc(nlp, tokenize(text)) for text in distinct), batch_size=_BATCH)
    found = {
        text: tuple(
            Tagged(token.text, token.start, token.end, word.pos_, word.tag_)
            for token, word in zip(tokenize(text), doc, strict=True)
        )
        for text, doc in zip(distinct, docs, strict=True)
    }
    return (found[text] for text in wanted)
