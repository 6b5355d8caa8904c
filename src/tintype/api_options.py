"""The keyword arguments of the Python API: their types, and what they ask for."""

import inspect
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tintype.engine.hints import hint_of
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
from tintype.errors import UsageError
from tintype.files.local import read_input
from tintype.photo.limits import MAX_PIXELS
from tintype.pipeline import Request

HintLike = tuple[int, int, str] | tuple[int, int, str, int]
"""A hint as it is given in Python: x, y, a colour as ``#c04030``, and a radius if wanted."""

LayerLike = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A picture as it is given in Python: a path, the bytes of a file, an image, or an array."""

_F = TypeVar("_F", bound=Callable[..., Any])


class ColorOptions(TypedDict, total=False):
    """How to colour, and what to write; ranges and defaults are in the table of settings.

    Attributes:
        vividness: How strong the colours are; None is what the model recommends.
        quality: Speed against accuracy. The output always has full resolution.
        warmth: Towards blue or towards orange, where the model is uncertain.
        hints: Colours that are known at some points: ``(x, y, "#c04030")``, or
            ``(x, y, "#c04030", radius)`` for a square of 2 radius + 1 pixels, counted from 0 at
            the upper left corner of the upright photograph.
        scribbles: Colours painted on a transparent layer as large as the upright photograph. They
            cover the hints. An array is (H, W, 4).
        reach: How far hints and scribbles spread: 0 colours only what they cover, 1 the whole thing
            they lie on.
        mask: What is coloured, as large: white is, black stays grey, grey is in between. An array
            is (H, W).
        reference: A picture in colour, of any size, that the colours are taken from. An array is
            (H, W, 3).
        keep_luminance: "exact" gives a JPEG the luminance coefficients of the JPEG that it was
            made from, and verifies it (the extra ``exact``). What comes out as PNG, TIFF, an image
            or an array has exactly the photograph's grey in any case.
        overwrite: Replace an earlier output; only for a path, and never the input itself.
    """

    vividness: float | None
    quality: Quality
    warmth: float
    hints: Sequence[HintLike]
    scribbles: LayerLike | None
    reach: float
    mask: LayerLike | None
    reference: LayerLike | None
    keep_luminance: KeepLuminance
    overwrite: bool


def with_signature(function: _F) -> _F:
    """A function that takes `ColorOptions`, with each of them and its default in its signature."""

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
    """What keyword arguments ask for; `overwrite` is left to the caller.

    Args:
        options: As they were given.
        max_pixels: A picture among them with more is refused.

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
        given["hints"] = tuple(hint_of(*hint) for hint in given["hints"])
    settings = {name: given[name] for name in SETTINGS if name in given}
    output = {name: given[name] for name in OUTPUT if name in given}
    return Request(
        replace(default_settings("python"), **settings), replace(default_output("python"), **output)
    )


def _layer_file(x: LayerLike, name: str) -> tuple[bytes, str]:
    """A layer as the bytes of a file, and what to call it."""
    if isinstance(x, str | os.PathLike):
        return read_input(Path(x), max_pixels=MAX_PIXELS), str(x)
    if isinstance(x, bytes):
        return x, f"the {name}"
    if isinstance(x, np.ndarray):
        if x.dtype != np.uint8 or x.ndim not in (2, 3):
            raise UsageError(f"The array of the {name} is {x.dtype} {x.shape}; give uint8.")
        x = Image.fromarray(x)
    if not isinstance(x, Image.Image):
        raise UsageError(f"A {type(x).__name__} cannot be the {name}.")
    file = io.BytesIO()
    try:
        ImageOps.exif_transpose(x).save(file, "PNG")
    except OSError as error:
        raise UsageError(
            f"An image of mode {x.mode} cannot be the {name}.", advice="Convert it to RGB."
        ) from error
    return file.getvalue(), f"the {name}"
