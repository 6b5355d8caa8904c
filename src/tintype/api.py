"""The Python API: what comes in goes out coloured, as the same kind of thing."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, TypeVar, get_args, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tintype.engine.bundle import load_bundle
from tintype.engine.cache import RememberingEngine
from tintype.engine.hints import hint_of
from tintype.engine.layers import mask_from, scribbles_from
from tintype.engine.reference import reference_from
from tintype.engine.settings import Quality, Settings
from tintype.errors import (
    TargetExistsError,
    UnsupportedPhotoError,
    UsageError,
    shown,
)
from tintype.files.atomic import target_exists, write_atomically
from tintype.files.local import read_input, read_stream
from tintype.photo.decode import MAX_PIXELS, decode, photo_from_array, photo_from_image
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.naming import target_name
from tintype.photo.photo import HalfChroma, Photo
from tintype.pipeline import KeepLuminance, colorize_photos, provenance_of

HintLike = tuple[int, int, str] | tuple[int, int, str, int]
"""A hint as it is given in Python: x, y, a colour as ``#c04030``, and a radius if wanted."""


LayerLike = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A picture that lies over the photograph, or beside it, as it is given in Python."""

_Picture = TypeVar("_Picture", bytes, Image.Image, NDArray[Any])


class Colorizer:
    """A loaded model, for colouring many photographs; may be used from several threads.

    Its last answer is kept: the same photograph with another vividness, warmth or palette is
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
        self._engine = RememberingEngine(load_bundle(wanted))

    @overload
    def colorize(
        self,
        x: str | os.PathLike[str],
        *,
        vividness: float | None = ...,
        quality: Quality = ...,
        warmth: float = ...,
        hints: Sequence[HintLike] = ...,
        scribbles: LayerLike | None = ...,
        mask: LayerLike | None = ...,
        reference: LayerLike | None = ...,
        keep_luminance: KeepLuminance = ...,
        overwrite: bool = ...,
    ) -> Path: ...
    @overload
    def colorize(
        self,
        x: BinaryIO,
        *,
        vividness: float | None = ...,
        quality: Quality = ...,
        warmth: float = ...,
        hints: Sequence[HintLike] = ...,
        scribbles: LayerLike | None = ...,
        mask: LayerLike | None = ...,
        reference: LayerLike | None = ...,
        keep_luminance: KeepLuminance = ...,
        overwrite: bool = ...,
    ) -> io.BytesIO: ...
    @overload
    def colorize(
        self,
        x: _Picture,
        *,
        vividness: float | None = ...,
        quality: Quality = ...,
        warmth: float = ...,
        hints: Sequence[HintLike] = ...,
        scribbles: LayerLike | None = ...,
        mask: LayerLike | None = ...,
        reference: LayerLike | None = ...,
        keep_luminance: KeepLuminance = ...,
        overwrite: bool = ...,
    ) -> _Picture: ...
    def colorize(
        self,
        x: Any,
        *,
        vividness: float | None = None,
        quality: Quality = "high",
        warmth: float = 0.0,
        hints: Sequence[HintLike] = (),
        scribbles: LayerLike | None = None,
        mask: LayerLike | None = None,
        reference: LayerLike | None = None,
        keep_luminance: KeepLuminance = "usual",
        overwrite: bool = False,
    ) -> Path | bytes | io.BytesIO | Image.Image | NDArray[Any]:
        """Colours one photograph; what comes out is of the kind that went in.

        A colour photograph is coloured anew from its lightness.

        Args:
            x: A path; the bytes of a picture file; a binary stream of them; a PIL image; or an
                array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16, or floating point
                within 0 to 1.
            vividness: How strong the colours are, 0 to 2; None is what the model recommends.
            quality: At what sizes the model looks at the photograph: "high", at three of them;
                "normal" or "fast", at one. The output always has full resolution.
            warmth: -1 to 1: what is open leans towards blue, or towards orange.
            hints: Colours that are known at some places: ``(x, y, "#c04030")``, or
                ``(x, y, "#c04030", radius)`` for a square of 2 radius + 1 pixels, counted from 0
                at the upper left corner of the upright photograph.
            scribbles: Colours painted on a transparent layer as large as the upright photograph: a
                path, the bytes of a picture file, a PIL image, or an array (H, W, 4). They cover
                the hints.
            mask: What is coloured, as large: white is, black stays grey, grey is in between. A
                path, bytes, a PIL image, or an array (H, W).
            reference: A picture in colour, of any size, that the colours are taken from: they move
                to what it has in common with the photograph. A path, bytes, a PIL image, or an
                array (H, W, 3).
            keep_luminance: "exact" gives a JPEG the luminance coefficients of the JPEG that it was
                made of, and verifies it (the extra ``exact``). What comes out as PNG, TIFF, an
                image or an array has exactly the photograph's grey in any case.
            overwrite: Replace an earlier output; only for a path, and never the input itself.

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
        settings = Settings(
            vividness,
            quality,
            warmth,
            tuple(hint_of(*hint) for hint in hints),
            None
            if scribbles is None
            else scribbles_from(**_layer_file(scribbles, "scribbles"), max_pixels=self._max_pixels),
            None
            if mask is None
            else mask_from(**_layer_file(mask, "mask"), max_pixels=self._max_pixels),
            None
            if reference is None
            else reference_from(**_layer_file(reference, "reference"), max_pixels=self._max_pixels),
        )
        if keep_luminance not in get_args(KeepLuminance):
            raise UsageError(
                f"There is no keep_luminance {keep_luminance!r}.", advice="Use usual or exact."
            )
        match x:
            case str() | os.PathLike():
                return self._path(Path(x), settings, keep_luminance, overwrite=overwrite)
            case bytes():
                return self._file(x, settings, keep_luminance, name="the picture")
            case Image.Image():
                return self._image(x, settings)
            case np.ndarray():
                return self._array(x, settings)
            case _ if hasattr(x, "read"):
                data = read_stream(x, name="the stream", max_pixels=self._max_pixels)
                return io.BytesIO(self._file(data, settings, keep_luminance, name="the stream"))
            case _:
                raise UsageError(
                    f"A {type(x).__name__} cannot be coloured.",
                    advice="Give a path, bytes, a binary stream, a PIL image or a NumPy array.",
                )

    __call__ = colorize

    def _file(
        self,
        data: bytes,
        settings: Settings,
        keep_luminance: KeepLuminance,
        *,
        name: str,
        form: str | None = None,
    ) -> bytes:
        provenance = provenance_of(
            data, self._engine.bundle, settings, keep_luminance=keep_luminance
        )
        return colorize_photos(
            decode(data, name=name, max_pixels=self._max_pixels),
            name=name,
            engine=self._engine,
            settings=settings,
            provenance=provenance,
            form=form,
            luminance_of=data if keep_luminance == "exact" else None,
        ).data

    def _path(
        self, source: Path, settings: Settings, keep_luminance: KeepLuminance, *, overwrite: bool
    ) -> Path:
        data = read_input(source, max_pixels=self._max_pixels)
        target = source.parent / target_name(source)
        if target_exists(target):
            if not overwrite:
                raise TargetExistsError(
                    f"{shown(target)} exists already.",
                    advice="Move it away, or say overwrite=True.",
                )
            if target.samefile(source):
                raise TargetExistsError(
                    f"{shown(target)} is the input itself, which is never replaced."
                )
        form = format_of_suffix(target.suffix)
        colored = self._file(data, settings, keep_luminance, name=shown(source), form=form)
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
    vividness: float | None = ...,
    quality: Quality = ...,
    warmth: float = ...,
    hints: Sequence[HintLike] = ...,
    scribbles: LayerLike | None = ...,
    mask: LayerLike | None = ...,
    reference: LayerLike | None = ...,
    keep_luminance: KeepLuminance = ...,
    model: str | os.PathLike[str] | None = ...,
    overwrite: bool = ...,
) -> Path: ...
@overload
def colorize(
    x: BinaryIO,
    *,
    vividness: float | None = ...,
    quality: Quality = ...,
    warmth: float = ...,
    hints: Sequence[HintLike] = ...,
    scribbles: LayerLike | None = ...,
    mask: LayerLike | None = ...,
    reference: LayerLike | None = ...,
    keep_luminance: KeepLuminance = ...,
    model: str | os.PathLike[str] | None = ...,
    overwrite: bool = ...,
) -> io.BytesIO: ...
@overload
def colorize(
    x: _Picture,
    *,
    vividness: float | None = ...,
    quality: Quality = ...,
    warmth: float = ...,
    hints: Sequence[HintLike] = ...,
    scribbles: LayerLike | None = ...,
    mask: LayerLike | None = ...,
    reference: LayerLike | None = ...,
    keep_luminance: KeepLuminance = ...,
    model: str | os.PathLike[str] | None = ...,
    overwrite: bool = ...,
) -> _Picture: ...
def colorize(
    x: Any,
    *,
    vividness: float | None = None,
    quality: Quality = "high",
    warmth: float = 0.0,
    hints: Sequence[HintLike] = (),
    scribbles: LayerLike | None = None,
    mask: LayerLike | None = None,
    reference: LayerLike | None = None,
    keep_luminance: KeepLuminance = "usual",
    model: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Any:
    """Colours one photograph: `Colorizer.colorize` with a model that is loaded for it alone.

    Args:
        x: As for `Colorizer.colorize`.
        vividness: As for `Colorizer.colorize`.
        quality: As for `Colorizer.colorize`.
        warmth: As for `Colorizer.colorize`.
        hints: As for `Colorizer.colorize`.
        scribbles: As for `Colorizer.colorize`.
        mask: As for `Colorizer.colorize`.
        reference: As for `Colorizer.colorize`.
        keep_luminance: As for `Colorizer.colorize`.
        model: As for `Colorizer`; to colour many photographs, make one `Colorizer` instead.
        overwrite: As for `Colorizer.colorize`.

    Returns:
        As `Colorizer.colorize`.
    """
    return Colorizer(model).colorize(
        x,
        vividness=vividness,
        quality=quality,
        warmth=warmth,
        hints=hints,
        scribbles=scribbles,
        mask=mask,
        reference=reference,
        keep_luminance=keep_luminance,
        overwrite=overwrite,
    )


class _LayerFile(TypedDict):
    data: bytes
    name: str


def _layer_file(x: LayerLike, name: str) -> _LayerFile:
    """A layer as the bytes of a file, and what to call it."""
    if isinstance(x, str | os.PathLike):
        return {"data": read_input(Path(x), max_pixels=MAX_PIXELS), "name": str(x)}
    if isinstance(x, np.ndarray):
        if x.dtype != np.uint8 or x.ndim not in (2, 3):
            raise UsageError(f"The array of the {name} is {x.dtype} {x.shape}; give uint8.")
        x = Image.fromarray(x)
    if isinstance(x, Image.Image):
        file = io.BytesIO()
        try:
            ImageOps.exif_transpose(x).save(file, "PNG")
        except OSError as error:
            raise UsageError(
                f"An image of mode {x.mode} cannot be the {name}.", advice="Convert it to RGB."
            ) from error
        return {"data": file.getvalue(), "name": f"the {name}"}
    if isinstance(x, bytes):
        return {"data": x, "name": f"the {name}"}
    raise UsageError(f"A {type(x).__name__} cannot be the {name}.")


def _with_alpha(photo: Photo) -> NDArray[Any]:
    if photo.color is None or isinstance(photo.color, HalfChroma):
        raise AssertionError("the engine gives full colour where half chroma was not asked for")
    return photo.color if photo.alpha is None else np.dstack([photo.color, photo.alpha])
