"""Provenance: a coloured file states that its colours are a model's guess.

It is written in three places, because no reader checks all of them: XMP (the IPTC digital source
type, and our own property with every detail), EXIF ``Software``, and PNG text.
`tintype.photo.decode.read_provenance` reads our own XMP property back, without decoding a pixel.

Source: IPTC Photo Metadata Standard 2023.1, Digital Source Type, and its NewsCodes vocabulary.
"""

import json
from dataclasses import asdict, dataclass, fields

DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
"""Part camera, part trained model: the photograph is real, its colours are not."""

COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/composite"
"""A composite of any origin: the colours are those of another picture."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which software and model coloured which file, with which settings.

    Attributes:
        software: "Tintype".
        version: Of the software.
        model: Name of the model; empty if the colours are those of another picture, which the
            settings identify by its hash.
        model_sha256: Of the model file; empty if there is none.
        settings: Canonical JSON of the settings that change pixels.
        input_sha256: Of the source file.
    """

    software: str
    version: str
    model: str
    model_sha256: str
    settings: str
    input_sha256: str

    @property
    def sentence(self) -> str:
        """One line for users: ``Tintype 0.1.0 (colourised with model tintype-own)``."""
        how = f"colourised with model {self.model}" if self.model else "colours of another picture"
        return f"{self.software} {self.version} ({how})"

    @property
    def source_type(self) -> str:
        """IPTC's digital source type."""
        return DIGITAL_SOURCE_TYPE if self.model else COMPOSITE

    def to_json(self) -> str:
        """Compact JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def provenance_from_json(text: str) -> Provenance | None:
    """The inverse of `Provenance.to_json`.

    Args:
        text: As found in the file.

    Returns:
        None for text from another program, or if it is damaged or incomplete.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    names = [field.name for field in fields(Provenance)]
    if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in names):
        return None
    return Provenance(**{name: found[name] for name in names})
