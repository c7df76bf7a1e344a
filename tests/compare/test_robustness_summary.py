"""Robustness in one number an arm: by hand-computed values, per seed, and only where every value is there."""

import pytest

from nearmiss.stages.compare.overview import Cell, Column
from nearmiss.stages.compare.robustness import VALUE, Robustness
from nearmiss.stages.compare.robustness_summary import rank_correlations, summaries

COLUMN = Column("relation", "relation", "relation", {"benchmark": "world"})


def shown(values):
    """`values`: (arm, corruption, severity) -> the values of seeds 0, 1, ..."""
    cells = {}
    for (arm, corruption, severity), found in values.items():
        cell = Cell(sorted(found)[len(found) // 2], dict(enumerate(found)), None, None)
        cells[arm, COLUMN.name, corruption, severity, VALUE] = cell
    arms = list(dict.fromkeys(arm for arm, _, _ in values))
    corruptions = list(dict.fromkeys(name for _, name, _ in values if name))
    severities = sorted({severity for _, _, severity in values if severity})
    return Robustness(arms, [COLUMN], corruptions, severities, cells, {})


def two_arms():
    return {
        ("clip", None, None): [0.9],
        ("clip", "contrast", 1): [0.8],
        ("clip", "contrast", 5): [0.6],
        ("clip", "fog", 1): [0.7],
        ("clip", "fog", 5): [0.5],
        ("hnc", None, None): [0.9],
        ("hnc", "contrast", 1): [0.9],
        ("hnc", "contrast", 5): [0.8],
        ("hnc", "fog", 1): [0.7],
        ("hnc", "fog", 5): [0.3],
    }


def test_the_mean_corruption_error_is_the_mean_ratio_of_summed_errors():
    clip, hnc = summaries(shown(two_arms()), COLUMN, "clip")
    assert clip.corruption_error.value == pytest.approx(1)
    assert hnc.corruption_error.value == pytest.approx((0.3 / 0.6 + 1.0 / 0.8) / 2)


def test_the_area_weighs_severities_by_their_distance():
    clip, hnc = summaries(shown(two_arms()), COLUMN, "clip")
    contrast = ((0.9 + 0.8) / 2 * 1 + (0.8 + 0.6) / 2 * 4) / 5
    fog = ((0.9 + 0.7) / 2 * 1 + (0.7 + 0.5) / 2 * 4) / 5
    assert clip.area.value == pytest.approx((contrast + fog) / 2)
    assert hnc.area.value != clip.area.value


def test_numbers_are_of_each_seed_and_paired_with_the_reference_of_the_same_seed():
    values = {
        ("clip", None, None): [0.9, 0.8, 0.7],
        ("clip", "fog", 3): [0.5, 0.6, 0.8],
        ("hnc", None, None): [0.9, 0.8, 0.7],
        ("hnc", "fog", 3): [0.75, 0.6, 0.7],
    }
    hnc = summaries(shown(values), COLUMN, "clip")[1]
    assert [hnc.corruption_error.low, hnc.corruption_error.value, hnc.corruption_error.high] == pytest.approx(
        [0.5, 1.0, 1.5]
    )
    assert [hnc.area.low, hnc.area.value, hnc.area.high] == pytest.approx([0.7, 0.7, 0.825])


def test_without_a_reference_or_an_error_of_it_there_is_no_corruption_error():
    values = two_arms()
    assert summaries(shown(values), COLUMN, None)[0].corruption_error is None
    assert summaries(shown(values), COLUMN, "absent")[0].corruption_error is None
    perfect = {**values, ("clip", "fog", 1): [1.0], ("clip", "fog", 5): [1.0]}
    assert all(each.corruption_error is None for each in summaries(shown(perfect), COLUMN, "clip"))


def test_an_arm_without_a_value_is_left_out():
    values = two_arms()
    del values["hnc", "fog", 5]
    assert [each.arm for each in summaries(shown(values), COLUMN, "clip")] == ["clip"]


def test_the_order_of_arms_is_correlated_with_the_clean_one():
    values = {(arm, None, None): [value] for arm, value in zip("abcd", (0.5, 0.6, 0.7, 0.8), strict=True)}
    values |= {(arm, "fog", 3): [value] for arm, value in zip("abcd", (0.4, 0.5, 0.6, 0.7), strict=True)}
    values |= {(arm, "contrast", 3): [value] for arm, value in zip("abcd", (0.7, 0.6, 0.5, 0.4), strict=True)}
    values |= {(arm, "pixelate", 3): [0.5] for arm in "abcd"}
    assert rank_correlations(shown(values), COLUMN, 3) == pytest.approx({"fog": 1.0, "contrast": -1.0})
    fewer = {key: value for key, value in values.items() if key[0] in "ab"}
    assert rank_correlations(shown(fewer), COLUMN, 3) == {}
