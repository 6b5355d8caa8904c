"""Bytes become photos: recognised by content, bounded in size, upright, in sRGB, their grey taken.

There are three doors to the same `Photo`: a file's bytes, an array, and a Pillow image.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.formats import jpeg, png, stills, tiff
from tintype.photo.formats.raw import Raw, Source, split_modes
from tintype.photo.formats.registry import sniff
from tintype.photo.metadata import exif, icc, xmp
from tintype.photo.metadata.ifd import DamagedTagsError
from tintype.photo.photo import Metadata, Photo, Pixels, Tone, rgb_to_grey, upright
from tintype.photo.tone import tone_of

MAX_PIXELS = 100_000_000
"""The default limit: 100 megapixels."""

_SMALL = 640

# Of each block of metadata. A maker's note or a profile has a few megabytes at most.
_MOST_METADATA = 16 << 20


def decode(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> tuple[Photo, ...]:
    """Reads a photograph.

    Args:
        data: The file.
        name: What messages call it.
        max_pixels: Above this many pixels (all pages together) the file is refused unread.

    Returns:
        One photo for each page; one for most formats.

    Raises:
        UnreadablePhotoError: Empty, damaged, or no picture.
        UnsupportedPhotoError: A picture that could not be kept without loss.
        PhotoTooLargeError: More pixels than the limit, or than the memory.
    """
    source = Source(data, name, max_pixels)
    kind = _kind(source)
    try:
        return tuple(_photo(raw, kind, source) for raw in _read(source, kind))
    except MemoryError as error:
        raise source.too_large_for_memory() from error


def decode_colors(
    data: bytes, *, name: str, max_pixels: int = MAX_PIXELS
) -> tuple[NDArray[np.uint8], Tone]:
    """Reads the colours of a picture, which `decode` leaves behind.

    Args:
        data: The file; of several pages the first counts.
        name: What messages call it.
        max_pixels: As for `decode`.

    Returns:
        (H, W, 3) upright, sRGB; and what kind of picture it is.

    Raises:
        UnreadablePhotoError: As `decode`.
        UnsupportedPhotoError: As `decode`.
        PhotoTooLargeError: As `decode`.
    """
    source = Source(data, name, max_pixels)
    kind = _kind(source)
    try:
        raw = _read(source, kind, colors=True)[0]
        notes: list[str] = []
        _bound(raw, notes)
        picture, _ = _in_srgb(raw, _profile(raw, notes), source, notes)
        if isinstance(picture, Image.Image):
            tone = raw.tone or tone_of(picture)
            rgb = np.asarray(picture.convert("RGB"))
        else:
            tone = raw.tone or ("grey" if picture.ndim == 2 else _tone_of_array(picture))
            eight = _eight_bits(picture)
            rgb = np.repeat(eight[..., None], 3, axis=2) if eight.ndim == 2 else eight
        return upright(rgb, _turn(raw)), tone
    except MemoryError as error:
        raise source.too_large_for_memory() from error


def decode_layer(
    data: bytes, *, name: str, max_pixels: int
) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """Reads a picture that was drawn and not photographed: as stored, its profile left alone.

    Args:
        data: The file; of several pages the first counts.
        name: What messages call it.
        max_pixels: As for `decode`.

    Returns:
        A picture of mode "L", "RGB" or "CMYK", and (H, W) alpha where it has any; 8 bits.

    Raises:
        UnreadablePhotoError: As `decode`.
        UnsupportedPhotoError: As `decode`.
        PhotoTooLargeError: As `decode`.
    """
    source = Source(data, name, max_pixels)
    kind = _kind(source)
    try:
        raw = _read(source, kind, colors=True)[0]
        picture = raw.picture
        if not isinstance(picture, Image.Image):
            picture = Image.fromarray(_eight_bits(picture))
        return picture, None if raw.alpha is None else _eight_bits(raw.alpha)
    except MemoryError as error:
        raise source.too_large_for_memory() from error


def _eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """The high bytes."""
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def _kind(source: Source) -> str:
    """The format of a file, by its contents."""
    if not source.data:
        raise UnreadablePhotoError(
            f"{source.name} is empty.", advice="Copy it again from where it came."
        )
    kind = sniff(source.data)
    if kind is None:
        raise UnreadablePhotoError(
            f"{source.name} is not a picture that Tintype knows{_looks_like(source.data)}.",
            advice="It reads JPEG, PNG, TIFF, WebP, AVIF, HEIC, JPEG 2000, BMP, PPM and GIF.",
        )
    return kind


def _turn(raw: Raw) -> int:
    """How the picture is to be turned."""
    return raw.orientation or exif.orientation(raw.exif) or xmp.orientation(raw.xmp) or 1


def _read(source: Source, kind: str, *, colors: bool = False) -> list[Raw]:
    if kind == "JPEG":
        return [jpeg.read(source, colors=colors)]
    if kind == "PNG":
        return [png.read(source)]
    if kind == "TIFF":
        return tiff.read(source)
    return [stills.READERS[kind](source)]


def _looks_like(data: bytes) -> str:
    head = data[:512]
    text = not any(byte < 9 or 13 < byte < 32 for byte in head)
    return " (it looks like text)" if text else ""


def photo_from_image(image: Image.Image) -> Photo:
    """Takes a photo from a Pillow image of any mode that a file may have.

    Pillow has turned a colour JPEG into RGB by then, so its grey is that of RGB pixels; `decode`
    takes the luminance as it is in the file. The two are equal for neutral pictures, and otherwise
    differ where RGB was rounded or clipped.

    Args:
        image: Its EXIF orientation is applied and its profile honoured, as `decode` does.

    Returns:
        The photo, with what Pillow knows of its metadata.

    Raises:
        UnsupportedPhotoError: A mode that is no photograph (floating point, 32 bits, CIELAB).
        UnreadablePhotoError: A file behind the image that turns out to be damaged.
    """
    source = Source(b"", "The image", image.width * image.height)
    source.check_size(*image.size)
    with source.reading():
        image.load()
        picture, alpha = split_modes(image, source)
        raw = Raw(picture, alpha, icc=image.info.get("icc_profile") or None)
        tags = image.getexif()
        orientation = tags.get(exif.ORIENTATION, 1)
        raw.orientation = orientation if isinstance(orientation, int) else 1
        raw.exif = exif.without_prefix(tags.tobytes()) if tags else None
        raw.dpi = exif.resolution(raw.exif)
        return _photo(raw, "PNG", source)


def photo_from_array(array: NDArray[np.generic]) -> Photo:
    """Takes a photo from an array.

    Args:
        array: (H, W), (H, W, 1), (H, W, 2) with alpha, (H, W, 3) or (H, W, 4) with alpha; uint8 or
            uint16; encoded sRGB.

    Returns:
        The photo, without metadata.

    Raises:
        UnsupportedPhotoError: Another shape or type.
    """
    if array.dtype not in (np.uint8, np.uint16):
        raise UnsupportedPhotoError(
            f"An array of {array.dtype} is not a picture.", advice="Give uint8 or uint16."
        )
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or not 1 <= channels <= 4 or 0 in array.shape:
        raise UnsupportedPhotoError(
            f"An array of shape {array.shape} is not a picture.",
            advice="Give (H, W), (H, W, 3) or (H, W, 4).",
        )
    pixels = array.reshape(*array.shape[:2], channels)
    alpha = pixels[..., -1].copy() if channels in (2, 4) else None
    colors = pixels[..., 0] if channels <= 2 else pixels[..., :3]
    source = Source(b"", "The array", array.shape[0] * array.shape[1])
    return _photo(Raw(np.ascontiguousarray(colors), alpha), "PNG", source)


def _photo(raw: Raw, kind: str, source: Source) -> Photo:
    """Profile, tone, grey, orientation, and metadata that is true for the result."""
    notes = list(raw.notes)
    _bound(raw, notes)
    profile, own = raw.icc, _profile(raw, notes)
    grey, tone, converted = _grey(raw, own, source, notes)
    if own is None:
        profile = None
    elif converted:
        profile = icc.srgb_profile()
    turn = _turn(raw)
    swap = turn in (5, 6, 7, 8)
    shape = grey.shape[::-1] if swap else grey.shape
    meta = Metadata(
        format=kind,
        icc=profile,
        exif=_exif(raw.exif, (shape[0], shape[1]), converted, notes),
        xmp=_xmp(raw.xmp, notes),
        dpi=(raw.dpi[1], raw.dpi[0]) if raw.dpi and swap else raw.dpi,
        comment=raw.comment,
        text=raw.text,
        iptc=raw.iptc,
        packing=raw.packing,
        notes=tuple(notes),
        turned=turn,
        converted=converted,
    )
    alpha = None if raw.alpha is None else upright(raw.alpha, turn)
    return Photo(upright(grey, turn), alpha, tone, meta)


def _bound(raw: Raw, notes: list[str]) -> None:
    """Drops metadata of a size that no photograph has: each block is copied several times."""
    for field, title in (
        ("icc", "colour profile"),
        ("exif", "EXIF"),
        ("xmp", "XMP"),
        ("iptc", "IPTC"),
    ):
        block: bytes | None = getattr(raw, field)
        if block is not None and len(block) > _MOST_METADATA:
            setattr(raw, field, None)
            notes.append(f"Its {title} ({len(block) >> 20} MB) is far too large and was left out.")


def _profile(raw: Raw, notes: list[str]) -> icc.Profile | None:
    if raw.icc is None:
        return None
    try:
        profile = icc.open_profile(raw.icc)
    except icc.DamagedProfileError:
        notes.append("Its colour profile is damaged: the pixels are taken as sRGB.")
        return None
    space = _space(raw.picture)
    if profile.space != space and not (space == "GRAY" and profile.space == "RGB"):
        notes.append(f"Its {profile.space} profile does not fit {space} pixels, and was left out.")
        return None
    return profile


def _space(picture: Image.Image | Pixels) -> str:
    if isinstance(picture, Image.Image):
        return {"L": "GRAY"}.get(picture.mode, picture.mode)
    return "GRAY" if picture.ndim == 2 else "RGB"


def _grey(
    raw: Raw, profile: icc.Profile | None, source: Source, notes: list[str]
) -> tuple[Pixels, Tone, bool]:
    """The grey in sRGB, the tone, and whether the profile had to be applied."""
    picture, convert = _in_srgb(raw, profile, source, notes)
    if isinstance(picture, Image.Image):
        tone = raw.tone or tone_of(picture)
        # A contiguous array of its own: the image and its memory go.
        return np.array(picture.convert("L")), tone, convert
    if picture.ndim == 2:
        return picture, raw.tone or "grey", convert
    return rgb_to_grey(picture), raw.tone or _tone_of_array(picture), convert


def _in_srgb(
    raw: Raw, profile: icc.Profile | None, source: Source, notes: list[str]
) -> tuple[Image.Image | Pixels, bool]:
    """The picture in sRGB, and whether the profile had to be applied."""
    picture = raw.picture
    if _space(picture) == "CMYK" and profile is None:
        source.refuse(
            "is a CMYK picture without a usable profile, so its colours are unknown",
            "Convert it to RGB in an image editor first.",
        )
    if profile is None or profile.is_srgb:
        return picture, False
    try:
        return _converted(picture, profile), True
    except icc.DamagedProfileError:
        if _space(picture) == "CMYK":
            source.fail("its colour profile cannot be used")
        notes.append("Its colour profile is damaged: the pixels are taken as sRGB.")
        return picture, False
    except icc.TableProfileError:
        source.refuse(
            "has 16-bit pixels with a colour profile made of tables",
            "Convert it to sRGB in an image editor first, keeping 16 bits.",
        )


def _converted(picture: Image.Image | Pixels, profile: icc.Profile) -> Image.Image | Pixels:
    if isinstance(picture, Image.Image):
        return icc.to_srgb(picture, profile)
    if picture.dtype == np.uint8 and picture.ndim == 2:
        return icc.grey_table(profile)[picture]
    if picture.dtype == np.uint8:
        return icc.to_srgb(Image.fromarray(picture), profile)
    if picture.ndim == 2:
        return icc.grey_table_u16(profile)[picture]
    return icc.to_srgb_u16(picture, profile)


def _tone_of_array(rgb: Pixels) -> Tone:
    step = max(1, max(rgb.shape[:2]) // _SMALL)
    small = rgb[::step, ::step]
    if small.dtype == np.uint16:
        small = (small >> 8).astype(np.uint8)
    return tone_of(Image.fromarray(np.ascontiguousarray(small)))


def _exif(
    block: bytes | None, shape: tuple[int, int], converted: bool, notes: list[str]
) -> bytes | None:
    if not block:
        return None
    try:
        return exif.made_upright(block, shape=shape, became_srgb=converted)
    except DamagedTagsError:
        notes.append("Its EXIF data is damaged and was left out.")
        return None


def _xmp(packet: bytes | None, notes: list[str]) -> bytes | None:
    if not packet or not packet.strip(b"\0 \r\n\t"):
        return None
    try:
        return xmp.made_upright(packet)
    except xmp.DamagedXmpError:
        notes.append("Its XMP data is damaged and was left out.")
        return None
