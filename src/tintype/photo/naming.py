"""How the coloured file of a photograph is called."""

from pathlib import Path

from tintype.errors import UnreadablePhotoError, shown
from tintype.photo.formats.registry import FORMATS, format_of_suffix, sniff

# Other spellings of an ending that are kept as the user has them. Endings that promise something
# else than the written file (".pgm" a grey picture, ".mpo" several) become the usual one instead.
_KEPT_SUFFIXES = frozenset({".jpeg", ".jpe", ".jfif", ".tiff", ".pnm"})


def target_name(source: Path, form: str | None = None) -> str:
    """The name of the coloured file of a source: ``name.color.jpg`` for ``name.jpg``.

    Args:
        source: A file; it is opened only where its ending says nothing about its format.
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
    usual = FORMATS[written].suffixes[0]
    kept = written == found and suffix.lower() in {usual, *_KEPT_SUFFIXES}
    return f"{stem}.color{suffix if kept else usual}"


def _first_bytes(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise UnreadablePhotoError(f"{shown(source)} cannot be read: {error.strerror}.") from error
