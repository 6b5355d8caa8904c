"""The operations of a child, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec
import numpy as np
from PIL import Image

from tintype.errors import UnreadablePhotoError
from tintype.photo import decode, other_decoder, thumbnail
from tintype.photo.formats import jpeg_exact, pillow
from tintype.photo.sandbox.answers import (
    Colors,
    EncodedFile,
    Layer,
    Luminance,
    Page,
    Pages,
    Picture,
    ProvenanceFound,
    ShownGrey,
    Small,
)

Operation = Callable[[bytes, str, tuple[int, ...]], object]
"""The file (or picture), its name in messages, and further numbers; returns an answer."""


def _photos(data: bytes, name: str, numbers: tuple[int, ...]) -> object:
    photos = decode.decode(data, name=name, max_pixels=numbers[0])
    return Pages(tuple(Page.of(photo) for photo in photos))


def _colors(data: bytes, name: str, numbers: tuple[int, ...]) -> object:
    return Colors(*decode.decode_colors(data, name=name, max_pixels=numbers[0]))


def _layer(data: bytes, name: str, numbers: tuple[int, ...]) -> object:
    image, alpha = decode.decode_layer(data, name=name, max_pixels=numbers[0])
    return Layer(image.mode, np.asarray(image), alpha)  # type: ignore[arg-type]  # as it promises


def _provenance(data: bytes, _name: str, _numbers: tuple[int, ...]) -> object:
    return ProvenanceFound(decode.read_provenance(data))


def _shown(data: bytes, _name: str, numbers: tuple[int, ...]) -> object:
    found = other_decoder.shown_grey(data, (numbers[0], numbers[1]))
    return ShownGrey() if found is None else ShownGrey(*found)


def _small(data: bytes, name: str, numbers: tuple[int, ...]) -> object:
    return Small(thumbnail.small_colors(data, name=name, max_pixels=numbers[0]))


def _luminance(data: bytes, _name: str, numbers: tuple[int, ...]) -> object:
    try:
        pixels, found = jpeg_exact.read_luminance(data, (numbers[0], numbers[1]))
    except ValueError as error:
        raise UnreadablePhotoError(str(error) or "damaged") from error
    return Luminance(pixels, found.blocks, found.table)


def _file(data: bytes, _name: str, _numbers: tuple[int, ...]) -> object:
    asked = msgspec.msgpack.decode(data, type=Picture)
    image = Image.frombytes(asked.mode, asked.size, asked.pixels)
    try:
        made = pillow.save(image, asked.kind, **asked.options)
    except ValueError as error:
        return EncodedFile(refused=str(error))
    return EncodedFile(np.frombuffer(made, np.uint8))


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "photos": _photos,
        "colors": _colors,
        "layer": _layer,
        "provenance": _provenance,
        "shown": _shown,
        "small": _small,
        "luminance": _luminance,
        "file": _file,
    }
)

READS_FILES = frozenset({"luminance"})
"""Operations of libraries that accept only the name of a file (here, one in memory), no bytes."""
