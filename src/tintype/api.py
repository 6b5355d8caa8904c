"""The Python API: colours a photograph and returns it as the type it was passed in."""

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.api_arguments import (
    check_has_file,
    check_output,
    floats_of,
    model_of,
    path_of,
    pixel_limit,
    steps_of,
    stream_bytes,
)
from tintype.api_notes import not_carried, warn
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
from tintype.files.local import read_input
from tintype.files.own import check_replaceable
from tintype.photo.decode import decode, is_own_picture, photo_from_array, photo_from_image
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.naming import target_name
from tintype.photo.photo import HalfChroma, Photo
from tintype.photo.sandbox.scope import decoding_in, new_sandbox
from tintype.pipeline import Coloring, Request, colorize_photos, notes_on, provenance_of

_Picture = TypeVar("_Picture", bytes, Image.Image, NDArray[Any])


class Colorizer:
    """A loaded model, for colouring many photographs; safe to use from several threads.

    The last prediction is cached, so colouring the same photograph with another vividness, warmth
    or mask does not run the network again. A `Colorizer` can be pickled for use in other processes:
    a model from the package is loaded again there, while a model of your own is pickled with it.

    Args:
        model: Name of a model (`tintype models` lists them) or path of a model file; None selects
            the bundled default.
        max_pixels: Files with more pixels are refused. Arrays and images are not limited, since
            they are already in memory.
        sandbox: Decode files in child processes with limits on memory and time, as
            ``tintype --sandbox`` does; for files from untrusted sources. PIL images are decoded by
            Pillow in your own process.

    Raises:
        ModelError: There is no such model, or its file is damaged.
        UsageError: An argument has the wrong type.

    Example:
        >>> colorizer = tintype.Colorizer()
        >>> for photo in Path("album").glob("*.jpg"):
        ...     colorizer(photo)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        max_pixels: int = MAX_PIXELS,
        sandbox: bool = False,
    ) -> None:
        self._start(load_bundle(model_of(model)), pixel_limit(max_pixels), sandbox)

    def _start(self, bundle: Bundle, max_pixels: int, sandbox: bool) -> None:
        self._max_pixels = max_pixels
        self._sandbox = new_sandbox() if sandbox else None
        self._engine = CachingEngine(bundle)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leaves out the network and its last prediction, which are recreated when needed."""
        bundle = self._engine.bundle
        model = bundle.name if bundle.embedded else bundle
        sandbox = self._sandbox is not None
        return _restored, (type(self), model, bundle.sha256, self._max_pixels, sandbox)

    @overload
    def colorize(self, x: str | os.PathLike[str], **options: Unpack[ColorOptions]) -> Path: ...
    @overload
    def colorize(self, x: BinaryIO, **options: Unpack[ColorOptions]) -> io.BytesIO: ...
    @overload
    def colorize(self, x: _Picture, **options: Unpack[ColorOptions]) -> _Picture: ...
    @with_signature
    def colorize(self, x: Any, **options: Unpack[ColorOptions]) -> Any:
        """Colours one photograph and returns it as the type it was passed in.

        A colour photograph is recoloured from its lightness.

        Args:
            x: A path; the bytes of an image file; a binary stream of such a file, which is rewound
                first if it is at its end; a PIL image; or an array (H, W), (H, W, 1), (H, W, 3) or
                (H, W, 4), uint8, uint16, or floating point from 0 to 1.
            options: How to colour, and what to write: see `ColorOptions`.

        Returns:
            For a path, the path of the written file: `output`, or ``name.color.jpg`` beside
            ``name.jpg``. For bytes and streams, a file in the same format. For an image, an image
            in mode RGB or RGBA. For an array, (H, W, 3), or (H, W, 4) if it had alpha, of the same
            type and byte order.

        Warns:
            PhotoWarning: The result lacks something that the photograph had, or the photograph is
                unusual: one warning for each note that the command would print.

        Raises:
            UsageError: `x` has the wrong type, or an option is out of range.
            TargetExistsError: The output exists and `overwrite` is False.
            PhotoError: The photograph cannot be read, coloured or written.
        """
        with decoding_in(self._sandbox):
            return self._colorize(x, options)

    __call__ = colorize

    def _colorize(self, x: Any, options: ColorOptions) -> Any:  # noqa: ANN401 (as `colorize`)
        request = request_from(options, max_pixels=self._max_pixels)
        output, overwrite = options.get("output"), options.get("overwrite", False)
        if output is not None:
            check_has_file(x)
        match x:
            case str() | os.PathLike():
                target = None if output is None else path_of(output, what="output")
                return self._path(path_of(x, what="x"), target, request, overwrite=overwrite)
            case bytes():
                colored = self._file(x, request, name="the picture")
                warn("the picture", colored.notes)
                return colored.data
            case Image.Image() | np.ndarray() if request.output.layer:
                raise UsageError(
                    f"layer=True applies to files, but the photograph is a {type(x).__name__}.",
                    advice="Give a path or the bytes of a file, or put the result on a layer "
                    "yourself.",
                )
            case Image.Image():
                return self._image(x, request.settings)
            case np.ndarray():
                return self._array(x, request.settings)
            case _ if hasattr(x, "read"):
                data = stream_bytes(x, max_pixels=self._max_pixels)
                colored = self._file(data, request, name="the stream")
                warn("the stream", colored.notes)
                return io.BytesIO(colored.data)
            case _:
                raise UsageError(
                    f"A {type(x).__name__} cannot be coloured.",
                    advice="Give a path, bytes, a binary stream, a PIL image or a NumPy array.",
                )

    def _file(self, data: bytes, request: Request, *, name: str) -> Coloring:
        bundle = self._engine.bundle
        return colorize_photos(
            decode(data, name=name, max_pixels=self._max_pixels),
            request,
            name=name,
            engine=self._engine,
            provenance=provenance_of(data, bundle, request.settings, request.output),
            source=data if request.needs_source else None,
        )

    def _path(
        self, source: Path, target: Path | None, request: Request, *, overwrite: bool
    ) -> Path:
        if target is not None:
            check_output(target, layered=request.output.layer)
        data = read_input(source, max_pixels=self._max_pixels)
        target = target or source.parent / target_name(source, layered=request.output.layer)
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
        write_atomically(target, colored.data, overwrite=overwrite)
        warn(shown(source), colored.notes)
        return target

    def _image(self, image: Image.Image, settings: Settings) -> Image.Image:
        photo = photo_from_image(image)
        if photo.bits != 8:
            raise UnsupportedPhotoError(
                "PIL images cannot hold 16-bit colour.",
                advice="Give the array (numpy.asarray(image)) or the file.",
            )
        colored = Image.fromarray(_with_alpha(self._engine.colorize(photo, settings)))
        # Pillow writes these when this image is saved.
        if photo.meta.icc is not None:
            colored.info["icc_profile"] = photo.meta.icc
        if photo.meta.exif is not None:
            colored.info["exif"] = b"Exif\0\0" + photo.meta.exif
        if photo.meta.dpi is not None:
            colored.info["dpi"] = photo.meta.dpi
        notes = [*notes_on([photo], settings, photo.tone, self._engine), *photo.meta.notes]
        warn("the image", [*notes, *not_carried(image)])
        return colored

    def _array(self, pixels: NDArray[Any], settings: Settings) -> NDArray[Any]:
        floating = np.issubdtype(pixels.dtype, np.floating)
        photo = photo_from_array(steps_of(pixels) if floating else pixels)
        colored, kind = _with_alpha(self._engine.colorize(photo, settings)), pixels.dtype
        warn(
            "the array", [*notes_on([photo], settings, photo.tone, self._engine), *photo.meta.notes]
        )
        return floats_of(colored, kind) if floating else colored.astype(kind, copy=False)


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
    """Colours one photograph: `Colorizer.colorize` with a model loaded for this call alone.

    Args:
        x: As for `Colorizer.colorize`.
        model: As for `Colorizer`; to colour many photographs, create one `Colorizer` instead.
        options: As for `Colorizer.colorize`.

    Returns:
        As for `Colorizer.colorize`.
    """
    return Colorizer(model).colorize(x, **options)


def _with_alpha(photo: Photo) -> NDArray[Any]:
    if photo.color is None or isinstance(photo.color, HalfChroma):
        raise AssertionError("the engine gives full colour where half chroma was not asked for")
    return photo.color if photo.alpha is None else np.dstack([photo.color, photo.alpha])


def _restored(
    kind: type[Colorizer], model: str | Bundle, sha256: str, max_pixels: int, sandbox: bool
) -> Colorizer:
    """Restores a pickled `Colorizer`."""
    bundle = load_bundle(model) if isinstance(model, str) else model
    if bundle.sha256 != sha256:
        raise ModelError(
            f"The model {bundle.name} of this installation is not the one that was pickled.",
            advice="Install the same version of Tintype on both sides.",
        )
    colorizer = kind.__new__(kind)
    colorizer._start(bundle, max_pixels, sandbox)
    return colorizer
