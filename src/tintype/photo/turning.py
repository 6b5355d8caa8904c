"""Turns outputs by quarters: the upright picture then lies on another side.

The pixels are moved, never changed, and the orientation tag says upright as in every other output:
some programs ignore the tag, and not every format has one.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from tintype.photo.metadata import exif
from tintype.photo.orientation import as_stored
from tintype.photo.parts import listed
from tintype.photo.photo import HalfChroma, Metadata, Photo, Pixels

QUARTERS: Mapping[str, int] = MappingProxyType({"0": 1, "90": 8, "180": 3, "270": 6})
"""Degrees clockwise, and the EXIF orientation with which a file stores pixels turned that way.

`Photo.turn` is that orientation while half-size chroma is made: the pairs of pixels are then those
of the turned picture.
"""


def turned(photo: Photo, turn: int) -> Photo:
    """Turns a photograph.

    Args:
        photo: Coloured or not; half-size chroma must match this `Photo.turn`.
        turn: One of the orientations of `QUARTERS`.

    Returns:
        The same pixels in other positions.
    """

    def moved(pixels: Pixels) -> Pixels:
        return as_stored(pixels, turn)

    color = photo.color
    if isinstance(color, HalfChroma):
        color = HalfChroma(moved(color.cb), moved(color.cr))
    elif color is not None:
        color = moved(color)
    grey = moved(photo.grey)
    alpha = None if photo.alpha is None else moved(photo.alpha)
    shape = grey.shape[0], grey.shape[1]
    meta = _turned_metadata(photo.meta, turn, shape)
    return replace(photo, grey=grey, alpha=alpha, color=color, turn=1, meta=meta)


def _turned_metadata(meta: Metadata, turn: int, shape: tuple[int, int]) -> Metadata:
    """Metadata for pixels of this (height, width)."""
    block, dpi = meta.exif, meta.dpi
    if block is not None:
        block = exif.made_upright(block, shape=shape, became_srgb=False)
    if dpi is not None and turn in (6, 8):
        dpi = dpi[1], dpi[0]
    notes = meta.notes
    lost = [part.name for part in meta.parts if part.geometric]
    if lost:
        notes = (*notes, f"Left out because the picture was turned: {listed(lost)}.")
    return replace(
        meta,
        exif=block,
        dpi=dpi,
        parts=tuple(part for part in meta.parts if not part.geometric),
        attached=tuple(
            replace(page, pixels=as_stored(page.pixels, turn)) for page in meta.attached
        ),
        notes=notes,
    )
