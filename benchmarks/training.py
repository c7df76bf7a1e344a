"""What hard negatives cost a training step: open_clip with padded texts, ours, and the image tower alone, side by side.

    python benchmarks/training.py [--device cpu|cuda] [--batch 8] [--repeats 3] [--captions FILE] [--sweep]

ViT-B-32 with random weights; a batch of images with one COCO caption each and K = 4 or 16 negatives of it by
`keyword`; the loss is contrastive plus each image's softmax over its own negatives. (a) encodes every text padded to 77
tokens with open_clip's own forward, as the recipes of NegCLIP and CE-CLIP do; (b) packs the texts; (c) is the
unmodified image tower alone, forward and backward. Images are channels-last in all three. The bound adds to (c) the
text's share of multiply-adds, counted on the tokens left when no beginning is computed twice. All on the same
weights, batch and threads; the order turns from repeat to repeat and the fastest of each counts. The last line is one
JSON object: for each K the seconds of a step of `open_clip`, `ours`, `image_only` and the `bound`.

--sweep asks instead how our step grows with negatives a caption (0 to 16) and with captions an image (1 to 5).
"""

import argparse
import json
import logging
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from torch import Tensor
from torch.nn import functional as F

from nearmiss.base.tables import table
from nearmiss.engine.formats.coco import read_captions
from nearmiss.engine.models.packing import Texts, pack
from nearmiss.engine.models.text import encode_texts, forward_flops
from nearmiss.stages.negatives.candidates import Candidate, Caption, Corpus
from nearmiss.stages.negatives.keyword.method import generate
from nearmiss.stages.negatives.spec import KeywordConfig

MODEL = "ViT-B-32"
CAPTIONS = Path(__file__).parents[2] / "shared" / "realdata" / "coco_captions_val2017" / "captions_val2017.json"
TRIES = 600  # captions that are asked for negatives


def groups(file: Path, batch: int, negatives: int) -> list[list[str]]:
    """`batch` captions of different images, each with as many negatives after it."""
    frame = (
        read_captions(file, strict=True)
        .tables["captions"]
        .unique("image_id", keep="first", maintain_order=True)
        .head(TRIES)
    )
    captions = tuple(
        Caption(row["caption_id"], row["image_id"], row["text"].strip(), None, "coco") for row in frame.to_dicts()
    )
    corpus = Corpus(captions, table("images", []), table("objects", []), table("relations", []), 0)
    if not negatives:
        return [[caption.text] for caption in captions[:batch]]
    found: dict[str, list[str]] = {}
    for outcome in generate(corpus, KeywordConfig(per_caption=negatives)):
        if isinstance(outcome, Candidate):
            found.setdefault(outcome.positive, []).append(outcome.negative)
    whole = [[positive, *made] for positive, made in found.items() if len(made) == negatives]
    return whole[:batch]


def captions_of(file: Path, batch: int, count: int) -> list[list[str]]:
    """`count` captions of each of `batch` images."""
    frame = read_captions(file, strict=True).tables["captions"].group_by("image_id", maintain_order=True).agg("text")
    return [texts[:count] for texts in frame["text"].to_list() if len(texts) >= count][:batch]


def loss_of(images: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
    """Contrastive loss over the captions, and each image's softmax over its caption and its own negatives.

    `images` (B, D) and `texts` (B, 1 + K, D), all L2-normalized.
    """
    logits = scale * images @ texts[:, 0].T
    right = torch.arange(len(images), device=images.device)
    contrast = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
    own = scale * torch.einsum("bd,bkd->bk", images, texts)
    return contrast + F.cross_entropy(own, torch.zeros_like(right))


class Steps:
    """The three steps on one model and one batch; each returns the loss (the image tower alone, a sum)."""

    def __init__(self, texts: list[list[str]], device: torch.device) -> None:
        torch.manual_seed(0)
        self.model = open_clip.create_model(MODEL).to(device).train()
        self.device, self.shape = device, (len(texts), len(texts[0]))
        side = self.model.visual.image_size[0]
        pixels = torch.rand(len(texts), 3, side, side, generator=torch.Generator().manual_seed(0))
        self.images = pixels.to(device).contiguous(memory_format=torch.channels_last)
        self.padded = open_clip.get_tokenizer(MODEL)([text for group in texts for text in group])
        self.trimmed = Texts(*_trimmed(self.padded))
        self.bf16 = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")

    def open_clip(self) -> Tensor:
        """(a)"""
        with self.bf16:
            images = self.model.encode_image(self.images, normalize=True)
            texts = self.model.encode_text(self.padded.to(self.device), normalize=True)
        return loss_of(images.float(), texts.float().unflatten(0, self.shape), self.model.logit_scale.exp())

    def ours(self) -> Tensor:
        """(b)"""
        with self.bf16:
            images = self.model.encode_image(self.images, normalize=True)
            texts = encode_texts(self.model, pack(self.trimmed))
        return loss_of(images.float(), texts.unflatten(0, self.shape), self.model.logit_scale.exp())

    def image_only(self) -> Tensor:
        """(c)"""
        with self.bf16:
            return self.model.encode_image(self.images, normalize=True).float().sum()

    def image_macs(self) -> int:
        """Multiply-adds of one image's forward."""
        from torch.utils.flop_counter import FlopCounterMode

        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            self.model.encode_image(self.images[:1])
        return counter.get_total_flops() // 2

    def fewest_tokens(self) -> int:
        """Tokens of the batch when no beginning of a text is computed twice."""
        rows = zip(self.trimmed.tokens.tolist(), self.trimmed.lengths.tolist(), strict=True)
        return len({tuple(row[:end]) for row, length in rows for end in range(1, length + 1)})

    def token_macs(self) -> int:
        """Multiply-adds of one token through the text tower, attention between tokens left out."""
        width = self.model.positional_embedding.shape[1]
        return 12 * width**2 * len(self.model.transformer.resblocks)


def _trimmed(tokens: Tensor) -> tuple[Tensor, Tensor]:
    lengths = tokens.argmax(dim=-1) + 1
    return tokens[:, : int(lengths.max())], lengths


def fastest(steps: dict[str, Callable[[], Tensor]], model: torch.nn.Module, repeats: int) -> dict[str, float]:
    """The shortest wall time of a forward and backward of each, after one that is not counted."""
    best = dict.fromkeys(steps, float("inf"))
    names = list(steps)
    for turn in range(repeats + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            model.zero_grad()
            _wait(model)
            start = time.perf_counter()
            steps[name]().backward()
            _wait(model)
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def _wait(model: torch.nn.Module) -> None:
    if next(model.parameters()).is_cuda:
        torch.cuda.synchronize()


def measure(captions: Path, negatives: int, batch: int, repeats: int, device: torch.device) -> dict[str, float]:
    """Seconds of each step for K negatives, the bound, and the bars; prints them."""
    steps = Steps(groups(captions, batch, negatives), device)
    with torch.no_grad():
        difference = abs(float(steps.open_clip()) - float(steps.ours()))
    best = fastest(
        {"open_clip": steps.open_clip, "ours": steps.ours, "image_only": steps.image_only}, steps.model, repeats
    )
    tokens, images = steps.fewest_tokens(), len(steps.images) * steps.image_macs()
    bound = best["image_only"] * (1 + tokens * steps.token_macs() / images)
    packed = pack(steps.trimmed)
    print(f"K = {negatives}: {steps.trimmed.lengths.float().mean():.1f} tokens a text, {len(steps.trimmed)} texts")
    print(f"  tokens: {steps.padded.numel()} padded, {int(steps.trimmed.lengths.sum())} trimmed, ", end="")
    print(f"{packed.tokens.numel()} packed, {tokens} at the fewest; loss differs by {difference:.1e}")
    for name, seconds in best.items():
        print(f"  {name:12}{seconds:8.3f} s a step{seconds / best['image_only']:8.2f} x the image tower")
    print(f"  {'bound':12}{bound:8.3f} s; ours is {best['ours'] / bound:.2f} x it, ", end="")
    print(f"and {best['open_clip'] / best['ours']:.1f} x as fast as open_clip with padding")
    share = forward_flops(steps.model, packed) / 2 / (forward_flops(steps.model, packed) / 2 + images)
    print(f"  text is {share:.0%} of our multiply-adds\n")
    return {**{f"{name}_s": round(seconds, 4) for name, seconds in best.items()}, "bound_s": round(bound, 4)}


def sweep(captions: Path, batch: int, repeats: int, device: torch.device) -> dict[str, dict[str, float]]:
    """Seconds of our step by negatives a caption and by captions an image, and how far each is from a straight line."""
    made = {
        "negatives a caption": {k: groups(captions, batch, k) for k in (0, 1, 2, 4, 8, 16)},
        "captions an image": {count: captions_of(captions, batch, count) for count in (1, 2, 3, 4, 5)},
    }
    found = {}
    for what, texts in made.items():
        runs = {str(count): Steps(group, device) for count, group in texts.items()}
        model = next(iter(runs.values())).model
        for run in runs.values():
            run.model = model
        best = fastest({count: run.ours for count, run in runs.items()}, model, repeats)
        tokens = [pack(run.trimmed).tokens.numel() for run in runs.values()]
        counts, seconds = np.array([float(count) for count in best]), np.array(list(best.values()))
        slope, start = np.polyfit(counts, seconds, 1)
        away = np.abs(seconds - (start + slope * counts)) / seconds
        print(f"{what}: {start:.3f} s and {slope:.4f} s for each, at most {away.max():.0%} from that line")
        for count, second, laid in zip(best, seconds, tokens, strict=True):
            print(f"  {count:>3}{second:8.3f} s{laid:8} tokens in rows")
        found[what] = best
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--captions", type=Path, default=CAPTIONS)
    parser.add_argument("--sweep", action="store_true", help="how our step grows with texts, and nothing else")
    given = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)  # open_clip warns of random weights, which are what is wanted
    device = torch.device(given.device)
    name = torch.cuda.get_device_name() if given.device == "cuda" else f"{platform.processor() or 'CPU'}"
    print(f"{MODEL}, batch {given.batch}, {name}, {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    if given.sweep:
        print(json.dumps(sweep(given.captions, given.batch, given.repeats, device)))
        return
    found = {str(k): measure(given.captions, k, given.batch, given.repeats, device) for k in (4, 16)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
