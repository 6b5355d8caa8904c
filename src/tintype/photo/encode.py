"""Encodes photos: fits depth, transparency and metadata to the format, and adds provenance.

What a format cannot carry is returned as plain sentences, never dropped silently. Each format's
codec writes the bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tintype.errors import UnsupportedPhotoError, UsageError
from tintype.photo.formats.codec import Codec, OutputMetadata, OutputPage
from tintype.photo.formats.registry import FORMATS, writable_formats
from tintype.photo.metadata import captions, exif, ifd, iptc, xmp
from tintype.photo.metadata.ifd import DamagedTagsError
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.parts import NamedText, listed
from tintype.photo.photo import ATTACHED_TITLES, HalfChroma, Metadata, Photo, Pixels


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded file, and what it could not hold.

    Attributes:
        data: The whole file.
        lost: Sentences for the user; empty if everything in the source was kept.
        blocks: Number of blocks of luminance coefficients that were read back and match the source;
            0 if this was not requested.
    """

    data: bytes
    lost: tuple[str, ...]
    blocks: int = 0


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
        provenance: Written to XMP, EXIF and PNG text, where the format supports them.
        strip_metadata: Whether to leave out everything but the profile and the provenance.
        luminance_of: The source, a JPEG that `tintype.photo.formats.jpeg_exact.check` has accepted.
            The output is a JPEG with the luminance coefficients of the source, read back and
            compared. The photo's `turn` is then the orientation in which they are stored.

    Returns:
        The file, and sentences on what it could not hold.

    Raises:
        UsageError: The format cannot be written.
        UnsupportedPhotoError: The format does not allow so many pages, or so many pixels a side; or
            the luminance cannot be kept.
    """
    codec = check_fits(photos, format=format)
    assert codec.write is not None
    lost: list[str] = []
    pages = []
    for photo in photos:
        lost.extend(photo.meta.notes)
        fitted = _fitted(photo, codec, lost)
        metadata = _output_metadata(fitted.meta, codec, provenance, strip_metadata, lost)
        if strip_metadata:
            fitted = _with_plain_attached_pages(fitted)
        pages.append(OutputPage(fitted, metadata))
    if luminance_of is None:
        data, blocks = codec.write(pages, lost), 0
    elif codec.write_exact is not None:
        data, blocks = codec.write_exact(pages[0], luminance_of, lost)
    else:
        raise UnsupportedPhotoError(
            f"{codec.title} cannot hold the luminance coefficients of another file.",
            advice="Leave --keep-luminance out.",
        )
    return Encoded(data, tuple(dict.fromkeys(lost)), blocks)


def check_fits(
    photos: Sequence[Photo],
    *,
    format: str,  # noqa: A002 (the word users know)
) -> Codec:
    """Refuses pages that a format cannot hold, before they are coloured for nothing.

    Args:
        photos: As for `encode`.
        format: As for `encode`.

    Returns:
        The format.

    Raises:
        UsageError: The format cannot be written.
        UnsupportedPhotoError: The format does not allow so many pages, or so many pixels a side.
    """
    codec = FORMATS.get(format)
    if codec is None or codec.write is None:
        raise UsageError(
            f"Cannot write {format}.", advice=f"Formats: {', '.join(writable_formats())}."
        )
    if len(photos) != 1 and "pages" not in codec.carries:
        raise UnsupportedPhotoError(
            f"{codec.title} cannot hold {len(photos)} pages.", advice="Use --format tiff."
        )
    for photo in photos:
        if max(photo.shape) > codec.max_side:
            raise UnsupportedPhotoError(
                f"{codec.title} cannot hold {photo.width} x {photo.height} pixels.",
                advice="Use --format png or tiff.",
            )
    return codec


def _fitted(photo: Photo, codec: Codec, lost: list[str]) -> Photo:
    """The photo with the depth and transparency that the format supports."""
    colored = photo.color is not None
    if photo.bits == 16 and ("RGB 16" if colored else "grey 16") not in codec.carries:
        lost.append(f"{codec.title} is written with 8 bits a channel; the source has 16.")
        photo = _with_8_bits(photo)
    if photo.alpha is not None and "alpha" not in codec.carries:
        lost.append(f"{codec.title} has no transparency.")
        photo = replace(photo, alpha=None)
    if "pages" not in codec.carries:
        lost.extend(
            f"{codec.title} cannot store {ATTACHED_TITLES[page.kind]}."
            for page in photo.meta.attached
        )
    return photo


def _with_plain_attached_pages(photo: Photo) -> Photo:
    """The photo with attached pages whose titles state their kind and nothing more."""
    plain = tuple(
        replace(page, title=page.kind if page.title else "") for page in photo.meta.attached
    )
    return replace(photo, meta=replace(photo.meta, attached=plain))


def _with_8_bits(photo: Photo) -> Photo:
    color = photo.color
    return replace(
        photo,
        grey=_to_8_bits(photo.grey),
        alpha=None if photo.alpha is None else _to_8_bits(photo.alpha),
        color=color if color is None or isinstance(color, HalfChroma) else _to_8_bits(color),
    )


def _to_8_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """Rounds to 8 bits; 65535 / 255 is exactly 257."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _output_metadata(
    meta: Metadata,
    codec: Codec,
    provenance: Provenance | None,
    strip_metadata: bool,
    lost: list[str],
) -> OutputMetadata:
    carries = codec.carries
    metadata = OutputMetadata(icc=meta.icc)
    if not strip_metadata:
        metadata = OutputMetadata(
            meta.exif, meta.xmp, meta.icc, meta.dpi, meta.comment, meta.text, meta.iptc, meta.parts
        )
    if metadata.comment and "comment" not in carries and "PNG text" in carries:
        entry = NamedText("Comment", metadata.comment.encode("utf-8", "replace").decode("utf-8"))
        metadata = replace(metadata, text=(*metadata.text, entry), comment=None)
    if metadata.iptc and "IPTC" not in carries and "XMP" in carries:
        metadata = _with_captions_in_xmp(metadata, codec, lost)
    _note_what_is_lost(metadata, codec, lost)
    if meta.format != codec.name or "unknown parts" not in carries:
        if metadata.parts:
            names = listed(part.name for part in metadata.parts)
            lost.append(f"A {codec.title} made from this file cannot carry: {names}.")
        metadata = replace(metadata, parts=())
    if provenance is not None and "provenance" in carries:
        metadata = replace(
            metadata,
            exif=_exif_with_provenance(metadata.exif, provenance, lost),
            xmp=_xmp_with_provenance(metadata.xmp, provenance, lost),
            provenance_exif=_exif_with_provenance(None, provenance, lost),
            provenance_xmp=_xmp_with_provenance(None, provenance, lost),
            text=_text_with_provenance(metadata.text, provenance),
        )
    if metadata.dpi and codec.dpi_in_exif:
        metadata = replace(metadata, exif=_exif_with_dpi(metadata.exif, metadata.dpi))
    return metadata


def _with_captions_in_xmp(
    metadata: OutputMetadata, codec: Codec, lost: list[str]
) -> OutputMetadata:
    """The IPTC captions as XMP, for a format that supports only XMP."""
    record, rest = iptc.split_record(metadata.iptc)
    unmapped = ["Photoshop resources"] if rest else []
    packet = metadata.xmp
    try:
        if record:
            packet, missing = captions.with_captions(packet, record)
            unmapped += missing
    except xmp.DamagedXmpError:
        return metadata
    if unmapped:
        lost.append(f"{codec.title} cannot carry: {listed(unmapped)}.")
    return replace(metadata, xmp=packet, iptc=None)


def _note_what_is_lost(metadata: OutputMetadata, codec: Codec, lost: list[str]) -> None:
    present = {
        "EXIF": metadata.exif,
        "XMP": metadata.xmp,
        "ICC": metadata.icc,
        "DPI": metadata.dpi,
        "comment": metadata.comment,
        "PNG text": metadata.text,
        "IPTC": metadata.iptc,
    }
    missing = [title for title, value in present.items() if value and title not in codec.carries]
    if missing:
        lost.append(f"{codec.title} cannot carry: {', '.join(missing)}.")
    if "provenance" not in codec.carries:
        lost.append(f"{codec.title} cannot record that the file was coloured.")


def _software(before: str, provenance: Provenance) -> str:
    """The software entry: our sentence, then the earlier entry of the scanner or camera."""
    if before.startswith(f"{provenance.software} "):
        before = before.partition("; ")[2]
    return f"{provenance.sentence}; {before}" if before else provenance.sentence


def _text_with_provenance(
    texts: tuple[NamedText, ...], provenance: Provenance
) -> tuple[NamedText, ...]:
    """The PNG texts, with our sentence prepended to all "Software" entries."""
    before = "; ".join(text.text for text in texts if text.keyword == "Software")
    ours = NamedText("Software", _software(before, provenance))
    return (ours, *(text for text in texts if text.keyword != "Software"))


def _exif_with_provenance(block: bytes | None, provenance: Provenance, lost: list[str]) -> bytes:
    software = _software(exif.text_of(block, exif.SOFTWARE), provenance)
    tags = {exif.SOFTWARE: ifd.text_entry(software)}
    try:
        return exif.with_tags(block, tags)
    except DamagedTagsError:
        lost.append("The EXIF data is damaged and was left out.")
        return exif.with_tags(None, tags)


def _xmp_with_provenance(packet: bytes | None, provenance: Provenance, lost: list[str]) -> bytes:
    try:
        return xmp.with_provenance(packet, provenance)
    except xmp.DamagedXmpError:
        lost.append("The XMP data is damaged and was left out.")
        return xmp.with_provenance(None, provenance)


def _exif_with_dpi(block: bytes | None, dpi: tuple[float, float]) -> bytes:
    """Stores dots per inch in EXIF, for formats that have no field of their own."""
    found = exif.resolution(block)
    if block is not None and found is not None and np.allclose(found, dpi, rtol=1e-3):
        return block
    return exif.with_tags(block, exif.resolution_tags(exif.byte_order(block), dpi))
