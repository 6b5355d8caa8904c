"""The training loop, straight: batch, loss, backward, clip, step, moving average, log.

Counted in samples, never in seconds, so that a run can be stopped, looked at and continued at any
time, and one that is killed goes on from its checkpoint to the very same weights.
"""

import json
import math
import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

import tintype
from tintype.color.abgrid import AB_LIMIT, BINS, soft_code_table
from tintype.errors import LearnError
from tintype.learn.data.batches import Sampler
from tintype.learn.data.photos import Photos
from tintype.learn.evaluate.report import sample_sheet
from tintype.learn.models.contract import Colorizer
from tintype.learn.models.registry import build, load_pretrained
from tintype.learn.recipe import Recipe, TrainRecipe, recipe_to_toml
from tintype.learn.train.checkpoint import (
    Progress,
    load_checkpoint,
    part,
    restore_optimizer,
    save_checkpoint,
    write_whole,
)
from tintype.learn.train.objectives import Classification

_DEV_PICTURES = 512
_SHEET_PICTURES = 16


@dataclass(frozen=True, slots=True)
class Sitting:
    """How long this call trains, and from where.

    Attributes:
        max_seconds: Stop after this time; None trains to the end of the schedule.
        max_samples: Stop when the run has seen this many; None for no limit.
        cooldown: Begin a linear cool-down to zero over this many samples; None for none.
        init: A checkpoint whose weights a new run starts from, or None.
        device: Where to train.
    """

    max_seconds: float | None = None
    max_samples: int | None = None
    cooldown: int | None = None
    init: Path | None = None
    device: str = "cpu"


@dataclass(slots=True)
class _Parts:
    """What a step touches. One value instead of a dozen arguments; nothing is hidden in methods."""

    settings: TrainRecipe
    sampler: Sampler
    model: nn.Module
    objective: Classification
    optimizer: torch.optim.Optimizer
    ema: dict[str, Tensor]
    progress: Progress


def train(run: Path, recipe: Recipe, photos: Photos, sitting: Sitting) -> Progress:
    """Trains, or goes on training, the run in a folder.

    Args:
        run: Its folder; a checkpoint in it is continued from.
        recipe: What to train; must be the checkpoint's own where there is one.
        photos: What to train on; likewise.
        sitting: When to stop.

    Returns:
        How far the run has come.

    Raises:
        LearnError: The checkpoint belongs to another recipe or other data.
    """
    device = torch.device(sitting.device)
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    torch.manual_seed(recipe.train.seed)
    settings = recipe.train
    sampler = Sampler(photos, recipe.data, batch=settings.batch, seed=settings.seed, device=device)
    prior = color_prior(sampler, photos)
    model = _new_model(recipe, sitting.init).to(device)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parts = _Parts(
        settings=settings,
        sampler=sampler,
        model=model,
        objective=Classification(recipe.loss, prior).to(device),
        optimizer=_optimizer(model, settings),
        ema={name: tensor.detach().clone() for name, tensor in model.state_dict().items()},
        progress=Progress(),
    )
    facts = _facts(recipe, photos, sitting)
    checkpoint = run / "checkpoint.safetensors"
    if checkpoint.exists():
        _resume(checkpoint, facts, parts)
    else:
        write_whole(run / "recipe.toml", recipe_to_toml(recipe).encode())
        np.save(run / "prior.npy", prior.numpy())
    progress = parts.progress
    if sitting.cooldown is not None and progress.cooldown_from < 0:
        progress.cooldown_from, progress.cooldown_samples = progress.samples, sitting.cooldown

    def keep() -> None:
        save_checkpoint(
            checkpoint,
            model=model,
            ema=parts.ema,
            optimizer=parts.optimizer,
            progress=progress,
            facts=facts,
        )

    with _Log(run, progress) as log, _stop_signals() as stopped:
        began = kept = time.monotonic()
        before = progress.seconds
        while not stopped() and not _at_end(progress, settings, sitting, time.monotonic() - began):
            loss, norm = _step(parts)
            progress.seconds = before + time.monotonic() - began
            if progress.step % settings.log_every == 0:
                log.step(progress, loss=float(loss), norm=float(norm))
            if _crossed(progress.samples, settings.batch, settings.evaluate_samples):
                _look(parts, build(recipe.model), log)
            if time.monotonic() - kept > settings.checkpoint_seconds:
                keep()
                kept = time.monotonic()
        keep()
    return progress


def _step(parts: _Parts) -> tuple[Tensor, Tensor]:
    """Batch, loss, backward, clip, step, moving average.

    Returns:
        The loss and the norm of the gradient before clipping.
    """
    settings, model, progress = parts.settings, parts.model, parts.progress
    model.train()
    batch = parts.sampler.batch(progress.step)
    rate = learning_rate_factor(progress, settings)
    for group in parts.optimizer.param_groups:
        group["lr"] = group["peak"] * rate
    with torch.autocast(parts.sampler.device.type, torch.bfloat16, enabled=settings.amp):
        loss = parts.objective(model, batch)
    parts.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(_trained(model), settings.clip)
    if not torch.isfinite(norm):
        raise LearnError(
            f"The gradient is not finite at step {progress.step}.",
            hint="Resume with a lower train.learning_rate; the last checkpoint is kept.",
        )
    parts.optimizer.step()
    progress.step += 1
    progress.samples += settings.batch
    _average(parts.ema, model, settings.ema, progress.step)
    return loss.detach(), norm


def learning_rate_factor(progress: Progress, settings: TrainRecipe) -> float:
    """The share of the peak learning rate: warm-up, then the schedule, then the cool-down.

    Args:
        progress: How many samples have been seen, and whether the cool-down has begun.
        settings: Warm-up, schedule and its length.
    """
    factor = min(1.0, (progress.samples + 1) / max(1, settings.warmup_samples))
    if settings.schedule == "cosine":
        done = min(1.0, progress.samples / max(1, settings.total_samples))
        factor *= 0.5 * (1 + math.cos(math.pi * done))
    if progress.cooldown_from >= 0:
        done = (progress.samples - progress.cooldown_from) / max(1, progress.cooldown_samples)
        factor *= max(0.0, 1 - done)
    return factor


def _at_end(progress: Progress, settings: TrainRecipe, sitting: Sitting, elapsed: float) -> bool:
    if sitting.max_seconds is not None and elapsed >= sitting.max_seconds:
        return True
    if sitting.max_samples is not None and progress.samples >= sitting.max_samples:
        return True
    if 0 < settings.total_samples <= progress.samples:
        return True
    return (
        progress.cooldown_from >= 0
        and progress.samples >= progress.cooldown_from + progress.cooldown_samples
    )


def _crossed(samples: int, batch: int, every: int) -> bool:
    return samples // every != (samples - batch) // every


def _average(ema: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    """Moves the average; early steps count for more, so that the start is forgotten."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                ema[name].lerp_(tensor, 1 - decay)
            else:
                ema[name].copy_(tensor)


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _new_model(recipe: Recipe, init: Path | None) -> nn.Module:
    model = build(recipe.model)
    if init is not None:
        tensors, _, _ = load_checkpoint(init)
        model.load_state_dict({n: t.float() for n, t in part(tensors, "ema.").items()})
    elif recipe.model.pretrained:
        load_pretrained(model, recipe.model)
    first = recipe.model.train_encoder_from
    if first > 0:
        encoder = model.encoder
        assert isinstance(encoder, nn.Module)
        encoder.requires_grad_(False)
        blocks = encoder.blocks
        assert isinstance(blocks, nn.ModuleList)
        for block in blocks[first:]:
            block.requires_grad_(True)
    return model


def _optimizer(model: nn.Module, settings: TrainRecipe) -> torch.optim.Optimizer:
    """AdamW with four groups: encoder or not, decayed (filters) or not (biases, norms)."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith("encoder."), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "peak": settings.learning_rate * (settings.encoder_rate if encoder else 1.0),
                "weight_decay": settings.weight_decay if decayed else 0.0,
            }
            for (encoder, decayed), parameters in sorted(groups.items(), key=lambda g: g[0])
        ],
        lr=settings.learning_rate,
    )


def color_prior(sampler: Sampler, photos: Photos, *, pictures: int = 4096) -> Tensor:
    """The share of training pixels in each of the 313 bins, measured on some photographs.

    Args:
        sampler: Cuts them.
        photos: Where they come from; dev is left out.
        pictures: How many, spread evenly.

    Returns:
        (313,) summing to 1.
    """
    training = np.flatnonzero(~photos.dev)
    chosen = training[np.linspace(0, len(training) - 1, min(pictures, len(training))).astype(int)]
    nearest = torch.from_numpy(soft_code_table(1)[0].copy()).long()[..., 0]
    counts = torch.zeros(BINS, dtype=torch.float64)
    for start in range(0, len(chosen), 64):
        ab = sampler.fixed(chosen[start : start + 64]).ab.cpu()
        cell = (ab.round().long() + AB_LIMIT).clamp(0, 2 * AB_LIMIT)
        counts += torch.bincount(nearest[cell[:, 0], cell[:, 1]].flatten(), minlength=BINS)
    return (counts / counts.sum()).float()


def _facts(recipe: Recipe, photos: Photos, sitting: Sitting) -> dict[str, Any]:
    return {
        "recipe": recipe.model_dump(mode="json"),
        "data_hash": photos.data_hash,
        "photos": {
            name: int(((photos.groups == index) & ~photos.dev).sum())
            for index, name in enumerate(photos.group_names)
        },
        "dropped": photos.dropped,
        "init": sitting.init.name if sitting.init else None,
        "versions": {
            "tintype": tintype.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _resume(checkpoint: Path, facts: Mapping[str, Any], parts: _Parts) -> None:
    tensors, parts.progress, kept = load_checkpoint(checkpoint)
    for what in ("recipe", "data_hash"):
        if kept[what] != facts[what]:
            raise LearnError(
                f"{checkpoint}: this run was begun with another {what.replace('_', ' ')}.",
                hint="Give the same recipe and data, or another folder with --run.",
            )
    parts.model.load_state_dict(part(tensors, "model."))
    for name, tensor in part(tensors, "ema.").items():
        parts.ema[name].copy_(tensor)
    restore_optimizer(parts.optimizer, tensors)


def _look(parts: _Parts, model: nn.Module, log: "_Log") -> None:
    """Measures the moving average on dev and draws what it makes of some pictures."""
    sampler = parts.sampler
    model = model.to(sampler.device)
    model.load_state_dict(parts.ema)
    model.eval()
    dev = np.flatnonzero(sampler.photos.dev)
    if len(dev) == 0:
        return
    chosen = dev[np.linspace(0, len(dev) - 1, min(_DEV_PICTURES, len(dev))).astype(int)]
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(chosen), 64):
            batch = sampler.fixed(chosen[start : start + 64])
            total += float(parts.objective(model, batch)) * len(batch.L)
        few = sampler.fixed(chosen[:: max(1, len(chosen) // _SHEET_PICTURES)][:_SHEET_PICTURES])
        assert isinstance(model, Colorizer)
        guess = model.to_ab(model.forward(few.L))
    log.dev(parts.progress, total / len(chosen))
    sheet = log.run / "samples" / f"{parts.progress.samples:09d}.png"
    sample_sheet(few.L, few.ab, guess).save(sheet)


class _Log:
    """JSON lines for reading by machine, TensorBoard events for looking."""

    def __init__(self, run: Path, progress: Progress) -> None:
        self.run = run
        (run / "samples").mkdir(parents=True, exist_ok=True)
        self._lines = (run / "log.jsonl").open("a", encoding="utf-8")
        self._events = SummaryWriter(str(run / "events"), purge_step=progress.step)

    def __enter__(self) -> "_Log":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._events.close()

    def step(self, progress: Progress, *, loss: float, norm: float) -> None:
        self._write(progress, {"loss": loss, "gradient_norm": norm})

    def dev(self, progress: Progress, loss: float) -> None:
        self._write(progress, {"dev_loss": loss})

    def _write(self, progress: Progress, values: Mapping[str, float]) -> None:
        row = asdict(progress) | dict(values)
        row["seconds"] = round(progress.seconds, 1)
        self._lines.write(json.dumps(row) + "\n")
        self._lines.flush()
        for name, value in values.items():
            self._events.add_scalar(name, value, progress.step)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Turns Ctrl-C and a polite kill into an end after the current step, checkpoint included."""
    seen: list[int] = []

    def note(number: int, _frame: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    previous = [signal.signal(number, note) for number in numbers]
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
