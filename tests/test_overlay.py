"""An overlay makes values smaller, whatever their keys mean."""

import pytest

from nearmiss.base.errors import InputError
from nearmiss.config import resolve
from nearmiss.overlay import overlaid


@pytest.mark.parametrize(
    ("value", "overlay", "result"),
    [
        ({"a": {"b": 5, "c": 1}}, {"a": {"b": 2}}, {"a": {"b": 2, "c": 1}}),
        ({"a": 1}, {"a": 2}, {"a": 1}),  # what is smaller already stays
        ({"a": [3, 4]}, {"a": 1}, {"a": [3]}),
        ({"a": {"x": 1, "y": 2, "z": 3}}, {"a": ["z", "x", "w"]}, {"a": {"x": 1, "z": 3}}),
        ({"a": {"x": 1, "y": 2}}, {"a": ["x"]}, {"a": {"x": 1, "y": 2}}),  # a comparison needs two
        ({"a": ["x", "y", "z"]}, {"a": ["z", "y"]}, {"a": ["y", "z"]}),
        ({"a": [{"steps": 9}, {"other": 9}]}, {"a": {"steps": 3}}, {"a": [{"steps": 3}, {"other": 9}]}),
        ({"a": ("x", "y", "z")}, {"a": 2}, {"a": ("x", "y")}),
        ({"a": {"name": "ViT", "tag": 1}}, {"a": {"tower": "t", "size": 2}}, {"a": {"tower": "t", "size": 2}}),
        ({"a": "long", "b": True, "c": None}, {"a": "short", "b": False, "c": 3}, {"a": "short", "b": False, "c": 3}),
    ],
)
def test_merging_follows_the_types_of_both_values(value, overlay, result):
    assert overlaid(value, overlay) == result


def test_an_unknown_key_is_named():
    with pytest.raises(InputError, match="'stepz'") as error:
        resolve({"experiment": "x", "quick": True, "quick_overlay": {"pretrain": {"base": {"stepz": 1}}}})
    assert error.value.record == "quick_overlay.pretrain.base"


def test_an_overlay_that_invalidates_the_configuration_is_refused():
    with pytest.raises(InputError, match="greater than or equal to 2"):
        resolve({"experiment": "x", "quick": True, "quick_overlay": {"pretrain": {"batch_size": 1}}})


def test_an_experiment_has_its_own_overlay():
    given = {"experiment": "x", "seeds": [4, 5], "quick_overlay": {"pretrain": {"continued": {"steps": 500}}}}
    whole, quick = resolve(given), resolve({**given, "quick": True})
    assert quick.experiment == "x-quick"
    assert quick.pretrain.continued.steps == 500 and quick.pretrain.base.steps == 1500
    assert quick.seeds == [4, 5] and quick.arms.keys() == whole.arms.keys()


def test_omitted_controls_are_not_compared():
    overlay = {"arms": ["base", "clip", "hnc"]}
    quick = resolve({"experiment": "x", "quick": True, "quick_overlay": overlay})
    assert list(quick.arms) == ["base", "clip", "hnc"] and quick.compare.controls == ["clip"]
