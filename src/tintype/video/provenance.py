"""The provenance of a film, in the comment of its container: a sentence, then JSON for programs.

MP4, MOV and Matroska all support a comment, and players show it. An existing comment is kept above
it.
"""

import json
from collections.abc import Mapping

from tintype.photo.metadata.provenance import Provenance, provenance_from_json

_PREFIX = "tintype:"
_KEY = "comment"


def add_provenance(metadata: Mapping[str, str], provenance: Provenance) -> dict[str, str]:
    """Adds provenance to the metadata of a container.

    Args:
        metadata: Of the source.
        provenance: Of the coloured film.

    Returns:
        All metadata of the source, with the provenance at the end of the comment, where it replaces
        an earlier one.
    """
    kept_comment, _ = _split(_comment(metadata))
    text = f"{provenance.sentence}. {_PREFIX}{provenance.to_json()}"
    others = {key: value for key, value in metadata.items() if key.casefold() != _KEY}
    return others | {_KEY: f"{kept_comment}\n{text}" if kept_comment else text}


def film_provenance(metadata: Mapping[str, str]) -> Provenance | None:
    """Reads the provenance of a film.

    Args:
        metadata: Of its container.

    Returns:
        None if Tintype did not colour the film, or the comment was removed.
    """
    return _split(_comment(metadata))[1]


def _comment(metadata: Mapping[str, str]) -> str:
    return next((v for k, v in metadata.items() if k.casefold() == _KEY), "")


def _split(comment: str) -> tuple[str, Provenance | None]:
    """The comment without the provenance, and the provenance."""
    before, found, after = comment.rpartition(_PREFIX)
    if not found:
        return comment, None
    try:
        _, end = json.JSONDecoder().raw_decode(after)
    except ValueError:
        return comment, None
    provenance = provenance_from_json(after[:end])
    if provenance is None:
        return comment, None
    return "\n".join(before.split("\n")[:-1]).strip(), provenance
