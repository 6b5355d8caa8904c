"""Photoshop resources: the blocks that hold IPTC captions and keywords in JPEG and TIFF files.

Source: Adobe Photoshop file formats specification, image resource blocks; IPTC-NAA IIM 4.
"""

import struct

_SIGNATURE = b"8BIM"
_IPTC_RECORD = 0x0404
_THUMBNAILS = (1033, 1036)


def without_thumbnails(blocks: bytes) -> bytes | None:
    """Photoshop resources without the two kinds of thumbnail; None where nothing is left.

    Args:
        blocks: ``8BIM`` resources in a row; what follows a damaged one is dropped.
    """
    kept = bytearray()
    at = 0
    while blocks[at : at + 4] == _SIGNATURE and at + 12 <= len(blocks):
        (number,) = struct.unpack_from(">H", blocks, at + 4)
        name_bytes = (blocks[at + 6] + 2) & ~1
        size_at = at + 6 + name_bytes
        if size_at + 4 > len(blocks):
            break
        (size,) = struct.unpack_from(">I", blocks, size_at)
        end = size_at + 4 + size
        if end > len(blocks):
            break
        if number not in _THUMBNAILS:
            kept += blocks[at:end] + b"\0" * (size % 2)
        at = end + size % 2
    return bytes(kept) or None


def with_record(blocks: bytes | None, record: bytes) -> bytes:
    """Photoshop resources with an IPTC record that was stored outside of them.

    Args:
        blocks: What there is already, or None.
        record: The IPTC record; left out where the resources have one.
    """
    kind = _SIGNATURE + struct.pack(">H", _IPTC_RECORD)
    if blocks is not None and kind in blocks:
        return blocks
    resource = kind + b"\0\0" + struct.pack(">I", len(record)) + record
    return (blocks or b"") + resource + b"\0" * (len(record) % 2)
