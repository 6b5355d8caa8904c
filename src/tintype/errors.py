"""Every error that a user can see: what happened, what to type next, and the exit status.

The hierarchy is small on purpose. An interface (command, page) prints `str(error)` as one line and
exits with `error.exit_code`. Below the interfaces, only the per-file boundary in `tintype.jobs`
catches these errors; it records them in the report.
"""

# Zero-width joiners inside emoji: invisible, harmless, and part of ordinary file names.
_JOINERS = "\u200c\u200d"
_LONGEST_QUOTE = 60
_LONGEST_LINE = 2000


def shown(name: object) -> str:
    """A file name that is safe to print: control characters and undecodable bytes are escaped.

    A name can contain a newline that forges a second message, or an escape sequence that controls
    the terminal; on POSIX it can contain bytes that are not text (surrogates in a Python string).

    Args:
        name: A path or a name, text or path-like.

    Returns:
        Printable text that can be encoded as UTF-8.
    """
    return "".join(
        c if c.isprintable() or c in _JOINERS else c.encode("unicode_escape").decode("ascii")
        for c in str(name)
    )


def brief(value: object, *, most: int = _LONGEST_QUOTE) -> str:
    """A value as quoted in a message: printable, and truncated to fit a line.

    Args:
        value: Any value; Python refuses to format integers of more than 4,300 digits.
        most: Maximum number of characters.
    """
    try:
        text = shown(value)
    except ValueError:
        text = "a number of thousands of digits"
    if not text.strip():  # nothing would be seen
        text = f'"{text}"'
    return text if len(text) <= most else f"{text[: most - 3]}..."


def reason(error: Exception) -> str:
    """The text of an error, without its number and path.

    Args:
        error: Any error; for an `OSError`, the operating system's text is used.

    Returns:
        A clause in lower case without a full stop.
    """
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:].rstrip(".")


class PhotoWarning(UserWarning):
    """A note on a photograph coloured by the Python API: what was lost, or what is unusual."""


class TintypeError(Exception):
    """Base class of every error that a user can cause or encounter.

    Args:
        message: What happened, and to which file. One sentence, no trailing newline.
        advice: What to type or do next. One sentence, or empty if nothing can be done.
    """

    exit_code = 3

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        text = f"{self.message} {self.advice}" if self.advice else self.message
        text = " ".join(text.split())
        if len(text) <= _LONGEST_LINE:
            return text
        # A name in a settings file can be as long as the file.
        return f"{text[: _LONGEST_LINE // 2]} ... {text[-_LONGEST_LINE // 4 :]}"

    def __reduce__(self) -> tuple[object, ...]:
        # Default pickling, as used between worker processes, loses keyword-only arguments.
        return _rebuild, (type(self), self.message, self.advice)


def _rebuild(kind: type[TintypeError], message: str, advice: str) -> TintypeError:
    return kind(message, advice=advice)


class UsageError(TintypeError):
    """Options or arguments are unknown, missing, out of range, or contradict each other."""

    exit_code = 2


class PhotoError(TintypeError):
    """One photograph cannot be read, coloured or written; others may still succeed."""


class UnreadablePhotoError(PhotoError):
    """The file is missing, empty, truncated, damaged, or not a picture."""


class UnsupportedPhotoError(PhotoError):
    """A picture of a kind that cannot be preserved without loss, or that requires an extra."""


class PhotoTooLargeError(PhotoError):
    """The photograph has more pixels than the limit; the message names `--max-megapixels`."""


class SkippedPhotoError(PhotoError):
    """Skipped on purpose, such as a colour photograph in a folder."""


class TargetExistsError(PhotoError):
    """The output already exists and may not be replaced."""


class WriteError(PhotoError):
    """The output could not be written: disk full, no permission, or folder deleted."""

    # The photograph itself was fine, so this is "some files failed" even for a single file.
    exit_code = 1


class UnwritableDiskError(WriteError):
    """The output's disk is full or read-only, so nothing else can be written either."""


class UnwritableFolderError(WriteError):
    """There is no permission to write to the output's folder."""


class FilmError(TintypeError):
    """A film cannot be read, coloured or written, or the extra for films is not installed."""


class ModelError(TintypeError):
    """A model is unknown, damaged, or does not conform to the model contract."""


class ClusterError(TintypeError):
    """The Ray cluster is unreachable, is not homogeneous, or shut down during the run."""


class LearnError(TintypeError):
    """Training, evaluation or export cannot continue: the recipe, data or checkpoint is wrong."""
