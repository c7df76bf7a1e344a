"""Which photographs measure and which tune: a rule over the image id, fixed before gates of `inpaint` were tuned.

A third of the images of any data set is held out. The rule depends on the id alone, so that it holds for photographs
that are added later, and an image with several captions or objects is never on both sides.
"""

from hashlib import sha256

_PARTS = 3


def held_out(image_id: str) -> bool:
    """Whether the photograph is only measured, never looked at while gates and thresholds are chosen.

    `image_id` is COCO's number without leading zeros, or the id of another data set.
    """
    return int(sha256(image_id.encode()).hexdigest(), 16) % _PARTS == 0
