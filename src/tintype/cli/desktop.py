"""The program `tintype-desktop`, for shortcuts: Tintype without a terminal.

Without arguments it opens the page; a small window shows its address and a button to stop it. With
photographs, as "Open with" passes them, it colours them, and the window shows the results.
"""

import contextlib
import http.client
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tintype.cli.app import main as command
from tintype.errors import TintypeError, UsageError
from tintype.web.server_options import PORT, ServerOptions

_TITLE = "Tintype"
_SECONDS = 2.0
"""Timeout for a server on this machine to identify itself."""


@dataclass(frozen=True, slots=True)
class Message:
    """The content of a window.

    Attributes:
        text: A few lines.
        button: Label of the button that closes the window.
        action: Label of a second button, and its callback, which is also called once when the
            window opens; or None.
    """

    text: str
    button: str
    action: tuple[str, Callable[[], None]] | None = None


Show = Callable[[Message], None]
"""Shows a message until its window is closed."""


def main(argv: Sequence[str] | None = None, *, show: Show | None = None) -> int:
    """Runs the program.

    Args:
        argv: Photographs to colour, if any; None uses the arguments of this process.
        show: Displays messages; None uses a window.

    Returns:
        The exit code, as for the command.
    """
    photos = sys.argv[1:] if argv is None else argv
    show = show or _show_window
    try:
        return _color(photos, show) if photos else _serve(show)
    except TintypeError as error:
        with contextlib.suppress(TintypeError):  # without a window, only the terminal shows it
            show(Message(str(error), "Close"))
        _print_line(str(error))
        return error.exit_code


def _print_line(text: str) -> None:
    if sys.stderr is not None:  # None if Windows started the program without a console
        print(f"tintype: {text}", file=sys.stderr)  # noqa: T201


def _color(photos: Sequence[str], show: Show) -> int:
    said, results = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(results):
        code = command(["--", *photos])
    lines = [line.removeprefix("tintype: ") for line in said.getvalue().splitlines()]
    try:
        show(Message("\n".join(lines), "Close"))
    except TintypeError:  # without a window, print to the terminal, if there is one
        for line in lines:
            _print_line(line)
    return code


def _serve(show: Show) -> int:
    from tintype.web.serve import open_browser, serving

    # A browser stores earlier work per address, so with a second server on another port it would
    # seem to be lost.
    if url := running_server():
        open_browser(url)
        return 0
    with serving(ServerOptions()) as server:
        notes = "".join(f"\n{note}" for note in server.notes)
        show(
            Message(
                f"Tintype is at {server.url}\nOnly this computer can open it.{notes}",
                "Stop",
                ("Open the page", lambda: open_browser(server.url)),
            )
        )
    return 0


def running_server(port: int = PORT) -> str | None:
    """The address of a Tintype server already running on this machine, or None.

    Args:
        port: The port to check.
    """
    # Not urllib, which would use a proxy.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", "/v1/status")
        answer = json.loads(connection.getresponse().read(1 << 16))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    known = isinstance(answer, dict) and "tintype" in answer
    return f"http://127.0.0.1:{port}/" if known else None


def _show_window(message: Message) -> None:
    try:
        import tkinter
    except ImportError as error:
        raise UsageError(
            "The window requires tkinter, which this Python lacks.",
            advice="Install python3-tk, or type tintype serve.",
        ) from error
    try:
        window = tkinter.Tk(className=_TITLE)
    except tkinter.TclError as error:
        raise UsageError(
            f"The window cannot be opened: {error}.", advice="Type tintype serve --no-browser."
        ) from error
    window.title(_TITLE)
    window.resizable(width=False, height=False)
    label = tkinter.Label(window, text=message.text, justify="left", wraplength=520)
    label.pack(padx=24, pady=(20, 12), anchor="w")
    row = tkinter.Frame(window)
    row.pack(padx=24, pady=(0, 20), anchor="e")
    if message.action is not None:
        title, act = message.action
        tkinter.Button(row, text=title, command=act).pack(side="left", padx=(0, 8))
        window.after_idle(act)
    close = tkinter.Button(row, text=message.button, command=window.destroy)
    close.pack(side="left")
    close.focus_set()
    window.mainloop()


if __name__ == "__main__":
    sys.exit(main())
