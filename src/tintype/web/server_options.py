"""Server options. Imports nothing heavy, since the help of the command shows the defaults."""

from dataclasses import dataclass
from pathlib import Path

from tintype.engine.devices import DeviceName
from tintype.engine.settings import SETTINGS
from tintype.photo.limits import MAX_PIXELS

PORT = 7839
"""Default port, not assigned to any registered service; if it is taken, a free one is used."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Server options.

    Attributes:
        host: Address to listen on; if it is not a loopback address, clients need codes.
        hosts: Additional accepted host names, such as that of a proxy.
        port: None uses `PORT`, or a free port if that is taken.
        model: Name or file of the model; None is the default model.
        device: What the network runs on, for all clients.
        pairs: Folder for "which is real?", or None.
        jobs: Number of photographs processed in parallel; None is one per core.
        waiting: Maximum number of waiting requests; more are refused.
        memory: Memory limit for held photographs, in MiB.
        max_pixels: Photographs with more pixels are refused.
        seconds: Time limit for a response.
        body_seconds: Time limit for a request body to arrive.
        head_seconds: Time limit for a request head to arrive.
        connections: Maximum number of open connections.
        sandbox: Decode uploads in child processes with limits.
    """

    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    port: int | None = None
    model: str | None = None
    device: DeviceName = SETTINGS["device"].default
    pairs: Path | None = None
    jobs: int | None = None
    waiting: int = 32
    memory: int = 1024
    max_pixels: int = MAX_PIXELS
    seconds: float = 120.0
    body_seconds: float = 60.0
    head_seconds: float = 10.0
    connections: int = 512
    sandbox: bool = True
