"""Before and after in one file, for sharing: side by side, or with the colours sweeping across.

Every file states below the picture, and again in its metadata, that its colours are a guess. It
contains nothing else of the photograph's metadata.
"""

import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tintype import cancellation
from tintype.photo.comparison_webm import can_write_webm, webm
from tintype.photo.encode import encode
from tintype.photo.formats.registry import FORMATS
from tintype.photo.metadata import xmp
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

CAPTION = "Colours guessed by Tintype"
"""The caption below the picture."""
SIDES: Mapping[str, int] = MappingProxyType({"jpeg": 1280, "gif": 480, "webp": 720, "webm": 720})
"""Longest side of the photograph in each kind of file, in pixels. The first shows the pictures side
by side, the others sweep."""
TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"webm": ("video/webm", ".webm")}
    | {
        form: (FORMATS[form.upper()].mime, FORMATS[form.upper()].suffixes[0])
        for form in ("jpeg", "gif", "webp")
    }
)
"""MIME type and file extension of each."""

_GROUND, _INK = (38, 38, 39), (236, 235, 233)
_GAP = 4  # between the pictures, and width of the sweeping line; pixels
_STEPS = 20  # frames of a sweep, one way
_STEP_MS, _HOLD_MS = 50, 1400
_COLORS = 256  # of a GIF


def comparison(photo: Photo, *, form: str, provenance: Provenance) -> bytes:
    """Writes a file with a photograph before and after colouring.

    Args:
        photo: Coloured, at the size to be shown; see `SIDES`.
        form: A key of `SIDES`.
        provenance: The provenance that the file states.

    Returns:
        The contents of the file.
    """
    after = photo.color
    assert isinstance(after, np.ndarray)
    grey = photo.grey if photo.bits == 8 else (photo.grey // 257).astype(np.uint8)
    before = np.repeat(grey[:, :, None], 3, axis=2)
    if form == "jpeg":
        gap = np.full((grey.shape[0], _GAP, 3), _GROUND, np.uint8)
        both = _captioned(np.concatenate([before, gap, after], axis=1), max(photo.shape))
        page = Photo(rgb_to_grey(both), None, "color", Metadata("JPEG"), color=both)
        return encode([page], format="JPEG", provenance=provenance).data
    before, after = (_captioned(rgb, max(photo.shape)) for rgb in (before, after))
    write = {"gif": _gif, "webp": _webp, "webm": _webm}[form]
    return write(before, after, photo.height, provenance)


def _captioned(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The picture with the caption on a band below it.

    Args:
        rgb: (H, W, 3) the picture.
        side: Longest side of the photograph in it; narrow pictures get smaller letters.
    """
    height, width = rgb.shape[:2]
    size = max(6, min(round(side / 30), round(width / 16)))
    image = Image.new("RGB", (width, height + 2 * size), _GROUND)
    image.paste(Image.fromarray(rgb), (0, 0))
    place = (width / 2, height + size)
    ImageDraw.Draw(image).text(place, CAPTION, _INK, font=ImageFont.load_default(size), anchor="mm")
    return np.asarray(image)


def _places(width: int) -> list[int]:
    """Position of the line in each frame: from left to right, and back."""
    way = (1 - np.cos(np.linspace(0, np.pi, _STEPS + 1))) / 2
    there = np.rint(way * width).astype(int).tolist()
    return [*there, *there[-2:0:-1]]


def _durations() -> list[int]:
    """Duration of each frame in milliseconds; the sweep pauses at both ends."""
    return [_HOLD_MS, *[_STEP_MS] * (_STEPS - 1), 2 * _HOLD_MS, *[_STEP_MS] * (_STEPS - 1)]


def _frames(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    rows: int,
    line: NDArray[np.uint8] | int,
) -> Iterator[NDArray[np.uint8]]:
    """The frames of a sweep; the line covers only the first `rows` rows, not the caption."""
    width = before.shape[1]
    for place in _places(width):
        cancellation.check()
        frame = before.copy()
        frame[:, :place] = after[:, :place]
        if 0 < place < width:
            frame[:rows, max(0, place - _GAP // 2) : place + _GAP // 2] = line
        yield frame


def _gif(
    before: NDArray[np.uint8], after: NDArray[np.uint8], rows: int, provenance: Provenance
) -> bytes:
    """Dithers both pictures once with one palette, so frames differ only where the line sweeps."""
    both = Image.fromarray(np.concatenate([before, after], axis=1))
    indexed = both.quantize(_COLORS, Image.Quantize.MEDIANCUT)
    indices = np.asarray(both.quantize(palette=indexed, dither=Image.Dither.FLOYDSTEINBERG))
    palette = indexed.getpalette() or []
    brightest = int(np.argmax(np.array(palette).reshape(-1, 3).sum(axis=1)))
    width = before.shape[1]
    frames = []
    for frame in _frames(indices[:, :width], indices[:, width:], rows, brightest):
        image = Image.fromarray(frame, "P")
        image.putpalette(palette)
        frames.append(image)
    return _saved(frames, "gif", comment=f"{CAPTION}: {provenance.sentence}", optimize=False)


def _webp(
    before: NDArray[np.uint8], after: NDArray[np.uint8], rows: int, provenance: Provenance
) -> bytes:
    line = np.array(_INK, np.uint8)
    frames = [Image.fromarray(frame) for frame in _frames(before, after, rows, line)]
    packet = xmp.with_provenance(None, provenance)
    return _saved(frames, "webp", xmp=packet, quality=80, method=2)


def _webm(
    before: NDArray[np.uint8], after: NDArray[np.uint8], rows: int, provenance: Provenance
) -> bytes:
    frames = _frames(before, after, rows, np.array(_INK, np.uint8))
    return webm(frames, _durations(), title=CAPTION, comment=provenance.sentence)


def possible() -> tuple[str, ...]:
    """The kinds in `SIDES` that can be written with the installed packages."""
    return tuple(form for form in SIDES if form != "webm" or can_write_webm())


def _saved(frames: list[Image.Image], form: str, **options: object) -> bytes:
    out = io.BytesIO()
    frames[0].save(
        out,
        form,
        save_all=True,
        append_images=frames[1:],
        duration=_durations(),
        loop=0,
        **options,
    )
    return out.getvalue()
