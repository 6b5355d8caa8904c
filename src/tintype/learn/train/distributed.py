"""Data-parallel training: each process computes part of every batch; gradients are averaged.

Gradients are averaged explicitly after the backward pass. `DistributedDataParallel` is not used
because objectives call methods of a network other than `forward`, and two networks may be trained
at once. Overlapping communication with computation would save little.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The processes of a run.

    Attributes:
        rank: Index of this process; 0 writes the log and the checkpoints.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    def device(self, name: str) -> str:
        """The device of this process.

        Args:
            name: A torch device, or ``auto``, which chooses a GPU if there is one. With several
                GPUs, each process uses its own.
        """
        if name == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        if name == "cuda" and self.size > 1:
            return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        return name

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replaces every gradient by its mean over the processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        sizes = [gradient.numel() for gradient in gradients]
        means = torch.split(flat / self.size, sizes)
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def broadcast(self, decision: bool) -> bool:
        """Returns the decision of rank 0. All processes must call this at the same point."""
        if self.size == 1:
            return decision
        tensor = torch.tensor([float(decision)])
        dist.broadcast(tensor, 0)
        return bool(tensor.item())

    def barrier(self) -> None:
        """Waits until all processes have reached this point."""
        if self.size > 1:
            dist.barrier()


def join_process_group() -> ProcessGroup:
    """Joins the process group of ``torchrun``; without it, the group has a single process."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ProcessGroup()
    # gloo broadcasts decisions between CPUs; the gradients of GPUs are reduced with nccl.
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return ProcessGroup(dist.get_rank(), dist.get_world_size())
