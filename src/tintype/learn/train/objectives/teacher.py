"""Learns from the distribution of another network, wherever that one is closer to the truth.

A photograph provides one colour for each location, a teacher the probability of every colour, which
is a much smoother target. An earlier version of a network was trained on photographs that its
successor has not seen; but where the successor is better, the teacher would only hold it back. So a
photograph is learned from the teacher only if the teacher's likelihood of its true colours is
higher.

Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015,
section 2, at a temperature of 1. The selection is our own.
"""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.color.abgrid import BINS
from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.losses import SoftCrossEntropy
from tintype.learn.models.contract import run_network
from tintype.learn.models.registry import build
from tintype.learn.recipe import make_recipe
from tintype.learn.train.checkpoint import load_checkpoint, load_weights


class Teacher(nn.Module):
    """A trained network over the 313 colours; it never changes.

    Args:
        network: With its weights.
        loss: The cross-entropy with the true colours, which decides which network is closer.
    """

    def __init__(self, network: nn.Module, loss: SoftCrossEntropy) -> None:
        super().__init__()
        network.requires_grad_(False)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.loss = loss
        self.train(False)

    def train(self, _mode: bool = True) -> Self:
        """Stays in evaluation mode: its batch normalisation uses the running statistics."""
        return super().train(False)

    def forward(self, logits: Tensor, batch: Batch, ab: Tensor) -> tuple[Tensor, Tensor]:
        """The divergence from the teacher, and how often it counts.

        Args:
            logits: (B, 313, h, w) of the network in training.
            batch: The photographs.
            ab: (B, 2, h, w) true chroma in CIELAB units.

        Returns:
            The mean over all photographs of the KL divergence, in nats per pixel, which is 0 for
            photographs on which the teacher is worse; and the share of the others.

        Raises:
            LearnError: The teacher's output has another size.
        """
        with torch.no_grad():
            told = run_network(self.network, batch.L, batch.hints)
        if told.shape != logits.shape:
            raise LearnError(
                f"loss.teacher has an output of {tuple(told.shape[1:])}, the network one of "
                f"{tuple(logits.shape[1:])}.",
                advice="Give weights of a network over 313 colours with the same stride.",
            )
        mine, theirs = (
            F.log_softmax(each.permute(0, 2, 3, 1), dim=-1, dtype=torch.float32)
            for each in (logits, told)
        )
        better = self.loss.per_picture(theirs, ab) < self.loss.per_picture(mine.detach(), ab)
        divergence = (theirs.exp() * (theirs - mine)).sum(dim=-1).mean(dim=(1, 2))
        counts = better.to(divergence.dtype)
        return (divergence * counts).mean(), counts.mean()


def load_teacher(path: Path, loss: SoftCrossEntropy) -> Teacher:
    """Loads a teacher.

    Args:
        path: Weights such as ``checkpoints/own.safetensors``, or the checkpoint of a run.
        loss: As for `Teacher`.

    Raises:
        LearnError: There is no checkpoint, or its network has no distribution over 313 colours.
    """
    tensors, _, facts = load_checkpoint(path)
    recipe = make_recipe(facts["recipe"], name=str(path))
    network = build(recipe.model)
    if getattr(network, "bins", 0) != BINS:
        raise LearnError(
            f"{path}: a network of kind {recipe.model.kind} cannot be loss.teacher.",
            advice="Give one that predicts a distribution over the 313 colours.",
        )
    load_weights(network, tensors, path)
    return Teacher(network, loss)
