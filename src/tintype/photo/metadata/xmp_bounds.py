"""XMP larger than any program needs: the largest properties are removed, and the rest is kept.

Programs write the whole history of a document, hundreds of thousands of ancestors or a picture into
one property. Its tree would take gigabytes, so such properties are cut out of the text before it is
parsed. If the text is not XML, and is cut in the wrong place, the result does not parse.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from tintype.errors import shown
from tintype.photo.metadata.xmp_packet import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_TAGS,
    MAX_VALUES,
    packet_text,
)

_MOST = 64 << 20  # characters of the largest packet that is searched for properties
_MOST_TAGS = 2_000_000  # and attributes
_NAME = 60  # characters of a name, in messages

# If one of the first three does not end, only its beginning is matched.
_TOKEN = re.compile(
    r"<!--(?:.*?-->)?|<!\[CDATA\[(?:.*?\]\]>)?|<\?(?:.*?\?>)?"
    r"|<(/?)([^\s/<>!?\"']+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"\s([^\s=<>\"']+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_NESTING = re.compile(r"</|/>|<(?![!?])")
_BEGINNINGS = ("<!--", "<![CDATA[", "<?")


@dataclass(frozen=True, slots=True)
class _Property:
    """A property in a text, as an element or as an attribute.

    Attributes:
        name: Including its prefix.
        begin: Where it begins.
        end: Where it ends.
        size: Bytes in UTF-8.
        tags: Number of tags in it.
        values: Number of attributes in it, at most.
        deep: Whether it is nested too deeply.
    """

    name: str
    begin: int
    end: int
    size: int
    tags: int
    values: int
    deep: bool

    @property
    def share(self) -> float:
        """The largest share that it takes of any limit."""
        return max(self.size / MAX_BYTES, self.tags / MAX_TAGS, self.values / MAX_VALUES)


def fitting(packet: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The packet without the properties that are too large or nested too deeply.

    Args:
        packet: As found in a file.

    Returns:
        The packet, and the names of the removed properties; the same packet if it is within all
        limits, or no properties are found in it.
    """
    try:
        text = packet_text(packet)
    except (ValueError, LookupError):
        return packet, ()
    tags, values = text.count("<"), text.count("=")
    if len(text) > _MOST or max(tags, values) > _MOST_TAGS:
        return packet, ()
    within = len(packet) <= MAX_BYTES and tags <= MAX_TAGS and values <= MAX_VALUES
    if within and not _is_deep(text):
        return packet, ()
    size = len(text.encode("utf-8", "replace"))
    cut = []
    found = sorted(_properties(text), key=lambda one: (one.deep, one.share), reverse=True)
    for one in found:
        fits = size <= MAX_BYTES and tags <= MAX_TAGS and values <= MAX_VALUES
        if fits and not one.deep:
            break
        cut.append(one)
        size, tags, values = size - one.size, tags - one.tags, values - one.values
    if not cut:
        return packet, ()
    kept, at = [], 0
    for one in sorted(cut, key=lambda one: one.begin):
        kept.append(text[at : one.begin])
        at = one.end
    names = dict.fromkeys(shown(one.name[:_NAME]) for one in cut)
    return "".join([*kept, text[at:]]).encode("utf-8", "replace"), tuple(names)


def _properties(text: str) -> Iterator[_Property]:
    """The properties of a packet: attributes and children of descriptions below ``rdf:RDF``."""
    open_tags: list[str] = []
    description = 0  # number of open tags in the current one; 0 outside
    deepest = begin = 0
    for token in _TOKEN.finditer(text):
        closing, name = token[1], token[2]
        if name is None:
            if token[0] in _BEGINNINGS:  # it does not end
                return
            continue
        if closing:
            if not open_tags or open_tags.pop() != name:
                return
            if len(open_tags) == description > 0:
                yield _property(text, name, begin, token.end(), deep=deepest > MAX_DEPTH)
            elif len(open_tags) < description:
                description = 0
            continue
        alone = text[token.end() - 2] == "/"
        if description:
            if len(open_tags) == description:
                begin, deepest = token.start(), 0
                if alone:
                    yield _property(text, name, begin, token.end(), deep=False)
            deepest = max(deepest, len(open_tags) + 2)  # below the document, and including a text
        elif _local(name) == "Description" and open_tags and _local(open_tags[-1]) == "RDF":
            description = 0 if alone else len(open_tags) + 1
            for found in _ATTRIBUTE.finditer(text, token.start(3), token.end(3)):
                if not found[1].startswith("xmlns") and _local(found[1]) not in ("about", "ID"):
                    yield _property(text, found[1], found.start(), found.end(), deep=False)
        if not alone:
            open_tags.append(name)


def _property(text: str, name: str, begin: int, end: int, *, deep: bool) -> _Property:
    part = text[begin:end]
    size = len(part.encode("utf-8", "replace"))
    return _Property(name, begin, end, size, part.count("<"), part.count("="), deep)


def _is_deep(text: str) -> bool:
    """Whether elements may be nested too deeply; fast, because most packets are not."""
    steps = ({"<": 1}.get(sign, -1) for sign in _NESTING.findall(text))
    return max(accumulate(steps), default=0) + 1 > MAX_DEPTH


def _local(name: str) -> str:
    return name.rpartition(":")[2]
