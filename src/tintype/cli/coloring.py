"""The command `tintype PHOTO...`: turns arguments into options and a plan, and reports the run.

Heavy modules are imported only when they are needed.
"""

import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tintype.cli.options import PhotoArguments
from tintype.cli.roles import check_roles, check_streams
from tintype.cli.run_lines import last_line, skipped_lines, stopped_line, tell, tell_more
from tintype.cli.show import Screen, say, screen, write_picture
from tintype.errors import (
    PhotoError,
    TargetExistsError,
    TintypeError,
    UsageError,
    WriteError,
    shown,
)
from tintype.jobs.report import JobResult, Tally, open_report

if TYPE_CHECKING:
    from tintype.engine.settings import Settings
    from tintype.jobs.color_files import RunOptions
    from tintype.jobs.plan import Plan
    from tintype.jobs.walk import PlanCounts


def color_photographs(arguments: PhotoArguments) -> int:
    """Colours the given photographs.

    Args:
        arguments: The parsed arguments.

    Returns:
        The exit code: 0 all done, 1 some files failed.

    Raises:
        TintypeError: Nothing could be done.
    """
    with _decoding(arguments):
        if "-" in arguments.photos or arguments.output == "-":
            return _stream(arguments)
        return _files(arguments)


@contextmanager
def _decoding(arguments: PhotoArguments) -> Iterator[None]:
    """Decodes all files, including masks and references, in the sandbox if one was requested."""
    if not arguments.sandbox:
        yield
        return
    from tintype.photo.sandbox.sandbox import UNFILTERED, Sandbox
    from tintype.photo.sandbox.scope import decoding_in

    with Sandbox() as sandbox, decoding_in(sandbox):
        if not sandbox.filtered:
            say(UNFILTERED)
        yield


def _files(arguments: PhotoArguments) -> int:
    """Colours files, folders and URLs."""
    options = _options(arguments)
    from tintype.files.remote import parse_location
    from tintype.jobs.plan import Plan

    if arguments.report is not None:
        _refuse_url(arguments.report, "--report")
    inputs, outputs = _inputs(arguments, options), _outputs(arguments)
    check_roles([*(("PHOTO", photo) for photo in arguments.photos), *inputs], outputs)
    plan = Plan(
        arguments.photos,
        into=None if arguments.into is None else parse_location(arguments.into),
        output=None if arguments.output is None else parse_location(arguments.output),
        recursive=arguments.recursive,
        format=options.output.format,
        overwrite=arguments.overwrite,
        palettes=options.settings.palettes,
        layered=options.output.layer,
        other_inputs=[(option, Path(word)) for option, word in inputs if word is not None],
        other_outputs=[
            (option, Path(word)) for option, word in outputs if word is not None and option != "-o"
        ],
    )
    counts = plan.check()
    if counts.items == 0:
        hint = ""
        if counts.folders_not_entered:
            hint = "Add --recursive to include subfolders."
        elif counts.system_folders:
            hint = "Hidden and system folders are left alone; name one to colour its contents."
        raise PhotoError(
            f"There is no picture in {shown(' '.join(arguments.photos))}.", advice=hint
        )
    _refuse_before(arguments, options, photos=counts.items // plan.palettes)
    if arguments.dry_run:
        from tintype.cli.rehearsal import rehearse_photographs

        return rehearse_photographs(arguments, plan, options, counts, outputs)
    code = _report(arguments, _run(arguments, plan, options, items=counts.items), counts)
    if arguments.certainty is not None and code == 0:
        _write_certainty(arguments, plan, options)
    if arguments.save_settings is not None and code == 0:
        _save_settings(Path(arguments.save_settings), options)
    return code


def _report(
    arguments: PhotoArguments, rows: Generator[JobResult, None, None], counts: "PlanCounts"
) -> int:
    """Reports the result of each input, on the screen and in files, and prints a summary.

    Returns:
        The exit code.
    """
    from tintype.jobs.contact_sheet import open_sheet

    tally = Tally()
    began = time.monotonic()
    alone = counts.items == 1
    stopped = False
    unwritten: list[TintypeError] = []
    with (
        open_report(_path(arguments.report)) as report,
        open_sheet(_path(arguments.contact_sheet), items=counts.items) as sheet,
        screen(counts.items) as view,
        closing(rows),
    ):
        for row in rows:
            tally.add(row)
            report.add(row)
            if sheet is not None:
                sheet.add(row)
            stopped = row.stops and not alone
            if stopped:
                view.say(stopped_line(row, tally, counts))
            else:
                tell(row, view, alone=alone, checked=arguments.check)
        # The photographs are there, so this must not end the command before its last line.
        for finish in (report.check, *(() if sheet is None else (sheet.publish,))):
            try:
                finish()
            except TintypeError as error:
                unwritten.append(error)
    if not alone and not stopped:
        for line in skipped_lines(tally, reported=arguments.report is not None):
            say(line)
        say(last_line(tally, counts, time.monotonic() - began))
    for problem in unwritten:
        say(str(problem))
    return max(tally.exit_code, WriteError.exit_code) if unwritten else tally.exit_code


def _refuse_before(arguments: PhotoArguments, options: "RunOptions", *, photos: int) -> None:
    """Refuses incompatible arguments before anything is coloured.

    Args:
        arguments: The parsed arguments.
        options: The run options derived from them.
        photos: The number of inputs.
    """
    if options.settings.of_one_photograph and photos > 1:
        raise UsageError(
            f"Hints, masks and --colors are for one photograph, but there are {photos:,} inputs.",
            advice="Colour that photograph with a separate command.",
        )
    if arguments.certainty is not None:
        if options.settings.colors is not None:
            raise UsageError("--certainty requires a prediction, but --colors replaces it.")
        _refuse_certainty(arguments, items=photos)
    if arguments.save_settings is not None:
        _refuse_url(arguments.save_settings, "--save-settings")
        _check_settings_file(Path(arguments.save_settings), options)
    _check_model(options)


def _inputs(arguments: PhotoArguments, options: "RunOptions") -> list[tuple[str, str | None]]:
    """The files read besides the photographs, and the option that names each."""
    layers = options.settings.layers()
    return [
        ("--hints", arguments.hints),
        ("--settings", arguments.settings),
        ("--model", arguments.model if os.path.lexists(arguments.model or "") else None),
        *((f"--{name}", layer.path) for name, layer in layers.items()),
    ]


def _outputs(arguments: PhotoArguments) -> list[tuple[str, str | None]]:
    """The output files that are named explicitly, and the option that names each."""
    return [
        ("-o", arguments.output),
        ("--certainty", arguments.certainty),
        ("--save-settings", arguments.save_settings),
        ("--report", arguments.report),
        ("--contact-sheet", arguments.contact_sheet),
    ]


def _path(word: str | None) -> Path | None:
    return None if word is None else Path(word)


def _run(
    arguments: PhotoArguments, plan: "Plan", options: "RunOptions", *, items: int
) -> Generator[JobResult, None, None]:
    if arguments.executor == "ray":
        from tintype.cluster.run import run as run_on_cluster

        return run_on_cluster(plan, options, items=items, jobs=arguments.jobs)
    from tintype.jobs.run import run

    return run(plan, options, items=items, jobs=arguments.jobs)


def _refuse_url(word: str, option: str) -> None:
    """Refuses a URL for a file that must be written on this machine."""
    from tintype.files.remote import RemotePath, parse_location

    if isinstance(parse_location(word), RemotePath):
        raise UsageError(f"{option} names a file on this machine, but {shown(word)} is a URL.")


def _check_model(options: "RunOptions") -> None:
    """Checks the model once per run, not for each photograph of a folder."""
    if options.settings.needs:
        from tintype.engine.bundle import load_bundle

        bundle = load_bundle(options.model)
        options.settings.check_model(bundle.label, bundle.card.capabilities)


def _refuse_certainty(arguments: PhotoArguments, *, items: int) -> None:
    """Checks --certainty in advance: it covers one photograph and must not replace a picture."""
    _refuse_url(str(arguments.certainty), "--certainty")
    target = Path(str(arguments.certainty))
    if items > 1:
        raise UsageError(
            f"A certainty map is for one photograph, but there are {items:,} inputs.",
            advice="Colour that photograph with a separate command.",
        )
    if target.suffix.lower() != ".png":
        raise UsageError(
            f"{shown(str(target))} is not a PNG.", advice="Give a name that ends in .png."
        )
    _check_certainty(target, overwrite=arguments.overwrite)


def _check_certainty(target: Path, *, overwrite: bool) -> None:
    from tintype.files.own import check_replaceable, has_png_mark
    from tintype.pipeline import CERTAINTY

    check_replaceable(
        target,
        lambda data: has_png_mark(data, CERTAINTY),
        overwrite=overwrite,
        what="a certainty map",
    )


def _check_settings_file(target: Path, options: "RunOptions") -> None:
    from tintype.files.own import check_replaceable
    from tintype.jobs.sidecar import is_sidecar

    check_replaceable(target, is_sidecar, overwrite=options.overwrite, what="a settings file")


def _save_settings(target: Path, options: "RunOptions") -> None:
    from tintype.engine.bundle import load_bundle
    from tintype.jobs.sidecar import Sidecar, write_sidecar

    _check_settings_file(target, options)  # again: it may have appeared in the meantime
    bundle = load_bundle(options.model)
    sidecar = Sidecar(bundle.name, bundle.sha256, options.settings, options.output)
    write_sidecar(target, sidecar, overwrite=options.overwrite)
    Screen().written(str(target))


def _write_certainty(arguments: PhotoArguments, plan: "Plan", options: "RunOptions") -> None:
    from tintype.engine.bundle import load_bundle
    from tintype.engine.predict import Engine
    from tintype.files.atomic import write_atomically
    from tintype.files.remote import read
    from tintype.jobs.plan import Job
    from tintype.jobs.same_file import same_file
    from tintype.photo.decode import decode
    from tintype.pipeline import certainty_map

    job = next(item for item in plan if isinstance(item, Job))
    target = Path(str(arguments.certainty))
    if same_file(target, job.target):
        raise TargetExistsError(f"{shown(str(target))} is the coloured photograph itself.")
    data = read(job.source, max_pixels=options.max_pixels)
    photos = decode(data, name=shown(job.source), max_pixels=options.max_pixels)
    engine = Engine(load_bundle(options.model))
    found = certainty_map(photos, engine=engine, settings=options.settings)
    # Checked again: the file may have appeared in the meantime.
    _check_certainty(target, overwrite=arguments.overwrite)
    write_atomically(target, found, overwrite=arguments.overwrite)
    Screen().written(str(target))


def _options(arguments: PhotoArguments) -> "RunOptions":
    from tintype.cli.setting_options import output_from, settings_from
    from tintype.engine.settings import default_output, default_settings
    from tintype.jobs.color_files import RunOptions

    options = RunOptions(
        model=arguments.model,
        settings=default_settings("command"),
        output=default_output("command"),
        overwrite=arguments.overwrite,
        color_photos=arguments.color_photos,
        check_grey=arguments.check,
        thumbnails=arguments.contact_sheet is not None,
        sandbox=arguments.sandbox,
    )
    if arguments.max_megapixels is not None:
        options = replace(options, max_pixels=round(arguments.max_megapixels * 1e6))
    if arguments.settings is not None:
        options = _as_saved(Path(arguments.settings), options)
    options = replace(options, output=output_from(arguments.given, options.output))
    if options.output.keep_luminance == "exact":
        from tintype.photo.formats.jpeg_coefficients import check_installed

        check_installed()  # once, not for each photograph of a folder
    settings = settings_from(arguments.given, options.settings, max_pixels=options.max_pixels)
    return replace(options, settings=_with_hints(arguments, settings))


def _with_hints(arguments: PhotoArguments, settings: "Settings") -> "Settings":
    """Adds the hints from --hints and --hint to the saved ones."""
    if not arguments.hint and arguments.hints is None:
        return settings
    from tintype.engine.hints import parse_hint
    from tintype.engine.settings_parsing import read_hints

    from_file = [] if arguments.hints is None else read_hints(Path(arguments.hints))
    typed = [parse_hint(text) for text in arguments.hint]
    return replace(settings, hints=(*settings.hints, *from_file, *typed))


def _as_saved(path: Path, options: "RunOptions") -> "RunOptions":
    from tintype.engine.bundle import load_bundle
    from tintype.jobs.sidecar import read_sidecar

    sidecar = read_sidecar(path, max_pixels=options.max_pixels)
    sidecar.check(load_bundle(options.model), path)
    return replace(options, settings=sidecar.settings, output=sidecar.output)


def _refuse_as_stream(arguments: PhotoArguments) -> None:
    """Refuses arguments that do not apply to a single picture read or written as a stream."""
    if len(arguments.photos) != 1:
        raise UsageError("A stream is one picture, but there are several inputs.")
    if (
        arguments.into is not None
        or arguments.report is not None
        or arguments.contact_sheet is not None
    ):
        raise UsageError(
            "--into, --report and --contact-sheet are for files and folders, not for streams."
        )
    if arguments.certainty is not None or arguments.save_settings is not None:
        raise UsageError("--certainty and --save-settings are for files, not for streams.")
    for place in (arguments.photos[0], arguments.output or "-"):
        _refuse_url(place, "A stream")
    if arguments.dry_run:
        raise UsageError("--dry-run is for files and folders, not for streams.")
    if arguments.executor == "ray":
        raise UsageError("--executor ray is for files and folders, not for streams.")
    source = arguments.photos[0]
    if arguments.output in {None, "-"} and sys.stdout is not None and sys.stdout.isatty():
        raise UsageError(
            "A picture cannot be written to a terminal.", advice="Add > FILE, or -o FILE."
        )
    if source == "-" and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(
            "- reads a picture from standard input, but nothing is piped in.",
            advice="Add < FILE, or name the file.",
        )


def _stream(arguments: PhotoArguments) -> int:
    """Colours one picture that is read from standard input, written to standard output, or both."""
    _refuse_as_stream(arguments)
    source = arguments.photos[0]
    output = None if arguments.output in {None, "-"} else Path(str(arguments.output))
    from tintype.engine.bundle import load_bundle
    from tintype.engine.predict import Engine
    from tintype.files.atomic import write_atomically
    from tintype.files.local import read_input, read_stream
    from tintype.files.own import check_replaceable
    from tintype.photo.decode import decode, is_own_picture
    from tintype.photo.naming import check_output_name
    from tintype.pipeline import Request, colorize_photos, provenance_of

    options = _options(arguments)
    inputs = [("PHOTO", source), *_inputs(arguments, options)]
    check_roles(inputs, _outputs(arguments))
    check_streams(inputs, [("-o", "-" if output is None else str(output))])
    if output is not None:
        check_replaceable(
            output, is_own_picture, overwrite=options.overwrite, what="a coloured photograph"
        )
    if options.settings.palettes > 1:
        raise UsageError("--palettes writes several files, but a stream is only one.")
    written = options.output
    if output is not None:
        form = check_output_name(output, written.format, layered=written.layer)
        written = replace(written, format=form)
    if source == "-":
        name = "standard input"
        data = read_stream(sys.stdin.buffer, name=name, max_pixels=options.max_pixels)
    else:
        name = shown(source)
        data = read_input(Path(source), max_pixels=options.max_pixels)
    bundle = load_bundle(options.model)
    request = Request(
        options.settings, written, options.color_photos or "color", options.check_grey
    )
    colored = colorize_photos(
        decode(data, name=name, max_pixels=options.max_pixels),
        request,
        name=name,
        engine=Engine(bundle),
        provenance=provenance_of(data, bundle, options.settings, written),
        source=data if request.needs_source else None,
    )
    view = Screen()
    tell_more(name, colored.notes, colored.grey_check, view)
    if output is None:
        write_picture(colored.data)
    else:
        write_atomically(output, colored.data, overwrite=options.overwrite)
        view.written(str(output))
    return 0
