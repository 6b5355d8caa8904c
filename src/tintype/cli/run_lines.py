"""Messages about a run of photographs: a line for each important result, and a summary line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tintype.cli.show import Screen
from tintype.errors import shown
from tintype.jobs.report import COLOR_PHOTO, LINK_OUTSIDE, OWN_OUTPUT, JobResult, Tally

if TYPE_CHECKING:
    from tintype.jobs.walk import PlanCounts

_SKIP_HINTS = {
    COLOR_PHOTO: " Use --color-photos color to recolour it.",
    OWN_OUTPUT: " Use --color-photos color to recolour it.",
}

_SKIPPED_LINES = {
    COLOR_PHOTO: (
        "{:,} colour photograph is skipped.",
        "{:,} colour photographs are skipped.",
        " Use --color-photos color to recolour them.",
    ),
    LINK_OUTSIDE: (
        "{:,} link that leads out of its folder is skipped.",
        "{:,} links that lead out of their folders are skipped.",
        "",
    ),
}
"""With several inputs, the reasons counted on a separate line; outputs of earlier runs are expected
and appear only in the last line."""


def tell(row: JobResult, view: Screen, *, alone: bool, checked: bool) -> None:
    """Reports the result of one input.

    Args:
        row: Its result.
        view: Where to print.
        alone: Whether it is the only input.
        checked: Whether the comparison of the grey was requested.
    """
    name = shown(row.input)
    if row.status == "failed":
        view.say(" ".join(part for part in (row.error, row.advice) if part))
    elif row.status == "skipped":
        if alone:  # among others they are counted
            view.say(reason_of(row))
    elif row.output is not None:
        # Every photograph of a sepia album is toned; the last line counts them.
        notes = row.notes if alone else _without_tone(row)
        tell_more(name, notes, row.grey_check if alone or checked else None, view)
        if row.status == "done":
            if alone:
                view.say(f"{name} is coloured, in {row.seconds:.1f} s.")
            view.written(row.output)
        elif alone:
            view.say(f"{name} is already done: {shown(row.output)}.")
    view.step()


def reason_of(row: JobResult) -> str:
    """Why an input is skipped, on one line."""
    hint = _SKIP_HINTS.get(row.reason or "", "")
    return f"{shown(row.input)} is skipped: {row.reason}.{hint}"


def _without_tone(row: JobResult) -> tuple[str, ...]:
    if row.tone != "toned":
        return row.notes
    from tintype.pipeline import TONED_NOTE

    return tuple(note for note in row.notes if note != TONED_NOTE)


def tell_more(name: str, notes: Sequence[str], grey_check: str | None, view: Screen) -> None:
    """Prints the notes on one line, and the comparison of the grey on another.

    Args:
        name: Of the input, printable.
        notes: Sentences, such as on what the format could not store.
        grey_check: The figures, or None.
        view: Where to print.
    """
    if notes:
        view.say(f"{name}: {' '.join(notes)}")
    if grey_check is not None:
        view.say(f"{name}: the grey of the output, compared with the input: {grey_check}.")


def last_line(tally: Tally, counts: "PlanCounts", seconds: float) -> str:
    """Summarizes a run on one line.

    Args:
        tally: The results of the inputs.
        counts: Files and folders that were found but are not inputs.
        seconds: The duration of the run.
    """
    return f"{last_counts(tally, counts)}; {seconds:.1f} s."


def last_counts(tally: Tally, counts: "PlanCounts") -> str:
    """`last_line` without the time, as a sentence fragment."""
    line = tally.sentence()
    if counts.other_files:
        line += f"; {_count(counts.other_files, 'other file')} left alone"
    if counts.folders_not_entered:
        line += f"; {_count(counts.folders_not_entered, 'folder')} not entered (see --recursive)"
    if counts.system_folders:
        line += f"; {_count(counts.system_folders, 'hidden or system folder')} left alone"
    return line


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def stopped_line(row: JobResult, tally: Tally, counts: "PlanCounts") -> str:
    """Why a run stopped early, and how far it got.

    Args:
        row: The result that stopped it.
        tally: The results up to and including that one.
        counts: The number of inputs.
    """
    left = counts.items - tally.status.total()
    reason = " ".join(part for part in (row.error, row.advice) if part)
    return f"{reason} The run has stopped: {tally.sentence()}, {left:,} left."


def skipped_lines(tally: Tally, *, reported: bool) -> list[str]:
    """A line for each reason why inputs were skipped, with their number.

    Args:
        tally: Of the whole run.
        reported: Whether a report lists the skipped inputs.
    """
    where = "" if reported else " --report FILE lists them."
    return [
        f"{(one if number == 1 else several).format(number)}{hint}{where}"
        for reason, (one, several, hint) in _SKIPPED_LINES.items()
        if (number := tally.reasons[reason])
    ]
