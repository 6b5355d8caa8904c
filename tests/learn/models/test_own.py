"""Our own network's parts that can be changed: its encoder, the global vector, attention."""

import pytest
import torch

from tintype.errors import LearnError
from tintype.learn.models.non_local_mean import NonLocalMean
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
        {"non_local": True, "hints": True},
        {"global_vector": False, "hints": True},
        {"color_queries": 4, "widths": (16, 32, 16, 32), "non_local": True, "hints": True},
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
    # Attention is blind to what is added to every key: its part of the bias has no gradient, but it
    # lies in one tensor with the others.
    assert dead == []


def test_attention_begins_as_if_it_were_not_there():
    plain, looking = own().eval(), own(attention=True).eval()
    missing = looking.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing
    assert all(name.startswith("attention.") for name in missing)
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        assert torch.equal(plain(L), looking(L))


def test_color_queries_begin_as_if_they_were_not_there():
    widths = (16, 32, 16, 32)
    plain, asking = own(widths=widths).eval(), own(widths=widths, color_queries=4).eval()
    asking.warm_start(plain.state_dict())
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        assert torch.equal(plain(L), asking(L))


def test_color_queries_tell_a_place_about_the_rest_of_the_picture():
    L = torch.full((1, 1, 32, 1024), 50.0)
    other = L.clone()
    other[..., -32:] = 90
    model = own(widths=(16, 32, 16, 32), color_queries=4, global_vector=False).eval()
    with torch.no_grad():
        assert (model(L) - model(other)).abs()[..., :4].max() == 0
        model.queries.out.weight.normal_()
        assert (model(L) - model(other)).abs()[..., :4].max() > 0


def test_dividing_the_logits_divides_what_the_queries_add():
    model = own(widths=(16, 32, 16, 32), color_queries=4).eval()
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        model.queries.out.weight.normal_()
        before = model(L)
        model.apply_temperature(0.5)
        torch.testing.assert_close(model(L), 2 * before, rtol=1e-4, atol=1e-3)


def test_the_encoder_can_start_from_a_distilled_one():
    grey = build(ModelRecipe(kind="grey-encoder", encoder="lite2", pretrained=False))
    model = own(encoder="lite2")
    head = model.head.weight.clone()
    model.warm_start(grey.state_dict())
    assert torch.equal(model.head.weight, head)
    for name, tensor in model.encoder.state_dict().items():
        assert torch.equal(tensor, grey.encoder.state_dict()[name])
    with pytest.raises(LearnError, match="encoder of the checkpoint is not lite0"):
        own().warm_start(grey.state_dict())


def test_without_the_global_vector_places_know_their_surroundings_only():
    L = torch.full((1, 1, 32, 1024), 50.0)
    other = L.clone()
    other[..., -32:] = 90
    with torch.no_grad():
        with_vector = (own().eval()(L) - own().eval()(other)).abs()[..., :4].max()
        without_vector = own(global_vector=False).eval()
        assert with_vector > 0
        assert (without_vector(L) - without_vector(other)).abs()[..., :4].max() == 0


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


def halves(dark: float = 20.0, bright: float = 80.0) -> torch.Tensor:
    """(1, 1, 64, 64) lightness, dark on the left."""
    L = torch.full((1, 1, 64, 64), dark)
    L[..., 32:] = bright
    return L


def test_the_mean_stays_on_its_surface_and_evens_out_what_lies_on_it():
    torch.manual_seed(0)
    L, features = halves(), torch.ones(1, 5, 8, 8)
    said = torch.zeros(1, 1, 16, 16)
    said[..., 8:] = 10.0  # the right half says something else
    coarse = torch.nn.functional.interpolate(torch.randn(1, 1, 8, 8), scale_factor=2.0)
    found = NonLocalMean()(said + coarse, L, features)
    left, right = found[..., :6], found[..., 10:]  # the seam itself is interpolated
    assert right.mean() - left.mean() == pytest.approx(10, abs=0.5)
    for half, before in ((left, coarse[..., :6]), (right, coarse[..., 10:])):
        assert half.std() < 0.5 * before.std()


def test_places_that_look_unlike_keep_apart_where_they_are_as_light():
    said = torch.zeros(1, 1, 16, 16)
    said[..., 8:] = 10.0
    L, same = halves(50, 50), torch.ones(1, 2, 8, 8)
    apart = torch.zeros(1, 2, 8, 8)
    apart[:, 0, :, :4], apart[:, 1, :, 4:] = 1.0, 1.0
    kept = NonLocalMean()(said, L, apart) - said
    merged = NonLocalMean()(said, L, same) - said
    assert kept.abs().max() < 0.1
    assert merged.abs().max() > 2


def test_the_mean_is_the_gaussian_over_distance_lightness_and_features():
    torch.manual_seed(1)
    mean = NonLocalMean()
    L, features = torch.rand(2, 1, 32, 64) * 20, torch.randn(2, 6, 4, 8)
    x = torch.nn.functional.interpolate(torch.randn(2, 4, 4, 8), scale_factor=2.0)
    coarse, grey = (torch.nn.functional.avg_pool2d(v, n) for v, n in ((x, 2), (L, 8)))
    unit = torch.nn.functional.normalize(features)
    expected = torch.zeros_like(coarse)
    places = [(i, j) for i in range(4) for j in range(8)]
    for b in range(2):
        for i, j in places:
            weights = []
            for k, m in places:
                apart = ((i - k) ** 2 + (j - m) ** 2) / mean.reach**2
                apart += float(grey[b, 0, i, j] - grey[b, 0, k, m]) ** 2 / mean.lightness**2
                turned = (unit[b, :, i, j] - unit[b, :, k, m]).square().sum()
                weights.append(torch.exp(-(apart + mean.likeness * turned) / 2))
            total = sum(weights)
            expected[b, :, i, j] = (
                sum(w * coarse[b, :, k, m] for w, (k, m) in zip(weights, places, strict=True))
                / total
            )
    found = torch.nn.functional.avg_pool2d(mean(x, L, features), 2)
    enlarged = torch.nn.functional.interpolate(
        expected - coarse, scale_factor=2.0, mode="bilinear", align_corners=False
    )
    assert torch.allclose(found, coarse + torch.nn.functional.avg_pool2d(enlarged, 2), atol=1e-5)


def test_rows_that_are_left_out_would_hardly_have_counted():
    # The worst case: one surface, so that nothing but the distance takes weight from a place.
    torch.manual_seed(3)
    near, every = NonLocalMean(), NonLocalMean()
    every.band = 64
    L, features = torch.full((1, 1, 512, 64), 50.0), torch.ones(1, 3, 64, 8)
    x = torch.rand(1, 4, 128, 16)
    found, expected = near(x, L, features), every(x, L, features)
    assert not torch.equal(found, expected)
    assert (found - expected).abs().max() < 0.01


def test_no_share_is_too_small_for_a_processor_to_multiply_fast():
    torch.manual_seed(2)
    mean = NonLocalMean()
    place = mean._coordinates(torch.rand(1, 1, 128, 512) * 100, torch.randn(1, 6, 16, 64))[0].T
    exponent = -torch.cdist(place, place).square()[None] / 2
    shares = mean._kernel(exponent)
    smallest_normal = torch.finfo(torch.float32).tiny
    plain = torch.softmax(exponent, dim=2)
    assert ((plain > 0) & (plain < smallest_normal)).any()
    assert shares.min() >= smallest_normal
    assert torch.allclose(shares, plain, atol=1e-7)


def test_what_is_averaged_gets_a_gradient_and_what_tells_surfaces_apart_none():
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    features = torch.randn(1, 5, 4, 4, requires_grad=True)
    mean = NonLocalMean()(x, torch.rand(1, 1, 32, 32) * 100, features)
    mean[:, :, 0, 0].sum().backward()
    assert features.grad is None
    assert x.grad is not None
    assert bool((x.grad[:, :, 2:, 2:] != 0).any())  # places beyond the one that was asked about


def test_averaging_needs_no_weights_and_keeps_what_is_everywhere_the_same():
    plain, even = own().eval(), own(non_local=True).eval()
    assert plain.state_dict().keys() == even.state_dict().keys()
    even.load_state_dict(plain.state_dict())
    L = torch.rand(1, 1, 64, 64) * 100
    with torch.no_grad():
        assert not torch.allclose(plain(L), even(L), atol=1e-3)
        assert torch.allclose(plain(L).mean(dim=(2, 3)), even(L).mean(dim=(2, 3)), atol=0.5)
    same = torch.ones(1, 3, 16, 16)
    kept = NonLocalMean()(same, halves(), torch.randn(1, 5, 8, 8))
    assert torch.allclose(kept, same, atol=1e-5)
