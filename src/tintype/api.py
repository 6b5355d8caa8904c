"""The Python API: what comes in goes out coloured, as the same kind of thing."""

import io
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.api_options import ColorOptions, request_from, with_signature
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.cache import CachingEngine
from tintype.engine.settings import Settings
from tintype.errors import (
    ModelError,
    TargetExistsError,
    UnsupportedPhotoError,
    UsageError,
    shown,
)
from tintype.files.atomic import target_exists, write_atomically
from tintype.files.local import read_input, read_stream
from tintype.files.own import check_replaceable
from tintype.photo.decode import decode, is_own_picture, photo_from_array, photo_from_image
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.naming import check_output_name, target_name
from tintype.photo.photo import HalfChroma, Photo
from tintype.pipeline import Request, colorize_photos, provenance_of

_Picture = TypeVar("_Picture", bytes, Image.Image, NDArray[Any])

# Values that are converted from floating point numbers at a time.
_STRIP = 1 << 20


class Colorizer:
    """A loaded model, for colouring many photographs; may be used from several threads.

    Its last prediction is kept: the same photograph with another vividness, warmth or mask is
    coloured without running the network again. It can be pickled, for other processes: a model of
    the package is loaded again there, a model of your own travels with it.

    Args:
        model: Name of a model (`tintype models` lists them) or path of a model file; None is the
            one that is shipped.
        max_pixels: Files with more pixels are refused; arrays and images are in memory already.

    Raises:
        ModelError: There is no such model, or its file is damaged.
        UsageError: An argument is of another kind.

    Example:
        >>> colorizer = tintype.Colorizer()
        >>> for photo in Path("album").glob("*.jpg"):
        ...     colorizer(photo)
    """

    def __init__(
        self, model: str | os.PathLike[str] | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> None:
        self._start(load_bundle(_model(model)), _pixels(max_pixels))

    def _start(self, bundle: Bundle, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._engine = CachingEngine(bundle)

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the network and its last prediction, which are made again when needed."""
        bundle = self._engine.bundle
        model = bundle.name if bundle.embedded else bundle
        return _restored, (type(self), model, bundle.sha256, self._max_pixels)

    @overload
    def colorize(self, x: str | os.PathLike[str], **options: Unpack[ColorOptions]) -> Path: ...
    @overload
    def colorize(self, x: BinaryIO, **options: Unpack[ColorOptions]) -> io.BytesIO: ...
    @overload
    def colorize(self, x: _Picture, **options: Unpack[ColorOptions]) -> _Picture: ...
    @with_signature
    def colorize(self, x: Any, **options: Unpack[ColorOptions]) -> Any:
        """Colours one photograph; what comes out is of the kind that went in.

        A colour photograph is coloured again from its lightness.

        Args:
            x: A path; the bytes of a picture file; a binary stream of them, which is read from
                its start where it is at its end; a PIL image; or an array (H, W), (H, W, 1),
                (H, W, 3) or (H, W, 4), uint8, uint16, or floating point within 0 to 1.
            options: How to colour, and what to write: see `ColorOptions`.

        Returns:
            For a path, the path of the file that was written: `output`, or ``name.color.jpg``
            beside ``name.jpg``. For bytes and streams, a file in the same format. For an image, an
            image in mode RGB or RGBA. For an array, (H, W, 3), or (H, W, 4) where there was alpha,
            of the same type and byte order.

        Raises:
            UsageError: `x` is of another kind, or an option is out of range.
            TargetExistsError: The output exists and `overwrite` is False.
            PhotoError: The photograph cannot be read, coloured or written.
        """
        request = request_from(options, max_pixels=self._max_pixels)
        output, overwrite = options.get("output"), options.get("overwrite", False)
        if output is not None and not isinstance(x, str | os.PathLike):
            raise UsageError(
                f"output names a file, but a {type(x).__name__} is coloured.",
                advice="Write what is returned yourself, or give the path of the photograph.",
            )
        match x:
            case str() | os.PathLike():
                target = None if output is None else _path(output, what="output")
                return self._path(_path(x, what="x"), target, request, overwrite=overwrite)
            case bytes():
                return self._file(x, request, name="the picture")
            case Image.Image():
                return self._image(x, request.settings)
            case np.ndarray():
                return self._array(x, request.settings)
            case _ if hasattr(x, "read"):
                return io.BytesIO(self._file(self._read(x), request, name="the stream"))
            case _:
                raise UsageError(
                    f"A {type(x).__name__} cannot be coloured.",
                    advice="Give a path, bytes, a binary stream, a PIL image or a NumPy array.",
                )

    __call__ = colorize

    def _file(self, data: bytes, request: Request, *, name: str) -> bytes:
        settings, output = request.settings, request.output
        return colorize_photos(
            decode(data, name=name, max_pixels=self._max_pixels),
            request,
            name=name,
            engine=self._engine,
            provenance=provenance_of(data, self._engine.bundle, settings, output),
            source=data if request.needs_source else None,
        ).data

    def _read(self, stream: BinaryIO) -> bytes:
        data = read_stream(stream, name="the stream", max_pixels=self._max_pixels)
        # What has just been written to it is meant, as Pillow takes it.
        if not data and _rewound(stream):
            data = read_stream(stream, name="the stream", max_pixels=self._max_pixels)
        return data

    def _path(
        self, source: Path, target: Path | None, request: Request, *, overwrite: bool
    ) -> Path:
        if target is not None:
            _check_output(target)
        data = read_input(source, max_pixels=self._max_pixels)
        target = target or source.parent / target_name(source)
        if target_exists(target):
            if not overwrite:
                raise TargetExistsError(
                    f"{shown(target)} already exists.",
                    advice="Move it away, or pass overwrite=True.",
                )
            if target.samefile(source):
                raise TargetExistsError(f"{shown(target)} is the input, which is never replaced.")
            check_replaceable(
                target, is_own_picture, overwrite=overwrite, what="a coloured photograph"
            )
        output = replace(request.output, format=format_of_suffix(target.suffix))
        colored = self._file(data, replace(request, output=output), name=shown(source))
        write_atomically(target, colored, overwrite=overwrite)
        return target

    def _image(self, image: Image.Image, settings: Settings) -> Image.Image:
        photo = photo_from_image(image)
        if photo.bits != 8:
            raise UnsupportedPhotoError(
                "PIL images cannot hold 16-bit colour.",
                advice="Give the array (numpy.asarray(image)) or the file.",
            )
        colored = Image.fromarray(_with_alpha(self._engine.colorize(photo, settings)))
        # What Pillow writes by itself when this image is saved.
        if photo.meta.icc is not None:
            colored.info["icc_profile"] = photo.meta.icc
        if photo.meta.exif is not None:
            colored.info["exif"] = b"Exif\0\0" + photo.meta.exif
        if photo.meta.dpi is not None:
            colored.info["dpi"] = photo.meta.dpi
        return colored

    def _array(self, pixels: NDArray[Any], settings: Settings) -> NDArray[Any]:
        floating = np.issubdtype(pixels.dtype, np.floating)
        photo = photo_from_array(_steps_of(pixels) if floating else pixels)
        colored = _with_alpha(self._engine.colorize(photo, settings))
        if floating:
            return _floats_of(colored, pixels.dtype)
        return colored.astype(pixels.dtype, copy=False)  # in its byte order


@overload
def colorize(
    x: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | None = None,
    **options: Unpack[ColorOptions],
) -> Path: ...
@overload
def colorize(
    x: BinaryIO, *, model: str | os.PathLike[str] | None = None, **options: Unpack[ColorOptions]
) -> io.BytesIO: ...
@overload
def colorize(
    x: _Picture, *, model: str | os.PathLike[str] | None = None, **options: Unpack[ColorOptions]
) -> _Picture: ...
@with_signature
def colorize(
    x: Any, *, model: str | os.PathLike[str] | None = None, **options: Unpack[ColorOptions]
) -> Any:
    """Colours one photograph: `Colorizer.colorize` with a model that is loaded for it alone.

    Args:
        x: As for `Colorizer.colorize`.
        model: As for `Colorizer`; to colour many photographs, make one `Colorizer` instead.
        options: As for `Colorizer.colorize`.

    Returns:
        As `Colorizer.colorize`.
    """
    return Colorizer(model).colorize(x, **options)


def _with_alpha(photo: Photo) -> NDArray[Any]:
    if photo.color is None or isinstance(photo.color, HalfChroma):
        raise AssertionError("the engine gives full colour where half chroma was not asked for")
    return photo.color if photo.alpha is None else np.dstack([photo.color, photo.alpha])


# ----- what is given, as it is needed -----


def _restored(
    kind: type[Colorizer], model: str | Bundle, sha256: str, max_pixels: int
) -> Colorizer:
    """A `Colorizer` that was pickled."""
    bundle = load_bundle(model) if isinstance(model, str) else model
    if bundle.sha256 != sha256:
        raise ModelError(
            f"The model {bundle.name} of this installation is not the one that was pickled.",
            advice="Install the same version of Tintype on both sides.",
        )
    colorizer = kind.__new__(kind)
    colorizer._start(bundle, max_pixels)
    return colorizer


def _model(model: str | os.PathLike[str] | None) -> str | Path | None:
    return model if model is None or isinstance(model, str) else _path(model, what="model")


def _path(x: str | os.PathLike[str], *, what: str) -> Path:
    try:
        return Path(x)
    except TypeError:
        raise UsageError(
            f"{what} is a {type(x).__name__}, not a path.", advice="Give text or a pathlib.Path."
        ) from None


def _pixels(number: Any) -> int:  # noqa: ANN401
    """A limit, which may be written 1e8."""
    if (
        isinstance(number, bool)
        or not isinstance(number, Real)
        or not 1 <= float(number) < math.inf
    ):
        raise UsageError(
            f"max_pixels is {number!r}, not a number of pixels.", advice="Give 100_000_000."
        )
    return int(float(number))


def _check_output(target: Path) -> None:
    if target_exists(target) and target.is_dir():
        raise UsageError(
            f"{shown(target)} is a folder.",
            advice="output names a file: give output=folder / name.",
        )
    check_output_name(target, None)


def _rewound(stream: BinaryIO) -> bool:
    """Whether a stream could be set from its end to its start."""
    try:
        if not stream.seekable() or stream.tell() == 0:
            return False
        stream.seek(0)
    except (AttributeError, OSError, ValueError):
        return False
    return True


def _steps_of(pixels: NDArray[Any]) -> NDArray[np.uint16]:
    """Floating point numbers within 0 to 1 in 16 bits, which are finer than any photograph.

    In float64, whatever they are given in: 65535 is infinite in float16.
    """
    steps = np.empty(pixels.shape, np.uint16)
    for rows in _strips(pixels.shape):
        values = pixels[rows].astype(np.float64)
        if not np.all((values >= 0) & (values <= 1)):
            raise UnsupportedPhotoError(
                "An array of floating point numbers has values outside 0 to 1.",
                advice="Scale it, or give uint8 or uint16.",
            )
        steps[rows] = np.rint(values * 65535)
    return steps


def _floats_of(steps: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """16 bits as floating point numbers of any type within 0 to 1."""
    values = np.empty(steps.shape, dtype)
    for rows in _strips(steps.shape):
        values[rows] = steps[rows].astype(np.float64) / 65535
    return values


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of an array, some thousands of values at a time; none of one without rows."""
    if len(shape) > 1 and 0 not in shape:
        height = max(1, _STRIP * shape[0] // math.prod(shape))
        yield from (slice(top, top + height) for top in range(0, shape[0], height))
