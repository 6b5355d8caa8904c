"""Parts of a photograph at the size that it is looked at, up to its full one."""

import io
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.hints import parse_hint
from tintype.engine.layers import forget_painted
from tintype.engine.network import Network
from tintype.engine.predict import Engine
from tintype.engine.settings import Settings
from tintype.web.photos import PhotoStore
from tintype.web.request import ColorRequest, Stroke
from tintype.web.stored_photo import StoredPhoto
from tintype.web.tiles import TILE, Tile, most_level, shape_at
from web.conftest import TINY

Make = Callable[..., bytes]
SIZE = (1301, 903)


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture(scope="module")
def store() -> PhotoStore:
    return PhotoStore(Engine(load_bundle(TINY), threads=1), max_pixels=10**8, budget=1 << 30)


@pytest.fixture(scope="module")
def held(store: PhotoStore, picture: Make) -> StoredPhoto:
    return store.add(picture("PNG", SIZE), owner="me")


def every_tile(shape: tuple[int, int], level: int) -> list[Tile]:
    height, width = shape_at(shape, level)
    return [
        Tile(level, column, row)
        for row in range(-(-height // TILE))
        for column in range(-(-width // TILE))
    ]


def together(tiles: dict[Tile, np.ndarray]) -> np.ndarray:
    """The whole picture from its tiles."""
    rows: dict[int, list[np.ndarray]] = {}
    for tile, pixels in tiles.items():
        rows.setdefault(tile.row, []).append(pixels)
    return np.concatenate([np.concatenate(row, axis=1) for row in rows.values()])


STROKE = Stroke(((400, 300), (900, 640)), 40, "#c04030")  # type: ignore[arg-type]
GREY_STROKE = Stroke(((700, 90), (600, 800)), 30)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(
    "coloring",
    [
        ColorRequest(Settings(vividness=1.4)),
        ColorRequest(Settings(palettes=3, palette=2)),
        ColorRequest(Settings(reach=0.4), (STROKE,), (GREY_STROKE,)),
    ],
    ids=["plain", "a look", "painted"],
)
def test_tiles_are_what_the_whole_is(
    store: PhotoStore, held: StoredPhoto, coloring: ColorRequest, level: int
) -> None:
    found = {
        tile: opened(store.tile(held, coloring, tile))
        for tile in every_tile(held.page.shape, level)
    }
    settings = store._settings(held, coloring)
    whole = held.reduced(shape_at(held.page.shape, level))
    rendered = store.engine.render(
        whole, store._predict(held, settings), settings, half_chroma=True
    )
    parts = store.engine.parts(whole, store._predict(held, settings), settings)
    for tile in found:
        rows, columns = tile.spans(whole.shape)
        part = parts.part(rows, columns)
        halves = (
            slice(rows.start // 2, -(-rows.stop // 2)),
            slice(columns.start // 2, -(-columns.stop // 2)),
        )
        assert np.abs(part.color.cb.astype(int) - rendered.color.cb[halves]).max() <= 1  # type: ignore[union-attr]
        assert np.abs(part.color.cr.astype(int) - rendered.color.cr[halves]).max() <= 1  # type: ignore[union-attr]
    pixels = together(found)
    assert pixels.shape == (*whole.shape, 3)
    grey = np.asarray(Image.fromarray(pixels).convert("L"), int)
    assert np.abs(grey - whole.grey).mean() < 1.5
    assert np.ptp(pixels.astype(int), axis=-1).max() > 8


def test_hints_keep_their_place_in_tiles(store: PhotoStore, held: StoredPhoto) -> None:
    # At the meeting of four tiles.
    hint = parse_hint(f"{TILE},{TILE},#c04030,20")
    coloring = ColorRequest(Settings(hints=(hint,)))
    for column, row in ((0, 0), (1, 0), (0, 1), (1, 1)):
        pixels = opened(store.tile(held, coloring, Tile(0, column, row))).astype(int)
        inner = pixels[-8 if row == 0 else 0 :][:8][:, -8 if column == 0 else 0 :][:, :8]
        assert (inner[..., 0] - inner[..., 2]).mean() > 15, (column, row)


def test_grey_tiles_are_the_photograph(store: PhotoStore, held: StoredPhoto) -> None:
    found = {tile: opened(store.grey_tile(held, tile)) for tile in every_tile(held.page.shape, 0)}
    pixels = together(found)
    assert pixels.shape == held.page.shape
    assert np.abs(pixels.astype(int) - held.page.grey).mean() < 1


def test_sixteen_bits_have_tiles_as_well(store: PhotoStore) -> None:
    file = io.BytesIO()
    steps = (np.arange(700 * 600).reshape(600, 700) % 65536).astype(np.uint16)
    Image.fromarray(steps).save(file, "PNG")
    held = store.add(file.getvalue(), owner="me")
    assert held.page.bits == 16
    tile = Tile(0, 1, 1)
    assert opened(store.grey_tile(held, tile)).shape == (88, 188)
    assert opened(store.tile(held, ColorRequest(Settings()), tile)).shape == (88, 188, 3)


def test_levels() -> None:
    assert [most_level((1, n)) for n in (1, 512, 513, 1024, 1025, 4000)] == [0, 0, 1, 1, 2, 3]
    assert shape_at((903, 1301), 1) == (452, 651)


def test_over_http(client: httpx.Client, picture: Make) -> None:
    name = client.post("/v1/photos", content=picture("PNG", SIZE)).json()["id"]
    path = f"/v1/photos/{name}/tile"
    assert client.get("/v1/status").json()["tile"] == TILE
    place = {"level": 0, "column": 2, "row": 1}
    for answer in (client.get(path, params=place), client.post(path, params=place, json={})):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/jpeg"
        assert opened(answer.content).shape[:2] == (SIZE[1] - TILE, SIZE[0] - 2 * TILE)
    for wrong in (
        {"level": 3, "column": 0, "row": 0},
        {"column": 3, "row": 0},
        {"column": 0, "row": 2},
        {"column": -1, "row": 0},
        {"row": 0},
        {"level": 1, "column": 2, "row": 0},
    ):
        for answer in (client.get(path, params=wrong), client.post(path, params=wrong, json={})):
            assert answer.status_code == 400, wrong
            assert answer.json()["error"]["code"] == "malformed_request"


def test_what_tiles_are_cut_from_is_counted_and_let_go(store: PhotoStore, picture: Make) -> None:
    forget_painted()
    photos = PhotoStore(store.engine, max_pixels=10**8, budget=1 << 30)
    held = photos.add(picture("PNG", SIZE), owner="me")
    photos.preview(held, ColorRequest(Settings()), side=64)
    before = photos._total()
    photos.tile(held, ColorRequest(Settings(vividness=0.3)), Tile(0, 0, 0))
    one = photos._total()
    assert one > before + held.parts_size - 1
    assert held.parts_size > 5 * 4 * SIZE[0] // 2
    photos.tile(held, ColorRequest(Settings(vividness=0.6)), Tile(0, 0, 0))
    assert photos._total() == one  # only the newest is kept
    photos._budget = one - 1
    with photos._lock:
        photos._let_go()
    assert held.parts == {}
    assert photos.get(held.id, owner="me") is held


def test_the_network_runs_once_for_hints_that_are_tried(
    picture: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    run = Network.run
    monkeypatch.setattr(
        Network, "run", lambda self, L, hints: runs.append(hints is not None) or run(self, L, hints)
    )
    photos = PhotoStore(Engine(threads=1), max_pixels=10**8, budget=1 << 30)
    held = photos.add(picture("PNG"), owner="me")
    assert runs == []  # only when a colour is asked for
    photos.grey(held, side=100)
    assert runs == []
    photos.preview(held, ColorRequest(Settings()), side=100)
    plain = runs.count(False)
    assert plain
    for x in (20, 40):
        hint = parse_hint(f"{x},20,#c04030")
        photos.preview(held, ColorRequest(Settings(hints=(hint,))), side=100)
    assert runs.count(False) == plain
    assert runs.count(True) == 2 * plain
    # A draft is predicted at one size, which is not predicted again for what is exact; and what
    # was predicted already is no draft.
    assert plain > 1
    before = len(runs)
    coloring = ColorRequest(Settings(hints=(parse_hint("60,20,#c04030"),), reach=0.0))
    draft = photos.preview(held, coloring, side=100, draft=True)
    assert len(runs) == before + 1
    exact = photos.preview(held, coloring, side=100)
    assert len(runs) == before + plain
    assert photos.preview(held, coloring, side=100, draft=True) == exact
    assert len(runs) == before + plain
    # Colours to choose from wait for nothing more than a draft either.
    other = ColorRequest(Settings(hints=(parse_hint("90,20,#c04030"),)))
    with held.lock:  # as while the exact one is made
        photos.suggestions(held, other, (30, 30), count=3, draft=True)
        photos.preview(held, other, side=100, draft=True)
    assert len(runs) == before + plain + 1
    # Beyond the reach of hints both are the same; here that is everywhere but the hint itself.
    far = np.abs(opened(draft).astype(int) - opened(exact))[40:]
    assert far.max() == 0
