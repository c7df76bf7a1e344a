"""Which texts of other images count as true of an image, and so not against it (rule of the masks `none`, `same_image`
and `truth`; our choice: the papers mask nothing, or less)."""

import torch
from torch import Tensor

from nearmiss.engine.objectives.spec import Mask


def taken_for_true(
    mask: Mask,
    *,
    captions: Tensor,
    positives: Tensor,
    negatives: Tensor,
    for_others: Tensor,
    truth: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Captions (N, N) and negatives (N, N * G * K) of others that are taken for true of an image, both bool.

    Texts are places among the batch's U different texts: `captions` (N,), `positives` (N, G), `negatives` (N, G, K).
    `none` takes nothing for true, as the releases do. `same_image` takes another image's text for true that is one of
    the image's own true texts, and whatever may not serve others (`for_others` (N, G, K) bool is false of counts and
    the like). `truth` knows, from `truth` (N, U) bool, which texts are true of which image, and needs no such rule.
    """
    count, per_image = len(captions), negatives[0].numel()
    images = torch.arange(count, device=captions.device)
    another = images[:, None] != images[None, :]
    of_another = images[:, None] != images.repeat_interleave(per_image)[None, :]
    flat = negatives.reshape(-1)
    if mask == "none":
        return torch.zeros_like(another), torch.zeros_like(of_another)
    same_caption = captions[:, None] == captions[None, :]
    own = torch.cat([captions[:, None], positives], dim=1)
    same_negative = (flat[None, :, None] == own[:, None, :]).any(-1)
    if truth is None:
        return same_caption & another, (same_negative | ~for_others.reshape(1, -1)) & of_another
    return (same_caption | truth[:, captions]) & another, (same_negative | truth[:, flat]) & of_another
