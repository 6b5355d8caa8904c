"""The output of ``--dry-run``: what would be written and where, and estimates of space and time."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tintype.cli.options import PhotoArguments
from tintype.cli.run_lines import last_counts, reason_of
from tintype.cli.show import print_result, say
from tintype.errors import UsageError, shown
from tintype.jobs.report import Tally

if TYPE_CHECKING:
    from tintype.engine.bundle import Bundle
    from tintype.jobs.color_files import RunOptions
    from tintype.jobs.plan import Plan
    from tintype.jobs.report import JobResult
    from tintype.jobs.walk import PlanCounts
    from tintype.video.plan import FilmJob

_NOTHING = "Nothing is written."


def rehearse_photographs(
    arguments: PhotoArguments,
    plan: "Plan",
    options: "RunOptions",
    counts: "PlanCounts",
    others: Sequence[tuple[str, str | None]],
) -> int:
    """Reports what a run would do, without doing it.

    Args:
        arguments: The parsed arguments.
        plan: A checked plan.
        options: Of the run.
        counts: Of the plan.
        others: Files that a run would write besides the pictures, and the option that names each.

    Returns:
        The exit code that a run would have if nothing changes.
    """
    if arguments.executor == "ray":
        raise UsageError(
            "--dry-run reads the pictures on this machine.", advice="Leave --executor out."
        )
    from tintype.jobs.rehearse import Estimate, rehearse
    from tintype.jobs.run import processes_for

    estimate, tally = Estimate(), Tally()
    folder: Path | None = None
    for row in rehearse(plan, options, estimate):
        tally.add(row)
        _tell(row)
        if folder is None and row.status == "planned" and row.output and "://" not in row.output:
            folder = Path(row.output).parent
    for option, path in others:
        if path is not None and option != "-o":
            say(f"{option} would write {shown(path)}.")
    say(f"{_NOTHING} {last_counts(tally, counts)}.")
    if estimate.measured:
        seconds = estimate.seconds(processes_for(counts.items, arguments.jobs))
        say(
            f"Estimated from {estimate.measured} of them, coloured in memory: "
            f"{size_text(estimate.space)}{_free(folder)}, {time_text(seconds)}."
        )
    return tally.exit_code


def _tell(row: "JobResult") -> None:
    name = shown(row.input)
    if row.status == "planned":
        print_result(f"{name} -> {shown(str(row.output))}")
    elif row.status == "already_done":
        say(f"{name} is already done: {shown(str(row.output))}.")
    elif row.status == "skipped":
        say(reason_of(row))
    else:
        say(" ".join(part for part in (row.error, row.advice) if part))


def rehearse_film(job: "FilmJob", bundle: "Bundle") -> int:
    """Reports what colouring a film would do, without doing it.

    Args:
        job: A planned job that is not done yet.
        bundle: The model.

    Returns:
        The exit code, 0.
    """
    from tintype.video.rehearse import measure

    name = shown(job.source.path)
    print_result(f"{name} -> {shown(str(job.target))}")
    for warning in job.warnings:
        say(f"{name}: {warning}")
    rate = measure(job, bundle)
    frames = f"{job.frames:,} frames" if job.frames else "an unknown number of frames"
    say(f"{_NOTHING} {frames} to colour.")
    if job.frames and rate.frames:
        scale = job.frames / rate.frames
        say(
            f"Estimated from the first {rate.frames} frames, coloured in memory: "
            f"{size_text(rate.bytes * scale)} of video{_free(job.target.parent)}, at most "
            f"{time_text(rate.seconds * scale)}."
        )
    return 0


def _free(folder: Path | None) -> str:
    """The free space on the folder's disk, if it can be determined."""
    while folder is not None and not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return "" if folder is None else f" ({size_text(shutil.disk_usage(folder).free)} free)"
    except OSError:
        return ""


def size_text(size: float) -> str:
    """A human-readable size in two digits: ``3.4 MB``."""
    units = ["kB", "MB", "GB", "TB"]
    size /= 1000
    while size >= 999.5 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.1f} {units[0]}" if size < 9.95 else f"{size:,.0f} {units[0]}"


def time_text(seconds: float) -> str:
    """A human-readable duration: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 9.95 else f"{hours:,.0f} h"
