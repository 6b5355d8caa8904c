"""Checkpoints: everything needed to resume a run exactly.

One safetensors file contains the weights, their moving average and the optimiser's moments; its
header has the counters, the recipe, the hash of the data and the versions. Pickle is not used.
"""

import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tintype.errors import LearnError, brief, shown
from tintype.files.own import check_replaceable

_MOST = 2**40  # limit of every counter: a million million
_FLOATS = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
_LARGEST = 1e12
"""Far above any real weight or moment; products of such numbers are still finite in float32."""
_NEVER_NEGATIVE = (".running_var", ".num_batches_tracked", ".exp_avg_sq", ".step")
"""Name suffixes of variances and counts, which are used in square roots and powers."""


@dataclass(slots=True)
class Progress:
    """The counters of a run.

    Attributes:
        step: Optimiser steps done.
        samples: Photographs trained on, counting repetitions.
        seconds: Time spent training, over all sessions.
        cooldown_from: `samples` when the cool-down began, or -1 before that.
        cooldown_samples: Length of the cool-down.
        best: Smallest loss on dev so far, or None before the first measurement.
        waited: Number of evaluations on dev since that one.
        cuts: Number of times a plateau or a rollback has cut the learning rate.
    """

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    cooldown_from: int = -1
    cooldown_samples: int = 0
    best: float | None = None
    waited: int = 0
    cuts: int = 0


def save_checkpoint(
    path: Path,
    *,
    modules: Mapping[str, nn.Module],
    ema: Mapping[str, Tensor],
    optimizers: Mapping[str, torch.optim.Optimizer],
    progress: Progress,
    facts: Mapping[str, Any],
) -> None:
    """Writes a checkpoint atomically.

    Args:
        path: The file; replaced if it exists.
        modules: Networks by name; their weights and buffers are saved.
        ema: The moving average of the weights of ``model``.
        optimizers: By the same names; their moments are saved.
        progress: Counters.
        facts: Other metadata, as JSON values: recipe, data hash, versions.
    """
    tensors: dict[str, Tensor] = {}
    for module, network in modules.items():
        for name, tensor in network.state_dict().items():
            tensors[f"{module}.{name}"] = tensor
    for name, tensor in ema.items():
        tensors[f"ema.{name}"] = tensor
    for module, optimizer in optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            for name, moment in moments.items():
                tensors[f"optimizer.{module}.{index}.{name}"] = moment
    _write(path, tensors, progress, facts)


def save_weights(
    path: Path, weights: Mapping[str, Tensor], progress: Progress, facts: Mapping[str, Any]
) -> None:
    """Writes only the moving average, in half precision, as ``tintype train --init`` reads it.

    Args:
        path: The file; replaced if it exists.
        weights: The moving average by name; other tensors keep their names.
        progress: Counters.
        facts: As in `save_checkpoint`.
    """
    halves = {n: t.half() if t.is_floating_point() else t for n, t in weights.items()}
    _write(path, halves, progress, facts)


def is_checkpoint(data: bytes) -> bool:
    """Whether a file was written by `save_checkpoint` or `save_weights`."""
    try:
        length = int.from_bytes(data[:8], "little")
        return {"progress", "facts"} <= set(json.loads(data[8 : 8 + length])["__metadata__"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _write(
    path: Path, tensors: Mapping[str, Tensor], progress: Progress, facts: Mapping[str, Any]
) -> None:
    header = {"progress": json.dumps(asdict(progress)), "facts": json.dumps(dict(facts))}
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, save(contiguous, metadata=header))


def write_own(path: Path, data: bytes, is_own: Callable[[bytes], bool], *, what: str) -> None:
    """Writes a file as `write_whole` does, but never replaces a file of another origin.

    Args:
        path: The file.
        data: Its content.
        is_own: Whether the bytes of a file contain the marker of this kind of output.
        what: The kind of output, for the message.

    Raises:
        TargetExistsError: There is a file without that marker.
        LearnError: There is no space or no permission.
    """
    check_replaceable(path, is_own, overwrite=True, what=what)
    write_whole(path, data)


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name, flushes it to the disk, then renames it.

    Raises:
        LearnError: There is no space or no permission.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            # mkstemp creates files that only their owner can read; others should be able to, too.
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LearnError(f"{path}: cannot be written ({error.strerror}).") from None


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], Progress, dict[str, Any]]:
    """Reads a checkpoint.

    Returns:
        All tensors by their prefixed names, the counters, and the other metadata.

    Raises:
        LearnError: The file is missing, damaged or not a checkpoint of a run, or contains weights,
            moments or counters that no run can have.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would block
            raise ValueError("it is not a regular file")
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if not {"progress", "facts"} <= header.keys():
                raise ValueError("it was not made by `tintype train`")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        progress = msgspec.convert(json.loads(header["progress"]), Progress)
        _check_progress(progress)
        facts = json.loads(header["facts"])
        _check_facts(facts)
        _check_tensors(tensors)
    # Too deep nesting raises a RecursionError; msgspec's ValidationError is a ValueError.
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise LearnError(
            f"{shown(path)}: not a checkpoint of a run ({brief(error, most=200)}).",
            advice="Give one that `tintype train` has written.",
        ) from None
    return tensors, progress, facts


def _check_progress(progress: Progress) -> None:
    """Refuses counters that no run can have.

    Raises:
        ValueError: A counter is negative, not finite, too large, or later than the run itself.
    """
    counters = (progress.step, progress.samples, progress.waited, progress.cuts)
    cooldown = (progress.cooldown_from + 1, progress.cooldown_samples)
    if (
        not all(0 <= number <= _MOST for number in (*counters, *cooldown, progress.seconds))
        or progress.cooldown_from > progress.samples
        or (progress.best is not None and not math.isfinite(progress.best))
    ):
        raise ValueError("its counters are out of range")


def _check_tensors(tensors: Mapping[str, Tensor]) -> None:
    """Refuses tensors that would lead to NaN or infinite values in a network or a run.

    torch loads them silently: it drops imaginary parts, converts booleans, and reports non-finite
    values only once the gradient is affected, or never.

    Raises:
        ValueError: A tensor has a type that no run has, contains huge or non-finite values, or is a
            variance or a count with negative values.
    """
    for name, tensor in tensors.items():
        if tensor.dtype not in _FLOATS and (tensor.dtype != torch.int64 or tensor.ndim):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ValueError(f"{brief(name)} has the type {kind}")
        if not tensor.numel():
            continue
        low, high = (bound.item() for bound in torch.aminmax(tensor))
        if tensor.is_floating_point() and not -_LARGEST <= low <= high <= _LARGEST:
            raise ValueError(f"{brief(name)} has values that are not numbers up to {_LARGEST:.0e}")
        if low < 0 and name.endswith(_NEVER_NEGATIVE):
            raise ValueError(f"{brief(name)} is negative")
        if (
            name.startswith("optimizer.")
            and name.endswith(".step")
            and not 1 <= low <= high <= _MOST
        ):
            raise ValueError(f"{brief(name)} is not a number of steps")


def _check_facts(facts: object) -> None:
    """Refuses metadata that lacks required parts.

    Raises:
        ValueError: A part is missing, or has another type.
    """
    kinds = {"recipe": dict, "data_hash": str, "versions": dict}
    if not isinstance(facts, dict) or not all(
        isinstance(facts.get(name), kind) for name, kind in kinds.items()
    ):
        raise ValueError(f"it lacks valid {', '.join(kinds)}")
    devices = facts.get("trained_on", [])
    if not isinstance(devices, list) or not all(isinstance(name, str) for name in devices):
        raise ValueError("`trained_on` is not a list of names")


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Loads the moving average of a checkpoint into a network, in float32.

    Args:
        model: The network.
        tensors: From `load_checkpoint`.
        path: The checkpoint, for the message.

    Raises:
        LearnError: The checkpoint belongs to another network.
    """
    try:
        model.load_state_dict({n: t.float() for n, t in part(tensors, "ema.").items()})
    except RuntimeError:  # its text has a line for each tensor
        raise _another_network(path) from None


def _another_network(path: Path) -> LearnError:
    return LearnError(
        f"{shown(path)}: its weights are of a network of another kind or size.",
        advice="Give a checkpoint of the same recipe.",
    )


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds the name of the checkpoint to errors about weights that do not fit the network.

    Raises:
        LearnError: The network rejects the weights, or a tensor is missing or has another shape.
    """
    try:
        yield
    except (LookupError, RuntimeError, ValueError):
        raise _another_network(path) from None
    except LearnError as error:
        what = error.message[:1].lower() + error.message[1:]
        raise LearnError(f"{shown(path)}: {what}", advice=error.advice) from None


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names have a prefix, with the prefix removed."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def restore_optimizer(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], name: str
) -> None:
    """Restores the moments that `save_checkpoint` wrote under that name.

    Raises:
        LookupError, ValueError: The moments do not match its parameters.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in part(tensors, f"optimizer.{name}.").items():
        index, moment = key.split(".", 1)
        if tensor.ndim and tensor.shape != weights[int(index)].shape:
            raise ValueError(f"{key} is {tuple(tensor.shape)}")
        state.setdefault(int(index), {})[moment] = tensor
    whole = optimizer.state_dict()
    whole["state"] = state
    optimizer.load_state_dict(whole)
