"""What `evaluate --model` reports beside its metrics: ties, truncated texts, boxes, missing records and images."""

import json
from functools import partial
from pathlib import Path

import caption_benchmark_files
import evaluating
import image_benchmark_files
import numpy as np
import polars as pl
import pytest
import sample_files
import torch
from PIL import Image

import small_open_clip
from nearmiss.base.errors import InputError
from nearmiss.commands.evaluate import evaluate
from nearmiss.engine.benchmarks.data_root import DataRoot, moves
from nearmiss.engine.scoring.encoder import Encoder

PART = "sugarcrepe/data/add_att.json"
CONTEXT = 16  # tokens of the small model


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory):
    small_open_clip.register(tmp_path_factory.mktemp("models"))


@pytest.fixture
def run(tmp_path):
    """An evaluation of the small model, of SugarCrepe where no other benchmark is named."""
    made = evaluating.runner(tmp_path)
    return lambda root, benchmarks="sugarcrepe", **options: made(root, benchmarks, **options)


def scores_of(folder, subset):
    """Table `scores` of one subset of SugarCrepe."""
    return pl.read_parquet(folder / "scores.parquet").filter(pl.col("item_id").str.starts_with(f"sugarcrepe/{subset}/"))


def sugarcrepe(root: Path, pairs: list[tuple[str, str]]) -> Path:
    """A complete SugarCrepe whose subset add_att has these pairs, one per image."""
    caption_benchmark_files.sugarcrepe(root)
    records = {
        str(number): {"filename": sample_files.coco(root, number + 1), "caption": one, "negative_caption": other}
        for number, (one, other) in enumerate(pairs)
    }
    sample_files.put(root / PART, records)
    return root


def values(evaluation, part="add_att"):
    return [row["value"] for row in evaluation["metrics"] if row["subset"] == part]


def test_texts_with_equal_tokens_tie_and_are_counted(run, tmp_path):
    """Tokenization removes capitals, blanks and what exceeds the context length."""
    long = " ".join(["word"] * CONTEXT)
    pairs = [(f"A CAT number {n}", f"a cat number  {n}") for n in range(40)]
    pairs += [(f"{n} {long} cat", f"{n} {long} dog") for n in range(40)]
    pairs += [("A cat.", "A dog.")]
    evaluation = run(sugarcrepe(tmp_path / "data", pairs))
    described = evaluation["benchmarks"]["sugarcrepe"]
    ours = [f"sugarcrepe/add_att/{n}" for n in range(80)]
    assert sorted(set(described["equal_after_tokenization"]) & set(ours)) == sorted(ours)
    assert not {"sugarcrepe/add_att/80"} & set(described["equal_after_tokenization"])
    assert described["texts_truncated"] == 80
    scores = pl.read_parquet(tmp_path / "out" / "scores.parquet").filter(pl.col("item_id").is_in(ours))
    outcomes = pl.read_parquet(tmp_path / "out" / "outcomes.parquet").filter(pl.col("item_id").is_in(ours))
    assert outcomes["value"].sum() == 0
    assert all(one == other for ((one, other),) in scores["similarity"].to_list())  # to the last bit
    shown = " ".join(evaluating.shown(evaluation).split())
    assert f"{len(described['equal_after_tokenization'])} items whose texts are equal after tokenization" in shown
    assert "80 texts are truncated" in shown


def test_texts_with_equal_tokens_are_encoded_once(run, tmp_path, monkeypatch):
    encoded = []
    real = Encoder.texts
    monkeypatch.setattr(Encoder, "texts", lambda self, texts: encoded.extend(texts) or real(self, texts))
    pairs = [("A Cat.", "a cat."), ("a  cat.", "A CAT."), ("A dog.", "a DOG.")]
    root = sugarcrepe(tmp_path / "data", pairs)
    run(root)
    tokens = Encoder(small_open_clip.NAME, None).tokens(encoded)
    assert len({row.tobytes() for row in tokens}) == len(encoded)


def test_a_tie_of_equal_texts_follows_the_tie_rule(run, tmp_path):
    caption_benchmark_files.whatsup(tmp_path / "data")
    options = ["A mug on a table", "a mug ON a table"]
    record = {"image_path": "x/beer-bottle_on_armchair.jpeg", "caption_options": options}
    sample_files.put(tmp_path / "data" / "whatsup" / "controlled_images_dataset.json", [record])
    assert values(run(tmp_path / "data", "whatsup"), "controlled_images_dataset") == [0]
    assert values(run(tmp_path / "data", "whatsup", released=True), "controlled_images_dataset") == [1]


def test_classes_with_equal_tokens_are_named_and_count_as_wrong(run, tmp_path):
    root = tmp_path / "data" / "classification" / "pets"
    for number, folder in enumerate(("a", "b", "c")):
        sample_files.picture(root / folder / "1.png", number)
    sample_files.put(root / "classes.json", {"a": "Cat", "b": "cat", "c": "dog"})
    evaluation = run(tmp_path / "data", "imagefolder/pets")
    assert evaluation["benchmarks"]["imagefolder/pets"]["equal_classes"] == ["Cat", "cat"]
    top1 = next(row["value"] for row in evaluation["metrics"] if row["metric"] == "top1")
    assert top1 <= 1 / 3
    assert "2 classes whose prompts are equal" in evaluating.shown(evaluation)


def test_a_text_of_a_million_characters_is_scored(run, tmp_path):
    evaluation = run(sugarcrepe(tmp_path / "data", [("cat " * 250_000, "A dog."), ("A" * 100_000, "A cat.")]))
    assert evaluation["complete"]
    assert evaluation["benchmarks"]["sugarcrepe"]["texts_truncated"] == 2
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file()) < 1_000_000


def test_a_malformed_record_makes_the_result_incomplete_and_is_named(run, tmp_path):
    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog.")] * 3)
    records = json.loads((root / PART).read_text())
    records["1"]["negative_caption"] = ["A dog."]
    sample_files.put(root / PART, records)
    evaluation = run(root)
    described = evaluation["benchmarks"]["sugarcrepe"]
    reason = "'negative_caption' is a list, not a text"
    assert described["records_malformed"] == [{"file": PART, "record": "id 1", "reason": reason}]
    assert described["left_out"] == {reason: 1}
    assert not described["complete"] and not evaluation["complete"]
    shown = " ".join(evaluating.shown(evaluation).split())
    assert f"* 1 records left out: {reason} ({PART}, id 1)" in shown
    assert "INCOMPLETE" in shown


def test_items_excluded_by_the_rules_of_a_benchmark_are_not_missing(run, tmp_path):
    caption_benchmark_files.valse(tmp_path / "data")
    evaluation = run(tmp_path / "data", "valse")
    assert evaluation["complete"]
    assert "6 excluded: fewer than two annotators chose the caption" in evaluating.shown(evaluation)


def test_a_class_without_images_makes_the_result_incomplete(tmp_path, capsys):
    root = tmp_path / "data" / "classification" / "pets"
    for folder in ("cat", "dog"):
        sample_files.picture(root / folder / "1.png", 1)
    sample_files.put(root / "classes.json", {"cat": "cat", "dog": "dog", "hoarse": "horse"})
    with pytest.raises(SystemExit) as ended:
        evaluate(
            "--benchmarks=imagefolder/pets",
            "--device=cpu",
            model=small_open_clip.NAME,
            data_root=tmp_path / "data",
            out=tmp_path / "out",
            cache=tmp_path / "cache",
        )
    assert ended.value.code == 3
    shown = capsys.readouterr().out
    assert "files missing: classification/pets/hoarse" in shown
    assert "INCOMPLETE" in shown


def test_boxes_beyond_the_image_are_counted(run, tmp_path):
    caption_benchmark_files.aro(tmp_path / "data")
    file = tmp_path / "data" / "aro" / "visual_genome_relation.json"
    records = json.loads(file.read_text())
    records[0] |= {"bbox_x": 20, "bbox_w": 40}
    records[1] |= {"bbox_w": 0}
    sample_files.put(file, records)
    evaluation = run(tmp_path / "data", "aro")
    described = evaluation["benchmarks"]["aro"]
    assert described["boxes_outside"] == 1
    assert described["left_out"] == {"a box holds no pixel": 1}
    assert "1 items have a box that leaves its image" in evaluating.shown(evaluation)


def test_sixteen_bit_gray_images_keep_their_brightness(run, tmp_path, monkeypatch):
    """An image with 8 and with 16 bits has one embedding; clipped to white it would have another."""
    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog."), ("A cat.", "A dog."), ("A cat.", "A dog.")])
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    records = json.loads((root / PART).read_text())
    for number, image in enumerate((pixels, pixels.astype(np.uint16) * 257, np.full_like(pixels, 255))):
        Image.fromarray(image).save(root / "coco" / "val2017" / f"{number}.png")
        records[str(number)]["filename"] = f"{number}.png"
    sample_files.put(root / PART, records)
    evaluation = run(root)
    assert evaluation["complete"]
    scores = scores_of(tmp_path / "out", "add_att").sort("item_id")
    eight, sixteen, white = scores["similarity"].to_list()
    np.testing.assert_allclose(eight, sixteen, atol=1e-6)
    assert not np.allclose(eight, white, atol=1e-4)


@pytest.mark.parametrize(
    "content", [b"P5\n30000 30000\n255\n", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", b""]
)
def test_refused_images_are_counted_as_missing(run, tmp_path, content):
    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog.")])
    for file in (root / "coco" / "val2017").iterdir():
        file.write_bytes(content)
    for _ in range(2):  # the second time it is known
        evaluation = run(root)
        assert len(evaluation["benchmarks"]["sugarcrepe"]["images_missing"]) == 3
        assert {row["value"] for row in evaluation["metrics"]} == {None}
        assert not evaluation["complete"]


def test_two_data_roots_with_equal_names_and_times_never_share_embeddings(run, tmp_path):
    roots = [sugarcrepe(tmp_path / name, [("A cat.", "A dog.")]) for name in ("one", "other")]
    for root, color in zip(roots, ((1, 2, 3), (250, 120, 9)), strict=True):
        for file in sorted((root / "coco" / "val2017").iterdir()):
            Image.new("RGB", (32, 32), color).save(file.with_suffix(".bmp"))
            file.with_suffix(".bmp").replace(file)
            import os

            os.utime(file, ns=(10**18, 10**18))
    alone_in_the_cache = run(roots[1], cache=tmp_path / "fresh")
    similarity = [pl.read_parquet(tmp_path / "out" / "scores.parquet")["similarity"].to_list()]
    for root in roots:
        evaluation = run(root)
        similarity.append(pl.read_parquet(tmp_path / "out" / "scores.parquet")["similarity"].to_list())
    assert evaluation["metrics"] == alone_in_the_cache["metrics"]
    np.testing.assert_allclose(similarity[0], similarity[2], atol=1e-6)
    assert not np.allclose(similarity[0], similarity[1], atol=1e-4)


def test_a_damaged_cache_is_computed_again(run, tmp_path, capsys):
    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog.")] * 60)
    first = run(root)
    kept = sorted(file for file in (tmp_path / "cache").rglob("*") if file.is_file())
    assert {file.name.split("-")[0] for file in kept} >= {"image", "text", "token"}
    capsys.readouterr()
    for file in kept:
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
        file.write_bytes(bytes(content))
        assert run(root) == first
        (line,) = [line for line in capsys.readouterr().err.splitlines() if "damaged" in line]
        assert str(file) in line


def test_models_and_weights_have_separate_cache_keys(monkeypatch):
    torch.manual_seed(0)
    encoder = Encoder(small_open_clip.NAME, None)
    key = encoder.key()
    assert encoder.measurement["weights"] == encoder.weights
    del encoder.__dict__["weights"]
    encoder.model.logit_scale.data += 1
    assert encoder.key() != key


def never(*_):
    raise AssertionError("something was encoded")


@pytest.fixture
def unencoded(monkeypatch):
    for name in ("images", "texts", "tokens"):
        monkeypatch.setattr(Encoder, name, never)


def test_unwritable_folders_are_refused_before_encoding(run, tmp_path, unencoded):
    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog.")])
    (tmp_path / "file").write_text("a file")
    for option, path in (
        ("cache", tmp_path / "file"),
        ("cache", tmp_path / "file" / "below"),
        ("cache", Path("/proc/x")),
    ):
        with pytest.raises(InputError, match="folder of embeddings is not writable"):
            run(root, **{option: path})


def test_malformed_files_are_refused_before_encoding(run, tmp_path, unencoded):
    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog.")])
    for content, words in (
        ("{", "malformed JSON"),
        ("[]", "JSON object"),
        ("\udc80", "UTF-8"),
        ("{}" * 9, "malformed"),
    ):
        (root / PART).write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(InputError, match=words) as refused:
            run(root)
        assert refused.value.file == root / PART
    with pytest.raises(InputError, match="moved folder does not exist"):
        run(root, data_root=DataRoot(root, moves([f"coco={tmp_path / 'nowhere'}"])))


def test_a_file_that_cannot_be_read_is_named(run, tmp_path, unencoded, monkeypatch):
    from nearmiss.engine.benchmarks import builder

    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog.")])

    def denied(file):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(builder, "sha256", denied)
    with pytest.raises(InputError, match="cannot be read: permission denied") as refused:
        run(root)
    assert "sugarcrepe" in str(refused.value.file)


def test_an_image_that_changes_while_it_is_read_stops_the_evaluation(run, tmp_path, monkeypatch):
    from nearmiss.engine.scoring import images

    root = sugarcrepe(tmp_path / "data", [("A cat.", "A dog.")])
    real = images.contents

    def then_changed(files, folder):
        found = real(files, folder)
        sample_files.picture(next(iter(files.values())), 999)
        return found

    monkeypatch.setattr(images, "contents", then_changed)
    with pytest.raises(InputError, match="changed while it was read"):
        run(root)
    monkeypatch.setattr(images, "contents", lambda files, folder: {name: real(files, folder)[name] for name in files})
    run(root)


def test_texts_are_escaped_for_the_terminal(run, tmp_path):
    image_benchmark_files.squares(tmp_path / "data")
    record = {"image0": "[bold]\x1b[31m/0.png", "image1": "eqbensd/1.png", "caption0": "a", "caption1": "b"}
    sample_files.put(tmp_path / "data" / "eqben" / "ann.json", [record, {**record, "caption0": 3}, "[/red]"])
    shown = evaluating.shown(run(tmp_path / "data", "eqben"))
    assert "[bold]" in shown
    assert "\x1b" not in shown


def test_weights_of_a_folder_are_not_reported_as_random():
    result = {"benchmarks": {}, "metrics": [], "absent": [], "complete": True, "intervals": {"level": 0.95}}
    model = partial(dict, pretrained=None, activation="GELU", precision="fp32")
    assert "its own weights" in evaluating.shown({**result, "model": model(name="local-dir:model")})
    assert "random weights" in evaluating.shown({**result, "model": model(name="ViT-B-32")})
