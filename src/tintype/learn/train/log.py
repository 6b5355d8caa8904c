"""JSON lines for reading by machine, TensorBoard events and sample sheets for looking."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from tintype.learn.evaluate.report import sample_sheet
from tintype.learn.train.checkpoint import Progress
from tintype.learn.train.look import Found

_SHEET_PICTURES = 16


class Log:
    """What a run says of itself, in its folder.

    Args:
        folder: The run's.
        progress: Where it goes on from.
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
            values: Numbers by name; words go to the line only.
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

    def sheet(self, progress: Progress, found: Found) -> None:
        """Draws what the network makes of some photographs of dev, if it colours at all."""
        if self.silent or found.guess is None:
            return
        path = self.folder / "samples" / f"{progress.samples:09d}.png"
        every = max(1, len(found.guess) // _SHEET_PICTURES)
        some = slice(None, every * _SHEET_PICTURES, every)
        sample_sheet(found.some.L[some], found.some.ab[some], found.guess[some]).save(path)
