"""Diffusion: generated pixels stay inside the mask, the best candidate is kept, a seed fixes the bytes."""

import inspect

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
    """The first plan of an operation, executed: the original image and the edited one."""
    operation, given = OPERATIONS[name], configured(name, pipeline, **fields)
    seen, original = view(), draw(PICTURE, "picture")
    plan = next(each for each in operation.candidates(seen, given) if isinstance(each, Plan))
    return original, operation.apply(original, seen, plan, given)


@pytest.mark.parametrize(
    ("name", "fields"), [("repaint_color", {"resemblance": 0.0}), ("repaint_object", {"resemblance": 0.0})]
)
def test_generated_pixels_stay_in_the_mask_and_a_seed_gives_the_same_bytes(name, fields, pipeline):
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
    one, other = painter.paint(original, hole, "ball", "a cross", [1, 2])
    again = painter.paint(original, hole, "ball", "a cross", [1, 2])[0]
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def stub(monkeypatch, *pictures):
    """A painter that returns these images."""

    class Stub:
        def paint(self, pixels, hole, old, thing, seeds):
            self.old, self.thing = old, thing
            return [np.broadcast_to(np.array(color, dtype=np.uint8), pixels.shape) for color in pictures]

    made = Stub()
    monkeypatch.setattr(painting, "painter", lambda options: made)
    return made


def test_the_candidate_with_the_new_color_is_kept(monkeypatch):
    colors = {"green": (30, 160, 40), "yellow": (240, 220, 40), "gray": (128, 128, 128)}
    made = stub(monkeypatch, *colors.values())
    _, edited = painted("repaint_color", "nowhere")
    new = made.thing.split()[0]
    assert made.thing == f"{new} {made.old}" and made.old in {toy.name for toy in PICTURE}
    center = edited.pixels[edited.covers].mean(axis=0)
    assert np.abs(center - colors[new]).max() < 30
    stub(monkeypatch, colors["gray"])
    _, refused = painted("repaint_color", "nowhere")
    assert refused == Refused(refused.object_id, "no painting has the new color")


def test_a_replaced_object_has_the_color_in_the_captions(monkeypatch):
    made = stub(monkeypatch, (128, 128, 128))
    _, refused = painted("repaint_object", "nowhere")
    assert made.thing in ("red cross", "blue cross") and made.old == "ball"
    assert refused == Refused(refused.object_id, "no painting has the color")


def test_the_candidate_with_the_smoothest_border_is_kept(monkeypatch):
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


def test_a_folder_without_a_pipeline_is_named(tmp_path):
    with pytest.raises(InputError, match="inpainting pipeline does not load") as refused:
        painted("repaint_object", tmp_path)
    assert str(tmp_path) in str(refused.value)


def inpainting(
    self,
    prompt=None,
    image=None,
    mask_image=None,
    height=None,
    width=None,
    strength=0.6,
    num_inference_steps=50,
    guidance_scale=7.5,
    negative_prompt=None,
    num_images_per_prompt=1,
    generator=None,
):
    """The signature of Stable Diffusion 3."""


def filling(
    self,
    prompt=None,
    image=None,
    mask_image=None,
    height=None,
    width=None,
    strength=1.0,
    num_inference_steps=50,
    guidance_scale=30.0,
    num_images_per_prompt=1,
    generator=None,
):
    """That of FluxFill, which has no negative prompt."""


def qwen(
    self,
    prompt=None,
    negative_prompt=None,
    true_cfg_scale=4.0,
    image=None,
    mask_image=None,
    height=None,
    width=None,
    strength=0.6,
    num_inference_steps=50,
    guidance_scale=None,
    num_images_per_prompt=1,
    generator=None,
):
    """That of Qwen-Image, whose guidance_scale is of a distilled model."""


def kontext(
    self,
    image=None,
    prompt=None,
    negative_prompt=None,
    true_cfg_scale=1.0,
    height=None,
    width=None,
    num_inference_steps=28,
    guidance_scale=3.5,
    generator=None,
    _auto_resize=True,
):
    """That of Flux Kontext, which edits by an instruction."""


def pix2pix(
    self, prompt=None, image=None, num_inference_steps=100, guidance_scale=7.5, negative_prompt=None, generator=None
):
    """That of InstructPix2Pix, whose output is as large as its input."""


def kind_of(call):
    """A pipeline class that has the signature and records what it is called with."""

    def recorded(self, **given):
        self.calls.append(given)
        return type("Output", (), {"images": [given["image"]] * given.get("num_images_per_prompt", 1)})

    recorded.__signature__ = inspect.signature(call)
    return type("Pipeline", (), {"__call__": recorded, "vae_scale_factor": 8})


@pytest.mark.parametrize(
    ("call", "guidance", "expected"),
    [
        (inpainting, 5.0, {"strength": 1.0, "guidance_scale": 5.0, "negative_prompt": "blurry"}),
        (inpainting, None, {"strength": 1.0, "negative_prompt": "blurry"}),
        (filling, 20.0, {"strength": 1.0, "guidance_scale": 20.0}),
        (qwen, 3.0, {"strength": 1.0, "true_cfg_scale": 3.0, "negative_prompt": "blurry"}),
        (kontext, 2.5, {"guidance_scale": 2.5, "negative_prompt": "blurry", "_auto_resize": False}),
        (pix2pix, None, {"negative_prompt": "blurry"}),
    ],
)
def test_the_arguments_of_a_pipeline_are_those_that_it_accepts(call, guidance, expected):
    given = DiffusionConfig(pipeline="p", negative_prompt="blurry", steps=9, guidance=guidance)
    made = painting.arguments(kind_of(call), given, "ball", "a red cube")
    editor = call in (kontext, pix2pix)
    prompt = "replace the ball with a red cube, keep everything else unchanged" if editor else "a photo of a red cube"
    assert made == expected | {"prompt": prompt, "num_inference_steps": 9}
    assert painting.is_editor(kind_of(call)) is editor


@pytest.mark.parametrize("call", [inpainting, filling, qwen, kontext, pix2pix])
def test_a_pipeline_is_called_with_a_mask_once_or_with_an_instruction_for_each_seed(call):
    pipeline = kind_of(call)()
    pipeline.calls = []
    options = DiffusionConfig(pipeline="p", side=96)
    found = painting.Painter(pipeline, options).paint(
        draw(PICTURE, "picture"), PICTURE[0].mask(), "ball", "a cube", [1, 2, 3]
    )
    assert [each.shape for each in found] == [draw(PICTURE, "picture").shape] * 3
    editor = call in (kontext, pix2pix)
    assert len(pipeline.calls) == (3 if editor else 1)
    assert all(("mask_image" in each) is not editor for each in pipeline.calls)
    assert all(each["image"].size == (96, 96) for each in pipeline.calls)
    assert ("width" in pipeline.calls[0]) is (call is not pix2pix)


def test_operations_with_one_pipeline_load_it_once(pipeline):
    one = painting.painter(configured("repaint_object", pipeline).diffusion)
    other = painting.painter(configured("repaint_color", pipeline).diffusion.model_copy(update={"prompt": "{thing}"}))
    assert one.pipeline is other.pipeline
