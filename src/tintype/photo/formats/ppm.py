"""PBM, PGM and PPM: Pillow decodes up to 8 bits; two bytes a sample are read here.

Pillow reduces 16-bit colour to 8 bits.

Source: the Netpbm format descriptions (pbm, pgm, ppm).
"""

import re
from typing import TYPE_CHECKING

from tintype.photo.formats.codec import Codec, DecodedPage, OutputPage

if TYPE_CHECKING:
    from tintype.photo.formats.input_file import InputFile

_HEAD = re.compile(
    rb"P([56])(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,5})\s"
)
_HEAD_WITHIN = 4096


def _sniff(head: bytes) -> bool:
    return len(head) > 2 and head[:1] == b"P" and head[1] in b"123456" and head[2] in b" \t\r\n#"


def _read(file: "InputFile", _colors: bool) -> list[DecodedPage]:
    import numpy as np
    from PIL import PpmImagePlugin

    from tintype.photo.formats import pillow

    head = _HEAD.match(file.data[:_HEAD_WITHIN])
    if head is None or int(head[4]) < 256:
        return [pillow.decode_page(pillow.open_still(PpmImagePlugin.PpmImageFile, file), file)]
    width, height, top = (int(head[i]) for i in (2, 3, 4))
    file.check_size(width, height)
    if top > 65_535:
        file.fail("its header is damaged")
    channels = 3 if head[1] == b"6" else 1
    count = width * height * channels
    if len(file.data) - head.end() < 2 * count:
        file.fail("the file ends too early")
    samples = np.frombuffer(file.data, ">u2", count, head.end()).astype(np.uint16)
    if top != 65_535:
        wide = np.minimum(samples, top).astype(np.uint32) * 65_535 + top // 2
        samples = (wide // top).astype(np.uint16)
    shape = (height, width, 3) if channels == 3 else (height, width)
    return [DecodedPage(samples.reshape(shape))]


def _write(pages: list[OutputPage], _lost: list[str]) -> bytes:
    import numpy as np

    from tintype.photo.formats import pillow

    samples = pillow.samples(pages[0].photo)
    kind = b"P5" if samples.ndim == 2 else b"P6"
    top = 255 if samples.dtype == np.uint8 else 65_535
    head = b"%s\n%d %d\n%d\n" % (kind, samples.shape[1], samples.shape[0], top)
    return head + samples.astype(">u2" if top > 255 else np.uint8).tobytes()


PPM = Codec(
    name="PPM",
    title="PPM, PGM, PBM",
    suffixes=(".ppm", ".pgm", ".pbm", ".pnm"),
    kept_suffixes=frozenset({".pnm"}),
    mime="image/x-portable-pixmap",
    writes="PPM",
    sniff=_sniff,
    read=_read,
    write=_write,
    carries=frozenset({"grey 8", "grey 16", "RGB 16"}),
)
