"""The grey photograph and, above it, its colours, as two layers for an image editor.

The upper layer has the blend mode "Color": hue and saturation come from it, the luma from the layer
below. That luma is 0.30 R + 0.59 G + 0.11 B of the encoded values, which to two digits is the luma
that Tintype preserves (`tintype.color.cielab`). So an editor shows the coloured picture to within
one step, and the colours remain when the grey below them is retouched.

Source: W3C Compositing and Blending Level 1, 10.2 (non-separable blend modes).
"""

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from tintype.photo.encode import encode
from tintype.photo.formats import open_raster
from tintype.photo.photo import Photo, Pixels
from tintype.photo.thumbnail import of_pixels

_DPI = (72.0, 72.0)  # OpenRaster's default


def layered(colored: Photo, merged: bytes) -> bytes:
    """An OpenRaster file with both layers.

    Args:
        colored: The coloured photograph, with ``color`` at full size.
        merged: The same as a PNG with all its metadata, which no other part of the file has.
    """
    assert isinstance(colored.color, np.ndarray)
    return open_raster.archive(
        size=colored.shape,
        dpi=colored.meta.dpi or _DPI,
        pictures=_pictures(colored, colored.color, merged),
    )


def _pictures(colored: Photo, color: Pixels, merged: bytes) -> Iterator[tuple[str, bytes]]:
    yield open_raster.COLOR, _layer(colored, color)
    # Three channels: editors disagree on how to read a grey layer below a coloured one.
    grey = np.broadcast_to(colored.grey[..., None], color.shape)
    yield open_raster.PHOTOGRAPH, _layer(colored, grey)
    yield open_raster.THUMBNAIL, _thumbnail(color)
    yield open_raster.MERGED, merged


def _layer(photo: Photo, pixels: Pixels) -> bytes:
    """A PNG with these pixels, and only the profile as metadata."""
    layer = replace(photo, color=pixels)
    return encode([layer], format="PNG", provenance=None, strip_metadata=True).data


def _thumbnail(color: Pixels) -> bytes:
    stream = io.BytesIO()
    with Image.open(io.BytesIO(of_pixels(color))) as small:
        small.save(stream, "PNG")
    return stream.getvalue()
