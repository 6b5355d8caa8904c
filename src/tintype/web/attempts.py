"""Rate limit for guesses: a few wrong codes per minute from one address."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 10
"""Wrong codes, tokens and keys from one address before it has to wait."""
SECONDS = 60
"""How long a failed attempt counts."""
_ADDRESSES = 4096
"""Maximum number of tracked addresses; the oldest are dropped."""


class Attempts:
    """Counts wrong codes, tokens and keys by the address they came from.

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until an address may try again; 0 if it may try now."""
        recent = self._recent(_network(address))
        if len(recent) < MOST:
            return 0
        return max(1, round(recent[-MOST] + SECONDS - self._clock()))

    def count(self, address: str) -> None:
        """Counts a failed attempt."""
        key = _network(address)
        self._wrong[key] = [*self._recent(key), self._clock()][-MOST:]
        self._wrong.move_to_end(key)
        if len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)

    def _recent(self, key: str) -> list[float]:
        since = self._clock() - SECONDS
        return [moment for moment in self._wrong.get(key, ()) if moment > since]


def plain_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Parses an address; an IPv4-mapped IPv6 address becomes IPv4.

    Raises:
        ValueError: The text is not an address.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def _network(address: str) -> str:
    """An IPv4 address, or the /64 network of an IPv6 address, which one machine may own."""
    try:
        parsed = plain_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))
