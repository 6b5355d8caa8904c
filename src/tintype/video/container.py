"""Opens film files with FFmpeg, through PyAV, and refuses what is not a film.

A file may refer to other files or addresses, as playlists do. These are not opened, or are read as
empty, so only the given file is read.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer

from tintype.errors import FilmError, reason, shown

_PLAYLIST = b"#EXTM3U"
# Demuxers that accept any text or draw pictures: terminal art, lists of other files, generators.
_NOT_FILMS = {
    "tty",
    "bin",
    "xbin",
    "adf",
    "idf",
    "concat",
    "hls",
    "dash",
    "sdp",
    "lavfi",
    "ffmetadata",
}


@contextmanager
def open_film(path: Path) -> Iterator[InputContainer]:
    """Opens a film file for reading.

    Args:
        path: Of the file; never read as a URL, even if it looks like one.

    Raises:
        FilmError: It cannot be read, or is not a film.
    """
    try:
        if not path.is_file() and path.exists():
            raise FilmError(f"{shown(path)} is not a file.", advice="Name a film.")
        file = path.open("rb")
    except OSError as error:
        raise FilmError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error
    with file:
        # FFmpeg would wait for a live playlist to grow.
        if file.read(len(_PLAYLIST)) == _PLAYLIST:
            raise FilmError(f"{shown(path)} is a list of films, not a film.")
        file.seek(0)
        try:
            container = av.open(
                file,
                "r",
                metadata_errors="surrogateescape",
                container_options={"protocol_whitelist": "none"},
                buffer_size=1 << 18,
                io_open=_open_nothing,
            )
        except (av.FFmpegError, OSError) as error:
            raise FilmError(
                f"{shown(path)} is not a film, or is damaged ({shown(reason(error))})."
            ) from error
        with container:
            if not _is_film_format(container.format.name):
                raise FilmError(
                    f"{shown(path)} is not a film ({container.format.name}).",
                    advice="A photograph is coloured by tintype PHOTO.",
                )
            yield container


def is_broadcast(container: InputContainer) -> bool:
    """Whether the clock of a container may start anywhere and jump, as in MPEG streams.

    Args:
        container: The film.
    """
    return bool(container.format.flags & cast(int, av.format.Flags.ts_discont.value))


def _is_film_format(name: str) -> bool:
    """Whether a container format holds film.

    FFmpeg reads any text as the animation of a terminal, a single picture as a film of one frame,
    and a list of files as one film.

    Args:
        name: FFmpeg's name of the format.
    """
    return not (name in _NOT_FILMS or name.startswith("image2") or name.endswith("_pipe"))


def _open_nothing(_url: str, _flags: int, _options: dict[str, str]) -> io.BytesIO:
    """Replaces every file or address that a film refers to by an empty file."""
    return io.BytesIO()
