"""Any request to any path of the description: an answer that the description knows, never a 500."""

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tintype.web.serve import serving
from tintype.web.server_options import ServerOptions
from web.conftest import TINY

DESCRIPTION = json.loads((files("tintype.web") / "page" / "openapi.json").read_text("utf-8"))
OPERATIONS = [
    (method.upper(), path, operation)
    for path, item in DESCRIPTION["paths"].items()
    for method, operation in item.items()
    if method in {"get", "post", "delete"}
]
KEYS = list(DESCRIPTION["components"]["schemas"]["Settings"]["properties"])
HARD = ["", "0", "-1", "1e999", "nan", "9" * 30, "9" * 5000, "٣", "\0", "a,b,c", "1,1,#c04030,1"]
HARD += ["1,1,#c04030," + "9" * 400, "../../etc", "//elsewhere", "left", "mask", "JPEG", "high"]

words = st.sampled_from(HARD) | st.text(max_size=12)
numbers = st.integers() | st.integers(10**300, 10**400) | st.floats()
leaves = st.none() | st.booleans() | numbers | words
points = st.lists(st.tuples(st.integers(-9, 200), st.integers(-9, 200)), max_size=4)
strokes = st.fixed_dictionaries(
    {"points": points}, optional={"radius": st.integers(-1, 20_000) | leaves, "color": words}
)
values = st.recursive(
    leaves | st.lists(strokes, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
bodies = (
    st.dictionaries(st.sampled_from(KEYS) | words, values, max_size=4).map(
        lambda data: json.dumps(data).encode()
    )
    | st.binary(max_size=60)
    | st.sampled_from([b"", b"{", b"[" * 50_000, b'{"\\ud800": 1}', b'{"vividness": 1e999}'])
)
headers = st.dictionaries(
    st.sampled_from(["Origin", "Cookie", "Authorization", "Content-Type", "Sec-Fetch-Site"]),
    st.sampled_from([b"http://[", b"http://[::1", b"http://127.0.0.1:x", b"null", b"tintype=\x80"])
    | st.sampled_from([b"Bearer", b"a=b;;", b"tintype", b"\xff"]),
    max_size=1,
)


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, colorful: np.ndarray, picture: Callable[..., bytes]
) -> Iterator[tuple[httpx.Client, str]]:
    """A server with pairs and a held photograph, and its id."""
    folder = tmp_path_factory.mktemp("pairs")
    Image.fromarray(colorful).save(folder / "a.png")
    options = ServerOptions(port=0, model=TINY, pairs=Path(folder))
    with serving(options) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        yield client, client.post("/v1/photos", content=picture()).json()["id"]


def judged(answer: httpx.Response, operation: dict[str, Any] | None) -> None:
    code = str(answer.status_code)
    assert answer.status_code != 500, answer.text
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert error["code"] != "internal_error"
        assert error["message"].isprintable()
        assert len(error["message"]) < 400
    if operation is not None:
        assert code in operation["responses"], (code, answer.text[:200])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_request_is_answered_as_described(
    running: tuple[httpx.Client, str], data: st.DataObject
) -> None:
    client, held = running
    method, path, operation = data.draw(st.sampled_from(OPERATIONS))
    if method == "DELETE":
        held = "gone"
    for key in ("id", "number", "side"):
        if "{" + key + "}" in path:
            good = {"id": held, "number": "0", "side": "left"}[key]
            part = data.draw(st.just(good) | st.just(good) | words.filter(_is_a_part))
            path = path.replace("{" + key + "}", quote(part, safe=""))
    named = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    query = data.draw(st.dictionaries(st.sampled_from([*named, "token", "x"]), words, max_size=3))
    body = data.draw(bodies) if method == "POST" else b""
    more = data.draw(headers)
    answer = client.request(method, path, params=query, content=body, headers=more)
    routed = path.count("/") == operation_path_depth(operation)
    judged(answer, operation if routed else None)


def operation_path_depth(operation: dict[str, Any]) -> int:
    return next(path for _, path, one in OPERATIONS if one is operation).count("/")


def _is_a_part(text: str) -> bool:
    """Whether it can stand between two slashes of a path."""
    return bool(text) and not set(text) & set("/?#.\\") and text.isprintable() and len(text) < 6000


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "1e9", "x", "٣", "0" * 5000])
def test_hard_numbers_of_pairs(running: tuple[httpx.Client, str], number: str) -> None:
    client, _ = running
    for method, path in (("GET", f"/v1/pairs/{number}/left"), ("POST", f"/v1/pairs/{number}")):
        answer = client.request(method, path, content=b'{"real": "left"}' * (method == "POST"))
        judged(answer, None)
        assert answer.status_code in {400, 404}


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "[", "http://]", "//", "\x80"])
def test_an_origin_that_is_none_is_foreign(running: tuple[httpx.Client, str], origin: str) -> None:
    client, held = running
    sent = {"Origin": origin.encode("latin-1")}
    answer = client.post(f"/v1/photos/{held}/preview", content=b"{}", headers=sent)
    assert answer.status_code == 403


@pytest.mark.parametrize("key", ["side", "x", "y", "count"])
def test_five_thousand_digits_are_no_number(running: tuple[httpx.Client, str], key: str) -> None:
    client, held = running
    query = {"x": "1", "y": "1"} | {key: "9" * 5000}
    what = "preview" if key == "side" else "suggestions"
    answer = client.post(f"/v1/photos/{held}/{what}", params=query, content=b"{}")
    assert answer.status_code == 400
    judged(answer, None)


def test_nothing_redirects_by_itself(running: tuple[httpx.Client, str]) -> None:
    client, _ = running
    for path in ("/v1/status/", "/v1/photos/", "/v1/pairs/"):
        assert client.get(path).status_code in {404, 405}
