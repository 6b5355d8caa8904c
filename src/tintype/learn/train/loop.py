"""The training loop, straight: batch, step, moving average, log; now and then a look at dev.

Counted in samples, never in seconds, so that a run can be stopped, looked at and continued at any
time, and one that is killed goes on from its checkpoint to the very same weights.
"""

import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import tintype
from tintype.color.abgrid import AB_LIMIT, BINS, soft_code_table
from tintype.errors import LearnError
from tintype.learn.data.batches import Sampler
from tintype.learn.data.photos import Photos
from tintype.learn.models.contract import Colorizer, OnClassifier, Pretrained, stride_of
from tintype.learn.models.registry import build, build_discriminator
from tintype.learn.recipe import Recipe, make_recipe, recipe_to_toml
from tintype.learn.train.adversarial import AdversarialStep
from tintype.learn.train.checkpoint import (
    Progress,
    load_checkpoint,
    part,
    restore_optimizer,
    save_checkpoint,
    save_weights,
    write_whole,
)
from tintype.learn.train.collapse import Verdict, Watch
from tintype.learn.train.distributed import Team
from tintype.learn.train.log import Log
from tintype.learn.train.look import Found, look
from tintype.learn.train.objectives import make_objective
from tintype.learn.train.schedule import learning_rate_factor, note_measurement
from tintype.learn.train.steps import PlainStep, Step

_BEST = "best.safetensors"  # beside the checkpoint and laid out like it


def _in_silence(_text: str) -> None:
    """Says nothing."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """How long this call trains, and from where.

    Attributes:
        max_seconds: Stop after this time; None trains to the end of the schedule.
        max_samples: Stop when the run has seen this many; None for no limit.
        cooldown: Begin a linear cool-down to zero over this many samples; None for none.
        init: A checkpoint whose weights a new run starts from, or None.
        classifier: A checkpoint of a grey classifier for ``model.init = "classifier"``, or None.
        device: Where to train.
        team: The processes that train together.
        say: Where a line for a person goes: that a generator has collapsed.
    """

    max_seconds: float | None = None
    max_samples: int | None = None
    cooldown: int | None = None
    init: Path | None = None
    classifier: Path | None = None
    device: str = "cpu"
    team: Team = field(default_factory=Team)
    say: Callable[[str], None] = _in_silence


@dataclass(slots=True)
class _Run:
    """What a sitting touches. One value instead of a dozen arguments."""

    folder: Path
    recipe: Recipe
    sampler: Sampler
    step: Step
    ema: dict[str, Tensor]
    progress: Progress
    facts: dict[str, Any]
    team: Team
    watch: Watch
    say: Callable[[str], None]

    def keep(self, name: str = "checkpoint.safetensors") -> None:
        """Writes the checkpoint."""
        if self.team.rank == 0:
            save_checkpoint(
                self.folder / name,
                modules=self.step.modules,
                ema=self.ema,
                optimizers=self.step.optimizers,
                progress=self.progress,
                facts=self.facts | {"watch": self.watch.state()},
            )

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Puts back the weights, their average and the moments that `keep` wrote."""
        for name, module in self.step.modules.items():
            module.load_state_dict(part(tensors, f"{name}."))
        for name, tensor in part(tensors, "ema.").items():
            self.ema[name].copy_(tensor)
        for name, optimizer in self.step.optimizers.items():
            restore_optimizer(optimizer, tensors, name)


def train(folder: Path, recipe: Recipe, photos: Photos, sitting: Sitting) -> Progress:
    """Trains, or goes on training, the run in a folder.

    Args:
        folder: The run's; a checkpoint in it is continued from.
        recipe: What to train; must be the checkpoint's own where there is one.
        photos: What to train on; likewise.
        sitting: When to stop.

    Returns:
        How far the run has come.

    Raises:
        LearnError: The checkpoint belongs to another recipe or other data, the recipe asks for
            what its network cannot do, the data have more labels than the network, or the numbers
            ran away.
    """
    run = _begin(folder, recipe, photos, sitting)
    settings, progress, team = recipe.train, run.progress, run.team
    with Log(folder, progress, silent=team.rank > 0) as log, _stop_signals() as stopped:
        began = kept = time.monotonic()
        before = progress.seconds
        while not team.agree(stopped() or _at_end(run, sitting, time.monotonic() - began)):
            values = _move(run)
            progress.seconds = before + time.monotonic() - began
            if progress.step % settings.log_every == 0:
                log.write(progress, values)
            if _crossed(progress.samples, settings.batch, settings.evaluate_samples):
                _measure(run, log)
            if settings.keep_every and _crossed(
                progress.samples, settings.batch, settings.keep_every
            ):
                _keep_weights(run, f"weights-{progress.samples:09d}")
            if time.monotonic() - kept > settings.checkpoint_seconds:
                run.keep()
                kept = time.monotonic()
        run.keep()
        team.wait()
    return progress


def _begin(folder: Path, recipe: Recipe, photos: Photos, sitting: Sitting) -> _Run:
    device = torch.device(sitting.device)
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    torch.manual_seed(recipe.train.seed)
    _check_labels(recipe, photos)
    settings, team = recipe.train, sitting.team
    sampler = Sampler(
        photos,
        recipe.data,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        part=(team.rank, team.size),
    )
    prior = color_prior(sampler, photos)
    model = _new_model(recipe, sitting).to(device)
    _check_recipe(recipe, model)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = _Run(
        folder=folder,
        recipe=recipe,
        sampler=sampler,
        step=_make_step(model, recipe, prior.to(device), team),
        ema={name: tensor.detach().clone() for name, tensor in model.state_dict().items()},
        progress=Progress(),
        facts=_facts(recipe, photos, sitting),
        team=team,
        watch=Watch(),
        say=sitting.say,
    )
    if (folder / "checkpoint.safetensors").exists():
        _resume(run, folder / "checkpoint.safetensors")
    elif team.rank == 0:
        write_whole(folder / "recipe.toml", recipe_to_toml(recipe).encode())
        np.save(folder / "prior.npy", prior.numpy())
    progress = run.progress
    if sitting.cooldown is not None and progress.cooldown_from < 0:
        progress.cooldown_from, progress.cooldown_samples = progress.samples, sitting.cooldown
    return run


def _check_labels(recipe: Recipe, photos: Photos) -> None:
    """A class head must have room for every folder of the data."""
    labels = len(photos.label_names)
    if recipe.loss.kind in ("labels", "joint") and recipe.model.classes < labels:
        raise LearnError(
            f"{recipe.name}: the data have {labels} labels, model.classes is "
            f"{recipe.model.classes}.",
            hint=f"Set model.classes = {labels}, or leave folders out with data.exclude.",
        )


def _check_recipe(recipe: Recipe, model: nn.Module) -> None:
    """What one table of a recipe asks for must be possible with the others."""
    train = recipe.train
    if train.watch_collapse and recipe.loss.kind != "adversarial":
        raise LearnError(
            f"{recipe.name}: train.watch_collapse needs a discriminator.",
            hint='Set loss.kind = "adversarial", or watch_collapse = false.',
        )
    if train.rollback and not train.watch_collapse:
        raise LearnError(
            f"{recipe.name}: train.rollback without train.watch_collapse never happens.",
            hint="Set watch_collapse = true.",
        )
    if isinstance(model, Colorizer) and recipe.data.size % model.multiple:
        raise LearnError(
            f"{recipe.name}: data.size = {recipe.data.size} is no multiple of {model.multiple}, "
            f"which {recipe.model.kind} needs.",
            hint=f"Set data.size = {-(-recipe.data.size // model.multiple) * model.multiple}.",
        )


def _new_model(recipe: Recipe, sitting: Sitting) -> nn.Module:
    model = build(recipe.model)
    if sitting.init is not None:
        tensors, _, _ = load_checkpoint(sitting.init)
        model.load_state_dict({n: t.float() for n, t in part(tensors, "ema.").items()})
    elif recipe.model.init == "classifier":
        if sitting.classifier is None or not isinstance(model, OnClassifier):
            raise LearnError(
                f'{recipe.name}: model.init = "classifier" needs a trained grey classifier.',
                hint="Give its checkpoint with --classifier (recipes/report/grey-resnet18.toml).",
            )
        tensors, _, _ = load_checkpoint(sitting.classifier)
        model.load_classifier({n: t.float() for n, t in part(tensors, "ema.").items()})
    elif recipe.model.pretrained and isinstance(model, Pretrained):
        model.load_pretrained()
    return model


def _make_step(model: nn.Module, recipe: Recipe, prior: Tensor, team: Team) -> Step:
    if recipe.loss.kind == "adversarial":
        discriminator = build_discriminator(recipe.model).to(prior.device)
        discriminator = discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return AdversarialStep(model, discriminator, recipe, team)
    objective = make_objective(recipe, prior).to(prior.device)
    return PlainStep(model, objective, recipe.train, team)


def _move(run: _Run) -> dict[str, Tensor]:
    """Batch, step, moving average; returns what the log should say."""
    settings, progress, team = run.recipe.train, run.progress, run.team
    # Dropout and sampled places follow from the step alone, so a resumed run draws the same.
    torch.manual_seed((settings.seed * 1_000_003 + progress.step) * 64 + team.rank)
    batch = run.sampler.batch(progress.step)
    try:
        values = run.step(batch, learning_rate_factor(progress, settings))
    except LearnError as error:
        raise LearnError(f"Step {progress.step}: {error.message}", hint=error.hint) from None
    progress.step += 1
    progress.samples += settings.batch
    _average(run.ema, run.step.modules["model"], settings.ema, progress.step)
    return values


def _average(ema: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    """Moves the average; early steps count for more, so that the start is forgotten."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                ema[name].lerp_(tensor, 1 - decay)
            else:
                ema[name].copy_(tensor)


def _measure(run: _Run, log: Log) -> None:
    """Measures the moving average on dev; every process alike, the first one writes."""
    model = build(run.recipe.model).to(run.sampler.device)
    model.load_state_dict(run.ema)
    model.eval()
    found = look(run.step, model, run.sampler)
    if found is None:
        return
    verdict = _judge(run, found) if run.recipe.train.watch_collapse else None
    if verdict is None or not verdict.collapsed:
        note_measurement(run.progress, found.values["loss"], run.recipe.train)
    row: dict[str, float | str] = {f"dev_{name}": value for name, value in found.values.items()}
    if verdict is not None:
        row |= _told(run.watch, verdict)
    log.write(run.progress, row)
    log.sheet(run.progress, found)
    if verdict is not None:
        _act(run, verdict)


def _judge(run: _Run, found: Found) -> Verdict:
    """Whether the generator has collapsed, by what it makes of some photographs of dev."""
    assert found.guess is not None
    truth = found.some.ab_at(stride_of(run.step.modules["model"]))
    values = found.values
    return run.watch.observe(
        run.progress.samples,
        found.guess,
        truth,
        accuracy=values["d_accuracy"],
        loss=values["loss"],
    )


def _told(watch: Watch, verdict: Verdict) -> dict[str, float | str]:
    """A verdict and what it rests on, for the log."""
    seen = watch.last
    assert seen is not None
    return {
        "collapsed": float(verdict.collapsed),
        "reasons": "; ".join(verdict.reasons),
        "dev_hue_bits": seen.entropy,
        "dev_hue_bits_true": seen.true_entropy,
        "dev_chroma_ratio": seen.chroma,
        "dev_centred": seen.centred,
    }


def _act(run: _Run, verdict: Verdict) -> None:
    """Keeps the best state; after a collapse says so and, where the recipe wants it, goes back.

    The checkpoint is written after either, so that it is never older than the best state: a run
    that is killed goes on to the same weights.
    """
    if verdict.best:
        run.keep(_BEST)
        run.keep()
    if not verdict.collapsed:
        return
    best = run.watch.best
    line = f"{run.recipe.name}: collapsed at {run.progress.samples} samples: {verdict.reasons[0]}"
    if not run.recipe.train.rollback or best is None:
        run.say(f"{line}.")
        return
    run.say(f"{line}; back to {best.samples}.")
    run.team.wait()  # until the first process has written it
    tensors, _, _ = load_checkpoint(run.folder / _BEST)
    run.restore(tensors)
    run.progress.cuts, run.progress.waited = run.progress.cuts + 1, 0
    run.keep()


def _keep_weights(run: _Run, name: str) -> None:
    if run.team.rank == 0:
        weights = {f"ema.{n}": tensor for n, tensor in run.ema.items()}
        save_weights(run.folder / f"{name}.safetensors", weights, run.progress, run.facts)


def _at_end(run: _Run, sitting: Sitting, elapsed: float) -> bool:
    progress, total = run.progress, run.recipe.train.total_samples
    if sitting.max_seconds is not None and elapsed >= sitting.max_seconds:
        return True
    if sitting.max_samples is not None and progress.samples >= sitting.max_samples:
        return True
    if 0 < total <= progress.samples:
        return True
    return (
        progress.cooldown_from >= 0
        and progress.samples >= progress.cooldown_from + progress.cooldown_samples
    )


def _crossed(samples: int, batch: int, every: int) -> bool:
    return samples // every != (samples - batch) // every


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
        ab = sampler.fixed(chosen[start : start + 64]).ab_at(4).cpu()
        cell = (ab.round().long() + AB_LIMIT).clamp(0, 2 * AB_LIMIT)
        counts += torch.bincount(nearest[cell[:, 0], cell[:, 1]].flatten(), minlength=BINS)
    return (counts / counts.sum()).float()


def _facts(recipe: Recipe, photos: Photos, sitting: Sitting) -> dict[str, Any]:
    return {
        "recipe": recipe.model_dump(mode="json", by_alias=True),
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


def _resume(run: _Run, checkpoint: Path) -> None:
    tensors, run.progress, kept = load_checkpoint(checkpoint)
    _refuse_other(checkpoint, kept, run.facts, name=run.recipe.name)
    run.restore(tensors)
    run.watch = Watch(kept.get("watch", ()))


def _refuse_other(
    checkpoint: Path, kept: Mapping[str, Any], facts: Mapping[str, Any], *, name: str
) -> None:
    same = {
        # Read anew: a key that has come since then stands at its default.
        "recipe": make_recipe(kept["recipe"], name=str(checkpoint))
        == make_recipe(facts["recipe"], name=name),
        "data": kept["data_hash"] == facts["data_hash"],
    }
    for what, agrees in same.items():
        if not agrees:
            raise LearnError(
                f"{checkpoint}: this run was begun with another {what}.",
                hint="Give the same recipe and data, or another folder with --run.",
            )


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
