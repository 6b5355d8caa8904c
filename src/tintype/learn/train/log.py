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
        folder: Folder of the run.
        progress: The counters of the run when the log is opened.
        silent: Writes nothing; for every rank but 0.
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
        """Writes a line of JSON and a point on each TensorBoard curve.

        Args:
            progress: The current counters.
            values: Numbers by name; strings are written only to the JSON line.
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
        """Writes a sample sheet of photographs of dev, if the network predicts colours."""
        if self.silent or found.predicted is None:
            return
        path = self.folder / "samples" / f"{progress.samples:09d}.png"
        every = max(1, len(found.predicted) // _SHEET_PICTURES)
        chosen = slice(None, every * _SHEET_PICTURES, every)
        sample_sheet(
            found.examples.L[chosen], found.examples.ab[chosen], found.predicted[chosen]
        ).save(path)


def sample_sheet(L: Tensor, ab: Tensor, predicted: Tensor) -> Image.Image:
    """A sheet with a column for each picture: grey, ground truth, prediction.

    Args:
        L: (B, 1, S, S) lightness of the grey.
        ab: (B, 2, S/4, S/4) true chroma.
        predicted: (B, 2, S/4, S/4) predicted chroma.
    """
    rows = [_preview(L, chroma) for chroma in (ab * 0, ab, predicted)]
    return Image.fromarray(np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))


def _preview(L: Tensor, ab: Tensor) -> NDArray[np.uint8]:
    """A preview: the input L with the chroma, clipped to the gamut; the engine is not used."""
    size = (L.shape[2], L.shape[3])
    chroma = F.interpolate(ab.float(), size=size, mode="bicubic", align_corners=False)
    lab = np.concatenate([L.float().cpu().numpy(), chroma.cpu().numpy()], axis=1)
    rgb01 = lab_to_rgb01(lab.transpose(0, 2, 3, 1)).clip(0, 1)
    rgb_u8: NDArray[np.uint8] = (rgb01 * 255 + 0.5).astype(np.uint8)
    return rgb_u8
