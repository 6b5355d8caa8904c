"""The gradients of `depthwise` against torch's own."""

import pytest
import torch
from torch.nn import functional as F

from tintype.learn.models.depthwise import depthwise


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(4, 4), (7, 9), (20, 20)])
def test_gradients_are_those_of_torch(kernel: int, stride: int, size: tuple[int, int]) -> None:
    draw = torch.Generator().manual_seed(kernel * 10 + stride)
    padding = kernel // 2

    def leaves() -> list[torch.Tensor]:
        draw.manual_seed(kernel * 10 + stride)
        shapes = [(3, 6, *size), (6, 1, kernel, kernel), (6,)]
        return [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]

    ours, theirs = leaves(), leaves()
    y = depthwise(*ours, stride, padding)
    expected = F.conv2d(*theirs, stride, padding, groups=6)
    torch.testing.assert_close(y, expected)
    weights = torch.randn(y.shape, generator=draw)
    (y * weights).sum().backward()
    (expected * weights).sum().backward()
    for mine, his in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, his.grad, rtol=1e-4, atol=1e-4)


def test_in_float32_under_autocast() -> None:
    x, weight = torch.randn(1, 4, 8, 8), torch.randn(4, 1, 5, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = depthwise(x.bfloat16(), weight, None, 2, 2)
    assert y.dtype == torch.float32
    y.sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32


def test_a_frozen_filter_gets_no_gradient() -> None:
    x, weight = torch.randn(1, 4, 8, 8, requires_grad=True), torch.randn(4, 1, 5, 5)
    depthwise(x, weight, None, 1, 2).sum().backward()
    assert x.grad is not None
    assert weight.grad is None
