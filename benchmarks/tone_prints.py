"""Monochrome pictures of many kinds, made of the grey of photographs in colour.

Each kind is a function of a grey (H, W) in 0..1 and a source of random numbers, and gives (H, W, 3)
in 0..1, outside where it clips. `scanned` gives it the noise of a scanner and a file format.
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

F32 = NDArray[np.float32]
Draw = np.random.Generator
Kind = Callable[[F32, Draw], F32]
Color = tuple[float, float, float]

SIDES = (192,) * 12 + (256,) * 12 + (400,) * 12 + (800,) * 3 + (2000,)
"""Shorter sides of what is made, each as often as it stands here."""

_INKS = (
    *((0.8, 0.1, 0.15), (0.6, 0.05, 0.2), (0.15, 0.2, 0.6)),
    *((0.35, 0.15, 0.55), (0.1, 0.45, 0.25)),
)
_CARDS = (
    *((0.47, 0.31, 0.20), (0.24, 0.35, 0.24), (0.10, 0.10, 0.16), (0.43, 0.47, 0.55)),
    *((0.88, 0.82, 0.67), (0.59, 0.16, 0.16), (0.78, 0.75, 0.59), (0.16, 0.24, 0.39)),
)
_BORDERS = ((0.7, 0.1, 0.1), (0.1, 0.2, 0.6), (0.8, 0.7, 0.2), (0.1, 0.4, 0.2))
# A strip as archives lay beside a print, and the 24 fields of a chart, roughly.
_STRIP = (
    *((0, 90, 160), (0, 130, 160), (0, 140, 70), (255, 220, 0), (200, 20, 40)),
    *((190, 40, 120), (255, 255, 255), (110, 80, 60), (20, 20, 20)),
)
_CHART = (
    *((115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177)),
    *((103, 189, 170), (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108)),
    *((157, 188, 64), (224, 163, 46), (56, 61, 150), (70, 148, 73), (175, 54, 60)),
    *((231, 199, 31), (187, 86, 149), (8, 133, 161), (243, 243, 242), (200, 200, 200)),
    *((160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52)),
)


def mixed(grey: F32, ink: Color, paper: Color, powers: Color = (1, 1, 1)) -> F32:
    """From ink to paper, each channel by a power of the grey."""
    level = np.stack([grey**power for power in powers], -1)
    dark, light = np.float32(ink), np.float32(paper)
    return dark + (light - dark) * level


def neutral(grey: F32, draw: Draw) -> F32:
    return np.repeat(grey[..., None], 3, 2)


def cast(grey: F32, draw: Draw) -> F32:
    return neutral(grey, draw) * (1 + draw.uniform(-0.02, 0.02, 3).astype(np.float32))


def yellowed(grey: F32, draw: Draw) -> F32:
    k = draw.uniform(0.2, 1)
    return mixed(grey, (0.04 * k, 0.03 * k, 0.02 * k), (1 - 0.03 * k, 1 - 0.08 * k, 1 - 0.2 * k))


def sepia(least: float, most: float) -> Kind:
    def toned(grey: F32, draw: Draw) -> F32:
        k, paper = draw.uniform(least, most), draw.uniform(0.6, 1.4)
        return mixed(
            grey,
            (0.16 * k, 0.09 * k, 0.05 * k),
            (1 - 0.02 * k, 1 - 0.09 * k * paper, 1 - 0.26 * k * paper),
            (1 - 0.2 * k, 1, 1 + 0.35 * k),
        )

    return toned


def sepia_filter(grey: F32, draw: Draw) -> F32:
    """As programs do it, black staying black: three factors, or three powers."""
    k = draw.uniform(0.3, 1)
    if draw.random() < 0.5:
        factors = 1 + np.float32(k) * np.float32([0.351, 0.203, -0.063])
        return (grey[..., None] * factors).clip(0, 1)
    return mixed(grey, (0, 0, 0), (1, 1, 1), (1 - 0.3 * k, 1, 1 + 0.6 * k))


def cyanotype(grey: F32, draw: Draw) -> F32:
    k = draw.uniform(0.5, 1)
    powers = (1 + 0.9 * k, 1 + 0.15 * k, 1 - 0.25 * k)
    return mixed(grey, (0.02, 0.12 * k, 0.35 * k), (0.97, 0.98, 1 - 0.03 * k), powers)


def selenium(grey: F32, draw: Draw) -> F32:
    k = draw.uniform(0.4, 1.4)
    powers = (1 - 0.06 * k, 1 + 0.08 * k, 1.0)
    return mixed(grey, (0.12 * k, 0.05 * k, 0.1 * k), (1, 0.98, 0.96), powers)


def red_carbon(grey: F32, draw: Draw) -> F32:
    k = draw.uniform(0.5, 1)
    return mixed(grey, (0.45 * k, 0.1 * k, 0.06 * k), (1, 0.95, 0.88))


def green(grey: F32, draw: Draw) -> F32:
    k = draw.uniform(0.4, 1)
    powers = (1 + 0.1 * k, 1 - 0.1 * k, 1 + 0.2 * k)
    return mixed(grey, (0.04 * k, 0.14 * k, 0.08 * k), (0.97, 1, 0.93), powers)


def split_toned(grey: F32, draw: Draw) -> F32:
    """Warm lights and cool shadows, or the other way round."""
    warm = np.float32([(0.3, 0.12, -0.3), (0.25, -0.05, -0.2), (0.1, 0.05, -0.2)])
    cool = np.float32([(-0.2, 0, 0.3), (-0.1, 0.05, 0.15), (0.1, -0.1, 0.15)])
    light = warm[draw.integers(3)] * np.float32(draw.uniform(0.3, 1))
    dark = cool[draw.integers(3)] * np.float32(draw.uniform(0.3, 1))
    if draw.random() < 0.3:
        light, dark = dark, light
    level = grey[..., None]
    shadow = 1 / (1 + np.exp((level - np.float32(draw.uniform(0.35, 0.6))) * 10))
    return level + 0.55 * (shadow * (1 - 0.4 * shadow) * dark + (1 - shadow) * level * light)


def uneven(grey: F32, draw: Draw) -> F32:
    """Yellower towards one side, or towards the edges."""
    base, (y, x) = _aged(grey, draw), _places(grey)
    if draw.random() < 0.5:
        amount = _slope(y, x, draw)
    else:
        amount = (np.maximum(np.abs(x - 0.5), np.abs(y - 0.5)) * 2) ** 3
    return _absorbed(base, amount * draw.uniform(0.3, 1), (0.02, 0.1, 0.3))


def stained(grey: F32, draw: Draw) -> F32:
    """A few large stains and some foxing."""
    rgb, (y, x) = _aged(grey, draw), _places(grey)
    for _ in range(draw.integers(1, 5)):
        far = np.hypot(y - draw.random(), x - draw.random()) / draw.uniform(0.05, 0.3)
        amount = np.clip(1.2 - far, 0, 1) * draw.uniform(0.4, 1.2)
        rgb = _absorbed(rgb, amount, (0.05, 0.14, 0.3))
    for _ in range(draw.integers(0, 20)):
        far = np.hypot(y - draw.random(), x - draw.random()) / draw.uniform(0.005, 0.02)
        rgb = _absorbed(rgb, np.clip(1.2 - far, 0, 1) * draw.uniform(0.5, 1), (0.1, 0.25, 0.45))
    return rgb


def two_lights(grey: F32, draw: Draw) -> F32:
    """Photographed between a lamp and a window."""
    base, slope = _aged(grey, draw), _slope(*_places(grey), draw)
    k = draw.uniform(0.3, 1)
    lamp, window = np.float32([0, 0.06, 0.14]), np.float32([0.1, 0.04, 0])
    return base * (1 - k * (slope[..., None] * lamp + (1 - slope[..., None]) * window))


def stamp(grey: F32, draw: Draw) -> F32:
    def shapes(pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
        side = min(width, height)
        size, line = side * draw.uniform(0.08, 0.22), max(1, int(side * draw.uniform(0.008, 0.03)))
        x, y = draw.uniform(0.15, 0.85) * width, draw.uniform(0.15, 0.85) * height
        if draw.random() < 0.6:
            pen.ellipse([x - size, y - size, x + size, y + size], outline=255, width=line)
        else:
            box = [x - 1.5 * size, y - size / 2, x + 1.5 * size, y + size / 2]
            pen.rectangle(box, outline=255, width=line)
        for row in (-0.25, 0, 0.25):
            pen.line([x - size / 2, y + row * size, x + size / 2, y + row * size], 255, line)

    return _printed(_toned(grey, draw), shapes, draw)


def ink(grey: F32, draw: Draw) -> F32:
    """Up to twelve lines of writing."""

    def shapes(pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
        side = min(width, height)
        left, top = draw.uniform(0.02, 0.3) * width, draw.uniform(0.05, 0.8) * height
        step, line = 0.012 * side, max(1, int(side * draw.uniform(0.003, 0.008)))
        for row in range(draw.integers(1, 13)):
            count = int(draw.uniform(0.3, 0.65) * width / step)
            up = draw.uniform(-0.012, 0.012, count) * side + top + row * 0.03 * side
            pen.line([(left + n * step, y) for n, y in enumerate(up)], 255, line)

    return _printed(_toned(grey, draw), shapes, draw)


def date(grey: F32, draw: Draw) -> F32:
    """In orange, in the corner."""

    def shapes(pen: ImageDraw.ImageDraw, width: int, height: int) -> None:
        side = min(width, height)
        for digit in range(8):
            x = width - side * 0.05 * (9 - digit)
            box = [x, height - side * 0.09, x + side * 0.03, height - side * 0.04]
            pen.rectangle(box, outline=255, width=max(1, int(side * 0.01)))

    return _printed(_toned(grey, draw), shapes, draw, (1, 0.45, 0.05))


def target(grey: F32, draw: Draw) -> F32:
    """A strip beside the print, of 3 to 12 % of its length, or a chart on it of nearly its area."""
    rgb, share = _toned(grey, draw), draw.uniform(0.03, 0.12)
    if draw.random() < 0.3:
        return _with_chart(rgb, share, draw)
    turned = draw.random() < 0.5
    rgb = rgb.transpose(1, 0, 2) if turned else rgb
    height, width = rgb.shape[:2]
    thick, gap = max(3, int(height * share)), max(2, int(height * 0.015))
    bed = np.full((height + thick + 2 * gap, width, 3), draw.choice([0.78, 0.97, 0.05, 0.5]), "f4")
    bed[:height] = rgb
    length = draw.uniform(0.4, 1)
    start, step = int(draw.uniform(0, 1 - length) * width), max(1, int(width * length / 9))
    for number, color in enumerate(_STRIP):
        left = start + number * step
        bed[height + gap : height + gap + thick, left : left + step] = np.float32(color) / 255
    bed = bed[::-1] if draw.random() < 0.5 else bed
    return bed.transpose(1, 0, 2) if turned else bed


def mount(grey: F32, draw: Draw) -> F32:
    """On card of another colour, with a margin of 3 to 23 %."""
    rgb = _toned(grey, draw)
    margin = max(grey.shape) * draw.uniform(0.04, 0.18)
    top, bottom, left, right = (max(2, int(margin * k)) for k in draw.uniform(0.7, 1.3, 4))
    card = np.empty((grey.shape[0] + top + bottom, grey.shape[1] + left + right, 3), np.float32)
    card[:] = _CARDS[draw.integers(len(_CARDS))]
    card += draw.normal(0, 0.02, (*card.shape[:2], 1)).astype(np.float32)
    card[top : top + grey.shape[0], left : left + grey.shape[1]] = rgb
    return card


def border(grey: F32, draw: Draw) -> F32:
    """A coloured line around the print, at its edge or inside a white margin."""
    rgb, side = _toned(grey, draw), min(grey.shape)
    line = max(1, int(side * draw.uniform(0.008, 0.03)))
    rgb = np.pad(rgb, ((line, line), (line, line), (0, 0)))
    frame = np.ones(rgb.shape[:2], bool)
    frame[line:-line, line:-line] = False
    rgb[frame] = _BORDERS[draw.integers(len(_BORDERS))]
    margin = int(side * 0.04) * int(draw.integers(2))
    return np.pad(rgb, ((margin, margin), (margin, margin), (0, 0)), constant_values=0.95)


def hand_colored(grey: F32, draw: Draw) -> F32:
    """Pink cheeks and lips, and in half of them a faint wash over the face: up to 10 %."""
    rgb, (y, x) = _toned(grey, draw), _places(grey)
    x = x * (grey.shape[1] / grey.shape[0])
    at_y, at_x = draw.uniform(0.3, 0.5), draw.uniform(0.4, 0.6) * x.max()
    size, k = draw.uniform(0.04, 0.1), draw.uniform(0.4, 1)
    for side in (-1.3, 1.3):
        far = np.hypot(y - at_y, x - at_x - side * size) / size
        rgb = rgb + k * np.exp(-(far**2))[..., None] * np.float32([0.12, -0.08, -0.05])
    lips = np.hypot((y - at_y - 1.3 * size) * 2.2, x - at_x) / (0.5 * size)
    rgb = rgb + k * np.clip(1.3 - lips, 0, 1)[..., None] * np.float32([0.12, -0.12, -0.08])
    if draw.random() < 0.5:
        face = np.hypot(y - at_y, x - at_x) / (2.5 * size)
        rgb = rgb + k * np.clip(1.2 - face, 0, 1)[..., None] * np.float32([0.04, 0, -0.05])
    return np.asarray(rgb, np.float32)


KINDS: dict[str, Kind] = {
    "neutral": neutral,
    "a faint cast": cast,
    "yellowed paper": yellowed,
    "sepia, weak": sepia(0.15, 0.5),
    "sepia": sepia(0.5, 0.9),
    "sepia, strong": sepia(0.9, 1.6),
    "sepia filter": sepia_filter,
    "cyanotype": cyanotype,
    "selenium": selenium,
    "red carbon print": red_carbon,
    "green": green,
    "split-toned": split_toned,
    "uneven yellowing": uneven,
    "stains and foxing": stained,
    "lamp and window": two_lights,
    "stamp": stamp,
    "ink": ink,
    "orange date": date,
    "colour target": target,
    "coloured mount": mount,
    "coloured border": border,
    "lightly hand-coloured": hand_colored,
}


def albumen(grey: F32, draw: Draw) -> F32:
    """Purple-brown shadows, and paper that yellowed where there is no silver."""
    k, purple = draw.uniform(0.4, 1.2), draw.uniform(0, 1)
    ink = (0.2 * k, 0.09 * k, (0.06 + 0.08 * purple) * k)
    return mixed(grey, ink, (1 - 0.02 * k, 1 - 0.07 * k, 1 - 0.24 * k), (1 - 0.1 * k, 1, 1))


def duotone(grey: F32, draw: Draw) -> F32:
    """Two inks of any hue on white or cream paper, one of them for the shadows alone."""
    shadow, light = (np.float32(draw.uniform(0, 0.7, 3)) for _ in range(2))
    paper = np.float32(1 - draw.uniform(0, 1) * np.float32([0.01, 0.05, 0.15]))
    first = (1 - grey[..., None]) * draw.uniform(0.3, 0.8)
    second = np.clip(0.6 - grey[..., None], 0, 1) / 0.6
    return np.asarray(paper * (1 - first * (1 - light)) * (1 - second * (1 - shadow * 0.4)), "f4")


def tide_lines(grey: F32, draw: Draw) -> F32:
    """Water came in from an edge: a sharp brown line, and paler brown behind it."""
    rgb, (y, x) = _aged(grey, draw), _places(grey)
    for _ in range(draw.integers(1, 3)):
        angle, waves = draw.uniform(0, 2 * np.pi), draw.uniform(4, 12)
        across = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)
        along = -np.sin(angle) * (x - 0.5) + np.cos(angle) * (y - 0.5)
        depth = across - draw.uniform(0.15, 0.4) + 0.03 * np.sin(waves * along)
        line = np.exp(-((depth / 0.015) ** 2)) * draw.uniform(0.3, 1)
        wet = np.clip(depth / 0.02, 0, 1) * draw.uniform(0.1, 0.6)
        rgb = _absorbed(rgb, np.maximum(line, wet), (0.06, 0.14, 0.28))
    return rgb


def mat_burn(grey: F32, draw: Draw) -> F32:
    """Light or an acid mat browned all but a window, or the window alone."""
    base, (y, x) = _aged(grey, draw), _places(grey)
    edge, soft = draw.uniform(0.04, 0.15), draw.uniform(0.003, 0.03)
    inside = np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y)) - edge
    amount = np.clip(0.5 + inside / soft, 0, 1)
    amount = amount if draw.random() < 0.3 else 1 - amount
    return _absorbed(base, amount * draw.uniform(0.3, 1), (0.05, 0.13, 0.32))


def taped(grey: F32, draw: Draw) -> F32:
    """Strips of adhesive tape, gone yellow or brown."""
    rgb, (y, x) = _toned(grey, draw), _places(grey)
    for _ in range(draw.integers(1, 4)):
        angle, at_y, at_x = draw.uniform(0, np.pi), draw.random(), draw.random()
        across = np.cos(angle) * (x - at_x) + np.sin(angle) * (y - at_y)
        along = -np.sin(angle) * (x - at_x) + np.cos(angle) * (y - at_y)
        cover = (np.abs(across) < 0.03) & (np.abs(along) < draw.uniform(0.1, 0.4))
        rgb = _absorbed(rgb, cover * draw.uniform(0.5, 1), (0.1, 0.22, 0.5))
    return rgb


UNFITTED: dict[str, Kind] = {
    "albumen print": albumen,
    "duotone": duotone,
    "tide lines": tide_lines,
    "mat burn": mat_burn,
    "old adhesive tape": taped,
}
"""Kinds that the decision is measured on and never fitted to."""


def scanned(kind: str, photo: Image.Image, draw: Draw, largest: int = 2000) -> bytes:
    """A file of a picture of this kind, made of the grey of a photograph.

    Args:
        kind: A key of `KINDS` or `UNFITTED`.
        photo: Any size; it is brought to one of `SIDES`.
        draw: Decides everything else, contrast, grain, noise, format and quality among it.
        largest: Of the sides it is brought to.
    """
    sides = [side for side in SIDES if side <= largest]
    scale = sides[draw.integers(len(sides))] / min(photo.size)
    width, height = (max(1, round(scale * side)) for side in photo.size)
    small = photo.convert("L").resize((width, height), Image.Resampling.BICUBIC)
    grey = np.asarray(small, np.float32) / 255
    low, high = np.float32(max(0, draw.uniform(-0.05, 0.12))), np.float32(draw.uniform(0.88, 1))
    grey = low + (high - low) * grey
    if min(grey.shape) > 256:
        grey = grey + 0.02 * draw.standard_normal(grey.shape, np.float32)
    rgb = (KINDS | UNFITTED)[kind](grey.clip(0, 1), draw)
    noise = np.float32(draw.uniform(0, 0.012))
    rgb = rgb + noise * draw.standard_normal((*rgb.shape[:2], 1), np.float32)
    rgb = rgb + 0.6 * noise * draw.standard_normal(rgb.shape, np.float32)
    picture = Image.fromarray(np.rint(rgb.clip(0, 1) * 255).astype(np.uint8))
    stream, form = io.BytesIO(), draw.random()
    if form < 0.15:
        picture.save(stream, "PNG", compress_level=1)
    elif form < 0.3:
        picture.save(stream, "WEBP", quality=50, method=0)
    else:
        quality, sampling = int(draw.integers(35, 96)), int(draw.integers(2)) * 2
        picture.save(stream, "JPEG", quality=quality, subsampling=sampling)
    return stream.getvalue()


def _aged(grey: F32, draw: Draw) -> F32:
    return (neutral, yellowed, sepia(0.3, 0.9))[draw.integers(3)](grey, draw)


def _toned(grey: F32, draw: Draw) -> F32:
    weak, strong = sepia(0.2, 0.6), sepia(0.6, 1.2)
    kinds = (neutral, neutral, cast, yellowed, weak, strong, selenium, cyanotype)
    return kinds[draw.integers(len(kinds))](grey, draw)


def _places(grey: F32) -> tuple[F32, F32]:
    y, x = (np.linspace(0, 1, side, dtype=np.float32) for side in grey.shape)
    return y[:, None], x[None, :]


def _slope(y: F32, x: F32, draw: Draw) -> F32:
    angle = draw.uniform(0, 2 * np.pi)
    return (0.5 + np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)).clip(0, 1)


def _absorbed(rgb: F32, amount: F32, color: Color) -> F32:
    return np.asarray(rgb * (1 - amount[..., None] * np.float32(color)), np.float32)


def _printed(
    rgb: F32,
    shapes: Callable[[ImageDraw.ImageDraw, int, int], None],
    draw: Draw,
    color: Color | None = None,
) -> F32:
    mask = Image.new("L", (rgb.shape[1], rgb.shape[0]))
    shapes(ImageDraw.Draw(mask), *mask.size)
    soft = mask.filter(ImageFilter.GaussianBlur(0.5))
    cover = np.asarray(soft, np.float32)[..., None] / 255 * np.float32(draw.uniform(0.6, 1))
    wet = np.float32(color or _INKS[draw.integers(len(_INKS))])
    if color is None and draw.random() < 0.5:  # transparent
        return rgb * (1 - cover * (1 - wet))
    return rgb * (1 - cover) + wet * cover


def _with_chart(rgb: F32, share: float, draw: Draw) -> F32:
    height, width = rgb.shape[:2]
    side = max(2, int((share * 0.7 * height * width / 24) ** 0.5))
    top = int(draw.uniform(0, max(1, height - 4 * side)))
    left = int(draw.uniform(0, max(1, width - 6 * side)))
    rgb = rgb.copy()
    for number, color in enumerate(_CHART):
        y, x = top + number // 6 * side, left + number % 6 * side
        rgb[y : y + side - 1, x : x + side - 1] = np.float32(color) / 255
    return rgb
