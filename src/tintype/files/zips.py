"""Opens untrusted ZIP archives: a central directory that is far too long is not read.

Python creates an object for each entry, which takes ten times the memory, and several seconds.
"""

import io
import zipfile
from pathlib import Path


class ListedZip(zipfile.ZipFile):
    """A ZIP archive open for reading.

    Args:
        source: Its file, or its bytes.
        most: Maximum length of its central directory in bytes; a longer one is refused.

    Raises:
        OSError: The file cannot be opened.
        zipfile.BadZipFile: It is not an archive or a regular file, or its directory is too long.
    """

    _reader: "_Reader | None" = None  # closed even if opening the archive failed

    def __init__(self, source: Path | bytes, *, most: int) -> None:
        # Reading a pipe could block for ever, and a device never ends.
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
    """A file that refuses long reads: the central directory is the only part read in one piece."""

    def __init__(self, raw: io.BytesIO | io.FileIO, most: int) -> None:
        super().__init__(raw)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._most:
            raise zipfile.BadZipFile(f"its list is longer than {self._most >> 20} MiB")
        return super().read(size)
