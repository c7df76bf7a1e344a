"""Masks of files that were made to harm: refused with a reason before pycocotools sees them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearmiss.engine.formats.segmentation import encode_mask, mask_counts, runs_of

SQUARE = [1.0, 1.0, 5.0, 1.0, 5.0, 4.0, 1.0, 4.0]


def polygon(value) -> list:
    return [[*SQUARE[:-1], value]]


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (polygon(1e9), "far outside"),
        (polygon(-1e9), "far outside"),
        (polygon(1e300), "far outside"),
        (polygon(2**31), "far outside"),
        (polygon(float("nan")), "not a finite number"),
        (polygon(float("inf")), "not a finite number"),
        (polygon(2**63), "not a finite number"),
        (polygon(10**400), "not a finite number"),
        (polygon("4"), "not a finite number"),
        (polygon(True), "not a finite number"),
        (polygon(None), "not a finite number"),
        ([SQUARE[:-1]], "an odd number"),
        ([SQUARE[:4]], "three points"),
        ([SQUARE, 7], "three points"),
        ([[-8, -6, 16, 12] * 200_000], "the outline of a polygon is longer"),
        ({"size": [6, 8], "counts": [12.0, 36.0]}, "run lengths are not whole"),
        ({"size": [6, 8], "counts": [12.5, 35.5]}, "run lengths are not whole"),
        ({"size": [6, 8], "counts": [float("nan"), 48]}, "run lengths are not whole"),
        ({"size": [6, 8], "counts": []}, "run lengths are not whole"),
        ({"size": [6, 8], "counts": [-12, 60]}, "do not add up"),
        ({"size": [6, 8], "counts": [2**63, 48]}, "do not add up"),
        ({"size": [8, 6], "counts": [48]}, "its size is"),
        ({"size": [6.5, 8], "counts": [52]}, "its size is"),
        ({"size": "68", "counts": [48]}, "its size is"),
        ({"size": [6, 8], "counts": {"a": 1}}, "neither a list nor text"),
        ({"size": [6, 8], "counts": "o" * 100_000}, "too large"),
        ({"size": [6, 8]}, "neither polygons nor RLE"),
        ("polygon", "neither polygons nor RLE"),
    ],
)
def test_an_invalid_segmentation_is_refused(segmentation, reason):
    with pytest.raises(ValueError, match=reason) as raised:
        mask_counts(segmentation, 6, 8)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("size", [(0, 8), (6, -1), (1 << 20, 8), (2**63, 8)])
def test_an_image_of_invalid_size_has_no_mask(size):
    with pytest.raises(ValueError, match="has no mask"):
        mask_counts([SQUARE], *size)


def test_a_polygon_is_clipped_to_the_image():
    whole = mask_counts([[-3, -3, 12, -3, 12, 9, -3, 9]], 6, 8)
    assert whole == encode_mask(np.ones((6, 8), dtype=bool))


coordinates = st.integers(-5, 12) | st.floats(-8, 16) | st.sampled_from([1e9, float("nan"), 2**63, None])
polygons = st.lists(st.lists(coordinates, max_size=9), min_size=1, max_size=3)
rle = st.fixed_dictionaries(
    {
        "size": st.lists(st.integers(0, 9), min_size=2, max_size=2),
        "counts": st.lists(st.integers(-2, 50) | st.floats()) | st.text(max_size=9),
    }
)


@settings(max_examples=100)
@given(polygons | rle)
def test_any_segmentation_is_a_mask_of_the_image_or_refused(segmentation):
    try:
        counts = mask_counts(segmentation, 6, 8)
    except ValueError:
        return
    assert sum(runs_of(counts)) == 48
