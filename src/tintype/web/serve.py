"""Starts the server, reports its address, and opens the browser."""

import asyncio
import contextlib
import io
import ipaddress
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from tintype.engine.bundle import load_bundle
from tintype.engine.cores import usable_cores
from tintype.engine.devices import device_of
from tintype.engine.predict import Engine
from tintype.engine.sessions import check_device
from tintype.errors import UsageError
from tintype.files.local import max_input_bytes
from tintype.heap import LARGE_BLOCK, return_large_blocks
from tintype.photo.sandbox.sandbox import UNFILTERED, Sandbox
from tintype.web.app import make_app
from tintype.web.body import BodyReader
from tintype.web.entry import Entry, grouped
from tintype.web.photos import PhotoStore
from tintype.web.server_options import PORT, ServerOptions
from tintype.web.services import Services
from tintype.web.timeouts import patient
from tintype.web.which_is_real import Pairs
from tintype.web.workers import WorkerPool

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a user needs to open the page on another device.

    Attributes:
        url: The address to open there.
        code: The code to type there, as displayed.
    """

    url: str
    code: str

    @property
    def link(self) -> str:
        """An address that contains the code.

        The code follows the ``#``, which is never sent to a server, so merely fetching the address
        does not use it up.
        """
        return f"{self.url}#{self.code}"

    def qr(self) -> str:
        """The link as a QR code: lines of block characters, light on a dark background."""
        import segno

        out = io.StringIO()
        segno.make(self.link, error="l", micro=False).terminal(out, border=2, compact=True)
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Listening:
    """A server that is ready to run.

    Attributes:
        url: Its address for this machine's browser.
        local: Whether only this machine can connect.
        notes: Messages for the user who started it.
    """

    url: str
    local: bool
    notes: tuple[str, ...]
    _server: "_Server"
    _socket: socket.socket
    _workers: WorkerPool
    _entry: Entry | None

    def entry(self, page: str = "") -> str:
        """An address for the browsers of this machine to open.

        Args:
            page: A path below `url`.
        """
        return f"{self.url}{page}{'' if self._entry is None else f'?token={self._entry.own}'}"

    def run(self) -> None:
        """Serves requests until stopped."""
        return_large_blocks(LARGE_BLOCK)
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._workers.close()

    def stop(self) -> None:
        """Stops the server; may be called from any thread."""
        self._server.should_exit = True


def listen(
    options: ServerOptions,
    *,
    invite: Callable[[Invitation], None],
    opened: Callable[[], None] | None = None,
) -> Listening:
    """Creates a server and binds its port.

    Args:
        options: How to serve.
        invite: Called with each new code for another device, to display it in the terminal.
        opened: Called once the server accepts requests.

    Raises:
        UsageError: The address, the port or the device is not available.
        ModelError: There is no such model.
        PhotoError: The sandbox cannot be started.
    """
    check_device(device_of(options.device))
    taken = _bind(options.host, options.port)
    # The address actually bound, however it was given, so the displayed address works.
    listening, port = taken.getsockname()[:2]
    address = ipaddress.ip_address(listening)
    local = address.is_loopback
    own = {4: "127.0.0.1", 6: "::1"}[address.version] if address.is_unspecified else listening
    url = f"http://{_in_url(own)}:{port}/"
    jobs = options.jobs or usable_cores()
    sandbox = Sandbox() if options.sandbox else None
    if sandbox is not None:
        sandbox.start()  # while the model is loaded
    engine = Engine(load_bundle(options.model), threads=1, at_once=jobs)
    notes = (UNFILTERED,) if sandbox is not None and not sandbox.filtered else ()
    workers = WorkerPool(
        workers=jobs, waiting=options.waiting, seconds=options.seconds, sandbox=sandbox
    )
    memory = options.memory * _MIB
    photos = PhotoStore(engine, max_pixels=options.max_pixels, budget=memory, device=options.device)

    page = "" if options.pairs is None else "which-is-real"

    def announce(code: str) -> None:
        place = _own_name() if address.is_unspecified else listening
        invite(Invitation(f"http://{_in_url(place)}:{port}/{page}", grouped(code)))

    services = Services(
        photos=photos,
        workers=workers,
        bodies=BodyReader(
            longest=min(max_input_bytes(options.max_pixels), memory),
            reserve=photos.reserve,
            release=photos.release,
            seconds=options.body_seconds,
        ),
        pairs=None
        if options.pairs is None
        else Pairs(options.pairs, engine, device=options.device, max_pixels=options.max_pixels),
        entry=None if local else Entry(announce),
    )
    config = uvicorn.Config(
        make_app(services, hosts=options.hosts),
        log_config=None,  # nothing about the pictures is written anywhere
        log_level="error",  # nor are malformed requests from strangers
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=round(workers.grace) + 1,  # running work is answered first
        lifespan="off",
        loop="asyncio",
        http=patient(
            head_seconds=options.head_seconds,
            most=options.connections,
            reserve=photos.reserve,
            release=photos.release,
        ),
        ws="none",
    )
    server = _Server(config, workers, opened)
    return Listening(url, local, notes, server, taken, workers, services.entry)


class _Server(uvicorn.Server):
    """Accepts no new work while it is stopping."""

    def __init__(
        self, config: uvicorn.Config, workers: WorkerPool, opened: Callable[[], None] | None
    ) -> None:
        super().__init__(config)
        self._workers = workers
        self._opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._opened is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._opened)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._workers.drain()
        await super().shutdown(sockets)


@contextmanager
def serving(options: ServerOptions) -> Iterator[Listening]:
    """Runs a server in its own thread, for programs and tests; it stops at the end of the block."""
    ready = threading.Event()
    server = listen(options, invite=lambda _invitation: None, opened=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        if not ready.wait(30):
            raise UsageError("The server did not start.")
        yield server
    finally:
        server.stop()
        thread.join(30)


def open_browser(url: str) -> None:
    """Opens the page; a missing browser is not an error."""
    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(url)


def _bind(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (PORT, 0) if port is None else (port,):
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            if family == socket.AF_INET6:  # "::" accepts IPv4 too, as by default on Linux
                taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            # Also an address with a zone, fe80::1%eth0.
            place = socket.getaddrinfo(host, wanted, family, socket.SOCK_STREAM)[0][4]
            taken.bind(place)
            return taken
        except (OSError, OverflowError, UnicodeError) as error:  # the last for invalid host names
            taken.close()
            reason = error
    raise UsageError(
        f"{_in_url(host)}:{port or PORT} is not available: {reason}.", advice="Give another --port."
    )


def _in_url(host: str) -> str:
    return f"[{host.replace('%', '%25')}]" if ":" in host else host


def _own_name() -> str:
    """An address at which other machines on the network can reach this one, or its name."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only selects the outgoing interface
        return str(probe.getsockname()[0])
    return socket.gethostname()
