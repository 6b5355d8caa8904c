"""Processor time of the page's requests, which says what they cost on a busy machine as well.

Called by ``python benchmarks/server.py --work``.
"""

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

from tintype.engine.hints import parse_hint
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.web.photos import PhotoStore
from tintype.web.request import ColorRequest
from tintype.web.tiles import Tile

_T = TypeVar("_T")
ROUNDS = 7


def work_times(data: bytes) -> None:
    """Prints the table for a photograph of 12 megapixels."""
    photos = PhotoStore(Engine(threads=1), max_pixels=10**8, budget=1 << 30)
    times: dict[str, list[float]] = {}

    def timed(what: str, work: Callable[..., _T], *given: object, **named: object) -> _T:
        began = time.process_time()
        done = work(*given, **named)
        times.setdefault(what, []).append(time.process_time() - began)
        return done

    held = photos.add(data, owner="")  # what is loaded once is loaded
    photos.preview(held, ColorRequest(Settings()), side=640)
    for number in range(ROUNDS):
        photos.remove(held.id, owner="")
        held = timed("photograph added", photos.add, data, owner="")
        timed("grey, 640 pixels", photos.grey, held, side=640)
        plain = ColorRequest(Settings())
        timed("first colours, draft", photos.preview, held, plain, side=640, draft=True)
        timed("exact colours, 1200 pixels", photos.preview, held, plain, side=1200)
        vivid = ColorRequest(Settings(vividness=0.3 + 0.1 * number))
        timed("slider move", photos.preview, held, vivid, side=640, draft=True)
        hinted = ColorRequest(Settings(hints=(parse_hint(f"{500 + number},900,#c04030,24"),)))
        timed("hint, draft", photos.preview, held, hinted, side=640, draft=True)
        timed("hint, exact, 1200 pixels", photos.preview, held, hinted, side=1200)
        timed("first tile", photos.tile, held, vivid, Tile(0, 1, 1))
        timed("another tile", photos.tile, held, vivid, Tile(0, 2, 1))
        timed("grey tile", photos.grey_tile, held, Tile(0, 2, 1))
    print("\n## Cost of its requests\n")
    print("`python benchmarks/server.py --work`: CPU time of the server on one core, for a")
    print(f"12-megapixel JPEG; medians of {ROUNDS}.\n")
    print("| request | CPU time |\n|---|---|")
    for what, found in times.items():
        print(f"| {what} | {1000 * statistics.median(found):.0f} ms |")
