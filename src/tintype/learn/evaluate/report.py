"""What an evaluation leaves behind: tables, JSON, contact sheets."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from tintype.color.cielab import lab_to_rgb01


def sample_sheet(L: Tensor, ab: Tensor, guess: Tensor) -> Image.Image:
    """A sheet of pictures seen during training, a column each: grey, truth, guess.

    Args:
        L: (B, 1, S, S) lightness of the grey.
        ab: (B, 2, S/4, S/4) true chroma.
        guess: (B, 2, S/4, S/4) predicted chroma.
    """
    rows = [_paint(L, chroma) for chroma in (ab * 0, ab, guess)]
    return Image.fromarray(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))


def _paint(L: Tensor, ab: Tensor) -> NDArray[np.uint8]:
    """A quick look: chroma beside the grey's own L, clipped. Results go through the engine."""
    size = (L.shape[2], L.shape[3])
    chroma = F.interpolate(ab.float(), size=size, mode="bicubic", align_corners=False)
    lab = np.concatenate([L.float().cpu().numpy(), chroma.cpu().numpy()], axis=1)
    rgb01 = lab_to_rgb01(lab.transpose(0, 2, 3, 1)).clip(0, 1)
    rgb_u8: NDArray[np.uint8] = (rgb01 * 255 + 0.5).astype(np.uint8)
    return rgb_u8
