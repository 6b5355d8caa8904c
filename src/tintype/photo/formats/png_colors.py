"""The colours of a PNG as stated by its chunks.

Source: PNG specification, third edition (W3C), sections 4.3 (order of precedence), 11.3.2
(colours) and 11.3.2.7 and 11.3.2.8 (mDCV, cLLI).
"""

import struct

from tintype.photo.formats.png_chunks import COLOR_CHUNKS, PngChunks
from tintype.photo.metadata import color_space, exif, hdr
from tintype.photo.metadata.color_space import UnusableColorsError

_LIGHT_STEPS = 10_000


def profile(found: PngChunks) -> bytes | None:
    """The profile of the pixels, embedded or stated; chunks that state sRGB are carried unchanged.

    Args:
        found: The chunks. Those that state colours become parts or notes.

    Returns:
        None for sRGB.
    """
    chunks = {kind: body for kind, body in found.colors.items() if len(body) == COLOR_CHUNKS[kind]}
    try:
        stated = _stated(chunks, has_profile=found.icc is not None)
    except UnusableColorsError as error:
        found.notes.append(f"Its colours are stated by {error}: the pixels are treated as sRGB.")
        return found.icc
    if b"cICP" in chunks and chunks[b"cICP"][1] in hdr.NAMES:
        found.notes.append(hdr.note(chunks[b"cICP"][1], _peak(chunks)))
    if stated is not None:
        return stated
    if found.icc is not None and b"cICP" not in chunks:
        return found.icc
    if not chunks:
        return color_space.adobe_rgb() if exif.is_adobe_rgb(found.exif) else None
    for kind, body in chunks.items():
        found.unknown.carry(f"chunk {kind.decode()}", kind, body)
    return None


def _stated(chunks: dict[bytes, bytes], *, has_profile: bool) -> bytes | None:
    if b"cICP" in chunks:
        primaries, transfer, _, full_range = chunks[b"cICP"]
        if not full_range:
            raise UnusableColorsError("a narrow range of values")
        return color_space.of_code_points(primaries, transfer, _peak(chunks))
    if has_profile or b"sRGB" in chunks:
        return None
    gamma = places = None
    if b"gAMA" in chunks:
        (encoding,) = struct.unpack(">I", chunks[b"gAMA"])
        gamma = 100_000 / encoding if encoding else 0.0
    if b"cHRM" in chunks:
        a, b, c, d, e, f, g, h = (v / 100_000 for v in struct.unpack(">8I", chunks[b"cHRM"]))
        places = (a, b, c, d, e, f, g, h)
    return color_space.of_gamma(gamma, places)


def _peak(chunks: dict[bytes, bytes]) -> float | None:
    """Peak in cd/m2; the chunks state it in steps of 0.0001."""
    brightest = mastering = 0
    if b"cLLI" in chunks:
        (brightest,) = struct.unpack_from(">I", chunks[b"cLLI"])
    if b"mDCV" in chunks:
        (mastering,) = struct.unpack_from(">I", chunks[b"mDCV"], 16)
    return hdr.stated_peak(brightest / _LIGHT_STEPS, mastering / _LIGHT_STEPS)
