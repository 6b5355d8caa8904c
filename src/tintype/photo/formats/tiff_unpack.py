"""Strips and tiles of a TIFF, unpacked: deflate by zlib, LZW and the others by libtiff.

libtiff receives each batch of strips as a small TIFF of plain bytes.

Source: TIFF revision 6.0; Adobe TIFF technical note 3 (deflate).
"""

import io
import struct
import zlib

from PIL import TiffImagePlugin

from tintype.photo.formats import tiff_tags
from tintype.photo.formats.input_file import InputFile
from tintype.photo.metadata import ifd
from tintype.photo.metadata.ifd import DirectoryEntry, Tags


def unpacked(
    file: InputFile,
    compression: int,
    packed: list[bytes],
    rows: int,
    row_bytes: int,
) -> list[bytes]:
    """The bytes of strips or tiles of one shape.

    Args:
        file: For messages.
        compression: TIFF number.
        packed: Each strip or tile as stored.
        rows: Rows of each.
        row_bytes: Bytes per row.

    Raises:
        UnreadablePhotoError: One of them is damaged.
    """
    size = rows * row_bytes
    if compression == tiff_tags.UNPACKED:
        return packed
    if compression in tiff_tags.DEFLATES:
        try:
            return [zlib.decompressobj().decompress(part, size) for part in packed]
        except zlib.error as error:
            file.fail(str(error))
    # libtiff receives the bytes as RGBA of any width: fewer pixels than as grey, so a picture in
    # one strip stays below the size at which Pillow suspects a decompression bomb.
    wide = 1 if size % 4 else 4
    rows, columns = (rows, row_bytes // wide) if row_bytes % wide == 0 else (1, size // wide)
    places = [8]
    for part in packed[:-1]:
        places.append(places[-1] + len(part))
    base = places[-1] + len(packed[-1])
    base += base % 2
    tags: dict[int, DirectoryEntry | Tags] = {
        tag: ifd.integer_entry("<", ifd.LONG, *values)
        for tag, values in (
            (tiff_tags.WIDTH, (columns,)),
            (tiff_tags.HEIGHT, (rows * len(packed),)),
            (tiff_tags.BITS, (8,) * wide),
            (tiff_tags.COMPRESSION, (compression,)),
            (tiff_tags.PHOTOMETRIC, (1 if wide == 1 else 2,)),
            (tiff_tags.STRIP_OFFSETS, places),
            (tiff_tags.SAMPLES, (wide,)),
            (tiff_tags.ROWS_PER_STRIP, (rows,)),
            (tiff_tags.STRIP_COUNTS, tuple(map(len, packed))),
        )
    }
    if wide == 4:
        tags[tiff_tags.EXTRA] = ifd.integer_entry("<", ifd.SHORT, 2)
    with file.reading():
        body = b"".join(packed)
        stream = b"".join(
            (
                b"II*\0" + struct.pack("<I", base),
                body + b"\0" * (len(body) % 2),
                ifd.serialize(tags, order="<", base=base),
            )
        )
        data = TiffImagePlugin.TiffImageFile(io.BytesIO(stream)).tobytes()
    return [data[at : at + size] for at in range(0, size * len(packed), size)]
