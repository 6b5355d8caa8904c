"""What a coloured film says about itself: a line for people, and behind it all for programs.

It stands in the comment of the container, which MP4, MOV and Matroska all have and every player
shows. A comment that was there before stands above it.
"""

import json
from collections.abc import Mapping

from tintype.photo.metadata.provenance import Provenance, provenance_from_json

_BEGIN = "tintype:"
_KEY = "comment"


def marked(metadata: Mapping[str, str], made: Provenance) -> dict[str, str]:
    """Metadata of a container with the mark in them.

    Args:
        metadata: Of the source.
        made: Who coloured it, and how.

    Returns:
        All of the source's, with the mark at the end of the comment; an older mark is gone.
    """
    old, _ = _split(_comment(metadata))
    mark = f"{made.sentence}. {_BEGIN}{made.to_json()}"
    kept = {key: value for key, value in metadata.items() if key.casefold() != _KEY}
    return kept | {_KEY: f"{old}\n{mark}" if old else mark}


def made_by(metadata: Mapping[str, str]) -> Provenance | None:
    """Who coloured a film.

    Args:
        metadata: Of its container.

    Returns:
        None where Tintype did not, or where the comment was removed.
    """
    return _split(_comment(metadata))[1]


def _comment(metadata: Mapping[str, str]) -> str:
    return next((v for k, v in metadata.items() if k.casefold() == _KEY), "")


def _split(comment: str) -> tuple[str, Provenance | None]:
    """A comment without the mark, and the mark."""
    before, found, after = comment.rpartition(_BEGIN)
    if not found:
        return comment, None
    try:
        _, end = json.JSONDecoder().raw_decode(after)
    except ValueError:
        return comment, None
    made = provenance_from_json(after[:end])
    if made is None:
        return comment, None
    return "\n".join(before.split("\n")[:-1]).strip(), made
