"""The files of the page: compressed where that is asked for, and sent once."""

import gzip

import httpx
import pytest

from tintype.web.static_files import static_files


@pytest.mark.parametrize("path", sorted(static_files()))
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
