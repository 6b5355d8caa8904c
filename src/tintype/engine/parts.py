"""A photograph that is rendered a part at a time, at the size that it is looked at."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from tintype.engine.render import render_half_chroma
from tintype.engine.upsample import ChromaUp
from tintype.photo.photo import Photo


@dataclass(frozen=True, slots=True)
class Parts:
    """What is the same for all parts of a photograph.

    Attributes:
        photo: The whole of it, of 8 bits, perhaps smaller than the original.
        up: Its chroma at half of that size.
    """

    photo: Photo
    up: ChromaUp

    def part(self, rows: slice, columns: slice) -> Photo:
        """A part in colour: the same pixels as those of the whole.

        Args:
            rows: Of the photograph, with a start and a stop; the start is even.
            columns: The same.

        Returns:
            With half-size chroma planes.
        """
        full = self.photo.grey[rows, columns]
        grey = np.asarray(Image.fromarray(full).reduce(2))
        half = [
            slice(span.start // 2, span.start // 2 + side)
            for span, side in zip((rows, columns), grey.shape, strict=True)
        ]
        color = render_half_chroma(full, grey, self.up.part(half[0], half[1]), threads=1)
        return replace(self.photo, grey=full, color=color)
