import torch

from tintype.learn.models.blocks import GreyTrunk, Residual
from tintype.learn.models.registry import build
from tintype.learn.models.resnet import GreyResNet18
from tintype.learn.recipe import ModelRecipe


def test_it_has_the_published_layers():
    """Table 1 of the paper: 11,689,512 parameters less two input channels and 635 names."""
    with torch.device("meta"):
        model = build(ModelRecipe(kind="grey-resnet18", classes=365)).eval()
        L = torch.rand(1, 1, 224, 224)
    assert isinstance(model, GreyResNet18)
    shapes: list[tuple[int, int]] = []
    for layer in model.trunk.layers:
        layer.register_forward_hook(
            lambda _module, _inputs, out: shapes.append((out.shape[1], out.shape[2]))
        )
    with torch.no_grad():
        assert model(L).shape == (1, 365)
    assert shapes == [(64, 56), (128, 28), (256, 14), (512, 7)]
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == 11_689_512 - 2 * 64 * 49 - 635 * 513


def test_a_block_without_weights_is_its_way_around():
    block = Residual(8, 8, stride=1).eval()
    torch.nn.init.zeros_(block.norm2.weight)
    x = torch.rand(1, 8, 6, 6)
    assert torch.allclose(block(x), x, atol=1e-6)


def test_a_trunk_is_the_beginning_of_a_longer_one():
    torch.manual_seed(0)
    long, short = GreyTrunk(4, 0.1).eval(), GreyTrunk(2, 0.1).eval()
    wanted = short.state_dict()
    short.load_state_dict({name: t for name, t in long.state_dict().items() if name in wanted})
    L = torch.rand(1, 1, 64, 64) * 100
    middle: list[torch.Tensor] = []
    long.layers[1].register_forward_hook(lambda _module, _inputs, out: middle.append(out))
    with torch.no_grad():
        long(L)
        assert torch.equal(short(L), middle[0])
