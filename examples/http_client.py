"""A client of the HTTP API in a few lines, with nothing but the standard library.

tintype serve --no-browser
python examples/http_client.py photo.jpg photo.color.jpg
python examples/http_client.py photo.jpg vivid.jpg "vividness=1.3&quality=fast"
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


def main(arguments: list[str]) -> None:
    """Colours a file: PHOTO TARGET, and settings as a query if the defaults are not wanted."""
    if len(arguments) not in (2, 3):
        sys.exit("Usage: http_client.py PHOTO TARGET [SETTINGS]")
    source, target = map(Path, arguments[:2])
    exists = f"{target} exists and is not replaced. Choose another name."
    if target.exists():  # before the work, which would be for nothing
        sys.exit(exists)
    try:
        colored = color(source.read_bytes(), query="".join(arguments[2:]))
        with target.open("xb") as file:  # fails if it has appeared in the meantime
            file.write(colored)
    except FileExistsError:
        sys.exit(exists)
    except (OSError, RuntimeError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
