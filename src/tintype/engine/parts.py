"""Renders a photograph one part at a time, at display size."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from tintype.engine.render import render_half_chroma
from tintype.engine.upsample import ChromaUp
from tintype.photo.photo import Photo


@dataclass(frozen=True, slots=True)
class Parts:
    """The state shared by all parts of a photograph.

    Attributes:
        photo: The whole photograph at 8 bits, possibly smaller than the original.
        up: Its chroma at half that size.
    """

    photo: Photo
    up: ChromaUp

    def part(self, rows: slice, columns: slice) -> Photo:
        """One part in colour, with exactly the pixels that the whole would have there.

        Args:
            rows: Rows of the photograph, with a start and a stop; the start is even.
            columns: Columns, likewise.

        Returns:
            The part with half-size chroma planes.
        """
        full = self.photo.grey[rows, columns]
        grey = np.asarray(Image.fromarray(full).reduce(2))
        half = [
            slice(span.start // 2, span.start // 2 + side)
            for span, side in zip((rows, columns), grey.shape, strict=True)
        ]
        color = render_half_chroma(full, grey, self.up.part(half[0], half[1]), threads=1)
        return replace(self.photo, grey=full, color=color)
