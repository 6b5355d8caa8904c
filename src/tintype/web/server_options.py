"""How to serve. Nothing heavy is imported: the help of the command shows the defaults."""

from dataclasses import dataclass
from pathlib import Path

from tintype.engine.devices import DeviceName
from tintype.engine.settings import SETTINGS
from tintype.photo.limits import MAX_PIXELS

PORT = 7839
"""T-I-N-T on nobody's list of services; another free one where it is taken."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to serve.

    Attributes:
        host: Address to listen on; anything but this machine's own asks for codes.
        hosts: More names that requests may call it by, such as that of a proxy.
        port: None takes `PORT`, or a free one where that is taken.
        model: Name or file of the model; None is the default one.
        device: What the network runs on, for all clients.
        pairs: Folder for "which is real?", or None.
        jobs: Photographs at a time; None is one per core.
        waiting: How many may wait; more are refused.
        memory: MiB that held photographs may take.
        max_pixels: Photographs with more are refused.
        seconds: How long one answer may take.
        body_seconds: How long a body may take to arrive.
        head_seconds: How long the head of a request may take.
        connections: How many may be open at a time.
        sandbox: Decode what clients send in child processes with limits.
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
