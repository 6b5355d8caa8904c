"""One object on each of 30 photographs, outlined by hand: where a colour hint ought to spread.

objects.toml has for each photograph the outline of the object, a point where a person would click
and a short stroke inside it. `examples` finds the photographs by the hash of their files and yields
each with the mask of its object:

    from objects import OBJECTS, examples, read_objects

    for example in examples(read_objects(OBJECTS), paths):
        ...  # example.rgb, example.mask, example.hint, example.stroke

`paths` are the folders people, objects and nature, the packs various-*.zip and period-00.zip.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import Picture, find_by_hash
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from tintype.errors import LearnError

OBJECTS = Path(__file__).with_name("objects.toml")
KINDS = (
    *("clothing", "vehicle", "boat", "door", "furniture"),
    *("ball", "flower", "animal", "building", "other"),
)
FINE = 8  # a pixel belongs to an object if half of its FINE x FINE parts do

Mask = NDArray[np.bool_]
Polygon = tuple[tuple[float, float], ...]
"""Corners as x, y in pixels from the upper left corner of the picture: 1.5 is in the second one."""
Pixel = tuple[int, int]
"""Column and row, from 0."""


@dataclass(frozen=True)
class MarkedObject:
    """An object in a photograph.

    Attributes:
        sha256: Of the photograph's file.
        photo: What it is called: the group of its pack, and its name in there.
        size: Height and width of the photograph.
        name: Of the object, in two or three words.
        kind: One of KINDS.
        polygons: Its parts.
        holes: What is cut out of them.
        hint: Where a person would click.
        stroke: 2 to 4 points of a line that a person might draw.
    """

    sha256: str
    photo: str
    size: tuple[int, int]
    name: str
    kind: str
    polygons: tuple[Polygon, ...]
    holes: tuple[Polygon, ...]
    hint: Pixel
    stroke: tuple[Pixel, ...]


class Example(NamedTuple):
    """A photograph and what is marked in it.

    Attributes:
        rgb: (H, W, 3), upright.
        mask: (H, W), true inside the object.
        hint: Where a person would click.
        stroke: Points of a line inside the object.
        marked: All that is known of the object.
    """

    rgb: Picture
    mask: Mask
    hint: Pixel
    stroke: tuple[Pixel, ...]
    marked: MarkedObject


def read_objects(path: Path) -> list[MarkedObject]:
    """Reads a file of objects.

    Raises:
        LearnError: It cannot be read, or an entry is not whole.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["object"]
        return [_checked(_object(entry)) for entry in entries]
    except OSError as error:
        raise LearnError(f"{path}: cannot be read ({error.strerror}).") from None
    except (KeyError, TypeError, ValueError) as error:
        raise LearnError(f"{path}: {error} is missing or wrong.") from None


def _object(entry: dict[str, Any]) -> MarkedObject:
    height, width = entry["size"]
    column, row = entry["hint"]
    return MarkedObject(
        sha256=entry["sha256"],
        photo=entry["photo"],
        size=(height, width),
        name=entry["name"],
        kind=entry["kind"],
        polygons=tuple(tuple((x, y) for x, y in part) for part in entry["polygons"]),
        holes=tuple(tuple((x, y) for x, y in part) for part in entry.get("holes", [])),
        hint=(column, row),
        stroke=tuple((x, y) for x, y in entry["stroke"]),
    )


def _checked(one: MarkedObject) -> MarkedObject:
    """The object itself.

    Raises:
        ValueError: Its kind is unknown, its outline leaves the photograph, or its hint or stroke
            is not inside.
    """
    height, width = one.size
    points = (one.hint, *one.stroke)
    if not all(isinstance(number, int) for pair in (one.size, *points) for number in pair):
        raise ValueError(f"a size or a point of {one.photo}, in whole pixels,")
    for polygon in (*one.polygons, *one.holes):
        inside = all(0 <= x <= width and 0 <= y <= height for x, y in polygon)
        if len(polygon) < 3 or not inside:
            raise ValueError(f"an outline of {one.photo}")
    if one.kind not in KINDS:
        raise ValueError(f"the kind of {one.photo}")
    mask = rasterize(one)
    if not 2 <= len(one.stroke) <= 4:
        raise ValueError(f"the stroke of {one.photo}")
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height and mask[y, x]):
            raise ValueError(f"the point {x}, {y} of {one.photo}")
    return one


def rasterize(one: MarkedObject) -> Mask:
    """The pixels of an object: (H, W)."""
    height, width = one.size
    image = Image.new("L", (width * FINE, height * FINE))
    draw = ImageDraw.Draw(image)
    for value, polygons in ((1, one.polygons), (0, one.holes)):
        for polygon in polygons:
            # Pillow counts from the middle of the first pixel.
            draw.polygon([(FINE * x - 0.5, FINE * y - 0.5) for x, y in polygon], fill=value)
    parts = np.asarray(image).reshape(height, FINE, width, FINE)
    return parts.mean(axis=(1, 3)) >= 0.5


def examples(objects: Sequence[MarkedObject], paths: Sequence[Path]) -> Iterator[Example]:
    """The photographs with the masks of their objects, in the order of the objects.

    Args:
        objects: From `read_objects`.
        paths: Packs or folders that have the photographs, under whatever names.

    Raises:
        LearnError: A photograph is not there, or is not of the size that was marked.
    """
    likely = {one.photo.partition("/")[2] for one in objects}
    pictures = find_by_hash({one.sha256 for one in objects}, paths, likely=likely)
    missing = [one.photo for one in objects if one.sha256 not in pictures]
    if missing:
        raise LearnError(
            f"{len(missing)} of the marked photographs are not in the packs, "
            f"{missing[0]} among them.",
            advice="Name people, objects, nature, various-*.zip and period-00.zip after --data.",
        )
    for one in objects:
        rgb = pictures[one.sha256]
        if rgb.shape[:2] != one.size:
            height, width = rgb.shape[:2]
            raise LearnError(
                f"{one.photo} has {height} x {width} pixels, not {one.size[0]} x {one.size[1]}.",
                advice="Correct its size in the file of objects.",
            )
        yield Example(rgb, rasterize(one), one.hint, one.stroke, one)
