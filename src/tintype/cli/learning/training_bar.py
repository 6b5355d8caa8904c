"""The progress display on a terminal during training."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tintype.errors import shown

if TYPE_CHECKING:
    from rich.progress import Progress

    from tintype.learn.train.pace import Pace


class TrainingBar:
    """A bar on stderr with the loss, the speed and the time left.

    Args:
        progress: Of rich.
    """

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("training", total=None, state="")

    def say(self, text: str) -> None:
        """Prints one line above the bar."""
        line = f"tintype: {shown(text)}"
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, pace: "Pace") -> None:
        """Updates the bar."""
        total = None if pace.share is None else 1.0
        self._progress.update(
            self._task, total=total, completed=pace.share or 0.0, state=sentence(pace)
        )


def sentence(pace: "Pace") -> str:
    """The pace as text: ``1,280 samples, loss 4.81, 35 samples/s, 0:12:03 left``."""
    parts = [f"{pace.samples:,} samples"]
    if pace.loss is not None:
        parts.append(f"loss {pace.loss:.3g}")
    parts.append(f"{pace.speed:.3g} samples/s")
    if pace.left is not None:
        minutes, seconds = divmod(round(pace.left), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    return ", ".join(parts)


@contextmanager
def training_bar() -> Iterator[TrainingBar | None]:
    """Shows a bar during training.

    Yields:
        The bar; None if stderr is not a terminal.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[state]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        yield TrainingBar(progress)
