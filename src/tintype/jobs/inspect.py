"""Inspects a picture: whether it was coloured, by which model and with which settings."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tintype.errors import shown
from tintype.files.local import read_input
from tintype.jobs.resume import ProvenanceReader
from tintype.photo.decode import decode
from tintype.photo.formats import open_raster
from tintype.photo.formats.registry import sniff
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import Tone


@dataclass(frozen=True, slots=True)
class Inspection:
    """Properties of one picture file.

    Attributes:
        file: Its path.
        format: As in `tintype.pipeline.Coloring`.
        tone: Tone of its pixels; None if the file has provenance, as they are not examined then.
        provenance: How it was coloured; None if not by Tintype, or if it was removed.
    """

    file: str
    format: str | None
    tone: Tone | None
    provenance: Provenance | None

    def sentence(self) -> str:
        """A one-line description for users."""
        start = f"{shown(self.file)}: {self.format}, "
        provenance = self.provenance
        if provenance is None and self.tone is None:
            return start + "without Tintype provenance"
        if provenance is None:
            kinds = {
                "grey": "black and white",
                "toned": "toned in one hue",
                "color": "in colour, without Tintype provenance",
            }
            return start + kinds[self.tone or "grey"]
        how = "the colours of another picture"
        if provenance.model:
            how = f"model {provenance.model} (sha256 {provenance.model_sha256})"
        return start + shown(
            f"coloured by {provenance.software} {provenance.version} with {how}, "
            f"settings {provenance.settings}, "
            f"from an input with sha256 {provenance.input_sha256}"
        )

    def to_json(self) -> str:
        """One line of JSON with all fields, with the settings as an object."""
        fields = asdict(self) | {"coloured_by_tintype": self.provenance is not None}
        if self.provenance is not None:
            fields["provenance"]["settings"] = _object(self.provenance.settings)
        return json.dumps(fields)


def inspect(path: Path) -> Inspection:
    """Reads the provenance of a file; if it has none, examines its pixels.

    Args:
        path: A picture file; the state file beside it is read if its format cannot store
            provenance.

    Raises:
        PhotoError: It cannot be read.
    """
    data = read_input(path, max_pixels=MAX_PIXELS)
    provenance = ProvenanceReader().read(path, data)
    if provenance is not None:
        form = open_raster.NAME if open_raster.merged_picture(data) else sniff(data)
        return Inspection(str(path), form, None, provenance)
    photos = decode(data, name=shown(path))
    tone: Tone = "color" if any(photo.tone == "color" for photo in photos) else photos[0].tone
    return Inspection(str(path), photos[0].meta.format, tone, None)


def _object(text: str) -> object:
    # Any program may have written the file, so settings that are not JSON are shown unchanged.
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
