"""XMP packets: parsed, corrected, and extended with our provenance.

The document is edited as a tree and written with its own prefixes. (ElementTree would rename every
prefix to ns0, ns1 unless a process-wide table is changed; inserting text between the lines would
leave properties in two places.) Entities are how small files become large and how documents read
other files, so defusedxml parses: whatever the encoding, a document type ends the parse.

Source: ISO 16684-1 (XMP part 1), sections 7 and 8.
"""

import codecs
import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.dom import DOMException, minidom
from xml.parsers.expat import ExpatError

from defusedxml import DefusedXmlException
from defusedxml import minidom as defused

from tintype.photo.metadata.provenance import DIGITAL_SOURCE_TYPE, Provenance

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_SRGB_NAME = "sRGB IEC61966-2.1"
_XMP = "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OURS = "urn:tintype:ns:1"
_LOCATIONS = frozenset({"LocationCreated", "LocationShown"})
_XMLNS = "http://www.w3.org/2000/xmlns/"

# A tree takes about a kilobyte and fifty microseconds for each element or attribute.
_MAX_BYTES = 8 << 20
_MAX_TAGS = 100_000
_MAX_VALUES = 100_000
_MAX_DEPTH = 100

_NEW = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}">'
    '<rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'
).encode()


# UTF-32 before UTF-16: the mark of one begins with that of the other.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# It names an encoding that the text no longer has.
_DECLARATION = re.compile(r"^<\?xml\s[^>]*\?>")


# What XML does not allow in a text, and captions have all the same.
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|\w{1,8});)")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML cannot hold."""


class Property(NamedTuple):
    """A property to be added.

    Attributes:
        space: Its namespace.
        prefix: Of the namespace.
        name: Without the prefix.
        container: "Alt" for a text in a default language, "Bag" or "Seq" for several values, empty
            for a plain text.
        values: At least one.
    """

    space: str
    prefix: str
    name: str
    container: str
    values: tuple[str, ...]


class DamagedXmpError(ValueError):
    """Not XMP that can be extended. Never reaches a user: callers say what is damaged."""


def made_upright(packet: bytes, *, became_srgb: bool = False) -> bytes:
    """Sets the orientation to 1 where there is one, and removes what no longer applies.

    Thumbnails inside the packet show the uncoloured picture; a pointer to extended XMP points to
    segments that are not written again.

    Args:
        packet: As found in a file.
        became_srgb: Whether pixels were converted to sRGB; the packet then says so where it named
            another colour space.

    Returns:
        The packet, with its wrapper.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = _parse(packet)
    _replace(document, _TIFF, "tiff", "Orientation", "1")
    if became_srgb:
        _replace(document, _EXIF, "exif", "ColorSpace", "1")
        _replace(document, _PHOTOSHOP, "photoshop", "ICCProfile", _SRGB_NAME)
    _remove(document, _XMP, "Thumbnails")
    _remove(document, _NOTE, "HasExtendedXMP")
    return _written(document)


def stored_turned(packet: bytes, turn: int) -> bytes:
    """An upright packet for pixels that are stored turned: sets the orientation if there is one.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = _parse(packet)
    _replace(document, _TIFF, "tiff", "Orientation", str(turn))
    return _written(document)


def without_location(packet: bytes | None) -> bytes | None:
    """The packet without GPS coordinates and without the IPTC locations.

    Args:
        packet: As found in a file, or None.

    Raises:
        DamagedXmpError: It is not XMP, so it may hold a location.
    """
    if packet is None:
        return None
    document = _parse(packet)
    for description in _descriptions(document):
        names = [n.localName for n in (*description.attributes.values(), *description.childNodes)]
        for name in {name for name in names if name}:
            if name.startswith("GPS"):
                _remove(document, _EXIF, name)
            if name in _LOCATIONS:
                _remove(document, _IPTC, name)
    return _written(document)


def orientation(packet: bytes | None) -> int | None:
    """``tiff:Orientation``, 1 to 8; None where it is missing or the packet is damaged."""
    if not packet or not _mentions(packet, "Orientation"):
        return None
    try:
        value = _value(_parse(packet), _TIFF, "Orientation")
    except DamagedXmpError:
        return None
    return int(value) if value is not None and value.strip() in tuple("12345678") else None


def with_provenance(packet: bytes | None, provenance: Provenance) -> bytes:
    """Adds the digital source type and our own property, replacing earlier ones.

    Args:
        packet: What the photograph had, or None for a new packet.
        provenance: What to add.

    Returns:
        The packet, with its wrapper.

    Raises:
        DamagedXmpError: The packet is not XMP.
    """
    document = _parse(packet or _NEW)
    _remove(document, _IPTC, "DigitalSourceType")
    _remove(document, _OURS, "Provenance")
    _set(document, _IPTC, "Iptc4xmpExt", "DigitalSourceType", DIGITAL_SOURCE_TYPE)
    _set(document, _OURS, "tintype", "Provenance", provenance.to_json())
    return _written(document)


def with_properties(packet: bytes | None, properties: Sequence[Property]) -> bytes:
    """Adds properties that are not there yet.

    Args:
        packet: What the photograph had, or None for a new packet.
        properties: What to add.

    Returns:
        The packet, with its wrapper.

    Raises:
        DamagedXmpError: The packet is not XMP.
    """
    document = _parse(packet or _NEW)
    present = {
        (node.namespaceURI, node.localName)
        for description in _descriptions(document)
        for node in (*description.attributes.values(), *description.childNodes)
    }
    first = _descriptions(document)[0]
    for wanted in properties:
        if (wanted.space, wanted.name) in present:
            continue
        element = document.createElementNS(wanted.space, f"{wanted.prefix}:{wanted.name}")
        element.setAttributeNS(_XMLNS, f"xmlns:{wanted.prefix}", wanted.space)
        first.appendChild(element)
        if not wanted.container:
            element.appendChild(document.createTextNode(wanted.values[0]))
            continue
        container = document.createElementNS(_RDF, f"rdf:{wanted.container}")
        container.setAttributeNS(_XMLNS, "xmlns:rdf", _RDF)
        element.appendChild(container)
        for value in wanted.values[:1] if wanted.container == "Alt" else wanted.values:
            item = document.createElementNS(_RDF, "rdf:li")
            if wanted.container == "Alt":
                item.setAttribute("xml:lang", "x-default")
            item.appendChild(document.createTextNode(value))
            container.appendChild(item)
    return _written(document)


def within(packet: bytes, room: int) -> tuple[bytes, list[str]]:
    """The packet without its largest properties, so that it has at most so many bytes.

    Args:
        packet: As `with_provenance` gives it.
        room: Bytes.

    Returns:
        The packet, and the names of the properties left out; our own stay.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = _parse(packet)
    sizes: list[tuple[int, int, minidom.Element]] = []
    for description in _descriptions(document):
        for child in description.childNodes:
            if isinstance(child, minidom.Element) and child.namespaceURI not in (_OURS, _IPTC):
                text: list[str] = []
                _write(child, text)
                sizes.append((len("".join(text).encode("utf-8", "replace")), len(sizes), child))
    left_out = []
    written = _written(document)
    over = len(written) - room
    for size, _, child in sorted(sizes, reverse=True):
        if over <= 0:
            break
        assert child.parentNode is not None
        child.parentNode.removeChild(child)
        left_out.append(child.tagName)
        over -= size
    return _written(document) if left_out else written, left_out


def provenance_json(packet: bytes | None) -> str | None:
    """Our own property; None where there is none."""
    if not packet or not _mentions(packet, _OURS):
        return None
    try:
        return _value(_parse(packet), _OURS, "Provenance")
    except DamagedXmpError:
        return None


def _mentions(packet: bytes, word: str) -> bool:
    """Whether a word may be in a packet, at a hundredth of the cost of parsing it."""
    return any(word.encode(coding) in packet for coding in ("utf-8", "utf-16-be", "utf-16-le")) or (
        b"\0\0\0" in packet
    )


def _text(packet: bytes) -> str:
    """The packet as text, without an XML declaration.

    UTF-8 and, big and little endian, UTF-16 and UTF-32 are allowed (section 7.3.2). They are told
    apart by the byte order mark, or by where the zeros around the first "<" are.

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
    """Parses a text, once more without what some programs forget to escape or to leave out."""
    try:
        document: minidom.Document = defused.parseString(text.encode(), forbid_dtd=True)
    except ExpatError:
        mended = _BARE_AMPERSAND.sub("&amp;", CONTROLS.sub("", text))
        if mended == text:
            raise
        document = defused.parseString(mended.encode(), forbid_dtd=True)
    return document


def _parse(packet: bytes) -> minidom.Document:
    if len(packet) > _MAX_BYTES:
        raise DamagedXmpError("too large")
    try:
        text = _text(packet)
        # Without entities no element or attribute comes from anywhere but the text itself.
        if text.count("<") > _MAX_TAGS or text.count("=") > _MAX_VALUES:
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
    if _depth(document) > _MAX_DEPTH:
        raise DamagedXmpError("too deep")
    if not _descriptions(document):
        for rdf in document.getElementsByTagNameNS(_RDF, "RDF"):
            description = document.createElementNS(_RDF, _prefixed(rdf, "Description"))
            description.setAttributeNS(_RDF, _prefixed(rdf, "about"), "")
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
        if deepest > _MAX_DEPTH:
            break
        stack.extend((child, level + 1) for child in node.childNodes)
    return deepest


def _prefixed(neighbour: minidom.Element, name: str) -> str:
    """The name with the prefix that a neighbour of the same namespace uses."""
    return f"{neighbour.prefix}:{name}" if neighbour.prefix else name


def _descriptions(document: minidom.Document) -> list[minidom.Element]:
    return [
        node
        for node in document.getElementsByTagNameNS(_RDF, "Description")
        if node.parentNode is not None and node.parentNode.localName == "RDF"
    ]


def _value(document: minidom.Document, space: str, name: str) -> str | None:
    """A simple property, whether it is written as an attribute or as an element."""
    for description in _descriptions(document):
        if description.hasAttributeNS(space, name):
            return str(description.getAttributeNS(space, name))
        for child in description.childNodes:
            if child.namespaceURI == space and child.localName == name:
                texts = (c.data for c in child.childNodes if isinstance(c, minidom.Text))
                return "".join(texts)
    return None


def _remove(document: minidom.Document, space: str, name: str) -> None:
    for description in _descriptions(document):
        if description.hasAttributeNS(space, name):
            description.removeAttributeNS(space, name)
        for child in list(description.childNodes):
            if child.namespaceURI == space and child.localName == name:
                description.removeChild(child)


def _replace(document: minidom.Document, space: str, prefix: str, name: str, value: str) -> None:
    """Gives a property another value where there is one."""
    if _value(document, space, name) is not None:
        _remove(document, space, name)
        _set(document, space, prefix, name, value)


def _set(document: minidom.Document, space: str, prefix: str, name: str, value: str) -> None:
    """Adds a simple property to the first description, as an element that brings its namespace."""
    element = document.createElementNS(space, f"{prefix}:{name}")
    element.setAttributeNS(_XMLNS, f"xmlns:{prefix}", space)
    element.appendChild(document.createTextNode(value))
    _descriptions(document)[0].appendChild(element)


def _written(document: minidom.Document) -> bytes:
    root = document.documentElement
    if root is None:
        raise DamagedXmpError("no root")
    body: list[str] = []
    _write(root, body)
    text = "".join(body)
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{text}\n<?xpacket end="w"?>'
    ).encode("utf-8", "replace")


_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
# minidom's own writer leaves line breaks in attributes, which the next reader turns into spaces.
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}
)


def _write(node: minidom.Node, out: list[str]) -> None:
    """One node as text. Depth is bounded by `_parse`."""
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
            _write(child, out)
        out.append(f"</{node.tagName}>")
