"""Everything that can go wrong for a user: what happened, what to type next, and the exit code.

The tree is small on purpose. An interface (command, page) prints `str(error)` as one line and exits
with `error.exit_code`; nothing below the interfaces catches these errors except the per-file
boundary in `tintype.jobs`, which turns them into results of the report.
"""

# Joiners inside one emoji: invisible, harmless, and part of ordinary file names.
_JOINERS = "\u200c\u200d"
_LONGEST_QUOTE = 60
_LONGEST_LINE = 2000


def shown(name: object) -> str:
    """A file name as it may be printed: control characters and undecodable bytes as escapes.

    A name can hold a newline that forges a second message, or an escape sequence that drives the
    terminal; on POSIX it can hold bytes that are no text at all (surrogates in a Python string).

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
    """A value as a message quotes it: printable, and never longer than a line can bear.

    Args:
        value: Anything; Python writes no whole number of more than 4,300 digits.
        most: Characters.
    """
    try:
        text = shown(value)
    except ValueError:
        text = "a number of thousands of digits"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def reason(error: Exception) -> str:
    """The text of an error of the system, without its number and path.

    Args:
        error: Any error; of an `OSError` the text of the operating system.

    Returns:
        A clause in lower case without a full stop.
    """
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:].rstrip(".")


class PhotoWarning(UserWarning):
    """A note on a photograph that the Python API coloured: what was lost, or what is unusual."""


class TintypeError(Exception):
    """Base of every error that a user can cause or meet.

    Args:
        message: What happened, and to which file. One sentence, no trailing newline.
        advice: What to type or do next. One sentence; may be empty where nothing can be done.
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
        # A name in somebody's settings can be as long as the file.
        return f"{text[: _LONGEST_LINE // 2]} ... {text[-_LONGEST_LINE // 4 :]}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling between worker processes.
        return _rebuild, (type(self), self.message, self.advice)


def _rebuild(kind: type[TintypeError], message: str, advice: str) -> TintypeError:
    return kind(message, advice=advice)


class UsageError(TintypeError):
    """Options or arguments are unknown, missing, out of range, or contradict each other."""

    exit_code = 2


class PhotoError(TintypeError):
    """One photograph cannot be read, coloured or understood; others may still be fine."""


class UnreadablePhotoError(PhotoError):
    """Missing, empty, truncated, damaged, or no picture at all."""


class UnsupportedPhotoError(PhotoError):
    """A picture, but of a kind that cannot be kept without loss (or needs an extra)."""


class PhotoTooLargeError(PhotoError):
    """More pixels than the limit; the message names `--max-megapixels`."""


class SkippedPhotoError(PhotoError):
    """Left alone on purpose: a colour photograph in a folder, for instance."""


class TargetExistsError(PhotoError):
    """The output already exists and is not ours to replace."""


class WriteError(PhotoError):
    """The output could not be written: disk full, no permission, folder gone."""

    # The photograph itself was fine: "some files failed", even when it was the only one.
    exit_code = 1


class UnwritableDiskError(WriteError):
    """The disk of the output is full or read-only, so that nothing else can be written either."""


class UnwritableFolderError(WriteError):
    """There is no permission to write in the folder of the output."""


class FilmError(TintypeError):
    """A film cannot be read, coloured or written, or the extra for film is missing."""


class ModelError(TintypeError):
    """A model file is unknown, damaged or does not keep the contract."""


class ClusterError(TintypeError):
    """The Ray cluster cannot be reached, is not of one kind, or ended in the middle of the work."""


class LearnError(TintypeError):
    """Training, evaluation or export cannot go on: recipe, data or checkpoint is wrong."""
