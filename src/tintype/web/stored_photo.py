"""A photograph that the server holds, with all that is made of it on the way."""

import threading
from dataclasses import dataclass, field, fields, is_dataclass

import numpy as np

from tintype.engine.cache import held_bytes
from tintype.engine.layers import Mask, Scribbles
from tintype.engine.parts import Parts
from tintype.photo.photo import Photo


@dataclass(slots=True)
class StoredPhoto:
    """A photograph that somebody is working on.

    Attributes:
        id: What the client calls it.
        owner: Whose it is, as `tintype.web.guard` says; nobody else is told that it is there.
        data: Its file.
        name: Of the file, for messages only.
        photos: Its pages.
        digest: Of the first page, as predictions are kept by.
        small: The first page in smaller, or with fewer bits, by (height, width).
        scribbles: What was painted last, by the digest of its strokes.
        masks: What was last painted to stay grey, by the digest of its strokes.
        parts: What tiles in colour are cut from, the newest, by level and settings.
        lock: Held while something of it is predicted or painted, so that it is made once.
        drawing: The same for pictures of it, which do not wait for a prediction.
    """

    id: str
    owner: str
    data: bytes
    name: str
    photos: tuple[Photo, ...]
    digest: str
    small: dict[tuple[int, int], Photo] = field(default_factory=dict)
    scribbles: dict[str, Scribbles] = field(default_factory=dict)
    masks: dict[str, Mask] = field(default_factory=dict)
    parts: dict[tuple[int, str], Parts] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    drawing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def page(self) -> Photo:
        """The page that is looked at."""
        return self.photos[0]

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about; predictions are counted in their cache."""
        # Copies, since other threads may be adding.
        layers = (*tuple(self.scribbles.values()), *tuple(self.masks.values()))
        rendered = sum(held_bytes(layer.pixels) for layer in layers)
        pages = sum(_size_of(page) for page in (*self.photos, *tuple(self.small.values())))
        return len(self.data) + pages + rendered + self.parts_size

    @property
    def parts_size(self) -> int:
        """Bytes of what tiles are cut from."""
        # Its grey may be among the smaller pages as well, and then counts twice.
        return sum(
            parts.up.size + (0 if parts.photo.grey is self.page.grey else parts.photo.grey.nbytes)
            for parts in tuple(self.parts.values())
        )


def _size_of(photo: Photo) -> int:
    """Bytes of a page's pixels and metadata."""
    planes = (photo.grey, photo.alpha)
    pixels = sum(0 if plane is None else held_bytes(plane) for plane in planes)
    return pixels + _length(photo.meta)


def _length(value: object) -> int:
    """Bytes of all that is long in metadata: texts, packets, pixels, however deep they lie."""
    match value:
        case bytes() | str():
            return len(value)
        case np.ndarray():
            return held_bytes(value)
        case tuple() | list() | frozenset():
            return sum(_length(item) for item in value)
        case dict():
            return sum(_length(key) + _length(item) for key, item in value.items())
        case _ if is_dataclass(value):
            return sum(_length(getattr(value, field.name)) for field in fields(value))
        case _:
            return 0
