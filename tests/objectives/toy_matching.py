"""Match logits of pairs without a fusion: two numbers computed from the product of both embeddings."""

import torch
from torch.nn import functional as F

from nearmiss.base.seeding import array_rng
from nearmiss.engine.objectives.features import Matching


def matching_by_embeddings(f, name="judge"):
    """The matching of a batch of embeddings; captions that are one text have one number, as in a batch.

    Where the batch is an example of loss_examples, its ids say which texts are one.
    """
    draws = array_rng(0, "matching", name)
    vectors = torch.cat([f.captions, f.positives.flatten(0, 1), f.negatives.flatten(0, 2)])
    ids = torch.cat([f.caption_ids, f.positive_ids.flatten(), f.negative_ids.flatten()])
    _, numbers = ids.unique(return_inverse=True)
    texts = vectors.new_zeros(int(numbers.max()) + 1, vectors.shape[1]).index_copy(0, numbers, vectors)
    weights = torch.tensor(draws.normal(size=(2, vectors.shape[1])), dtype=vectors.dtype)
    n, per_image = len(f.images), f.positives.shape[1]
    return Matching(
        captions=numbers[:n],
        positives=numbers[n : n + n * per_image].reshape(n, per_image),
        negatives=numbers[n + n * per_image :].reshape(f.valid.shape),
        noise=torch.tensor(draws.gumbel(size=(2, n, n)), dtype=vectors.dtype),
        logits=lambda image, text: F.linear(f.images[image] * texts[text], 5 * weights),
    )
