"""How many negatives of a caption may replace an object, so that they are no more than a share of all (our choice).

Nearly every caption names objects, few name colors, sizes or locations: without a limit, four of five negatives of COCO
captions replace an object. The limit is a mean number for each caption, estimated from the keywords of all captions; a
caption draws the number below or above it. So what a caption gets depends on itself, the corpus and the seed only. A
caption that has no other keyword keeps one, so that no caption loses its only negative.
"""

from collections import Counter
from typing import NamedTuple

from nearmiss.base.seeding import rng

_ACCEPTED = 0.9  # estimated share of the other candidates that pass the checks


class Keywords(NamedTuple):
    """How many negatives of a caption can replace an object, and how many anything else, of how many concepts."""

    objects: int
    others: int
    concepts: int


class ObjectLimit:
    """The limit for a corpus; `mean` is the mean number of object negatives of a caption, None without a limit."""

    def __init__(self, captions: Counter[Keywords], per_caption: int, share: float) -> None:
        self.mean: float | None = None
        balanced = share < 1 and any(keywords.others for keywords in captions)
        if balanced and not _fits(captions, per_caption, share, float(per_caption)):
            steps = (step / 100 for step in range(100 * per_caption, 0, -1))
            self.mean = next((mean for mean in steps if _fits(captions, per_caption, share, mean)), 0.0)

    def of(self, caption_id: str, seed: int, *, has_others: bool) -> int | None:
        """The limit of a caption; None where it has none."""
        if self.mean is None:
            return None
        least = int(self.mean)
        drawn = least + (rng(seed, "keyword", "objects", caption_id).random() < self.mean - least)
        return drawn if has_others else max(drawn, 1)


def _fits(captions: Counter[Keywords], per_caption: int, share: float, mean: float) -> bool:
    """Whether objects are at most `share` of all under a limit: concepts take turns, then fill what is left."""
    objects = others = 0.0
    for keywords, number in captions.items():
        most = min(keywords.objects, mean if keywords.others else max(mean, 1.0))
        own = min(most, max(per_caption / (1 + keywords.concepts), per_caption - keywords.others))
        objects += number * own
        others += number * min(_ACCEPTED * keywords.others, per_caption - own)
    return objects <= share * (objects + others)
