"""Shortcuts to the page: each system's own form, with a program that is there."""

import configparser
import os
import plistlib
import subprocess
import sys
import sysconfig
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from tintype.cli import shortcut
from tintype.cli.app import main
from tintype.cli.shortcut import default_folder, installed_program
from tintype.errors import TintypeError


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed program, in a folder with every letter that needs care."""
    path = tmp_path / 'it\'s a 100% "$HOME" folder' / "tintype-desktop"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho started\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setattr(shortcut, "installed_program", lambda: path)
    return path


def entry(path: Path) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return parser["Desktop Entry"]


def run_of(text: str) -> list[str]:
    """The words of a key ``Exec``: after its own escapes it is quoted as a shell quotes."""
    command = text.replace("\\\\", "\\").replace("%%", "%")
    return subprocess.check_output(
        ["sh", "-c", f"printf '%s\\n' {command}"], text=True
    ).splitlines()


@pytest.mark.skipif(os.name != "posix", reason="there is no shell to ask")
def test_on_linux_there_are_an_entry_for_the_page_and_one_for_photographs(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shortcut, "find_spec", lambda _name: object())
    folder = tmp_path / "applications"
    assert main(["shortcut", "--into", str(folder)]) == 0
    page, photos = folder / "tintype.desktop", folder / "tintype-color.desktop"
    assert capfd.readouterr().out.split() == [str(page), str(photos)]
    assert run_of(entry(page)["Exec"]) == [str(program)]
    assert run_of(entry(photos)["Exec"]) == [str(program), "%F"]
    assert {"image/jpeg", "image/tiff", "image/png"} <= set(entry(photos)["MimeType"].split(";"))
    assert main(["shortcut", "--into", str(folder)]) == 0  # after Tintype was installed anew
    for path in (page, photos):
        assert Path(entry(path)["Icon"]).is_file()
        assert entry(path)["Type"] == "Application"


@pytest.mark.skipif(os.name != "posix", reason="there is no shell to ask")
def test_without_a_window_the_entries_open_a_terminal(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shortcut, "find_spec", lambda _name: None)
    assert main(["shortcut", "--into", str(tmp_path / "menu")]) == 0
    assert "python3-tk" in capfd.readouterr().err
    page = entry(tmp_path / "menu" / "tintype.desktop")
    assert run_of(page["Exec"]) == [str(program.with_name("tintype")), "serve"]
    photos = entry(tmp_path / "menu" / "tintype-color.desktop")
    assert run_of(photos["Exec"]) == [str(program.with_name("tintype")), "--", "%F"]
    assert page["Terminal"] == photos["Terminal"] == "true"


def test_on_macos_there_is_a_bundle_that_starts(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert main(["shortcut", "--into", str(tmp_path / "Applications")]) == 0
    contents = tmp_path / "Applications" / "Tintype.app" / "Contents"
    facts = plistlib.loads((contents / "Info.plist").read_bytes())
    script = contents / "MacOS" / facts["CFBundleExecutable"]
    assert f"{program.parent.name}".replace("'", "'\\''") in script.read_text(encoding="utf-8")
    if os.name == "posix":
        assert subprocess.check_output([script], text=True) == "started\n"
    # Made again after Tintype was installed elsewhere; another program of that name stays.
    assert main(["shortcut", "--into", str(tmp_path / "Applications")]) == 0
    (contents / "Info.plist").write_bytes(plistlib.dumps({"CFBundleIdentifier": "org.other"}))
    assert main(["shortcut", "--into", str(tmp_path / "Applications")]) == 3
    assert b"org.other" in (contents / "Info.plist").read_bytes()


@pytest.mark.parametrize("works", [True, False])
def test_on_windows_the_shell_makes_links(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any, works: bool
) -> None:
    made: list[tuple[str, str]] = []

    def powershell(words: list[str], env: dict[str, str], **_rest: object) -> Any:
        assert words[0] == "powershell"
        assert "-notlike '*tintype-desktop.exe'" in words[-1]  # a link to another program stays
        assert str(program) not in " ".join(words)
        made.append((env["TINTYPE_LINK"], env["TINTYPE_TARGET"]))
        if works:
            Path(env["TINTYPE_LINK"]).touch()
        return subprocess.CompletedProcess(words, 0 if works else 1, "", "Access\r\nis denied.")

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "run", powershell)
    folder = tmp_path / "Windows" / "Start Menu" / "Programs"
    (tmp_path / "Windows" / "SendTo").mkdir(parents=True)
    assert main(["shortcut", "--into", str(folder)]) == (0 if works else 1)
    links = [folder / "Tintype.lnk", tmp_path / "Windows" / "SendTo" / "Tintype.lnk"]
    if works:
        assert made == [(str(link), str(program)) for link in links]
    else:
        assert "Access is denied." in capfd.readouterr().err


def test_each_system_has_its_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_folder("linux", {}) == tmp_path / ".local/share/applications"
    assert default_folder("linux", {"XDG_DATA_HOME": "relative"}).is_relative_to(tmp_path)
    assert default_folder("linux", {"XDG_DATA_HOME": "/data"}) == Path("/data/applications")
    assert default_folder("darwin", {}) == tmp_path / "Applications"
    windows = default_folder("win32", {"APPDATA": "C:/Users/me/AppData/Roaming"})
    assert PureWindowsPath(windows).parts[-3:] == ("Windows", "Start Menu", "Programs")
    with pytest.raises(TintypeError, match="--into"):
        default_folder("win32", {})


def test_a_program_that_is_not_installed_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda *_words: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TintypeError, match="Install Tintype again"):
        installed_program()
    name = "tintype-desktop.exe" if os.name == "nt" else "tintype-desktop"
    (tmp_path / name).touch()
    assert installed_program() == tmp_path / name


def test_a_folder_that_cannot_be_written_is_one_line(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "file").touch()
    assert main(["shortcut", "--into", str(tmp_path / "file" / "below")]) == 1
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "below cannot be written" in said
