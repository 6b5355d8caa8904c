from collections.abc import Sequence

import click
import pytest

from tintype.cli import options
from tintype.cli.app import main
from tintype.cli.options import COMMANDS, parse_photos
from tintype.photo.formats.registry import FORMATS, writable_formats


def test_nothing_given_is_none() -> None:
    words = parse_photos(["x.jpg"])
    assert words.photos == ("x.jpg",)
    given = {name: getattr(words, name) for name in words.__slots__ if name != "photos"}
    flags = {"recursive", "overwrite", "strip_metadata", "check"}
    assert given.pop("hint") == ()
    assert given == {name: False if name in flags else None for name in given}


def test_everything_given_arrives() -> None:
    typed = (
        "a -o b --into c -r --vividness 1.5 --quality high --format jpg --model m --overwrite "
        "--warmth -0.5 --hint 1,2,#c04030 --hint 3,4,#ffffff,5 --hints h.json "
        "--scribbles s.png --mask m.png --reference r.jpg "
        "--palettes 5 --certainty c.png --settings s.json --save-settings t.json "
        "--strip-metadata --report r --jobs 3 --color-photos skip --check --max-megapixels 0.5 "
        "--keep-luminance exact --contact-sheet s.html --engine ray d"
    )
    words = parse_photos(typed.split())
    assert words == options.PhotoArguments(
        photos=("a", "d"),
        output="b",
        into="c",
        recursive=True,
        vividness=1.5,
        quality="high",
        warmth=-0.5,
        hint=("1,2,#c04030", "3,4,#ffffff,5"),
        hints="h.json",
        scribbles="s.png",
        mask="m.png",
        reference="r.jpg",
        palettes=5,
        certainty="c.png",
        settings="s.json",
        save_settings="t.json",
        format="JPEG",
        model="m",
        overwrite=True,
        strip_metadata=True,
        keep_luminance="exact",
        report="r",
        contact_sheet="s.html",
        jobs=3,
        color_photos="skip",
        check=True,
        max_megapixels=0.5,
        engine="ray",
    )


@pytest.mark.parametrize("form", sorted(writable_formats()))
def test_formats_by_name_and_by_every_ending(form: str) -> None:
    for spelling in (form, form.lower(), *FORMATS[form].suffixes, FORMATS[form].suffixes[0][1:]):
        assert parse_photos(["x", "--format", spelling]).format == form


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--format", "gif", "x"], "none of jpeg, png, tiff"),
        (["--format", "", "x"], "none of"),
        (["--quality", "best", "x"], "'fast', 'normal', 'high'"),
        (["--vividness", "much", "x"], "not a valid float"),
        (["--vivid", "1", "x"], "--vividness"),
        (["--jobs", "0", "x"], "x>=1"),
        (["--max-megapixels", "0", "x"], "not above 0"),
        (["--max-megapixels", "nan", "x"], "not above 0"),
        (["--max-megapixels", "inf", "x"], "not above 0"),
        (["--color-photos", "maybe", "x"], "skip"),
        (["--overwrite"], "PHOTO"),
        (["x", "-o"], "requires an argument"),
    ],
)
def test_words_that_do_not_fit(words: Sequence[str], what: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        parse_photos(words)
    assert what in caught.value.format_message()


def test_words_after_two_dashes_are_files() -> None:
    assert parse_photos(["--", "-x.jpg", "--help", "-"]).photos == ("-x.jpg", "--help", "-")


def test_the_first_page_is_short_and_the_second_has_everything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    first = capsys.readouterr().out
    assert main(["--help-all"]) == 0
    second = capsys.readouterr().out
    flags = [line for line in first.splitlines() if line.startswith("  -")]
    assert 10 <= len(flags) <= 15
    for rare in ("--color-photos", "--check", "--max-megapixels"):
        assert rare not in first
        assert rare in second
    for param in options._PHOTOS.params:
        if isinstance(param, click.Option):
            assert all(name in second for name in param.opts)
            assert param.help
    for command in COMMANDS:
        assert f"tintype {command}" in first
    assert max(map(len, second.splitlines())) <= 80


@pytest.mark.parametrize("command", ["models", "inspect"])
def test_commands_have_help_of_their_own(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: tintype {command}")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    from tintype import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tintype {__version__}\n"


def test_no_words_at_all_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Usage: tintype" in said.err
