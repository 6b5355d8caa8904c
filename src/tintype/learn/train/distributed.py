"""Several processes, one run: each takes its part of every batch, and gradients are averaged.

Gradients are averaged by hand after the backward pass instead of wrapping the network: objectives
call more of a network than its `forward`, and two networks may be trained at once. What overlapping
communication with computation would save is small beside that.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True, slots=True)
class Team:
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
            name: A device of torch, or ``auto`` for a graphics card where there is one. Of several
                cards each process takes its own.
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

    def agree(self, yes: bool) -> bool:
        """The decision of the first process; all must call this at the same point."""
        if self.size == 1:
            return yes
        decision = torch.tensor([float(yes)])
        dist.broadcast(decision, 0)
        return bool(decision.item())

    def wait(self) -> None:
        """Waits for all processes."""
        if self.size > 1:
            dist.barrier()


def join_team() -> Team:
    """The team that ``torchrun`` has started this process in; alone without it."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team()
    # gloo carries the small agreements between CPUs; a GPU's gradients go over nccl.
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return Team(dist.get_rank(), dist.get_world_size())
