"""What people are handed, tried: `uvx`, the program for shortcuts, plug-ins, the container.

    make handout-check

builds the wheel and asks these alone. A container is built and run with docker or podman where one
of them works; otherwise its recipe is followed in a folder, which shows that what it copies is
enough, and not that it runs. Programs that need more words than usual get them from the
environment: ``CONTAINER_PROGRAM``, ``CONTAINER_BUILD`` and ``CONTAINER_RUN``.
"""

import configparser
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from release.bench import Bench, ReleaseError, command, run

PHOTO = "examples/coffee.jpg"
IMAGE = "localhost/tintype-release-check"
PATIENCE = 60.0
"""Seconds until a server answers, in which the model is loaded on a busy machine."""

RECIPE = "container/Dockerfile"
LOCKED_DOWN = (
    "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp",
)  # fmt: skip


def photo_in(folder: Path, bench: Bench) -> Path:
    """A new folder with one photograph in it."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(bench.tree / PHOTO, folder / "photo.jpg"))


def check_uvx(bench: Bench) -> str:
    """The wheel colours a photograph without being installed."""
    tools, work = bench.python("tools"), bench.work / "uvx"
    run([tools, "-m", "pip", "install", "--quiet", "uv"], cwd=bench.work)
    photo_in(work, bench)
    uvx = tools.with_name("uvx.exe" if os.name == "nt" else "uvx")
    words = [uvx, "--python", sys.executable, "--from", bench.wheel, "tintype", "photo.jpg"]
    said = run(words, cwd=work, UV_CACHE_DIR=str(bench.work / "uv-cache")).strip()
    if said != "photo.color.jpg" or not (work / said).is_file():
        raise ReleaseError(f"it says {said!r}")
    return f"uvx --from {bench.wheel.name} tintype photo.jpg"


# ----- the page, and shortcuts to it -----


def asked(port: int, method: str, path: str, body: bytes = b"", key: str = "") -> tuple[int, bytes]:
    """Status and body of the answer to a request to this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def found_in(log: Path, pattern: str) -> str:
    """The first group of a pattern, as soon as a log has it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if match := re.search(pattern, log.read_text(encoding="utf-8", errors="replace")):
            return match[1]
        time.sleep(0.2)
    raise ReleaseError(f"the server never said {pattern}: {log.read_text()[-500:]}")


@contextmanager
def serving(words: list[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server whose words go to a file; it is ended, and has to end well."""
    with log.open("wb") as out:
        # Where nobody can open a browser, none is opened.
        env = os.environ | {"BROWSER": "true"}
        server = subprocess.Popen(list(map(str, words)), stdout=out, stderr=out, env=env)
    try:
        yield server
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    finally:
        server.kill()


def check_page(bench: Bench) -> str:
    """The installed command serves the page, colours over HTTP, and stops when it is told to."""
    work = bench.work / "page"
    photo = photo_in(work, bench)
    log = work / "log"
    with serving([command(bench), "serve", "--port", "0", "--no-browser"], log):
        port = int(found_in(log, r"http://127\.0\.0\.1:(\d+)/"))
        page, colored = (
            asked(port, "GET", "/"),
            asked(port, "POST", "/v1/color", photo.read_bytes()),
        )
    if b"<title>" not in page[1] or (page[0], colored[0]) != (200, 200):
        raise ReleaseError(f"it answers {page[0]} and {colored[0]}")
    if "stopped" not in log.read_text():
        raise ReleaseError("it did not stop")
    return f"the page, and {len(colored[1]):,} bytes of a coloured photograph"


def check_desktop(bench: Bench) -> str:
    """The program for shortcuts is installed, and a shortcut starts it."""
    program = command(bench, "tintype-desktop")
    if not program.is_file():
        raise ReleaseError(f"{program.name} is not installed")
    made = run([command(bench), "shortcut", "--into", bench.work / "desktop"], cwd=bench.work)
    if sys.platform in {"win32", "darwin"}:
        return ", ".join(Path(line).name for line in made.splitlines())
    entries = [Path(line) for line in made.splitlines()]
    for path in entries:
        parser = configparser.RawConfigParser()
        parser.read(path, encoding="utf-8")
        if shlex.split(parser["Desktop Entry"]["exec"])[0] != str(program):
            raise ReleaseError(f"{path.name} starts another program")
        if shutil.which("desktop-file-validate"):
            run(["desktop-file-validate", path], cwd=bench.work)
    # With a photograph, and without a screen: it is coloured, and the reason is a line.
    photo = photo_in(bench.work / "desktop", bench)
    env = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    subprocess.run([program, photo], cwd=bench.work, env=env, capture_output=True, check=False)
    if not photo.with_name("photo.color.jpg").is_file():
        raise ReleaseError("a photograph that it was given is not coloured")
    return ", ".join(path.name for path in entries)


# ----- the plug-ins -----

IN_PLUGIN = """
import pathlib, sys
from tintype_client import Client
colored = Client(sys.argv[1]).color(pathlib.Path(sys.argv[2]).read_bytes())
sys.exit(not colored.startswith(b"\\x89PNG"))
"""
"""What a plug-in does with the server, with the client of its own archive."""


def check_plugins(bench: Bench) -> str:
    """Each archive compiles, and its client has the installed command colour a photograph."""
    work, python = bench.work / "plugins", bench.python("alone")
    photo = photo_in(work, bench)
    made = run([sys.executable, bench.tree / "plugins" / "pack.py", work], cwd=bench.work)
    archives = [Path(line) for line in made.splitlines()]
    log = work / "log"
    with serving([command(bench), "serve", "--port", "0", "--no-browser"], log):
        server = found_in(log, r"(http://127\.0\.0\.1:\d+/)")
        for archive in archives:
            home = work / archive.stem
            shutil.unpack_archive(archive, home)
            run([python, "-m", "compileall", "-q", home], cwd=work)
            (folder,) = {path.parent for path in home.rglob("tintype_client.py")}
            run([python, "-c", IN_PLUGIN, server, photo], cwd=folder)
    return ", ".join(archive.name for archive in archives)


# ----- the container -----


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a recipe with what follows them, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name.upper(), rest.strip()) for name, _, rest in found]


def recipe_faults(text: str) -> list[str]:
    """What a recipe does that this image must not do."""
    steps = instructions(text)
    last = len(steps) - 1 - [name for name, _ in steps][::-1].index("FROM")
    final = dict(steps[last:])
    user = final.get("USER", "root").partition(":")[0]
    faults = [] if user.isdigit() and int(user) > 0 else [f"it runs as {user}, not as a number"]
    faults += [f"{name} is missing" for name in ("HEALTHCHECK", "ENTRYPOINT") if name not in final]
    faults += [f"{name} {rest}" for name, rest in steps if name in {"ADD", "VOLUME"}]
    base = next((rest for name, rest in steps if name == "ARG" and rest.startswith("BASE=")), "")
    if not re.fullmatch(r"BASE=[\w./-]+:(?!latest)[\w.-]+", base):
        faults.append(f"the base has no version: {base}")
    for name, rest in steps:
        if name == "RUN" and "apt-get install" in rest and "--no-install-recommends" not in rest:
            faults.append(f"it installs more than it needs: {rest}")
    kept = [rest for name, rest in steps[last:] if name == "RUN" and "apt-get update" in rest]
    faults += [f"it keeps lists: {rest}" for rest in kept if "/var/lib/apt/lists" not in rest]
    return faults


def context_of(tree: Path, target: Path) -> None:
    """Copies what a build is given: of `.dockerignore`, what an exclamation mark lets in."""
    lines = (tree / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if "*" not in lines:
        raise ReleaseError(".dockerignore does not begin with everything")
    for name in (line[1:] for line in lines if line.startswith("!")):
        source, place = tree / name, target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)


def container_program(environment: Mapping[str, str]) -> list[str] | None:
    """A program that can build and run images here; None without one."""
    asked_for = shlex.split(environment.get("CONTAINER_PROGRAM", ""))
    for words in [asked_for] if asked_for else [["docker"], ["podman"]]:
        if shutil.which(words[0]):
            done = subprocess.run([*words, "info"], capture_output=True, check=False)
            if done.returncode == 0:
                return words
    return None


def check_container(bench: Bench) -> str:
    """The image colours without a network, serves the page, and stops when it is told to."""
    if faults := recipe_faults((bench.tree / RECIPE).read_text(encoding="utf-8")):
        raise ReleaseError("; ".join(faults))
    program = container_program(os.environ)
    if program is None:
        return follow_recipe(bench)
    # Podman's own format has no place for a health check.
    more = ["--format=docker"] if Path(program[0]).name == "podman" else []
    more += shlex.split(os.environ.get("CONTAINER_BUILD", ""))
    run([*program, "build", *more, "--tag", IMAGE, "--file", RECIPE, "."], cwd=bench.tree)
    start = [*program, "run", *shlex.split(os.environ.get("CONTAINER_RUN", "")), *LOCKED_DOWN]
    return f"{colored_in_container(bench, start)}; {served_from_container(bench, start, program)}"


def colored_in_container(bench: Bench, start: list[str]) -> str:
    """A photograph of a mounted folder, without any network."""
    photo = photo_in(bench.work / "container", bench)
    photo.parent.chmod(0o777)
    mount = f"--volume={photo.parent}:/photos"
    alone = [word for word in start if not word.startswith("--network")]
    said = run([*alone, "--rm", "--network=none", mount, IMAGE, photo.name], cwd=bench.work)
    if said.strip() != "photo.color.jpg":
        raise ReleaseError(f"it says {said!r}")
    return "coloured without a network"


def served_from_container(bench: Bench, start: list[str], program: list[str]) -> str:
    """The page: healthy, closed without a code, open with it, and ended by SIGTERM."""
    name, log = f"tintype-release-check-{os.getpid()}", bench.work / "container" / "log"
    host = "--network=host" in start
    ports = [] if host else ["--publish=127.0.0.1:7839:7839"]
    words = [*start, f"--name={name}", "--detach", *ports, IMAGE]
    run(words, cwd=bench.work)
    try:
        end, code = time.monotonic() + PATIENCE, ""
        while not code and time.monotonic() < end:
            done = subprocess.run([*program, "logs", name], capture_output=True, check=False)
            log.write_bytes(done.stdout + done.stderr)
            code = "".join(re.findall(r"with the code ([\w-]+)", log.read_text())[-1:])
            time.sleep(0.5)
        test = json.loads(run([*program, "inspect", name], cwd=bench.work))[0]["Config"]
        if "Healthcheck" not in test:
            raise ReleaseError("the image has no health check")
        health = test["Healthcheck"]["Test"][1:]
        run([*program, "exec", name, *health], cwd=bench.work)
        if asked(7839, "GET", "/v1/status")[0] != 401:
            raise ReleaseError("it answers without a code")
        key = json.loads(asked(7839, "POST", "/v1/entry", json.dumps({"code": code}).encode())[1])
        status = asked(7839, "GET", "/v1/status", key=key["key"])[0]
        if status != 200:
            raise ReleaseError(f"with a code it answers {status}")
        run([*program, "stop", "-t", "20", name], cwd=bench.work)
        state = json.loads(run([*program, "inspect", name], cwd=bench.work))[0]["State"]
        if state["ExitCode"] != 0:
            raise ReleaseError(f"it ended with {state['ExitCode']}")
    finally:
        subprocess.run([*program, "rm", "--force", name], capture_output=True, check=False)
    return "healthy, opened by a code, stopped"


def follow_recipe(bench: Bench) -> str:
    """Does in a folder what the recipe does with pip: what it copies has to be enough."""
    source, home = bench.work / "container" / "source", bench.work / "container" / "opt"
    context_of(bench.tree, source)
    text = (bench.tree / RECIPE).read_text(encoding="utf-8")
    steps = [rest for name, rest in instructions(text) if name == "RUN" and "pip install" in rest]
    if len(steps) != 1:
        raise ReleaseError(f"{len(steps)} steps install something")
    script = steps[0].replace("/opt/tintype", shlex.quote(str(home)))
    script = script.replace("/source", shlex.quote(str(source))).replace("python3 ", "$PYTHON ", 1)
    run(["sh", "-ec", f"PYTHON={shlex.quote(sys.executable)}; {script}"], cwd=bench.work)
    photo = photo_in(bench.work / "container" / "photos", bench)
    run([home / "bin" / "tintype", photo], cwd=bench.work)
    return "neither docker nor podman works here: the recipe alone was followed, in a folder"


HANDED_OUT: tuple[tuple[str, Callable[[Bench], str]], ...] = (
    ("uvx", check_uvx),
    ("page", check_page),
    ("desktop", check_desktop),
    ("plugins", check_plugins),
    ("container", check_container),
)
