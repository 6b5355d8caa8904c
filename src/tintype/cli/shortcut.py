"""The command `tintype shortcut`: adds the page to the desktop menu.

Installing the package adds nothing to menus, so this command does. Each system has its own form:
desktop entries (Linux), an application bundle (macOS), shell links (Windows).
"""

import os
import plistlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from tintype._version import __version__
from tintype.cli.parsing import Command, Option
from tintype.cli.show import print_path, say
from tintype.cli.values import FolderType
from tintype.errors import TintypeError, WriteError, brief, reason, shown
from tintype.files.atomic import write_atomically
from tintype.files.own import check_replaceable

PROGRAM = "tintype-desktop"


@dataclass(frozen=True, slots=True)
class ShortcutArguments:
    """Arguments of `tintype shortcut`; None stands for options that are not given."""

    into: Path | None


def make_shortcut(argv: ShortcutArguments) -> int:
    """Writes the shortcuts for this system, and prints their paths.

    Args:
        argv: The parsed arguments.

    Returns:
        The exit code.

    Raises:
        TintypeError: The program is not installed, or a file cannot be written.
    """
    program = installed_program()
    folder = argv.into or default_folder(sys.platform, os.environ)
    try:
        if sys.platform == "win32":
            made = _write_links(folder, program)
        elif sys.platform == "darwin":
            made = [_write_bundle(folder, program)]
        else:
            made = _write_entries(folder, program)
    except OSError as error:
        place = error.filename or folder
        raise WriteError(f"{shown(place)} cannot be written: {reason(error)}.") from error
    for path in made:
        print_path(str(path))
    say("The shortcut opens the page. Create it again after moving or reinstalling Tintype.")
    return 0


def installed_program() -> Path:
    """The program that shortcuts start, installed beside the command.

    Raises:
        TintypeError: It is not installed.
    """
    name = f"{PROGRAM}.exe" if os.name == "nt" else PROGRAM
    user = sysconfig.get_preferred_scheme("user")
    places = (sysconfig.get_path("scripts"), sysconfig.get_path("scripts", user))
    for place in places:
        if (path := Path(place) / name).is_file():
            return path
    if found := shutil.which(PROGRAM):
        return Path(found).absolute()
    raise TintypeError(f"{name} is not in {places[0]}.", advice="Install Tintype again.")


def default_folder(platform: str, environment: Mapping[str, str]) -> Path:
    """The folder in which a system's menu looks for a user's own programs.

    Args:
        platform: As `sys.platform`.
        environment: As `os.environ`.

    Raises:
        TintypeError: The user has no such folder.
    """
    try:
        home = Path.home()
        if platform == "win32":
            return Path(environment["APPDATA"]) / "Microsoft/Windows/Start Menu/Programs"
    except (KeyError, RuntimeError) as error:
        raise TintypeError(
            "This user has no folder for shortcuts.", advice="Name one with --into."
        ) from error
    if platform == "darwin":
        return home / "Applications"
    data = Path(environment.get("XDG_DATA_HOME", ""))
    # According to the XDG specification, a relative path is ignored.
    return (data if data.is_absolute() else home / ".local/share") / "applications"


def _write_own(path: Path, text: str, *, mark: str) -> None:
    """Writes a file; replaces an existing one only if it contains the same marker."""
    check_replaceable(path, lambda data: mark.encode() in data, overwrite=True, what="a shortcut")
    write_atomically(path, text.encode(), overwrite=True)


# ----- Linux -----


def _write_entries(folder: Path, program: Path) -> list[Path]:
    from tintype.photo.formats.registry import CODECS

    folder.mkdir(parents=True, exist_ok=True)
    icon = files("tintype.web") / "page" / "icon.svg"
    mark = "X-Tintype=shortcut\n"
    common = f"[Desktop Entry]\nType=Application\nIcon={icon}\nCategories=Graphics;Photography;\n"
    common += mark
    types = "".join(f"{name};" for name in dict.fromkeys(codec.mime for codec in CODECS))
    page = photos = _quoted(program)
    terminal = "false"
    if find_spec("_tkinter") is None:
        say("Without tkinter (python3-tk) there is no window; the shortcut opens a terminal.")
        command = _quoted(program.with_name("tintype"))
        page, photos, terminal = f"{command} serve", f"{command} --", "true"
    entries = {
        "tintype.desktop": (
            f"{common}Name=Tintype\nComment=Colour black-and-white photographs\n"
            f"Exec={page}\nTerminal={terminal}\n"
        ),
        # Only in the context menu of files.
        "tintype-color.desktop": (
            f"{common}Name=Colour with Tintype\nComment=Writes a coloured copy beside it\n"
            f"Exec={photos} %F\nTerminal={terminal}\nNoDisplay=true\nMimeType={types}\n"
        ),
    }
    for name, text in entries.items():
        _write_own(folder / name, text, mark=mark)
    return [folder / name for name in entries]


def _quoted(program: Path) -> str:
    """A path for an ``Exec`` key: quoted, with backslashes doubled and field codes escaped."""
    text = str(program)
    for letter in '\\"`$':
        text = text.replace(letter, f"\\{letter}")
    return f'"{text}"'.replace("\\", "\\\\").replace("%", "%%")


# ----- macOS -----


def _write_bundle(folder: Path, program: Path) -> Path:
    bundle = folder / "Tintype.app"
    inside = bundle / "Contents" / "MacOS"
    inside.mkdir(parents=True, exist_ok=True)
    identifier = "tintype.page"
    facts = {
        "CFBundleName": "Tintype",
        "CFBundleIdentifier": identifier,
        "CFBundlePackageType": "APPL",
        "CFBundleExecutable": "Tintype",
        "CFBundleShortVersionString": __version__,
        "NSHighResolutionCapable": True,
    }
    _write_own(bundle / "Contents" / "Info.plist", plistlib.dumps(facts).decode(), mark=identifier)
    script = inside / "Tintype"
    escaped = str(program).replace("'", "'\\''")
    text = f"#!/bin/sh\n# {identifier}\nexec '{escaped}'\n"
    _write_own(script, text, mark=identifier)
    script.chmod(0o755)
    return bundle


# ----- Windows -----

# Paths are passed in the environment, where the shell does not interpret them.
_MAKE_LINK = (
    "$link = (New-Object -ComObject WScript.Shell).CreateShortcut($env:TINTYPE_LINK);"
    "if ((Test-Path $env:TINTYPE_LINK) -and ($link.TargetPath -notlike '*tintype-desktop.exe'))"
    "{ [Console]::Error.Write('it exists and points elsewhere'); exit 3 }"
    "$link.TargetPath = $env:TINTYPE_TARGET; $link.Description = $env:TINTYPE_TEXT; $link.Save()"
)


def _write_links(folder: Path, program: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    links = {folder / "Tintype.lnk": "Colour black-and-white photographs"}
    send_to = folder.parents[1] / "SendTo" if len(folder.parents) > 1 else folder
    if send_to.is_dir():  # beside the start menu: the targets of "Send to"
        links[send_to / "Tintype.lnk"] = "Write a coloured copy beside it"
    for link, text in links.items():
        given = {"TINTYPE_LINK": str(link), "TINTYPE_TARGET": str(program), "TINTYPE_TEXT": text}
        done = subprocess.run(
            ["powershell", "-NoProfile", "-NonInteractive", "-Command", _MAKE_LINK],
            env=os.environ | given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0 or not link.is_file():
            why = brief(" ".join(done.stderr.split()), most=200)
            raise WriteError(f"{shown(link)} cannot be written: {why}.")
    return list(links)


SHORTCUT = Command(
    "shortcut",
    arguments=ShortcutArguments,
    run=make_shortcut,
    usage="[OPTIONS]",
    help="""Adds a shortcut for the page to the desktop menu.

    On Linux and Windows, photographs can also be opened with Tintype, or sent to it, from a file's
    context menu; a coloured copy is then written beside them.""",
    params=[
        Option(
            "--into",
            type=FolderType(),
            metavar="DIR",
            show_default="the user's programs folder",
            help="Write the shortcut to this folder.",
        ),
    ],
)
