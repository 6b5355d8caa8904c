"""A filter for system calls (Linux): a decoder computes, and does nothing else.

Calls that are listed are allowed, all others fail with EPERM: opening files, sockets, other
processes, new programs. Calls that can do both are filtered by their arguments. The filter applies
for the rest of the process's life and cannot be removed.

Sources: seccomp(2), prctl(2); the kernel's Documentation/userspace-api/seccomp_filter.rst; numbers
from asm/unistd_64.h (x86-64) and asm-generic/unistd.h (AArch64).
"""

import ctypes
import errno
import functools
import os
import platform
import signal
import struct
import sys
from collections.abc import Iterator

# prctl(2)
_SET_PDEATHSIG, _SET_DUMPABLE, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 1, 4, 22, 38
_MODE_FILTER = 2

# Classic BPF: load a word of the call's description, compare, return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000  # marks call numbers of the x32 ABI

_CLONE_THREAD = 0x10000
_DESCRIPTOR_COMMANDS = (0, 1, 2, 3, 1030)  # fcntl: F_DUPFD, F_GETFD, F_SETFD, F_GETFL, ..CLOEXEC
# openat: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND and what O_TMPFILE adds to O_DIRECTORY.
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000 | 0o20000000

# Call: number for x86-64, for AArch64; -1 if there is none.
_PLAIN = {
    # Descriptors that are already open: the answer's, and files in memory.
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "close": (3, 57),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "dup": (32, 23),
    "dup2": (33, -1),
    "dup3": (292, 24),
    "memfd_create": (319, 279),
    "ftruncate": (77, 46),
    "poll": (7, -1),
    "ppoll": (271, 73),
    # Memory.
    "brk": (12, 214),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "mprotect": (10, 226),
    "madvise": (28, 233),
    "mincore": (27, 232),
    # Threads and signals of this process.
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "getcpu": (309, 168),
    "gettid": (186, 178),
    "getpid": (39, 172),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "arch_prctl": (158, -1),
    "exit": (60, 93),
    "exit_group": (231, 94),
    # Clocks, random numbers, properties of the system.
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "times": (100, 153),
    "getrandom": (318, 278),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
}
_CLONE, _CLONE3 = (56, 220), (435, 435)
_FCNTL, _PRLIMIT, _TGKILL, _OPENAT = (72, 25), (302, 261), (234, 131), (257, 56)

# The kernel's constant for each architecture (linux/audit.h).
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def end_with_parent() -> None:
    """Has this process killed when its parent ends, and prevents others from inspecting it."""
    parent = os.getppid()
    libc = _libc()
    libc.prctl(_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def filter_calls(*, may_read_files: bool) -> bool:
    """Installs the filter, permanently.

    Args:
        may_read_files: Whether files may be opened for reading, for libraries that need file names.

    Returns:
        Whether the system supports filters; if not, nothing has changed.
    """
    known = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or known is None or sys.maxsize < 1 << 32:
        return False
    place, architecture = known
    code = _program(place, architecture, may_read_files).replace(_OWN, _own_process(os.getpid()))
    program = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(program))
    libc = _libc()
    pointer = ctypes.create_string_buffer(described, len(described))
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_SET_SECCOMP, _MODE_FILTER, pointer, 0, 0) == 0)


def prepare() -> None:
    """Does in advance what is the same for every process."""
    _libc()
    known = _ARCHITECTURES.get(platform.machine())
    if known is not None:
        for may_read_files in (False, True):
            _program(*known, may_read_files)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


@functools.cache
def _program(place: int, architecture: int, may_read_files: bool) -> bytes:
    """The filter, with `_OWN` in place of the process ID."""
    return b"".join(_steps(place, architecture, may_read_files=may_read_files))


def _steps(place: int, architecture: int, *, may_read_files: bool) -> Iterator[bytes]:
    """The filter's instructions."""
    yield _step(_LOAD, _ARCH)
    yield _step(_EQUAL, architecture, 1, 0)
    yield _step(_RETURN, _KILL)
    yield _step(_LOAD, _NUMBER)
    yield _step(_AT_LEAST, _X32, 0, 1)
    yield _step(_RETURN, _KILL)
    for numbers in _PLAIN.values():
        if numbers[place] >= 0:
            yield _step(_EQUAL, numbers[place], 0, 1)
            yield _step(_RETURN, _ALLOW)
    # The library falls back to clone, whose flags can be inspected: threads, but no processes.
    yield from _when(_CLONE3[place], [_step(_RETURN, _ERRNO | errno.ENOSYS)])
    yield from _when(_CLONE[place], [*_if_any(0, _CLONE_THREAD)])
    yield from _when(
        _FCNTL[place], [step for command in _DESCRIPTOR_COMMANDS for step in _if_is(1, command)]
    )
    # Reading its own limits, without setting them; aborting, without signals to others.
    yield from _when(
        _PRLIMIT[place], [*_unless_is(2, 0), *_unless_is(2, 0, high=True), *_if_is(0, 0)]
    )
    yield from _when(_TGKILL[place], [_argument(0), _OWN, _step(_RETURN, _ALLOW)])
    if may_read_files:
        yield from _when(_OPENAT[place], [*_unless_any(2, _WRITING), _step(_RETURN, _ALLOW)])
    yield _step(_RETURN, _ERRNO | errno.EPERM)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; `yes` and `no` are the numbers of following instructions to skip."""
    return struct.pack("HBBI", code, yes, no, value)


def _when(number: int, body: list[bytes]) -> Iterator[bytes]:
    """Instructions for one call; if they reach their end, it fails."""
    yield _step(_EQUAL, number, 0, len(body) + 1)
    yield from body
    yield _step(_RETURN, _ERRNO | errno.EPERM)


def _argument(index: int, *, high: bool = False) -> bytes:
    return _step(_LOAD, _ARGUMENTS + 8 * index + 4 * high)  # both architectures are little-endian


def _own_process(pid: int) -> bytes:
    return _step(_EQUAL, pid, 0, 1)


_OWN = _own_process(0xFFFFFFFF)  # no process has this number


def _if_is(index: int, value: int) -> Iterator[bytes]:
    yield _argument(index)
    yield _step(_EQUAL, value, 0, 1)
    yield _step(_RETURN, _ALLOW)


def _if_any(index: int, bits: int) -> Iterator[bytes]:
    yield _argument(index)
    yield _step(_ANY_BIT, bits, 0, 1)
    yield _step(_RETURN, _ALLOW)


def _unless_is(index: int, value: int, *, high: bool = False) -> Iterator[bytes]:
    yield _argument(index, high=high)
    yield _step(_EQUAL, value, 1, 0)
    yield _step(_RETURN, _ERRNO | errno.EPERM)


def _unless_any(index: int, bits: int) -> Iterator[bytes]:
    yield _argument(index)
    yield _step(_ANY_BIT, bits, 0, 1)
    yield _step(_RETURN, _ERRNO | errno.EPERM)
