"""A limit on the metadata of all pages of a TIFF together.

Pages may share their values, so a thousand pages can claim the same megabytes each. Equal blocks
are kept once; pages that together claim more than the whole file lose their metadata.
"""

from tintype.photo.formats.codec import DecodedPage

_SLACK = 1 << 20
_FIELDS = ("icc", "exif", "xmp", "iptc")


class MetadataBudget:
    """Tracks the metadata of the pages read so far.

    Args:
        file_bytes: The length of the file.
    """

    def __init__(self, file_bytes: int) -> None:
        self._left = file_bytes + _SLACK
        self._before: dict[str, bytes] = {}

    def bounded(self, page: DecodedPage) -> DecodedPage:
        """The page, without its metadata if there is too much in total; a note says so."""
        size = sum(len(part.data) for part in page.parts)
        for name in _FIELDS:
            block: bytes | None = getattr(page, name)
            if block is None:
                continue
            if block == self._before.get(name):
                setattr(page, name, self._before[name])
                continue
            size += len(block)
        if size > self._left:
            for name in _FIELDS:
                setattr(page, name, None)
            page.parts = ()
            page.notes += ("The metadata of its pages is far too large and was left out.",)
            return page
        self._left -= size
        for name in _FIELDS:
            block = getattr(page, name)
            if block is not None:
                self._before[name] = block
        return page
