"""Firefox and WebKit (the engine of Safari), driven by the commands of WebDriver.

Playwright drives only builds of its own of these two; this is for those that Debian packages. Both
take the same commands: WebKitGTK's driver over HTTP, and Firefox itself over Marionette, the
connection that geckodriver would translate them to. Source: https://www.w3.org/TR/webdriver2/ and
https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html.
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a reference, as the standard says
START_S = 30.0
ANSWER_S = 300.0  # a step of the page on a busy machine
OF_PAGES = ("JavaScript error: http", 'console.error: "')  # Firefox reports its own errors, too
COARSE, FINE = 1, 2 + 4  # pointers, as Firefox's settings count them; a fine one hovers


SMALL = (
    "* { min-width: 0; padding: 0; margin: 0; font-size: 1px; -gtk-icon-transform: scale(0.1); }"
)


class MissingBrowserError(RuntimeError):
    """A browser, or what it needs, is not installed."""


class Command(NamedTuple):
    """One command, as each of the two names it.

    Attributes:
        marionette: Name.
        method: Of HTTP.
        path: Below the session.
    """

    marionette: str
    method: str
    path: str


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "open": Command("WebDriver:Navigate", "POST", "/url"),
        "reload": Command("WebDriver:Refresh", "POST", "/refresh"),
        "run": Command("WebDriver:ExecuteScript", "POST", "/execute/sync"),
        "find": Command("WebDriver:FindElement", "POST", "/element"),
        "type": Command("WebDriver:ElementSendKeys", "POST", "/element/{id}/value"),
        "act": Command("WebDriver:PerformActions", "POST", "/actions"),
        "resize": Command("WebDriver:SetWindowRect", "POST", "/window/rect"),
        "screenshot": Command("WebDriver:TakeScreenshot", "GET", "/screenshot"),
    }
)


class Look(NamedTuple):
    """How the page is looked at.

    Attributes:
        width: Of the window's inside, in CSS pixels.
        height: As ``width``.
        dark: Whether the system is set to dark colours.
        touch: Whether there is a finger and no mouse; WebKitGTK's browser cannot pretend that.
    """

    width: int
    height: int
    dark: bool = False
    touch: bool = False


class Browser:
    """A browser with one window and a profile of its own.

    Attributes:
        version: Name and version, as in ``firefox 140.5``.
        log: What the browser prints, messages of the page's console among it.
    """

    version: str
    log: Path

    def __init__(self, folder: Path, look: Look) -> None:
        """Prepares it; it starts as a context.

        Args:
            folder: For the profile, downloads and what is printed.
            look: How the page is looked at.
        """
        self.folder = folder
        self.look = look
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self.log = folder / "log.txt"
        self._processes: list[subprocess.Popen[bytes]] = []

    def send(self, command: str, **arguments: Any) -> Any:
        """Sends one of `COMMANDS` and returns the value of the answer."""
        raise NotImplementedError

    def open(self, url: str) -> None:
        """Goes to an address."""
        self.send("open", url=url)

    def reload(self) -> None:
        """Loads the page again."""
        self.send("reload")

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs a function body in the page; what it returns is awaited."""
        return self.send("run", script=script, args=list(arguments))

    def choose_files(self, selector: str, paths: Sequence[Path]) -> None:
        """Chooses files, as with the dialogue of a file input."""
        found = self.send("find", using="css selector", value=selector)
        self.send("type", id=found[ELEMENT], text="\n".join(str(path) for path in paths))

    def drag(self, *places: tuple[float, float]) -> None:
        """Presses the mouse at the first place, in CSS pixels, and lets go at the last."""
        moves: list[dict[str, Any]] = [
            {"type": "pointerMove", "x": round(x), "y": round(y), "duration": 50} for x, y in places
        ]
        steps = [
            moves[0],
            {"type": "pointerDown", "button": 0},
            *moves[1:],
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": steps}
        self.send("act", actions=[mouse | {"parameters": {"pointerType": "mouse"}}])

    def press(self, *keys: str) -> None:
        """Holds the keys down, in this order, and lets go of them."""
        steps = [{"type": "keyDown", "value": key} for key in keys]
        steps += [{"type": "keyUp", "value": key} for key in reversed(keys)]
        self.send("act", actions=[{"type": "key", "id": "keyboard", "actions": steps}])

    def screenshot(self, path: Path) -> None:
        """Writes what is seen as PNG, once all changes are painted."""
        self.run(
            "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        path.write_bytes(base64.b64decode(self.send("screenshot", full=False)))

    def fit(self) -> None:
        """Gives the page its size again, where the browser put something of its own beside it."""

    def errors(self) -> list[str]:
        """Errors of the page's scripts and of what it was refused, as the browser prints them."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends what was started."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self) -> None:
        """Starts it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, words: Sequence[str], **options: Any) -> None:
        with self.log.open("ab") as log:
            self._processes.append(subprocess.Popen(words, stdout=log, stderr=log, **options))

    def _connect(self, port: int) -> socket.socket:
        """As soon as somebody listens there."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class Firefox(Browser):
    """Debian's ``firefox-esr``, or ``firefox``, without a window on the screen."""

    _socket: socket.socket | None = None

    def start(self) -> None:
        look = self.look
        program = program_of("firefox-esr", "firefox", package="firefox-esr")
        port = free_port()
        settings = {
            "marionette.port": port,
            "browser.download.dir": str(self.downloads),
            "browser.download.folderList": 2,
            "browser.download.alwaysOpenPanel": False,
            "browser.shell.checkDefaultBrowser": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "app.normandy.enabled": False,
            "app.update.disabledForTesting": True,
            "layout.css.prefers-color-scheme.content-override": 0 if look.dark else 1,
            "ui.primaryPointerCapabilities": COARSE if look.touch else FINE,
            "ui.allPointerCapabilities": COARSE if look.touch else FINE,
            "devtools.console.stdout.content": True,
            "ui.useOverlayScrollbars": 1,
        }
        profile = self.folder / "profile"
        profile.mkdir()
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in settings.items()]
        (profile / "user.js").write_text("".join(lines))
        words = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
        self._run([program, *words, "--profile", str(profile)])
        self._socket = self._connect(port)
        self._answers = self._socket.makefile("rb")
        self._read()
        self._count = 0
        found = self._ask("WebDriver:NewSession", {})["capabilities"]
        self.version = f"Firefox {found['browserVersion']}"
        self._size()

    def send(self, command: str, **arguments: Any) -> Any:
        found = self._ask(COMMANDS[command].marionette, arguments)
        return found["value"] if isinstance(found, dict) and set(found) == {"value"} else found

    def errors(self) -> list[str]:
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if line.startswith(OF_PAGES)]

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        super().close()

    def _size(self) -> None:
        """A window cannot be narrower than 500 pixels; what shows the page in it can."""
        width, height = self.look.width, self.look.height
        self._ask("WebDriver:SetWindowRect", {"width": width + 80, "height": height + 200})
        self._ask("Marionette:SetContext", {"value": "chrome"})
        script = """const { style } = gBrowser.selectedBrowser;
          for (const [name, value] of [["width", arguments[0]], ["height", arguments[1]]]) {
            for (const bound of ["", "min-", "max-"]) style.setProperty(bound + name, `${value}px`);
          }"""
        self._ask("WebDriver:ExecuteScript", {"script": script, "args": [width, height]})
        self._ask("Marionette:SetContext", {"value": "content"})

    def _ask(self, name: str, arguments: Mapping[str, Any]) -> Any:
        self._count += 1
        message = json.dumps([0, self._count, name, arguments]).encode()
        assert self._socket is not None
        self._socket.sendall(b"%d:%b" % (len(message), message))
        _kind, _count, error, value = self._read()
        if error:
            raise RuntimeError(f"{name}: {error['error']}: {error['message']}")
        return value

    def _read(self) -> Any:
        """The next message: its length, a colon, and JSON."""
        length = b""
        while not length.endswith(b":"):
            digit = self._answers.read(1)
            if not digit:
                raise RuntimeError(f"Firefox has ended, see {self.log}")
            length += digit
        return json.loads(self._answers.read(int(length[:-1])))


class WebKit(Browser):
    """WebKitGTK's small browser, on a screen that nobody sees."""

    _at = ""  # the address of the session

    def start(self) -> None:
        self._faults: list[str] = []
        driver = program_of("WebKitWebDriver", package="webkit2gtk-driver")
        screen = program_of("Xvfb", package="xvfb")
        browser = mini_browser()
        number, told = os.pipe()
        size = ["-screen", "0", "2600x1500x24", "-nolisten", "tcp"]
        self._run([screen, *size, "-displayfd", str(told)], pass_fds=[told])
        os.close(told)
        with os.fdopen(number) as line:
            display = line.readline().strip()
        # Its toolbar keeps the window wider than a telephone.
        config = self.folder / "config"
        (config / "gtk-3.0").mkdir(parents=True)
        (config / "gtk-3.0" / "gtk.css").write_text(SMALL)
        (config / "user-dirs.dirs").write_text(f'XDG_DOWNLOAD_DIR="{self.downloads}"\n')
        mine = {
            "DISPLAY": f":{display}",
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(config),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "NO_AT_BRIDGE": "1",
        }
        port = free_port()
        self._run([driver, f"--port={port}"], env=os.environ | mine)
        self._connect(port).close()
        words = ["--automation"]
        if self.look.dark:
            words.append("--dark-mode")
        options = {"webkitgtk:browserOptions": {"binary": browser, "args": words}}
        server = f"http://127.0.0.1:{port}/session"
        found = self._ask("POST", server, {"capabilities": {"alwaysMatch": options}})
        self._at = f"{server}/{found['sessionId']}"
        self.version = f"WebKitGTK {found['capabilities']['browserVersion']}"
        self.fit()

    def send(self, command: str, **arguments: Any) -> Any:
        _, method, path = COMMANDS[command]
        body = None if method == "GET" else {k: v for k, v in arguments.items() if k != "id"}
        return self._ask(method, self._at + path.format(**arguments), body)

    def errors(self) -> list[str]:
        return [*self._faults, *self.run("return window.faults")]

    def close(self) -> None:
        if self._at:
            self._ask("DELETE", self._at, None)
        super().close()

    def open(self, url: str) -> None:
        super().open(url)
        self._listen()

    def reload(self) -> None:
        self._faults += self.run("return window.faults")
        super().reload()
        self._listen()

    def fit(self) -> None:
        wanted = {"width": self.look.width, "height": self.look.height}
        outer = dict(wanted)
        for _ in range(20):  # it takes a moment, and a bar of downloads may come meanwhile
            self.send("resize", **outer)
            time.sleep(0.15)
            width, height = self.run("return [innerWidth, innerHeight]")
            if (width, height) == (self.look.width, self.look.height):
                return
            outer["width"] += wanted["width"] - width
            outer["height"] += wanted["height"] - height
        raise RuntimeError(f"the window cannot be made {wanted}")

    def _listen(self) -> None:
        """The driver tells nothing of the console."""
        self.run(
            """window.faults = [];
            const report = console.error;
            console.error = (...words) => { faults.push(words.join(" ")); report(...words); };
            addEventListener("error", ({ message }) => faults.push(message));
            addEventListener("unhandledrejection", ({ reason }) => faults.push(String(reason)));
            addEventListener("securitypolicyviolation", ({ blockedURI, violatedDirective }) =>
              faults.push(`${violatedDirective}: ${blockedURI}`));"""
        )

    def _ask(self, method: str, address: str, body: Mapping[str, Any] | None) -> Any:
        request = urllib.request.Request(
            address,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise RuntimeError(f"{address}: {value['error']}: {value['message']}") from None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def program_of(*names: str, package: str) -> str:
    """The path of the first of these programs that is installed."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise MissingBrowserError(f"{names[0]} is not installed: apt-get install {package}")


def mini_browser() -> str:
    """The path of the browser that WebKitGTK brings; it is not meant to be found by its name."""
    for folder in sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*"), reverse=True):
        if (folder / "MiniBrowser").exists():
            return str(folder / "MiniBrowser")
    raise MissingBrowserError("MiniBrowser is not installed: apt-get install webkit2gtk-driver")
