"""Before and after in one file, to be shown to others: side by side, or with colour sweeping over.

Every one says under the picture that its colours are a guess, and again in its metadata. Nothing
else of the photograph's metadata is in it.
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
"""What stands under the picture."""
SIDES: Mapping[str, int] = MappingProxyType({"jpeg": 1280, "gif": 480, "webp": 720, "webm": 720})
"""Longest side of the photograph in each kind of file, in pixels: side by side in the first, with a
sweep in the others."""
TYPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"webm": ("video/webm", ".webm")}
    | {
        form: (FORMATS[form.upper()].mime, FORMATS[form.upper()].suffixes[0])
        for form in ("jpeg", "gif", "webp")
    }
)
"""MIME type and file name ending of each."""

_GROUND, _INK = (38, 38, 39), (236, 235, 233)
_GAP = 4  # between the two, and the width of the line that sweeps, in pixels
_STEPS = 20  # frames of a sweep, one way
_STEP_MS, _HOLD_MS = 50, 1400
_COLORS = 256  # of a GIF


def comparison(photo: Photo, *, form: str, provenance: Provenance) -> bytes:
    """A file with a photograph before and after.

    Args:
        photo: With its colours, at the size in which it is shown; see `SIDES`.
        form: A key of `SIDES`.
        provenance: What the file says about its colours.

    Returns:
        The file.
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
    """A picture with the caption on a band below it.

    Args:
        rgb: (H, W, 3) the picture.
        side: The longest side of the photograph in it; a narrow one has smaller letters.
    """
    height, width = rgb.shape[:2]
    size = max(6, min(round(side / 30), round(width / 16)))
    image = Image.new("RGB", (width, height + 2 * size), _GROUND)
    image.paste(Image.fromarray(rgb), (0, 0))
    place = (width / 2, height + size)
    ImageDraw.Draw(image).text(place, CAPTION, _INK, font=ImageFont.load_default(size), anchor="mm")
    return np.asarray(image)


def _places(width: int) -> list[int]:
    """Where the line stands in each frame: from left to right, and back."""
    way = (1 - np.cos(np.linspace(0, np.pi, _STEPS + 1))) / 2
    there = np.rint(way * width).astype(int).tolist()
    return [*there, *there[-2:0:-1]]


def _durations() -> list[int]:
    """Of each frame in milliseconds: it rests at both ends."""
    return [_HOLD_MS, *[_STEP_MS] * (_STEPS - 1), 2 * _HOLD_MS, *[_STEP_MS] * (_STEPS - 1)]


def _frames(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    rows: int,
    line: NDArray[np.uint8] | int,
) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a sweep; the line spares the caption, below so many rows."""
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
    """Both are dithered once and with one palette, so that frames differ only where it sweeps."""
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
    """Those of `SIDES` that can be written with the packages that are installed."""
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
