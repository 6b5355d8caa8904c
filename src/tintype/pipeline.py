"""The one path from a file's bytes to the coloured file's bytes.

Every door comes through here: the command, a folder, a stream, the page. So they give the same
pixels.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.engine.hints import pale
from tintype.engine.predict import Engine, verify_grey
from tintype.engine.settings import Settings
from tintype.errors import (
    SkippedPhotoError,
    UnsupportedPhotoError,
)
from tintype.photo import thumbnail
from tintype.photo.decode import decode
from tintype.photo.encode import encode
from tintype.photo.formats import jpeg_exact
from tintype.photo.formats.registry import FORMATS
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import Photo, Tone

KeepLuminance = Literal["usual", "exact"]
"""How a JPEG keeps the luminance of a JPEG: coded anew, or coefficient by coefficient."""


@dataclass(frozen=True, slots=True)
class Coloring:
    """A coloured file before it is written.

    Attributes:
        data: Its bytes.
        format: A key of `tintype.photo.formats.registry.FORMATS`.
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
    codec = FORMATS[written]
    half = codec.half_chroma and all(photo.bits == 8 for photo in photos)
    if luminance_of is not None:
        jpeg_exact.check(photos, luminance_of, codec=codec, name=name)
        if codec.write_exact is not None:
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
            luminance_of=None if codec.write_exact is None else luminance_of,
        )
    except UnsupportedPhotoError as error:
        raise UnsupportedPhotoError(f"{name}: {error.message}", advice=error.advice) from error
    checked = None
    if encoded.blocks:
        checked = f"{_identical(photos)}, its coefficients in all {encoded.blocks:,} blocks"
    elif check_grey or luminance_of is not None:
        checked = compare_grey(photos, encoded.data, name=name)
        if luminance_of is not None and checked != _identical(photos):
            raise UnsupportedPhotoError(
                f"{codec.title} cannot keep the luminance of {name} exactly: {checked}.",
                advice="Write it with --format png or tiff, or leave --keep-luminance out.",
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
    prediction = engine.predict(photos[0], settings)
    Image.fromarray(engine.uncertainty(photos[0], prediction)).save(file, "PNG")
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
