"""Small files that mean to fill the memory or to keep the program busy: each is stopped.

    PYTHONPATH=tests python -m promises.bombs [--rounds 1] [--quick]

Each is made by a program, read in a process that is watched, and gives a picture or one line. The
memory is what the process held at its peak while it read the file, beyond what it held before: at
most 150 MB, two lengths of the file, and 8 bytes a pixel that the file may have (24 with 16 bits).
"""

import itertools
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from photo.samples import saved, scene
from promises.outcome import Outcome, Words, run_script
from promises.seeds import RGB, heic
from promises.watched import Watched

_FREE_MB = 150
_SECONDS = 15.0  # of processor time
_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Bomb:
    """A file that means harm.

    Attributes:
        make: Its bytes, of about so many megabytes where the harm grows with them.
        kind: "refused" or "picture" where one of them must come; "" where either may.
        says: Words of the message.
        task: What reads it.
        pixels: Of what is let through, for the memory it may take.
        deep: Whether they have 16 bits.
        max_pixels: It is read with.
    """

    make: Callable[[float], bytes]
    kind: str = "refused"
    says: str = ""
    task: str = "picture"
    pixels: int = 0
    deep: bool = False
    max_pixels: int = 100_000_000


# ----- PNG -----


def chunk(kind: bytes, body: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + crc


def zeros(count: int) -> bytes:
    """So many zeros, deflated twice as well as once: a long run costs a thousandth."""
    worker = zlib.compressobj(9)
    block = bytes(_MB)
    parts = [worker.compress(block) for _ in range(count // _MB)]
    return b"".join([*parts, worker.compress(bytes(count % _MB)), worker.flush()])


def png(*extra: bytes, size: tuple[int, int] = (8, 8), bits: int = 8, kind: int = 0) -> bytes:
    width, height = size
    samples = {0: 1, 2: 3, 6: 4}[kind]
    row = 1 + (width * bits * samples + 7) // 8
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0))
    body = chunk(b"IDAT", zeros(row * height)) + chunk(b"IEND", b"")
    return b"".join((b"\x89PNG\r\n\x1a\n", head, *extra, body))


def flood(kind: bytes, head: bytes) -> Callable[[float], bytes]:
    """Chunk after chunk, each a kilobyte for a megabyte."""

    def make(size: float) -> bytes:
        body = chunk(kind, head + zeros(64 * _MB))
        return png(*[body] * max(1, int(size * _MB / len(body))))

    return make


def text_chunks(size: float) -> bytes:
    one = chunk(b"tEXt", b"k\0")
    return png(one * int(size * _MB / len(one)))


def long_text(size: float) -> bytes:
    return png(chunk(b"tEXt", b"Comment\0" + b"x" * int(size * _MB)))


def hex_profile(size: float) -> bytes:
    text = b"\nexif\n 8\n" + b"45\n" * int(size * _MB / 3)
    return png(chunk(b"tEXt", b"Raw profile type exif\0" + text))


def long_exif(size: float) -> bytes:
    return png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(int(size * _MB))))


# ----- XMP -----


def xmp(inside: bytes) -> bytes:
    head = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="">'
    )
    return head + inside + b"</rdf:Description></rdf:RDF></x:xmpmeta>"


def xmp_png(packet: bytes) -> bytes:
    return png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))


def xmp_attributes(size: float) -> bytes:
    count = min(int(size * _MB) // 11, 99_000)  # as many as are let through
    names = b" ".join(b'a%x="1"' % n for n in range(count))
    return xmp_png(xmp(b"<rdf:li " + names + b"/>"))


def xmp_elements(size: float) -> bytes:
    return xmp_png(xmp(b"<rdf:li/>" * min(int(size * _MB) // 9, 99_000)))


def xmp_entities(size: float) -> bytes:
    return xmp_png(
        xmp(b"<rdf:li>" + b"&amp;" * (min(int(size * _MB), 7 * _MB) // 5) + b"</rdf:li>")
    )


def xmp_deep(size: float) -> bytes:
    count = min(int(size * _MB), 7 * _MB) // 20
    return xmp_png(xmp(b"<rdf:li>" * count + b"</rdf:li>" * count))


def xmp_lines(size: float) -> bytes:
    return xmp_png(xmp(b"<rdf:li>" + b"\n" * min(int(size * _MB), 7 * _MB) + b"</rdf:li>"))


def xmp_laughs(_: float) -> bytes:
    entities = b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"lol") for n in range(9)
    )
    return xmp_png(b"<!DOCTYPE x [" + entities + b"]>" + xmp(b"<rdf:li>&a8;</rdf:li>"))


def xmp_laughs_in_utf_16(size: float) -> bytes:
    """An entity of elements, and a document type that no search for ASCII finds."""
    count = int(size * _MB) // 100
    text = '<!DOCTYPE x [<!ENTITY e "' + "<a/>" * 2000 + '">]>'
    text += xmp(b"<rdf:li>" + b"&e;" * count + b"</rdf:li>").decode()
    return xmp_png(text.encode("utf-16"))


def xmp_elements_in_utf_32(size: float) -> bytes:
    count = min(int(size * _MB), 7 * _MB) // 36
    return xmp_png(xmp(b"<rdf:li/>" * count).decode().encode("utf-32"))


# ----- unknown parts -----


def png_unknown(size: float) -> bytes:
    """Chunks that nobody knows, each of another kind."""
    kinds = itertools.product(b"abcdefghij", b"abcdefghij", b"ABCDEFGHIJ", b"abcdefghijABCDEFGHIJ")
    return png(
        *[chunk(bytes(kind), b"x" * 40) for kind in itertools.islice(kinds, int(size * 9000))]
    )


def tiff_shared_tags(size: float) -> bytes:
    """Hundreds of pages, each of which claims the same bytes as XMP and as tags of its own."""
    length = int(size * _MB)
    pages = 600
    more = [ifd_row(tag, 7, length // 4, 8) for tag in (700, 34675, 65_001, 65_002)]
    table_bytes = 2 + 12 * (9 + len(more)) + 4
    tables = b""
    for number in range(pages):
        following = 24 + (number + 1) * table_bytes if number + 1 < pages else 0
        rows = small_rows(*more)
        tables += struct.pack("<H", len(rows)) + b"".join(rows) + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + tables + bytes(length)


def gif_extensions(size: float) -> bytes:
    """Extensions of programs that nobody knows, each of another name."""
    data = saved(RGB.convert("P"), "GIF")
    at = 13 + (3 << ((data[10] & 7) + 1))
    count = int(size * _MB) // 20
    more = b"".join(b"\x21\xff\x0b%011d\1x\0" % number for number in range(count))
    return data[:at] + more + data[at:]


def jp2_xml(size: float) -> bytes:
    """Boxes of XML, each carried."""
    data = saved(RGB, "JPEG2000")
    at = data.index(b"jp2c") - 4
    return data[:at] + b"\0\0\0\x0cxml <a/>" * (int(size * _MB) // 12) + data[at:]


# ----- TIFF -----


def ifd_row(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag & 0xFFFF, kind, count, value)


def small_rows(*more: bytes, at: int = 8) -> list[bytes]:
    """A grey picture of 4 x 4 whose pixels stand at `at`."""
    rows = {
        256: ifd_row(256, 3, 1, 4), 257: ifd_row(257, 3, 1, 4), 258: ifd_row(258, 3, 1, 8),
        259: ifd_row(259, 3, 1, 1), 262: ifd_row(262, 3, 1, 1), 273: ifd_row(273, 4, 1, at),
        277: ifd_row(277, 3, 1, 1), 278: ifd_row(278, 3, 1, 4), 279: ifd_row(279, 4, 1, 16),
    }  # fmt: skip
    rows |= {struct.unpack_from("<H", row)[0]: row for row in more}
    return [rows[tag] for tag in sorted(rows)]


def tiff(rows: list[bytes], tail: bytes = b"", following: int = 0) -> bytes:
    """Header, 16 pixels, a directory, and what stands behind it."""
    table = struct.pack("<H", len(rows)) + b"".join(rows) + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 24) + bytes(16) + table + tail


def tail_at(rows: int) -> int:
    return 24 + 2 + 12 * rows + 4


def tiff_overlaps(size: float) -> bytes:
    """Every one of thousands of tags claims the whole file."""
    length = int(size * _MB)
    more = [ifd_row(40_000 + n, 7, length - 8, 8) for n in range(3900)]
    return tiff(small_rows(*more), bytes(max(0, length - tail_at(len(more) + 9))))


def tiff_descriptions(size: float) -> bytes:
    """The tags that travel, each of them claiming the whole file."""
    length = int(size * _MB)
    tags = (269, 270, 271, 272, 285, 297, 305, 306, 315, 316, 337, 700, 33432, 33723, 34377, 34675)
    more = [ifd_row(tag, 7, length - 8, 8) for tag in tags]
    return tiff(small_rows(*more), bytes(length))


def tiff_exif_overlaps(size: float) -> bytes:
    """A directory of EXIF whose tags claim the whole file, each."""
    length = int(size * _MB)
    at = tail_at(10)
    inner = [ifd_row(n, 7, length, 8) for n in range(1, 4000)]
    table = struct.pack("<H", len(inner)) + b"".join(inner) + bytes(4)
    return tiff(small_rows(ifd_row(34665, 4, 1, at)), table + bytes(length))


def tiff_pages(size: float) -> bytes:
    """A thousand directories that lie over each other, of four thousand tags each."""
    table = b"".join(ifd_row(n, 3, 1, 0) for n in range(1, int(size * _MB / 12)))
    data = bytearray(b"II*\0" + struct.pack("<I", 8) + table)
    rng = range(8, len(data) - 60_000, 48)
    for at, following in itertools.pairwise(rng):
        count = 4000
        struct.pack_into("<H", data, at, count)
        end = at + 2 + 12 * count
        if end + 4 < len(data):
            struct.pack_into("<I", data, end, following)
    return bytes(data)


def tiff_cycle(_: float) -> bytes:
    return tiff(small_rows(), following=24)


def tiff_many_pages(_: float) -> bytes:
    """A thousand fax pages of one row: looked for one after the other, each costs all before it."""
    image = Image.new("1", (16, 16))
    return saved(image, "TIFF", compression="group4", save_all=True, append_images=[image] * 999)


def tiff_counts(size: float) -> bytes:
    """Numbers of bits for millions of channels."""
    length = int(size * _MB)
    rows = small_rows(*[ifd_row(tag, 3, length // 2 - 8, 8) for tag in (258, 277, 338, 339)])
    return tiff(rows, bytes(length))


def tiff_strips(size: float) -> bytes:
    """A strip for each byte of a picture of one column."""
    count = int(size * _MB / 8)
    at = tail_at(9)
    rows = small_rows(
        ifd_row(256, 3, 1, 1), ifd_row(257, 4, 1, count), ifd_row(278, 3, 1, 1),
        ifd_row(273, 4, count, at), ifd_row(279, 4, count, at + 4 * count),
    )  # fmt: skip
    return tiff(rows, struct.pack("<I", 8) * count + struct.pack("<I", 1) * count)


def tiff_lzw_strips(_: float) -> bytes:
    """As many strips of LZW as are let through, a byte each: each is unpacked on its own."""
    count = 65_536
    packed = b"\x80\x00\x20\x20"
    at = tail_at(9)
    rows = small_rows(
        ifd_row(256, 3, 1, 1), ifd_row(257, 4, 1, count), ifd_row(278, 3, 1, 1),
        ifd_row(259, 3, 1, 5), ifd_row(273, 4, count, at), ifd_row(279, 4, count, at + 4 * count),
    )  # fmt: skip
    place = at + 8 * count
    offsets = struct.pack("<I", place) * count
    return tiff(rows, offsets + struct.pack("<I", len(packed)) * count + packed)


def tiff_tile(size: float) -> bytes:
    """One tile far larger than the picture, deflated a thousandfold."""
    packed = zeros(int(min(size, 0.5) * 1000 * _MB))
    rows = [
        ifd_row(256, 3, 1, 4), ifd_row(257, 3, 1, 4), ifd_row(258, 3, 1, 8),
        ifd_row(259, 3, 1, 8), ifd_row(262, 3, 1, 1), ifd_row(277, 3, 1, 1),
        ifd_row(322, 4, 1, 1 << 15), ifd_row(323, 4, 1, 1 << 15),
        ifd_row(324, 4, 1, tail_at(10)), ifd_row(325, 4, 1, len(packed)),
    ]  # fmt: skip
    return tiff(rows, packed)


def tiff_channels(size: float) -> bytes:
    """Sixteen channels of 16 bits for each of a hundred megapixels, in one strip of nothing."""
    packed = zeros(int(min(size, 2) * 100 * _MB))
    rows = small_rows(
        ifd_row(256, 4, 1, 10_000), ifd_row(257, 4, 1, 10_000), ifd_row(258, 3, 1, 16),
        ifd_row(259, 3, 1, 8), ifd_row(277, 3, 1, 16), ifd_row(278, 4, 1, 10_000),
        ifd_row(273, 4, 1, tail_at(9)), ifd_row(279, 4, 1, len(packed)),
    )  # fmt: skip
    return tiff(rows, packed)


# ----- JPEG -----


def jpeg_parts() -> tuple[bytes, bytes]:
    """A progressive JPEG cut before its last scan."""
    data = saved(Image.fromarray(scene(512, 512)), "JPEG", progressive=True, quality=30)
    at = data.rindex(b"\xff\xda")
    return data[:at], data[at:-2]


def jpeg_scans(size: float) -> bytes:
    """The last scan of a progressive picture again and again."""
    head, scan = jpeg_parts()
    return head + scan * int(size * _MB / len(scan)) + b"\xff\xd9"


def jpeg_scans_let_through(megapixels: int, most: int) -> Callable[[float], bytes]:
    """Valid scans that say nothing: forty bytes make the decoder go through all blocks."""

    def segment(marker: int, body: bytes) -> bytes:
        return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body

    def make(_: float) -> bytes:
        side = int((megapixels * _MB) ** 0.5) // 8 * 8
        blocks = side * side // 64
        one_code = b"\1" + bytes(15)
        parts = [
            b"\xff\xd8",
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(0xC2, struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0)),
            # The one code for DC is "no change", the one for AC "16,384 blocks end here".
            segment(0xC4, b"\0" + one_code + b"\0" + b"\x10" + one_code + b"\xe0"),
            segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8) + b"\x7f",
        ]
        runs = bytes(-(-blocks // 16_384) * 15 // 8 + 1)
        steps = ((k, shift) for k in range(1, 64) for shift in (0x03, 0x32, 0x21, 0x10))
        for k, shift in itertools.islice(steps, most - 1):
            parts.append(segment(0xDA, bytes((1, 1, 0, k, k, shift))) + runs)
        return b"".join(parts) + b"\xff\xd9"

    return make


def jpeg_segments(marker: int, body: bytes = b"x") -> Callable[[float], bytes]:
    def make(size: float) -> bytes:
        data = saved(RGB, "JPEG")
        one = bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
        return data[:2] + one * int(size * _MB / len(one)) + data[2:]

    return make


def jpeg_stray(size: float) -> bytes:
    data = saved(RGB, "JPEG")
    return data[:2] + b"\xff" * int(size * _MB) + data[2:]


def jpeg_size(_: float) -> bytes:
    data = bytearray(saved(RGB, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    return bytes(data)


def jpeg_empty(_: float) -> bytes:
    """9,000 x 9,000 pixels said, none there."""
    data = bytearray(saved(RGB, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 9000, 9000)
    return bytes(data)


def photoshop(size: float) -> bytes:
    data = saved(RGB, "JPEG")
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5000
    one = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    return data[:2] + one * int(size * _MB / len(one)) + data[2:]


def exif_chain(_: float) -> bytes:
    """Directories that point to the next one all through a block, in a PNG, which has no limit."""
    rows = b"".join(ifd_row(n, 3, 1, 0) for n in range(1, 100_000))
    data = bytearray(b"II*\0" + struct.pack("<I", 8) + rows)
    for at in range(8, len(data) - 60_000, 48):
        struct.pack_into("<H", data, at, 4000)
        struct.pack_into("<I", data, at + 2 + 12 * 4000, at + 48)
    return png(chunk(b"eXIf", bytes(data)))


# ----- profiles -----


def profile(tags: list[tuple[bytes, int, int]], body: bytes, space: bytes = b"RGB ") -> bytes:
    head = bytearray(128)
    head[8:12], head[12:16], head[16:20], head[20:24] = b"\x04\0\0\0", b"mntr", space, b"XYZ "
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">3i", 63_190, 65_536, 54_061)
    table = struct.pack(">I", len(tags))
    at = 132 + 12 * len(tags)
    for name, offset, length in tags:
        table += name + struct.pack(">II", at + offset, length)
    data = bytes(head) + table + body
    return struct.pack(">I", len(data)) + data[4:]


def icc_overlaps(size: float) -> bytes:
    body = b"curv" + bytes(4) + struct.pack(">I", 60_000) + bytes(int(size * _MB))
    names = [b"rTRC", b"gTRC", b"bTRC", *(b"x%03d" % n for n in range(190))]
    data = profile([(name, 0, len(body)) for name in names], body)
    rows = small_rows(
        ifd_row(258, 3, 3, 0), ifd_row(262, 3, 1, 2), ifd_row(277, 3, 1, 3),
        ifd_row(279, 4, 1, 96), ifd_row(34675, 7, len(data), tail_at(10) + 112),
    )  # fmt: skip
    bits, pixels = tail_at(10), tail_at(10) + 8
    rows[2] = ifd_row(258, 3, 3, bits)
    rows[5] = ifd_row(273, 4, 1, pixels)
    return tiff(rows, struct.pack("<4H", 16, 16, 16, 0) + bytes(104) + data)


def icc_curve(size: float) -> bytes:
    """A curve of millions of entries."""
    count = min(int(size * _MB), 15 * _MB) // 2
    body = b"curv" + bytes(4) + struct.pack(">I", count) + bytes(2 * count)
    xyz = b"XYZ " + bytes(4) + struct.pack(">3i", 30_000, 20_000, 10_000)
    names = [b"rTRC", b"gTRC", b"bTRC"]
    tags = [(name, len(xyz), len(body)) for name in names]
    tags += [(name, 0, len(xyz)) for name in (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt")]
    return saved(RGB, "JPEG", icc_profile=profile(tags, xyz + body)[: 255 * 65_519])


# ----- JPEG 2000, WebP, AVIF, HEIC, GIF, BMP, PPM -----


def j2k_tiles(_: float) -> bytes:
    """256 x 256 pixels in 65,535 tiles."""
    data = bytearray(saved(RGB.resize((256, 256)), "JPEG2000", no_jp2=True))
    struct.pack_into(">II", data, 8 + 16, 1, 2)
    return bytes(data)


def jp2_tiles_behind_a_box(_: float) -> bytes:
    """The same in a file whose last box says that it is longer than the file."""
    data = bytearray(saved(RGB.resize((256, 256)), "JPEG2000"))
    at = data.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", data, at + 8 + 16, 1, 2)
    struct.pack_into(">I", data, at - 8, len(data) * 2)
    return bytes(data)


def jp2_boxes(size: float) -> bytes:
    data = saved(RGB, "JPEG2000")
    at = data.index(b"jp2c") - 4
    return data[:at] + b"\0\0\0\x08free" * int(size * _MB / 8) + data[at:]


def jp2_nested(size: float) -> bytes:
    """Boxes in boxes in boxes."""
    count = int(size * _MB / 8)
    body = b"".join(struct.pack(">I4s", 8 * (count - n), b"jp2h") for n in range(count))
    data = saved(RGB, "JPEG2000")
    return data[:32] + body + data[32:]


def j2k_size(_: float) -> bytes:
    data = bytearray(saved(RGB, "JPEG2000", no_jp2=True))
    struct.pack_into(">II", data, 8, 60_000, 60_000)
    return bytes(data)


def j2k_empty(_: float) -> bytes:
    """9,000 x 9,000 pixels in one tile, none of them there."""
    data = bytearray(saved(RGB, "JPEG2000", no_jp2=True))
    struct.pack_into(">II", data, 8, 9000, 9000)
    struct.pack_into(">II", data, 24, 9000, 9000)
    return bytes(data)


def webp_animation(_: float) -> bytes:
    frames = [Image.new("RGB", (16, 16), (n, 0, 0)) for n in range(200)]
    return saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def webp_chunks(size: float) -> bytes:
    data = saved(RGB, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    extra = b"JUNK\0\0\0\0" * int(size * _MB / 8)
    out = data[:30] + extra + data[30:]
    return out[:4] + struct.pack("<I", len(out) - 8) + out[8:]


def webp_size(_: float) -> bytes:
    return saved(Image.new("L", (16_000, 16_000)), "WEBP", lossless=True, quality=0, method=0)


def big_avif(side: int) -> bytes:
    return saved(Image.new("L", (side, side)), "AVIF", speed=10, quality=10)


def avif_lies(_: float) -> bytes:
    """Coded with 225 megapixels; the container says 16 x 16."""
    data = bytearray(big_avif(15_000))
    at = data.index(b"ispe") + 8
    struct.pack_into(">II", data, at, 16, 16)
    return bytes(data)


def avif_animation(_: float) -> bytes:
    frames = [Image.new("RGB", (16, 16), (n, 0, 0)) for n in range(50)]
    return saved(frames[0], "AVIF", save_all=True, append_images=frames[1:], speed=10)


def items(data: bytes, count: int) -> bytes:
    """A file of ISO boxes whose `iinf` claims many items."""
    out = bytearray(data)
    at = out.index(b"iinf") + 8
    struct.pack_into(">H", out, at, count)
    return bytes(out)


def avif_items(_: float) -> bytes:
    return items(saved(RGB, "AVIF"), 65_535)


def iso_nested(brand: bytes) -> Callable[[float], bytes]:
    def make(size: float) -> bytes:
        count = int(size * _MB / 12)
        body = b"".join(struct.pack(">I4sI", 12 * (count - n), b"meta", 0) for n in range(count))
        head = b"ftyp" + brand + bytes(4) + brand + b"mif1"
        return struct.pack(">I", len(head) + 4) + head + body

    return make


def iso_free(make: Callable[[], bytes]) -> Callable[[float], bytes]:
    def made(size: float) -> bytes:
        data = make()
        if not data:
            return b""
        (length,) = struct.unpack_from(">I", data)
        return data[:length] + b"\0\0\0\x08free" * int(size * _MB / 8) + data[length:]

    return made


def heic_items(_: float) -> bytes:
    data = heic(RGB)
    return items(data, 65_535) if data else b""


def heic_lies(_: float) -> bytes:
    """Coded with 36 megapixels; the container says 16 x 16."""
    data = bytearray(heic(Image.new("RGB", (6000, 6000))))
    if data:
        at = data.index(b"ispe") + 8
        struct.pack_into(">II", data, at, 16, 16)
    return bytes(data)


def heic_size(_: float) -> bytes:
    data = bytearray(heic(RGB))
    if data:
        at = data.index(b"ispe") + 8
        struct.pack_into(">II", data, at, 30_000, 30_000)
    return bytes(data)


def gif_frames(size: float) -> bytes:
    """Frame after frame of one pixel."""
    data = saved(Image.new("P", (1, 1)), "GIF")
    at = data.rindex(b",")
    frame = data[at:-1]
    return data[:at] + frame * int(size * _MB / len(frame)) + b";"


def gif_401(_: float) -> bytes:
    frames = [RGB.rotate(n).convert("P") for n in range(401)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def gif_size(_: float) -> bytes:
    data = bytearray(saved(RGB, "GIF"))
    data[6:10] = struct.pack("<HH", 65_535, 65_535)
    return bytes(data)


def gif_comments(size: float) -> bytes:
    data = saved(RGB, "GIF")
    at = data.rindex(b",")
    one = b"!\xfe\x01x\0"
    return data[:at] + one * int(size * _MB / len(one)) + data[at:]


def bmp_size(_: float) -> bytes:
    data = bytearray(saved(RGB, "BMP"))
    struct.pack_into("<ii", data, 18, 2**31 - 1, 2**31 - 1)
    return bytes(data)


def bmp_runs(size: float) -> bytes:
    """Run lengths of one pixel each."""
    count = int(size * _MB / 2)
    side = max(4, int(count**0.5) // 4 * 4 - 4)
    palette = bytes(1024)
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 2 * count, 0, 0, 256, 0)
    at = 54 + len(palette)
    body = (b"\1\0" * side + b"\0\0") * side
    return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + head + palette + body


def bmp_jumps(_: float) -> bytes:
    """Jumps instead of pixels: four bytes for 255 rows."""
    side = 9000
    palette = bytes(1024)
    body = b"\0\2\xff\xff" * 40 + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0)
    at = 54 + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + head + palette + body


def ppm_text(size: float) -> bytes:
    count = int(size * _MB / 2)
    side = int(count**0.5)
    return b"P2 %d %d 9\n" % (side, side) + b"7 " * (side * side)


def ppm_remarks(size: float) -> bytes:
    return b"P2\n" + b"#\n" * int(size * _MB / 2) + b"1 1 9\n7\n"


def ppm_empty(_: float) -> bytes:
    return b"P5 10000 10000 255\n"


# ----- files that are no photographs -----


def nested_json(_: float) -> bytes:
    return b"[" * 200_000


def many_hints(size: float) -> bytes:
    one = b'{"x":1,"y":1,"color":"c04030"}'
    return b"[" + b",".join([one] * int(size * _MB / len(one))) + b"]"


def model_fields(size: float) -> bytes:
    """A protocol buffer of nothing but empty metadata."""
    return b"\x72\x00" * int(size * _MB / 2)


def layer_bomb(_: float) -> bytes:
    return png(size=(40_000, 40_000), bits=1)


BOMBS: Mapping[str, Bomb] = MappingProxyType(
    {
        "PNG of 20 kB, 169 megapixels": Bomb(
            lambda _: png(size=(13_000, 13_000), bits=1), says="--max-megapixels 169"
        ),
        "PNG, 99 megapixels of 16 bits": Bomb(
            lambda _: png(size=(9900, 10_000), bits=16), "picture", pixels=99_000_000, deep=True
        ),
        "PNG, flood of iCCP": Bomb(flood(b"iCCP", b"p\0\0"), "picture"),
        "PNG, flood of zTXt": Bomb(flood(b"zTXt", b"k\0\0"), "picture"),
        "PNG, flood of iTXt": Bomb(flood(b"iTXt", b"k\0\1\0\0\0"), "picture"),
        "PNG, empty texts": Bomb(text_chunks, ""),
        "PNG, one long text": Bomb(long_text, "picture"),
        "PNG, EXIF as hexadecimal": Bomb(hex_profile, "picture"),
        "PNG, EXIF of megabytes": Bomb(long_exif, "picture"),
        "EXIF, a chain of directories": Bomb(exif_chain, "picture"),
        "XMP, attributes": Bomb(xmp_attributes, "picture"),
        "XMP, elements": Bomb(xmp_elements, "picture"),
        "XMP, entities": Bomb(xmp_entities, "picture"),
        "XMP, nested": Bomb(xmp_deep, "picture"),
        "XMP, empty lines": Bomb(xmp_lines, "picture"),
        "XMP, a billion laughs": Bomb(xmp_laughs, "picture"),
        "XMP, laughs in UTF-16": Bomb(xmp_laughs_in_utf_16, "picture"),
        "XMP, elements in UTF-32": Bomb(xmp_elements_in_utf_32, "picture"),
        "PNG, unknown chunks": Bomb(png_unknown, "picture"),
        "GIF, unknown extensions": Bomb(gif_extensions, "picture"),
        "JPEG 2000, boxes of XML": Bomb(jp2_xml, "picture"),
        "TIFF, tags shared by pages": Bomb(tiff_shared_tags, "picture"),
        "TIFF, tags over each other": Bomb(tiff_overlaps, "picture"),
        "TIFF, descriptions over each other": Bomb(tiff_descriptions, "picture"),
        "TIFF, EXIF over itself": Bomb(tiff_exif_overlaps, "picture"),
        "TIFF, directories over each other": Bomb(tiff_pages),
        "TIFF, a cycle of pages": Bomb(tiff_cycle, "picture"),
        "TIFF, 1,000 fax pages": Bomb(tiff_many_pages, "picture"),
        "TIFF, bits of millions of channels": Bomb(tiff_counts),
        "TIFF, a strip for each byte": Bomb(tiff_strips, "", pixels=4_000_000),
        "TIFF, 65,536 strips of LZW": Bomb(tiff_lzw_strips, ""),
        "TIFF, a tile of a gigapixel": Bomb(tiff_tile),
        "TIFF, 16 channels of 16 bits": Bomb(tiff_channels),
        "JPEG, a scan again and again": Bomb(jpeg_scans, says="scans"),
        "JPEG, 1 megapixel, most scans": Bomb(
            jpeg_scans_let_through(1, 199), "picture", pixels=_MB
        ),
        "JPEG, 20 megapixels, most scans": Bomb(
            jpeg_scans_let_through(20, 199), "picture", pixels=20 * _MB
        ),
        "JPEG, 100 megapixels, most scans": Bomb(
            jpeg_scans_let_through(99, 40), "picture", pixels=99 * _MB
        ),
        "JPEG, comments": Bomb(jpeg_segments(0xFE), ""),
        "JPEG, empty segments": Bomb(jpeg_segments(0xE5, b""), ""),
        "JPEG, profile chunks": Bomb(
            jpeg_segments(0xE2, b"ICC_PROFILE\0\1\2" + bytes(60_000)), "picture"
        ),
        "JPEG, stray bytes": Bomb(jpeg_stray, "picture"),
        "JPEG, Photoshop resources": Bomb(photoshop, "picture"),
        "JPEG, 4,290 megapixels": Bomb(jpeg_size, says="--max-megapixels 4291"),
        "JPEG, 81 megapixels that are not there": Bomb(jpeg_empty, pixels=81 * _MB),
        "ICC, tags over each other": Bomb(icc_overlaps, "picture"),
        "ICC, a curve of millions": Bomb(icc_curve, "picture"),
        "JPEG 2000, 65,535 tiles": Bomb(j2k_tiles, says="tiles"),
        "JPEG 2000, tiles behind a long box": Bomb(jp2_tiles_behind_a_box),
        "JPEG 2000, empty boxes": Bomb(jp2_boxes, "picture"),
        "JPEG 2000, boxes in boxes": Bomb(jp2_nested, ""),
        "JPEG 2000, 3,600 megapixels": Bomb(j2k_size, says="--max-megapixels 3600"),
        "JPEG 2000, 81 megapixels that are not there": Bomb(j2k_empty, "", pixels=81 * _MB),
        "WebP, an animation": Bomb(webp_animation, says="animation"),
        "WebP, empty chunks": Bomb(webp_chunks, ""),
        "WebP, 256 megapixels": Bomb(webp_size, says="--max-megapixels 256"),
        "AVIF, more pixels than it says": Bomb(avif_lies, says="--max-megapixels 225"),
        "AVIF, an animation": Bomb(avif_animation, says="animation"),
        "AVIF, 65,535 items": Bomb(avif_items),
        "AVIF, boxes in boxes": Bomb(iso_nested(b"avif")),
        "AVIF, empty boxes": Bomb(iso_free(lambda: saved(RGB, "AVIF")), ""),
        "HEIC, more pixels than it says": Bomb(heic_lies, ""),
        "HEIC, 900 megapixels": Bomb(heic_size),
        "HEIC, 65,535 items": Bomb(heic_items, ""),
        "HEIC, boxes in boxes": Bomb(iso_nested(b"heic")),
        "HEIC, empty boxes": Bomb(iso_free(lambda: heic(RGB)), ""),
        "GIF of 401 frames": Bomb(gif_401, says="animation"),
        "GIF, frames without end": Bomb(gif_frames, says="animation"),
        "GIF, 4,295 megapixels": Bomb(gif_size, says="--max-megapixels 4295"),
        "GIF, remarks": Bomb(gif_comments, ""),
        "BMP, more pixels than there are": Bomb(bmp_size, says="--max-megapixels"),
        "BMP, runs of one": Bomb(bmp_runs, "picture", pixels=4_000_000),
        "BMP, jumps": Bomb(bmp_jumps, "", pixels=81 * _MB),
        "PGM, numbers as text": Bomb(ppm_text, "picture", pixels=4_000_000),
        "PGM, remarks": Bomb(ppm_remarks, ""),
        "PGM, 100 megapixels that are not there": Bomb(ppm_empty, pixels=100 * _MB),
        "settings, nested": Bomb(nested_json, task="settings"),
        "hints, nested": Bomb(nested_json, task="hints"),
        "hints, millions": Bomb(many_hints, "", task="hints"),
        "state, nested": Bomb(nested_json, task="state"),
        "report, nested": Bomb(nested_json, task="report"),
        "model, empty fields": Bomb(model_fields, task="model"),
        "mask of 25 kB, 1,600 megapixels": Bomb(layer_bomb, task="mask", says="too large"),
    }
)


def check(words: Words, outcome: Outcome) -> None:
    size = 0.3 if words.quick else 8.0
    slowest: tuple[float, str] = 0.0, ""
    largest: tuple[float, str] = 0.0, ""
    done = 0
    with Watched(seconds=200) as watched:
        for _ in range(words.rounds):
            for name, bomb in BOMBS.items():
                data = bomb.make(size)
                if not data:
                    continue  # HEIC cannot be written here
                done += 1
                answer = watched.ask(bomb.task, data, max_pixels=bomb.max_pixels)
                allowed = (
                    _FREE_MB + 2 * len(data) / _MB + bomb.pixels * (24 if bomb.deep else 8) / _MB
                )
                print(
                    f"{name}: {len(data):,} bytes, {answer.kind}, {answer.seconds:.1f} s, "
                    f"{answer.megabytes:.0f} of {allowed:.0f} MB, {answer.line[-200:]}",
                    file=sys.stderr,
                )
                wanted = {"refused", "picture"} if not bomb.kind else {bomb.kind}
                outcome.expect(
                    answer.kind in wanted, f"{name}: {answer.kind}: {answer.line[-300:]}"
                )
                outcome.expect(bomb.says in answer.line, f"{name}: says {answer.line!r}")
                outcome.expect(answer.seconds <= _SECONDS, f"{name}: {answer.seconds:.1f} s")
                outcome.expect(
                    answer.megabytes <= allowed,
                    f"{name}: {answer.megabytes:.0f} of {allowed:.0f} MB",
                )
                slowest = max(slowest, (answer.seconds, name))
                largest = max(largest, (answer.megabytes / allowed, name))
    outcome.figures = {
        "bombs": str(done),
        "crashes, hangs, memory over the bound": str(len(outcome.broken)),
        "slowest": f"{slowest[0]:.1f} s of processor time ({slowest[1]})",
        "closest to the memory that is allowed": f"{largest[0]:.0%} ({largest[1]})",
    }


if __name__ == "__main__":
    sys.exit(run_script("bombs", check, rounds=1, quick=1))
