"""Starts a training run, or resumes it from its checkpoint."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tintype._version import __version__
from tintype.errors import LearnError, shown
from tintype.learn.data.batches import Sampler
from tintype.learn.data.photos import Photos
from tintype.learn.data.prior import color_prior
from tintype.learn.models.contract import (
    ClassifierInitialized,
    Pretrained,
    WarmStarting,
)
from tintype.learn.models.registry import build, build_discriminator
from tintype.learn.recipe import Recipe, make_recipe, recipe_to_toml
from tintype.learn.train.adversarial import AdversarialStep
from tintype.learn.train.checkpoint import (
    Progress,
    load_checkpoint,
    load_weights,
    naming,
    part,
    restore_optimizer,
    save_checkpoint,
    write_whole,
)
from tintype.learn.train.collapse import CollapseDetector
from tintype.learn.train.critic_step import CriticStep
from tintype.learn.train.distributed import ProcessGroup
from tintype.learn.train.dual_decoders_step import DualDecodersStep
from tintype.learn.train.objectives import make_objective, objective_of
from tintype.learn.train.objectives.classification import Classification
from tintype.learn.train.objectives.dual_decoders import DualDecoders
from tintype.learn.train.objectives.semantic import Semantic
from tintype.learn.train.pace import Pace
from tintype.learn.train.recipe_check import check_network
from tintype.learn.train.steps import PlainStep, Step, device_name
from tintype.learn.train.wasserstein import WassersteinStep

CHECKPOINT = "checkpoint.safetensors"
_RECIPE, _PRIOR, _LOG = "recipe.toml", "prior.npy", "log.jsonl"
_FOLDERS = ("samples", "events")
_WRITTEN = (
    _PRIOR,
    "best.safetensors",
    "weights-*.safetensors",
    _LOG,
    "samples/*",
    "events/*",
)
"""Names that a run writes besides its checkpoint and its recipe."""
BEST = "best.safetensors"
"""The state to which a collapsed generator is rolled back, in the format of the checkpoint."""


def _discard(_message: object) -> None:
    """Discards a message."""


@dataclass(frozen=True, slots=True)
class TrainingSession:
    """Limits and starting point of one call of training.

    Attributes:
        max_seconds: Stop after this time; None trains to the end of the schedule.
        max_samples: Stop when the run has trained on this many samples; None for no limit.
        cooldown: Start a linear cool-down to zero over this many samples; None for none.
        init: A checkpoint that provides the initial weights of a new run, or None.
        classifier: A checkpoint of a grey classifier for ``model.init = "classifier"``, or None.
        device: Where to train.
        process_group: The processes that train together.
        report: Called with messages, for example that a generator has collapsed.
        on_step: Called with the pace after every step.
        on_signal: Called with the number of a signal that ends the session early.
    """

    max_seconds: float | None = None
    max_samples: int | None = None
    cooldown: int | None = None
    init: Path | None = None
    classifier: Path | None = None
    device: str = "cpu"
    process_group: ProcessGroup = field(default_factory=ProcessGroup)
    report: Callable[[str], None] = _discard
    on_step: Callable[[Pace], None] = _discard
    on_signal: Callable[[int], None] = _discard

    def ends(self, recipe: Recipe, progress: Progress) -> list[int]:
        """Returns the numbers of samples of which the first to be reached ends the session."""
        found = [recipe.train.total_samples] if recipe.train.total_samples > 0 else []
        if self.max_samples is not None:
            found.append(self.max_samples)
        if progress.cooldown_from >= 0:
            found.append(progress.cooldown_from + progress.cooldown_samples)
        return found


@dataclass(slots=True)
class Run:
    """The state of a run during training.

    Attributes:
        folder: Its folder.
        recipe: Its recipe.
        sampler: Draws the batches.
        step: Updates the weights.
        ema: The moving average of the weights, by name.
        progress: Counters.
        facts: Other metadata in the checkpoint, besides weights and progress.
        process_group: The processes that train together.
        collapse_detector: Detects mode collapse of a generator.
        report: Called with messages.
    """

    folder: Path
    recipe: Recipe
    sampler: Sampler
    step: Step
    ema: dict[str, Tensor]
    progress: Progress
    facts: dict[str, Any]
    process_group: ProcessGroup
    collapse_detector: CollapseDetector
    report: Callable[[str], None]

    def save(self, name: str = CHECKPOINT) -> None:
        """Writes the checkpoint."""
        if self.process_group.rank == 0:
            save_checkpoint(
                self.folder / name,
                modules=self.step.modules,
                ema=self.ema,
                optimizers=self.step.optimizers,
                progress=self.progress,
                facts=self.facts | {"watch": self.collapse_detector.state()},
            )

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Restores the weights, their average and the moments that `save` wrote."""
        for name, module in self.step.modules.items():
            module.load_state_dict(part(tensors, f"{name}."))
        for name, tensor in part(tensors, "ema.").items():
            self.ema[name].copy_(tensor)
        for name, optimizer in self.step.optimizers.items():
            restore_optimizer(optimizer, tensors, name)


def open_run(folder: Path, recipe: Recipe, photos: Photos, session: TrainingSession) -> Run:
    """Starts a run, or resumes it from its checkpoint; see `tintype.learn.train.loop`."""
    device = torch.device(session.device)
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    # No uninitialised memory is read, and filling it took a sixth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(recipe.train.seed)
    _check_labels(recipe, photos)
    settings, process_group = recipe.train, session.process_group
    sampler = Sampler(
        photos,
        recipe.data,
        batch=settings.batch,
        seed=settings.seed,
        device=device,
        part=(process_group.rank, process_group.size),
    )
    prior = color_prior(sampler, photos)
    check_links(folder)
    resumed = (folder / CHECKPOINT).exists()
    # A checkpoint contains all weights, so the initial weights need not exist any more.
    model = (build(recipe.model) if resumed else _new_model(recipe, session)).to(device)
    check_network(recipe, model)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = Run(
        folder=folder,
        recipe=recipe,
        sampler=sampler,
        step=_make_step(model, recipe, prior.to(device), process_group),
        ema={name: tensor.detach().clone() for name, tensor in model.state_dict().items()},
        progress=Progress(),
        facts=_facts(recipe, photos, session),
        process_group=process_group,
        collapse_detector=CollapseDetector(),
        report=session.report,
    )
    if resumed:
        _resume(run, folder / CHECKPOINT)
    else:
        check_folder(folder)
        _load_discriminator(run, session)
        if process_group.rank == 0:
            _write_recipe(folder / _RECIPE, recipe_to_toml(recipe).encode())
            np.save(folder / _PRIOR, prior.numpy())
    progress = run.progress
    if session.cooldown is not None and progress.cooldown_from < 0:
        progress.cooldown_from, progress.cooldown_samples = progress.samples, session.cooldown
    return run


def check_links(folder: Path) -> None:
    """Refuses a run with links or special files among its files, or files in place of folders.

    The log is appended to and sample sheets are replaced, so a link in a folder from someone else
    could point to any file of this account; writing to a pipe would block.

    Raises:
        LearnError: A name that a run writes is a link, or neither a file nor a folder, or a file
            that must be a folder or the reverse, or the log has a second name (a hard link).
    """
    for pattern in (CHECKPOINT, _RECIPE, *_FOLDERS, *_WRITTEN):
        # A pattern without an asterisk would not find a broken link.
        for path in folder.glob(pattern) if "*" in pattern else [folder / pattern]:
            if path.is_symlink() or (path.exists() and not (path.is_file() or path.is_dir())):
                raise LearnError(
                    f"{shown(path)} is a link or not a regular file, and runs are not written "
                    "through such paths.",
                    advice="Remove it, or give --run another folder.",
                )
    for name in (CHECKPOINT, _RECIPE, _PRIOR, BEST, _LOG, *_FOLDERS):
        path = folder / name
        if path.is_file() if name in _FOLDERS else path.is_dir():
            kind, other = ("file", "folder") if name in _FOLDERS else ("folder", "file")
            raise LearnError(
                f"{shown(path)} is a {kind}, and a run has a {other} of this name.",
                advice="Move it away, or give --run another folder.",
            )
    log = folder / _LOG
    if log.exists() and log.stat().st_nlink > 1:
        raise LearnError(
            f"{shown(log)} has another name (a hard link), whose file would change.",
            advice="Replace it by a copy, or give --run another folder.",
        )


def check_folder(folder: Path) -> None:
    """Refuses to begin a run in a folder with files that an earlier start did not write.

    Raises:
        LearnError: Files with names that a run writes exist, but no recipe of a run.
    """
    if (folder / CHECKPOINT).exists() or (folder / _RECIPE).exists():
        return  # then its recipe decides
    for pattern in _WRITTEN:
        for path in folder.glob(pattern):
            raise LearnError(
                f"{path} exists and is not from a Tintype run, so it is never replaced.",
                advice="Move it away, or give --run another folder.",
            )


def _write_recipe(path: Path, data: bytes) -> None:
    """Writes the recipe of a run; an existing recipe of other origin is not replaced."""
    if path.exists() and path.read_bytes() != data:
        raise LearnError(
            f"{path} exists and is a different recipe from that of this run.",
            advice="Move it away, or give --run another folder.",
        )
    write_whole(path, data)


def _check_labels(recipe: Recipe, photos: Photos) -> None:
    """Checks that the class head has a class for every label of the data."""
    labels = len(photos.label_names)
    if objective_of(recipe).learns_labels and recipe.model.classes < labels:
        raise LearnError(
            f"{recipe.name}: the data have {labels} labels, but model.classes is "
            f"{recipe.model.classes}.",
            advice=f"Set model.classes = {labels}, or leave folders out with data.exclude.",
        )


def _new_model(recipe: Recipe, session: TrainingSession) -> nn.Module:
    model = build(recipe.model)
    if session.init is not None:
        tensors, _, _ = load_checkpoint(session.init)
        weights = {n: t.float() for n, t in part(tensors, "ema.").items()}
        if isinstance(model, WarmStarting):
            with naming(session.init):
                model.warm_start(weights)
        else:
            load_weights(model, tensors, session.init)
    elif recipe.train.after:
        raise LearnError(
            f"{recipe.name} is the next stage of {recipe.train.after} and needs its weights.",
            advice=f"Train {recipe.train.after} first, then give its checkpoint with --init.",
        )
    elif recipe.model.init == "classifier":
        if session.classifier is None or not isinstance(model, ClassifierInitialized):
            raise LearnError(
                f'{recipe.name}: model.init = "classifier" needs a trained grey classifier.',
                advice="Give its checkpoint with --classifier (recipes/report/grey-resnet18.toml).",
            )
        tensors, _, _ = load_checkpoint(session.classifier)
        with naming(session.classifier):
            model.load_classifier({n: t.float() for n, t in part(tensors, "ema.").items()})
    elif recipe.model.pretrained and isinstance(model, Pretrained):
        model.load_pretrained()
    return model


def _load_discriminator(run: Run, session: TrainingSession) -> None:
    """Loads the discriminator from the initial checkpoint, if it contains one."""
    if session.init is None or "discriminator" not in run.step.modules:
        return
    tensors, _, _ = load_checkpoint(session.init)
    kept = part(tensors, "discriminator.")
    if not kept:
        return
    try:
        run.step.modules["discriminator"].load_state_dict(kept)
    except RuntimeError:
        raise LearnError(
            f"{session.init}: its discriminator is of a different kind or size.",
            advice="Give a run of the same recipe, or weights without a discriminator.",
        ) from None


def _make_step(
    model: nn.Module, recipe: Recipe, prior: Tensor, process_group: ProcessGroup
) -> Step:
    objective = make_objective(recipe, prior).to(prior.device)
    if objective.needs_discriminator:
        discriminator = build_discriminator(recipe.model).to(prior.device)
        discriminator = discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if isinstance(objective, DualDecoders):
            return DualDecodersStep(model, discriminator, objective, recipe, process_group)
        if isinstance(objective, Semantic):
            return WassersteinStep(model, discriminator, objective, recipe, process_group)
        return AdversarialStep(model, discriminator, recipe, process_group)
    if recipe.loss.adversarial > 0:
        assert isinstance(objective, Classification)
        return CriticStep(model, objective, recipe, process_group)
    return PlainStep(model, objective, recipe.train, process_group)


def _facts(recipe: Recipe, photos: Photos, session: TrainingSession) -> dict[str, Any]:
    return {
        "recipe": recipe.model_dump(mode="json", by_alias=True),
        "data_hash": photos.data_hash,
        "photos": {
            name: int(((photos.groups == index) & ~photos.dev).sum())
            for index, name in enumerate(photos.group_names)
        },
        "dropped": photos.dropped,
        "init": session.init.name if session.init else None,
        "trained_on": [device_name(torch.device(session.device), recipe.train)],
        "versions": {
            "tintype": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _resume(run: Run, checkpoint: Path) -> None:
    tensors, run.progress, kept = load_checkpoint(checkpoint)
    _refuse_other(checkpoint, kept, run.facts, name=run.recipe.name)
    try:
        run.restore(tensors)
        run.facts["init"] = kept.get("init")
        # A run may have been moved between machines; each is listed once.
        devices = [*kept.get("trained_on", ()), *run.facts["trained_on"]]
        run.facts["trained_on"] = list(dict.fromkeys(devices))
        run.collapse_detector = CollapseDetector(kept.get("watch", ()))
    # RuntimeError is torch's, of weights with other names or shapes.
    except (RuntimeError, LookupError, ValueError, TypeError) as error:
        raise LearnError(
            f"{shown(checkpoint)}: its contents do not match its recipe.",
            advice="Begin again with another folder as --run.",
        ) from error


def _refuse_other(
    checkpoint: Path, kept: Mapping[str, Any], facts: Mapping[str, Any], *, name: str
) -> None:
    same = {
        # Parsed again, so keys added since then get their defaults.
        "recipe": make_recipe(kept["recipe"], name=str(checkpoint))
        == make_recipe(facts["recipe"], name=name),
        "data": kept["data_hash"] == facts["data_hash"],
    }
    for what, agrees in same.items():
        if not agrees:
            raise LearnError(
                f"{checkpoint}: this run was started with a different {what}.",
                advice="Give the same recipe and data, or another folder with --run.",
            )
