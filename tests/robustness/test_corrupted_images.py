"""The first step: which items are scored, equal bytes for any number of workers, and what it refuses."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import toy_noise as toy
from PIL import Image

from nearmiss.base.errors import InputError
from nearmiss.base.files import RECORD, folder_sha256, read_json, sha256
from nearmiss.base.outputs import OutputFolder
from nearmiss.base.tables import read_table, write_table
from nearmiss.fields import build
from nearmiss.stages.robustness import corrupted
from nearmiss.stages.robustness.config import RobustnessConfig

SOURCE = Path(corrupted.__file__).parents[3]

GRAYSCALE = '''"""Colors into grays, a corruption of the tests' own."""

import numpy as np

from nearmiss.engine.images.corruptions.corruption import Corruption


def apply(pixels, options, severity, rng):
    """Every channel becomes the mean of the three."""
    return np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)


CORRUPTION = Corruption("channel_mean", apply, destroys=frozenset({"color"}))
'''
ENTRY = '''class ChannelMeanConfig(Typed):
    """Colors into grays."""

    corruption: Literal["channel_mean"] = "channel_mean"


CorruptionConfig = ChannelMeanConfig | '''


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return toy.write(tmp_path_factory.mktemp("toy"), checkpoint=False)


@pytest.fixture(scope="module")
def done(made):
    return toy.corrupt(made)


@pytest.fixture
def broken(made, tmp_path):
    """A copy that a test may break, with an earlier result that must survive."""
    folder = tmp_path / "copy"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(RECORD, "corrupted"))
    with OutputFolder(folder / "corrupted") as earlier:
        (earlier / "items.parquet").write_bytes(b"what was there")
    return folder


def pixels(folder, name):
    """The images of one file; all of the toy's have one size."""
    return np.load(folder / f"{name}.npy").reshape(-1, 32, 32, 3)


def names_of(folder):
    return [each["image"] for each in read_json(folder / "images.json")]


def chosen(folder, config=toy.CONFIG):
    """The items that are corrupted."""
    (benchmark,), _ = corrupted.selected(config, toy.root_of(folder), folder.parent / "contents")
    return benchmark.items


def test_each_corruption_and_severity_is_one_file_of_pixels(made, done):
    listed = read_json(done / "images.json")
    assert [each["image"] for each in listed] == sorted(names_of(done))
    names = {f"{each.corruption}-{severity}" for each in toy.CONFIG.corruptions for severity in (1, 5)}
    assert {file.stem for file in done.glob("*.npy")} == {*names, "clean"}
    for name in (*names, "clean"):
        assert pixels(done, name).shape == (len(listed), 32, 32, 3)
    with Image.open(made / "published" / listed[0]["image"].removeprefix("source/")) as drawn:
        assert np.array_equal(pixels(done, "clean")[0], np.asarray(drawn))


def test_items_are_two_by_two_iid_and_evenly_spaced(made, done):
    items = chosen(made)
    assert set(items["subset"]) == {"2x2"} and set(items["condition"]) == {"iid"}
    assert set(items.group_by("concept", "operator").len()["len"]) == {3}
    few, every = (
        chosen(made, toy.CONFIG.model_copy(update={"items": most})).filter(concept="relation")["item_id"].to_list()
        for most in (2, 99)
    )
    assert few == [every[0], every[-1]] and len(every) == 4


@pytest.mark.usefixtures("worker_server")
def test_bytes_do_not_depend_on_workers_and_row_order(made, done, tmp_path):
    folder = tmp_path / "shuffled"
    shutil.copytree(made, folder)
    for name, kind in (("items_test", "items"), ("images", "images")):
        path = folder / "tables" / f"{name}.parquet"
        write_table(read_table(path, kind).sample(fraction=1, shuffle=True, seed=1), path, kind)
    again = toy.corrupt(folder, workers=2)
    for file in sorted(done.iterdir()):
        if file.name not in ("cost.json", "manifest.json", RECORD):
            assert sha256(again / file.name) == sha256(file), file.name


def test_noise_of_an_image_does_not_depend_on_the_others(made, done):
    single = toy.corrupt(made, "alone", toy.CONFIG.model_copy(update={"items": 1}))
    ids, few = names_of(done), names_of(single)
    shared = [image_id for image_id in few if image_id in ids]
    assert 0 < len(shared) < len(ids)
    for image_id in shared:
        one, other = pixels(single, "gaussian_noise-5"), pixels(done, "gaussian_noise-5")
        assert np.array_equal(one[few.index(image_id)], other[ids.index(image_id)])
    reseeded = toy.corrupt(made, "reseeded", toy.CONFIG.model_copy(update={"seed": 1}))
    assert not np.array_equal(pixels(reseeded, "gaussian_noise-5"), pixels(done, "gaussian_noise-5"))
    assert np.array_equal(pixels(reseeded, "jpeg_compression-5"), pixels(done, "jpeg_compression-5"))


def test_images_of_different_sizes_are_corrupted_and_large_ones_resized(made, tmp_path):
    folder = tmp_path / "sizes"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(RECORD))
    name = chosen(folder)["images"][0][0]
    Image.new("RGB", (96, 64), (200, 10, 10)).save(folder / "published" / name.removeprefix("source/"))
    out = toy.corrupt(folder, "sizes", toy.CONFIG.model_copy(update={"side": 48}))
    listed = {each["image"]: (each["height"], each["width"]) for each in read_json(out / "images.json")}
    assert listed[name] == (48, 72)
    assert set(listed.values()) == {(48, 72), (32, 32)}
    total = sum(3 * height * width for height, width in listed.values())
    assert all(np.load(file).shape == (total,) for file in out.glob("*.npy"))


def _edit(folder, name, kind, **columns):
    path = folder / "tables" / f"{name}.parquet"
    write_table(read_table(path, kind).with_columns(**columns), path, kind)


def _unknown_image(folder):
    path = folder / "tables" / "images.parquet"
    write_table(read_table(path, "images").filter(pl.col("split") != "benchmark_test"), path, "images")
    return "table 'images' does not have"


def _missing_image(folder):
    shutil.rmtree(folder / "published" / "images")
    return "is missing"


def _broken_image(folder):
    for file in (folder / "published" / "images").glob("*-2x2-*"):
        file.write_bytes(b"no picture")
    return "does not decode"


def _nothing_to_ask(folder):
    _edit(folder, "items_test", "items", condition=pl.lit("new_pair"))
    return "no items of condition iid in 2x2"


def _no_table(folder):
    (folder / "tables" / "items_test.parquet").unlink()
    return "no benchmark has a file"


@pytest.mark.parametrize(
    "fault",
    [_unknown_image, _missing_image, _broken_image, _nothing_to_ask, _no_table],
)
def test_malformed_input_is_reported_and_nothing_is_overwritten(broken, fault):
    message = fault(broken)
    before = folder_sha256(broken / "corrupted")
    with pytest.raises(InputError, match=message):
        toy.corrupt(broken)
    assert folder_sha256(broken / "corrupted") == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"corruptions": [{"corruption": "mist"}]}, "mist"),
        ({"severities": [0]}, "severities"),
        ({"severities": [6]}, "severities"),
        ({"severities": [1, 1]}, "a severity is listed twice"),
        ({"corruptions": [{"corruption": "contrast"}, {"corruption": "contrast"}]}, "listed twice: contrast"),
        ({"texts": [{"corruption": "typos", "share": [0.1, 0.2]}]}, r"texts\.0\.typos\.share"),
        ({"texts": [{"corruption": "typos"}, {"corruption": "typos"}]}, "listed twice: typos"),
        ({"texts": [{"corruption": "mist"}]}, "mist"),
        ({"typos": None}, "the key 'typos' is now named 'texts'"),
        ({"mist": True}, "unknown key 'mist'"),
    ],
)
def test_an_invalid_configuration_is_reported(wrong, message):
    with pytest.raises(InputError, match=message):
        build(RobustnessConfig, wrong, {})


def test_a_new_corruption_is_one_file_one_entry_and_one_line(made, tmp_path, python):
    shutil.copytree(SOURCE, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    corruptions = tmp_path / "src" / "nearmiss" / "engine" / "images" / "corruptions"
    (corruptions / "channel_mean.py").write_text(GRAYSCALE)
    spec = (corruptions / "spec.py").read_text()
    assert spec.count("CorruptionConfig = ") == 1
    (corruptions / "spec.py").write_text(spec.replace("CorruptionConfig = ", ENTRY))
    registry = (corruptions / "registry.py").read_text()
    line = "        channel_mean.CORRUPTION,\n    )\n"
    registry = registry.replace("    )\n", line, 1).replace("    contrast,\n", "    channel_mean,\n    contrast,\n", 1)
    (corruptions / "registry.py").write_text(registry)
    flags = ["--corruptions", json.dumps([{"corruption": "channel_mean"}]), "--severities", "[2]", "--items", "2"]
    flags += ["--move", f"tables={made / 'tables'}", "--move", f"source={made / 'published'}"]
    flags += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "contents")]
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, "-m", "nearmiss", "corrupt", *flags], env=env, check=True, capture_output=True)
    gray = pixels(tmp_path / "out", "channel_mean-2")
    assert (gray[..., 0] == gray[..., 1]).all() and (gray[..., 1] == gray[..., 2]).all()
    assert not np.array_equal(gray, pixels(tmp_path / "out", "clean"))
