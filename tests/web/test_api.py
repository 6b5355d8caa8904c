"""The HTTP API: the same files as the command's, and a right answer to everything wrong."""

import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tintype.cli.app import main
from tintype.color.cielab import rgb01_to_lab
from tintype.errors import TintypeError, UsageError
from tintype.photo.formats.registry import FORMATS, writable_formats
from tintype.web import errors
from tintype.web.app import ROUTES, static_files
from tintype.web.responses import code_of, codes, failure
from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions
from web.conftest import FEATURES, TINY

Make = Callable[..., bytes]


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def hold(client: httpx.Client, data: bytes) -> str:
    answer = client.post("/v1/photos", content=data)
    assert answer.status_code == 201
    return str(answer.json()["id"])


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WebP"])
def test_one_request_gives_the_file_that_the_command_writes(
    client: httpx.Client, picture: Make, tmp_path: Path, form: str
) -> None:
    data = picture(form)
    path = tmp_path / f"photo.{form.lower()}"
    path.write_bytes(data)
    words = ["--vividness", "1.2", "--warmth", "0.2", "--hint", "40,50,#c04030,3"]
    assert main([str(path), "--model", TINY, *words, "--into", str(tmp_path / "out")]) == 0
    (written,) = (tmp_path / "out").iterdir()
    query = {"vividness": 1.2, "warmth": 0.2, "hint": "40,50,#c04030,3"}
    answer = client.post("/v1/color", params=query, content=data)
    assert answer.status_code == 200
    assert answer.content == written.read_bytes()
    # And so does the photograph that is held.
    name = hold(client, data)
    hint = {"x": 40, "y": 50, "color": "#c04030", "radius": 3}
    settings = {"vividness": 1.2, "warmth": 0.2, "hints": [hint]}
    again = client.post(f"/v1/photos/{name}/file", json=settings)
    assert again.content == written.read_bytes()


def test_a_preview_is_the_file_in_small(client: httpx.Client, picture: Make) -> None:
    name = hold(client, picture("PNG", (1280, 960)))
    settings = {"vividness": 1.3, "strokes": [{"points": [[100, 100]], "color": "#8a6a5a"}]}
    small = opened(client.post(f"/v1/photos/{name}/preview?side=320", json=settings).content)
    full = opened(client.post(f"/v1/photos/{name}/file", json=settings).content)
    assert small.size == (320, 240)
    assert full.size == (1280, 960)
    apart = np.asarray(full.resize((320, 240), Image.Resampling.BOX), int) - np.asarray(small)
    assert np.abs(apart).mean() < 4
    grey = opened(client.get(f"/v1/photos/{name}/grey?side=320").content)
    assert grey.mode == "L"
    assert np.abs(np.asarray(grey, int) - np.asarray(small.convert("L"))).mean() < 1.5
    plain = opened(client.post(f"/v1/photos/{name}/preview?side=320", json={}).content)
    assert np.abs(np.asarray(plain, int) - np.asarray(small)).mean() > 1


def test_strokes_are_exact_and_grey_strokes_stay_grey(client: httpx.Client, picture: Make) -> None:
    name = hold(client, picture("PNG"))
    line = {"points": [[20, 60], [140, 60]], "radius": 4}
    settings = {
        "strokes": [line | {"color": "#8a6a5a"}],
        "grey_strokes": [{"points": [[80, 100]], "radius": 9}],
    }
    done = np.asarray(opened(client.post(f"/v1/photos/{name}/file", json=settings).content))
    wanted = rgb01_to_lab(np.array([0x8A, 0x6A, 0x5A]) / 255)[1:]
    luma = np.asarray(opened(picture("PNG")))[60, 20:140]
    inside = (luma > 60) & (luma < 200)  # elsewhere the gamut forbids it
    got = rgb01_to_lab(done[60, 20:140][inside] / 255)[:, 1:]
    assert np.abs(got - wanted).max() < 1.6
    assert np.ptp(done[95:106, 75:86], axis=-1).max() == 0


def test_one_point_is_painted_and_one_outside_is_not(client: httpx.Client, picture: Make) -> None:
    name = hold(client, picture("PNG"))
    plain = client.post(f"/v1/photos/{name}/file", json={}).content
    for point, rendered in (([80, 60], True), ([5000, 5000], False)):
        stroke = {"points": [point], "color": "#8a6a5a"}
        done = client.post(f"/v1/photos/{name}/file", json={"strokes": [stroke]})
        assert done.status_code == 200
        same = np.array_equal(np.asarray(opened(done.content)), np.asarray(opened(plain)))
        assert same is not rendered


def test_layers_are_sent_once_and_named(client: httpx.Client, picture: Make) -> None:
    data = picture("PNG")
    name = hold(client, data)
    mask = np.zeros((120, 160), np.uint8)
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    layer = client.post("/v1/layers?kind=mask", content=file.getvalue()).json()["id"]
    done = client.post(f"/v1/photos/{name}/file", json={"mask": layer})
    assert np.ptp(np.asarray(opened(done.content)), axis=-1).max() == 0
    once = client.post("/v1/color", params={"mask": layer}, content=data)
    assert once.content == done.content
    for wrong, status in (("?kind=hat", 400), ("?kind=scribbles", 400)):
        assert client.post(f"/v1/layers{wrong}", content=file.getvalue()).status_code == status
    missing = client.post(f"/v1/photos/{name}/file", json={"scribbles": layer})
    assert missing.status_code == 404
    said = missing.json()["error"]["message"]
    assert said == "No layer with this id is available for scribbles."
    refused = client.post("/v1/layers?kind=scribbles", content=file.getvalue())
    said = refused.json()["error"]["message"]
    assert said.startswith("The picture for scribbles has no transparency")


def test_a_reference_is_a_layer(picture: Make, colorful: np.ndarray) -> None:
    file = io.BytesIO()
    Image.fromarray(colorful).save(file, "PNG")
    grey = picture("PNG")
    with (
        serving(ServerOptions(port=0, model=FEATURES)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        name = hold(client, grey)
        layer = client.post("/v1/layers?kind=reference", content=file.getvalue()).json()["id"]
        plain = client.post(f"/v1/photos/{name}/preview", json={}).content
        drawn = client.post(f"/v1/photos/{name}/preview", json={"reference": layer}).content
        assert drawn != plain
        once = client.post("/v1/color", params={"reference": layer}, content=grey).content
        stored = client.post(f"/v1/photos/{name}/file", json={"reference": layer}).content
        assert once == stored
        refused = client.post("/v1/layers?kind=reference", content=grey)
        assert refused.status_code == 400
        assert "colour" in refused.json()["error"]["message"]


def test_messages_name_the_file(client: httpx.Client, picture: Make) -> None:
    for path in ("/v1/photos?", "/v1/layers?kind=reference&"):
        answer = client.post(f"{path}name=aunt%20%26%20I%0A.jpg", content=b"Dear aunt,")
        assert answer.status_code in {400, 415}
        assert "aunt & I\\n.jpg" in answer.json()["error"]["message"]
    answer = client.post("/v1/photos", content=b"Dear aunt,")
    assert answer.json()["error"]["message"].startswith("The picture is not a picture")
    assert len(client.post(f"/v1/photos?name={'x' * 5000}", content=b"no").text) < 1000


def test_suggestions_palettes_and_certainty(client: httpx.Client, picture: Make) -> None:
    name = hold(client, picture())
    found = client.post(f"/v1/photos/{name}/suggestions?x=159&y=0", json={}).json()
    shares = [one["share"] for one in found["suggestions"]]
    assert sum(shares) == pytest.approx(1, abs=0.01)
    assert shares == sorted(shares, reverse=True)
    assert len(found["now"]) == 7
    answer = client.post(f"/v1/photos/{name}/palettes", json={"palettes": 4}).json()
    shares, looks = answer["shares"], answer["looks"]
    assert len(shares) == len(looks) == 4
    assert looks[0] == "suggested"
    named = [look for look in looks if look]
    assert len(set(named)) == len(named)
    assert sum(shares) == pytest.approx(1, abs=0.01)
    versions = [
        client.post(f"/v1/photos/{name}/preview", json={"palettes": 4, "palette": k}).content
        for k in (1, 2, 3)
    ]
    assert len(set(versions)) == 3
    map_ = opened(client.post(f"/v1/photos/{name}/certainty?side=80", json={}).content)
    assert map_.mode == "L"
    assert map_.size == (80, 60)


def test_a_photograph_is_held_until_it_is_removed(client: httpx.Client, picture: Make) -> None:
    name = hold(client, picture())
    facts = client.get(f"/v1/photos/{name}").json()
    assert (facts["width"], facts["height"], facts["format"]) == (160, 120, "JPEG")
    assert client.delete(f"/v1/photos/{name}").status_code == 204
    answer = client.post(f"/v1/photos/{name}/preview", json={})
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], error["advice"]) == ("unknown_id", "Send it again.")


def test_the_oldest_are_let_go_when_memory_is_short(picture: Make) -> None:
    data = picture("PNG", (2000, 1500))  # three megabytes of grey each, and the logits
    with (
        serving(ServerOptions(port=0, model=TINY, memory=16)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        names = [hold(client, data) for _ in range(6)]
        stored = [client.get(f"/v1/photos/{name}").status_code for name in names]
        assert stored[-1] == 200
        assert stored[0] == 404
        assert stored.count(200) >= 2


def test_coordinates_stay_at_home_unless_asked(client: httpx.Client, picture: Make) -> None:
    exif = Image.Exif()
    exif[271] = "Maker"
    exif[34853] = {1: "N", 29: "1931:05:06"}
    data = picture(exif=exif)
    for query, kept in (({}, False), ({"keep_location": "1"}, True)):
        written = client.post("/v1/color", params=query, content=data).content
        assert (b"1931:05:06" in written) is kept
        assert opened(written).getexif()[271] == "Maker"
    stripped = client.post("/v1/color", params={"strip_metadata": "1"}, content=data).content
    assert b"Maker" not in stripped


BAD = {
    "nothing at all": ("/v1/color", b"", 400),
    "text": ("/v1/color", b"hello, this is no picture", 415),
    "unknown setting": ("/v1/photos/{id}/preview", b'{"vivid": 1}', 400),
    "a misspelt key": ("/v1/color?vividnes=1", b"x", 400),
    "an empty value": ("/v1/color?vividness=", b"x", 400),
    "no JSON": ("/v1/photos/{id}/preview", b"{", 400),
    "a JSON list": ("/v1/photos/{id}/preview", b"[]", 400),
    "deep JSON": ("/v1/photos/{id}/preview", b"[" * 100_000, 400),
    "vividness of 7": ("/v1/photos/{id}/preview", b'{"vividness": 7}', 400),
    "vividness of NaN": ("/v1/photos/{id}/preview", b'{"vividness": NaN}', 400),
    "a huge number": ("/v1/photos/{id}/preview", b'{"palettes": 1e400}', 400),
    "a hint outside": (
        "/v1/photos/{id}/preview",
        b'{"hints": [{"x": 9999, "y": 0, "color": "#ffffff"}]}',
        400,
    ),
    "a hint that is none": ("/v1/photos/{id}/preview", b'{"hints": [7]}', 400),
    "too many hints": (
        "/v1/photos/{id}/preview",
        json.dumps({"hints": [{"x": 0, "y": 0, "color": "#ffffff"}] * 1001}).encode(),
        400,
    ),
    "a stroke far away": (
        "/v1/photos/{id}/preview",
        b'{"strokes": [{"points": [[99999999, 1]], "color": "#ffffff"}]}',
        400,
    ),
    "an empty stroke": (
        "/v1/photos/{id}/preview",
        b'{"strokes": [{"points": [], "color": "#ffffff"}]}',
        400,
    ),
    "a whole number that is a boolean": ("/v1/photos/{id}/preview", b'{"palettes": true}', 400),
    "a number with an underscore": ("/v1/color?warmth=0_1", b"x", 400),
    "a number in other digits": ("/v1/color?palettes=%D9%A1", b"x", 400),
    "a hint in other digits": ("/v1/color?hint=%D9%A1,1,red", b"x", 400),
    "a side with an underscore": ("/v1/photos/{id}/preview?side=1_00", b"{}", 400),
    "a side with a plus": ("/v1/photos/{id}/preview?side=%2B100", b"{}", 400),
    "a side after a space": ("/v1/photos/{id}/preview?side=%20100", b"{}", 400),
    "a pair in other digits": ("/v1/pairs/%D9%A1", b'{"real": "left"}', 400),
    "a key twice in the query": ("/v1/color?warmth=0&warmth=1", b"x", 400),
    "a key twice in JSON": ("/v1/photos/{id}/preview", b'{"warmth": 0, "warmth": 1}', 400),
    "no side": ("/v1/photos/{id}/preview?side=big", b"{}", 400),
    "a place outside": ("/v1/photos/{id}/suggestions?x=160&y=0", b"{}", 400),
    "no place": ("/v1/photos/{id}/suggestions", b"{}", 400),
    "format GIF": ("/v1/photos/{id}/file?format=gif", b"{}", 400),
    "a flag of 7": ("/v1/photos/{id}/file?keep_location=7", b"{}", 400),
    "too much JSON": ("/v1/photos/{id}/preview", b" " * (1 << 21), 413),
    "another path": ("/v1/hats", b"", 404),
    "a path of the disk": ("/v1/photos/..%2F..%2Fetc%2Fpasswd/file", b"{}", 404),
    "no pairs": ("/v1/pairs/0", b'{"real": "left"}', 404),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said_and_harms_nothing(
    client: httpx.Client, picture: Make, what: str
) -> None:
    path, body, status = BAD[what]
    name = hold(client, picture())
    answer = client.post(path.replace("{id}", name), content=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"]
    assert error["code"] in set(codes()) - {"internal_error"}
    assert client.post(f"/v1/photos/{name}/preview", json={}).status_code == 200


def test_a_form_and_a_compressed_body_get_the_line_that_helps(
    client: httpx.Client, picture: Make
) -> None:
    """As ``curl -F`` sends them, and clients that compress whatever they send."""
    for path, wanted in (("/v1/color", "--data-binary @photo.jpg"), ("/v1/layers", "--data-b")):
        form = client.post(path, files={"file": ("photo.jpg", picture(), "image/jpeg")})
        assert form.status_code == 415
        error = form.json()["error"]
        assert error["code"] == "unsupported_body"
        assert error["message"] == "The body is a form."
        assert wanted in error["advice"]
        assert "\n" not in error["advice"]
        headers = {"Content-Encoding": "gzip"}
        packed = client.post(path, content=gzip.compress(picture()), headers=headers)
        assert packed.status_code == 415
        assert packed.json()["error"]["message"] == "The body is compressed (gzip)."
    held = client.post("/v1/photos", content=picture()).json()["id"]
    form = client.post(f"/v1/photos/{held}/preview", files={"file": ("settings.json", b"{}")})
    assert "--json" in form.json()["error"]["advice"]
    plain = client.post("/v1/color", content=picture(), headers={"Content-Encoding": "identity"})
    assert plain.status_code == 200
    silent = client.post("/v1/color", content=gzip.compress(picture()))
    assert silent.status_code == 415
    assert "compressed with gzip" in silent.json()["error"]["message"]


def test_damaged_and_large_pictures(picture: Make) -> None:
    with (
        serving(ServerOptions(port=0, model=TINY, max_pixels=100_000)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        whole = picture("PNG", (200, 200))
        assert client.post("/v1/color", content=whole[: len(whole) // 2]).status_code == 422
        large = client.post("/v1/color", content=picture("PNG", (1000, 1000)))
        assert large.status_code == 413
        long = client.post("/v1/color", content=bytes(80 << 20))
        assert long.status_code == 413
        assert "MiB" in long.json()["error"]["message"]
        assert client.post("/v1/color", content=whole).status_code == 200


def pages_of(count: int, size: tuple[int, int]) -> bytes:
    first, *more = [Image.new("L", size, 10 + k % 200) for k in range(count)]
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=more)
    return file.getvalue()


def test_pages_that_would_take_minutes_are_refused(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    many, few, one = pages_of(900, (16, 16)), pages_of(5, (16, 16)), pages_of(1, (160, 120))
    name = hold(client, many)
    with monkeypatch.context() as patch:
        patch.setattr("tintype.web.photos.colorize_photos", None)
        for path in ("/v1/color", f"/v1/photos/{name}/file"):
            body = many if path == "/v1/color" else b"{}"
            answer = client.post(path, content=body)
            assert answer.status_code == 400
            error = answer.json()["error"]
            assert error["code"] == "invalid_value"
            assert "has 900 pages" in error["message"]
            assert "tintype FILE" in error["advice"]
    assert client.post(f"/v1/photos/{name}/preview", json={}).status_code == 200
    assert client.post("/v1/color", content=few).status_code == 200
    # The limit counts what a page costs, and never refuses a single one.
    monkeypatch.setattr("tintype.web.photos.MOST_INPUT", 300_000)
    assert client.post("/v1/color", content=few).status_code == 200
    assert client.post("/v1/color", content=pages_of(5, (160, 120))).status_code == 400
    monkeypatch.setattr("tintype.web.photos.MOST_INPUT", 1)
    assert client.post("/v1/color", content=one).status_code == 200
    assert client.post("/v1/color", content=few).status_code == 400


def test_what_a_format_cannot_hold_is_refused_before_colouring(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tintype.engine.predict.Engine.colorize", None)
    wide, pages = pages_of(1, (17_000, 1)), pages_of(2, (16, 16))
    for data, format_, said, wanted in (
        (wide, "webp", "cannot hold 17000 x 1 pixels", "Use format=png or tiff."),
        (pages, "jpeg", "cannot hold 2 pages", "Use format=tiff."),
    ):
        answer = client.post(f"/v1/color?format={format_}", content=data)
        assert answer.status_code == 415
        assert said in answer.json()["error"]["message"]
        assert answer.json()["error"]["advice"] == wanted


def test_over_http_advice_names_no_option_of_the_command(picture: Make) -> None:
    with (
        serving(ServerOptions(port=0, model=TINY, max_pixels=100_000)) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        large = client.post("/v1/color", content=picture("PNG", (1000, 1000)))
        advice = large.json()["error"]["advice"]
        assert advice == "Start the server with --max-megapixels 1 if you trust the file."


def test_methods_and_headers(client: httpx.Client) -> None:
    assert client.get("/v1/color").status_code == 405
    assert client.put("/", content=b"x").status_code == 405
    for path in static_files():
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
        assert b"http://" not in answer.content.replace(b"http://www.w3.org", b"").replace(
            b"http://127.0.0.1", b""
        )
        assert b"https://" not in answer.content


def test_the_page_is_served_with_every_module_it_imports(client: httpx.Client) -> None:
    seen: set[str] = set()
    waiting = ["/", "/which-is-real", "/door.js"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        kind = answer.headers["content-type"]
        assert kind.startswith("text/javascript" if path.endswith(".js") else "text/html"), path
        waiting += [
            f"/{name}"
            for name in re.findall(r'(?:from "\./|import\("\./|src=")(\w+\.js)"', answer.text)
        ]
    assert {path for path in static_files() if path.endswith(".js")} == {
        path for path in seen if path.endswith(".js")
    }
    assert len(seen) > 20


@pytest.mark.parametrize(
    "path",
    [
        "/app.py",
        "/../app.py",
        "/%2e%2e/app.py",
        "/page/main.js",
        "/..%2fpage%2fmain.js",
        "/none.js",
    ],
)
def test_no_other_file_is_served(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_path"


def test_the_description_is_of_these_routes(client: httpx.Client) -> None:
    said = client.get("/openapi.json").json()
    described = {
        (method.upper(), path)
        for path, item in said["paths"].items()
        for method in item
        if method in {"get", "post", "delete"}
    }
    assert described == {(method, path.replace(":int", "")) for method, path, _ in ROUTES}
    text = json.dumps(said)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in said["components"]["schemas"]
    known = set(said["components"]["schemas"]["Settings"]["properties"])
    answer = client.post("/v1/photos/x/preview", json={"?": 1})
    assert answer.status_code == 404  # first things first
    refused = client.post("/v1/color", params={"quality": "best"}, content=b"x")
    assert refused.status_code == 400
    from tintype.web.request import _Body

    assert known == set(_Body.__struct_fields__)


def test_the_codes_of_errors_are_described(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["Error"]
    error = schema["properties"]["error"]
    assert tuple(error["properties"]["code"]["enum"]) == codes()
    page = Path(__file__).parents[2] / "docs" / "reference" / "http.md"
    table = page.read_text(encoding="utf-8").partition("\n## Errors")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(codes())


def test_every_kind_of_error_has_a_code() -> None:
    wanted = {
        UsageError: "invalid_value",
        errors.MalformedError: "malformed_request",
        errors.NoEntryError: "token_required",
        errors.ForeignError: "foreign_request",
        errors.GoneError: "unknown_id",
        errors.TooSlowError: "body_timeout",
        errors.TooLargeError: "too_large",
        errors.UnsupportedBodyError: "unsupported_body",
        errors.FaultError: "internal_error",
        errors.SlowError: "work_timeout",
    }
    for kind, code in wanted.items():
        answer = failure(kind("What happened.", advice="What to do."))
        error = json.loads(bytes(answer.body))["error"]
        assert error == {"code": code, "message": "What happened.", "advice": "What to do."}
    busy = failure(errors.BusyError("Full.", retry_after=3))
    assert json.loads(bytes(busy.body))["error"]["code"] == "busy"
    ours = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    named = {kind for kind in ours if issubclass(kind, errors.WebError)}
    assert named - {errors.WebError} == {*wanted, errors.BusyError, errors.TooManyError} - {
        UsageError
    }


def test_a_subclass_has_the_code_of_its_base() -> None:
    class OneError(UsageError):
        pass

    assert code_of(OneError("x"), 400) == "invalid_value"
    assert code_of(TintypeError("x"), 500) == "internal_error"
    assert code_of(errors.WebError("x"), 405) == "method_not_allowed"


def test_every_format_has_a_type(client: httpx.Client, picture: Make) -> None:
    for form in writable_formats():
        answer = client.post("/v1/color", params={"format": form}, content=picture("PNG"))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == FORMATS[form].mime


def test_a_fault_of_ours_is_an_answer(
    client: httpx.Client, picture: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret of the picture")

    monkeypatch.setattr("tintype.web.photos.colorize_photos", broken)
    answer = client.post("/v1/color", content=picture())
    assert answer.status_code == 500
    assert "ZeroDivisionError" in answer.text
    assert "secret" not in answer.text


def test_status_says_who_answers(client: httpx.Client) -> None:
    said = client.get("/v1/status").json()
    assert said["model"] == "tiny"
    assert said["pending"] == 0
    assert said["capacity"] > 0
    assert "logits" in said["capabilities"]
    assert said["reach"] == 1
    assert said["formats"] == list(writable_formats())
    assert said["reads"] == [codec.title for codec in FORMATS.values()]
    assert {"image/jpeg", ".jpg", ".jpeg", "image/tiff", ".heic"} <= set(said["accept"])
