"""Our own network's parts that can be changed: its encoder, the global vector, attention."""

import pytest
import torch

from tintype.errors import LearnError
from tintype.learn.models.own import OwnNet
from tintype.learn.models.registry import build
from tintype.learn.models.resnet import GreyResNet18
from tintype.learn.recipe import ModelRecipe

WIDTHS = (16, 32, 16, 16)


def own(**changes: object) -> OwnNet:
    torch.manual_seed(0)
    recipe = ModelRecipe(pretrained=False, widths=WIDTHS).model_copy(update=changes)
    model = build(recipe)
    assert isinstance(model, OwnNet)
    return model


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": "lite2"},
        {"encoder": "resnet18"},
        {"attention": True},
        {"global_vector": False, "hints": True},
    ],
    ids=str,
)
def test_every_part_learns_and_answers_at_a_quarter_of_any_size(changes: dict[str, object]):
    model = own(**changes)
    L = torch.rand(2, 1, 64, 96) * 100
    hints = torch.zeros(2, 3, 64, 96)
    hints[:, :, 20:24, 30:34] = torch.tensor([50.0, -40.0, 1.0]).view(3, 1, 1)
    logits = model(L, hints)
    assert logits.shape == (2, 313, 16, 24)
    assert torch.isfinite(logits).all()
    for _ in range(2):  # what begins at zero lets no gradient through in the first step
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        optimizer.zero_grad()
        model(L, hints).logsumexp(dim=1).square().mean().backward()
        optimizer.step()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # Attention is blind to what is added to every key: its third of the bias has no gradient, but
    # it lies in one tensor with the others.
    assert dead == []


def test_attention_begins_as_if_it_were_not_there():
    plain, looking = own().eval(), own(attention=True).eval()
    missing = looking.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing
    assert all(name.startswith("attention.") for name in missing)
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        assert torch.equal(plain(L), looking(L))


def test_without_the_global_vector_places_know_their_surroundings_only():
    L = torch.full((1, 1, 32, 1024), 50.0)
    other = L.clone()
    other[..., -32:] = 90
    with torch.no_grad():
        told = (own().eval()(L) - own().eval()(other)).abs()[..., :4].max()
        untold = own(global_vector=False).eval()
        assert told > 0
        assert (untold(L) - untold(other)).abs()[..., :4].max() == 0


def test_the_encoder_can_start_from_the_grey_classifier():
    classifier = GreyResNet18(3)
    model = own(encoder="resnet18")
    model.load_classifier(classifier.state_dict())
    L = torch.rand(1, 1, 64, 64) * 100
    model.eval()
    classifier.eval()
    with torch.no_grad():
        assert torch.equal(model.encoder(L)[-1], classifier.trunk(L))
    with pytest.raises(LearnError, match="cannot start from a grey ResNet-18"):
        own().load_classifier(classifier.state_dict())
    with pytest.raises(LearnError, match="no ImageNet weights"):
        model.load_pretrained()


def test_what_does_not_fit_is_refused():
    with pytest.raises(LearnError, match="multiple of 32"):
        own(attention=True, widths=(16, 16, 16, 16))
    with pytest.raises(LearnError, match="trained as a whole"):
        own(encoder="resnet18", train_encoder_from=3)
