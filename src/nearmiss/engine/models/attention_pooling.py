"""timm's attention pooling with one query: equal embeddings, with fewer operations.

Only the pooled token is read (Radford et al., ICML 2021, section 2.3.1), so it has the only query. Keys and values are
linear in the grid's features: the query is multiplied by the keys' weights first, and the attention's average is taken
before the values' weights. Neither is computed for a grid cell. For EfficientNet's 9 x 9 cells of 1,280 channels these
are 44 times fewer operations.
"""

from typing import Any, TypeGuard

import torch
from open_clip.timm_model import TimmModel
from timm.layers.attention_pool2d import AttentionPool2d
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor, nn
from torch.nn import functional as F


def is_single_query(module: nn.Module) -> TypeGuard[AttentionPool2d]:
    """Whether `pooled` computes what a module does."""
    return (
        type(module) is AttentionPool2d
        and module.pool_type == "token"
        and module.qkv is not None
        and module.cls_token is None
        and (module.drop.p == 0 or not module.training)
    )


def pooled(pool: AttentionPool2d, grid: Tensor) -> Tensor:
    """(N, out) of a grid (N, C, H, W), equal to `pool(grid)`; `is_single_query` holds."""
    height, width = grid.shape[2:]
    cells, mean = grid.flatten(2), grid.mean(dim=(2, 3))  # (N, C, cells), (N, C)
    positions = resample_abs_pos_embed(
        pool.pos_embed.unsqueeze(0), (height, width), old_size=pool.feat_size, num_prefix_tokens=1
    )[0]
    first = mean + positions[0]
    assert pool.qkv is not None
    to_query, to_key, to_value = pool.qkv.weight.unflatten(0, (3, pool.num_heads, pool.head_dim))
    biases = (None, None, None) if pool.qkv.bias is None else pool.qkv.bias.unflatten(0, (3, -1))
    query = F.linear(first, to_query.flatten(0, 1), biases[0]).unflatten(1, (pool.num_heads, pool.head_dim))
    # A bias of the keys adds the same to all cells, so that the softmax does not depend on it.
    keys = torch.einsum("nhd,hdc->nhc", query, to_key) * pool.scale
    # The positions are added to products, and not to the cells, which would be copied.
    of_first = keys @ first.unsqueeze(2)
    of_cells = torch.baddbmm(keys @ positions[1:].T, keys, cells)
    attention = torch.cat([of_first, of_cells], dim=2).softmax(dim=-1)  # (N, heads, 1 + cells)
    seen = attention[..., 1:] @ cells.transpose(1, 2) + attention[..., 1:] @ positions[1:]
    seen = seen + attention[..., :1] * first.unsqueeze(1)
    values = torch.einsum("nhc,hdc->nhd", seen, to_value).flatten(1)
    return pool.proj(values if biases[2] is None else values + biases[2])


def encode_images(model: Any, images: Tensor) -> Tensor:
    """What `model.encode_image` gives of (N, 3, S, S), not normalized, with `pooled` where the tower pools so."""
    tower = model.visual
    if isinstance(tower, TimmModel) and len(tower.head) and is_single_query(tower.head[0]):
        return head_output(tower.head, tower.trunk(images))
    found: Tensor = model.encode_image(images)
    return found


def head_output(head: nn.Sequential, grid: Tensor) -> Tensor:
    """The output of an image tower's head (open_clip's TimmModel) for the features of its trunk."""
    first, *others = head if len(head) else (nn.Identity(),)
    x = pooled(first, grid) if is_single_query(first) else first(grid)
    for module in others:
        x = module(x)
    return x
