"""CLIP's text tower with fewer computations: the same parameters and equal embeddings.

Three savings are exact for a causal tower that pools at the end of the text (Radford et al., ICML 2021, section 2.4):
tokens after the end are skipped; common prefixes of texts are computed once (packing.py); and of the last layer only
the end token's row is computed, because nothing else is read from it.
"""

from typing import Any

import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn import functional as F

from nearmiss.engine.models.packing import Packed, Texts


def text_tower(model: Any) -> Any:
    """The module that holds the text tower: the model itself (CLIP), or its part (CustomTextCLIP)."""
    return model.text if hasattr(model, "text") else model


def packable(model: Any) -> bool:
    """Whether a text tower is of the kind that this file computes: plain blocks, causal, read out at the end token.

    Found by looking at the modules. Towers that are not, such as SigLIP's, which are bidirectional and read out
    at the last position, attend to padding, so their texts stay padded.
    """
    tower = text_tower(model)
    blocks = getattr(getattr(tower, "transformer", None), "resblocks", None)
    return (
        blocks is not None
        and all(type(block) is ResidualAttentionBlock for block in blocks)
        and getattr(tower, "text_pool_type", getattr(tower, "pool_type", None)) == "argmax"
        and getattr(tower, "attn_mask", None) is not None
        and getattr(tower, "cls_emb", None) is None
    )


def check_tower(model: Any) -> None:
    """Raise ValueError where a text tower is not of the kind that this file computes."""
    if not packable(model):
        raise ValueError("only a plain causal text tower that pools at the end token is supported")


def encode_padded(model: Any, texts: Texts, pad: int) -> Tensor:
    """L2-normalized embeddings (U, D) float32 of padded texts, by open_clip's own forward.

    They are padded to the model's context, or, if the tower masks padding, to the longest of them.
    """
    room = 0 if masks_padding(model) else model.context_length - texts.tokens.shape[1]
    tokens = F.pad(texts.tokens, (0, room), value=pad).to(model.logit_scale.device)
    return F.normalize(model.encode_text(tokens).float(), dim=-1)


def encode_texts(model: Any, packed: Packed) -> Tensor:
    """L2-normalized embeddings (U, D) float32 of packed texts on the model's device, in the order of the texts."""
    model = text_tower(model)
    device = model.positional_embedding.device
    tokens, depths, seen, ends, positions = (
        part.to(device, non_blocking=True)
        for part in (packed.tokens, packed.depths, packed.seen, packed.ends, packed.texts)
    )
    found = _encode(model, tokens, depths, seen.unsqueeze(1), ends)
    # Normalized in float32 whatever autocast computed: bf16 would blur small differences.
    return F.normalize(found.flatten(0, 1).index_select(0, positions).float(), dim=-1)


def encode_tokens(model: Any, packed: Packed) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings (U, D) as `encode_texts` gives them, each token's last features (U, L, W), and lengths (U,) int64.

    L is the longest text's length; what lies behind a text's end are the features of some other token.
    """
    tower: Any = text_tower(model)
    device = tower.positional_embedding.device
    tokens, depths, seen = (part.to(device) for part in (packed.tokens, packed.depths, packed.seen))
    positions, lengths = (part.to(device) for part in token_positions(packed))
    x = tower.token_embedding(tokens) + F.embedding(depths, tower.positional_embedding)
    for block in tower.transformer.resblocks:
        x = x + block.ls_1(_attention(block.attn, block.ln_1(x), seen.unsqueeze(1)))
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
    x = tower.ln_final(x).flatten(0, 1)
    ends = positions.gather(1, lengths.unsqueeze(1) - 1).squeeze(1)
    found = _projected(tower, x.index_select(0, ends))
    features = x.index_select(0, positions.flatten()).unflatten(0, positions.shape)
    return F.normalize(found.float(), dim=-1), features, lengths


def encode_states(tower: HFTextEncoder, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings (U, D), not normalized, and last hidden states (U, L, W) of padded texts (U, L)."""
    there = (tokens != tower.config.pad_token_id).long()
    found = tower.transformer(input_ids=tokens, attention_mask=there)
    return tower.proj(tower.pooler(found, there)), found.last_hidden_state


def has_token_features(model: Any) -> bool:
    """Whether `encode_tokens` or `encode_states` computes a text tower."""
    return packable(model) or masks_padding(model)


def token_width(model: Any) -> int:
    """Width of the features of a token."""
    tower = text_tower(model)
    return int(tower.config.hidden_size if masks_padding(model) else tower.positional_embedding.shape[1])


def token_positions(packed: Packed) -> tuple[Tensor, Tensor]:
    """The index of each text's tokens among all R * N positions, (U, L) int64, 0 after a text's end; lengths (U,).

    What a text's end token sees are that text's tokens, and in a row they are in the order of their depths.
    """
    row, width = packed.texts // packed.ends.shape[1], packed.tokens.shape[1]
    own = packed.seen[row, packed.ends.flatten()[packed.texts]]
    lengths = own.sum(dim=1)
    text, position = own.nonzero(as_tuple=True)
    depth = own.cumsum(dim=1)[text, position] - 1
    positions = torch.zeros(len(row), int(lengths.max()), dtype=torch.int64)
    positions[text, depth] = row[text] * width + position
    return positions, lengths


def _encode(model: Any, tokens: Tensor, depths: Tensor, seen: Tensor, ends: Tensor) -> Tensor:
    """Embeddings (R, T, D) at the positions `ends` (R, T) of rows of tokens (R, N); `seen` (R, 1, N, N)."""
    x = model.token_embedding(tokens) + F.embedding(depths, model.positional_embedding)
    *blocks, final = model.transformer.resblocks
    for block in blocks:
        x = x + block.ls_1(_attention(block.attn, block.ln_1(x), seen))
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
    y = _at(x, ends)
    y = y + final.ls_1(_attention_at(final.attn, final.ln_1(x), seen, ends))
    y = y + final.ls_2(final.mlp(final.ln_2(y)))
    return _projected(model, model.ln_final(y))


def _projected(model: Any, y: Tensor) -> Tensor:
    projection = model.text_projection
    return projection(y) if isinstance(projection, nn.Linear) else y @ projection


def _width_of(projection: Any) -> int:
    return int(projection.out_features if isinstance(projection, nn.Linear) else projection.shape[1])


def _at(x: Tensor, positions: Tensor) -> Tensor:
    """Rows (R, T, W) of x (R, N, W) at `positions` (R, T)."""
    flat = positions + torch.arange(len(x), device=x.device).unsqueeze(1) * x.shape[1]
    return x.flatten(0, 1).index_select(0, flat.flatten()).unflatten(0, positions.shape)


def _heads(x: Tensor, heads: int) -> Tensor:
    """(U, L, W) -> (U, heads, L, W / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _attention(attention: nn.MultiheadAttention, x: Tensor, seen: Tensor) -> Tensor:
    """Self-attention of x (R, N, W) where `seen` (R, 1, N, N) allows it."""
    heads = attention.num_heads
    query, key, value = F.linear(x, attention.in_proj_weight, attention.in_proj_bias).chunk(3, dim=-1)
    mixed = F.scaled_dot_product_attention(
        _heads(query, heads), _heads(key, heads), _heads(value, heads), attn_mask=seen
    )
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def _attention_at(attention: nn.MultiheadAttention, x: Tensor, seen: Tensor, positions: Tensor) -> Tensor:
    """Rows (R, T, W) of the self-attention of x (R, N, W) at `positions` (R, T)."""
    heads, width = attention.num_heads, x.shape[-1]
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(_at(x, positions), weight[:width], bias[:width])
    key, value = F.linear(x, weight[width:], bias[width:]).chunk(2, dim=-1)
    mask = _at(seen.squeeze(1), positions).unsqueeze(1)
    mixed = F.scaled_dot_product_attention(
        _heads(query, heads), _heads(key, heads), _heads(value, heads), attn_mask=mask
    )
    return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def masks_padding(model: Any) -> bool:
    """Whether a text tower computes the same embedding however a text is padded: that of a transformers model."""
    return isinstance(text_tower(model), HFTextEncoder)


def padded_flops(model: Any, count: int, length: int, *, skipped: int = 0) -> int:
    """Floating-point operations of `encode_padded` for `count` texts, of which the longest has `length` tokens.

    The first `skipped` layers of a transformers model are not counted. 0 where the tower's blocks are unknown.
    """
    tower = text_tower(model)
    if masks_padding(model):
        config = tower.config
        width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers - skipped
        return int(2 * count * layers * (length * (4 * width + 2 * inner) * width + 2 * length**2 * width))
    blocks = getattr(getattr(tower, "transformer", None), "resblocks", ())
    width, length = getattr(getattr(tower, "transformer", None), "width", 0), model.context_length
    return 2 * count * len(blocks) * (12 * length * width**2 + 2 * length**2 * width)


def forward_flops(model: Any, packed: Packed) -> int:
    """Floating-point operations of `encode_texts`, two a multiply-add, padding included; norms are not counted."""
    model = text_tower(model)
    width, layers = model.positional_embedding.shape[1], len(model.transformer.resblocks)
    out = _width_of(model.text_projection)
    (height, length), ends = packed.tokens.shape, packed.ends.numel()
    tokens = height * length
    inner = tokens * 12 * width**2 + 2 * tokens * length * width
    at_end = tokens * 2 * width**2 + ends * 10 * width**2 + 2 * ends * length * width
    return 2 * ((layers - 1) * inner + at_end + ends * width * out)


def token_flops(model: Any, packed: Packed) -> int:
    """The same of `encode_tokens`, which computes every token in the last layer too."""
    model = text_tower(model)
    width, layers = model.positional_embedding.shape[1], len(model.transformer.resblocks)
    tokens, length = packed.tokens.numel(), packed.tokens.shape[1]
    inner = tokens * 12 * width**2 + 2 * tokens * length * width
    return 2 * (layers * inner + len(packed.texts) * width * _width_of(model.text_projection))
