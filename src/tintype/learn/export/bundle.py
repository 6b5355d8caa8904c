"""From a checkpoint to a bundle: one ONNX file with its card inside, refused unless it agrees.

The moving average is exported. Batch normalisation is folded and the graph written in float32; then
the weights are stored in float16, or the graph is
quantised to int8 (static, per channel) on photographs of the training split. Both are compared with
torch on photographs of dev, and a file that differs is not written.
"""

import copy
import datetime
import hashlib
import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from tintype._version import __version__
from tintype.color.abgrid import BINS, bin_centers, log_rarity
from tintype.errors import LearnError
from tintype.learn.data.batches import Sampler
from tintype.learn.data.photos import open_photos
from tintype.learn.models.contract import (
    Adopting,
    Colorizer,
    Factorable,
    Matching,
    Tempering,
    answer,
    takes_hints,
)
from tintype.learn.models.registry import MODELS, build
from tintype.learn.recipe import make_recipe
from tintype.learn.train.checkpoint import (
    Progress,
    load_checkpoint,
    part,
    write_whole,
)
from tintype.learn.train.checkpoint import save_weights as write_weights

OPSET = 18
_IN_FLOAT = 12
_SMALL = 1024  # values; biases stay as they are, they weigh nothing
_CARD_KEY = "tintype.card"
_HASH_KEY = "tintype.sha256"
_EMPTY_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Trained:
    """A network as it came out of a run."""

    model: nn.Module  # a Colorizer
    prior: NDArray[np.float32]  # (313,) share of training pixels in each bin
    log_weights: NDArray[np.float32]  # (313,) log of Zhang's class weights over that prior
    progress: Progress
    facts: Mapping[str, Any]


def load_trained(run: Path) -> Trained:
    """The moving average of a run, ready for inference.

    Args:
        run: A run's folder, or the weights that `save_weights` has written of one: what comes out
            of these is the same to the last bits, as the bundle holds them in float16 too.

    Raises:
        LearnError: There is no checkpoint, or its prior is missing.
    """
    weights_alone = run.is_file()
    tensors, progress, facts = load_checkpoint(
        run if weights_alone else run / "checkpoint.safetensors"
    )
    recipe = make_recipe(facts["recipe"], name=str(run))
    model = build(recipe.model)
    if not isinstance(model, Colorizer):
        raise LearnError(
            f"{run}: {recipe.model.kind} does not colour, so there is nothing to export."
        )
    model.load_state_dict({name: value.float() for name, value in part(tensors, "ema.").items()})
    if weights_alone and "prior" not in tensors:
        raise LearnError(
            f"{run}: the share of each colour is missing.", advice="Give the folder of the run."
        )
    prior = tensors["prior"].double().numpy() if weights_alone else _prior_of(run)
    log_weights = log_rarity(prior).astype(np.float32)
    return Trained(model.eval(), prior.astype(np.float32), log_weights, progress, facts)


def _prior_of(run: Path) -> NDArray[np.float64]:
    path = run / "prior.npy"
    try:
        prior: NDArray[np.float64] = np.load(path).astype(np.float64)
    except OSError as error:
        raise LearnError(f"{path}: cannot be read ({error.strerror}).") from None
    return prior


def mix_with_start(trained: Trained, starts: Sequence[Path], share: float) -> Trained:
    """A run's weights, drawn some way to others: those it began from, or a twin's.

    Sources: M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022, equation 1:
    between the two, what was learned long ago and what was learned last are both there. The same,
    "Model soups", ICML 2022, for runs that began from the same weights: their average is as good as
    asking both, and costs one.

    Args:
        trained: From `load_trained`.
        starts: The checkpoint that was its ``--init``, or of runs from the same one; of several,
            their average counts. They may be wider or lack parts.
        share: Of their weights, 0 to 1. Parts that one lacks stay there as they were trained.

    Raises:
        LearnError: A checkpoint does not fit.
    """
    others = [_adopted(trained.model, start) for start in starts]
    mixed = copy.deepcopy(trained.model)
    with torch.no_grad():
        for name, tensor in mixed.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(torch.stack([other[name] for other in others]).mean(dim=0), share)
    return replace(trained, model=mixed.eval())


def calibrated(trained: Trained, temperature: float) -> Trained:
    """The same colours from a distribution that is as sure as it should be.

    The logits are divided, and so are the weights and, by whoever decodes, T: then
    ``softmax((logits + tau log w) / T)`` is what it was at every tau, and what changes is the
    distribution that is shown.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.

    Args:
        trained: From `load_trained`.
        temperature: By which the logits are divided, found on dev; below 1 makes it surer.

    Raises:
        LearnError: The network has no distribution, or the temperature is not above 0.
    """
    if not temperature > 0:
        raise LearnError("--calibrate is not above 0.", advice="Give 1 to leave it as trained.")
    model = copy.deepcopy(trained.model)
    if not isinstance(model, Tempering):
        raise LearnError(
            "--calibrate is for networks over a distribution of kind own.", advice="Leave it out."
        )
    model.temper(temperature)
    return replace(trained, model=model, log_weights=trained.log_weights / temperature)


def _adopted(model: nn.Module, checkpoint: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint as a network takes them; what it lacks is the network's own."""
    tensors, _, _ = load_checkpoint(checkpoint)
    weights = {name: tensor.float() for name, tensor in part(tensors, "ema.").items()}
    taken = copy.deepcopy(model)
    if isinstance(taken, Adopting):
        taken.adopt(weights)
    else:
        taken.load_state_dict(weights)
    own = model.state_dict()
    return {n: t if n in weights else own[n] for n, t in taken.state_dict().items()}


def save_weights(trained: Trained, target: Path) -> None:
    """The moving average in half precision, from which ``tintype train --init`` goes on.

    Args:
        trained: From `load_trained`.
        target: A safetensors file, laid out like a checkpoint without optimiser.
    """
    weights = {f"ema.{name}": tensor for name, tensor in trained.model.state_dict().items()}
    weights["prior"] = torch.from_numpy(trained.prior)
    write_weights(target, weights, trained.progress, trained.facts)


def default_card(trained: Trained, *, vividness: float, temperature: float) -> dict[str, Any]:
    """What a card says where nobody says otherwise.

    Args:
        trained: From `load_trained`.
        vividness: Default tau.
        temperature: Default T.
    """
    facts, progress, model = trained.facts, trained.progress, trained.model
    assert isinstance(model, Colorizer)
    file = MODELS[facts["recipe"]["model"]["kind"]]
    return {
        "name": facts["recipe"]["name"],
        "version": __version__,
        "title": file.TITLE,
        "paper": file.PAPER,
        "license": "",
        "multiple": model.multiple,
        "stride": model.stride,
        "sizes": _sizes(facts["recipe"]["data"]["size"], model.multiple),
        "capabilities": _capabilities(model),
        "temperature": temperature,
        "vividness": vividness,
        "data": {"photographs": facts["photos"], "sha256": facts["data_hash"]},
        "recipe": facts["recipe"]["name"],
        "commit": facts["versions"].get("commit", ""),
        "metrics": {"samples": progress.samples, "seconds": round(progress.seconds)},
        "notes": "",
    }


def _capabilities(model: nn.Module) -> list[str]:
    outputs = [name for name in _outputs(model) if name != "ab"]
    return [*outputs, "hints"] if takes_hints(model) else outputs


def _outputs(model: nn.Module) -> list[str]:
    """Names of what the graph of a network gives, in order."""
    if not predicts_distribution(model):
        return ["ab"]
    return ["ab", "logits", "features"] if isinstance(model, Matching) else ["ab", "logits"]


def _sizes(trained_at: int, multiple: int) -> dict[str, int]:
    """Twice the size that was trained on is where our own model colours best on dev."""
    steps = {"fast": 1.5, "normal": 2.0, "high": 3.0}
    return {
        quality: max(multiple, round(trained_at * times / multiple) * multiple)
        for quality, times in steps.items()
    }


def lightness_examples(
    trained: Trained, paths: Sequence[Path], *, cache: Path, calibration: int = 96, check: int = 24
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Lightness of photographs: of the training split for ranges, of dev for the comparison.

    Args:
        trained: Its recipe says which photographs.
        paths: The data of the run.
        cache: Where the decoded photographs are kept.
        calibration: How many of the training split.
        check: How many of dev.

    Returns:
        Two lists of (1, 1, 256, 256).

    Raises:
        LearnError: These are not the run's data.
    """
    recipe = make_recipe(trained.facts["recipe"], name="the run's recipe").data
    photos = open_photos(paths, recipe, cache=cache)
    if photos.data_hash != trained.facts["data_hash"]:
        raise LearnError("These are not the photographs of the run.", advice="Check --data.")
    large = recipe.model_copy(update={"size": 256})
    sampler = Sampler(photos, large, batch=1, seed=0, device=torch.device("cpu"))

    def examples(members: NDArray[np.bool_], count: int) -> list[NDArray[np.float32]]:
        index = np.flatnonzero(members)
        chosen = index[np.linspace(0, len(index) - 1, min(count, len(index))).astype(int)]
        return [sampler.fixed(chosen[i : i + 1]).L.numpy() for i in range(len(chosen))]

    return examples(~photos.dev, calibration), examples(photos.dev, check)


def predicts_distribution(model: nn.Module) -> bool:
    """Whether a network answers with logits over the 313 colours."""
    return getattr(model, "bins", 0) == BINS


class _DistributionGraph(nn.Module):
    """What the world gets: ``ab`` at the card's vividness and temperature, and the logits.

    Features too, where the network has them.
    """

    bias: Tensor
    moments: Tensor

    def __init__(self, model: nn.Module, bias: NDArray[np.float32], temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature
        moments = np.vstack([bin_centers().T, np.ones((1, BINS), np.float32)])
        self.register_buffer("moments", torch.from_numpy(moments)[:, :, None, None])
        self.register_buffer("bias", torch.from_numpy(bias).view(1, BINS, 1, 1))

    def forward(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor, ...]:
        features: tuple[Tensor, ...] = ()
        if isinstance(self.model, Matching):
            logits, *found = self.model.with_features(L, hints)
            features = tuple(found)
        else:
            logits = answer(self.model, L, hints)
        sharp = (logits + self.bias) / self.temperature
        # Not softmax, which ONNX Runtime turns over to the last axis and back: that took a fifth of
        # the whole inference. One product gives both moments and the total.
        mass = torch.exp(sharp - sharp.amax(dim=1, keepdim=True))
        total = torch.nn.functional.conv2d(mass, self.moments)
        return total[:, :2] / total[:, 2:], logits, *features


class _ChromaGraph(nn.Module):
    """The same for a network without a distribution: ``ab`` alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, L: Tensor, hints: Tensor | None = None) -> tuple[Tensor]:
        model = self.model
        assert isinstance(model, Colorizer)
        return (model.to_ab(answer(self.model, L, hints)),)


def _graph_of(trained: Trained, *, vividness: float, temperature: float) -> nn.Module:
    if predicts_distribution(trained.model):
        bias = vividness * trained.log_weights
        return _DistributionGraph(trained.model, bias, temperature).eval()
    return _ChromaGraph(trained.model).eval()


def export(
    trained: Trained,
    target: Path,
    *,
    card: Mapping[str, Any],
    calibration: Sequence[NDArray[np.float32]],
    check: Sequence[NDArray[np.float32]],
    precision: str = "float16",
    rank: int = 0,
) -> dict[str, float]:
    """Writes a bundle.

    Args:
        trained: From `load_trained`.
        target: The ONNX file; replaced if it exists.
        card: What the file says of itself; sizes, bins, weights and date are filled in here.
        calibration: Lightness (1, 1, h, w) of training photographs, for what goes into filters:
            the mixtures of `rank`, the ranges of int8.
        check: Lightness (1, 1, h, w) of other photographs, to compare with torch.
        precision: ``float16`` (stored, computed in float32), ``int8`` or ``float32``.
        rank: Mixtures that the filters of a `Factorable` network are given; 0 leaves all as it is.

    Returns:
        Mean and largest difference in ab: of the float32 graph from torch, of the written file from
        torch, and of the network with its mixtures, before it is written, from the one without.

    Raises:
        LearnError: The float32 graph differs from torch by more than 0.01 ab anywhere, or another
            step by more than 0.5 on average.
    """
    full = dict(card)
    full["log_weights"] = [round(float(w), 6) for w in trained.log_weights]
    full["bins"] = BINS
    full["created"] = datetime.date.today().isoformat()
    vividness, temperature = float(full["vividness"]), float(full["temperature"])
    graph = _graph_of(trained, vividness=vividness, temperature=temperature)
    hinted = takes_hints(trained.model)
    feeds, ranges = _feeds(check, hinted=hinted), _feeds(calibration, hinted=hinted)
    expected = [_torch_ab(graph, feed) for feed in feeds]
    report: dict[str, float] = {}
    if rank > 0 and isinstance(trained.model, Factorable):
        trained = replace(trained, model=_factored(trained.model, ranges, rank))
        graph = _graph_of(trained, vividness=vividness, temperature=temperature)
        full_rank, expected = expected, [_torch_ab(graph, feed) for feed in feeds]
        report |= _differences(f"rank{rank}", expected, full_rank)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "float32.onnx"
        _write_float32(trained, graph, plain)
        report |= _compare("float32", plain, feeds, expected)
        if not report["float32_max"] <= 0.01:  # also where it is not a number
            raise LearnError(
                f"The exported graph differs from torch by {report['float32_max']} ab."
            )
        final = plain
        if precision == "float16":
            final = Path(folder) / "float16.onnx"
            onnx.save(_halve_weights(onnx.load(plain)), final)
            report |= _compare("float16", final, feeds, expected)
        if precision == "int8":
            final = Path(folder) / "int8.onnx"
            _quantize(plain, final, ranges, in_float=_IN_FLOAT)
            report |= _compare("int8", final, feeds, expected)
        for step, difference in report.items():
            if step.endswith("_mean") and not difference <= 0.5:
                raise LearnError(f"{step.removesuffix('_mean')} differs by {difference} ab.")
        full["metrics"] = {**full.get("metrics", {}), "export": report}
        write_whole(target, _with_card(onnx.load(final), full))
    return report


def _factored(model: Factorable, feeds: "Sequence[Feed]", rank: int) -> nn.Module:
    joined = {name: torch.from_numpy(np.concatenate([f[name] for f in feeds])) for name in feeds[0]}
    return model.factored(joined["L"], joined.get("hints"), rank)


def _write_float32(trained: Trained, graph: nn.Module, path: Path) -> None:
    model = trained.model
    assert isinstance(model, Colorizer)
    multiple = model.multiple
    most = max(2, 8192 // multiple)
    height, width = (torch.export.Dim(name, min=1, max=most) for name in ("rows", "columns"))
    sides = {2: multiple * height, 3: multiple * width}
    L = torch.rand(1, 1, 3 * multiple, 4 * multiple) * 100
    inputs: dict[str, Tensor] = {"L": L}
    if takes_hints(model):
        inputs["hints"] = torch.zeros(1, 3, *L.shape[2:])
    with warnings.catch_warnings():
        # The exporter trips over deprecations of its own; what comes out is compared below.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=_outputs(model),
            opset_version=OPSET,
            dynamic_shapes=dict.fromkeys(inputs, sides),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.save(str(path), external_data=False)


def _halve_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Stores the weights in float16 and computes in float32, by a cast that is folded at load.

    Half the file for nothing: no kernel for float16 is needed, and every processor gives the same
    answer to the last bits.
    """
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < _SMALL:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.float16"))
        casts.append(helper.make_node("Cast", [weight.name], [name], to=onnx.TensorProto.FLOAT))
    for place, node in enumerate(casts):
        model.graph.node.insert(place, node)
    return model


Feed = Mapping[str, NDArray[np.float32]]
"""The inputs of one inference by name."""


def _feeds(pictures: Sequence[NDArray[np.float32]], *, hinted: bool) -> list[Feed]:
    """Lightness, and for a network that takes them hints: none in every second picture."""
    feeds: list[Feed] = []
    draw = np.random.default_rng(0)
    for index, L in enumerate(pictures):
        if not hinted:
            feeds.append({"L": L})
            continue
        hints = np.zeros((1, 3, *L.shape[2:]), np.float32)
        for _ in range(5 * (index % 2)):
            y, x = (int(draw.integers(0, side)) for side in L.shape[2:])
            told = np.array([*draw.uniform(-60, 60, 2), 1], np.float32)
            hints[0, :, y : y + 5, x : x + 5] = told[:, None, None]
        feeds.append({"L": L, "hints": hints})
    return feeds


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._rest = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._rest, None)


def _quantize(plain: Path, target: Path, calibration: Sequence[Feed], *, in_float: int) -> None:
    """Static int8, per channel, with 7-bit weights: safe on processors without VNNI.

    Without VNNI two products of 8-bit values are added in 16 bits and saturate; with weights of
    seven bits they cannot.

    The first `in_float` convolutions stay in float: with them in int8 the mean difference in ab
    was 1.5, without them 0.4, and all others together add less. Leaving the last ones in float,
    clipping the ranges at a percentile and moving averages of the ranges changed nothing.
    """
    prepared = plain.with_name("prepared.onnx")
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    # The annealed mean stays in float: its exponential turns a step of int8 into another colour.
    model = onnx.load(prepared)
    decode = _nodes_after_logits(model)
    early = [node.name for node in model.graph.node if node.op_type == "Conv"][:in_float]
    quantize_static(
        str(prepared),
        str(target),
        _Reader(calibration),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=decode + early,
    )


def _nodes_after_logits(model: onnx.ModelProto) -> list[str]:
    reached, names = {"logits"}, []
    for node in model.graph.node:
        if reached & set(node.input):
            reached |= set(node.output)
            names.append(node.name)
    return names


def _with_card(model: onnx.ModelProto, card: Mapping[str, Any]) -> bytes:
    """The file's bytes, with the card and a hash over everything in its metadata."""
    # The exporter notes in every node which line of whose disk it came from.
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for item in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    entry = model.metadata_props.add()
    entry.key, entry.value = _CARD_KEY, json.dumps(card, sort_keys=True)
    entry = model.metadata_props.add()
    entry.key, entry.value = _HASH_KEY, _EMPTY_HASH
    blank: bytes = model.SerializeToString(deterministic=True)
    if blank.count(_EMPTY_HASH.encode()) != 1:
        raise LearnError("The place of the file's own hash is not unique.")
    digest = hashlib.sha256(blank).hexdigest()
    return blank.replace(_EMPTY_HASH.encode(), digest.encode())


def with_vividness(data: bytes, vividness: float) -> bytes:
    """The same bundle with another default vividness; its network stays what it was.

    Args:
        data: Of a bundle over a distribution.
        vividness: The default tau from now on, 0 to 2.

    Raises:
        LearnError: The number is out of range, or the bundle predicts no distribution.
    """
    if not 0 <= vividness <= 2:
        raise LearnError(f"The vividness {vividness} is out of range.", advice="Use 0 to 2.")
    model = onnx.load_from_string(data)
    card = json.loads({p.key: p.value for p in model.metadata_props}[_CARD_KEY])
    log_weights = np.array(card.get("log_weights", ()), np.float32)
    before = card["vividness"] * log_weights
    # The graph has the default colours among its outputs, so what it adds to its logits moves too.
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.size == len(before) == BINS and np.allclose(values.ravel(), before, atol=1e-3):
            moved = (vividness * log_weights).reshape(values.shape).astype(values.dtype)
            tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))
            return _with_card(model, {**card, "vividness": vividness})
    raise LearnError(
        "The bundle has no vividness to change.", advice="It predicts no distribution."
    )


def _torch_ab(graph: nn.Module, feed: Feed) -> NDArray[np.float32]:
    with torch.no_grad():
        inputs = {name: torch.from_numpy(value) for name, value in feed.items()}
        ab: NDArray[np.float32] = graph(**inputs)[0].numpy()
    return ab


def _compare(
    name: str,
    path: Path,
    feeds: Sequence[Feed],
    expected: Sequence[NDArray[np.float32]],
) -> dict[str, float]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = [session.run(["ab"], dict(feed))[0] for feed in feeds]
    return _differences(name, found, expected)


def _differences(
    name: str, found: Sequence[NDArray[np.float32]], expected: Sequence[NDArray[np.float32]]
) -> dict[str, float]:
    """Mean and largest distance of ab, under names that begin with the step's."""
    distances = [np.hypot(*(ab - other)[0]) for ab, other in zip(found, expected, strict=True)]
    return {
        f"{name}_mean": round(float(np.mean([d.mean() for d in distances])), 5),
        f"{name}_max": round(float(np.max([d.max() for d in distances])), 5),
    }
