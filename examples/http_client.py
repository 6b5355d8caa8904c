"""A client of the HTTP API in a few lines, with nothing but the standard library.

tintype serve --no-browser
python examples/http_client.py photo.jpg photo.color.jpg
python examples/http_client.py photo.jpg vivid.jpg "vividness=1.3&quality=fast"
"""

import http.client
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit

SECONDS = 300  # without a byte from the server
LONGEST = 1 << 30  # bytes of an answer


def color(photo: bytes, *, server: str = "http://127.0.0.1:7839/", query: str = "") -> bytes:
    """The bytes of a picture in, the bytes of the coloured file out.

    Raises:
        RuntimeError: The server says why not, and what to do; or it is not Tintype.
    """
    address = urlsplit(server)
    # Unlike urllib.request, it follows no redirect and uses no proxy.
    connection = http.client.HTTPConnection(address.netloc, timeout=SECONDS)
    try:
        headers = {"Content-Type": "application/octet-stream"}
        connection.request("POST", f"{address.path}v1/color?{query}", photo, headers)
        with connection.getresponse() as answer:
            if answer.length is None or answer.length > LONGEST:  # Tintype states every length
                raise RuntimeError(f"The answer of {server} has no length, or is too long.")
            body = answer.read()  # an error where it is cut off
    except http.client.HTTPException as error:
        raise RuntimeError(f"{server} has not answered properly: {error!r}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(reason(answer.status, body))
    if not body:
        raise RuntimeError(f"The answer of {server} is empty.")
    return body


def reason(status: int, body: bytes) -> str:
    """What an error says, as one printable line: it may come from another program."""
    try:
        error = json.loads(body)["error"]
        text = f"{error['message']} {error['advice']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"What answers there is not Tintype: HTTP {status}."
    return "".join(c if c.isprintable() else " " for c in text)[:1000]


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
