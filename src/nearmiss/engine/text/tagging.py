"""Parts of speech of our tokens, so that offsets agree everywhere; pipelines are in pipelines.py."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nearmiss.base.errors import InputError
from nearmiss.engine.text.spelling import lowered
from nearmiss.engine.text.tag_cache import Tags, text_key
from nearmiss.engine.text.tokens import Token, tokenize

_BATCH = 256
_SEPARATOR = " "  # of the classes of a text, none of which has a blank
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


def tag(texts: Iterable[str], pipeline: str | None = None, cache: Path | None = None) -> Iterator[tuple[Tagged, ...]]:
    """The tagged tokens of each text, in order; `pipeline` None is the lexicon pipeline, else a name or folder.

    `cache` is a folder of tags that trained pipelines gave before, in which new ones are kept (tag_cache.py).

    Raises `InputError` where the pipeline cannot be loaded.
    """
    # spaCy takes seconds to import, and most methods of negatives tag nothing.
    from nearmiss.engine.text.pipelines import spelled, tag_cache

    wanted = list(texts)
    tokens = {text: tokenize(text) for text in wanted}
    found: dict[str, Tags | None]
    kept = None if pipeline is None or cache is None else tag_cache(pipeline, cache)
    if kept is None:
        found = dict(zip(tokens, _tags(list(tokens.values()), pipeline), strict=True))
    else:
        keys = [text_key(*spelled(each)) for each in tokens.values()]
        found = dict(zip(tokens, kept.get(keys), strict=True))
        missing = {text: key for text, key in zip(tokens, keys, strict=True) if found[text] is None}
        made = list(_tags([tokens[text] for text in missing], pipeline))
        kept.keep(list(missing.values()), made)
        found.update(zip(missing, made, strict=True))
    tagged = {text: _tagged(tokens[text], tags) for text, tags in found.items() if tags is not None}
    return (tagged[text] for text in wanted)


def _tags(documents: Sequence[tuple[Token, ...]], pipeline: str | None) -> Iterator[Tags]:
    from nearmiss.engine.text.pipelines import as_doc, lexicon_pipeline, trained_pipeline

    nlp = lexicon_pipeline() if pipeline is None else trained_pipeline(pipeline)
    for doc in nlp.pipe((as_doc(nlp, tokens) for tokens in documents), batch_size=_BATCH):
        yield _SEPARATOR.join([word.pos_ for word in doc]), _SEPARATOR.join([word.tag_ for word in doc])


def _tagged(tokens: tuple[Token, ...], tags: Tags) -> tuple[Tagged, ...]:
    pos, fine = (each.split(_SEPARATOR) if tokens else [] for each in tags)
    return tuple([Tagged(*token, one, other) for token, one, other in zip(tokens, pos, fine, strict=True)])
