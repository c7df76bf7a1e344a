"""A checkpoint is encoded as open_clip encodes it; a broken model is named."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import polars as pl
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from nearmiss.base.errors import InputError
from nearmiss.engine.images.decode import cut, open_rgb
from nearmiss.engine.scoring import decisions
from nearmiss.engine.scoring.embeddings import Embeddings
from nearmiss.engine.scoring.encoder import Encoder

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
import toy_experiment as toy

TEXTS = ["a red cube left of a blue ball", "a ball", "a blue star on the right", "a ball and a cube"]


def encoder_of(folder, **options):
    return Encoder(f"local-dir:{folder}", None, **options)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    toy.write_checkpoint(folder)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    draws = np.random.default_rng(0)
    made = []
    for number in range(5):
        made.append(folder / f"{number}.png")
        Image.fromarray(draws.integers(0, 255, (24, 40, 3), dtype=np.uint8)).save(made[-1])
    return made


def test_embeddings_equal_open_clip_for_any_batch_size(checkpoint, files):
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{checkpoint}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{checkpoint}")
    model.eval()
    with torch.inference_mode():
        images = model.encode_image(torch.stack([preprocess(Image.open(file)) for file in files]), normalize=True)
        texts = model.encode_text(tokenizer(TEXTS), normalize=True)
    for batch in (1, 2, 256):
        encoder = encoder_of(checkpoint, batch_size=batch)
        embedded = encoder.images([partial(open_rgb, file) for file in files])
        assert np.allclose(embedded, images.numpy(), atol=1e-6)
        assert np.allclose(encoder.texts(TEXTS), texts.numpy(), atol=1e-6)


def test_the_model_receives_the_crop(checkpoint, files, tmp_path):
    file = tmp_path / "cut.png"
    Image.open(files[0]).crop((4, 2, 24, 22)).save(file)
    cropped = partial(cut, open_rgb(files[0]), (4.0, 2.0, 20.0, 20.0))
    both = encoder_of(checkpoint).images([cropped, partial(open_rgb, file)])
    assert np.allclose(both[0], both[1], atol=1e-6)


def test_similarities_have_the_shape_of_the_items():
    embeddings = Embeddings(
        images=np.eye(2, dtype=np.float32),
        texts=np.array([[1, 0], [0, 1]], dtype=np.float32),
        view_rows={"a": 0, "b": 1},
        text_rows={"x": 0, "y": 1},
    )
    rows = [
        ("1", ["a"], [[True, False]]),
        ("2", ["b", "a"], [[True, False], [False, True]]),
        ("3", ["gone"], [[True, False]]),
    ]
    items = pl.DataFrame(
        [
            {"item_id": item_id, "images": images, "captions": ["x", "y"], "truth": truth, "crop": None}
            for item_id, images, truth in rows
        ],
        schema_overrides={"crop": pl.List(pl.Float64)},
    )
    found = decisions.similarities(items, embeddings)
    assert found["item_id"].to_list() == ["1", "2"]  # an item without its image has no similarity
    assert found["similarity"].to_list() == [[[1, 0]], [[0, 1], [1, 0]]]


def test_the_activation_is_read_from_the_checkpoint(checkpoint, tmp_path):
    toy.write_checkpoint(tmp_path / "quick", quick_gelu=True)
    assert encoder_of(checkpoint).measurement["activation"] == "GELU"
    assert encoder_of(tmp_path / "quick").measurement["activation"] == "QuickGELU"


def test_non_finite_embeddings_are_an_error(checkpoint, tmp_path):
    folder = tmp_path / "diverged"
    toy.write_checkpoint(folder)
    state = load_file(folder / "open_clip_model.safetensors")
    state["ln_final.bias"].fill_(3e38)  # finite, but its products are not
    state["text_projection"].fill_(2.0)
    save_file(state, folder / "open_clip_model.safetensors")
    with pytest.raises(InputError, match="not finite for 4 of 4"):
        encoder_of(folder).texts(TEXTS)


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match="open_clip_config"):
        encoder_of(tmp_path / "nothing")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"embed_dim": 16}}))
    with pytest.raises(InputError, match="half"):
        encoder_of(tmp_path / "half")
