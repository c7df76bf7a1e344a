"""Image towers of our own, registered with timm so that open_clip builds them by name."""

from typing import Any

import torch
from timm.models import register_model
from torch import Tensor, nn

CHANNELS = (32, 64, 96)
GROUPS = 8
NARROW = 24  # channels that each cell keeps for the read-out
GRID = 6  # cells along a side of the read-out


def averaging(size: int, cells: int) -> Tensor:
    """Matrix (cells, size) that averages a line of `size` positions over `cells` equal, possibly overlapping cells."""
    weights = torch.zeros(cells, size)
    for cell in range(cells):
        first, last = cell * size // cells, -(-(cell + 1) * size // cells)
        weights[cell, first:last] = 1 / (last - first)
    return weights


class NearmissConv(nn.Module):
    """Three strided convolutions and a read-out that keeps positions (our choice; no paper).

    Images (N, 3, S, S) -> (N, num_classes), S of 16 or more. Each of the 6 x 6 cells has its own weights in the
    last layer, so that location and relation are learned sooner than from pooled features. GroupNorm has no batch
    statistics, which would break gradient caching and data parallel training. At 48 px the third convolution gives
    6 x 6 cells; at other sizes they are averaged to as many.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for channels in CHANNELS:
            layers += [
                nn.Conv2d(before, channels, kernel_size=3, stride=2, padding=1, bias=False),
                nn.GroupNorm(GROUPS, channels),
                nn.ReLU(inplace=True),
            ]
            before = channels
        self.stages = nn.Sequential(*layers)
        self.narrow = nn.Conv2d(before, NARROW, kernel_size=1)
        self.norm = nn.LayerNorm(NARROW * GRID * GRID)
        self.head = nn.Linear(NARROW * GRID * GRID, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.read_out(self.stages(images))

    def read_out(self, grid: Tensor) -> Tensor:
        """(N, num_classes) of what the convolutions give, (N, 96, H, W)."""
        cells = self.narrow(grid)
        height, width = cells.shape[-2:]
        if (height, width) != (GRID, GRID):
            # As matrix products: the backward of adaptive pooling is not deterministic on a GPU.
            rows, columns = averaging(height, GRID).to(cells), averaging(width, GRID).to(cells)
            cells = rows @ cells @ columns.T
        return self.head(self.norm(cells.flatten(1)))


@register_model
def nearmiss_conv(
    pretrained: bool = False, num_classes: int = 128, global_pool: str = "", **unused: Any
) -> NearmissConv:
    """Our convolutional tower for timm's registry. There are no pretrained weights and no pooling to choose."""
    if pretrained:
        raise ValueError("nearmiss_conv has no pretrained weights")
    return NearmissConv(num_classes)
