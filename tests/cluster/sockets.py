"""Processes of a tree and their sockets, read from /proc, so on Linux only."""

import socket
from pathlib import Path

NOWHERE = "none"


def descendants(pid: int) -> set[int]:
    """All descendants of a process."""
    children: dict[int, set[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, set()).add(int(entry.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), set()) - found
        found |= below
        waiting += below
    return found


def environment_of(pid: int, name: str) -> str | None:
    """An environment variable of a process; None if the process ended or did not have it."""
    try:
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    for entry in entries:
        key, _, value = entry.partition(b"=")
        if key == name.encode():
            return value.decode()
    return None


def sockets_of(pids: set[int]) -> set[tuple[str, str]]:
    """TCP and UDP sockets of some processes: the local and the other address, without ports.

    The other address of one that listens is `NOWHERE`.
    """
    inodes = {inode for pid in pids for inode in _inodes(pid)}
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                local, other = (_address(text.partition(":")[0]) for text in fields[1:3])
                found.add((local, NOWHERE if other in ("0.0.0.0", "::") else other))
    return found


def _inodes(pid: int) -> set[str]:
    found = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            name = str(link.readlink())
            if name.startswith("socket:["):
                found.add(name[8:-1])
    except OSError:
        pass  # it has ended
    return found


def _address(text: str) -> str:
    # Words of 32 bits in native byte order.
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    data = b"".join(words)
    if len(data) == 4:
        return socket.inet_ntop(socket.AF_INET, data)
    name = socket.inet_ntop(socket.AF_INET6, data)
    return name.removeprefix("::ffff:")
