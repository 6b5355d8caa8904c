"""XMP packets: parsed, corrected, and extended with our provenance.

The document is edited as a tree and written with its own prefixes. (ElementTree would rename every
prefix to ns0, ns1 unless a process-wide table is changed; inserting text between the lines would
leave properties in two places.) A packet with a DOCTYPE is refused unparsed: XMP has no use for
one, and entities are how small files become large.

Source: ISO 16684-1 (XMP part 1), sections 7 and 8.
"""

from xml.dom import DOMException, minidom
from xml.parsers.expat import ExpatError

from tintype.photo.metadata.provenance import DIGITAL_SOURCE_TYPE, Provenance

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OURS = "urn:tintype:ns:1"
_PARTS = "other parts"
# What speaks of data beside the picture, which no output holds: by namespace and beginning of name.
_COMPANIONS = (
    ("http://ns.google.com/photos/1.0/camera/", "MotionPhoto", "a video"),
    ("http://ns.google.com/photos/1.0/camera/", "MicroVideo", "a video"),
    ("http://ns.google.com/photos/1.0/container/", "Directory", _PARTS),
    ("http://ns.adobe.com/hdr-gain-map/1.0/", "", "a gain map"),
    ("http://ns.apple.com/HDRGainMap/1.0/", "", "a gain map"),
    ("http://ns.google.com/photos/1.0/depthmap/", "", "a depth map"),
    ("http://ns.google.com/photos/dd/1.0/device/", "", "a depth map"),
    ("http://ns.google.com/photos/1.0/image/", "", "a second picture"),
    ("http://ns.google.com/photos/1.0/audio/", "", "a sound"),
)
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


class DamagedXmpError(ValueError):
    """Not XMP that can be extended. Never reaches a user: callers say what is damaged."""


def made_upright(packet: bytes) -> bytes:
    """Sets the orientation to 1 where there is one, and removes what no longer applies.

    Thumbnails inside the packet show the uncoloured picture; a pointer to extended XMP points to
    segments that are not written again.

    Args:
        packet: As found in a file.

    Returns:
        The packet, with its wrapper.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = _parse(packet)
    if _value(document, _TIFF, "Orientation") is not None:
        _remove(document, _TIFF, "Orientation")
        _set(document, _TIFF, "tiff", "Orientation", "1")
    _remove(document, _XMP, "Thumbnails")
    _remove(document, _NOTE, "HasExtendedXMP")
    return _written(document)


def stored_turned(packet: bytes, turn: int) -> bytes:
    """An upright packet for pixels that are stored turned: sets the orientation if there is one.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = _parse(packet)
    if _value(document, _TIFF, "Orientation") is not None:
        _remove(document, _TIFF, "Orientation")
        _set(document, _TIFF, "tiff", "Orientation", str(turn))
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


def without_companions(packet: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The packet without the properties that point to data beside the picture.

    Args:
        packet: As `made_upright` gives it.

    Returns:
        The packet, and what those data were; the same packet where it has no such property.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    if not any(space.encode() in packet for space, _, _ in _COMPANIONS):
        return packet, ()
    document = _parse(packet)
    kinds: dict[str, None] = {}
    for description in _descriptions(document):
        nodes = [*description.attributes.values(), *description.childNodes]
        for node in nodes:
            for space, beginning, kind in _COMPANIONS:
                name = node.localName or ""
                if node.namespaceURI == space and name.startswith(beginning):
                    _remove(document, space, name)
                    kinds[kind] = None
    if len(kinds) > 1:
        kinds.pop(_PARTS, None)
    return (_written(document), tuple(kinds)) if kinds else (packet, ())


def orientation(packet: bytes | None) -> int | None:
    """``tiff:Orientation``, 1 to 8; None where it is missing or the packet is damaged."""
    if not packet or b"Orientation" not in packet:
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


def provenance_json(packet: bytes | None) -> str | None:
    """Our own property; None where there is none."""
    if not packet or _OURS.encode() not in packet:
        return None
    try:
        return _value(_parse(packet), _OURS, "Provenance")
    except DamagedXmpError:
        return None


def _parse(packet: bytes) -> minidom.Document:
    if len(packet) > _MAX_BYTES:
        raise DamagedXmpError("too large")
    text = packet.strip(b"\0 \t\r\n")
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise DamagedXmpError("a document type has no place in XMP")
    if text.count(b"<") > _MAX_TAGS or text.count(b"=") > _MAX_VALUES:
        raise DamagedXmpError("too many elements")
    try:
        document = minidom.parseString(text)
    except (ExpatError, DOMException, ValueError, LookupError, RecursionError) as error:
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
