"""Diffusion: paintings are laid in inside the mask alone, the best is kept, and a seed means the same bytes."""

import numpy as np
import pytest
import tiny_diffusion
from test_editing_operations import PICTURE, view
from toy_pictures import draw, options

from nearmiss.base.errors import InputError
from nearmiss.engine.formats.inpaintcoco import read
from nearmiss.engine.images.editing import painter as painting
from nearmiss.engine.images.editing.composite import changed_outside
from nearmiss.engine.images.editing.plan import Edited, Plan, Refused
from nearmiss.engine.images.editing.registry import OPERATIONS
from nearmiss.engine.images.editing.spec import DiffusionConfig, RepaintColorConfig, RepaintObjectConfig
from nearmiss.stages.inpaint.stage import PAIRS, run

CONFIGS = {"repaint_color": RepaintColorConfig, "repaint_object": RepaintObjectConfig}


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """A folder with a tiny pipeline."""
    return tiny_diffusion.save(tmp_path_factory.mktemp("diffusion"))


def configured(name, pipeline, **fields):
    diffusion = DiffusionConfig(pipeline=str(pipeline), candidates=2, steps=2, side=64, device="cpu")
    return CONFIGS[name](diffusion=diffusion, **fields)


def painted(name, pipeline, **fields):
    """The first plan of an operation, made: the original picture and the edited one."""
    operation, given = OPERATIONS[name], configured(name, pipeline, **fields)
    seen, original = view(), draw(PICTURE, "picture")
    plan = next(each for each in operation.candidates(seen, given) if isinstance(each, Plan))
    return original, operation.apply(original, seen, plan, given)


@pytest.mark.parametrize(
    ("name", "fields"), [("repaint_color", {"resemblance": 0.0}), ("repaint_object", {"resemblance": 0.0})]
)
def test_a_painting_is_laid_in_inside_its_mask_alone_and_a_seed_gives_the_same_bytes(name, fields, pipeline):
    original, edited = painted(name, pipeline, **fields)
    assert isinstance(edited, Edited)
    assert edited.pixels.shape == original.shape
    assert changed_outside(original, edited.pixels, edited.touched) == 0
    assert (original != edited.pixels)[edited.touched].mean() > 0.5
    assert not (edited.touched & PICTURE[1].mask()).any() or not (edited.touched & PICTURE[0].mask()).any()
    assert np.array_equal(painted(name, pipeline, resemblance=0.0)[1].pixels, edited.pixels)


def test_candidates_of_one_plan_differ_by_their_seeds(pipeline):
    painter = painting.painter(configured("repaint_object", pipeline).diffusion)
    original, hole = draw(PICTURE, "picture"), PICTURE[0].mask()
    one, other = painter.paint(original, hole, "a photo of a cross", [1, 2])
    again = painter.paint(original, hole, "a photo of a cross", [1, 2])[0]
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def stub(monkeypatch, *pictures):
    """A painter that paints these pictures."""

    class Stub:
        def paint(self, pixels, hole, prompt, seeds):
            self.prompt = prompt
            return [np.broadcast_to(np.array(color, dtype=np.uint8), pixels.shape) for color in pictures]

    made = Stub()
    monkeypatch.setattr(painting, "painter", lambda options: made)
    return made


def test_the_painting_with_the_new_color_is_kept_and_a_set_without_one_is_refused(monkeypatch):
    colors = {"green": (30, 160, 40), "yellow": (240, 220, 40), "gray": (128, 128, 128)}
    made = stub(monkeypatch, *colors.values())
    _, edited = painted("repaint_color", "nowhere")
    new = made.prompt.split()[3]
    assert made.prompt == f"a photo of {new} {PICTURE[int('ball' not in made.prompt)].name}"
    center = edited.pixels[edited.covers].mean(axis=0)
    assert np.abs(center - colors[new]).max() < 30
    stub(monkeypatch, colors["gray"])
    _, refused = painted("repaint_color", "nowhere")
    assert refused == Refused(refused.object_id, "no painting has the new color")


def test_another_thing_takes_the_color_that_captions_go_on_to_name(monkeypatch):
    made = stub(monkeypatch, (128, 128, 128))
    _, refused = painted("repaint_object", "nowhere")
    assert made.prompt in ("a photo of red cross", "a photo of blue cross")
    assert refused == Refused(refused.object_id, "no painting has the color")


def test_the_painting_whose_border_shows_least_is_kept(monkeypatch):
    ground = draw(PICTURE, "picture")[2, 2]
    stub(monkeypatch, (255, 0, 255), tuple(ground), (0, 255, 255))
    _, edited = painted("repaint_object", "nowhere", resemblance=0.0)
    assert np.abs(edited.pixels[edited.covers].mean(axis=0) - ground).max() < 40


def test_the_stage_makes_pairs_with_a_pipeline(pipeline, toys, tmp_path):
    config = options("recolor").model_copy(
        update={"operations": [configured("repaint_object", pipeline, pairs=2, resemblance=0.0)]}
    )
    summary = run(config=config, out=tmp_path / "inpaint", **toys.arguments())
    assert summary["changed_outside_masks"] == 0
    assert summary["by_concept"] == {"object": 2}
    assert len(read(tmp_path / "inpaint" / PAIRS)[0]) == 2


def test_a_folder_that_holds_no_pipeline_is_named(tmp_path):
    with pytest.raises(InputError, match="inpainting pipeline does not load") as refused:
        painted("repaint_object", tmp_path)
    assert str(tmp_path) in str(refused.value)
