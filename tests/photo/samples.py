"""Pictures, profiles and metadata blocks made from nothing, and readers that are not ours."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from tintype.photo.metadata import ifd
from tintype.photo.metadata.ifd import DirectoryEntry, Tags
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.parts import NamedText
from tintype.photo.photo import Metadata, Photo

PROVENANCE = Provenance(
    software="Tintype",
    version="9.9.9",
    model="test-model",
    model_sha256="ab" * 32,
    settings='{"quality":"normal","vividness":1.0}',
    input_sha256="cd" * 32,
)

XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    ' tiff:Orientation="6" xmp:Label="first&#xA;second">'
    "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Gro\u00dfmutter &amp; Kind</rdf:li></rdf:Alt>"
    "</dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
).encode()

MAKER_NOTE = b"MAKER\0" + bytes(range(64))


def scene(height: int = 40, width: int = 56, seed: int = 0) -> np.ndarray:
    """A colourful picture, smooth with some noise: (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    channels = [
        128 + 100 * np.sin(6 * x + seed),
        128 + 100 * np.cos(5 * y - seed),
        128 + 100 * np.sin(4 * (x + y)),
    ]
    noisy = np.stack(channels, -1) + rng.normal(0, 3, (height, width, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def deep(height: int = 40, width: int = 56, channels: int = 3, seed: int = 0) -> np.ndarray:
    """16-bit noise, every bit used: (H, W) or (H, W, channels) uint16."""
    rng = np.random.default_rng(seed)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return rng.integers(0, 65_536, shape, dtype=np.uint16)


def saved(image: Image.Image | np.ndarray, form: str, **options: Any) -> bytes:
    """A file written by Pillow."""
    stream = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(stream, form, **options)
    return stream.getvalue()


def opened(data: bytes) -> Image.Image:
    """A file read by Pillow, loaded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def grey_of(data: bytes) -> np.ndarray:
    """What Pillow says the grey is."""
    return np.asarray(opened(data).convert("L"))


def exif_block(orientation: int = 6, *, order: str = "<", thumbnail: bool = True) -> bytes:
    """An EXIF block written by hand: description, maker note, GPS, and a thumbnail in IFD1."""
    kinds = {1: "B", 2: "s", 3: "H", 4: "I", 5: "I", 7: "s"}

    def directory(at: int, rows: list[tuple[int, int, Any]], following: int) -> bytes:
        table, body = struct.pack(order + "H", len(rows)), b""
        body_at = at + 2 + 12 * len(rows) + 4
        for tag, kind, value in rows:
            if kind in (2, 7):
                data, count = value, len(value)
            else:
                values = value if isinstance(value, tuple) else (value,)
                data = struct.pack(f"{order}{len(values)}{kinds[kind]}", *values)
                count = len(values) // (2 if kind == 5 else 1)
            if len(data) > 4:
                place = struct.pack(order + "I", body_at + len(body))
                body += data + b"\0" * (len(data) % 2)
                data = place
            table += struct.pack(order + "HHI", tag, kind, count) + data.ljust(4, b"\0")
        return table + struct.pack(order + "I", following) + body

    details = [(36864, 7, b"0232"), (37500, 7, MAKER_NOTE), (40962, 4, 56), (40963, 4, 40)]
    places = [(1, 2, b"N\0"), (2, 5, (48, 1, 51, 1, 30, 1)), (3, 2, b"E\0")]
    first = [
        (270, 2, b"A street\0"),
        (271, 2, b"Camera works\0"),
        (274, 3, orientation),
        (305, 2, b"Scanner 3\0"),
        (34665, 4, 0),
        (34853, 4, 0),
    ]
    details_at = 8 + len(directory(8, first, 0))
    places_at = details_at + len(directory(details_at, details, 0))
    second_at = places_at + len(directory(places_at, places, 0))
    first[4], first[5] = (34665, 4, details_at), (34853, 4, places_at)
    second = [(259, 3, 6), (513, 4, 0), (514, 4, len(THUMBNAIL))]
    picture_at = second_at + len(directory(second_at, second, 0))
    second[1] = (513, 4, picture_at)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    block = head + directory(8, first, second_at if thumbnail else 0)
    block += directory(details_at, details, 0) + directory(places_at, places, 0)
    return block + directory(second_at, second, 0) + THUMBNAIL if thumbnail else block


THUMBNAIL = saved(np.full((8, 8), 77, np.uint8), "JPEG", quality=30)


def exif_facts(block: bytes | None) -> dict[str, Any]:
    """What Pillow reads in an EXIF block."""
    if not block:
        return {}
    tags = Image.Exif()
    tags.load(block)
    details = tags.get_ifd(ExifTags.IFD.Exif)
    return {
        "orientation": tags.get(274),
        "description": tags.get(270),
        "make": tags.get(271),
        "software": tags.get(305),
        "maker note": details.get(37500),
        "gps": tags.get_ifd(ExifTags.IFD.GPSInfo).get(1),
        "size": (details.get(40963), details.get(40962)),
        "thumbnail": bool(tags.get_ifd(ExifTags.IFD.IFD1)),
    }


def iptc_block(caption: bytes = b"A caption") -> bytes:
    """Photoshop resources: IPTC with a caption, and a thumbnail that must go."""

    def resource(number: int, data: bytes) -> bytes:
        head = b"8BIM" + struct.pack(">H", number) + b"\0\0" + struct.pack(">I", len(data))
        return head + data + b"\0" * (len(data) % 2)

    record = b"\x1c\x02\x78" + struct.pack(">H", len(caption)) + caption
    return resource(1036, b"thumbnail of a grey picture") + resource(0x0404, record)


# --- profiles -----------------------------------------------------------------------------------

# XYZ (D50) of the primaries; rows are red, green, blue.
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(v * 65_536)) for v in values)


def _profile(space: bytes, kind: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ") -> bytes:
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.8249),
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = bytearray(128)
    head[8:12], head[12:16], head[16:20], head[20:24] = b"\x02\x20\0\0", kind, space, pcs
    head[24:36] = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    head[36:40] = b"acsp"
    head[68:80] = _fixed(0.9642, 1.0, 0.8249)
    data = bytes(head) + table + body
    return struct.pack(">I", len(data)) + data[4:]


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def srgb_curve(samples: int = 1024) -> bytes:
    x = np.linspace(0, 1, samples)
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(
        f">I{samples}H", samples, *np.round(y * 65_535).astype(int).tolist()
    )


def srgb_parametric() -> bytes:
    numbers = _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    return b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + numbers


def rgb_profile(primaries: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {
        name: b"XYZ \0\0\0\0" + _fixed(*primary)
        for name, primary in zip(names, primaries, strict=True)
    }
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _profile(b"RGB ", b"mntr", tags)


def grey_profile(curve: bytes) -> bytes:
    return _profile(b"GRAY", b"mntr", {b"kTRC": curve})


def table_profile(space: bytes, channels: int) -> bytes:
    """A profile of tables only: lightness falls (CMYK) or rises (RGB) with the sum of the inks."""
    nodes = np.array(np.meshgrid(*[[0.0, 1.0]] * channels, indexing="ij")).reshape(channels, -1).T
    if space == b"CMYK":
        light = np.clip(1 - nodes @ np.array([0.25, 0.45, 0.1, 0.9]), 0, 1)
    else:
        light = nodes @ np.array([0.3, 0.6, 0.1])
    lab = np.stack([light * 255, np.full_like(light, 128), np.full_like(light, 128)], -1)
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([channels, 3, 2, 0])
    table += _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + ramp * channels
    table += np.round(lab).astype(np.uint8).tobytes() + ramp * 3
    kind = b"prtr" if space == b"CMYK" else b"scnr"
    return _profile(space, kind, {b"A2B0": table}, pcs=b"Lab ")


# --- containers ---------------------------------------------------------------------------------


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """A PNG with more chunks after its header."""
    return data[:33] + b"".join(chunks) + data[33:]


def _png_rows(pixels: np.ndarray, filters: list[int]) -> bytes:
    """Rows of (H, W, channels) uint16, each with the filter asked for, by the book and slowly."""
    height, width, channels = pixels.shape
    step = channels * 2
    rows = np.frombuffer(pixels.astype(">u2").tobytes(), np.uint8).reshape(height, -1).astype(int)
    above, out = np.zeros(width * step, int), bytearray()
    for number, row in enumerate(rows):
        left = np.concatenate([np.zeros(step, int), row[:-step]])
        corner = np.concatenate([np.zeros(step, int), above[:-step]])
        kind = filters[number % len(filters)]
        guess = left + above - corner
        near = [abs(guess - v) for v in (left, above, corner)]
        paeth = np.where(
            (near[0] <= near[1]) & (near[0] <= near[2]),
            left,
            np.where(near[1] <= near[2], above, corner),
        )
        taken = [np.zeros_like(row), left, above, (left + above) // 2, paeth][kind]
        out += bytes([kind]) + ((row - taken) % 256).astype(np.uint8).tobytes()
        above = row
    return bytes(out)


def deep_png(pixels: np.ndarray, *, interlaced: bool = False, key: bytes = b"") -> bytes:
    """A 16-bit PNG with all five filters, by a writer that shares nothing with ours."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    filters = [4, 3, 2, 1, 0]
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2)]
        passes += [(0, 1, 2, 2), (1, 0, 2, 1)]
    body = b"".join(
        _png_rows(part, filters)
        for y, x, down, across in passes
        if (part := pixels[y::down, x::across]).size
    )
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, interlaced)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            png_chunk(b"tRNS", key) if key else b"",
            png_chunk(b"IDAT", zlib.compress(body)),
            png_chunk(b"IEND", b""),
        )
    )


def tiled_tiff(side: int, *, tile: int, palette: bool = False) -> bytes:
    """A square TIFF of 8 bits in one black tile, which may be far larger than itself."""
    packed = zlib.compress(bytes(min(tile, 4096) ** 2), 9)
    values: dict[int, tuple[int, ...]] = {
        256: (side,), 257: (side,), 258: (8,), 259: (8,), 262: (3 if palette else 1,), 277: (1,),
        322: (tile,), 323: (tile,), 324: (8,), 325: (len(packed),),
    }  # fmt: skip
    if palette:
        values[320] = (0,) * 768
    tags: dict[int, DirectoryEntry | Tags] = {
        tag: ifd.integer_entry("<", ifd.SHORT if tag == 320 else ifd.LONG, *numbers)
        for tag, numbers in values.items()
    }
    base = 8 + len(packed) + len(packed) % 2
    body = packed.ljust(base - 8, b"\0")
    return (
        ifd.header("<")[:4]
        + struct.pack("<I", base)
        + body
        + ifd.serialize(tags, order="<", base=base)
    )


def lzw(data: bytes) -> bytes:
    """Valid TIFF LZW that never grows its table: a clear code, 250 literals, and so on."""
    codes: list[int] = []
    for at in range(0, len(data), 250):
        codes += [256, *data[at : at + 250]]
    codes.append(257)
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def jp2_boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kinds and contents of the boxes of a JP2 file, those of the header included."""
    found, at = [], 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + length] if length else data[at + 8 :]
        found.append((kind, body))
        if kind in (b"jp2h", b"res "):
            found += jp2_boxes(body)
        at += length or len(data)
    return found


@dataclass(frozen=True)
class Carried:
    """What other readers find in a file."""

    exif: bytes | None
    xmp: bytes | None
    icc: bytes | None
    dpi: tuple[float, float] | None
    comment: str | None
    text: dict[str, str]
    iptc: bool


def carried(data: bytes) -> Carried:
    """Reads the metadata of a file with Pillow; JPEG 2000 boxes by hand, as it knows few."""
    image = opened(data)
    info = image.info
    exif, xmp, icc = info.get("exif"), info.get("xmp"), info.get("icc_profile")
    comment = info.get("comment")
    iptc = b"A caption" in (info.get("photoshop", {}) or {}).get(0x0404, b"")
    if image.format == "PPM" and b"#" in data[:64]:
        comment = data[data.index(b"#") + 2 : data.index(b"\n", data.index(b"#"))].decode()
    if image.format == "TIFF":
        tags = image.tag_v2
        exif = image.getexif().tobytes() if {270, 271, 305} & set(tags) else None
        xmp, icc = tags.get(700), tags.get(34675)
        iptc = b"A caption" in (tags.get(34377) or b"")
    if image.format == "PNG":
        text = info.get("XML:com.adobe.xmp")
        xmp = text.encode() if text else None
        profile = image.text.get("Raw profile type 8bim", "")
        iptc = b"A caption" in bytes.fromhex("".join(profile.split()[2:]))
    if image.format == "JPEG2000":
        boxes = jp2_boxes(data)
        uuids = {body[:16]: body[16:] for kind, body in boxes if kind == b"uuid"}
        exif = uuids.get(b"JpgTiffExif->JP2")
        xmp = uuids.get(bytes.fromhex("be7acfcb97a942e89c71999491e3afac"))
        profiles = [body[3:] for kind, body in boxes if kind == b"colr" and body[0] == 2]
        icc = profiles[0] if profiles else None
        iptc = b"A caption" in uuids.get(bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"), b"")
    if isinstance(comment, bytes):
        comment = comment.decode()
    dpi = info.get("dpi")
    if dpi is None and exif and image.format in ("WEBP", "AVIF"):
        tags = Image.Exif()
        tags.load(exif)
        dpi = (float(tags[282]), float(tags[283])) if 282 in tags else None
    hidden = ("XML:", "Raw profile")
    texts = {k: str(v) for k, v in getattr(image, "text", {}).items() if not k.startswith(hidden)}
    return Carried(
        exif=exif.removeprefix(b"Exif\0\0") if exif else None,
        xmp=bytes(xmp) if xmp else None,
        icc=icc or None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi else None,
        comment=comment if image.format in ("JPEG", "JPEG2000", "PPM") else None,
        text=texts,
        iptc=iptc,
    )


def photo(pixels: np.ndarray | None = None, *, form: str = "PNG", **meta: Any) -> Photo:
    """A coloured photo whose colours are a scene's and whose grey is the scene's."""
    rgb = scene() if pixels is None else pixels
    alpha = meta.pop("alpha", None)
    meta["text"] = tuple(NamedText(*text) for text in meta.get("text", ()))
    grey = np.asarray(Image.fromarray(rgb).convert("L")) if rgb.dtype == np.uint8 else None
    if grey is None:
        weights = np.array([19_595, 38_470, 7_471], np.uint64)
        grey = ((rgb.astype(np.uint64) @ weights + 0x8000) >> 16).astype(np.uint16)
    return Photo(grey, alpha, "grey", Metadata(form, **meta), color=rgb)
