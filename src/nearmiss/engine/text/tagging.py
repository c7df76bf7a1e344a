"""Parts of speech of our own tokens, so that offsets agree everywhere; which pipelines there are says pipelines.py."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nearmiss.engine.text.tokens import tokenize

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Tagged:
    """A token with its coarse class (`pos`, UPOS) and fine class (`tag`, Penn Treebank); offsets in characters."""

    text: str
    start: int
    end: int
    pos: str
    tag: str


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
