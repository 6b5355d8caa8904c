"""PBM, PGM, PPM and PFM: Pillow decodes up to 8 bits; larger samples are read here.

Pillow reduces 16-bit colour to 8 bits. PFM stores light as floating-point numbers.

Source: the Netpbm format descriptions (pbm, pgm, ppm, pfm).
"""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage
from tintype.photo.parts import UnknownParts

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile

# The fields of a header, each a number; and comments, which may come between them.
_FIELD = re.compile(rb"[ \t\r\n\v\f]*(?:#([^\r\n]*)[\r\n]|(\d{1,10})(?=[ \t\r\n\v\f#]))")
# Width, height, and a number whose sign gives the byte order.
_FLOAT_HEADER = re.compile(rb"P[Ff]\s+(\d{1,10})\s+(\d{1,10})\s+([+-]?[\d.eE+-]{1,20})\s")
_MAX_FIELDS = 1000
_MAX_COMMENT = 16_384


@dataclass(slots=True)
class PpmHeader:
    """The header of a file.

    Attributes:
        numbers: Width, height and, unless the samples are bits, the largest value.
        comments: Without the comment markers.
        end: Where the samples begin.
    """

    numbers: list[int] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    end: int = 0


def _read_header(data: bytes) -> PpmHeader | None:
    """Reads a header; None if it is damaged."""
    found = PpmHeader()
    at = 2
    for _ in range(_MAX_FIELDS):
        match = _FIELD.match(data, at)
        if match is None:
            return None
        at = match.end()
        if match[1] is not None:
            found.comments.append(match[1].strip())
        else:
            found.numbers.append(int(match[2]))
        if len(found.numbers) == (2 if data[1] in b"14" else 3):
            found.end = at + 1
            return found
    return None


def _sniff(head: bytes) -> bool:
    return len(head) > 2 and head[:1] == b"P" and head[1] in b"123456Ff" and head[2] in b" \t\r\n#"


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    import numpy as np
    from PIL import PpmImagePlugin

    from tintype.photo.formats import pillow

    if file.data[1] in b"Ff":
        return [_read_floats(file)]
    header = _read_header(file.data)
    deep = header is not None and len(header.numbers) == 3 and header.numbers[2] > 255
    if header is None or not deep or file.data[1] not in b"56":
        page = pillow.decode_page(pillow.open_still(PpmImagePlugin.PpmImageFile, file), file)
        if deep and file.data[1] == ord("3"):
            page.notes += ("Its 16 bits a channel are read as 8: convert it to P6 first.",)
        return [_with_comments(page, header, file.data)]
    width, height, top = header.numbers
    file.check_size(width, height)
    if top > 65_535:
        file.fail("its header is damaged")
    channels = 3 if file.data[1] == ord("6") else 1
    count = width * height * channels
    if len(file.data) - header.end < 2 * count:
        file.fail("the file ends too early")
    samples = np.frombuffer(file.data, ">u2", count, header.end).astype(np.uint16)
    if top != 65_535:
        wide = np.minimum(samples, top).astype(np.uint32) * 65_535 + top // 2
        samples = (wide // top).astype(np.uint16)
    shape = (height, width, 3) if channels == 3 else (height, width)
    return [_with_comments(DecodedPage(samples.reshape(shape)), header, file.data)]


def _read_floats(file: "InputFile") -> DecodedPage:
    """A PFM: light, stored upside down; encoded as 16-bit sRGB."""
    import numpy as np

    from tintype.color.cielab import linear_to_rgb01
    from tintype.photo.formats import float_range

    header = _FLOAT_HEADER.match(file.data)
    if header is None:
        file.fail("its header is damaged")
    width, height = int(header[1]), int(header[2])
    file.check_size(width, height)
    channels = 3 if file.data[1] == ord("F") else 1
    count = width * height * channels
    if len(file.data) - header.end() < 4 * count:
        file.fail("the file ends too early")
    order = "<" if header[3].startswith(b"-") else ">"
    values = np.frombuffer(file.data, f"{order}f4", count, header.end())
    values = values.reshape(height, width, channels)[::-1].astype(np.float32)
    found, note = float_range.range_of([values], values.dtype, None)
    codes = found.codes(values, curve=linear_to_rgb01)
    page = DecodedPage(codes if channels == 3 else np.ascontiguousarray(codes[..., 0]))
    page.notes = (note,)
    unknown = UnknownParts()
    if file.data[header.end() + 4 * count :].strip():
        unknown.leave("data after its picture")
    page.notes += unknown.notes()
    return page


def _with_comments(page: DecodedPage, header: PpmHeader | None, data: bytes) -> DecodedPage:
    """Adds the comments of the header, and a note if anything follows the samples."""
    if header is None:
        return page
    text = b"\n".join(comment for comment in header.comments if comment)
    page.comment = text[:_MAX_COMMENT].decode("utf-8", "surrogateescape") or None
    width, height = header.numbers[:2]
    channels = {ord("5"): 1, ord("6"): 3}.get(data[1], 0)
    sample_bytes = 2 if header.numbers[-1] > 255 else 1
    size = width * height * channels * sample_bytes
    if data[1] == ord("4"):
        size = (width + 7) // 8 * height
    unknown = UnknownParts()
    if len(text) > _MAX_COMMENT:
        unknown.leave("the rest of a long comment")
    if size and data[header.end + size :].strip():
        unknown.leave("data after its picture")
    page.notes += unknown.notes()
    return page


def _write(pages: list[OutputPage], lost: list[str]) -> bytes:
    import numpy as np

    from tintype.photo.formats import pillow

    samples = pillow.samples(pages[0].photo)
    kind = b"P5" if samples.ndim == 2 else b"P6"
    top = 255 if samples.dtype == np.uint8 else 65_535
    text = (pages[0].metadata.comment or "").encode("utf-8", "surrogateescape")
    if len(text) > _MAX_COMMENT:
        lost.append("The comment is too long for PPM, and was cut off.")
    lines = b"".join(b"# %s\n" % line for line in text[:_MAX_COMMENT].splitlines() if line.strip())
    head = b"%s\n%s%d %d\n%d\n" % (kind, lines, samples.shape[1], samples.shape[0], top)
    return head + samples.astype(">u2" if top > 255 else np.uint8).tobytes()


PPM = Codec(
    name="PPM",
    title="PPM, PGM, PBM",
    suffixes=(".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    kept_suffixes=frozenset({".pnm"}),
    mime="image/x-portable-pixmap",
    writes="PPM",
    sniff=_sniff,
    read=_read,
    write=_write,
    carries=frozenset({"grey 8", "grey 16", "RGB 16", "comment"}),
    reads=frozenset({"grey 8", "grey 16", "RGB 16", "comment", "unknown parts"}),
)
