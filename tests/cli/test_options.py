"""The options of every command: what the words become, and what the help shows."""

import re
from collections.abc import Sequence

import click
import pytest

from tintype.cli.app import main
from tintype.cli.group import COLOR, COMMANDS, TINTYPE
from tintype.cli.options import PHOTOS, PhotoArguments
from tintype.engine.setting_row import Interface
from tintype.engine.settings import rows_of
from tintype.photo.formats.registry import FORMATS, writable_formats

EVERY = (COLOR, *COMMANDS)


def parse_photos(words: Sequence[str]) -> PhotoArguments:
    return PhotoArguments.of(**PHOTOS.make_context("tintype", list(words)).params)


def command_of(name: str) -> click.Command:
    command = TINTYPE.get_command(click.Context(TINTYPE), name)
    assert command is not None
    return command


def options_of(name: str) -> dict[str, click.Option]:
    found = (param for param in command_of(name).params if isinstance(param, click.Option))
    return {option.opts[-1]: option for option in found}


def test_nothing_given_is_none() -> None:
    words = parse_photos(["x.jpg"])
    assert words.photos == ("x.jpg",)
    given = {name: getattr(words, name) for name in words.__slots__ if name != "photos"}
    flags = {"recursive", "overwrite", "check", "sandbox", "dry_run"}
    assert given.pop("hint") == ()
    assert given.pop("given") == {}
    assert given == {name: False if name in flags else None for name in given}


def test_everything_given_arrives() -> None:
    typed = (
        "a -o b --into c -r --vividness 1.5 --quality high --format jpg --model m --overwrite "
        "--warmth -0.5 --hint 1,2,#c04030 --hint 3,4,#ffffff,5 --hints h.json "
        "--scribbles s.png --mask m.png --reference r.jpg "
        "--palettes 5 --certainty c.png --settings s.json --save-settings t.json "
        "--strip-metadata --report r --jobs 3 --color-photos skip --check --max-megapixels 0.5 "
        "--keep-luminance exact --contact-sheet s.html --executor ray --sandbox --dry-run d"
    )
    words = parse_photos(typed.split())
    assert words == PhotoArguments(
        photos=("a", "d"),
        output="b",
        into="c",
        recursive=True,
        given={
            "vividness": 1.5,
            "quality": "high",
            "warmth": -0.5,
            "scribbles": "s.png",
            "mask": "m.png",
            "reference": "r.jpg",
            "palettes": 5,
            "format": "JPEG",
            "strip_metadata": True,
            "keep_luminance": "exact",
        },
        hint=("1,2,#c04030", "3,4,#ffffff,5"),
        hints="h.json",
        certainty="c.png",
        settings="s.json",
        save_settings="t.json",
        model="m",
        overwrite=True,
        report="r",
        contact_sheet="s.html",
        jobs=3,
        color_photos="skip",
        check=True,
        sandbox=True,
        max_megapixels=0.5,
        executor="ray",
        dry_run=True,
    )


def test_a_choice_by_its_former_name() -> None:
    for value in ("standard", "usual"):
        words = parse_photos(["x", "--keep-luminance", value])
        assert words.given == {"keep_luminance": "standard"}
    choice = options_of(COLOR)["--keep-luminance"].type
    assert isinstance(choice, click.Choice)
    assert tuple(choice.choices) == ("standard", "exact")


@pytest.mark.parametrize("form", sorted(writable_formats()))
def test_formats_by_name_and_by_every_ending(form: str) -> None:
    for spelling in (form, form.lower(), *FORMATS[form].suffixes, FORMATS[form].suffixes[0][1:]):
        assert parse_photos(["x", "--format", spelling]).given["format"] == form


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--format", "gif", "x"], "one of jpeg, png, tiff"),
        (["--format", "", "x"], "not one of"),
        (["--quality", "best", "x"], "'fast', 'normal', 'high'"),
        (["--vividness", "much", "x"], "not a valid float"),
        (["--vividnes", "1", "x"], "--vividness"),
        (["--jobs", "0", "x"], "1<=x<=1024"),
        (["--max-megapixels", "0", "x"], "not above 0"),
        (["--max-megapixels", "nan", "x"], "not above 0"),
        (["--max-megapixels", "inf", "x"], "more than 1,000,000"),
        (["--max-megapixels", "1e7", "x"], "more than 1,000,000"),
        (["--max-megapixels", "1_0", "x"], "not a valid float"),
        (["--vividness", "1_0", "x"], "not a valid float"),
        (["--warmth", "\u0661", "x"], "not a valid float"),
        (["--warmth", " 1", "x"], "not a valid float"),
        (["--palettes", "1_0", "x"], "not a valid integer"),
        (["--palettes", "+1", "x"], "not a valid integer"),
        (["--palettes", "9" * 5000, "x"], "not a valid integer"),
        (["--jobs", "\u0664", "x"], "not a valid integer"),
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
    for param in PHOTOS.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert all(name in second for name in param.opts)
            assert param.help
    for command in COMMANDS:
        assert f"tintype {command}" in first
    assert max(map(len, second.splitlines())) <= 80


@pytest.mark.parametrize("name", EVERY, ids=lambda name: name or "photos")
def test_every_command_has_help_in_one_style(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*([name] if name else []), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: tintype {name}".strip() + " [OPTIONS]")
    assert max(map(len, shown.splitlines())) <= 80
    assert "  -h, --help" in shown
    assert not re.search(r"\b[Uu]sual|\bSay\b", shown)
    for option in options_of(name).values():
        assert option.help
        assert option.help[0].isupper()
        assert option.help.endswith("."), option.opts
        assert option.is_flag == (option.metavar is None) or isinstance(option.type, click.Choice)


def default_of(name: str, option: str) -> str:
    """What the help shows as the default of an option."""
    command = command_of(name)
    extra = options_of(name)[option].get_help_extra(click.Context(command))
    return str(extra.get("default", ""))


@pytest.mark.parametrize("interface", ["command", "film"])
def test_the_settings_of_the_help_are_those_of_the_table(interface: Interface) -> None:
    found = options_of(COLOR if interface == "command" else "video")
    for row in rows_of(interface).values():
        if row.kind == "hints":
            assert "--hint" in found
            continue
        option = found[f"--{row.name.replace('_', '-')}"]
        assert row.help.removesuffix(".") in str(option.help)
        assert row.range_text in str(option.help)
        shown = default_of(COLOR if interface == "command" else "video", option.opts[-1])
        assert shown == row.default_text(interface)
        if row.kind == "choice":
            assert isinstance(option.type, click.Choice)
            assert tuple(option.type.choices) == row.choices


def test_the_old_name_of_the_executor_works_with_a_note(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse_photos(["x", "--engine", "ray"]).executor == "ray"
    assert capsys.readouterr().err == (
        "tintype: --engine is now called --executor; the next version removes the old name.\n"
    )
    assert parse_photos(["x", "--executor", "ray"]).executor == "ray"
    assert parse_photos(["x"]).executor is None
    assert capsys.readouterr().err == ""


def test_the_defaults_that_help_shows_are_those_of_the_code() -> None:
    from tintype.engine.bundle import DEFAULT_NAME
    from tintype.jobs.color_files import RunOptions
    from tintype.web.server_options import PORT, ServerOptions

    serve = ServerOptions()
    megapixels = f"{RunOptions().max_pixels / 1e6:g}"
    assert {
        (COLOR, "--max-megapixels"): megapixels,
        (COLOR, "--model"): DEFAULT_NAME,
        ("video", "--model"): DEFAULT_NAME,
        ("serve", "--model"): DEFAULT_NAME,
        ("serve", "--host"): serve.host,
        ("serve", "--port"): f"{PORT}, or another if it is taken",
        ("serve", "--queue"): str(serve.waiting),
        ("serve", "--memory"): str(serve.memory),
        ("serve", "--max-megapixels"): f"{serve.max_pixels / 1e6:g}",
    } == {
        key: default_of(*key)
        for key in [
            *((COLOR, f"--{n}") for n in ("max-megapixels", "model")),
            ("video", "--model"),
            *(("serve", f"--{n}") for n in ("model", "host", "port", "queue", "memory")),
            ("serve", "--max-megapixels"),
        ]
    }


def test_the_defaults_of_films_that_help_shows_are_those_of_the_code() -> None:
    pytest.importorskip("av", reason="the video extra is not installed")
    pytest.importorskip("cv2", reason="the video extra is not installed")
    from tintype.video.defaults import EVERY, STEADY
    from tintype.video.encoding import _ENCODERS

    assert default_of("video", "--steady") == f"{STEADY:g}"
    assert default_of("video", "--every") == str(EVERY)
    assert default_of("video", "--codec").startswith(next(iter(_ENCODERS)))
    crf = ", ".join(f"{e.crf:g} for {name}" for name, e in _ENCODERS.items() if e.crf is not None)
    assert default_of("video", "--crf") == crf


def test_the_defaults_of_an_audit_are_those_of_a_recipe() -> None:
    pytest.importorskip("pydantic", reason="the learn extra is not installed")
    from tintype.learn.recipe import DataRecipe

    recipe, options = DataRecipe(), options_of("data")
    assert options["--min-colorfulness"].default == recipe.min_colorfulness
    assert options["--dev-share"].default == recipe.dev_share


# ----- one or more values -----


def parsed(name: str, *words: str) -> dict[str, object]:
    return command_of(name).make_context(name, list(words)).params


def test_several_values_may_follow_one_option() -> None:
    words = ["r.toml", "--data", "a", "b.zip", "c", "--resume", "--never", "x", "y"]
    found = parsed("train", *words)
    assert [str(path) for path in found["data"]] == ["a", "b.zip", "c"]  # type: ignore[attr-defined]
    assert [str(path) for path in found["never"]] == ["x", "y"]  # type: ignore[attr-defined]
    assert found["resume"] is True
    # The option may also be repeated, and the argument may stand between or after --.
    assert parsed("train", "--data", "a", "b.zip", "c", "--resume", "--never", "x", "y", "--",
                  "r.toml") == found  # fmt: skip
    assert parsed("train", "--data", "a", "--data", "b.zip", "c", "--resume", "r.toml",
                  "--never", "x", "--never=y") == found  # fmt: skip


def test_an_option_ends_the_values_of_the_one_before() -> None:
    found = parsed("evaluate", "m", "--data", "d", "--vividness", "1", "0.4", "--size", "64")
    assert found["vividness"] == (1.0, 0.4)
    assert found["size"] == 64
    assert found["hints"] == (0,)
    assert parsed("evaluate", "m", "--data", "d", "--hints", "0", "5")["hints"] == (0, 5)


@pytest.mark.parametrize(
    ("words", "value"), [(["--distribution"], 0.0), (["--distribution", "0.7"], 0.7), ([], None)]
)
def test_the_number_of_an_option_may_be_left_out(words: list[str], value: float | None) -> None:
    assert parsed("evaluate", *words, "m", "--data", "d")["distribution"] == value


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["train"], "Missing argument 'RECIPE'. Run tintype train --help."),
        (["data"], "Missing argument 'audit'. Choose from: audit. Run tintype data --help."),
        (["completion"], "Choose from: bash, zsh, fish, powershell. Run tintype completion"),
        (["train", "r.toml"], "Missing option '--data'"),
        (["train", "r.toml", "--data", "--resume"], "Option '--data' requires an argument."),
        (["train", "--data", "--", "r.toml"], "Option '--data' requires an argument."),
        (["train", "r.toml", "--data", "d", "--date", "e"], "No such option '--date'"),
        # A negative number is a value, not an option.
        (["evaluate", "m", "--data", "d", "--vividness", "-1", "0.4"], "-1.0 is not in the range"),
        (["evaluate", "m", "--data", "d", "--hints", "0", "-1"], "-1 is not in the range"),
        (["evaluate", "m", "--data", "d", "--vividness", "x"], "not a valid float"),
        (["export", "run", "--data", "d"], "Missing option '-o' / '--output'"),
        (["export", "run", "-o", "m.onnx", "--data", "d", "--rank", "-1"], "x>=0"),
        (["export", "run", "-o", "m.onnx", "--data", "d", "--calibrate", "0"], "x>0"),
        (["compare", "recipes", "--budget", "1d"], "'1d' is not a duration such as 90s, 20m"),
        (["data", "audits", "d"], "'audits' is not 'audit'"),
    ],
)
def test_mistakes_in_the_learning_commands_are_one_line(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert what in said.err
    assert said.err.startswith("tintype: ")
    assert said.err.count("\n") == 1
    assert f"Run tintype {words[0]} --help." in said.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("20m", 1200), ("2h", 7200)]
)
def test_a_budget_is_a_duration(text: str, seconds: float) -> None:
    assert parsed("compare", "recipes", "--budget", text)["budget"] == seconds


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    from tintype._version import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"tintype {__version__}\n"


def test_no_words_at_all_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Usage: tintype" in said.err
