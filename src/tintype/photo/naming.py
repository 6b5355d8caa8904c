"""File names of coloured photographs, and the formats that they imply."""

from pathlib import Path

from tintype.errors import UnreadablePhotoError, UsageError, shown
from tintype.files.remote import RemotePath
from tintype.photo.formats import open_raster
from tintype.photo.formats.film import FILM_SUFFIXES, film_error, is_film
from tintype.photo.formats.registry import FORMATS, format_of_suffix, sniff, writable_formats


def target_name(source: Path, form: str | None = None, *, layered: bool = False) -> str:
    """The name of the coloured file of a source: ``name.color.jpg`` for ``name.jpg``.

    Args:
        source: A file; opened only if its extension is not that of a format.
        form: The format to write, a key of `FORMATS`; None keeps the source's own.
        layered: Whether layers are written, as in `layer_ending`.

    Returns:
        A name without a folder.

    Raises:
        UnreadablePhotoError: Neither the extension nor the contents of the source are recognised.
        UnsupportedPhotoError: It is a film.
    """
    suffix = source.suffix
    found = format_of_suffix(suffix)
    stem = source.stem if found is not None else source.name
    if found is None:
        head = _first_bytes(source)
        found = sniff(head)
        if found is None and (source.suffix.lower() in FILM_SUFFIXES or is_film(head)):
            raise film_error(shown(source))
    if found is None:
        raise UnreadablePhotoError(f"{shown(source)} is not a picture in a known format.")
    if layered:
        return f"{stem}{layer_ending(form)}"
    written = form or FORMATS[found].writes
    codec = FORMATS[written]
    default = codec.suffixes[0]
    kept = written == found and suffix.lower() in {default, *codec.kept_suffixes}
    return f"{stem}.color{suffix if kept else default}"


def layer_ending(form: str | None) -> str:
    """The ending of the name of a file for image editors.

    Args:
        form: The format of the colour layer alone, a key of `FORMATS`; None is an OpenRaster file
            with the photograph below it.
    """
    if form is None:
        return f".color{open_raster.SUFFIX}"
    return f".layer{FORMATS[form].suffixes[0]}"


def check_output_name(
    output: Path | RemotePath, form: str | None, *, layered: bool = False
) -> str | None:
    """The format of an explicitly named output.

    Args:
        output: The file to be written.
        form: As given by --format, or None.
        layered: Whether layers are written.

    Returns:
        The format, or None if neither determines one, and for an OpenRaster file.

    Raises:
        UsageError: They contradict each other, or the extension belongs to a format that cannot be
            written.
    """
    by_name = format_of_suffix(output.suffix)
    if output.suffix.lower() == open_raster.SUFFIX:
        _check_layered_name(output, form, layered=layered)
        return None
    if layered and by_name not in open_raster.ALONE:
        raise UsageError(
            f"{shown(output.name)} is not the name of a file with layers.",
            advice="Name it .ora, or .png or .tif for the coloured layer alone.",
        )
    if form is not None:
        if by_name is not None and by_name != form:
            raise UsageError(
                f"{shown(output.name)} is the name of a {by_name} file, but --format is {form}."
            )
        return form
    if by_name is not None and by_name not in writable_formats():
        raise UsageError(
            f"{by_name} can be read but not written.",
            advice=f"Name the output with the extension of one of {', '.join(writable_formats())}.",
        )
    if by_name is None:
        raise UsageError(
            f"{shown(output.name)} does not have the extension of a picture format.",
            advice="Add an extension such as .jpg or .png, or use --format.",
        )
    return by_name


def _check_layered_name(output: Path | RemotePath, form: str | None, *, layered: bool) -> None:
    if form is not None:
        raise UsageError(
            f"{shown(output.name)} is the name of an OpenRaster file, but the format is {form}."
        )
    if not layered:
        raise UsageError(
            f"{shown(output.name)} is the name of a file with layers.",
            advice="Add --layer; in Python, layer=True.",
        )


def _first_bytes(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise UnreadablePhotoError(f"{shown(source)} cannot be read: {error.strerror}.") from error
