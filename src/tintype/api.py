"""The Python API, and the one path from a file's bytes to the coloured file's bytes.

Every door comes through here: the command, a folder, a stream, an array. So they give the same
pixels.
"""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypedDict, TypeVar, get_args, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tintype import __version__
from tintype.engine.bundle import Bundle, load_bundle
from tintype.engine.colorizer import Engine, verify_grey
from tintype.engine.hints import hint_of, pale
from tintype.engine.layers import mask_from, scribbles_from
from tintype.engine.reference import reference_from
from tintype.engine.remembering import RememberingEngine
from tintype.engine.settings import Quality, Settings
from tintype.errors import (
    SkippedPhotoError,
    TargetExistsError,
    UnreadablePhotoError,
    UnsupportedPhotoError,
    UsageError,
    shown,
)
from tintype.photo import exact, thumbnail
from tintype.photo.decode import MAX_PIXELS, decode, photo_from_array, photo_from_image
from tintype.photo.encode import accepts_half_chroma, encode, stands_at, write_atomically
from tintype.photo.formats import FORMATS, format_of_suffix, sniff
from tintype.photo.photo import HalfChroma, Photo, Tone
from tintype.photo.provenance import Provenance

# Other spellings of an ending that are kept as the user has them. Endings that promise something
# else than the written file (".pgm" a grey picture, ".mpo" several) become the usual one instead.
_KEPT_SUFFIXES = frozenset({".jpeg", ".jpe", ".jfif", ".tiff", ".pnm"})

# Bytes of a file per pixel allowed in it: 16-bit RGBA is eight, the rest is for several pages. And
# the bytes that any file may have, for metadata.
_BYTES_PER_PIXEL = 16
_BYTES_FREE = 64 * 2**20


HintWords = tuple[int, int, str] | tuple[int, int, str, int]
"""A hint as it is given in Python: x, y, a colour as ``#c04030``, and a radius if wanted."""

KeepLuminance = Literal["usual", "exact"]
"""How a JPEG keeps the luminance of a JPEG: coded anew, or coefficient by coefficient."""

LayerWords = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A picture that lies over the photograph, or beside it, as it is given in Python."""

_Picture = TypeVar("_Picture", bytes, Image.Image, NDArray[Any])


@dataclass(frozen=True, slots=True)
class Coloring:
    """A coloured file before it is written.

    Attributes:
        data: Its bytes.
        format: A key of `tintype.photo.formats.FORMATS`.
        tone: What the source was.
        notes: What should be said about it: what the format could not carry, and colours that were
            there before.
        grey_check: What comparing the written grey with the source's gave; None where not asked.
        thumbnails: Of the first page, before and after, as JPEG files; None where not asked.
    """

    data: bytes
    format: str
    tone: Tone
    notes: tuple[str, ...]
    grey_check: str | None = None
    thumbnails: tuple[bytes, bytes] | None = None


def target_name(source: Path, form: str | None = None) -> str:
    """The name of the coloured file of a source: ``name.color.jpg`` for ``name.jpg``.

    Args:
        source: A file; it is opened only where its ending says nothing about its format.
        form: The format to write, a key of `FORMATS`; None keeps the source's own.

    Returns:
        A name without a folder.

    Raises:
        UnreadablePhotoError: The source has no known ending and no known contents.
    """
    suffix = source.suffix
    found = format_of_suffix(suffix)
    stem = source.stem if found is not None else source.name
    if found is None:
        found = sniff(_first_bytes(source))
    if found is None:
        raise UnreadablePhotoError(f"{shown(source)} is not a picture in a known format.")
    written = form or FORMATS[found].writes
    usual = FORMATS[written].suffixes[0]
    kept = written == found and suffix.lower() in {usual, *_KEPT_SUFFIXES}
    return f"{stem}.color{suffix if kept else usual}"


def read_input(source: Path, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """The bytes of a file, unless it is too long to be a photograph of that many pixels.

    Args:
        source: A regular file.
        max_pixels: The limit that `decode` will apply to what is in it.

    Raises:
        UnreadablePhotoError: Missing, no permission, not a file, or too long.
    """
    try:
        size = source.stat().st_size
        if not source.is_file():
            kind = "a folder" if source.is_dir() else "not a regular file"
            raise UnreadablePhotoError(f"{shown(source)} is {kind}.")
        refuse_long(size, name=shown(source), max_pixels=max_pixels)
        return source.read_bytes()
    except (OSError, ValueError) as error:
        text = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadablePhotoError(f"{shown(source)} cannot be read: {text}.") from error


def read_stream(stream: BinaryIO, *, name: str, max_pixels: int = MAX_PIXELS) -> bytes:
    """The bytes of a stream, unless there are too many.

    Args:
        stream: Open for reading bytes.
        name: For messages.
        max_pixels: As for `decode`.

    Raises:
        UsageError: The stream gives text.
        UnreadablePhotoError: It fails, or gives too much.
    """
    try:
        # One byte more than the limit, so that "too long" is seen without reading all of it.
        data = stream.read(longest_input(max_pixels) + 1)
    except OSError as error:
        raise UnreadablePhotoError(f"{name} cannot be read: {error.strerror}.") from error
    if not isinstance(data, bytes):
        raise UsageError(f"{name} gives text, not bytes.", hint="Open it in binary mode.")
    refuse_long(len(data), name=name, max_pixels=max_pixels)
    return data


def refuse_long(size: int, *, name: str, max_pixels: int) -> None:
    """Refuses a file by its length, before it fills the memory.

    Args:
        size: In bytes.
        name: For the message.
        max_pixels: As for `decode`.

    Raises:
        UnreadablePhotoError: Longer than any photograph within the limit.
    """
    limit = longest_input(max_pixels)
    if size > limit:
        raise UnreadablePhotoError(
            f"{name} is longer than {limit // 2**20} MiB, too long for one photograph.",
            hint="Give --max-megapixels a higher number if it really is one.",
        )


def longest_input(max_pixels: int) -> int:
    """Bytes that a file with a photograph of so many pixels may have."""
    return _BYTES_FREE + _BYTES_PER_PIXEL * max_pixels


def provenance_of(
    data: bytes,
    bundle: Bundle,
    settings: Settings,
    *,
    strip_metadata: bool = False,
    keep_luminance: KeepLuminance = "usual",
) -> Provenance:
    """What an output says about itself, and what a later run recognises it by.

    Args:
        data: The source file.
        bundle: The model.
        settings: The settings.
        strip_metadata: Counts as a setting: a stripped output is another file.
        keep_luminance: Counts as well.

    Returns:
        The provenance of the output that these would give.
    """
    text = settings.canonical()
    more: dict[str, object] = {}
    if strip_metadata:
        more["strip_metadata"] = True
    if keep_luminance != "usual":
        more["keep_luminance"] = keep_luminance
    if more:
        text = json.dumps(json.loads(text) | more, sort_keys=True, separators=(",", ":"))
    return Provenance(
        software="Tintype",
        version=__version__,
        model=bundle.card.name,
        model_sha256=bundle.sha256,
        settings=text,
        input_sha256=hashlib.sha256(data).hexdigest(),
    )


def colorize_photos(
    photos: Sequence[Photo],
    *,
    name: str,
    engine: Engine,
    settings: Settings,
    provenance: Provenance,
    form: str | None = None,
    strip_metadata: bool = False,
    color_photos: Literal["color", "skip"] = "color",
    check_grey: bool = False,
    luminance_of: bytes | None = None,
    thumbnails: bool = False,
) -> Coloring:
    """The pages of a decoded file in, the coloured file's bytes out.

    Decoding is the caller's: so it can give up the file's bytes, which of a large photograph would
    lie beside the pixels to the end.

    Args:
        photos: The pages of one file, as `tintype.photo.decode.decode` gives them.
        name: Of the file, for messages only, as `tintype.errors.shown` gives it.
        engine: The loaded model.
        settings: How to colour.
        provenance: As `provenance_of` gives it.
        form: The format to write; None writes the source's own.
        strip_metadata: Write no more than the pixels need.
        color_photos: Whether a colour photograph is coloured anew from its lightness.
        check_grey: Read the written bytes back and compare their grey with the source's.
        luminance_of: The file itself, where its luminance is to be kept exactly; None keeps it as
            well as the format usually does. The output is read back and compared in any case.
        thumbnails: Whether small pictures for a contact sheet are wanted.

    Returns:
        The coloured file.

    Raises:
        SkippedPhotoError: A colour photograph, and `color_photos` is "skip".
        PhotoError: Any other reason why this file cannot be coloured.
    """
    tone: Tone = "color" if any(photo.tone == "color" for photo in photos) else photos[0].tone
    if tone == "color" and color_photos == "skip":
        raise SkippedPhotoError(f"{name} is a colour photograph.")
    written = form or FORMATS[photos[0].meta.format].writes
    half = accepts_half_chroma(written) and all(photo.bits == 8 for photo in photos)
    if luminance_of is not None:
        exact.check(photos, luminance_of, form=written, name=name)
        if written == "JPEG":
            photos = [replace(photo, turn=photo.meta.turned) for photo in photos]
    share = 0.0
    colored = []
    for photo in photos:
        if settings.one_of_several:
            (version,) = engine.versions(photo, settings, half_chroma=half)
            colored.append(version.photo)
            share += version.share / len(photos)
        else:
            colored.append(engine.colorize(photo, settings, half_chroma=half))
    try:
        encoded = encode(
            colored,
            format=written,
            provenance=provenance,
            strip_metadata=strip_metadata,
            luminance_of=luminance_of if written == "JPEG" else None,
        )
    except UnsupportedPhotoError as error:
        raise UnsupportedPhotoError(f"{name}: {error.message}", hint=error.hint) from error
    checked = None
    if encoded.blocks:
        checked = f"{_identical(photos)}, its coefficients in all {encoded.blocks:,} blocks"
    elif check_grey or luminance_of is not None:
        checked = compare_grey(photos, encoded.data, name=name)
        if luminance_of is not None and checked != _identical(photos):
            raise UnsupportedPhotoError(
                f"{FORMATS[written].title} cannot keep the luminance of {name} exactly: {checked}.",
                hint="Write it with --format png or tiff, or leave --keep-luminance out.",
            )
    notes = encoded.lost
    if tone == "color":
        notes = ("A colour photograph: it is coloured anew from its lightness.", *notes)
    notes = (*pale(settings.hints, settings.scribbles, photos[0].grey), *notes)
    if settings.one_of_several:
        notes = (f"Palette {settings.palette} of {settings.palettes}: {share:.0%}.", *notes)
    small = None
    if thumbnails:
        after = thumbnail.of_coloring(colored[0], encoded.data, form=written, name=name)
        small = thumbnail.of_pixels(photos[0].grey), after
    return Coloring(encoded.data, written, tone, notes, checked, small)


def certainty_map(photos: Sequence[Photo], *, engine: Engine, settings: Settings) -> bytes:
    """Where the colours of a file's first page are a guess, as a PNG file.

    Args:
        photos: The pages of one file.
        engine: The loaded model.
        settings: As for `colorize_photos`.

    Returns:
        A grey PNG of the page's size: 0 is certain, 255 knows nothing.

    Raises:
        ModelError: The model predicts no distribution.
    """
    file = io.BytesIO()
    answer = engine.ask(photos[0], settings)
    Image.fromarray(engine.uncertainty(photos[0], answer)).save(file, "PNG")
    return file.getvalue()


def compare_grey(photos: Sequence[Photo], written: bytes, *, name: str) -> str:
    """Whether a coloured file, read back, has the grey of its source.

    Args:
        photos: The source's pages.
        written: The coloured file.
        name: For messages.

    Returns:
        The figures, in half a sentence.
    """
    pixels = sum(photo.height * photo.width for photo in photos)
    again = decode(written, name=name, max_pixels=pixels)
    if again[0].bits != photos[0].bits:
        return f"not comparable, {again[0].bits} bits against {photos[0].bits}"
    checks = [verify_grey(*pair) for pair in zip(photos, again, strict=True)]
    differing = sum(check.differing for check in checks)
    if differing == 0:
        return _identical(photos)
    worst = max(check.max_difference for check in checks)
    mean = sum(
        check.mean_difference * photo.height * photo.width / pixels
        for check, photo in zip(checks, photos, strict=True)
    )
    return (
        f"mean difference {mean:.3f}, at most {worst}, at {differing:,} of {pixels:,} pixels "
        f"(in steps of {photos[0].bits} bits)"
    )


def _identical(photos: Sequence[Photo]) -> str:
    pixels = sum(photo.height * photo.width for photo in photos)
    return f"identical at all {pixels:,} pixels"


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
        hints: Sequence[HintWords] = ...,
        scribbles: LayerWords | None = ...,
        mask: LayerWords | None = ...,
        reference: LayerWords | None = ...,
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
        hints: Sequence[HintWords] = ...,
        scribbles: LayerWords | None = ...,
        mask: LayerWords | None = ...,
        reference: LayerWords | None = ...,
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
        hints: Sequence[HintWords] = ...,
        scribbles: LayerWords | None = ...,
        mask: LayerWords | None = ...,
        reference: LayerWords | None = ...,
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
        hints: Sequence[HintWords] = (),
        scribbles: LayerWords | None = None,
        mask: LayerWords | None = None,
        reference: LayerWords | None = None,
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
                f"There is no keep_luminance {keep_luminance!r}.", hint="Use usual or exact."
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
                data = read_stream(x, name="the stream")
                return io.BytesIO(self._file(data, settings, keep_luminance, name="the stream"))
            case _:
                raise UsageError(
                    f"A {type(x).__name__} cannot be coloured.",
                    hint="Give a path, bytes, a binary stream, a PIL image or a NumPy array.",
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
        if stands_at(target):
            if not overwrite:
                raise TargetExistsError(
                    f"{shown(target)} exists already.", hint="Move it away, or say overwrite=True."
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
                hint="Give the array (numpy.asarray(image)) or the file.",
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
                hint="Scale it, or give uint8 or uint16.",
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
    hints: Sequence[HintWords] = ...,
    scribbles: LayerWords | None = ...,
    mask: LayerWords | None = ...,
    reference: LayerWords | None = ...,
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
    hints: Sequence[HintWords] = ...,
    scribbles: LayerWords | None = ...,
    mask: LayerWords | None = ...,
    reference: LayerWords | None = ...,
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
    hints: Sequence[HintWords] = ...,
    scribbles: LayerWords | None = ...,
    mask: LayerWords | None = ...,
    reference: LayerWords | None = ...,
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
    hints: Sequence[HintWords] = (),
    scribbles: LayerWords | None = None,
    mask: LayerWords | None = None,
    reference: LayerWords | None = None,
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


def _layer_file(x: LayerWords, name: str) -> _LayerFile:
    """A layer as the bytes of a file, and what to call it."""
    if isinstance(x, str | os.PathLike):
        return {"data": read_input(Path(x)), "name": str(x)}
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
                f"An image of mode {x.mode} cannot be the {name}.", hint="Convert it to RGB."
            ) from error
        return {"data": file.getvalue(), "name": f"the {name}"}
    if isinstance(x, bytes):
        return {"data": x, "name": f"the {name}"}
    raise UsageError(f"A {type(x).__name__} cannot be the {name}.")


def _with_alpha(photo: Photo) -> NDArray[Any]:
    if photo.color is None or isinstance(photo.color, HalfChroma):
        raise AssertionError("the engine gives full colour where half chroma was not asked for")
    return photo.color if photo.alpha is None else np.dstack([photo.color, photo.alpha])


def _first_bytes(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise UnreadablePhotoError(f"{shown(source)} cannot be read: {error.strerror}.") from error
