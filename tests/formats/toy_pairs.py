"""A few negatives as our table holds them."""

import polars as pl

from nearmiss.base.tables import table
from nearmiss.engine.text.edits import diff

PAIRS = [
    ("7", "object", "object", "replace", "A dog on a bed.", "A cat on a bed."),
    ("7", "attribute", "color", "replace", "A dog on a bed.", "A dog on a red bed."),
    ("7", "attribute", "color", "replace", "A dog on a bed.", 'A dog on a "blue" bed.'),
    ("12", "relation", "relation", "swap", "a man's horse\tand a cart", "a man's cart\tand a horse"),
    ("12", "action", "action", "replace", "a man rides", "a man falls"),
]


def toy() -> pl.DataFrame:
    """Table `negatives`, five rows of three captions of two images."""
    rows = [
        {
            "negative_id": str(number),
            "caption_id": f"{image}-{positive}",
            "image_id": image,
            "method": "toy",
            "mode": "default",
            "type": kind,
            "concept": concept,
            "operator": operator,
            "positive": positive,
            "negative": negative,
            "edits": [edit.as_record() for edit in diff(positive, negative)],
            "verdict": "plausible",
            "seed": 0,
        }
        for number, (image, kind, concept, operator, positive, negative) in enumerate(PAIRS)
    ]
    return table("negatives", rows)
