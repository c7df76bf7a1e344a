"""What a larger batch costs in memory, embedded whole and in parts (gradient caching), against what is counted.

    python benchmarks/memory.py [--batches 256 512 1024 2048 4096] [--part 128] [--side 48]

One step's forward and backward of the embedded world's model with the contrastive loss, a caption of 13 tokens for
each image, each batch in a process of its own; the figure is the process' peak of resident memory above what it held
before the step's inputs were made. Counted for a batch of N: its pixels and tokens; its embeddings and their gradients;
and matrices of N by N, of which the loss holds seven at once: the cosines, the masked ones, a log-softmax each way, and
their three gradients; and the mask. What grows more than that with the batch would be kept activations. The last line
is one JSON object.
"""

import argparse
import json
import resource
import subprocess
import sys

import numpy as np
import torch
from torch import Tensor

from nearmiss.engine.models.checkpoint import configuration, fresh_model
from nearmiss.engine.models.packing import Texts
from nearmiss.engine.models.preprocessing import Normalization
from nearmiss.engine.objectives.contrastive import ContrastiveTerm
from nearmiss.engine.objectives.features import Features, Matching
from nearmiss.engine.training.batches import Batch
from nearmiss.engine.training.embedding import Embedder
from nearmiss.engine.training.encoding import DualEncoderLoss
from nearmiss.stages.pretrain.config import ModelConfig

TOKENS, VOCABULARY, MATRICES = 13, 300, 7
MEBI = 2**20


def batch_of(count: int) -> Batch:
    """A batch of `count` images and captions of random words, no two alike."""
    words = torch.randint(1, VOCABULARY - 1, (count, TOKENS), generator=torch.Generator().manual_seed(0))
    words[:, -1] = VOCABULARY - 1
    places = torch.arange(count)
    none = torch.zeros(count, 1, 0)
    return Batch(
        rows=np.arange(count),
        texts=Texts(words, torch.full((count,), TOKENS)),
        captions=places,
        positives=places[:, None],
        negatives=none.long(),
        valid=none.bool(),
        for_others=none.bool(),
        kinds=none.long(),
        paraphrases=places[:, None],
        paraphrased=torch.zeros(count, 1, dtype=torch.bool),
        positives_for_others=torch.ones(count, 1, dtype=torch.bool),
        book_rows=np.arange(count),
    )


def loss_of(images: Tensor, texts: Tensor, scale: Tensor) -> Tensor:
    """The contrastive term, with nothing taken for true of another image."""
    count, width = images.shape
    return ContrastiveTerm()(
        Features(
            images=images,
            captions=texts,
            positives=texts[:, None],
            negatives=texts.new_zeros(count, 1, 0, width),
            paraphrases=texts[:, None],
            valid=torch.zeros(count, 1, 0, dtype=torch.bool),
            paraphrased=torch.zeros(count, 1, dtype=torch.bool),
            true_captions=torch.zeros(count, count, dtype=torch.bool),
            true_negatives=torch.zeros(count, 0, dtype=torch.bool),
            kinds=torch.zeros(count, 1, 0, dtype=torch.int64),
            scale=scale,
        )
    )


def step(count: int, parts: int, side: int) -> float:
    """Peak of resident memory in MiB that one step adds to this process."""
    torch.set_num_threads(1)
    options = ModelConfig(image_size=side).model_dump()
    config = configuration(**options, vocabulary=VOCABULARY)
    embedder_of = fresh_model(config, 0).train()
    cpu = torch.device("cpu")
    embedder = Embedder(embedder_of, Normalization(config["preprocess_cfg"], cpu), cpu, bf16=False)
    small = batch_of(8)
    scale = embedder_of.logit_scale.exp().detach()

    def loss(images: Tensor, texts: Tensor, _matching: Matching | None) -> Tensor:
        return loss_of(images, texts, scale)

    # The first step allocates what every step does: gradients, threads' buffers.
    DualEncoderLoss(embedder).backward(np.zeros((8, side, side, 3), np.uint8), small, loss)
    before = _peak()
    batch = batch_of(count)
    pixels = np.random.default_rng(0).integers(0, 255, (count, side, side, 3), dtype=np.uint8)
    DualEncoderLoss(embedder, parts).backward(pixels, batch, loss)
    return _peak() - before


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def counted(count: int, side: int) -> float:
    """MiB that inputs, embeddings with gradients, and the loss' matrices of a batch take."""
    width = ModelConfig().embed_dim
    inputs = count * side * side * 3 + count * TOKENS * 8 * 3  # tokens, their order, and their part's copy
    embeddings = 2 * count * width * 4 * 3  # found, gathered, gradients
    return (inputs + embeddings + count * count * (MATRICES * 4 + 1)) / MEBI


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096])
    parser.add_argument("--part", type=int, default=128, help="images in a part")
    parser.add_argument("--side", type=int, default=48)
    parser.add_argument("--whole-up-to", type=int, default=1024, help="larger batches are measured in parts alone")
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(step(*given.one, given.side))
        return
    print(f"parts of {given.part} images at {given.side} px, MiB above the process before the step\n")
    print(f"{'batch':>8}{'whole':>10}{'in parts':>10}{'grown by':>10}{'counted':>10}")
    found: dict[str, dict[str, float | None]] = {}
    first = None
    for count in given.batches:
        whole = _measured(count, 1, given.side) if count <= given.whole_up_to else None
        parts = _measured(count, count // given.part, given.side)
        first = first or (parts, counted(count, given.side))
        grown, allowed = parts - first[0], counted(count, given.side) - first[1]
        print(f"{count:8}{'' if whole is None else f'{whole:.0f}':>10}{parts:10.0f}{grown:10.0f}{allowed:10.0f}")
        found[str(count)] = {"whole": whole, "parts": parts, "grown": grown, "counted": allowed}
    print(json.dumps(found))


def _measured(count: int, parts: int, side: int) -> float:
    command = [sys.executable, __file__, "--side", str(side), "--one", str(count), str(parts)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
