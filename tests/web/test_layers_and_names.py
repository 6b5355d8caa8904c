"""Files with layers over HTTP."""

import io
import zipfile
from collections.abc import Callable

import httpx
import pytest
from PIL import Image


@pytest.mark.parametrize(
    ("query", "kind", "name"),
    [
        ("layer=1", "image/openraster", "photo.color.ora"),
        ("layer=1&format=png", "image/png", "photo.layer.png"),
        ("layer=1&format=tiff", "image/tiff", "photo.layer.tif"),
        ("layer=0", "image/jpeg", "photo.color.jpg"),
    ],
)
def test_a_layer_has_its_type_and_name(
    client: httpx.Client, picture: Callable[..., bytes], query: str, kind: str, name: str
) -> None:
    answer = client.post(f"/v1/color?{query}", content=picture())
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == kind
    assert f'filename="{name}"' in answer.headers["content-disposition"]
    data = answer.content
    if kind == "image/openraster":
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            data = file.read("data/color.png")
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (160, 120)


def test_a_held_photograph_has_layers_too(
    client: httpx.Client, picture: Callable[..., bytes]
) -> None:
    held = client.post("/v1/photos", content=picture()).json()["id"]
    answer = client.post(f"/v1/photos/{held}/file?layer=1", json={"vividness": 0.5})
    assert answer.headers["content-type"] == "image/openraster"
    assert client.post(f"/v1/photos/{held}/file?layer=1&format=webp", json={}).status_code == 400


# ----- names -----


def test_colors_and_vividness_can_be_named(
    client: httpx.Client, picture: Callable[..., bytes]
) -> None:
    names = client.get("/v1/colors").json()
    assert names["dusty rose"] == "#c0737a"
    held = client.post("/v1/photos", content=picture()).json()["id"]

    def preview(settings: dict[str, object]) -> bytes:
        answer = client.post(f"/v1/photos/{held}/preview", json=settings)
        assert answer.status_code == 200, answer.text
        return answer.content

    line = {"points": [[20, 20], [60, 60]], "radius": 4}
    for named, plain in (("dusty rose", "#c0737a"), ("#c43", "#cc4433")):
        assert preview({"strokes": [line | {"color": named}]}) == preview(
            {"strokes": [line | {"color": plain}]}
        )
    assert preview({"vividness": "vivid"}) == preview({"vividness": 1.3})
    assert preview({"vividness": "vivid"}) != preview({"vividness": "sober"})
    assert client.post("/v1/color?vividness=vivid", content=picture()).status_code == 200
    assert client.post("/v1/color?vividness=bright", content=picture()).status_code == 400
    answer = client.post("/v1/color?hint=3,4,dustyrosse", content=picture())
    assert answer.status_code == 400
    assert "dusty rose" in answer.text
