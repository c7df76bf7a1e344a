"""A small cross-attention fusion of a text's tokens with an image's patches, and an image-text matching head on top.

The shape is that of ALBEF (Li et al., NeurIPS 2021, section 3.1) and X-VLM (Zeng et al., ICML 2022, section 3.1): text
tokens attend to each other, then to the image, and one token's last state decides in two classes, no match and match.
Ours differs in what a small run needs (our choice): normalization comes first in each layer, the token that decides is
the end of the text, where a causal tower has read all of it, and patches get a learned position embedding, because
convolutions have none.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDER = 2  # the hidden layer of a fusion layer's MLP, in widths (our choice; ALBEF has 4)


class Attention(nn.Module):
    """Multi-head attention whose keys and values can be made once and used by many queries."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def offered(self, x: Tensor) -> Tensor:
        """Keys and values (2, B, heads, M, W / heads) of x (B, M, W)."""
        return self.key_value(x).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, offered: Tensor, there: Tensor | None = None) -> Tensor:
        """(B, L, W) of queries x (B, L, W), where `there` (B, M) bool holds."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        mask = None if there is None else there[:, None, None, :]
        mixed = F.scaled_dot_product_attention(query, offered[0], offered[1], attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))


class FusionLayer(nn.Module):
    """A layer of self-attention over the text, cross-attention to the image, and MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_own, self.own = nn.LayerNorm(width), Attention(width, heads)
        self.norm_across, self.across = nn.LayerNorm(width), Attention(width, heads)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, WIDER * width), nn.GELU(), nn.Linear(WIDER * width, width))

    def listen(self, x: Tensor, there: Tensor, ends: Tensor | None) -> Tensor:
        """Self-attention of texts x (B, L, W); with `ends` (B,) the rows of the end tokens only, (B, 1, W)."""
        normed = self.norm_own(x)
        asking, queries = (x, normed) if ends is None else (_at(x, ends), _at(normed, ends))
        return asking + self.own(queries, self.own.offered(normed), there)

    def look(self, x: Tensor, offered: Tensor) -> Tensor:
        """Cross-attention of x (B, L, W) to keys and values of images, and the MLP."""
        x = x + self.across(self.norm_across(x), offered)
        return x + self.mlp(self.norm_mlp(x))


class Fusion(nn.Module):
    """Logits of pairs of images and texts; what depends on one side only is computed once for all of its pairs."""

    def __init__(self, *, width: int, heads: int, layers: int, text_width: int, patch_width: int, patches: int) -> None:
        """`patches` of `patch_width` an image and tokens of `text_width`; `layers` of `width` with `heads` each."""
        super().__init__()
        self.shape: dict[str, int] = {
            "width": width,
            "heads": heads,
            "layers": layers,
            "text_width": text_width,
            "patch_width": patch_width,
            "patches": patches,
        }
        self.of_tokens = nn.Linear(text_width, width)
        self.of_patches = nn.Sequential(nn.LayerNorm(patch_width), nn.Linear(patch_width, width))
        self.places = nn.Parameter(0.02 * torch.randn(patches, width))
        self.layers = nn.ModuleList(FusionLayer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 2)
        # A head of zeros gives equal logits for every pair, so that the towers get no gradient from random weights.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, patches: Tensor, tokens: Tensor, lengths: Tensor, image: Tensor, text: Tensor) -> Tensor:
        """Logits (P, 2), no match first, of pairs (image, text), both (P,) int64 numbers.

        `patches` (N, M, C) are features of N images, `tokens` (U, L, W) of U texts with `lengths` (U,) int64; rows
        from a text's length on are ignored.
        """
        x = self.of_tokens(tokens)
        there = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        ends = lengths - 1
        seen = self.of_patches(patches) + self.places
        for number, layer in enumerate(_layers(self.layers)):
            last = number == len(self.layers) - 1
            x = layer.listen(x, there, ends if last else None)
            if number == 0:  # until here, texts do not depend on images
                x, there, ends = (part.index_select(0, text) for part in (x, there, ends))
            x = layer.look(x, layer.across.offered(seen).index_select(1, image))
        return self.head(self.norm(x[:, 0])).float()

    def forward_flops(self, *, images: int, texts: int, tokens: int, pairs: int) -> int:
        """Floating-point operations of `forward` for texts padded to so many tokens; norms are not counted."""
        width, layers, patches = self.shape["width"], self.shape["layers"], self.shape["patches"]
        square = width**2
        flops = images * patches * (self.shape["patch_width"] * width + layers * 2 * square)
        flops += texts * tokens * self.shape["text_width"] * width
        for number in range(layers):
            rows = 1 if number == layers - 1 else tokens
            listening = texts if number == 0 else pairs
            flops += listening * (2 * tokens * square + rows * (2 * square + 2 * tokens * width))
            flops += pairs * rows * ((2 + 2 * WIDER) * square + 2 * patches * width)
        return 2 * (flops + pairs * 2 * width)


def _layers(layers: Any) -> list[FusionLayer]:
    return list(layers)


def _at(x: Tensor, positions: Tensor) -> Tensor:
    """Rows (B, 1, W) of x (B, L, W) at `positions` (B,)."""
    flat = positions + torch.arange(len(x), device=x.device) * x.shape[1]
    return x.flatten(0, 1).index_select(0, flat).unsqueeze(1)
