"""Opening ZIP archives of others: a list of members that is far too long is not read.

Python makes an object of each line of that list, which takes ten times its room, and seconds.
"""

import io
import zipfile
from pathlib import Path


class ListedZip(zipfile.ZipFile):
    """A ZIP archive to be read.

    Args:
        source: Its file, or its bytes.
        most: Bytes of the list of its members; a longer one is refused.

    Raises:
        OSError: The file cannot be opened.
        zipfile.BadZipFile: It is no archive, no regular file, or its list is longer.
    """

    _reader: "_Reader | None" = None  # it is closed as well where it could not be opened

    def __init__(self, source: Path | bytes, *, most: int) -> None:
        # Reading a pipe would wait for ever, and a device has no end.
        if isinstance(source, Path) and source.exists() and not source.is_file():
            raise zipfile.BadZipFile("it is not a regular file")
        raw = io.BytesIO(source) if isinstance(source, bytes) else io.FileIO(source)
        self._reader = _Reader(raw, most)
        try:
            super().__init__(self._reader)
        except BaseException:
            self._reader.close()
            raise

    def close(self) -> None:
        """Closes the archive and its file."""
        super().close()
        if self._reader is not None:
            self._reader.close()


class _Reader(io.BufferedReader):
    """A file of which the list is the only thing that is read in one long piece."""

    def __init__(self, raw: io.BytesIO | io.FileIO, most: int) -> None:
        super().__init__(raw)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._most:
            raise zipfile.BadZipFile(f"its list is longer than {self._most >> 20} MiB")
        return super().read(size)
