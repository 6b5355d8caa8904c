"""IPTC captions as XMP, for formats that support only XMP (WebP, AVIF).

Source: IPTC Photo Metadata Standard 2023.1 (which XMP property corresponds to which IIM dataset);
IPTC-NAA IIM 4, sections 1.5 (datasets) and 5 (envelope record: coded character set).
"""

import re

from tintype.photo.metadata import iptc, xmp, xmp_packet
from tintype.photo.metadata.xmp import Property

_DC = ("http://purl.org/dc/elements/1.1/", "dc")
_PHOTOSHOP = ("http://ns.adobe.com/photoshop/1.0/", "photoshop")
_CORE = ("http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "Iptc4xmpCore")

# Datasets of record 2: namespace, name, and whether there is a container for several values.
_PROPERTIES: dict[int, tuple[tuple[str, str], str, str]] = {
    5: (_DC, "title", "Alt"),
    10: (_PHOTOSHOP, "Urgency", ""),
    15: (_PHOTOSHOP, "Category", ""),
    20: (_PHOTOSHOP, "SupplementalCategories", "Bag"),
    25: (_DC, "subject", "Bag"),
    40: (_PHOTOSHOP, "Instructions", ""),
    55: (_PHOTOSHOP, "DateCreated", ""),
    80: (_DC, "creator", "Seq"),
    85: (_PHOTOSHOP, "AuthorsPosition", ""),
    90: (_PHOTOSHOP, "City", ""),
    92: (_CORE, "Location", ""),
    95: (_PHOTOSHOP, "State", ""),
    100: (_CORE, "CountryCode", ""),
    101: (_PHOTOSHOP, "Country", ""),
    103: (_PHOTOSHOP, "TransmissionReference", ""),
    105: (_PHOTOSHOP, "Headline", ""),
    110: (_PHOTOSHOP, "Credit", ""),
    115: (_PHOTOSHOP, "Source", ""),
    116: (_DC, "rights", "Alt"),
    120: (_DC, "description", "Alt"),
    122: (_PHOTOSHOP, "CaptionWriter", ""),
}
_DATE_CREATED = 55
# About the record itself: its version.
_HOUSEKEEPING = frozenset({0})
_UTF_8 = b"\x1b%G"


def with_captions(packet: bytes | None, record: bytes) -> tuple[bytes, list[str]]:
    """Adds the captions of an IPTC record to a packet, whose own captions take precedence.

    Args:
        packet: XMP, or None for a new packet.
        record: Consecutive datasets.

    Returns:
        The packet, and the names of the datasets for which XMP has no property.

    Raises:
        DamagedXmpError: The packet is not XMP.
    """
    values: dict[int, list[str]] = {}
    unmapped: list[str] = []
    utf_8 = False
    datasets, rest = iptc.datasets(record)
    for kind, number, data, _ in datasets:
        if kind == 1:
            utf_8 = utf_8 or (number == 90 and data == _UTF_8)
        elif kind == 2 and number in _PROPERTIES:
            values.setdefault(number, []).append(_text(data, utf_8=utf_8))
        elif kind != 2 or number not in _HOUSEKEEPING:
            unmapped.append(f"IPTC {kind}:{number}")
    if rest:
        unmapped.append(f"{rest} bytes of IPTC that are not datasets")
    if _DATE_CREATED in values:
        values[_DATE_CREATED] = [_iso_date(values[_DATE_CREATED][0])]
    properties = [
        Property(*space, name, container, tuple(values[number]))
        for number, (space, name, container) in _PROPERTIES.items()
        if number in values
    ]
    return xmp.with_properties(packet, properties), unmapped


def _text(data: bytes, *, utf_8: bool) -> str:
    """UTF-8 if the record states it or the bytes are valid UTF-8; otherwise Latin-1."""
    try:
        text = data.decode("utf-8", "replace" if utf_8 else "strict")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return xmp_packet.CONTROLS.sub("", text)


def _iso_date(text: str) -> str:
    """CCYYMMDD, with zeros for unknown parts, as an ISO 8601 date."""
    if not re.fullmatch(r"\d{8}", text):
        return text
    parts = (text[:4], text[4:6], text[6:])
    known = [part for number, part in enumerate(parts) if number == 0 or set(part) != {"0"}]
    return "-".join(known if len(known) != 2 or set(parts[1]) != {"0"} else known[:1])
