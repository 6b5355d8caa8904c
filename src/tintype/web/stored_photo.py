"""A photograph held by the server, with its intermediate results."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tintype.engine.cache import held_bytes
from tintype.engine.layers import Mask, Scribbles
from tintype.engine.parts import Parts
from tintype.photo.photo import Metadata, Photo
from tintype.web.request import Strokes, as_mask, as_scribbles, digest_of_strokes

_L = TypeVar("_L", Scribbles, Mask)
_MOST_SMALL = 4
"""Maximum number of cached sizes of one photograph."""


@dataclass(slots=True)
class StoredPhoto:
    """A photograph being edited.

    Attributes:
        id: Its id in the API.
        owner: Its owner, as determined by `tintype.web.guard`; hidden from all others.
        data: The file's bytes.
        name: File name, for messages only.
        photos: Its pages.
        digest: Of the first page; the key of its predictions in the cache.
        small: Copies of the first page, smaller or with fewer bits, by (height, width).
        scribbles: The most recent painted colours, by the digest of the strokes.
        masks: The most recent strokes painted to stay grey, by their digest.
        parts: The most recent source of coloured tiles, by level and settings.
        lock: Held during a prediction, so the network runs only once.
        drafting: The same for drafts, which do not wait for exact predictions.
        drawing: The same for renderings and painted layers, which wait for neither.
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
    drafting: threading.Lock = field(default_factory=threading.Lock)
    drawing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def page(self) -> Photo:
        """The displayed page."""
        return self.photos[0]

    def reduced(self, shape: tuple[int, int]) -> Photo:
        """The displayed page at a smaller size or its own, with 8 bits.

        Args:
            shape: (height, width).
        """
        page = self.page
        if shape == page.shape and page.bits == 8:
            return Photo(page.grey, None, page.tone, Metadata("JPEG"))
        with self.drawing:
            if shape not in self.small:
                grey: NDArray[np.uint8] = (
                    page.grey if page.bits == 8 else (page.grey // 257).astype(np.uint8)
                )
                if shape != page.shape:
                    image = Image.fromarray(grey).resize(
                        shape[::-1], Image.Resampling.BICUBIC, reducing_gap=2.0
                    )
                    grey = np.asarray(image)
                self.small[shape] = Photo(grey, None, page.tone, Metadata("JPEG"))
                if len(self.small) > _MOST_SMALL:
                    del self.small[next(iter(self.small))]
            return self.small[shape]

    def painted_colors(self, strokes: Strokes) -> Scribbles:
        """The strokes as a layer, drawn only once."""
        with self.drawing:
            return _newest(self.scribbles, strokes, as_scribbles, self.page.shape)

    def painted_grey(self, strokes: Strokes) -> Mask:
        """Strokes that stay grey as a layer, drawn only once."""
        with self.drawing:
            return _newest(self.masks, strokes, as_mask, self.page.shape)

    @property
    def size(self) -> int:
        """Approximate memory use in bytes, without predictions, which the cache counts."""
        # Copies, since other threads may be adding.
        layers = (*tuple(self.scribbles.values()), *tuple(self.masks.values()))
        rendered = sum(held_bytes(layer.pixels) for layer in layers)
        pages = sum(_size_of(page) for page in (*self.photos, *tuple(self.small.values())))
        return len(self.data) + pages + rendered + self.parts_size

    @property
    def parts_size(self) -> int:
        """Bytes of the source of coloured tiles."""
        # Its grey may also be among the smaller pages, and then counts twice.
        return sum(
            parts.up.size + (0 if parts.photo.grey is self.page.grey else parts.photo.grey.nbytes)
            for parts in tuple(self.parts.values())
        )


def _newest(
    kept: dict[str, _L],
    strokes: Strokes,
    draw: Callable[[Strokes, tuple[int, int]], _L],
    shape: tuple[int, int],
) -> _L:
    """The strokes as a layer, drawn only once; only the most recent layer is kept."""
    # Keyed by digest: as Python objects, the points use more memory than the picture.
    key = digest_of_strokes(strokes, shape)
    if key not in kept:
        kept.clear()
        kept[key] = draw(strokes, shape)
    return kept[key]


def _size_of(photo: Photo) -> int:
    """Bytes of a page's pixels and metadata."""
    planes = (photo.grey, photo.alpha)
    pixels = sum(0 if plane is None else held_bytes(plane) for plane in planes)
    return pixels + _length(photo.meta)


def _length(value: object) -> int:
    """Bytes of the large values in metadata: texts, packets and pixels, at any depth."""
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
