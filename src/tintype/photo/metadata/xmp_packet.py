"""XMP packets as documents: every encoding is read, UTF-8 is written.

Entities let small files become large and documents read other files, so packets are parsed with
defusedxml: in any encoding, a document type stops the parser.

Source: ISO 16684-1 (XMP part 1), section 7.
"""

import codecs
import re
from xml.dom import DOMException, minidom
from xml.parsers.expat import ExpatError

from defusedxml import DefusedXmlException

# Not its minidom, which imports the URL reader and takes a twelfth of the command's start-up time.
from defusedxml import expatbuilder as defused

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

# A tree takes about a kilobyte and fifty microseconds for each element or attribute.
MAX_BYTES = 8 << 20
"""Size limit for a packet to be parsed."""

MAX_TAGS = 100_000
"""Limit for element starts and ends in a packet to be parsed."""

MAX_VALUES = 100_000
"""Limit for attributes in a packet to be parsed."""

MAX_DEPTH = 100
"""Limit for nested elements in a packet to be parsed."""

# UTF-32 before UTF-16: the byte order mark of one begins with that of the other.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# It names an encoding that the text no longer has.
_DECLARATION = re.compile(r"^<\?xml\s[^>]*\?>")
# Characters that XML does not allow in a text, but captions contain nevertheless.
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|\w{1,8});)")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML cannot hold."""


class DamagedXmpError(ValueError):
    """Not XMP that can be extended. Never reaches a user: callers report what is damaged."""


def mentions(packet: bytes, word: str) -> bool:
    """Whether a packet may contain a word, at a hundredth of the cost of parsing it."""
    return any(word.encode(coding) in packet for coding in ("utf-8", "utf-16-be", "utf-16-le")) or (
        b"\0\0\0" in packet
    )


def packet_text(packet: bytes) -> str:
    """The packet as text, without an XML declaration.

    UTF-8, and big- and little-endian UTF-16 and UTF-32 are allowed (section 7.3.2). They are
    distinguished by the byte order mark, or by the position of the zeros around the first "<".

    Args:
        packet: As found in a file.

    Raises:
        ValueError: It is in another encoding.
    """
    coding = next((name for mark, name in _MARKS if packet.startswith(mark)), None)
    if coding is None:
        at = packet.find(b"<")
        if packet[at + 1 : at + 4] == bytes(3):
            coding = "utf-32-be" if at % 4 else "utf-32-le"
        elif packet[at + 1 : at + 2] == b"\0":
            coding = "utf-16-be" if at % 2 else "utf-16-le"
        else:
            coding = "utf-8"
    unit = {"utf-16": 2, "utf-32": 4}.get(coding[:6], 1)
    text = packet[: len(packet) - len(packet) % unit].decode(coding)
    return _DECLARATION.sub("", text.strip("\0 \t\r\n\ufeff"))


def _document(text: str) -> minidom.Document:
    """Parses a text; on failure, again without what some programs fail to escape or leave out."""
    try:
        document: minidom.Document = defused.parseString(text.encode(), forbid_dtd=True)
    except ExpatError:
        mended = _BARE_AMPERSAND.sub("&amp;", CONTROLS.sub("", text))
        if mended == text:
            raise
        document = defused.parseString(mended.encode(), forbid_dtd=True)
    return document


def parse(packet: bytes) -> minidom.Document:
    """Parses a packet.

    Raises:
        DamagedXmpError: It is not XMP, or exceeds the limits on size or depth.
    """
    if len(packet) > MAX_BYTES:
        raise DamagedXmpError("too large")
    try:
        text = packet_text(packet)
        # Without entities, elements and attributes come only from the text itself.
        if text.count("<") > MAX_TAGS or text.count("=") > MAX_VALUES:
            raise DamagedXmpError("too many elements")
        document = _document(text)
    except (
        ExpatError,
        DefusedXmlException,
        DOMException,
        ValueError,
        LookupError,
        RecursionError,
    ) as error:
        raise DamagedXmpError(str(error)) from error
    if _depth(document) > MAX_DEPTH:
        raise DamagedXmpError("too deep")
    if not descriptions(document):
        for rdf in document.getElementsByTagNameNS(RDF, "RDF"):
            description = document.createElementNS(RDF, _prefixed(rdf, "Description"))
            description.setAttributeNS(RDF, _prefixed(rdf, "about"), "")
            rdf.appendChild(description)
            return document
        raise DamagedXmpError("no RDF")
    return document


def _depth(document: minidom.Document) -> int:
    deepest = 0
    stack: list[tuple[minidom.Node, int]] = [(document, 0)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        if deepest > MAX_DEPTH:
            break
        stack.extend((child, level + 1) for child in node.childNodes)
    return deepest


def _prefixed(neighbour: minidom.Element, name: str) -> str:
    """The name with the prefix that a neighbour in the same namespace uses."""
    return f"{neighbour.prefix}:{name}" if neighbour.prefix else name


def descriptions(document: minidom.Document) -> list[minidom.Element]:
    """The elements whose attributes and children are the properties."""
    return [
        node
        for node in document.getElementsByTagNameNS(RDF, "Description")
        if node.parentNode is not None and node.parentNode.localName == "RDF"
    ]


def written(document: minidom.Document) -> bytes:
    """A document as a packet with its wrapper, in UTF-8.

    Raises:
        DamagedXmpError: It is empty.
    """
    root = document.documentElement
    if root is None:
        raise DamagedXmpError("no root")
    body: list[str] = []
    write_node(root, body)
    text = "".join(body)
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{text}\n<?xpacket end="w"?>'
    ).encode("utf-8", "replace")


_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
# minidom's own writer leaves line breaks in attributes, which the next reader turns into spaces.
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def write_node(node: minidom.Node, out: list[str]) -> None:
    """One node as text. Depth is bounded by `parse`."""
    if isinstance(node, minidom.Text):
        out.append(node.data.translate(_IN_TEXT))
    elif isinstance(node, minidom.Element):
        attributes = "".join(
            f' {name}="{value.translate(_IN_ATTRIBUTE)}"' for name, value in node.attributes.items()
        )
        if not node.childNodes:
            out.append(f"<{node.tagName}{attributes}/>")
            return
        out.append(f"<{node.tagName}{attributes}>")
        for child in node.childNodes:
            write_node(child, out)
        out.append(f"</{node.tagName}>")
