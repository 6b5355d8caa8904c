"""Decodes bytes to photos: recognised by content, limited in size, upright, in sRGB, with grey.

A `Photo` is made from a file's bytes, an array or a Pillow image. Each format's codec reads its own
files; this module contains what all formats share.

Files are decoded in this process or, within `tintype.photo.sandbox.scope.decoding_in`, in another.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.errors import UnreadablePhotoError, UnsupportedPhotoError
from tintype.photo.formats import open_raster, raw_files
from tintype.photo.formats.codec import Codec, DecodedPage
from tintype.photo.formats.film import film_error, is_film
from tintype.photo.formats.input_file import InputFile
from tintype.photo.formats.pillow import split_modes
from tintype.photo.formats.registry import FORMATS, readable_titles, sniff
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.metadata import exif, icc, xmp
from tintype.photo.metadata.ifd import DamagedTagsError
from tintype.photo.metadata.provenance import Provenance, provenance_from_json
from tintype.photo.orientation import upright
from tintype.photo.oversized import shorten_oversized
from tintype.photo.parts import Part, listed
from tintype.photo.photo import Metadata, Photo, Pixels, Tone, rgb_to_grey
from tintype.photo.sandbox.scope import current
from tintype.photo.to_srgb import in_srgb, usable_profile
from tintype.photo.tone import FoundTone, find_tone

# The format of a photo that comes from pixels alone.
_FORMAT_OF_PIXELS = "PNG"

# The most rows and columns on which the tone is measured.
_TONE_SIDE = 640
_COLORED_PARTS = (
    "Parts of it have a colour of their own (a stamp, ink, a colour target, a mount or stains): "
    "they are coloured again from their lightness, like the rest."
)

# Containers in which photographs arrive, and from which they must be extracted first.
_CONTAINERS = (
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PK\3\4", "a ZIP archive"),
    (b"%PDF-", "a PDF"),
)


def decode(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> tuple[Photo, ...]:
    """Reads a photograph.

    Args:
        data: The file.
        name: Its name in messages.
        max_pixels: Above this many pixels (all pages together) the file is refused before decoding.

    Returns:
        One photo for each page; one for most formats.

    Raises:
        UnreadablePhotoError: The file is empty, damaged, or not a picture.
        UnsupportedPhotoError: The picture could not be preserved without loss.
        PhotoTooLargeError: It has more pixels than the limit, or than fit into memory.
    """
    if (sandbox := current()) is not None:
        return sandbox.decode(data, name=name, max_pixels=max_pixels)
    file = InputFile(data, name, max_pixels)
    codec = _codec_of(file)
    try:
        return tuple(_photo(page, codec.name, file) for page in codec.read(file, False))
    except MemoryError as error:
        raise file.too_large_for_memory() from error


def decode_colors(
    data: bytes, *, name: str, max_pixels: int = MAX_PIXELS
) -> tuple[NDArray[np.uint8], Tone]:
    """Reads the colours of a picture, which `decode` discards.

    Args:
        data: The file; only the first of several pages is read.
        name: Its name in messages.
        max_pixels: As for `decode`.

    Returns:
        (H, W, 3) upright, sRGB; and the kind of picture.

    Raises:
        UnreadablePhotoError: As `decode`.
        UnsupportedPhotoError: As `decode`.
        PhotoTooLargeError: As `decode`.
    """
    if (sandbox := current()) is not None:
        return sandbox.decode_colors(data, name=name, max_pixels=max_pixels)
    file = InputFile(data, name, max_pixels)
    codec = _codec_of(file)
    try:
        page = codec.read(file, True)[0]
        notes: list[str] = []
        notes += shorten_oversized(page)
        picture, _ = in_srgb(page, usable_profile(page, notes), file, notes)
        if isinstance(picture, Image.Image):
            found = page.tone or find_tone(picture)
            rgb = np.asarray(picture.convert("RGB"))
        else:
            found = page.tone or _tone_of_array(picture)
            eight = _eight_bits(picture)
            rgb = np.repeat(eight[..., None], 3, axis=2) if eight.ndim == 2 else eight
        return upright(rgb, _orientation(page)), found.tone
    except MemoryError as error:
        raise file.too_large_for_memory() from error


def decode_layer(
    data: bytes, *, name: str, max_pixels: int
) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """Reads a picture that was drawn, not photographed: as stored, ignoring its profile.

    Args:
        data: The file; only the first of several pages is read.
        name: Its name in messages.
        max_pixels: As for `decode`.

    Returns:
        A picture of mode "L", "RGB" or "CMYK", and its (H, W) alpha or None; 8 bits.

    Raises:
        UnreadablePhotoError: As `decode`.
        UnsupportedPhotoError: As `decode`.
        PhotoTooLargeError: As `decode`.
    """
    if (sandbox := current()) is not None:
        return sandbox.decode_layer(data, name=name, max_pixels=max_pixels)
    file = InputFile(data, name, max_pixels)
    codec = _codec_of(file)
    try:
        page = codec.read(file, True)[0]
        picture = page.picture
        if not isinstance(picture, Image.Image):
            inks = picture.ndim == 3 and picture.shape[2] == 4
            picture = Image.fromarray(_eight_bits(picture), "CMYK" if inks else None)
        return picture, None if page.alpha is None else _eight_bits(page.alpha)
    except MemoryError as error:
        raise file.too_large_for_memory() from error


def read_provenance(data: bytes) -> Provenance | None:
    """Reads the provenance that `tintype.photo.encode.encode` wrote, without decoding the pixels.

    Args:
        data: The file.

    Returns:
        The provenance; None if the file has none, is damaged, or is not a picture.
    """
    if (sandbox := current()) is not None:
        return sandbox.read_provenance(data)
    return written_provenance(data)


def written_provenance(data: bytes) -> Provenance | None:
    """`read_provenance` for a file that this process has just written: never in a sandbox.

    Args:
        data: The file. To write it, this process has already read its XMP packet.
    """
    data = open_raster.merged_picture(data) or data
    name = sniff(data)
    read_xmp = FORMATS[name].read_xmp if name else None
    text = xmp.provenance_json(read_xmp(data)) if read_xmp else None
    return None if text is None else provenance_from_json(text)


def is_own_picture(data: bytes) -> bool:
    """Whether a file states that Tintype coloured it."""
    return read_provenance(data) is not None


def _eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    """The high bytes."""
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def _codec_of(file: InputFile) -> Codec:
    """The codec for a file, by its contents."""
    if not file.data:
        raise UnreadablePhotoError(
            f"{file.name} is empty.", advice="Copy it again from where it came."
        )
    name = sniff(file.data)
    if name is None and is_film(file.data):
        raise film_error(file.name)
    if name is None:
        raw_files.refuse_by_signature(file)
        raise UnreadablePhotoError(
            f"{file.name} is not a picture that Tintype can read{_looks_like(file.data)}.",
            advice=f"It reads {readable_titles()}.",
        )
    return FORMATS[name]


def _orientation(page: DecodedPage) -> int:
    """The EXIF orientation of the stored pixels."""
    return page.orientation or exif.orientation(page.exif) or xmp.orientation(page.xmp) or 1


def _looks_like(data: bytes) -> str:
    for start, kind in _CONTAINERS:
        if data.startswith(start):
            return f" (it is {kind})"
    head = data[:512]
    text = not any(byte < 9 or 13 < byte < 32 for byte in head)
    return " (it looks like text)" if text else ""


def photo_from_image(image: Image.Image) -> Photo:
    """Makes a photo from a Pillow image of any mode that a file may have.

    Pillow has already converted a colour JPEG to RGB, so the grey is computed from RGB pixels;
    `decode` reads the luminance from the file. The two are equal for neutral pictures, and
    otherwise differ where RGB was rounded or clipped.

    Args:
        image: The image. Its EXIF orientation and its profile are applied, as in `decode`.

    Returns:
        The photo, with the metadata that Pillow provides.

    Raises:
        UnsupportedPhotoError: Not a mode for photographs (floating point, 32 bits, CIELAB).
        UnreadablePhotoError: The file behind the image turns out to be damaged.
    """
    file = InputFile(b"", "The image", image.width * image.height)
    file.check_size(*image.size)
    with file.reading():
        image.load()
        picture, alpha = split_modes(image, file)
        page = DecodedPage(picture, alpha, icc=image.info.get("icc_profile") or None)
        tags = image.getexif()
        orientation = tags.get(exif.ORIENTATION, 1)
        page.orientation = orientation if isinstance(orientation, int) else 1
        page.exif = exif.without_prefix(tags.tobytes()) if tags else None
        page.dpi = exif.resolution(page.exif)
        return _photo(page, _FORMAT_OF_PIXELS, file)


def photo_from_array(array: NDArray[np.generic]) -> Photo:
    """Makes a photo from an array.

    Args:
        array: (H, W), (H, W, 1), (H, W, 2) with alpha, (H, W, 3) or (H, W, 4) with alpha; uint8 or
            uint16 of either byte order; encoded sRGB.

    Returns:
        The photo, without metadata.

    Raises:
        UnsupportedPhotoError: Another shape or type.
    """
    native = array.dtype.newbyteorder("=")
    if native not in (np.uint8, np.uint16):
        raise UnsupportedPhotoError(
            f"An array of {array.dtype} is not a picture.",
            advice="Pass uint8 or uint16, or floating-point numbers from 0 to 1.",
        )
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or not 1 <= channels <= 4 or 0 in array.shape:
        raise UnsupportedPhotoError(
            f"An array of shape {array.shape} is not a picture.",
            advice="Give (H, W), (H, W, 3) or (H, W, 4).",
        )
    pixels = array.reshape(*array.shape[:2], channels).astype(native, copy=False)
    alpha = pixels[..., -1].copy() if channels in (2, 4) else None
    colors = pixels[..., 0] if channels <= 2 else pixels[..., :3]
    file = InputFile(b"", "The array", array.shape[0] * array.shape[1])
    return _photo(DecodedPage(np.ascontiguousarray(colors), alpha), _FORMAT_OF_PIXELS, file)


def _photo(page: DecodedPage, form: str, file: InputFile) -> Photo:
    """Applies profile and orientation; finds tone and grey; keeps metadata that is still true."""
    notes = list(page.notes)
    notes += shorten_oversized(page)
    profile, own = page.icc, usable_profile(page, notes)
    grey, found, converted = _grey(page, own, file, notes)
    if found.parts:
        notes.append(_COLORED_PARTS)
    if own is None:
        profile = None
    elif converted:
        profile = icc.srgb_profile()
    turn = _orientation(page)
    swap = turn in (5, 6, 7, 8)
    shape = grey.shape[::-1] if swap else grey.shape
    meta = Metadata(
        format=form,
        icc=profile,
        exif=_exif(page.exif, (shape[0], shape[1]), converted, notes),
        xmp=_xmp(page.xmp, converted, notes),
        dpi=(page.dpi[1], page.dpi[0]) if page.dpi and swap else page.dpi,
        comment=page.comment,
        text=page.text,
        iptc=page.iptc,
        parts=_parts(page, turn, notes),
        attached=page.attached,
        packing=page.packing,
        notes=tuple(notes),
        turned=turn,
        converted=converted,
    )
    alpha = None if page.alpha is None else upright(page.alpha, turn)
    return Photo(upright(grey, turn), alpha, found.tone, meta)


def _parts(page: DecodedPage, turn: int, notes: list[str]) -> tuple[Part, ...]:
    """The unrecognised parts that are still true of the upright picture."""
    if turn == 1:
        return page.parts
    turned = [part.name for part in page.parts if part.geometric]
    if turned:
        notes.append(f"Left out because the picture was turned upright: {listed(turned)}.")
    return tuple(part for part in page.parts if not part.geometric)


def _grey(
    page: DecodedPage, profile: icc.Profile | None, file: InputFile, notes: list[str]
) -> tuple[Pixels, FoundTone, bool]:
    """The grey in sRGB, the tone, and whether the profile had to be applied."""
    picture, convert = in_srgb(page, profile, file, notes)
    if isinstance(picture, Image.Image):
        found = page.tone or find_tone(picture)
        # A contiguous copy, so the image and its memory can be released.
        return np.array(picture.convert("L")), found, convert
    found = page.tone or _tone_of_array(picture)
    return picture if picture.ndim == 2 else rgb_to_grey(picture), found, convert


def _tone_of_array(rgb: Pixels) -> FoundTone:
    if rgb.ndim == 2:
        return FoundTone("grey")
    step = max(1, max(rgb.shape[:2]) // _TONE_SIDE)
    small = rgb[::step, ::step]
    if small.dtype == np.uint16:
        small = (small >> 8).astype(np.uint8)
    return find_tone(Image.fromarray(np.ascontiguousarray(small)))


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


def _xmp(packet: bytes | None, converted: bool, notes: list[str]) -> bytes | None:
    if not packet or not packet.strip(b"\0 \r\n\t"):
        return None
    try:
        upright_packet = xmp.made_upright(packet, became_srgb=converted)
        corrected, companions = xmp.without_companions(upright_packet)
    except xmp.DamagedXmpError:
        notes.append("Its XMP data is damaged and was left out.")
        return None
    if companions:
        notes.append(f"References in its XMP to {' and '.join(companions)} are left out.")
    return corrected
