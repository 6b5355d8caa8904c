"""Resource limits for decoding or encoding one file, and how a process is held to them."""

import sys
import time

import msgspec

_MIB = 1 << 20
# On top of what grows with the file: tables of the decoders, stacks and heaps of threads.
_FREE_BYTES = 1 << 30
_BYTES_PER_PIXEL = 32  # the most measured for a decoder is 24 (tests/promises/bombs.py)
_FREE_SECONDS = 20
_PIXELS_PER_SECOND = 1_000_000
# An AVIF encoder takes up to two seconds per megapixel, a JPEG 2000 encoder 45 bytes per pixel.
_ENCODING_SECONDS = 20
_ENCODING_BYTES_PER_PIXEL = 128
_FILES = 64
_SCRATCH_BYTES = 64 << 10  # space for the warnings of a decoder


class Limits(msgspec.Struct, frozen=True):
    """Resource limits for decoding one file.

    Attributes:
        memory: Bytes of address space, on top of what the process already has.
        cpu: Seconds of CPU time.
        wall: Seconds of wall-clock time, after which the process is killed.
        file: Bytes of an in-memory file that a decoder may create; it can create no other.
    """

    memory: int
    cpu: int
    wall: float
    file: int


def limits_of(size: int, max_pixels: int) -> Limits:
    """The limits for one file.

    Args:
        size: Of the file, in bytes.
        max_pixels: Files with more pixels are refused anyway.
    """
    cpu = _FREE_SECONDS + max_pixels // _PIXELS_PER_SECOND
    memory = _FREE_BYTES + 3 * size + _BYTES_PER_PIXEL * max_pixels
    return Limits(memory, cpu, 30.0 + 3 * cpu, size + _SCRATCH_BYTES)


def encoding_limits_of(size: int, pixels: int) -> Limits:
    """The limits for encoding one of our pictures; the caller that waits for it has a limit too.

    Args:
        size: Of what is encoded, in bytes.
        pixels: Of the picture.
    """
    cpu = _FREE_SECONDS + _ENCODING_SECONDS * (1 + pixels // _PIXELS_PER_SECOND)
    memory = _FREE_BYTES + 3 * size + _ENCODING_BYTES_PER_PIXEL * pixels
    return Limits(memory, cpu, 30.0 + 3 * cpu, _SCRATCH_BYTES)


def hold_to(limits: Limits, *, for_good: bool) -> None:
    """Applies limits to this process, as far as the system supports them.

    Args:
        limits: For the file that is decoded next.
        for_good: Whether they can never be raised again: the process decodes this file only.
    """
    if sys.platform == "win32":
        return
    import resource

    def limit(which: int, most: int, *, more: int = 0) -> None:
        hard = resource.getrlimit(which)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (allowed, allowed + more if for_good else hard))

    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, _FILES)
    limit(resource.RLIMIT_FSIZE, limits.file)
    used = int(time.process_time()) + 1
    limit(resource.RLIMIT_CPU, used + limits.cpu, more=1)  # SIGXCPU, then SIGKILL
    if sys.platform == "linux":  # macOS accepts the number and ignores it
        limit(resource.RLIMIT_AS, _mapped() + limits.memory)


def _mapped() -> int:
    """Bytes of address space that this process has."""
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (no more is needed)
        return int(file.read().split()[0]) * resource.getpagesize()
