"""The card of a bundle: default fields, and writing it with a hash into the file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from torch import nn

from tintype._version import __version__
from tintype.color.abgrid import BINS
from tintype.engine.bundle import Card
from tintype.errors import LearnError, ModelError, brief, shown
from tintype.files.toml import read_toml
from tintype.learn.export.graph import output_names
from tintype.learn.export.weights import Trained
from tintype.learn.models.contract import ColorizationNetwork, takes_hints
from tintype.learn.models.registry import MODELS

_CARD_KEY = "tintype.card"
_HASH_KEY = "tintype.sha256"
_EMPTY_HASH = "0" * 64
_LATER: Mapping[str, Any] = MappingProxyType({"bins": 0, "log_weights": [], "capabilities": []})
"""Placeholder for networks without a distribution; export inserts the network's own values."""
_OF_THE_NETWORK = frozenset({*_LATER, "multiple", "stride"})


def default_card(trained: Trained, *, vividness: float, temperature: float) -> dict[str, Any]:
    """The fields of a card that can be derived from the run.

    Args:
        trained: From `load_trained`.
        vividness: Default tau.
        temperature: Default T.
    """
    facts, progress, model = trained.facts, trained.progress, trained.model
    assert isinstance(model, ColorizationNetwork)
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
        "data": {"photographs": facts.get("photos", {}), "sha256": facts["data_hash"]},
        "recipe": facts["recipe"]["name"],
        "commit": facts["versions"].get("commit", ""),
        "metrics": {"samples": progress.samples, "seconds": round(progress.seconds)},
        "notes": "",
    }


def completed_by(card: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A card with the fields of a TOML file, which override its own.

    Args:
        card: From `default_card`.
        path: The file.

    Raises:
        LearnError: The file cannot be read, it sets fields that are derived from the network, or
            the resulting card would be invalid.
    """
    given = read_toml(path, error=LearnError)
    if own := sorted(_OF_THE_NETWORK & set(given)):
        raise LearnError(
            f"{shown(path)}: {own[0]} follows from the network and cannot be chosen.",
            advice="Remove that line.",
        )
    whole = {**card, **given}
    try:
        Card.parse(json.dumps({"created": "", **whole, **_LATER}), where=shown(path))
    except TypeError as error:  # TOML has dates and times
        raise LearnError(f"{shown(path)}: {brief(error)}.", advice="Write it as a text.") from None
    except ModelError as error:
        raise LearnError(error.message, advice="Correct that line of the file.") from None
    return whole


def _capabilities(model: nn.Module) -> list[str]:
    outputs = [name for name in output_names(model) if name != "ab"]
    return [*outputs, "hints"] if takes_hints(model) else outputs


def _sizes(trained_at: int, multiple: int) -> dict[str, int]:
    """Sizes by quality; on dev our own model is best at twice its training size."""
    steps = {"fast": 1.5, "normal": 2.0, "high": 3.0}
    return {
        quality: max(multiple, round(trained_at * times / multiple) * multiple)
        for quality, times in steps.items()
    }


def with_card(model: onnx.ModelProto, card: Mapping[str, Any]) -> bytes:
    """The bytes of the file with the card and a hash of the whole file in its metadata."""
    # The exporter records the source line of every node, including the path on this disk.
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
        raise LearnError("The position of the file's own hash is not unique.")
    digest = hashlib.sha256(blank).hexdigest()
    return blank.replace(_EMPTY_HASH.encode(), digest.encode())


def with_vividness(data: bytes, vividness: float) -> bytes:
    """The same bundle with another default vividness; its network is unchanged.

    Args:
        data: A bundle that predicts a distribution.
        vividness: The new default tau, 0 to 2.

    Raises:
        LearnError: The number is out of range, or the bundle predicts no distribution.
    """
    if not 0 <= vividness <= 2:
        raise LearnError(f"The vividness {vividness} is out of range.", advice="Use 0 to 2.")
    model = onnx.load_from_string(data)
    card = json.loads({p.key: p.value for p in model.metadata_props}[_CARD_KEY])
    log_weights = np.array(card.get("log_weights", ()), np.float32)
    before = card["vividness"] * log_weights
    # The default colours are an output of the graph, so the bias of its logits must change too.
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.size == len(before) == BINS and np.allclose(values.ravel(), before, atol=1e-3):
            moved = (vividness * log_weights).reshape(values.shape).astype(values.dtype)
            tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))
            return with_card(model, {**card, "vividness": vividness})
    raise LearnError(
        "The bundle has no vividness to change.", advice="It predicts no distribution."
    )
