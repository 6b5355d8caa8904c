"""What every network's own tests need."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tintype.engine.onnx_file import check_self_contained
from tintype.learn.data.batches import Batch


class _Chroma(nn.Module):
    """What a bundle holds of a network without bins."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, L: Tensor) -> Tensor:
        return self.model.to_ab(self.model(L))


def awaken(model: nn.Module) -> nn.Module:
    """Gives fresh batch norms statistics, or signals die out on their way."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the plain mean of what is seen
    side = 4 * model.multiple
    # Dark and bright pictures: if all were alike, norms of whole pictures would divide by nearly 0.
    brightness = torch.tensor([20.0, 50.0, 70.0, 100.0]).view(4, 1, 1, 1)
    with torch.no_grad():
        model.train()(torch.rand(4, 1, side, side) * brightness)
        for norm in norms:
            norm.running_var.clamp_(min=0.05)  # four pictures may agree by chance
    return model.eval()


@pytest.fixture
def awake() -> Callable[[nn.Module], nn.Module]:
    """See `awaken`."""
    return awaken


@pytest.fixture
def differs_from_onnx(tmp_path: Path) -> Callable[..., float]:
    """Exports a network for every size and compares it at some: the largest difference in ab."""

    def compare(model: nn.Module, *sizes: tuple[int, int]) -> float:
        graph, path = _Chroma(awaken(model)).eval(), tmp_path / "model.onnx"
        step = model.multiple
        rows, columns = (torch.export.Dim(n, min=1, max=512) for n in ("rows", "columns"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            program = torch.onnx.export(
                graph,
                (torch.rand(1, 1, 3 * step, 4 * step) * 100,),
                input_names=["L"],
                output_names=["ab"],
                opset_version=18,
                dynamic_shapes={"L": {2: step * rows, 3: step * columns}},
                dynamo=True,
                verbose=False,
            )
        program.save(str(path), external_data=False)
        check_self_contained(path.read_bytes(), where="the exported network")
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        worst = 0.0
        for height, width in sizes:
            coarse = torch.rand(1, 1, height // 8, width // 8) * 100
            L = F.interpolate(coarse, scale_factor=8.0, mode="bilinear")
            with torch.no_grad():
                expected = graph(L).numpy()
            assert expected.std() > 0.1  # equal constants would prove nothing
            worst = max(
                worst, float(np.abs(session.run(["ab"], {"L": L.numpy()})[0] - expected).max())
            )
        return worst

    return compare


@pytest.fixture
def batch(colourful: Callable[[int], np.ndarray]) -> Batch:
    """Four pictures of 64 x 64 whose colours follow from their lightness."""
    from tintype.color.cielab import luma01_to_L, rgb01_to_lab

    pictures = np.stack([colourful(seed)[16:80, 32:96] for seed in range(4)])
    rgb01 = torch.from_numpy(pictures).float() / 255
    luma = rgb01 @ torch.tensor([0.299, 0.587, 0.114])
    ab = rgb01_to_lab(rgb01, xp=torch)[..., 1:].permute(0, 3, 1, 2)
    return Batch(
        luma01_to_L(luma, xp=torch)[:, None],
        ab.contiguous(),
        rgb01.permute(0, 3, 1, 2).contiguous(),
        torch.tensor([0, 1, 2, 0]),
    )


@pytest.fixture
def silent() -> Callable[[nn.Module, nn.Module, Batch], list[str]]:
    """Names the parameters that an objective's gradient does not reach."""

    def find(model: nn.Module, objective: nn.Module, batch: Batch) -> list[str]:
        model.train()
        objective(model, batch)["loss"].backward()
        return [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]

    return find


@pytest.fixture
def fitted() -> Callable[..., tuple[float, float]]:
    """Trains on one batch, in the loop's layout of memory.

    Gives the distance in ab of the answer from the truth, and of grey from it.
    """

    def fit(
        model: nn.Module, objective: nn.Module, batch: Batch, *, steps: int, rate: float
    ) -> tuple[float, float]:
        model = model.to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(model.parameters(), rate)
        for _ in range(steps):
            model.train()
            optimizer.zero_grad()
            objective(model, batch)["loss"].backward()
            optimizer.step()
        model.eval()
        true = batch.ab_at(model.stride)
        with torch.no_grad():
            guess = model.to_ab(model(batch.L))
        away = (guess - true).square().sum(dim=1).sqrt().mean()
        return float(away), float(true.square().sum(dim=1).sqrt().mean())

    return fit
