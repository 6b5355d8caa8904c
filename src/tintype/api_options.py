"""The keyword arguments of the Python API: their types, and how they become a request."""

import inspect
import io
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tintype.engine.devices import DeviceName
from tintype.engine.hints import Hint, hint_of
from tintype.engine.settings import (
    LAYERS,
    OUTPUT,
    SETTINGS,
    KeepLuminance,
    Quality,
    default_output,
    default_settings,
    rows_of,
)
from tintype.engine.settings_parsing import layer_from
from tintype.errors import UsageError, shown
from tintype.files.local import read_input
from tintype.photo.limits import MAX_PIXELS
from tintype.pipeline import Request

ColorLike = str | Sequence[int] | NDArray[np.integer]
"""A colour in Python: ``#c04030``, a name, or red, green and blue (0-255)."""

HintLike = tuple[int, int, ColorLike] | tuple[int, int, ColorLike, int]
"""A hint in Python: x, y, a colour, and an optional radius."""

LayerLike = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any]
"""A picture in Python: a path, the bytes of a file, an image, or an array."""

_HINT_ADVICE = 'Give (x, y, colour) or (x, y, colour, radius), such as (120, 80, "#c04030").'

_F = TypeVar("_F", bound=Callable[..., Any])


class ColorOptions(TypedDict, total=False):
    """How to colour, and what to write; ranges and defaults are in the table of settings.

    Attributes:
        vividness: How strong the colours are; None uses the model's recommendation. "sober" and
            "vivid" are names for 0.6 and 1.3.
        quality: Speed against accuracy. The output always has full resolution.
        warmth: Shifts uncertain colours towards blue (below 0) or orange (above 0).
        hints: Known colours at given points: ``(x, y, "#c04030")``, or
            ``(x, y, "#c04030", radius)`` for a square of 2 radius + 1 pixels, counted from 0 at
            the upper left corner of the upright photograph. The colour may also be a name from CSS
            or the xkcd colour survey, or ``(192, 64, 48)``.
        scribbles: Colours painted on a transparent layer of the same size as the upright
            photograph. They cover the hints. An array is (H, W, 4).
        reach: How far hints and scribbles spread: 0 colours only what they cover, 1 the whole
            object they lie on.
        mask: What to colour, at the same size: white is coloured, black stays grey, and grey is in
            between. An array is (H, W); True is white.
        reference: A colour picture of any size whose colours are transferred. An array is
            (H, W, 3).
        colors: The same photograph in colour, from any other program and in any size: the
            photograph gets its colours and keeps its own grey. An array is (H, W, 3).
        device: What the network runs on; "auto" is the CPU. Others need other packages:
            `tintype models --devices` lists them.
        keep_luminance: With "exact", a JPEG made from a JPEG keeps the luminance coefficients of
            its input, which is verified (requires the extra ``exact``). PNG, TIFF, images and
            arrays have exactly the photograph's grey in any case.
        layer: Write the colours as a layer for an image editor; only for files. The output is an
            OpenRaster file with the photograph in grey below the layer, or, if `output` is a PNG
            or TIFF, the layer alone.
        output: The file to write; its extension determines the format. Only for a path. None
            writes ``name.color.jpg`` beside ``name.jpg``.
        overwrite: Replace an earlier output, but never the input itself. Only for a path.
    """

    vividness: float | Literal["sober", "vivid"] | None
    quality: Quality
    warmth: float
    hints: Sequence[HintLike]
    scribbles: LayerLike | None
    reach: float
    mask: LayerLike | None
    reference: LayerLike | None
    colors: LayerLike | None
    device: DeviceName
    keep_luminance: KeepLuminance
    layer: bool
    output: str | os.PathLike[str] | None
    overwrite: bool


def with_signature(function: _F) -> _F:
    """Decorates a function so that its signature lists each of `ColorOptions` with its default."""

    def spelt(parameters: Iterator[inspect.Parameter]) -> Iterator[inspect.Parameter]:
        named = []
        for parameter in parameters:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                named.append(parameter)  # after the settings
            elif parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                yield parameter
        defaults = {row.name: row.default_of("python") for row in rows_of("python").values()}
        for name, default in defaults.items():
            yield _keyword(name, default)
        yield from named
        yield _keyword("output", None)
        yield _keyword("overwrite", False)

    own = inspect.signature(function)
    signature = own.replace(parameters=list(spelt(iter(own.parameters.values()))))
    setattr(function, "__signature__", signature)  # noqa: B010 - a type checker knows it not
    return function


def _keyword(name: str, default: Any) -> inspect.Parameter:  # noqa: ANN401
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(
        name, kind, default=default, annotation=ColorOptions.__annotations__[name]
    )


def request_from(options: ColorOptions, *, max_pixels: int) -> Request:
    """The request that keyword arguments make; `output` and `overwrite` are left to the caller.

    Args:
        options: The keyword arguments.
        max_pixels: Pictures among them with more pixels are refused.

    Raises:
        TypeError: There is no such keyword.
        UsageError: A value is out of range, or a picture cannot be read.
    """
    given: dict[str, Any] = dict(options)
    if unknown := given.keys() - ColorOptions.__annotations__.keys():
        raise TypeError(f"colorize() got an unexpected keyword argument {min(unknown)!r}")
    for name in LAYERS:
        if given.get(name) is not None:
            data, label = _layer_file(given[name], name)
            given[name] = layer_from(name, data, name=label, max_pixels=max_pixels)
    if "hints" in given:
        given["hints"] = _hints(given["hints"])
    for name, row in SETTINGS.items():
        if name in given:
            given[name] = row.current(given[name])
        # A NumPy scalar would change the precision of the arrays it is multiplied with.
        if row.kind == "number" and isinstance(given.get(name), Real):
            row.check(given[name])
            given[name] = float(given[name])
    settings = {name: given[name] for name in SETTINGS if name in given}
    output = {name: given[name] for name in OUTPUT if name in given}
    return Request(
        replace(default_settings("python"), **settings), replace(default_output("python"), **output)
    )


def _hints(values: object) -> tuple[Hint, ...]:
    """Converts hints to those of the engine."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UsageError(f"{_brief(values)} is not a list of hints.", advice=_HINT_ADVICE)
    return tuple(_hint(value) for value in values)


def _hint(value: object) -> Hint:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) not in (3, 4):
        raise UsageError(f"{_brief(value)} is not a hint.", advice=_HINT_ADVICE)
    x, y, color, *radius = value
    try:
        return hint_of(_whole(x), _whole(y), _hex(color), *map(_whole, radius))
    except TypeError:
        raise UsageError(f"{_brief(value)} is not a hint.", advice=_HINT_ADVICE) from None


def _whole(value: Any) -> int:  # noqa: ANN401
    """Converts an integer of any library, or a float without a fraction.

    Raises:
        TypeError: The value is neither.
    """
    if isinstance(value, float | np.floating) and value.is_integer():
        return int(value)
    return operator.index(value)


def _hex(color: Any) -> str:  # noqa: ANN401
    """A colour as text.

    Raises:
        UsageError: It is neither text nor three bytes.
    """
    if isinstance(color, str):
        return color
    try:
        channels = [operator.index(part) for part in color]
    except TypeError:
        channels = []
    if len(channels) != 3 or not all(0 <= part <= 255 for part in channels):
        raise UsageError(
            f"{_brief(color)} is not a colour.",
            advice='Give whole numbers from 0 to 255 for red, green and blue, "#c04030", or a name '
            'such as "red".',
        )
    red, green, blue = channels
    return f"#{red:02x}{green:02x}{blue:02x}"


def _brief(value: object) -> str:
    text = shown(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _layer_file(x: LayerLike, name: str) -> tuple[bytes, str]:
    """The bytes of a layer's file, and its name for messages."""
    if isinstance(x, str | os.PathLike):
        return read_input(Path(x), max_pixels=MAX_PIXELS), str(x)
    if isinstance(x, bytes):
        return x, f"the {name}"
    if isinstance(x, np.ndarray):
        x = Image.fromarray(_layer_array(x, name))
    if not isinstance(x, Image.Image):
        raise UsageError(
            f"A {type(x).__name__} cannot be the {name}.",
            advice="Give a path, the bytes of a file, a PIL image or an array.",
        )
    file = io.BytesIO()
    try:
        ImageOps.exif_transpose(x).save(file, "PNG")
    except OSError as error:
        raise UsageError(
            f"An image of mode {x.mode} cannot be the {name}.", advice="Convert it to RGB."
        ) from error
    return file.getvalue(), f"the {name}"


def _layer_array(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Converts a layer of any type to uint8 (H, W) or (H, W, C).

    Raises:
        UsageError: The array is not a picture, or its values are implausible.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or not 1 <= channels <= 4 or 0 in pixels.shape:
        raise UsageError(
            f"The array of the {name} has the shape {pixels.shape}.",
            advice="Give (H, W), (H, W, 3) or (H, W, 4).",
        )
    if pixels.ndim == 3 and channels == 1:
        pixels = pixels[..., 0]
    kind = pixels.dtype.newbyteorder("=")
    if kind == np.uint8:
        if name == "mask" and pixels.max() == 1:
            raise UsageError(
                "The mask has only the values 0 and 1 out of 255, so everything would stay nearly "
                "grey.",
                advice="Give mask.astype(bool), or 255 * mask.",
            )
        return pixels
    if kind == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if kind == np.uint16:
        return np.rint(pixels / 257).astype(np.uint8)
    if np.issubdtype(kind, np.floating) and np.all((pixels >= 0) & (pixels <= 1)):
        return np.rint(pixels.astype(np.float64) * 255).astype(np.uint8)
    raise UsageError(
        f"The array of the {name} is {pixels.dtype}"
        f"{' with values outside 0 to 1' if np.issubdtype(kind, np.floating) else ''}.",
        advice="Give uint8, uint16, bool, or floating-point values from 0 to 1.",
    )
