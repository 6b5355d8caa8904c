"""Before and after over HTTP: as the photograph is set now, and with nothing of its metadata."""

import io
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from PIL import Image

from tintype.photo.comparison import SIDES

Make = Callable[..., bytes]


def held(client: httpx.Client, data: bytes) -> str:
    return str(client.post("/v1/photos", content=data).json()["id"])


@pytest.mark.parametrize("form", ["jpeg", "gif", "WebP", "webm"])
def test_a_comparison_is_a_file_to_save(client: httpx.Client, picture: Make, form: str) -> None:
    name = held(client, picture("JPEG", (1600, 1200)))
    answer = client.post(f"/v1/photos/{name}/comparison", params={"format": form})
    assert answer.status_code == 200, answer.text
    kind = "video" if form == "webm" else "image"
    assert answer.headers["content-type"] == f"{kind}/{form.lower()}"
    suffix = {"jpeg": "jpg"}.get(form, form.lower())
    assert f'filename="photo.comparison.{suffix}"' in answer.headers["content-disposition"]
    if form == "webm":
        with pytest.importorskip("av").open(io.BytesIO(answer.content)) as film:
            assert film.streams.video[0].width == SIDES[form]
        assert form in client.get("/v1/status").json()["comparisons"]
        return
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.format == form.upper()
        shown = image.width // 2 if form == "jpeg" else image.width
        assert abs(shown - SIDES[form.lower()]) <= 2


def test_it_shows_the_settings(client: httpx.Client, picture: Make) -> None:
    name = held(client, picture("JPEG", (200, 150)))
    everywhere = {"points": [[0, 75], [199, 75]], "radius": 200}
    plain, grey = (
        client.post(f"/v1/photos/{name}/comparison", json=settings).content
        for settings in ({}, {"grey_strokes": [everywhere]})
    )
    spread = []
    for data in (plain, grey):
        with Image.open(io.BytesIO(data)) as image:
            after = np.asarray(image.convert("RGB"), int)[:150, -200:]
        spread.append(np.ptp(after, axis=2).mean())
    assert spread[0] > spread[1] + 3
    assert spread[1] < 4


def test_it_has_nothing_of_the_metadata(client: httpx.Client) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "At grandmother's"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}
    Image.new("L", (80, 60), 120).save(file, "JPEG", exif=exif, comment=b"At grandmother's")
    name = held(client, file.getvalue())
    for form in SIDES:
        data = client.post(f"/v1/photos/{name}/comparison", params={"format": form}).content
        assert b"grandmother" not in data
        if form == "webm":
            continue
        with Image.open(io.BytesIO(data)) as image:
            assert not image.getexif().get_ifd(0x8825)


def test_what_cannot_be_made_is_refused(client: httpx.Client, picture: Make) -> None:
    name = held(client, picture())
    refused = client.post(f"/v1/photos/{name}/comparison", params={"format": "bmp"})
    assert refused.status_code == 400
    assert "jpeg, gif, webp, webm" in refused.json()["error"]["message"]
    assert client.post("/v1/photos/none/comparison").status_code == 404


def test_it_is_turned_as_the_photograph_is(client: httpx.Client, picture: Make) -> None:
    name = held(client, picture("JPEG", (200, 150)))
    path = f"/v1/photos/{name}/comparison"
    sizes = []
    for rotate in ("0", "90", "180"):
        answer = client.post(path, params={"format": "gif", "rotate": rotate})
        with Image.open(io.BytesIO(answer.content)) as image:
            sizes.append(image.width)
    assert sizes == [200, 150, 200]
    assert client.post(path, params={"rotate": "45"}).status_code == 400
