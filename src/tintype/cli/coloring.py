"""The command `tintype PHOTO...`: words become options, a plan and a run; what happens is told.

Nothing heavy is imported before it is known to be needed.
"""

import os
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tintype.cli.options import PhotoArguments
from tintype.cli.show import Screen, say, screen, write_picture
from tintype.errors import ModelError, PhotoError, TargetExistsError, UsageError, shown
from tintype.jobs.report import COLOR_PHOTO, OWN_OUTPUT, Row, Tally, open_report

if TYPE_CHECKING:
    from tintype.engine.settings import Settings
    from tintype.jobs.plan import Census, Plan
    from tintype.jobs.work import Options

_SKIP_HINTS = {
    COLOR_PHOTO: " With --color-photos color it is coloured anew.",
    OWN_OUTPUT: " With --color-photos color it is coloured anew.",
}


def color_photographs(words: PhotoArguments) -> int:
    """Colours what was typed.

    Args:
        words: The words, known to be well formed.

    Returns:
        The exit code: 0 all done, 1 some files failed.

    Raises:
        TintypeError: Nothing could be done.
    """
    if "-" in words.photos or words.output == "-":
        return _stream(words)
    options = _options(words)
    from tintype.files.remote import place_of
    from tintype.jobs.contact_sheet import open_sheet
    from tintype.jobs.plan import Plan

    if words.report is not None:
        _refuse_url(words.report, "--report")
    plan = Plan(
        words.photos,
        into=None if words.into is None else place_of(words.into),
        output=None if words.output is None else place_of(words.output),
        recursive=words.recursive,
        format=options.format,
        overwrite=words.overwrite,
        palettes=options.settings.palettes,
    )
    census = plan.check()
    if census.items == 0:
        hint = "Give --recursive to enter the folders inside." if census.not_entered else ""
        raise PhotoError(f"There is no picture in {shown(' '.join(words.photos))}.", advice=hint)
    photos = census.items // plan.palettes
    if options.settings.of_one_photograph and photos > 1:
        raise UsageError(
            f"Hints and masks are for one photograph, but there are {photos:,} inputs.",
            advice="Colour that photograph by a command of its own.",
        )
    if words.certainty is not None:
        _refuse_certainty(words, items=photos)
    if words.save_settings is not None:
        _refuse_url(words.save_settings, "--save-settings")
        _refuse_existing(Path(words.save_settings), words)
    if words.report is not None and words.report == words.contact_sheet:
        raise UsageError("--report and --contact-sheet name the same file.")
    if options.settings.needs:
        _refuse_model(options)
    tally = Tally()
    began = time.monotonic()
    rows = _run(words, plan, options, items=census.items)
    with (
        open_report(_path(words.report)) as report,
        open_sheet(_path(words.contact_sheet), items=census.items) as sheet,
        screen(census.items) as view,
        closing(rows),
    ):
        for row in rows:
            tally.add(row)
            report.add(row)
            if sheet is not None:
                sheet.add(row)
            _tell(row, view, alone=census.items == 1, checked=words.check)
    if census.items > 1:
        say(_last_line(tally, census, time.monotonic() - began))
    if words.certainty is not None and tally.exit_code == 0:
        _write_certainty(words, plan, options)
    if words.save_settings is not None and tally.exit_code == 0:
        _save_settings(Path(words.save_settings), options)
    return tally.exit_code


def _path(word: str | None) -> Path | None:
    return None if word is None else Path(word)


def _run(
    words: PhotoArguments, plan: "Plan", options: "Options", *, items: int
) -> Generator[Row, None, None]:
    if words.engine == "ray":
        from tintype.cluster.run import run as run_on_cluster

        return run_on_cluster(plan, options, items=items, jobs=words.jobs)
    from tintype.jobs.run import run

    return run(plan, options, items=items, jobs=words.jobs)


def _refuse_url(word: str, option: str) -> None:
    """For files that are written here, a line at a time or beside the pictures."""
    from tintype.files.remote import Remote, place_of

    if isinstance(place_of(word), Remote):
        raise UsageError(f"{option} names a file on this machine, but {shown(word)} is a URL.")


def _refuse_model(options: "Options") -> None:
    """Once, before a folder is begun, and not for each of its photographs."""
    from tintype.engine.bundle import load_bundle

    bundle = load_bundle(options.model)
    missing = options.settings.needs - set(bundle.card.capabilities)
    if missing:
        raise ModelError(
            f"The model {bundle.name} gives no {' and no '.join(sorted(missing))}, which "
            "--palettes and --reference need.",
            advice="Leave --model out to use tintype-own.",
        )


def _refuse_certainty(words: PhotoArguments, *, items: int) -> None:
    """Before anything is coloured: the map is of one photograph, and no picture is lost to it."""
    _refuse_url(str(words.certainty), "--certainty")
    target = Path(str(words.certainty))
    if items > 1:
        raise UsageError(
            f"A map of certainty is of one photograph, but there are {items:,} inputs.",
            advice="Colour that photograph by a command of its own.",
        )
    if target.suffix.lower() != ".png":
        raise UsageError(
            f"{shown(str(target))} is no PNG.", advice="Give a name that ends in .png."
        )
    _refuse_existing(target, words)


def _refuse_existing(target: Path, words: PhotoArguments) -> None:
    """A file beside the picture: it replaces nothing unasked, and never a picture of this run."""
    from tintype.files.atomic import target_exists

    if target_exists(target) and not words.overwrite:
        raise TargetExistsError(
            f"{shown(str(target))} exists already.", advice="Move it away, or give --overwrite."
        )
    others = [Path(photo) for photo in words.photos] + (
        [Path(words.output)] if words.output else []
    )
    # Not Path.resolve: a loop of links is an error to it.
    if any(os.path.realpath(target) == os.path.realpath(other) for other in others):
        raise TargetExistsError(f"{shown(str(target))} is the input or the output itself.")


def _save_settings(target: Path, options: "Options") -> None:
    from tintype.engine.bundle import load_bundle
    from tintype.jobs.sidecar import Sidecar, write_sidecar

    bundle = load_bundle(options.model)
    said = Sidecar(
        model=bundle.name,
        model_sha256=bundle.sha256,
        settings=options.settings,
        format=options.format,
        strip_metadata=options.strip_metadata,
        keep_luminance=options.keep_luminance,
    )
    write_sidecar(target, said, overwrite=options.overwrite)
    Screen().written(str(target))


def _write_certainty(words: PhotoArguments, plan: "Plan", options: "Options") -> None:
    from tintype.engine.bundle import load_bundle
    from tintype.engine.predict import Engine
    from tintype.files.atomic import write_atomically
    from tintype.files.remote import read
    from tintype.jobs.plan import Job, same_file
    from tintype.photo.decode import decode
    from tintype.pipeline import certainty_map

    job = next(item for item in plan if isinstance(item, Job))
    target = Path(str(words.certainty))
    if same_file(target, job.target):
        raise TargetExistsError(f"{shown(str(target))} is the coloured photograph itself.")
    data = read(job.source, max_pixels=options.max_pixels)
    photos = decode(data, name=shown(job.source), max_pixels=options.max_pixels)
    engine = Engine(load_bundle(options.model))
    found = certainty_map(photos, engine=engine, settings=options.settings)
    write_atomically(target, found, overwrite=words.overwrite)
    Screen().written(str(target))


def _options(words: PhotoArguments) -> "Options":
    from tintype.engine.settings import Settings
    from tintype.jobs.work import Options

    options = Options(
        model=words.model,
        settings=Settings(),
        format=words.format,
        strip_metadata=words.strip_metadata,
        overwrite=words.overwrite,
        color_photos=words.color_photos,
        check_grey=words.check,
        thumbnails=words.contact_sheet is not None,
    )
    if words.max_megapixels is not None:
        options = replace(options, max_pixels=round(words.max_megapixels * 1e6))
    if words.settings is not None:
        options = _as_saved(Path(words.settings), options)
    if words.keep_luminance is not None:
        options = replace(options, keep_luminance=words.keep_luminance)
    if options.keep_luminance == "exact":
        from tintype.photo.formats.jpeg_coefficients import check_installed

        check_installed()  # once, and not for each photograph of a folder
    return replace(options, settings=_settings(words, options.settings, options.max_pixels))


def _as_saved(path: Path, options: "Options") -> "Options":
    from tintype.engine.bundle import load_bundle
    from tintype.jobs.sidecar import read_sidecar

    said = read_sidecar(path, max_pixels=options.max_pixels)
    said.check(load_bundle(options.model))
    return replace(
        options,
        settings=said.settings,
        format=options.format or said.format,
        strip_metadata=options.strip_metadata or said.strip_metadata,
        keep_luminance=said.keep_luminance,
    )


def _settings(words: PhotoArguments, settings: "Settings", max_pixels: int) -> "Settings":
    """What is typed, on top of what was saved; a picture with more pixels is refused."""
    given: dict[str, Any] = {
        "vividness": words.vividness,
        "quality": words.quality,
        "warmth": words.warmth,
        "palettes": words.palettes,
    }
    settings = replace(settings, **{key: v for key, v in given.items() if v is not None})
    if words.hint or words.hints is not None:
        from tintype.engine.hints import parse_hint, read_hints

        from_file = [] if words.hints is None else read_hints(Path(words.hints))
        typed = (*from_file, *(parse_hint(text) for text in words.hint))
        settings = replace(settings, hints=(*settings.hints, *typed))
    if words.scribbles is not None or words.mask is not None:
        from tintype.engine.layers import read_mask, read_scribbles

        if words.scribbles is not None:
            settings = replace(
                settings, scribbles=read_scribbles(Path(words.scribbles), max_pixels=max_pixels)
            )
        if words.mask is not None:
            settings = replace(settings, mask=read_mask(Path(words.mask), max_pixels=max_pixels))
    if words.reference is not None:
        from tintype.engine.reference import read_reference

        settings = replace(
            settings, reference=read_reference(Path(words.reference), max_pixels=max_pixels)
        )
    return settings


def _tell(row: "Row", view: Screen, *, alone: bool, checked: bool) -> None:
    """Says what became of one input; the grey check where it was asked for."""
    name = shown(row.input)
    if row.status == "failed":
        view.say(" ".join(part for part in (row.error, row.advice) if part))
    elif row.status == "skipped":
        # Outputs of earlier runs among the inputs are ordinary; they are only counted.
        if alone or row.reason != OWN_OUTPUT:
            hint = _SKIP_HINTS.get(row.reason or "", "")
            view.say(f"{name} is skipped: {row.reason}.{hint}")
    elif row.output is not None:
        _tell_more(name, row.notes, row.grey_check if alone or checked else None, view)
        if row.status == "done":
            if alone:
                view.say(f"{name} is coloured, in {row.seconds:.1f} s.")
            view.written(row.output)
        elif alone:
            view.say(f"{name} is done already: {shown(row.output)}.")
    view.step()


def _tell_more(name: str, notes: Sequence[str], grey_check: str | None, view: Screen) -> None:
    """What the format could not carry, in one line; and the grey check."""
    if notes:
        view.say(f"{name}: {' '.join(notes)}")
    if grey_check is not None:
        view.say(f"{name}: the grey of the output, compared with the input: {grey_check}.")


def _last_line(tally: "Tally", census: "Census", seconds: float) -> str:
    line = tally.sentence()
    if census.left_alone:
        line += f"; {_count(census.left_alone, 'other file')} left alone"
    if census.not_entered:
        line += f"; {_count(census.not_entered, 'folder')} not entered (see --recursive)"
    return f"{line}; {seconds:.1f} s."


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _stream(words: PhotoArguments) -> int:
    """One picture from standard input, or to standard output, or both."""
    if len(words.photos) != 1:
        raise UsageError("A stream is one picture, but several inputs are named.")
    if words.into is not None or words.report is not None or words.contact_sheet is not None:
        raise UsageError(
            "--into, --report and --contact-sheet are for files and folders, not for streams."
        )
    if words.certainty is not None or words.save_settings is not None:
        raise UsageError("--certainty and --save-settings are for files, not for streams.")
    for word in (words.photos[0], words.output or "-"):
        _refuse_url(word, "A stream")
    if words.engine == "ray":
        raise UsageError("--engine ray is for files and folders, not for streams.")
    source = words.photos[0]
    output = None if words.output in {None, "-"} else Path(str(words.output))
    if output is None and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError(
            "A picture is not written to a terminal.", advice="Add > FILE, or -o FILE."
        )
    if source == "-" and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(
            "- reads a picture from standard input, but nothing is piped in.",
            advice="Add < FILE, or name the file.",
        )
    options = _options(words)
    if options.settings.palettes > 1:
        raise UsageError("--palettes writes several files, but a stream is one.")
    from tintype.engine.bundle import load_bundle
    from tintype.engine.predict import Engine
    from tintype.files.atomic import write_atomically
    from tintype.files.local import read_input, read_stream
    from tintype.jobs.plan import check_output_name
    from tintype.photo.decode import decode
    from tintype.pipeline import colorize_photos, provenance_of

    form = options.format if output is None else check_output_name(output, options.format)
    if source == "-":
        name = "standard input"
        data = read_stream(sys.stdin.buffer, name=name, max_pixels=options.max_pixels)
    else:
        name = shown(source)
        data = read_input(Path(source), max_pixels=options.max_pixels)
    bundle = load_bundle(options.model)
    colored = colorize_photos(
        decode(data, name=name, max_pixels=options.max_pixels),
        name=name,
        engine=Engine(bundle),
        settings=options.settings,
        provenance=provenance_of(
            data,
            bundle,
            options.settings,
            strip_metadata=options.strip_metadata,
            keep_luminance=options.keep_luminance,
        ),
        form=form,
        strip_metadata=options.strip_metadata,
        color_photos=options.color_photos or "color",
        check_grey=options.check_grey,
        luminance_of=data if options.keep_luminance == "exact" else None,
    )
    view = Screen()
    _tell_more(name, colored.notes, colored.grey_check, view)
    if output is None:
        write_picture(colored.data)
    else:
        write_atomically(output, colored.data, overwrite=options.overwrite)
        view.written(str(output))
    return 0
