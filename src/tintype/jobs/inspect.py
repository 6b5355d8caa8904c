"""Inspect: was this picture coloured, by what and how."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tintype.api import read_input
from tintype.errors import shown
from tintype.jobs.resume import Marks
from tintype.photo.decode import decode
from tintype.photo.photo import Tone
from tintype.photo.provenance import Provenance


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known about one picture file.

    Attributes:
        file: Its path.
        format: A key of `tintype.photo.formats.FORMATS`.
        size: (height, width) of its first page, upright.
        pages: How many there are.
        tone: What its pixels are: grey, toned, or colour.
        provenance: Who coloured it, None where Tintype did not or where that was removed.
    """

    file: str
    format: str
    size: tuple[int, int]
    pages: int
    tone: Tone
    provenance: Provenance | None

    def sentence(self) -> str:
        """One line for people."""
        height, width = self.size
        pages = "" if self.pages == 1 else f", {self.pages} pages"
        start = f"{shown(self.file)}: {self.format}, {width} x {height}{pages}, "
        made = self.provenance
        if made is None:
            kinds = {
                "grey": "black and white",
                "toned": "toned in one hue",
                "color": "in colour, without a mark of Tintype",
            }
            return start + kinds[self.tone]
        return start + shown(
            f"coloured by {made.software} {made.version} with model {made.model} "
            f"(sha256 {made.model_sha256}), settings {made.settings}, "
            f"from an input with sha256 {made.input_sha256}"
        )

    def to_json(self) -> str:
        """One line of JSON with all fields."""
        fields = asdict(self) | {"coloured_by_tintype": self.provenance is not None}
        if self.provenance is not None:
            fields["provenance"]["settings"] = json.loads(self.provenance.settings)
        return json.dumps(fields)


def inspect(path: Path) -> Inspection:
    """Reads what a file says about itself, and looks at its pixels.

    Args:
        path: A picture file; a state file beside it is consulted where its format has no room for
            provenance.

    Returns:
        What was found.

    Raises:
        PhotoError: It cannot be read.
    """
    data = read_input(path)
    photos = decode(data, name=shown(path))
    tone: Tone = "color" if any(photo.tone == "color" for photo in photos) else photos[0].tone
    return Inspection(
        file=str(path),
        format=photos[0].meta.format,
        size=photos[0].shape,
        pages=len(photos),
        tone=tone,
        provenance=Marks().of(path, data),
    )
