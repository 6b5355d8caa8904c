"""Inspect: was this picture coloured, by what and how."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tintype.errors import shown
from tintype.files.local import read_input
from tintype.jobs.resume import Marks
from tintype.photo.decode import decode
from tintype.photo.formats.registry import sniff
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import Tone


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known about one picture file.

    Attributes:
        file: Its path.
        format: A key of `tintype.photo.formats.registry.FORMATS`.
        tone: What its pixels are; None where the file says who coloured it, so that nobody looked.
        provenance: Who coloured it, None where Tintype did not or where that was removed.
    """

    file: str
    format: str | None
    tone: Tone | None
    provenance: Provenance | None

    def sentence(self) -> str:
        """One line for people."""
        start = f"{shown(self.file)}: {self.format}, "
        made = self.provenance
        if made is None and self.tone is None:
            return start + "without a mark of Tintype"
        if made is None:
            kinds = {
                "grey": "black and white",
                "toned": "toned in one hue",
                "color": "in colour, without a mark of Tintype",
            }
            return start + kinds[self.tone or "grey"]
        return start + shown(
            f"coloured by {made.software} {made.version} with model {made.model} "
            f"(sha256 {made.model_sha256}), settings {made.settings}, "
            f"from an input with sha256 {made.input_sha256}"
        )

    def to_json(self) -> str:
        """One line of JSON with all fields; the settings as an object."""
        fields = asdict(self) | {"coloured_by_tintype": self.provenance is not None}
        if self.provenance is not None:
            fields["provenance"]["settings"] = _object(self.provenance.settings)
        return json.dumps(fields)


def inspect(path: Path) -> Inspection:
    """Reads what a file says about itself; where it says nothing, looks at its pixels.

    Args:
        path: A picture file; a state file beside it is consulted where its format has no room for
            provenance.

    Returns:
        What was found.

    Raises:
        PhotoError: It cannot be read.
    """
    data = read_input(path, max_pixels=MAX_PIXELS)
    made = Marks().of(path, data)
    if made is not None:
        return Inspection(str(path), sniff(data), None, made)
    photos = decode(data, name=shown(path))
    tone: Tone = "color" if any(photo.tone == "color" for photo in photos) else photos[0].tone
    return Inspection(str(path), photos[0].meta.format, tone, None)


def _object(text: str) -> object:
    # Anybody may have written the file: settings that are no JSON are shown as they are.
    try:
        return json.loads(text)
    except ValueError:
        return text
