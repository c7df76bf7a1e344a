"""CLIP's text tower without wasted work: the same parameters, equal embeddings, fewer products.

Three things are exact for a causal tower that pools at the end of the text (Radford et al., ICML 2021, section 2.4):
texts are trimmed to the longest of their bucket instead of the context length; no token after the end is looked at; and
of the last layer only the end token's row is computed, because nothing else is read from it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from open_clip import CLIP
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F

BUCKETS = 3  # parts that a batch of texts is cut into by length; more cost more than they save (our choice)


@dataclass(frozen=True)
class Texts:
    """Token ids of texts (U, L), 0 after the end token, and their lengths (U,); both on the CPU."""

    tokens: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)


def buckets(lengths: Tensor, parts: int = BUCKETS) -> list[tuple[Tensor, int]]:
    """Cut texts into parts of like length with the least padding: rows of each part and its longest length.

    Exact, by dynamic programming over the lengths that occur, of which there are few.
    """
    values, counts = torch.unique(lengths, return_counts=True)
    longest, number = values.tolist(), counts.tolist()
    kinds = len(longest)
    # best[j]: padded tokens of the j shortest kinds, and where the parts end.
    nothing: tuple[int, ...] = ()
    best = [(0, nothing)] + [(1 << 62, nothing)] * kinds
    for _ in range(parts):
        best = [best[0]] + [
            min(
                (best[start][0] + sum(number[start:end]) * longest[end - 1], (*best[start][1], end))
                for start in range(end)
            )
            for end in range(1, kinds + 1)
        ]
    order = torch.argsort(lengths, stable=True)
    found, done, start = [], 0, 0
    for end in best[kinds][1]:
        size = sum(number[start:end])
        found.append((order[done : done + size], longest[end - 1]))
        done, start = done + size, end
    return found


def check_tower(model: CLIP) -> None:
    """Raise ValueError where a text tower is not of the kind that this file computes."""
    plain = all(type(block) is ResidualAttentionBlock for block in model.transformer.resblocks)
    if not plain or model.text_pool_type != "argmax" or model.attn_mask is None:
        raise ValueError("only a plain causal text tower that pools at the end token is supported")


def encode_texts(model: CLIP, texts: Texts) -> Tensor:
    """L2-normalised embeddings (U, D) float32 of texts on the model's device, in the order given."""
    device = model.positional_embedding.device
    parts, rows = [], []
    for members, longest in buckets(texts.lengths):
        tokens = texts.tokens[members, :longest].to(device, non_blocking=True)
        last = (texts.lengths[members] - 1).to(device, non_blocking=True)
        parts.append(_encode(model, tokens, last))
        rows.append(members)
    back = torch.argsort(torch.cat(rows)).to(device)
    # Normalised in float32 whatever autocast computed: bf16 would blur small differences between near misses.
    return F.normalize(torch.cat(parts).index_select(0, back).float(), dim=-1)


def _encode(model: Any, tokens: Tensor, last: Tensor) -> Tensor:
    """Embeddings (U, D) of texts (U, L) whose end token stands at `last` (U,)."""
    x = model.token_embedding(tokens) + model.positional_embedding[: tokens.shape[1]]
    *blocks, final = model.transformer.resblocks
    for block in blocks:
        x = x + block.ls_1(_attention(block.attn, block.ln_1(x)))
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
    at_end = torch.arange(len(tokens), device=x.device) * tokens.shape[1] + last
    y = _rows(x, at_end)
    y = y + final.ls_1(_attention_at_end(final.attn, final.ln_1(x), at_end, last))
    y = y + final.ls_2(final.mlp(final.ln_2(y)))
    y = model.ln_final(y)
    projection = model.text_projection
    return projection(y) if isinstance(projection, nn.Linear) else y @ projection


def _rows(x: Tensor, at: Tensor) -> Tensor:
    """Rows (U, W) of x (U, L, W) at the flat positions `at` (U,)."""
    return x.flatten(0, 1).index_select(0, at)


def _heads(x: Tensor, heads: int) -> Tensor:
    """(U, L, W) -> (U, heads, L, W / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _attention(attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """Causal self-attention of x (U, L, W)."""
    heads = attention.num_heads
    query, key, value = F.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, dim=-1)
    mixed = F.scaled_dot_product_attention(
        _heads(query, heads), _heads(key, heads), _heads(value, heads), is_causal=True
    )
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def _attention_at_end(attention: nn.MultiheadAttention, x: Tensor, at_end: Tensor, last: Tensor) -> Tensor:
    """Rows (U, W) of self-attention of x (U, L, W) at the end tokens, which look at all that stands before them."""
    heads, width = attention.num_heads, x.shape[-1]
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(_rows(x, at_end), weight[:width], bias[:width]).unsqueeze(1)
    key, value = F.linear(x, weight[width:], bias[width:]).chunk(2, dim=-1)
    seen = torch.arange(x.shape[1], device=x.device) <= last.unsqueeze(1)
    mixed = F.scaled_dot_product_attention(
        _heads(query, heads), _heads(key, heads), _heads(value, heads), attn_mask=seen[:, None, None, :]
    )
    return attention.out_proj(mixed.transpose(1, 2).flatten(1))


def forward_flops(model: CLIP, texts: Texts) -> int:
    """Floating-point operations of `encode_texts`, two a multiply-add, padding included; norms are not counted."""
    width, layers = model.positional_embedding.shape[1], len(model.transformer.resblocks)
    out = model.text_projection.shape[1]
    total = 0
    for members, longest in buckets(texts.lengths):
        n = len(members)
        inner = n * longest * 12 * width**2 + n * longest * (longest + 1) * width  # causal: half of the square, twice
        at_end = n * longest * 2 * width**2 + n * 10 * width**2 + 2 * n * longest * width
        total += (layers - 1) * inner + at_end + n * width * out
    return 2 * total
