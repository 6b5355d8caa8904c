"""The files of the page: compressed where that is asked for, and sent once."""

import gzip
import re
from pathlib import Path

import httpx
import pytest

from tintype.web.static_files import static_files

PHOTOGRAPHS = {path for path in static_files() if path.endswith(".jpg")}


@pytest.mark.parametrize("path", sorted(static_files().keys() - PHOTOGRAPHS))
def test_every_file_comes_compressed_and_is_the_same(client: httpx.Client, path: str) -> None:
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with client.stream("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.8"}) as packed:
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert packed.headers["content-type"] == plain.headers["content-type"]
        sent = b"".join(packed.iter_raw())
    assert gzip.decompress(sent) == plain.content
    assert len(sent) == int(packed.headers["content-length"])
    assert len(sent) < len(plain.content)


@pytest.mark.parametrize("path", sorted(PHOTOGRAPHS))
def test_photographs_are_not_compressed_once_more(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    if len(gzip.compress(answer.content)) >= len(answer.content):
        assert "content-encoding" not in answer.headers
    assert answer.content.startswith(b"\xff\xd8")


@pytest.mark.parametrize("accepted", ["identity", "", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0"])
def test_who_takes_no_gzip_gets_none(client: httpx.Client, accepted: str) -> None:
    answer = client.get("/page.css", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.text.startswith("/*")


def test_what_a_browser_has_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/main.js", headers={"Accept-Encoding": "gzip"})
    tag = first.headers["etag"]
    again = {"Accept-Encoding": "gzip", "If-None-Match": f'"old", W/{tag}'}
    answer = client.get("/main.js", headers=again)
    assert answer.status_code == 304
    assert answer.content == b""
    assert "content-security-policy" in answer.headers
    # The other form has other bytes, and so another tag.
    other = client.get("/main.js", headers=again | {"Accept-Encoding": "identity"})
    assert other.status_code == 200
    assert other.headers["etag"] != tag


def test_answers_of_the_api_are_never_compressed(client: httpx.Client) -> None:
    for path in ("/v1/status", "/v1/none"):
        answer = client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in answer.headers


PROMISES = Path(__file__).parents[2] / "docs" / "promises.md"
LOADED = re.compile(r'^(?:import|export)\b[^;]*? from "\./(\w+\.js)"', re.MULTILINE)
LINKED = re.compile(r'(?:href|src)="([\w.]+\.(?:css|js|svg))"')


def weight(client: httpx.Client, *first: str) -> tuple[int, int]:
    """Bytes of these files and all that they load by themselves: as they are, and as sent."""
    waiting, done = list(first), set()
    whole = sent = 0
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        with client.stream("GET", f"/{name}", headers={"Accept-Encoding": "gzip"}) as answer:
            packed = b"".join(answer.iter_raw())
        data = gzip.decompress(packed)
        whole, sent = whole + len(data), sent + len(packed)
        pattern = LOADED if name.endswith(".js") else LINKED
        if not name.endswith((".css", ".svg")):
            waiting += pattern.findall(data.decode())
    return whole, sent


@pytest.mark.parametrize(
    ("what", "first"),
    [("the first screen", [""]), ("and all for an open photograph", ["", "open.js"])],
)
def test_the_page_weighs_no_more_than_is_promised(
    client: httpx.Client, what: str, first: list[str]
) -> None:
    row = re.search(rf"^\| {what} \| (\d+) kB \| (\d+) kB \|$", PROMISES.read_text(), re.MULTILINE)
    assert row is not None
    whole, sent = (number / 1000 for number in weight(client, *first))
    print(f"{what}: {whole:.0f} kB, {sent:.0f} kB as sent")
    assert 20 < whole <= int(row[1])
    assert 8 < sent <= int(row[2])


def test_what_is_needed_later_is_not_loaded_at_first(client: httpx.Client) -> None:
    first, both = weight(client, "")[0], weight(client, "", "open.js")[0]
    assert first < 0.7 * both
