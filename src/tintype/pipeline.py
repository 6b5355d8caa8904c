"""The one path from a file's bytes to the coloured file's bytes.

Every interface uses it (the command, folders, streams, the page), so all produce the same pixels.
"""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from PIL import Image

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.engine.grey_check import verify_grey, worst_part
from tintype.engine.hints import pale
from tintype.engine.predict import Engine
from tintype.engine.settings import Output, Settings
from tintype.errors import SkippedPhotoError, UnsupportedPhotoError
from tintype.files.own import png_mark
from tintype.photo import remarks, thumbnail
from tintype.photo.decode import decode
from tintype.photo.encode import Encoded, check_fits, encode
from tintype.photo.formats import jpeg_exact, open_raster
from tintype.photo.formats.codec import Codec
from tintype.photo.formats.registry import FORMATS
from tintype.photo.layered import layered
from tintype.photo.metadata.location import without_location
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.other_decoder import SAME, difference_shown
from tintype.photo.photo import Photo, Tone
from tintype.photo.sandbox.scope import current
from tintype.photo.turning import QUARTERS, turned

_DAMAGED = 8.0
"""Mean difference of the grey in one part of a lossy file, in steps of 255, that no encoder causes:
at most 2.3 in WebP, AVIF and JPEG, measured on noise, patterns, text and photographs."""

TONED_NOTE = "It was toned in one hue, which the predicted colours replace."

ColorPhotos = Literal["color", "skip"]
"""What to do with a photograph in colour: colour it again from its lightness, or leave it alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """How to process a photograph.

    Attributes:
        settings: How to colour.
        output: What to write.
        color_photos: Whether a colour photograph is recoloured from its lightness or skipped.
        check_grey: Read the written bytes back and compare their grey with the source's, both as
            decoded here and as decoded by another decoder.
        thumbnails: Whether to make thumbnails for a contact sheet.
    """

    settings: Settings = field(default_factory=Settings)
    output: Output = field(default_factory=Output)
    color_photos: ColorPhotos = "color"
    check_grey: bool = False
    thumbnails: bool = False

    @property
    def needs_source(self) -> bool:
        """Whether the file itself is needed until its output is written."""
        return self.check_grey or self.output.keep_luminance == "exact"


@dataclass(frozen=True, slots=True)
class Coloring:
    """A coloured file before it is written.

    Attributes:
        data: Its bytes.
        format: A key of `tintype.photo.formats.registry.FORMATS`, or
            `tintype.photo.formats.open_raster.NAME`.
        tone: The source's tone.
        notes: Remarks: what the format could not carry, and colours that the source already had.
        palette_note: The remark that identifies the palette; empty if there is only one.
        grey_check: Result of comparing the written grey with the source's; None if not requested.
        thumbnails: The first page before and after, as JPEG files; None if not requested.
    """

    data: bytes
    format: str
    tone: Tone
    notes: tuple[str, ...]
    grey_check: str | None = None
    thumbnails: tuple[bytes, bytes] | None = None
    palette_note: str = ""


def provenance_of(data: bytes, bundle: Bundle, settings: Settings, output: Output) -> Provenance:
    """The provenance recorded in an output, by which later runs recognise it.

    Args:
        data: The source file.
        bundle: The model.
        settings: How it is coloured.
        output: What is written; options that change the file are recorded as settings.

    Returns:
        The provenance of the resulting output.
    """
    predicted = settings.colors is None
    return Provenance(
        software="Tintype",
        version=__version__,
        model=bundle.card.name if predicted else "",
        model_sha256=bundle.sha256 if predicted else "",
        settings=output.recorded_with(settings.canonical()),
        input_sha256=hashlib.sha256(data).hexdigest(),
    )


def tone_of(photos: Sequence[Photo], request: Request, *, name: str) -> Tone:
    """The tone of a decoded file that is to be coloured.

    Args:
        photos: As for `colorize_photos`.
        request: As for `colorize_photos`.
        name: As for `colorize_photos`.

    Raises:
        SkippedPhotoError: It is a colour photograph, and the request skips these.
    """
    tone: Tone = "color" if any(photo.tone == "color" for photo in photos) else photos[0].tone
    if tone == "color" and request.color_photos == "skip":
        raise SkippedPhotoError(f"{name} is a colour photograph.")
    return tone


# One long function on purpose: it shows the whole path of a file, step by step and in order.
def colorize_photos(
    photos: Sequence[Photo],
    request: Request,
    *,
    name: str,
    engine: Engine,
    provenance: Provenance,
    source: bytes | None = None,
) -> Coloring:
    """Colours the pages of a decoded file and encodes the result.

    The caller decodes the file, so that it can release the file's bytes; those of a large
    photograph would otherwise stay in memory beside the pixels until the end.

    Args:
        photos: The pages of one file, as returned by `tintype.photo.decode.decode`.
        request: How to process them.
        name: The file's name as returned by `tintype.errors.shown`, for messages only.
        engine: The loaded model.
        provenance: As returned by `provenance_of`.
        source: The file itself, if `Request.needs_source`. With exact luminance, the output is
            read back and compared in any case.

    Returns:
        The coloured file.

    Raises:
        SkippedPhotoError: It is a colour photograph, and the request skips these.
        PhotoError: Any other reason why this file cannot be coloured.
    """
    settings, output = request.settings, request.output
    tone = tone_of(photos, request, name=name)
    if not output.keep_location:
        photos = [without_location(photo) for photo in photos]
    layers = output.layer and output.format is None
    if layers and len(photos) > 1:
        raise UnsupportedPhotoError(
            f"OpenRaster cannot hold the {len(photos)} pages of {name}.",
            advice="Add the format TIFF, for their coloured layers alone.",
        )
    written = output.format or ("PNG" if layers else FORMATS[photos[0].meta.format].writes)
    codec = FORMATS[written]
    luminance_of = source if output.keep_luminance == "exact" else None
    if luminance_of is not None:
        jpeg_exact.check(photos, luminance_of, codec=codec, name=name)
        if codec.write_exact is not None:
            photos = [replace(photo, turn=photo.meta.turned) for photo in photos]
    with _named(name):
        check_fits(photos, format=written)
    turn = QUARTERS[output.rotate]
    if turn != 1:
        photos = [replace(photo, turn=turn) for photo in photos]
    colored, share = _colored(photos, settings, engine, written)
    if turn != 1:
        photos = [turned(photo, turn) for photo in photos]
        colored = [turned(photo, turn) for photo in colored]
    kept = None if codec.write_exact is None else luminance_of
    strip = output.strip_metadata
    with _named(name):
        encoded = encode(
            colored, format=written, provenance=provenance, strip_metadata=strip, luminance_of=kept
        )
    checked = _grey_check(photos, encoded, request, source, name=name)
    if luminance_of is not None and not encoded.blocks and _identical(photos) not in str(checked):
        raise _inexact(codec, name, str(checked))
    small = None
    if request.thumbnails:
        small = _thumbnails(photos[0], colored[0], encoded.data, written, name=name)
    notes = (*notes_on(photos, settings, tone, engine, share), *encoded.lost)
    note = palette_note(settings, share) if settings.one_of_several else ""
    data = layered(colored[0], encoded.data) if layers else encoded.data
    form = open_raster.NAME if layers else written
    return Coloring(data, form, tone, notes, checked, small, note)


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Names the file in errors about its format."""
    try:
        yield
    except UnsupportedPhotoError as error:
        raise UnsupportedPhotoError(f"{name}: {error.message}", advice=error.advice) from error


def _inexact(codec: Codec, name: str, checked: str) -> UnsupportedPhotoError:
    return UnsupportedPhotoError(
        f"{codec.title} cannot keep the luminance of {name} exactly: {checked}.",
        advice="Write it with --format png or tiff, or leave --keep-luminance out.",
    )


def _thumbnails(
    photo: Photo, colored: Photo, data: bytes, written: str, *, name: str
) -> tuple[bytes, bytes]:
    """Before and after, as small JPEGs."""
    after = thumbnail.of_coloring(colored, data, form=written, name=name)
    return thumbnail.of_pixels(photo.grey), after


def _colored(
    photos: Sequence[Photo], settings: Settings, engine: Engine, written: str
) -> tuple[list[Photo], float]:
    """The coloured pages for a format, and the mean share of the palette (0 without palettes)."""
    half = FORMATS[written].half_chroma and all(photo.bits == 8 for photo in photos)
    if not settings.one_of_several:
        return [engine.colorize(photo, settings, half_chroma=half) for photo in photos], 0.0
    share = 0.0
    colored = []
    for photo in photos:
        (version,) = engine.versions(photo, settings, half_chroma=half)
        colored.append(version.photo)
        share += version.share / len(photos)
    return colored, share


def _grey_check(
    photos: Sequence[Photo],
    encoded: Encoded,
    request: Request,
    source: bytes | None,
    *,
    name: str,
) -> str | None:
    """The result of comparing the grey; None if not requested."""
    if encoded.blocks:
        found = f"{_identical(photos)}, its coefficients in all {encoded.blocks:,} blocks"
    elif request.needs_source:
        found = compare_grey(photos, encoded.data, name=name)
    else:
        return None
    return found if source is None else found + _second_opinion(photos, source, encoded.data)


def _second_opinion(photos: Sequence[Photo], source: bytes, written: bytes) -> str:
    """A clause on what another decoder shows, if that differs."""
    shown = difference_shown(photos[0], source, written)
    if shown is None:
        return "; no other installed decoder can read the input"
    if shown > SAME:
        return f"; but in another decoder (Pillow) the mean difference is {shown:.1f}"
    return ""


def notes_on(
    photos: Sequence[Photo], settings: Settings, tone: Tone, engine: Engine, share: float = 0.0
) -> list[str]:
    """Remarks on coloured pages, apart from what a format could not carry.

    Args:
        photos: The decoded pages.
        settings: How they were coloured.
        tone: Their tone before colouring.
        engine: The engine that coloured them.
        share: Share of the palette, if it was one of several.
    """
    notes = list(pale(settings.hints, settings.scribbles, photos[0].grey))
    notes.extend(remarks.on_photos(photos))
    if tone == "color":
        notes.append("A colour photograph, recoloured from its lightness.")
    elif tone == "toned":
        notes.append(TONED_NOTE)
    if settings.one_of_several:
        notes.insert(0, palette_note(settings, share))
    if note := engine.device_note(settings):
        notes.append(note)
    return notes


def palette_note(settings: Settings, share: float) -> str:
    """Which of several palettes it is, and its probability according to the model."""
    return f"Palette {settings.palette} of {settings.palettes}: {share:.0%}."


CERTAINTY = "certainty map"
"""How a certainty map identifies itself in its metadata."""


def certainty_map(photos: Sequence[Photo], *, engine: Engine, settings: Settings) -> bytes:
    """A map of how uncertain the colours of a file's first page are, as a PNG file.

    Args:
        photos: The pages of one file.
        engine: The loaded model.
        settings: As for `colorize_photos`.

    Returns:
        A grey PNG of the page's size: 0 is certain, 255 is most uncertain.

    Raises:
        ModelError: The model predicts no distribution.
    """
    from PIL.PngImagePlugin import PngInfo

    file = io.BytesIO()
    prediction = engine.predict(photos[0], settings)
    text = PngInfo()
    text.add_text("Software", png_mark(CERTAINTY))  # what --overwrite recognises it by
    found = engine.uncertainty(photos[0], prediction, settings)
    Image.fromarray(found).save(file, "PNG", pnginfo=text)
    return file.getvalue()


def compare_grey(photos: Sequence[Photo], written: bytes, *, name: str) -> str:
    """Whether a coloured file, read back, has the grey of its source.

    Args:
        photos: The source's pages.
        written: The coloured file.
        name: For messages.

    Returns:
        A clause with the figures.
    """
    pixels = sum(photo.height * photo.width for photo in photos)
    attached = sum(part.pixels.size for photo in photos for part in photo.meta.attached)
    again = decode(written, name=name, max_pixels=pixels + attached)
    if again[0].bits != photos[0].bits:
        return f"not comparable, {again[0].bits} bits against {photos[0].bits}"
    return _difference(photos, again)


def compare_finished(
    photos: Sequence[Photo],
    written: bytes,
    *,
    recorded: str,
    source: bytes,
    name: str,
    max_pixels: int,
) -> tuple[str, bool]:
    """Whether the output of an earlier run still has the grey of its source.

    Args:
        photos: The source's pages.
        written: The output.
        recorded: The settings in its provenance.
        source: The source itself.
        name: Name of the output, for messages.
        max_pixels: As for `tintype.photo.decode.decode`.

    Returns:
        A clause as from `compare_grey`, and False if the output does not have the grey that these
        settings give. What cannot be compared because of them is in the clause.

    Raises:
        PhotoError: The output cannot be read.
    """
    if open_raster.recognised(written):
        if current() is not None:
            return "not comparable, OpenRaster files are not opened in the sandbox", True
        written = open_raster.merged_picture(written) or written
    again = decode(written, name=name, max_pixels=max_pixels)
    options = _recorded_options(recorded)
    turn = QUARTERS.get(options.get("rotate", "0"), 1)
    if turn != 1:
        photos = [turned(photo, turn) for photo in photos]
    codec = FORMATS[again[0].meta.format]
    if len(again) != len(photos):
        return f"not comparable, {len(again)} against {len(photos)} pages", False
    for before, after in zip(photos, again, strict=True):
        if after.shape != before.shape:
            (height, width), (rows, columns) = after.shape, before.shape
            return f"not comparable, {width} x {height} pixels against {columns} x {rows}", False
        if after.bits != before.bits:
            reduced = before.bits == 16 and "RGB 16" not in codec.carries
            return f"not comparable, {after.bits} bits against {before.bits}", reduced
    found = _difference(photos, again)
    if options.get("keep_luminance") == "exact" or codec.lossless(photos[0].meta):
        same = found == _identical(photos)
    else:
        same = all(worst_part(*pair) <= _DAMAGED for pair in zip(photos, again, strict=True))
    # The second decoder shows the source as it lies, so it cannot be asked about a rotated output.
    return found + (_second_opinion(photos, source, written) if turn == 1 else ""), same


def _recorded_options(recorded: str) -> dict[str, str]:
    """The output options among recorded settings that are texts."""
    try:
        data = json.loads(recorded)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    return {name: value for name, value in data.items() if isinstance(value, str)}


def _difference(photos: Sequence[Photo], again: Sequence[Photo]) -> str:
    """The clause of `compare_grey` for pages of the same bit depth."""
    pixels = sum(photo.height * photo.width for photo in photos)
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
