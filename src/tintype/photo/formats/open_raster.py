"""OpenRaster, the container of layers that image editors exchange: a ZIP archive of PNG files.

It is not a `Codec`, because it is only written: `tintype.photo.layered` determines its contents.

Source: OpenRaster baseline, file layout specification and layers stack specification.
"""

import io
from collections.abc import Iterable, Mapping
from itertools import chain

from tintype.files.zips import ListedZip

NAME = "ORA"
TITLE = "OpenRaster"
MIME = "image/openraster"
SUFFIX = ".ora"
ALONE = ("PNG", "TIFF")
"""Formats for a single layer: lossless, with 16 bits and transparency."""

COLOR, PHOTOGRAPH = "data/color.png", "data/photograph.png"
THUMBNAIL, MERGED = "Thumbnails/thumbnail.png", "mergedimage.png"
"""Names of the pictures in a file."""
_MIMETYPE = b"mimetype" + MIME.encode("ascii")
_HEADER = 30  # bytes of the header of an entry, before its name
_MOST_LIST = 1 << 20  # bytes of the list of entries, for about ten thousand layers
_TIME = (1980, 1, 1, 0, 0, 0)  # the same layers always give the same file
_STACK = """\
<?xml version="1.0" encoding="UTF-8"?>
<image version="0.0.5" w="{width}" h="{height}" xres="{across}" yres="{down}">
 <stack name="root">
  <layer name="Colour" src="{color}" composite-op="svg:color" x="0" y="0" opacity="1.0" \
visibility="visible"/>
  <layer name="Photograph" src="{photograph}" composite-op="svg:src-over" x="0" y="0" \
opacity="1.0" visibility="visible"/>
 </stack>
</image>
"""


def archive(
    *,
    size: tuple[int, int],
    dpi: tuple[float, float],
    pictures: Iterable[tuple[str, bytes]],
) -> bytes:
    """The photograph with its colours above it, in the blend mode "Color".

    Args:
        size: (height, width) in pixels.
        dpi: Horizontal and vertical dots per inch.
        pictures: Each of `COLOR`, `PHOTOGRAPH`, `THUMBNAIL` (at most 256 pixels a side) and
            `MERGED` (both layers combined) with its PNG file. They are consumed one by one, so not
            all have to be in memory at once.

    Returns:
        An OpenRaster file.
    """
    import zipfile

    across, down = (max(1, round(dots)) for dots in dpi)
    stack = _STACK.format(
        width=size[1], height=size[0], across=across, down=down, color=COLOR, photograph=PHOTOGRAPH
    )
    texts: Mapping[str, bytes] = {
        "mimetype": MIME.encode("ascii"),  # must be first, and uncompressed
        "stack.xml": stack.encode("ascii"),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as file:
        for name, data in chain(texts.items(), pictures):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, data)
    return stream.getvalue()


def recognised(data: bytes) -> bool:
    """Whether a file begins as an OpenRaster file; nothing is unpacked."""
    return data[_HEADER : _HEADER + len(_MIMETYPE)] == _MIMETYPE


def merged_picture(data: bytes) -> bytes | None:
    """All layers of a file combined, as a PNG.

    Args:
        data: Any file.

    Returns:
        None if it is not an OpenRaster file or has no such picture. Only a picture stored without
        compression is accepted, so it cannot be larger than the file.
    """
    if not recognised(data):
        return None
    import zipfile

    try:
        with ListedZip(data, most=_MOST_LIST) as file:
            entry = file.getinfo(MERGED)
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(data):
                return None
            return file.read(entry)
    # Raised by zipfile for damaged archives, encrypted entries (RuntimeError) and unknown
    # versions (NotImplementedError, a RuntimeError).
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, RuntimeError):
        return None
