"""Data-parallel processes: each embeds a part of the batch, all compute the loss of the whole batch.

Started by `nearmiss pretrain` (launch.py) or by torchrun; a single process is a group of one. Every process computes
the same batch, so only embeddings and gradients are exchanged.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from nearmiss.engine.training.launch import LISTENING, RENDEZVOUS


@dataclass(frozen=True)
class Group:
    """A group of `size` processes; this one has number `rank`."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the outputs of the group."""
        return self.rank == 0

    def gather(self, parts: list[Tensor], lengths: list[int]) -> Tensor:
        """All processes' embeddings (sum of lengths, D), without gradient; `parts` are those of this process.

        `lengths` are those of all parts, ordered by process; each process has the same number of parts.
        """
        own = torch.cat(parts).detach()
        if self.size == 1:
            return own
        each = len(lengths) // self.size
        totals = [sum(lengths[rank * each : (rank + 1) * each]) for rank in range(self.size)]
        padded = own.new_zeros(max(totals), own.shape[1])
        padded[: len(own)] = own
        received = [torch.empty_like(padded) for _ in totals]
        dist.all_gather(received, padded)
        return torch.cat([got[:total] for got, total in zip(received, totals, strict=True)])

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients over all processes."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)

    def wait(self) -> None:
        """Wait for all processes (barrier)."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Group]:
    """The process group of this process; a group of one without a launcher."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    if RENDEZVOUS in os.environ:
        rank = int(os.environ["RANK"])
        dist.init_process_group(backend, store=_rendezvous(rank, size), rank=rank, world_size=size)
    else:
        dist.init_process_group(backend)
    try:
        yield Group(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def _rendezvous(rank: int, size: int) -> Any:
    """The rendezvous store of launch.py: the first process serves it at the inherited socket."""
    listening = os.environ.get(LISTENING)
    return dist.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1",
        int(os.environ[RENDEZVOUS]),
        size,
        is_master=rank == 0,
        master_listen_fd=int(listening) if listening is not None else None,
    )
