"""A contact sheet with a row per photograph: grey, original, and the result of each model.

For visual inspection, which complements figures; its findings are verified by figures on dev.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.errors import LearnError, shown
from tintype.files.own import check_replaceable, png_mark
from tintype.learn.data.manifest import PhotoSource, read_sources
from tintype.learn.data.pictures import PixelBudget, decode_rgb
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

_ROWS = 10
_GAP = 4
_HEAD = 18
_CELL = (4, 3)  # aspect ratio of a cell


SHEET = "comparison sheet"
"""The marker that identifies a sheet."""


def is_sheet(data: bytes) -> bool:
    """Whether a file is a sheet of `contact_sheets`."""
    return png_mark(SHEET).encode("ascii") in data[: 1 << 12]


def contact_sheets(
    engines: Sequence[Engine],
    sources: Sequence[PhotoSource],
    target: Path,
    *,
    height: int = 256,
    settings: Settings | None = None,
) -> list[Path]:
    """Writes sheets of ten photographs each.

    Args:
        engines: One column each.
        sources: The photographs; they are not cropped, and reduced to at most four times the cell
            size.
        target: ``sheet.jpg`` becomes ``sheet-01.jpg``, ``sheet-02.jpg`` and so on.
        height: Height of a cell in pixels.
        settings: For all models; None uses each model's default.

    Returns:
        The files.

    Raises:
        LearnError: A photograph cannot be read, or a sheet cannot be written.
    """
    names = ["grey", "original", *(engine.bundle.name for engine in engines)]
    rows: list[Image.Image] = []
    files: list[Path] = []
    budget = PixelBudget()
    for number, (source, data) in enumerate(read_sources(sources), 1):
        try:
            admit = budget.admission(source.container, data)
            image = decode_rgb(data, least=4 * height, admit=admit)
        except ValueError as error:
            raise LearnError(f"{shown(source.container / source.member)}: {error}.") from None
        image.thumbnail((8 * height, 4 * height))
        truth = np.asarray(image)
        photo = Photo(rgb_to_grey(truth), None, "color", Metadata("PNG"))
        cells = [np.asarray(photo.grey, np.uint8), truth]
        for engine in engines:
            color = engine.colorize(photo, settings).color
            assert isinstance(color, np.ndarray)
            cells.append(np.asarray(color, np.uint8))
        rows.append(_row(cells, height))
        if len(rows) == _ROWS or number == len(sources):
            path = target.with_name(f"{target.stem}-{len(files) + 1:02d}{target.suffix}")
            check_replaceable(path, is_sheet, overwrite=True, what="a comparison sheet")
            text = PngInfo()
            text.add_text("Software", png_mark(SHEET))
            # The comment is for JPEG, the text chunk for PNG.
            page = _page(rows, names)
            page.save(path, quality=90, comment=png_mark(SHEET), pnginfo=text)
            files.append(path)
            rows = []
    return files


def _row(pictures: Sequence[NDArray[np.uint8]], height: int) -> Image.Image:
    width = height * _CELL[0] // _CELL[1]
    row = Image.new("RGB", (len(pictures) * (width + _GAP), height + _GAP), "white")
    for column, picture in enumerate(pictures):
        cell = Image.fromarray(picture).convert("RGB")
        cell.thumbnail((width, height), Image.Resampling.LANCZOS)
        row.paste(cell, (column * (width + _GAP) + (width - cell.width) // 2, 0))
    return row


def _page(rows: Sequence[Image.Image], names: Sequence[str]) -> Image.Image:
    page = Image.new("RGB", (rows[0].width, _HEAD + sum(row.height for row in rows)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for column, name in enumerate(names):
        draw.text((column * rows[0].width // len(names) + 2, 2), name, "black", font=font)
    top = _HEAD
    for row in rows:
        page.paste(row, (0, top))
        top += row.height
    return page
