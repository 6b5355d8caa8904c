"""Photos become bytes: depth, transparency and metadata restored, provenance added.

What a format cannot carry is returned as plain sentences, never dropped in silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.errors import UnsupportedPhotoError, UsageError
from tintype.photo.formats import boxes, jpeg, jpeg_exact, png, tiffwrite
from tintype.photo.formats.registry import FORMATS, Format, writable_formats
from tintype.photo.formats.stills import saved
from tintype.photo.metadata import exif, ifd, xmp
from tintype.photo.metadata.ifd import DamagedTagsError
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import HalfChroma, Metadata, Photo, Pixels

# With these the grey of noisy photographs comes back within one step of 255 on average (0.7 to 0.9
# for WebP, 0.4 to 0.7 for AVIF); WebP at 95 and AVIF at 90 do not do it.
_WEBP_QUALITY = 98
_AVIF_QUALITY = 95
_AVIF_SPEED = 8
# A marker segment of 65,535 bytes with its length and its kind (ISO/IEC 15444-1 annex A.9.2).
_JP2_COMMENT = 65_531


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file, and what it could not take.

    Attributes:
        data: All of it.
        lost: Sentences for the user; empty when everything of the source is in it.
        blocks: How many blocks of luminance coefficients were read back and found to be those of
            the source; 0 where nobody asked for that.
    """

    data: bytes
    lost: tuple[str, ...]
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class _Marks:
    """Metadata as it is to be written: the source's, with the provenance joined in."""

    exif: bytes | None = None
    xmp: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: str | None = None
    text: tuple[tuple[str, str], ...] = ()
    iptc: bytes | None = None
    # The provenance without the source's metadata, for a place where both are too long.
    own_exif: bytes | None = None
    own_xmp: bytes | None = None


def accepts_half_chroma(format: str) -> bool:  # noqa: A002 (the word users know)
    """Whether a format stores half-size chroma planes as they are.

    Args:
        format: A key of `FORMATS`.
    """
    return format == "JPEG"


def encode(
    photos: Sequence[Photo],
    *,
    format: str,  # noqa: A002 (the word users know)
    provenance: Provenance | None,
    strip_metadata: bool = False,
    luminance_of: bytes | None = None,
) -> Encoded:
    """Writes photos as one file.

    Args:
        photos: One, or the pages of a TIFF. Those without colour are written grey.
        format: A key of `FORMATS` that can be written.
        provenance: Goes into XMP, EXIF and PNG text where the format has a place for them.
        strip_metadata: Leaves out everything but the profile and the provenance.
        luminance_of: The source, a JPEG that `tintype.photo.formats.jpeg_exact.check` has passed: a
            JPEG is written with its luminance coefficients, read back and compared. The photo's
            `turn` then says how they are stored.

    Returns:
        The file, and sentences on what it could not take.

    Raises:
        UsageError: A format that cannot be written.
        UnsupportedPhotoError: More pages or more pixels a side than the format allows; or the
            luminance cannot be kept.
    """
    if format not in writable_formats():
        raise UsageError(
            f"Cannot write {format}.", advice=f"Formats: {', '.join(writable_formats())}."
        )
    form = FORMATS[format]
    if len(photos) != 1 and "pages" not in form.carries:
        raise UnsupportedPhotoError(
            f"{form.title} cannot hold {len(photos)} pages.", advice="Use --format tiff."
        )
    lost: list[str] = []
    pages = []
    for photo in photos:
        if max(photo.shape) > form.max_side:
            raise UnsupportedPhotoError(
                f"{form.title} cannot hold {photo.width} x {photo.height} pixels.",
                advice="Use --format png or tiff.",
            )
        lost.extend(photo.meta.notes)
        fitted = _fitted(photo, form, lost)
        pages.append((fitted, _marks(fitted.meta, form, provenance, strip_metadata, lost)))
    if luminance_of is None:
        data, blocks = _WRITERS[format](pages, lost), 0
    else:
        data, blocks = _exact_jpeg(pages[0], luminance_of, lost)
    return Encoded(data, tuple(dict.fromkeys(lost)), blocks)


def _fitted(photo: Photo, form: Format, lost: list[str]) -> Photo:
    """The photo with the depth and transparency that the format has."""
    colored = photo.color is not None
    if photo.bits == 16 and ("RGB 16" if colored else "grey 16") not in form.carries:
        lost.append(f"{form.title} is written with 8 bits a channel, the source has 16.")
        photo = _with_8_bits(photo)
    if photo.alpha is not None and "alpha" not in form.carries:
        lost.append(f"{form.title} has no transparency.")
        photo = replace(photo, alpha=None)
    return photo


def _with_8_bits(photo: Photo) -> Photo:
    color = photo.color
    return replace(
        photo,
        grey=_to_8_bits(photo.grey),
        alpha=None if photo.alpha is None else _to_8_bits(photo.alpha),
        color=color if color is None or isinstance(color, HalfChroma) else _to_8_bits(color),
    )


def _to_8_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Rounds: 65535 / 255 is 257 exactly."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _marks(
    meta: Metadata,
    form: Format,
    provenance: Provenance | None,
    strip_metadata: bool,
    lost: list[str],
) -> _Marks:
    carries = form.carries
    marks = _Marks(meta.exif, meta.xmp, meta.icc, meta.dpi, meta.comment, meta.text, meta.iptc)
    if strip_metadata:
        marks = _Marks(icc=meta.icc)
    if marks.comment and "comment" not in carries and "PNG text" in carries:
        entry = ("Comment", marks.comment.encode("utf-8", "replace").decode("utf-8"))
        marks = replace(marks, text=(*marks.text, entry), comment=None)
    _say_what_is_lost(marks, form, lost)
    if provenance is not None and "provenance" in carries:
        marks = replace(
            marks,
            exif=_marked_exif(marks.exif, provenance, lost),
            xmp=_marked_xmp(marks.xmp, provenance, lost),
            own_exif=_marked_exif(None, provenance, lost),
            own_xmp=_marked_xmp(None, provenance, lost),
            text=(
                ("Software", provenance.sentence),
                *((key, value) for key, value in marks.text if key != "Software"),
            ),
        )
    if marks.dpi and form.name in ("WEBP", "AVIF"):
        marks = replace(marks, exif=_exif_with_dpi(marks.exif, marks.dpi))
    return marks


def _say_what_is_lost(marks: _Marks, form: Format, lost: list[str]) -> None:
    present = {
        "EXIF": marks.exif,
        "XMP": marks.xmp,
        "ICC": marks.icc,
        "DPI": marks.dpi,
        "comment": marks.comment,
        "PNG text": marks.text,
        "IPTC": marks.iptc,
    }
    missing = [title for title, value in present.items() if value and title not in form.carries]
    if missing:
        lost.append(f"{form.title} cannot carry: {', '.join(missing)}.")
    if "provenance" not in form.carries:
        lost.append(f"{form.title} cannot say in the file that it was coloured.")


def _marked_exif(block: bytes | None, provenance: Provenance, lost: list[str]) -> bytes:
    before = exif.text_of(block, exif.SOFTWARE)
    ours = before.startswith(f"{provenance.software} ")
    # The scanner's or camera's own entry stays readable behind ours.
    text = provenance.sentence if ours or not before else f"{provenance.sentence}; {before}"
    tags = {exif.SOFTWARE: ifd.text_entry(text)}
    try:
        return exif.with_tags(block, tags)
    except DamagedTagsError:
        lost.append("The EXIF data is damaged and was left out.")
        return exif.with_tags(None, tags)


def _marked_xmp(packet: bytes | None, provenance: Provenance, lost: list[str]) -> bytes:
    try:
        return xmp.with_provenance(packet, provenance)
    except xmp.DamagedXmpError:
        lost.append("The XMP data is damaged and was left out.")
        return xmp.with_provenance(None, provenance)


def _exif_with_dpi(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Dots per inch by EXIF, for formats that have no field of their own."""
    found = exif.resolution(block)
    if block is not None and found is not None and np.allclose(found, dpi, rtol=1e-3):
        return block
    return exif.with_tags(block, exif.resolution_tags(exif.byte_order(block), dpi))


def _samples(photo: Photo) -> Pixels:
    """(H, W), or (H, W, 2 to 4): grey or colour, with alpha behind."""
    color = photo.color
    if isinstance(color, HalfChroma):
        color = _full_color(photo.grey, color)
    if color is None:
        color = photo.grey
    if photo.alpha is None:
        return color
    return np.dstack([color, photo.alpha])


def _full_color(grey: Pixels, chroma: HalfChroma) -> Pixels:
    """Half-size chroma for a writer that takes RGB: what a JPEG decoder would show."""
    return jpeg.read_back(jpeg.write_planes(grey, chroma))


def _image(photo: Photo) -> Image.Image:
    samples = _samples(photo)
    return Image.fromarray(np.ascontiguousarray(samples))


_Page = tuple[Photo, _Marks]


def _jpeg(pages: list[_Page], lost: list[str]) -> bytes:
    photo, marks = pages[0]
    if isinstance(photo.color, HalfChroma):
        data = jpeg.write_planes(photo.grey, photo.color)
    else:
        data = jpeg.write_pixels(photo.grey if photo.color is None else photo.color)
    return _with_marks(data, marks, lost)


def _exact_jpeg(page: _Page, source: bytes, lost: list[str]) -> tuple[bytes, int]:
    photo, marks = page
    picture, luma = jpeg_exact.write(photo, source)
    written = _with_marks(picture, _turned_marks(marks, photo), lost)
    return written, jpeg_exact.verify(written, photo, luma)


def _turned_marks(marks: _Marks, photo: Photo) -> _Marks:
    """What is true of a picture that lies turned in its file."""
    if photo.turn == 1:
        return marks
    swap = photo.turn in (5, 6, 7, 8)
    shape = (photo.width, photo.height) if swap else photo.shape
    return replace(
        marks,
        exif=exif.stored_turned(marks.exif, photo.turn, shape),
        own_exif=exif.stored_turned(marks.own_exif, photo.turn, shape),
        xmp=None if marks.xmp is None else xmp.stored_turned(marks.xmp, photo.turn),
        dpi=(marks.dpi[1], marks.dpi[0]) if marks.dpi and swap else marks.dpi,
    )


def _with_marks(data: bytes, marks: _Marks, lost: list[str]) -> bytes:
    return jpeg.with_segments(
        data,
        exif_block=_fitting(marks.exif, marks.own_exif, "EXIF", lost),
        xmp=_fitting(marks.xmp, marks.own_xmp, "XMP", lost),
        profile=marks.icc,
        iptc=marks.iptc,
        comment=marks.comment,
        dpi=marks.dpi,
    )


def _fitting(block: bytes | None, own: bytes | None, title: str, lost: list[str]) -> bytes | None:
    """A block for one segment of a JPEG; ours alone where the source's is too long for it."""
    if block is None or jpeg.fits(block):
        return block
    lost.append(f"The {title} of the source ({len(block) // 1000} kB) does not fit into a JPEG.")
    return own


def _png(pages: list[_Page], _lost: list[str]) -> bytes:
    photo, marks = pages[0]
    return png.with_chunks(
        png.write_pixels(_samples(photo)),
        exif_block=marks.exif,
        xmp=marks.xmp,
        profile=marks.icc,
        text=marks.text,
        dpi=marks.dpi,
    )


def _tiff(pages: list[_Page], _lost: list[str]) -> bytes:
    written = tiffwrite.write(
        [
            tiffwrite.Page(
                pixels=np.atleast_3d(_samples(photo)),
                has_alpha=photo.alpha is not None,
                packing=photo.meta.packing if photo.meta.packing == "none" else "deflate",
                exif=marks.exif,
                xmp=marks.xmp,
                icc=marks.icc,
                iptc=marks.iptc,
                dpi=marks.dpi,
            )
            for photo, marks in pages
        ]
    )
    if written is None:
        raise UnsupportedPhotoError(
            "The coloured TIFF would pass the 4 GB that a TIFF can hold.",
            advice="Split its pages into several files.",
        )
    return written


def _webp(pages: list[_Page], lost: list[str]) -> bytes:
    photo, marks = pages[0]
    options: dict[str, object] = {
        "exif": marks.exif or b"",
        "xmp": marks.xmp or b"",
        "icc_profile": marks.icc or b"",
    }
    # Effort 1 of 6: the next steps cost seconds for a few per cent.
    lossless = options | {"lossless": True, "exact": True, "quality": 20, "method": 1}
    if photo.meta.packing == "lossless":
        return saved(_rgb(photo), "WEBP", **lossless)
    options |= {"quality": _WEBP_QUALITY, "exact": True, "method": 3, "alpha_quality": 100}
    try:
        return saved(_rgb(photo), "WEBP", **options)
    except ValueError:
        # How the blocks are coded has half a megabyte in a lossy file, whatever its size.
        lost.append("So large a picture is written as lossless WebP: as a lossy one it cannot be.")
        return saved(_rgb(photo), "WEBP", **lossless)


def _avif(pages: list[_Page], _lost: list[str]) -> bytes:
    photo, marks = pages[0]
    return saved(
        _rgb(photo),
        "AVIF",
        quality=_AVIF_QUALITY,
        speed=_AVIF_SPEED,
        subsampling="4:2:0",
        # Pillow writes a block with this tag anew, which would move the maker note.
        exif=exif.without_orientation(marks.exif) or b"",
        xmp=marks.xmp or b"",
        icc_profile=marks.icc or b"",
    )


def _rgb(photo: Photo) -> Image.Image:
    """WebP and AVIF writers know "L" without alpha only."""
    image = _image(photo)
    return image.convert("RGBA") if image.mode == "LA" else image


def _jpeg2000(pages: list[_Page], lost: list[str]) -> bytes:
    photo, marks = pages[0]
    options: dict[str, object] = {}
    if marks.comment:
        comment = marks.comment.encode("utf-8", "surrogateescape")
        options["comment"] = comment[:_JP2_COMMENT]
        if len(comment) > _JP2_COMMENT:
            lost.append("The comment is too long for JPEG 2000, and was cut off.")
    return boxes.with_jp2_metadata(
        saved(_image(photo), "JPEG2000", **options),
        icc=marks.icc,
        exif=marks.exif,
        xmp=marks.xmp,
        dpi=marks.dpi,
    )


def _bmp(pages: list[_Page], _lost: list[str]) -> bytes:
    photo, marks = pages[0]
    return saved(_image(photo), "BMP", **({"dpi": marks.dpi} if marks.dpi else {}))


def _ppm(pages: list[_Page], _lost: list[str]) -> bytes:
    samples = _samples(pages[0][0])
    kind = b"P5" if samples.ndim == 2 else b"P6"
    top = 255 if samples.dtype == np.uint8 else 65_535
    head = b"%s\n%d %d\n%d\n" % (kind, samples.shape[1], samples.shape[0], top)
    return head + samples.astype(">u2" if top > 255 else np.uint8).tobytes()


_WRITERS = {
    "JPEG": _jpeg,
    "PNG": _png,
    "TIFF": _tiff,
    "WEBP": _webp,
    "AVIF": _avif,
    "JPEG2000": _jpeg2000,
    "BMP": _bmp,
    "PPM": _ppm,
}
