"""The command `tintype video`: turns its arguments into a request, and reports the result."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tintype.cli.options import FilmArguments
from tintype.cli.roles import check_roles
from tintype.cli.show import Bar, Screen, progress_bar
from tintype.errors import FilmError, UsageError, brief, shown
from tintype.files.toml import read_toml

if TYPE_CHECKING:
    from tintype.engine.reference import Reference
    from tintype.jobs.inspect import Inspection
    from tintype.video.request import FilmRequest
    from tintype.video.shots import Shot

_EXTRA = ("av", "cv2")
_KEYS = frozenset({"at", "hints", "reference"})
_TIME = re.compile(r"(?:(?:([0-9]{1,6}):)?([0-9]{1,6}):)?([0-9]{1,9}(?:\.[0-9]{1,9})?)")
_HEAD = 64  # bytes from which a picture format is recognized


def color_film(arguments: FilmArguments) -> int:
    """Colours a film.

    Args:
        arguments: The parsed arguments.

    Returns:
        The exit code: 1 if part of the film could not be read.

    Raises:
        TintypeError: The film cannot be coloured.
    """
    _need_the_extra()
    from tintype.engine.bundle import load_bundle
    from tintype.heap import PICTURE_BLOCK, return_large_blocks  # and with it ctypes
    from tintype.video.plan import plan
    from tintype.video.run import clean_up, color

    name = shown(arguments.film)
    request = _request(arguments)
    bundle = load_bundle(arguments.model)
    output = None if arguments.output is None else Path(arguments.output)
    check_roles(_inputs(arguments, request), [("-o", arguments.output)])
    return_large_blocks(PICTURE_BLOCK)  # most blocks of a film are a plane of a frame
    job = plan(Path(arguments.film), output, request, bundle, overwrite=arguments.overwrite)
    view = Screen()
    if job.done:
        if not arguments.dry_run:
            clean_up(job)
        view.say(f"{name} is already done: {shown(job.target)}.")
        return 0
    if arguments.dry_run:
        from tintype.cli.rehearsal import rehearse_film

        return rehearse_film(job, bundle)
    for warning in job.warnings:
        view.say(f"{name}: {warning}")
    began = time.monotonic()
    with progress_bar(job.frames, unit="frames") as bar:
        frames, damage = color(
            job, bundle, overwrite=arguments.overwrite, on_progress=_report_to(bar)
        )
    view.say(f"{name} is coloured, {frames:,} frames in {time.monotonic() - began:.1f} s.")
    view.written(str(job.target))
    if damage.sentence():
        view.say(f"{name} is damaged. {damage.sentence()} The rest is coloured.")
        return 1
    return 0


def inspect_film(path: Path) -> "Inspection | None":
    """Reads the provenance of a film.

    Args:
        path: A file.

    Returns:
        None if it is a picture or cannot be read as a film; the caller then tries other formats.
    """
    from tintype.jobs.inspect import Inspection
    from tintype.photo.formats.registry import sniff

    try:
        if not path.is_file():
            return None  # reading a pipe would block
        with path.open("rb") as file:
            if sniff(file.read(_HEAD)) is not None:
                return None
        _need_the_extra()
        from tintype.video.container import open_film
        from tintype.video.provenance import film_provenance

        with open_film(path) as container:
            form = {"matroska,webm": "Matroska film"}.get(container.format.name, "film")
            form = "MP4 film" if "mp4" in container.format.name else form
            return Inspection(str(path), form, None, film_provenance(container.metadata))
    except (OSError, FilmError):
        return None


def _need_the_extra() -> None:
    try:
        for name in _EXTRA:
            import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise FilmError(
            "The packages for film are not installed.",
            advice="Type: pip install 'tintype-colorizer[video]'",
        ) from error


# ----- arguments -----


def _inputs(arguments: FilmArguments, request: "FilmRequest") -> list[tuple[str, str | None]]:
    """The input files, and the argument or option that names each."""
    references = [("--shots", shot.reference) for shot in request.shots]
    references.append(("--reference", request.settings.reference))
    return [
        ("FILM", arguments.film),
        ("--shots", arguments.shots),
        ("--model", arguments.model if os.path.lexists(arguments.model or "") else None),
        *((option, None if layer is None else layer.path) for option, layer in references),
    ]


def _request(arguments: FilmArguments) -> "FilmRequest":
    from tintype.cli.setting_options import settings_from
    from tintype.engine.hints import parse_hint
    from tintype.engine.settings import default_settings
    from tintype.photo.limits import MAX_PIXELS
    from tintype.video.request import FilmRequest, Window
    from tintype.video.shots import Shot

    if arguments.start is not None and arguments.preview is None:
        raise UsageError("--start is only for previews.", advice="Add --preview.")
    window = None
    if arguments.preview is not None:
        start = Fraction(0) if arguments.start is None else parse_time(arguments.start)
        window = Window(start, Fraction(str(arguments.preview)))
    shots = [] if arguments.shots is None else read_shots(Path(arguments.shots))
    typed = tuple(parse_hint(text) for text in arguments.hint)
    if typed:
        first = next((shot for shot in shots if shot.start == 0), Shot(0.0))
        others = [shot for shot in shots if shot is not first]
        shots = [replace(first, hints=(*first.hints, *typed)), *others]
    return FilmRequest(
        settings=settings_from(arguments.given, default_settings("film"), max_pixels=MAX_PIXELS),
        shots=tuple(shots),
        steady=arguments.steady,
        every=arguments.every,
        codec=arguments.codec,
        crf=arguments.crf,
        lossless=arguments.lossless,
        convert_sound=arguments.convert_sound,
        window=window,
    )


def parse_time(text: str) -> Fraction:
    """Parses ``12.5``, ``1:30`` or ``1:02:03.5`` as seconds.

    Raises:
        UsageError: The text has another form.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageError(
            f"The time {brief(text)} is not understood.",
            advice="Write it as 12.5, 1:30 or 1:02:30.",
        )
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)


def read_shots(path: Path) -> "list[Shot]":
    """Reads hints and references for individual shots from a TOML file.

    Args:
        path: A file of ``[[shot]]`` tables, each with ``at`` and at least one of ``hints`` and
            ``reference``; picture paths are relative to the file's folder.

    Raises:
        UsageError: The file cannot be read, or an entry is invalid or incomplete.
    """
    from tintype.engine.hints import parse_hint
    from tintype.engine.settings_parsing import read_layer
    from tintype.video.shots import Shot

    data = read_toml(path)
    entries = data.get("shot")
    if set(data) != {"shot"} or not isinstance(entries, list):
        raise UsageError(f"{shown(path)} has no shots.", advice="Begin each with [[shot]].")
    shots = []
    for number, entry in enumerate(entries, 1):
        where = f"Shot {number} of {shown(path)}"
        if not isinstance(entry, dict):
            raise UsageError(f"{where} is not a table.", advice="Begin each with [[shot]].")
        if unknown := sorted(set(entry) - _KEYS):
            raise UsageError(
                f"{where} has an unknown key, {brief(unknown[0])}.",
                advice="Use at, hints and reference.",
            )
        hints = entry.get("hints", [])
        if "at" not in entry or not isinstance(hints, list):
            raise UsageError(
                f"{where} is incomplete.",
                advice='Give at = "0:12.5", and hints = ["120,80,#c04030"] or reference = "a.jpg".',
            )
        reference = None
        if "reference" in entry:
            name = str(entry["reference"])
            layer = read_layer("reference", path.parent / name, regular=True)
            reference = cast("Reference", layer)
        try:
            start = float(parse_time(brief(entry["at"])))
            placed = tuple(parse_hint(brief(hint)) for hint in hints)
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", advice=error.advice) from None
        shots.append(Shot(start, placed, reference))
    return shots


def _report_to(bar: "Bar | None") -> Callable[[int], None]:
    """A callback that receives the number of frames done."""
    begun = False

    def report(done: int) -> None:
        nonlocal begun
        if bar is not None:
            if not begun:
                bar.begin_at(done)
            bar.set(done)
        begun = True

    return report
