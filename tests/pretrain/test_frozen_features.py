"""Features of frozen parts, computed once: the same losses as without, and refused where they are of something else."""

import json
import shutil
import signal
from functools import partial

import numpy as np
import open_clip
import pytest
import torch
import toy_training as toy
from PIL import Image
from safetensors.torch import load_file
from timm.layers.attention_pool2d import AttentionPool2d

import kills
import small_open_clip
import small_towers
from nearmiss.base.errors import InputError
from nearmiss.base.files import files_below, sha256
from nearmiss.engine.formats.checkpoint import WEIGHTS
from nearmiss.engine.images import shards
from nearmiss.engine.images.store import Store
from nearmiss.engine.models import attention_pooling, image_features
from nearmiss.engine.models.checkpoint import fresh_model
from nearmiss.engine.models.cross_encoder import fresh_fusion, save_fusion
from nearmiss.engine.models.frozen_parts import TextParts
from nearmiss.engine.scoring.match import FusionPairs
from nearmiss.engine.training import frozen_features
from nearmiss.stages.pretrain import features, stage, store
from nearmiss.stages.pretrain.config import (
    ArmConfig,
    FusionConfig,
    LowRankConfig,
    OpenClipConfig,
    PhaseConfig,
    TwoTowerConfig,
)

LOWER = ["visual.trunk.*", "text.transformer.embeddings.*", "text.blocks.0-1"]
OTHERWISE = toy.OTHERWISE.model_copy(update={"num_negatives": 2})


def shared_of(model, frozen, **changed):
    phase = PhaseConfig(captions="broad", steps=6)
    given = {"model": model, "base": phase, "frozen": frozen, "cache_frozen": True}
    return toy.CONFIG.model_copy(update=given | changed)


@pytest.fixture(scope="module")
def made(toy_files, tmp_path_factory):
    """Two towers, a store of the toy's images, and the features of all parts."""
    folder = tmp_path_factory.mktemp("frozen")
    model = TwoTowerConfig.model_validate(small_towers.model_of(folder, toy.WORDS))
    shared = shared_of(model, LOWER)
    images = toy_files / "tables" / "images.parquet"
    store.run(config=shared, images=images, root=toy_files, out=folder / "store", state=folder / "of-store")
    cache(toy_files, folder, shared)
    return folder, shared


def cache(toy_files, folder, shared, texts=True):
    common = {"config": shared, "store": folder / "store"}
    features.run_images(**common, out=folder / "images", state=folder / "of-images", workers=2)
    for name in ("captions", "negatives") if texts else ():
        given = {"captions": None, "negatives": None} | {name: source_of(toy_files, name)}
        features.run_texts(**common, **given, out=folder / name, state=folder / f"of-{name}")


def source_of(toy_files, name):
    return toy_files / ("tables/captions.parquet" if name == "captions" else "negatives")


def losses(toy_files, folder, out, shared, arm=None, cached=("images", "captions"), start=None):
    """The losses of a training at its steps."""
    given = {"shared": shared, "store": folder / "store", "words": None, "out": out}
    given["features"] = [folder / name for name in cached] if shared.cache_frozen else []
    if arm is not None:
        given |= {"arm_name": "own", "arm": arm, "negatives": toy_files / "negatives", "start": start}
    stage.run(**toy.arguments(toy_files, **given) | {"state": out.parent / "state" / out.name})
    lines = [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.fixture
def every_step(monkeypatch):
    monkeypatch.setattr("nearmiss.engine.training.trainer.CURVE_EVERY", 1)


@pytest.mark.parametrize(
    ("arm", "chunks"),
    [
        (OTHERWISE, 1),
        (toy.OWN, 2),
        (toy.OWN.model_copy(update={"lora": LowRankConfig(rank=2)}), 1),
        (toy.RELEASED, 1),
    ],
)
def test_losses_equal_those_without_a_cache(toy_files, made, tmp_path, every_step, arm, chunks):
    folder, cached = made
    cached = cached.model_copy(update={"grad_cache_chunks": chunks})
    plain = cached.model_copy(update={"cache_frozen": False})
    first = losses(toy_files, folder, tmp_path / "plain", plain)
    assert np.allclose(losses(toy_files, folder, tmp_path / "base", cached), first, atol=1e-3)
    start = tmp_path / "plain" / "checkpoint"
    theirs = losses(toy_files, folder, tmp_path / "theirs", plain, arm, start=start)
    ours = losses(toy_files, folder, tmp_path / "ours", cached, arm, ("images", "captions", "negatives"), start)
    assert len(ours) == 6 and np.allclose(ours, theirs, atol=1e-3)
    before, after = load_file(start / WEIGHTS), load_file(tmp_path / "ours" / "checkpoint" / WEIGHTS)
    assert all(torch.equal(after[name], before[name]) for name in after if name.startswith("visual.trunk."))


def test_a_frozen_image_tower_of_open_clip_is_cached_whole(toy_files, tmp_path, every_step):
    small_open_clip.register(tmp_path)
    torch.save(
        fresh_model({"model_cfg": open_clip.get_model_config(small_open_clip.NAME)}, 3).state_dict(), tmp_path / "w.pt"
    )
    model = OpenClipConfig(name=small_open_clip.NAME, pretrained=str(tmp_path / "w.pt"))
    cached = shared_of(model, ["image"])
    images = toy_files / "tables" / "images.parquet"
    store.run(config=cached, images=images, root=toy_files, out=tmp_path / "store", state=tmp_path / "of-store")
    cache(toy_files, tmp_path, cached, texts=False)
    plain = cached.model_copy(update={"cache_frozen": False})
    expected = losses(toy_files, tmp_path, tmp_path / "plain", plain)
    assert np.allclose(losses(toy_files, tmp_path, tmp_path / "base", cached, cached=["images"]), expected, atol=1e-3)


def test_a_step_is_counted_without_what_is_cached(toy_files, made, tmp_path):
    folder, cached = made
    counts = {}
    for name, shared in (("cached", cached), ("plain", cached.model_copy(update={"cache_frozen": False}))):
        losses(toy_files, folder, tmp_path / name, shared)
        counts[name] = json.loads((tmp_path / name / "cost.json").read_text())["flops"]
    assert counts["cached"] < counts["plain"] / 3


def test_an_interrupted_cache_ends_with_the_same_bytes(toy_files, made, tmp_path, monkeypatch):
    folder, shared = made
    monkeypatch.setattr(image_features, "_IMAGE_SHARD", 7)
    monkeypatch.setattr(image_features, "_IMAGES", 3)
    monkeypatch.setattr(frozen_features, "_TOKEN_SHARD", 50)
    monkeypatch.setattr(frozen_features, "_TEXTS", 4)
    common = {"config": shared, "store": folder / "store"}
    texts = {"captions": source_of(toy_files, "captions"), "negatives": None}
    features.run_images(**common, out=tmp_path / "whole", state=tmp_path / "none")
    features.run_texts(**common, **texts, out=tmp_path / "whole-texts", state=tmp_path / "none")
    for out, run, given in (("images", features.run_images, {"workers": 2}), ("texts", features.run_texts, texts)):
        for moment in (2, 3, 1000):
            with stopped_after(monkeypatch, moment):
                try:
                    run(**common, **given, out=tmp_path / out, state=tmp_path / f"of-{out}")
                except KeyboardInterrupt:
                    assert not (tmp_path / out).exists()
    assert same(tmp_path / "images", tmp_path / "whole") and same(tmp_path / "texts", tmp_path / "whole-texts")


def test_features_killed_at_several_steps_have_the_same_bytes(toy_files, made, tmp_path, monkeypatch):
    """Killed where a batch is computed, and where a shard is flushed, renamed or linked: by the number of a call."""
    folder, shared = made
    monkeypatch.setattr(image_features, "_IMAGE_SHARD", 7)
    monkeypatch.setattr(image_features, "_IMAGES", 3)
    monkeypatch.setattr(frozen_features, "_TOKEN_SHARD", 200)
    architecture, model, cut, device = features._frozen(shared)
    given = {"captions": source_of(toy_files, "captions")}
    # Tables are read here: polars has threads, which a forked process lacks.
    book = features._book(given, Store(folder / "store").ids, architecture.tokenization)
    options = {"record": {}, "key": "", "device": device}
    parts = TextParts(model, cut.layers), book, model.text.config.hidden_size

    def images(out, state):
        features.run_images(config=shared, store=folder / "store", out=out, state=state)

    def texts(out, state):
        out.mkdir(exist_ok=True)
        frozen_features.write_text_features(out, *parts, **options, state=state)

    names = ["nearmiss.engine.models.image_features.as_float16", "nearmiss.engine.training.frozen_features.as_float16"]
    for build in (images, texts):
        whole = tmp_path / build.__name__
        build(whole, tmp_path / "none")
        for moment in (1, 4, 6, 9):
            out, state = tmp_path / f"{build.__name__}-{moment}", tmp_path / f"state-{build.__name__}-{moment}"
            killed = kills.fork_and_kill(partial(build, out, state), moment, [*kills.SHARD_CALLS, *names])
            assert killed == signal.SIGKILL and not (out / image_features.RECORD).exists()
            shutil.rmtree(out / image_features.FEATURES, ignore_errors=True)
            build(out, state)
            assert same(out, whole)


class stopped_after:
    """Interrupts after so many completed shards."""

    def __init__(self, monkeypatch, moment):
        self.patch, self.left, self.publish = monkeypatch, moment, shards.publish

    def __enter__(self):
        self.patch.setattr(shards, "publish", self._published)

    def __exit__(self, *_):
        self.patch.setattr(shards, "publish", self.publish)

    def _published(self, partial, file):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.publish(partial, file)


def same(one, other):
    first, second = (
        {n: sha256(f) for n, f in files_below(place).items() if n != "cost.json"} for place in (one, other)
    )
    return first == second


def refused(toy_files, folder, out, shared, cached=("images", "captions")):
    with pytest.raises(InputError) as error:
        losses(toy_files, folder, out, shared, cached=cached)
    assert not out.exists()
    return error.value.problem


@pytest.fixture
def copied(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "copy")
    return tmp_path / "copy", made[1]


def test_features_of_something_else_are_refused_before_training(toy_files, copied, tmp_path):
    folder, shared = copied
    out = tmp_path / "base"
    other = shared.model_copy(update={"frozen": [*LOWER[:2], "text.blocks.0-2"]})
    assert "another number of frozen layers" in refused(toy_files, folder, out, other)
    image = shared.model.image.model_copy(update={"resize_mode": "shortest"})
    moved = shared.model_copy(update={"model": shared.model.model_copy(update={"image": image})})
    assert "another preprocessing" in refused(toy_files, folder, out, moved)
    weights = small_towers.write_trunk_weights(tmp_path / "other.safetensors", seed=2)
    image = shared.model.image.model_copy(update={"weights": str(weights)})
    changed = shared.model_copy(update={"model": shared.model.model_copy(update={"image": image})})
    assert "other weights" in refused(toy_files, folder, out, changed)
    assert "texts of this training have no cached" in refused(toy_files, folder, out, shared, ("images", "negatives"))
    assert "but no features are given" in refused(toy_files, folder, out, shared, ())


def test_images_changed_after_caching_and_damaged_files_are_refused(toy_files, copied, tmp_path):
    folder, shared = copied
    file = next((folder / "images" / "features").glob("*.npy"))
    content = file.read_bytes()
    for damaged in (content[:-10], content[:-1] + bytes([content[-1] ^ 1])):
        file.write_bytes(damaged)
        assert "not what was written there" in refused(toy_files, folder, tmp_path / "base", shared)
    file.write_bytes(content)
    shutil.rmtree(folder / "store")
    images = toy_files / "tables" / "images.parquet"
    image = shared.model.image.model_copy(update={"resize_mode": "longest"})
    other = shared.model_copy(update={"model": shared.model.model_copy(update={"image": image})})
    store.run(config=other, images=images, root=toy_files, out=folder / "store", state=tmp_path / "s")
    assert "other images than those of the store" in refused(toy_files, folder, tmp_path / "base", shared)


def test_a_full_disk_is_an_error_before_the_first_image(made, tmp_path, monkeypatch):
    folder, shared = made

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards, "reserve_array", full)
    monkeypatch.setattr(image_features, "image_features", lambda *_: torch.zeros(1, 2))
    with pytest.raises(OSError, match="No space left"):
        features.run_images(config=shared, store=folder / "store", out=tmp_path / "out", state=tmp_path / "state")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("frozen", "message"),
    [(["image.blocks.0"], "of the image tower compute cannot be cached"), (["text.blocks.0"], "of the text tower")],
)
def test_parts_that_cannot_be_cached_are_refused(made, tmp_path, frozen, message):
    folder, shared = made
    config = shared.model_copy(update={"frozen": frozen})
    with pytest.raises(InputError, match=message):
        features.run_images(config=config, store=folder / "store", out=tmp_path / "out", state=tmp_path / "state")


def test_random_weights_and_changing_images_cannot_be_cached(made, tmp_path):
    folder, shared = made
    image = shared.model.image.model_copy(update={"weights": None})
    config = shared.model_copy(update={"model": shared.model.model_copy(update={"image": image})})
    with pytest.raises(InputError, match="random weights"):
        features.run_images(config=config, store=folder / "store", out=tmp_path / "out", state=tmp_path / "state")
    for key, value in (("augment", ["flip"]), ("compile", True), ("frozen", [])):
        with pytest.raises(ValueError, match="cache_frozen"):
            type(shared).model_validate(shared.model_dump() | {key: value})


def test_a_cross_encoder_reads_the_cached_grid_and_states(toy_files, made, tmp_path, every_step):
    folder, cached = made
    fusion = FusionConfig(width=16, heads=2, layers=2)
    cached = cached.model_copy(update={"fusion": fusion})
    plain = cached.model_copy(update={"cache_frozen": False})
    losses(toy_files, folder, tmp_path / "base", cached)
    start, arm = tmp_path / "base" / "checkpoint", ArmConfig(method="toy", objective="hnc_itm", num_negatives=2)
    theirs = losses(toy_files, folder, tmp_path / "theirs", plain, arm, start=start)
    ours = losses(toy_files, folder, tmp_path / "ours", cached, arm, ("images", "captions", "negatives"), start)
    assert len(ours) == 6 and np.allclose(ours, theirs, atol=2e-3)  # pairs are mined by float16 features
    flops = [json.loads((tmp_path / name / "cost.json").read_text())["flops"] for name in ("ours", "theirs")]
    assert flops[0] < flops[1] / 2


def test_a_cross_encoder_of_two_towers_scores_pairs_as_its_parts_do(made, tmp_path):
    _, shared = made
    architecture, model, _, _ = features._frozen(shared)
    architecture.save(tmp_path, model.eval())
    fusion = fresh_fusion(model, side=architecture.side, width=16, heads=2, layers=1, seed=0)
    torch.nn.init.normal_(fusion.head.weight)
    save_fusion(tmp_path, fusion)
    pairs = FusionPairs(tmp_path)
    colors = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    photographs = [Image.fromarray(each) for each in colors]
    images = pairs.patches([pairs.pixels(lambda image=image: image) for image in photographs])
    assert images.patches.shape[1:] == (fusion.shape["patches"], fusion.shape["patch_width"])
    texts = ["a red cube", "a small red cube and a blue star", "a blue star"]
    together = pairs.match_logit(images, torch.tensor([0, 1, 0]), texts)
    for row, (image, text) in enumerate(zip((0, 1, 0), texts, strict=True)):
        # Padding of a longer text changes nothing.
        assert torch.allclose(pairs.match_logit(images, torch.tensor([image]), [text]), together[row], atol=1e-5)
    read = pairs._model.texts(pairs._texts(pairs._tokenizer(texts)))
    tokens = torch.from_numpy(architecture.tokenization(texts).ids.astype(np.int64))
    assert torch.allclose(read.embeddings, model.encode_text(tokens, normalize=True), atol=1e-5)


def test_a_fusion_is_made_without_a_change_of_the_towers(made):
    _, shared = made
    architecture, model, _, _ = features._frozen(shared)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert any("running_mean" in name for name in before)
    fresh_fusion(model, side=architecture.side, width=16, heads=2, layers=1, seed=0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())


def test_a_cross_encoder_behind_a_whole_image_tower_is_refused(toy_files, made, tmp_path):
    folder, shared = made
    whole = shared.model_copy(update={"frozen": ["image", *LOWER[1:]]})
    arm = ArmConfig(method="toy", objective="hnc_itm")
    with pytest.raises(InputError, match="reads an image's patches"):
        losses(toy_files, folder, tmp_path / "out", whole, arm, start=tmp_path)


@pytest.mark.parametrize("bias", [True, False])
def test_attention_pooling_with_one_query_equals_timm(bias):
    torch.manual_seed(0)
    pool = AttentionPool2d(128, feat_size=3, out_features=24)
    if bias:
        torch.nn.init.normal_(pool.qkv.bias)
    for side in (3, 5):
        grid = torch.randn(4, 128, side, side, requires_grad=True)
        assert attention_pooling.is_single_query(pool)
        ours, theirs = attention_pooling.pooled(pool, grid), pool(grid)
        assert torch.allclose(ours, theirs, atol=1e-5)
        for one, other in zip(
            torch.autograd.grad(ours.square().sum(), [grid, *pool.parameters()]),
            torch.autograd.grad(theirs.square().sum(), [grid, *pool.parameters()]),
            strict=True,
        ):
            assert torch.allclose(one, other, atol=1e-4)


def test_a_folder_of_the_user_is_not_replaced_by_features(toy_files, made, tmp_path):
    folder, shared = made
    out = tmp_path / "photographs"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds files that nearmiss did not write"):
        features.run_images(config=shared, store=folder / "store", out=out, state=tmp_path / "state")
    assert [each.name for each in out.iterdir()] == ["mine.txt"]
