"""A grey encoder learns from the one in colour."""

import pytest
import torch

from tintype.errors import LearnError
from tintype.learn.data.batches import Batch
from tintype.learn.models.efficientnet import Classifier, imagenet_weights
from tintype.learn.models.grey_encoder import GreyEncoder
from tintype.learn.models.registry import build
from tintype.learn.recipe import ModelRecipe
from tintype.learn.train.objectives.distillation import Distillation


def batch(*, colored: bool) -> Batch:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(4, 3 if colored else 1, 8, 8, generator=generator)
    rgb = torch.nn.functional.interpolate(coarse, size=64, mode="bilinear").expand(-1, 3, -1, -1)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (rgb * weights).sum(dim=1, keepdim=True) * 100
    return Batch(grey, torch.zeros(4, 2, 64, 64), rgb, torch.zeros(4, dtype=torch.long))


def test_on_grey_pictures_student_and_teacher_begin_alike():
    recipe = ModelRecipe(kind="grey-encoder", encoder="lite2")
    model = build(recipe)
    assert isinstance(model, GreyEncoder)
    model.load_pretrained()
    with torch.no_grad():
        grey = Distillation(recipe)(model.eval(), batch(colored=False))
        colored = Distillation(recipe)(model.eval(), batch(colored=True))
    assert grey["agreement"] == 1
    assert float(grey["loss"]) < 1e-3
    assert float(colored["loss"]) > 10 * float(grey["loss"])


def test_the_student_comes_nearer_and_the_teacher_stays():
    recipe = ModelRecipe(kind="grey-encoder", encoder="lite0")
    model = build(recipe)
    model.load_pretrained()
    objective = Distillation(recipe)
    teacher = {name: tensor.clone() for name, tensor in objective.teacher.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    losses = []
    for _ in range(5):
        found = objective(model, batch(colored=True))
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
        losses.append(float(found["loss"].detach()))
        parts = found["divergence"] + 5 * found["features"]
        torch.testing.assert_close(found["loss"].detach(), parts.detach())
    assert losses[-1] < 0.8 * losses[0]
    for name, tensor in objective.teacher.state_dict().items():
        assert torch.equal(tensor, teacher[name])


def test_the_classifier_is_the_published_one():
    """The package's own code is the witness, at a size where its padding is the same."""
    published = pytest.importorskip("efficientnet_lite_pytorch")
    weights = imagenet_weights("lite0")
    theirs = published.EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(weights)
    ours = Classifier("lite0", inputs=3)
    ours.load_imagenet(weights)
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.eval()((pixels * 255 - 127) / 128)
        _, classes = ours.eval()(pixels * 100)
    torch.testing.assert_close(classes, expected, rtol=1e-3, atol=1e-3)


def test_an_encoder_without_a_published_network_is_refused():
    with pytest.raises(LearnError, match="no teacher for the encoder resnet18"):
        build(ModelRecipe(kind="grey-encoder", encoder="resnet18"))
