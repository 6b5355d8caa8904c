"""Draws curves with Pillow: two axes, some lines, a legend."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from tintype.files.own import has_png_mark, png_mark
from tintype.learn.train.checkpoint import write_own

_SIZE = (720, 420)
_BOX = (70, 20, 700, 360)  # left, top, right, bottom
_COLORS = ("#0b5fa5", "#c4501b", "#2b7a3d", "#7a3d8f", "#8a6d00")
_TICKS = 5
_CURVES = "learning curves"

Points = Sequence[tuple[float, float]]


def is_curves(data: bytes) -> bool:
    """Whether a file was written by `draw_curves`."""
    return has_png_mark(data, _CURVES)


def draw_curves(path: Path, lines: Mapping[str, Points], *, x: str, y: str) -> None:
    """Writes a PNG.

    Args:
        path: The file; an earlier picture of curves is replaced.
        lines: Points by name, at least one per line.
        x: Title of the x axis.
        y: Title of the y axis.

    Raises:
        TargetExistsError: There is a file that is not a picture of curves.
    """
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    left, top, right, bottom = _BOX
    xs = [point[0] for points in lines.values() for point in points]
    ys = [point[1] for points in lines.values() for point in points]
    x_range, y_range = _range([0, *xs]), _range(ys)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - x_range[0]) / (x_range[1] - x_range[0])
        up = (point[1] - y_range[0]) / (y_range[1] - y_range[0])
        return left + across * (right - left), bottom - up * (bottom - top)

    for index in range(_TICKS + 1):
        share = index / _TICKS
        value_x = x_range[0] + share * (x_range[1] - x_range[0])
        value_y = y_range[0] + share * (y_range[1] - y_range[0])
        column, row = place((value_x, value_y))
        draw.line([(column, top), (column, bottom)], "#dddddd")
        draw.line([(left, row), (right, row)], "#dddddd")
        draw.text((column, bottom + 6), f"{value_x:,.0f}", "black", font, anchor="ma")
        draw.text((left - 6, row), f"{value_y:.2f}", "black", font, anchor="rm")
    draw.rectangle(_BOX, outline="black")
    draw.text(((left + right) / 2, bottom + 28), x, "black", font, anchor="ma")
    draw.text((left + 4, top + 4), y, "black", font)
    for index, (name, points) in enumerate(lines.items()):
        color = _COLORS[index % len(_COLORS)]
        places = [place(point) for point in points]
        draw.line(places, color, 2)
        for column, row in places:
            draw.ellipse([column - 3, row - 3, column + 3, row + 3], color)
        draw.text((right - 8, top + 6 + 18 * index), name, color, font, anchor="ra")
    out = io.BytesIO()
    text = PngInfo()
    text.add_text("Software", png_mark(_CURVES))
    image.save(out, "PNG", optimize=True, pnginfo=text)
    write_own(path, out.getvalue(), is_curves, what="a picture of curves")


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.5
    return (low if low == 0 else low - margin), high + margin
