"""A client of the HTTP API in a few lines, with nothing but the standard library.

tintype serve --no-browser
python examples/http_client.py photo.jpg photo.color.jpg
"""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path


def color(photo: bytes, *, server: str = "http://127.0.0.1:7839/", query: str = "") -> bytes:
    """The bytes of a picture in, the bytes of the coloured file out.

    Raises:
        RuntimeError: The server says why not, and what to do.
    """
    request = urllib.request.Request(f"{server}v1/color?{query}", data=photo, method="POST")
    request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as refused:
        error = json.load(refused)["error"]
        raise RuntimeError(f"{error['message']} {error['advice']}") from None


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    target.write_bytes(color(source.read_bytes(), query="vividness=0.9"))
