"""Depthwise convolutions whose gradient is fast on CPUs.

oneDNN has no good kernels for two operations that networks of inverted residuals need in each step:
the gradient at stride 2 in bfloat16 (295 ms for 720 channels of 8 x 8, batch 32, where float32
takes 3), and the gradient of 5 x 5 filters (42 ms in float32, 113 in bfloat16). So both are
computed in float32, and the second is implemented here: 12 ms for 8 x 8 locations, 4 ms for 4 x 4.
"""

from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

_PLACES = 256
"""Largest number of input locations; the work grows with its square."""


def depthwise(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """A depthwise convolution in float32, even under autocast.

    Args:
        x: (B, C, H, W).
        weight: (C, 1, k, k).
        bias: (C,), or None.
        stride: In both directions.
        padding: Zeros at each edge.

    Returns:
        (B, C, (H + 2 padding - k) / stride + 1, the same of W), float32.
    """
    with torch.autocast(x.device.type, enabled=False):
        x, channels = x.float(), len(weight)
        if weight.shape[-1] < 5 or x.shape[2] * x.shape[3] > _PLACES:
            return F.conv2d(x, weight, bias, stride, padding, groups=channels)
        y: Tensor = _Depthwise.apply(x, weight, stride, padding)  # type: ignore[no-untyped-call]
        return y if bias is None else y + bias[:, None, None]


class _Context(Protocol):
    """The context: tensors saved in the forward pass for the backward pass."""

    stride: int
    padding: int
    needs_input_grad: tuple[bool, ...]
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Depthwise(torch.autograd.Function):
    """The gradient of each tap is a sum over pairs of an input and an output location.

    All pairs of a channel are one small matrix product, summed over the batch; a table assigns
    pairs to taps.
    """

    @staticmethod
    def forward(ctx: _Context, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    def backward(
        ctx: _Context, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = conv2d_input(  # type: ignore[no-untyped-call]
                x.shape, weight, gradient, ctx.stride, ctx.padding, groups=len(weight)
            )
        if ctx.needs_input_grad[1]:
            (channels, _, kernel, _), (_, _, *inside) = weight.shape, x.shape
            # Made contiguous first: for other layouts the product copies every channel separately.
            before = x.permute(1, 2, 3, 0).contiguous().flatten(1, 2)  # (C, H W, B)
            after = gradient.permute(1, 0, 2, 3).contiguous().flatten(2)  # (C, B, h w)
            pairs = before @ after
            table = _taps(tuple(inside), tuple(gradient.shape[2:]), kernel, ctx.stride, ctx.padding)
            of_weight = (pairs.flatten(1) @ table.to(pairs)).view(channels, 1, kernel, kernel)
        return of_x, of_weight, None, None


@lru_cache(maxsize=16)
def _taps(
    inside: tuple[int, int], outside: tuple[int, int], kernel: int, stride: int, padding: int
) -> Tensor:
    """(H W h w, k k): 1 where a filter tap connects an input location to an output location."""

    def along(size: int, output: int) -> Tensor:
        taps = torch.arange(size)[:, None] - torch.arange(output) * stride + padding
        return (taps[..., None] == torch.arange(kernel)).float()  # (size, output, k)

    rows, columns = (along(*sizes) for sizes in zip(inside, outside, strict=True))
    table = torch.einsum("hik,wjl->hwijkl", rows, columns)
    return table.reshape(-1, kernel * kernel)
