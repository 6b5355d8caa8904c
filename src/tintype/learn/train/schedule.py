"""The learning-rate schedule: a function of the samples and of the losses on dev."""

import math

from tintype.learn.recipe import TrainRecipe
from tintype.learn.train.checkpoint import Progress


def learning_rate_factor(progress: Progress, settings: TrainRecipe) -> float:
    """The learning rate as a fraction of its peak: warm-up, schedule, cool-down.

    Args:
        progress: Samples, number of plateaus, and whether the cool-down has started.
        settings: Warm-up, kind and length of the schedule.
    """
    factor = max(_schedule(progress, settings) * settings.decay**progress.cuts, settings.floor)
    factor *= min(1.0, (progress.samples + 1) / max(1, settings.warmup_samples))
    if progress.cooldown_from >= 0:
        done = (progress.samples - progress.cooldown_from) / max(1, progress.cooldown_samples)
        factor *= max(0.0, 1 - done)
    return factor


def _schedule(progress: Progress, settings: TrainRecipe) -> float:
    samples = progress.samples
    match settings.schedule:
        case "cosine":
            done = min(1.0, samples / max(1, settings.total_samples))
            return 0.5 * (1 + math.cos(math.pi * done))
        case "steps":
            return math.pow(settings.decay, sum(samples >= m for m in settings.milestones))
        case "exponential":
            period = settings.milestones[0] if settings.milestones else settings.total_samples
            return math.pow(settings.decay, samples / max(1, period))
        case _:
            return 1.0


def note_measurement(progress: Progress, loss: float, settings: TrainRecipe) -> bool:
    """Records a loss on dev and cuts the learning rate on a plateau.

    Args:
        progress: Modified in place.
        loss: The new loss on dev.
        settings: Schedule and patience.

    Returns:
        Whether it is the smallest loss so far.
    """
    if progress.best is None or loss < progress.best:
        progress.best, progress.waited = loss, 0
        return True
    progress.waited += 1
    if settings.schedule == "plateau" and progress.waited >= settings.patience:
        progress.cuts, progress.waited = progress.cuts + 1, 0
    return False
