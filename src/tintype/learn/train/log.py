"""The log of a run: JSON lines, TensorBoard events and sample sheets."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.tensorboard import SummaryWriter

from tintype.color.cielab import lab_to_rgb01
from tintype.learn.train.checkpoint import Progress
from tintype.learn.train.measure import DevMeasurement

_SHEET_PICTURES = 16


class Log:
    """Writes the log of a run into its folder.

    Args:
        folder: The run's.
        progress: The point it continues from.
        silent: Writes nothing: the log of every process but the first.
    """

    def __init__(self, folder: Path, progress: Progress, *, silent: bool = False) -> None:
        self.folder, self.silent = folder, silent
        if not silent:
            (folder / "samples").mkdir(parents=True, exist_ok=True)
            self._lines = (folder / "log.jsonl").open("a", encoding="utf-8")
            self._events = SummaryWriter(str(folder / "events"), purge_step=progress.step)

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *_: object) -> None:
        if not self.silent:
            self._lines.close()
            self._events.close()

    def write(self, progress: Progress, values: Mapping[str, float | str | Tensor]) -> None:
        """One line, and a point of each curve.

        Args:
            progress: Where the run is.
            values: Numbers by name; strings are written to the line only.
        """
        if self.silent:
            return
        plain = {n: v if isinstance(v, str) else float(v) for n, v in values.items()}
        row = asdict(progress) | {"seconds": round(progress.seconds, 1)} | plain
        self._lines.write(json.dumps(row) + "\n")
        self._lines.flush()
        for name, value in plain.items():
            if not isinstance(value, str):
                self._events.add_scalar(name, value, progress.step)

    def sheet(self, progress: Progress, found: DevMeasurement) -> None:
        """Draws the predictions for some photographs of dev, if the network colours at all."""
        if self.silent or found.guess is None:
            return
        path = self.folder / "samples" / f"{progress.samples:09d}.png"
        every = max(1, len(found.guess) // _SHEET_PICTURES)
        some = slice(None, every * _SHEET_PICTURES, every)
        sample_sheet(found.some.L[some], found.some.ab[some], found.guess[some]).save(path)


def sample_sheet(L: Tensor, ab: Tensor, guess: Tensor) -> Image.Image:
    """A sheet of pictures, a column each: grey, truth, prediction.

    Args:
        L: (B, 1, S, S) lightness of the grey.
        ab: (B, 2, S/4, S/4) true chroma.
        guess: (B, 2, S/4, S/4) predicted chroma.
    """
    rows = [_preview(L, chroma) for chroma in (ab * 0, ab, guess)]
    return Image.fromarray(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))


def _preview(L: Tensor, ab: Tensor) -> NDArray[np.uint8]:
    """A preview: the grey's own L with the chroma, clipped to the gamut; not through the engine."""
    size = (L.shape[2], L.shape[3])
    chroma = F.interpolate(ab.float(), size=size, mode="bicubic", align_corners=False)
    lab = np.concatenate([L.float().cpu().numpy(), chroma.cpu().numpy()], axis=1)
    rgb01 = lab_to_rgb01(lab.transpose(0, 2, 3, 1)).clip(0, 1)
    rgb_u8: NDArray[np.uint8] = (rgb01 * 255 + 0.5).astype(np.uint8)
    return rgb_u8
