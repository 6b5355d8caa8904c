"""A teacher counts where it is nearer the truth, pulls towards itself, and never changes."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from learn.command import main
from learn.two_networks import pictures
from tintype.color.abgrid import BINS
from tintype.errors import LearnError
from tintype.learn.losses import SoftCrossEntropy
from tintype.learn.recipe import LossRecipe
from tintype.learn.train.objectives.classification import Classification
from tintype.learn.train.objectives.teacher import Teacher, load_teacher

RECIPE = """
name = "{name}"
[model]
kind = "zhang"
width = 0.05
[data]
size = 32
[loss]
{loss}
[train]
batch = 4
amp = false
log_every = 1
evaluate_samples = 1000
"""


class Fixed(nn.Module):
    """Gives the same logits whatever it sees."""

    multiple, stride, bins = 4, 4, BINS

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, _L: Tensor) -> Tensor:
        return self.logits


def knowing(ab: Tensor, certainty: float) -> Tensor:
    """Logits that give the bins of the true colours more than the others."""
    indices = SoftCrossEntropy().indices
    cell = ab.round().long() + len(indices) // 2
    nearest = indices[cell[:, 0], cell[:, 1]][..., 0].long()  # (B, h, w)
    return certainty * nn.functional.one_hot(nearest, BINS).permute(0, 3, 1, 2).float()


def test_only_what_it_knows_better_is_learned_from_it():
    batch = pictures(2, 32)
    ab = batch.ab_at(4)
    sure, unsure = knowing(ab, 5.0), knowing(ab, 0.0)
    # It knows the first photograph better than the network does, and the second one worse.
    teacher = Teacher(Fixed(torch.stack([sure[0], unsure[1]])), SoftCrossEntropy())
    logits = knowing(ab, 2.0).requires_grad_()
    divergence, share = teacher(logits, batch, ab)
    assert float(share) == 0.5
    divergence.backward()
    assert logits.grad is not None
    assert logits.grad[0].abs().sum() > 0
    assert logits.grad[1].abs().sum() == 0
    # Half of the sum of p log(p / q), by hand.
    p, q = (torch.softmax(each[0].double(), dim=0) for each in (sure, logits.detach()))
    assert float(divergence.detach()) == pytest.approx(
        float((p * (p / q).log()).sum(0).mean()) / 2, rel=1e-5
    )


def test_following_it_leads_to_its_distribution():
    batch = pictures(1, 32)
    ab = batch.ab_at(4)
    told = knowing(ab, 5.0)
    teacher = Teacher(Fixed(told), SoftCrossEntropy())
    logits = torch.zeros_like(told).requires_grad_()
    descent = torch.optim.Adam([logits], lr=0.3)
    for _ in range(40):
        descent.zero_grad()
        teacher(logits, batch, ab)[0].backward()
        descent.step()
    difference = torch.softmax(logits.detach(), dim=1) - torch.softmax(told, dim=1)
    assert float(difference.abs().max()) < 0.05


def test_it_stays_as_it_was_trained():
    batch = pictures(1, 32)
    teacher = Teacher(Fixed(knowing(batch.ab_at(4), 1.0)), SoftCrossEntropy())
    teacher.train()
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_another_output_is_one_line():
    batch = pictures(1, 32)
    teacher = Teacher(Fixed(torch.zeros(1, BINS, 4, 4)), SoftCrossEntropy())
    with pytest.raises(LearnError, match=r"output of \(313, 4, 4\), the network one of"):
        teacher(torch.zeros(1, BINS, 8, 8), batch, batch.ab_at(4))


def test_a_run_learns_from_the_weights_of_another(tmp_path: Path, photo_folder: Path):
    def train(name: str, loss: str, *more: str) -> Path:
        recipe = tmp_path / f"{name}.toml"
        recipe.write_text(RECIPE.format(name=name, loss=loss))
        arguments = [str(recipe), "--data", str(photo_folder), "--max-samples", "8"]
        arguments += ["--cache", str(tmp_path / "cache"), "--run", str(tmp_path / name), *more]
        assert main("train", arguments) == 0
        return tmp_path / name

    first = train("first", "") / "checkpoint.safetensors"
    for decoded in ("", "decoded = 0.06\n"):
        name = f"second{len(decoded)}"
        run = train(name, f'{decoded}teacher = "{first}"')
        log = (run / "log.jsonl").read_text()
        assert '"divergence"' in log
        assert '"taught"' in log


def test_only_a_distribution_can_teach(tmp_path: Path, photo_folder: Path):
    recipe = tmp_path / "l1.toml"
    recipe.write_text(
        RECIPE.format(name="l1", loss='kind = "l1"').replace(
            'kind = "zhang"\nwidth = 0.05', 'kind = "rescnn"\noutputs = "ab"\nwidth = 0.1'
        )
    )
    arguments = [str(recipe), "--data", str(photo_folder), "--max-samples", "4"]
    arguments += ["--cache", str(tmp_path / "cache"), "--run", str(tmp_path / "l1")]
    assert main("train", arguments) == 0
    with pytest.raises(LearnError, match=r"kind rescnn cannot be loss\.teacher"):
        load_teacher(tmp_path / "l1" / "checkpoint.safetensors", SoftCrossEntropy())
    with pytest.raises(LearnError, match="nowhere"):
        Classification(LossRecipe(teacher=str(tmp_path / "nowhere")), torch.ones(BINS) / BINS)
