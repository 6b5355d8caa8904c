"""A dry run of a plan: everything that a run does, except that nothing is written.

Every picture is read and decoded, so it is certain which would be skipped or refused. A few
photographs are coloured in memory, to estimate the space and time that the others need.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace

from tintype.engine.bundle import load_bundle
from tintype.engine.cores import usable_cores
from tintype.jobs.color_files import RunOptions, Work, Worker
from tintype.jobs.plan import Plan
from tintype.jobs.report import JobResult
from tintype.pipeline import colorize_photos, tone_of

_MOST_MEASURED = 4  # photographs
_MOST_SECONDS = 4.0
"""Maximum time spent on measuring, unless a single photograph takes longer."""


@dataclass(slots=True)
class Estimate:
    """An estimate of the time and space that a run would need.

    Attributes:
        pixels: Total pixels of all photographs that would be coloured.
        reading: Seconds taken to read and decode them.
        measured: Number of photographs coloured in memory.
        measured_pixels: Total pixels of these.
        bytes: Total size of the resulting files.
        timed_pixels: Total pixels of the photographs whose time counts. The first is excluded as a
            warm-up if there are others.
        coloring: Seconds taken to colour these, without reading.
    """

    pixels: int = 0
    reading: float = 0.0
    measured: int = 0
    measured_pixels: int = 0
    bytes: int = 0
    timed_pixels: int = 0
    coloring: float = 0.0

    @property
    def space(self) -> int:
        """Estimated size of all outputs in bytes."""
        return round(self.bytes * self.pixels / max(1, self.measured_pixels))

    def seconds(self, processes: int) -> float:
        """Estimated duration of a run.

        Args:
            processes: Number of processes; the measured photographs each used all cores.
        """
        coloring = self.coloring * self.pixels / max(1, self.timed_pixels)
        if processes < 2:
            return self.reading + coloring
        # With several processes each uses one core; together they scale with the cores.
        cores = min(processes, usable_cores())
        return self.reading / cores + coloring * usable_cores() / cores

    def add(self, *, pixels: int, seconds: float, size: int) -> None:
        """Adds the measurement of a photograph coloured in memory."""
        if self.measured == 1:
            self.timed_pixels, self.coloring = 0, 0.0
        self.measured += 1
        self.measured_pixels += pixels
        self.bytes += size
        self.timed_pixels += pixels
        self.coloring += seconds

    @property
    def enough(self) -> bool:
        """Whether enough photographs have been measured."""
        if self.measured < 2:
            return False
        return self.measured >= _MOST_MEASURED or self.coloring > _MOST_SECONDS


class _Rehearsing(Worker):
    """Does what a worker does, except for writing."""

    def __init__(self, options: RunOptions, estimate: Estimate) -> None:
        super().__init__(options, load_bundle(options.model))
        self._estimate = estimate
        self._began = 0.0

    def begin(self) -> None:
        """Records the start of the next picture; to be called before it is read."""
        self._began = time.monotonic()

    def _make(self, work: Work, result: JobResult) -> JobResult:
        decoded = time.monotonic()
        tone = tone_of(work.photos, work.request, name=work.name)
        estimate = self._estimate
        pixels = sum(photo.height * photo.width for photo in work.photos)
        estimate.pixels += pixels
        estimate.reading += decoded - self._began
        if estimate.enough:
            return replace(result, status="planned", tone=tone)
        engine = self._loaded_engine()
        began = time.monotonic()
        colored = colorize_photos(
            work.photos,
            work.request,
            name=work.name,
            engine=engine,
            provenance=work.provenance,
            source=work.source,
        )
        seconds = time.monotonic() - began
        estimate.add(pixels=pixels, seconds=seconds, size=len(colored.data))
        return replace(result, status="planned", tone=tone, notes=colored.notes)


def rehearse(plan: Plan, options: RunOptions, estimate: Estimate) -> Iterator[JobResult]:
    """Walks a plan without writing anything.

    Args:
        plan: A plan that was checked.
        options: As for `tintype.jobs.run.run`.
        estimate: The estimate to update.

    Yields:
        A result for each input: "planned" if a run would colour it, otherwise that of the run.
    """
    with closing(_Rehearsing(replace(options, thumbnails=False), estimate)) as worker:
        for item in plan:
            worker.begin()
            yield item if isinstance(item, JobResult) else worker.run(item)
