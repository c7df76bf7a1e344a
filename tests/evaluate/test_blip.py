"""BLIP: embeddings of its ITC head and match logits of its ITM head, as transformers computes them pair by pair."""

import json
from pathlib import Path

import evaluating
import image_benchmark_files
import numpy as np
import pytest
import torch
from PIL import Image
from test_hugging_face import CONTEXT, LAYERS, ROOM, SIDE, TEXTS, images, word_tokenizer
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipForImageTextRetrieval,
    BlipImageProcessor,
)

from nearmiss.base.errors import InputError
from nearmiss.base.tables import read_table
from nearmiss.engine.benchmarks.benchmark import Options
from nearmiss.engine.benchmarks.data_root import DataRoot
from nearmiss.engine.benchmarks.registry import load
from nearmiss.engine.scoring.encoder import open_encoder
from nearmiss.engine.scoring.images import BenchmarkImages
from nearmiss.engine.scoring.match import MatchScorer
from nearmiss.engine.scoring.model import parse_model


def saved(folder: Path, model: type = BlipForImageTextRetrieval) -> Path:
    """A small BLIP with random weights, its tokenizer and its image processor."""
    torch.manual_seed(0)
    end = {"eos_token_id": ROOM - 1, "bos_token_id": 0, "sep_token_id": ROOM - 1, "pad_token_id": 0}
    text = LAYERS | end | {"vocab_size": ROOM, "max_position_embeddings": CONTEXT, "initializer_range": 0.5}
    vision = LAYERS | {"image_size": SIDE, "patch_size": 8, "initializer_range": 0.5}
    config = BlipConfig(text_config=text, vision_config=vision, image_text_hidden_size=8, initializer_range=0.5)
    made = model(config)
    if model is BlipForImageTextRetrieval:
        torch.nn.init.normal_(made.itm_head.weight, std=3)  # probabilities that differ by more than the tolerance
    made.save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    BlipImageProcessor(size=size, image_mean=[0.2, 0.4, 0.6], image_std=[0.5, 0.6, 0.7]).save_pretrained(folder)
    return folder


class PairByPair:
    """What transformers gives for one image and one text."""

    def __init__(self, folder: Path) -> None:
        self._model = BlipForImageTextRetrieval.from_pretrained(folder).eval()
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._processor = AutoImageProcessor.from_pretrained(folder)

    @torch.no_grad()
    def __call__(self, image: Image.Image, text: str) -> tuple[float, float]:
        """Cosine of the ITC head, and probability of a match of the ITM head."""
        given = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=CONTEXT)
        given = {name: given[name] for name in ("input_ids", "attention_mask")}
        given |= self._processor(images=image, return_tensors="pt")
        cosine = self._model(**given, use_itm_head=False).itm_score.item()
        return cosine, self._model(**given).itm_score.softmax(dim=-1)[0, 1].item()


def test_both_heads_equal_transformers_pair_by_pair(tmp_path):
    own = PairByPair(saved(tmp_path))
    encoder = open_encoder(parse_model(str(tmp_path)), batch_size=2)
    openers = [lambda each=each: each for each in images()]
    expected = np.array([[own(image, text) for text in TEXTS] for image in images()])
    cosines = encoder.images(openers) @ encoder.texts(TEXTS).T
    np.testing.assert_allclose(cosines, expected[..., 0], atol=1e-4)
    with torch.inference_mode():
        patches = encoder.patches([encoder.pixels(opener) for opener in openers])
        rows = torch.arange(len(openers)).repeat_interleave(len(TEXTS))
        logits = encoder.match_logit(patches, rows, list(TEXTS) * len(openers)).reshape(len(openers), -1)
    np.testing.assert_allclose(logits.sigmoid(), expected[..., 1], atol=1e-4)
    assert np.ptp(expected, axis=(0, 1)).min() > 0.01


def test_a_benchmark_has_the_scores_of_both_heads(tmp_path):
    image_benchmark_files.spec(tmp_path / "data")
    own = PairByPair(saved(tmp_path / "blip"))
    model = parse_model(str(tmp_path / "blip"))
    result = evaluating.runner(tmp_path)(tmp_path / "data", "spec", model=model)
    assert {(row["model"], row["arm"]) for row in result["metrics"]} == {("BlipForImageTextRetrieval", "blip")}
    assert "match_logit" in result["similarity"]["items"]
    root = DataRoot(tmp_path / "data")
    (benchmark,), _ = load(["spec"], root, Options())
    opener = BenchmarkImages([benchmark], root, tmp_path / "cache").opener
    scores = [read_table(tmp_path / "out" / name, "scores") for name in ("dual_scores.parquet", "scores.parquet")]
    assert [set(table["scorer"]) for table in scores] == [{"cosine"}, {"match_logit"}]
    for item in benchmark.items.head(3).iter_rows(named=True):
        cosine, logit = (np.array(table.filter(item_id=item["item_id"])["similarity"][0].to_list()) for table in scores)
        expected = np.array([[own(opener(image)(), text) for text in item["captions"]] for image in item["images"]])
        np.testing.assert_allclose(cosine, expected[..., 0], atol=1e-4)
        np.testing.assert_allclose(1 / (1 + np.exp(-logit)), expected[..., 1], atol=1e-4)


def test_each_image_is_encoded_once_and_each_pair_once(tmp_path):
    image_benchmark_files.spec(tmp_path / "data")
    root = DataRoot(tmp_path / "data")
    (benchmark,), _ = load(["spec"], root, Options())
    encoder = open_encoder(parse_model(str(saved(tmp_path / "blip"))))
    counts = {"images": 0, "pairs": 0}
    encoder.model.vision_model.register_forward_hook(
        lambda module, given, output: counts.update(images=counts["images"] + len(output.last_hidden_state))
    )
    encoder.model.itm_head.register_forward_hook(
        lambda module, given, output: counts.update(pairs=counts["pairs"] + len(output))
    )
    scorer = MatchScorer(encoder, batch_size=3)
    scorer.similarities(benchmark.items, BenchmarkImages([benchmark], root, tmp_path / "cache"))
    rows = benchmark.items.iter_rows(named=True)
    pairs = {(image, text) for row in rows for image in row["images"] for text in row["captions"]}
    assert counts == {"images": len({image for image, _ in pairs}), "pairs": len(pairs)}


def test_a_blip_for_another_task_is_refused_before_its_weights_are_read(tmp_path):
    folder = saved(tmp_path, BlipForConditionalGeneration)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="BlipForConditionalGeneration does not compare images and texts") as raised:
        open_encoder(parse_model(str(folder)))
    assert "blip (BlipForImageTextRetrieval)" in raised.value.remedy


def test_missing_weights_are_not_replaced_by_random_ones(tmp_path):
    folder = saved(tmp_path, BlipForConditionalGeneration)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["BlipForImageTextRetrieval"]}))
    with pytest.raises(InputError, match=r"\d+ weights of BlipForImageTextRetrieval are missing"):
        open_encoder(parse_model(str(folder)))
