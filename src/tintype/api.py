"""The Python API: what comes in goes out coloured, as the same kind of thing."""

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.api_options import ColorOptions, request_from, with_signature
from tintype.engine.bundle import load_bundle
from tintype.engine.cache import CachingEngine
from tintype.engine.settings import Settings
from tintype.errors import TargetExistsError, UnsupportedPhotoError, UsageError, shown
from tintype.files.atomic import target_exists, write_atomically
from tintype.files.local import read_input, read_stream
from tintype.files.own import check_replaceable
from tintype.photo.decode import decode, is_own_picture, photo_from_array, photo_from_image
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.naming import target_name
from tintype.photo.photo import HalfChroma, Photo
from tintype.pipeline import Request, colorize_photos, provenance_of

_Picture = TypeVar("_Picture", bytes, Image.Image, NDArray[Any])


class Colorizer:
    """A loaded model, for colouring many photographs; may be used from several threads.

    Its last prediction is kept: the same photograph with another vividness, warmth or mask is
    coloured without running the network again.

    Args:
        model: Name of a model (`tintype models` lists them) or path of a model file; None is the
            one that is shipped.
        max_pixels: Files with more pixels are refused; arrays and images are in memory already.

    Raises:
        ModelError: There is no such model, or its file is damaged.

    Example:
        >>> colorizer = tintype.Colorizer()
        >>> for photo in Path("album").glob("*.jpg"):
        ...     colorizer(photo)
    """

    def __init__(
        self, model: str | os.PathLike[str] | None = None, *, max_pixels: int = MAX_PIXELS
    ) -> None:
        self._max_pixels = max_pixels
        wanted = model if model is None or isinstance(model, str) else Path(model)
        self._engine = CachingEngine(load_bundle(wanted))

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
            x: A path; the bytes of a picture file; a binary stream of them; a PIL image; or an
                array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16, or floating point
                within 0 to 1.
            options: How to colour, and what to write: see `ColorOptions`.

        Returns:
            For a path, the path of the file written beside it, ``name.color.jpg`` for
            ``name.jpg``. For bytes and streams, a file in the same format. For an image, an image
            in mode RGB or RGBA. For an array, (H, W, 3), or (H, W, 4) where there was alpha, of
            the same type.

        Raises:
            UsageError: `x` is of another kind, or an option is out of range.
            TargetExistsError: The output exists and `overwrite` is False.
            PhotoError: The photograph cannot be read, coloured or written.
        """
        request = request_from(options, max_pixels=self._max_pixels)
        overwrite = options.get("overwrite", False)
        match x:
            case str() | os.PathLike():
                return self._path(Path(x), request, overwrite=overwrite)
            case bytes():
                return self._file(x, request, name="the picture")
            case Image.Image():
                return self._image(x, request.settings)
            case np.ndarray():
                return self._array(x, request.settings)
            case _ if hasattr(x, "read"):
                data = read_stream(x, name="the stream", max_pixels=self._max_pixels)
                return io.BytesIO(self._file(data, request, name="the stream"))
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

    def _path(self, source: Path, request: Request, *, overwrite: bool) -> Path:
        data = read_input(source, max_pixels=self._max_pixels)
        target = source.parent / target_name(source)
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
        if not np.issubdtype(pixels.dtype, np.floating):
            return _with_alpha(self._engine.colorize(photo_from_array(pixels), settings))
        if not np.all((pixels >= 0) & (pixels <= 1)):
            raise UnsupportedPhotoError(
                "An array of floating point numbers has values outside 0 to 1.",
                advice="Scale it, or give uint8 or uint16.",
            )
        # 16 bits are finer than any photograph that comes as floating point numbers.
        steps = np.rint(pixels * 65535).astype(np.uint16)
        colored = _with_alpha(self._engine.colorize(photo_from_array(steps), settings))
        return (colored / 65535).astype(pixels.dtype)


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
