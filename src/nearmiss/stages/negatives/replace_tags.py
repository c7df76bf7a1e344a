"""The tags of a whole corpus, kept small: two bytes a token, where the tagged tokens themselves take a hundred.

Every caption is tagged once, to learn from it; when its shard is worked on, its tags are read here.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from nearmiss.engine.text.tagging import Tagged, tag
from nearmiss.engine.text.tokens import tokenize
from nearmiss.stages.negatives.candidates import Caption

LOT = 2048  # captions that are tagged objects at once


class Tags:
    """Of captions that lie together image by image; each sentence is made afresh when it is asked for."""

    def __init__(self, captions: Sequence[Caption], tagger: str | None) -> None:
        numbers: dict[tuple[str, str], int] = {}
        self._codes, self._ends = array("H"), array("Q", [0])
        for start in range(0, len(captions), LOT):
            for sentence in tag([caption.text for caption in captions[start : start + LOT]], tagger):
                self._codes.extend(numbers.setdefault((word.pos, word.tag), len(numbers)) for word in sentence)
                self._ends.append(len(self._codes))
        self._kinds = list(numbers)
        self._images = pl.Series([caption.image_id for caption in captions], dtype=pl.String)

    def of(self, captions: Sequence[Caption]) -> list[tuple[Tagged, ...]]:
        """The tagged tokens of captions that follow one another in the corpus, from the first one of an image on.

        Raises ValueError where the image is not the corpus's.
        """
        if not len(captions):
            return []
        first = self._images.index_of(captions[0].image_id)
        if first is None:
            raise ValueError(f"image {captions[0].image_id} is none of the corpus that was tagged")
        return list(self.read(captions, first))

    def read(self, captions: Iterable[Caption], first: int = 0) -> Iterator[tuple[Tagged, ...]]:
        """The tagged tokens of captions, one after the other, of which the first is the corpus's `first`-th."""
        for at, caption in enumerate(captions, first):
            kinds = [self._kinds[code] for code in self._codes[self._ends[at] : self._ends[at + 1]]]
            yield tuple([Tagged(*token, *kind) for token, kind in zip(tokenize(caption.text), kinds, strict=True)])

    @property
    def kinds(self) -> Sequence[tuple[str, str]]:
        """Every coarse and fine class that some token has."""
        return self._kinds
