"""The name of a coloured file."""

from pathlib import Path

from tintype.errors import UnreadablePhotoError, shown
from tintype.photo.formats.registry import FORMATS, format_of_suffix, sniff


def target_name(source: Path, form: str | None = None) -> str:
    """The name of the coloured file of a source: ``name.color.jpg`` for ``name.jpg``.

    Args:
        source: A file; it is opened only if its ending is not that of a format.
        form: The format to write, a key of `FORMATS`; None keeps the source's own.

    Returns:
        A name without a folder.

    Raises:
        UnreadablePhotoError: The source has no known ending and no known contents.
    """
    suffix = source.suffix
    found = format_of_suffix(suffix)
    stem = source.stem if found is not None else source.name
    if found is None:
        found = sniff(_first_bytes(source))
    if found is None:
        raise UnreadablePhotoError(f"{shown(source)} is not a picture in a known format.")
    written = form or FORMATS[found].writes
    codec = FORMATS[written]
    default = codec.suffixes[0]
    kept = written == found and suffix.lower() in {default, *codec.kept_suffixes}
    return f"{stem}.color{suffix if kept else default}"


def _first_bytes(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise UnreadablePhotoError(f"{shown(source)} cannot be read: {error.strerror}.") from error
