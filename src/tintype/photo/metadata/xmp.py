"""XMP packets: parsed, corrected, and extended with our provenance.

The document is edited as a tree and written with its own prefixes. (ElementTree would rename every
prefix to ns0, ns1 unless a process-wide table is changed; inserting text between the lines would
leave properties in two places.)

Source: ISO 16684-1 (XMP part 1), section 8.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from xml.dom import minidom

from tintype.photo.metadata.provenance import Provenance
from tintype.photo.metadata.xmp_packet import (
    RDF,
    DamagedXmpError,
    descriptions,
    mentions,
    parse,
    write_node,
    written,
)

__all__ = ["DamagedXmpError"]

_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
_SRGB_NAME = "sRGB IEC61966-2.1"
_XMP = "http://ns.adobe.com/xap/1.0/"
_NOTE = "http://ns.adobe.com/xmp/note/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OURS = "urn:tintype:ns:1"
_PARTS = "other parts"
# Properties that refer to data beside the picture, which no output contains: namespace and prefix
# of the name.
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
_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
# Properties that name places, by namespace; in any namespace, names that begin with GPS are places.
_PLACES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        _PHOTOSHOP: frozenset({"City", "State", "Country"}),
        _CORE: frozenset({"Location", "CountryCode"}),
        # The two structures, and their contents if somebody wrote them flat.
        _IPTC: frozenset({"LocationCreated", "LocationShown", "Sublocation", "City"})
        | frozenset({"ProvinceState", "CountryName", "CountryCode", "WorldRegion"})
        | frozenset({"LocationName", "LocationId"}),
        "http://purl.org/dc/elements/1.1/": frozenset({"coverage"}),
        "http://prismstandard.org/namespaces/basic/2.0/": frozenset({"location"}),
        "http://ns.iview-ms.com/mediapro/1.0/": frozenset({"Location"}),
        "http://www.w3.org/2003/01/geo/wgs84_pos#": frozenset({"lat", "long", "alt", "lat_long"}),
    }
)
_GPS = "gps"
_XMLNS = "http://www.w3.org/2000/xmlns/"

_NEW = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
    '<rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'
).encode()


class Property(NamedTuple):
    """A property to add.

    Attributes:
        space: Its namespace.
        prefix: Prefix of the namespace.
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


def made_upright(packet: bytes, *, became_srgb: bool = False) -> bytes:
    """Sets the orientation to 1 if there is one, and removes what no longer applies.

    Thumbnails inside the packet show the uncoloured picture; a pointer to extended XMP points to
    segments that are not written again.

    Args:
        packet: As found in a file.
        became_srgb: Whether pixels were converted to sRGB; if the packet stated another colour
            space, it then states sRGB.

    Returns:
        The packet, with its wrapper.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = parse(packet)
    _replace(document, _TIFF, "tiff", "Orientation", "1")
    if became_srgb:
        _replace(document, _EXIF, "exif", "ColorSpace", "1")
        _replace(document, _PHOTOSHOP, "photoshop", "ICCProfile", _SRGB_NAME)
    _remove(document, _XMP, "Thumbnails")
    _remove(document, _NOTE, "HasExtendedXMP")
    return written(document)


def stored_turned(packet: bytes, turn: int) -> bytes:
    """An upright packet for pixels that are stored turned: sets the orientation if there is one.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = parse(packet)
    _replace(document, _TIFF, "tiff", "Orientation", str(turn))
    return written(document)


def without_location(packet: bytes | None) -> bytes | None:
    """The packet without coordinates and without the fields that name a place.

    They are also removed inside other properties, such as information on pictures from which this
    one was made. Titles, captions, keywords and the creator's address stay.

    Args:
        packet: As found in a file, or None.

    Returns:
        The same packet if there is no such field.

    Raises:
        DamagedXmpError: It is not XMP, so it may contain a location.
    """
    if packet is None:
        return None
    document = parse(packet)
    changed = False
    stack = [each for each in document.childNodes if isinstance(each, minidom.Element)]
    while stack:
        element = stack.pop()
        for attribute in list(element.attributes.values()):
            if _names_a_place(attribute):
                element.removeAttributeNode(attribute)
                changed = True
        for child in [each for each in element.childNodes if isinstance(each, minidom.Element)]:
            if _names_a_place(child):
                element.removeChild(child)
                changed = True
            else:
                stack.append(child)
    return written(document) if changed else packet


def _names_a_place(node: minidom.Node) -> bool:
    name = node.localName or ""
    return name.lower().startswith(_GPS) or name in _PLACES.get(node.namespaceURI or "", ())


def without_companions(packet: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The packet without the properties that point to data beside the picture.

    Args:
        packet: As returned by `made_upright`.

    Returns:
        The packet, and the kinds of those data; the same packet if it has no such property.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    if not any(space.encode() in packet for space, _, _ in _COMPANIONS):
        return packet, ()
    document = parse(packet)
    kinds: dict[str, None] = {}
    for description in descriptions(document):
        nodes = [*description.attributes.values(), *description.childNodes]
        for node in nodes:
            for space, beginning, kind in _COMPANIONS:
                name = node.localName or ""
                if node.namespaceURI == space and name.startswith(beginning):
                    _remove(document, space, name)
                    kinds[kind] = None
    if len(kinds) > 1:
        kinds.pop(_PARTS, None)
    return (written(document), tuple(kinds)) if kinds else (packet, ())


def orientation(packet: bytes | None) -> int | None:
    """``tiff:Orientation``, 1 to 8; None if it is missing or the packet is damaged."""
    if not packet or not mentions(packet, "Orientation"):
        return None
    try:
        value = _value(parse(packet), _TIFF, "Orientation")
    except DamagedXmpError:
        return None
    return int(value) if value is not None and value.strip() in tuple("12345678") else None


def with_provenance(packet: bytes | None, provenance: Provenance) -> bytes:
    """Adds the digital source type and our own property, replacing earlier ones.

    Args:
        packet: The photograph's packet, or None for a new one.
        provenance: What to add.

    Returns:
        The packet, with its wrapper.

    Raises:
        DamagedXmpError: The packet is not XMP.
    """
    document = parse(packet or _NEW)
    _remove(document, _IPTC, "DigitalSourceType")
    _remove(document, _OURS, "Provenance")
    _set(document, _IPTC, "Iptc4xmpExt", "DigitalSourceType", provenance.source_type)
    _set(document, _OURS, "tintype", "Provenance", provenance.to_json())
    return written(document)


def with_properties(packet: bytes | None, properties: Sequence[Property]) -> bytes:
    """Adds properties that are not present yet.

    Args:
        packet: The photograph's packet, or None for a new one.
        properties: What to add.

    Returns:
        The packet, with its wrapper.

    Raises:
        DamagedXmpError: The packet is not XMP.
    """
    document = parse(packet or _NEW)
    present = {
        (node.namespaceURI, node.localName)
        for description in descriptions(document)
        for node in (*description.attributes.values(), *description.childNodes)
    }
    first = descriptions(document)[0]
    for wanted in properties:
        if (wanted.space, wanted.name) in present:
            continue
        element = document.createElementNS(wanted.space, f"{wanted.prefix}:{wanted.name}")
        element.setAttributeNS(_XMLNS, f"xmlns:{wanted.prefix}", wanted.space)
        first.appendChild(element)
        if not wanted.container:
            element.appendChild(document.createTextNode(wanted.values[0]))
            continue
        container = document.createElementNS(RDF, f"rdf:{wanted.container}")
        container.setAttributeNS(_XMLNS, "xmlns:rdf", RDF)
        element.appendChild(container)
        for value in wanted.values[:1] if wanted.container == "Alt" else wanted.values:
            item = document.createElementNS(RDF, "rdf:li")
            if wanted.container == "Alt":
                item.setAttribute("xml:lang", "x-default")
            item.appendChild(document.createTextNode(value))
            container.appendChild(item)
    return written(document)


def within(packet: bytes, room: int) -> tuple[bytes, list[str]]:
    """The packet reduced to a given size by removing its largest properties.

    Args:
        packet: As returned by `with_provenance`.
        room: Available bytes.

    Returns:
        The packet, and the names of the removed properties; our own stay.

    Raises:
        DamagedXmpError: It is not XMP.
    """
    document = parse(packet)
    sizes: list[tuple[int, int, minidom.Element]] = []
    for description in descriptions(document):
        for child in description.childNodes:
            if isinstance(child, minidom.Element) and child.namespaceURI not in (_OURS, _IPTC):
                text: list[str] = []
                write_node(child, text)
                sizes.append((len("".join(text).encode("utf-8", "replace")), len(sizes), child))
    left_out = []
    whole = written(document)
    over = len(whole) - room
    for size, _, child in sorted(sizes, reverse=True):
        if over <= 0:
            break
        assert child.parentNode is not None
        child.parentNode.removeChild(child)
        left_out.append(child.tagName)
        over -= size
    return written(document) if left_out else whole, left_out


def provenance_json(packet: bytes | None) -> str | None:
    """Our own property; None if there is none."""
    if not packet or not mentions(packet, _OURS):
        return None
    try:
        return _value(parse(packet), _OURS, "Provenance")
    except DamagedXmpError:
        return None


def _value(document: minidom.Document, space: str, name: str) -> str | None:
    """A simple property, whether written as an attribute or as an element."""
    for description in descriptions(document):
        if description.hasAttributeNS(space, name):
            return str(description.getAttributeNS(space, name))
        for child in description.childNodes:
            if child.namespaceURI == space and child.localName == name:
                texts = (c.data for c in child.childNodes if isinstance(c, minidom.Text))
                return "".join(texts)
    return None


def _remove(document: minidom.Document, space: str, name: str) -> None:
    for description in descriptions(document):
        if description.hasAttributeNS(space, name):
            description.removeAttributeNS(space, name)
        for child in list(description.childNodes):
            if child.namespaceURI == space and child.localName == name:
                description.removeChild(child)


def _replace(document: minidom.Document, space: str, prefix: str, name: str, value: str) -> None:
    """Changes the value of a property, if it exists."""
    if _value(document, space, name) is not None:
        _remove(document, space, name)
        _set(document, space, prefix, name, value)


def _set(document: minidom.Document, space: str, prefix: str, name: str, value: str) -> None:
    """Adds a simple property to the first description, as an element with its namespace."""
    element = document.createElementNS(space, f"{prefix}:{name}")
    element.setAttributeNS(_XMLNS, f"xmlns:{prefix}", space)
    element.appendChild(document.createTextNode(value))
    descriptions(document)[0].appendChild(element)
