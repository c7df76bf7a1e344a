"""What each operation does to pixels, and what a new one takes."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Literal

import cv2
import numpy as np
import pytest
from toy_pictures import EVERY, SIDE, Toy, draw, options

from nearmiss.base.errors import InputError
from nearmiss.base.typed import Typed
from nearmiss.config import resolve
from nearmiss.engine.formats.segmentation import encode_mask, runs_of
from nearmiss.engine.images.editing import registry
from nearmiss.engine.images.editing.composite import changed_outside, composite
from nearmiss.engine.images.editing.gates import Numbers
from nearmiss.engine.images.editing.gates import refusal as refused
from nearmiss.engine.images.editing.hole import background_of
from nearmiss.engine.images.editing.plan import (
    After,
    Donor,
    DonorImage,
    Edited,
    ImageObject,
    Plan,
    Refused,
    View,
    covered,
)
from nearmiss.engine.images.editing.spec import Gates, Quality
from nearmiss.engine.images.masks import MaskError, box_of, decode, dilated
from nearmiss.stages.inpaint.config import InpaintConfig
from nearmiss.stages.inpaint.corpus import read_corpus
from nearmiss.stages.inpaint.editing import edit_image
from nearmiss.stages.inpaint.stage import run

PICTURE = [Toy("ball", "red", "small", 22, 26), Toy("cube", "blue", "large", 56, 54)]
LENDER = [Toy("cross", "red", "large", 40, 40)]


def objects(toys: list[Toy]) -> tuple[ImageObject, ...]:
    return tuple(
        ImageObject(str(place), toy.name, {"color": toy.color, "size": toy.size}, box_of(toy.mask()), toy.mask())
        for place, toy in enumerate(toys)
    )


def view(toys: list[Toy] = PICTURE, lent: np.ndarray | None = None) -> View:
    donor = Donor("9", "lender", "cross", {"color": "red", "size": "large"}, box_of(LENDER[0].mask()))
    mask = LENDER[0].mask() if lent is None else lent
    return View(
        image_id="picture",
        width=SIDE,
        height=SIDE,
        objects=objects(toys),
        targets=tuple(str(place) for place in range(len(toys))),
        known={"color": ("blue", "green", "red", "yellow")},
        donors=(donor,),
        load_donor=lambda _: DonorImage(draw(LENDER, "lender"), mask, mask & False),
        random=Random(0),
        quality=Quality(),
    )


def done(name: str, toys: list[Toy] = PICTURE, object_id: str = "0", **fields: object) -> tuple[np.ndarray, Edited]:
    """The first plan of an operation for an object, executed; the original and the edited image."""
    operation = registry.OPERATIONS[name]
    given = options(name).operations[0].model_copy(update=fields)
    seen, original = view(toys), draw(toys, "picture")
    plans = [each for each in operation.candidates(seen, given) if isinstance(each, Plan)]
    plan = next(each for each in plans if each.object_id == object_id)
    edited = operation.apply(original, seen, plan, given)
    assert isinstance(edited, Edited), edited
    return original, edited


@pytest.mark.parametrize("name", EVERY)
def test_an_operation_changes_nothing_outside_its_mask(name):
    original, edited = done(name)
    assert changed_outside(original, edited.pixels, edited.touched) == 0
    assert not (edited.touched & PICTURE[1].mask()).any()
    assert (original != edited.pixels).any()


def test_recolor_keeps_shading_and_changes_the_hue():
    original, edited = done("recolor")
    inside = PICTURE[0].mask()
    before, after = (cv2.cvtColor(each, cv2.COLOR_RGB2LAB)[inside].astype(float) for each in (original, edited.pixels))
    assert np.corrcoef(before[:, 0], after[:, 0])[0, 1] > 0.85  # highlights run out of room
    assert np.linalg.norm(before[:, 1:].mean(axis=0) - after[:, 1:].mean(axis=0)) > 40


def test_recolor_skips_an_object_without_its_annotated_color():
    wrong = [Toy("ball", "green", "small", 22, 26), PICTURE[1]]
    operation, given = registry.OPERATIONS["recolor"], options("recolor").operations[0]
    plan = next(each for each in operation.candidates(view(wrong), given) if isinstance(each, Plan))
    refused = operation.apply(draw(PICTURE, "picture"), view(wrong), plan, given)
    assert refused == Refused("0", "its pixels do not look like its color") or plan.object_id != "0"


def test_a_new_color_is_absent_from_the_image():
    plans = [
        each for each in registry.OPERATIONS["recolor"].candidates(view(), options("recolor").operations[0])
        if isinstance(each, Plan)
    ]  # fmt: skip
    assert plans and not {plan.new for plan in plans} & {"red", "blue"}


def test_rescale_changes_the_extent_by_its_factor_about_the_center():
    _, edited = done("rescale", factor=1.5)
    ratio = np.sqrt(edited.covers.sum() / PICTURE[0].mask().sum())
    assert 1.4 < ratio < 1.6
    x, y, w, h = box_of(edited.covers)
    assert abs(x + w / 2 - 22.5) <= 1 and abs(y + h / 2 - 26.5) <= 1


def test_move_copies_pixels_to_the_mirrored_position():
    original, edited = done("move", [PICTURE[0]])
    x, y, w, h = box_of(PICTURE[0].mask())
    left, top, _, _ = box_of(edited.covers)
    assert (left, top) in ((SIDE - x - w, y), (x, SIDE - y - h))
    inner = np.s_[4 : h - 4, 4 : w - 4]
    assert (edited.pixels[top : top + h, left : left + w][inner] == original[y : y + h, x : x + w][inner]).all()


@pytest.mark.parametrize("name", ["remove", "move"])
def test_a_vacated_region_resembles_the_background(name):
    toys = [PICTURE[0], Toy("ball", "blue", "small", 22, 56)] if name == "remove" else [PICTURE[0]]
    original, edited = done(name, toys)
    hole = PICTURE[0].mask()
    ground = ~dilated(sum(toy.mask() for toy in toys) > 0, 6) & ~edited.touched
    filled, known = edited.pixels[hole].astype(float), original[ground].astype(float)
    assert np.abs(filled.mean(axis=0) - known.mean(axis=0)).max() < 8
    assert 0.5 < filled.std() / known.std() < 1.6  # grain, not a smear


def test_replace_pastes_another_object_at_the_same_extent():
    _, edited = done("replace")
    assert 0.8 < edited.covers.sum() / PICTURE[0].mask().sum() < 1.25
    middle = edited.pixels[26, 22].astype(int)
    assert middle[0] > middle[2] + 60  # red, as the cross is


def test_a_pasted_object_has_the_position_and_light_of_the_old_one():
    tall = Toy("cube", "red", "small", 22, 26).mask().copy()
    tall[12:20] |= tall[26]
    toys = [PICTURE[0], PICTURE[1]]
    operation = registry.OPERATIONS["replace"]
    given = options("replace").operations[0]
    _, centered = done("replace")
    made = [each for each in operation.candidates(view(), given) if isinstance(each, Plan)]
    plan = next(each for each in made if each.object_id == "0")
    stood = operation.apply(draw(toys, "picture"), view(lent=tall), plan, given.model_copy(update={"rests": "foot"}))
    bottom = [y + h for _, y, _, h in (box_of(PICTURE[0].mask()), box_of(stood.covers))]
    assert abs(bottom[0] - bottom[1]) <= 1
    dark = draw(toys, "picture") // 2
    lit = operation.apply(dark, view(), plan, given.model_copy(update={"light": 1.0}))
    inner = cv2.erode(centered.covers.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    ratio = lit.pixels[inner].mean() / centered.pixels[inner].mean()
    assert 0.4 < ratio < 0.65


def plans(**fields: object) -> list[Plan | Refused]:
    """What replace would try for the ball, with a cross of 40 cm to lend in place of one of 20."""
    given = options("replace").operations[0].model_copy(update=fields)
    seen = view()
    seen = replace(
        seen,
        objects=tuple(replace(each, meters=0.2) for each in seen.objects),
        donors=tuple(replace(each, meters=0.4) for each in seen.donors),
    )
    return [each for each in registry.OPERATIONS["replace"].candidates(seen, given) if isinstance(each, Plan)]


def test_objects_of_very_different_size_do_not_replace_each_other():
    assert plans() and plans(stature=2.5)
    assert plans(stature=1.5) == []


def test_fragmented_or_differently_shaped_objects_are_not_pasted():
    pieces = LENDER[0].mask().copy()
    pieces[38:43, :] = False
    given = options("replace").operations[0]
    plan = next(each for each in registry.OPERATIONS["replace"].candidates(view(), given) if isinstance(each, Plan))

    def made(lent: np.ndarray | None, **fields: object) -> object:
        return registry.OPERATIONS["replace"].apply(
            draw(PICTURE, "p"), view(lent=lent), plan, given.model_copy(update=fields)
        )

    assert isinstance(made(pieces), Edited)
    assert made(pieces, whole=0.97) == Refused(plan.object_id, "the other object cannot be cut out")
    assert isinstance(made(None, shape=0.2), Edited)
    assert made(None, shape=0.99) == Refused(plan.object_id, "the other object has another shape")


def test_the_background_of_an_object_is_computed_once():
    seen, original = view(), draw(PICTURE, "picture")
    first = background_of(original, seen, "0")
    assert background_of(original, seen, "0") is first
    assert background_of(original, seen, "1") is not first


def test_replacements_and_edits_have_separate_sharpness_gates():
    numbers = Numbers(changed_inside=1.0, likeness=None, seam=None, sharpness=3.0, noise=None)
    gates = Gates(unlike=2.5, rougher=1.3)
    assert refused(numbers, gates, exchanged=True) == "it is not as sharp as what was there"
    assert refused(numbers, gates) == "it is rougher than before"
    blunt = Numbers(changed_inside=1.0, likeness=None, seam=None, sharpness=0.5, noise=0.5)
    assert refused(blunt, gates, exchanged=True) is None


def refusal(name: str, seen: View, toys: list[Toy], object_id: str = "0") -> str:
    operation, given = registry.OPERATIONS[name], options(name).operations[0]
    plans = [each for each in operation.candidates(seen, given) if isinstance(each, Plan)]
    outcome = operation.apply(draw(toys, "p"), seen, next(p for p in plans if p.object_id == object_id), given)
    assert isinstance(outcome, Refused)
    return outcome.reason


def test_impossible_edits_are_refused_with_a_reason():
    at_border = [Toy("ball", "red", "small", 5, 26), PICTURE[1]]
    assert refusal("rescale", view(at_border), at_border) == "the new position reaches the border of the image"
    two_at_border = [at_border[0], Toy("ball", "blue", "small", 56, 54)]
    assert refusal("remove", view(two_at_border), two_at_border) == "touches the border"
    facing = [Toy("ball", "red", "small", 20, 40), Toy("ball", "blue", "small", 59, 40)]
    assert refusal("move", view(facing), facing) == "the new place is occupied"
    touching = [Toy("ball", "red", "large", 30, 40), Toy("ball", "blue", "large", 50, 40)]
    assert refusal("remove", view(touching), touching) == "overlaps another object"
    tiny = np.zeros((SIDE, SIDE), dtype=bool)
    tiny[40:44, 40:44] = True
    assert refusal("replace", view(lent=tiny), PICTURE) == "the other object is too small to be enlarged"


def test_an_edit_that_leaves_its_mask_is_an_error():
    original = draw(PICTURE, "picture")
    touched = PICTURE[0].mask()
    planted = original.copy()
    planted[70, 70] ^= 255
    assert changed_outside(original, planted, touched) == 1
    assert changed_outside(original, composite(original, planted, touched, 2.0), touched) == 0


def test_masks_decode_as_by_pycocotools():
    for toy in PICTURE:
        assert (decode(runs_of(encode_mask(toy.mask())), SIDE, SIDE) == toy.mask()).all()
    with pytest.raises(MaskError, match="another size"):
        decode(runs_of(encode_mask(PICTURE[0].mask())), SIDE, SIDE + 1)
    assert covered(objects(PICTURE), "0", SIDE, SIDE).sum() > PICTURE[1].mask().sum()


# A new operation: one file of this size, one entry with its options, one line in the registry.


class FadeConfig(Typed):
    """An object loses its color."""

    operation: Literal["fade"] = "fade"
    pairs: int = 3


class Fade:
    name, concept, operator = "fade", "color", "replace"

    def candidates(self, seen: View, options: FadeConfig) -> Iterator[Plan | Refused]:
        for thing, _ in seen.editable():
            after = After(thing.name, {**thing.values, "color": "gray"})
            yield Plan(thing.object_id, "color", thing.values["color"], "gray", after)

    def apply(self, pixels: np.ndarray, seen: View, plan: Plan, options: FadeConfig) -> Edited | Refused:
        mask = seen.get_object(plan.object_id).mask
        faded = np.repeat(pixels.mean(axis=-1, keepdims=True), 3, axis=-1)
        return Edited(composite(pixels, faded, mask, seen.quality.feather), mask, mask)


def test_a_new_operation_is_one_file_one_entry_and_one_line(toys, monkeypatch):
    monkeypatch.setitem(registry.OPERATIONS, "fade", Fade())
    given = toys.arguments()
    # the data have gray objects; otherwise the pair would show an unseen combination
    frame = read_corpus(**given, split="test")
    corpus = type(frame)(
        **{**vars(frame), "combinations": frame.combinations | {(name, "color", "gray") for name in frame.names}}
    )
    (pair,) = edit_image(corpus, FadeConfig(), InpaintConfig(), "000").pairs
    assert pair is not None
    assert pair.concept == "color" and " gray " in pair.inpaint_caption and " gray " not in pair.coco_caption


def test_an_unknown_operation_is_refused_by_the_configuration():
    for operations in ([{"operation": "explode"}], [{"operation": "move"}, {"operation": "move"}]):
        with pytest.raises(InputError, match="inpaint"):
            resolve({"experiment": "e", "inpaint": {"operations": operations}})


def test_no_operations_make_no_pairs(toys, tmp_path):
    assert run(config=options(), out=tmp_path / "out", **toys.arguments())["pairs"] == 0
