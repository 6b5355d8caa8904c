"""The training loop: batch, step, moving average, log, and at intervals a measurement of dev.

Progress is counted in samples, never in seconds, so that a run can be stopped, inspected and
continued at any time, and one that is killed continues from its checkpoint to the same weights.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.learn.data.photos import Photos
from tintype.learn.models.contract import stride_of
from tintype.learn.models.registry import build
from tintype.learn.recipe import Recipe
from tintype.learn.train.checkpoint import Progress, load_checkpoint, save_weights
from tintype.learn.train.collapse import CollapseDetector, Verdict
from tintype.learn.train.log import Log
from tintype.learn.train.measure import DevMeasurement, measure_dev
from tintype.learn.train.pace import PaceMeter
from tintype.learn.train.run import BEST, Run, TrainingSession, open_run
from tintype.learn.train.schedule import learning_rate_factor, note_measurement


def train(folder: Path, recipe: Recipe, photos: Photos, session: TrainingSession) -> Progress:
    """Trains the run in a folder, from its checkpoint if there is one.

    Args:
        folder: The run's; a checkpoint in it is resumed.
        recipe: What to train; must be the checkpoint's own where there is one.
        photos: What to train on; likewise.
        session: When to stop.

    Returns:
        How far the run has come.

    Raises:
        LearnError: The checkpoint belongs to another recipe or other data, the recipe asks for
            what its network cannot do, the data have more labels than the network, or the loss
            diverged.
    """
    run = open_run(folder, recipe, photos, session)
    settings, progress, team = recipe.train, run.progress, run.team
    ends = session.ends(recipe, progress)
    meter = PaceMeter(ends=ends, seconds=session.max_seconds, samples=progress.samples)
    with (
        Log(folder, progress, silent=team.rank > 0) as log,
        _stop_signals(session.stopped) as stopped,
    ):
        began = kept = time.monotonic()
        before = progress.seconds
        while not team.agree(stopped() or _at_end(run, session, time.monotonic() - began)):
            values = _move(run)
            elapsed = time.monotonic() - began
            progress.seconds = before + elapsed
            loss = None
            if progress.step % settings.log_every == 0:
                log.write(progress, values)
                loss = float(values["loss"])
            session.watch(meter.step(progress.samples, elapsed, loss))
            if _crossed(progress.samples, settings.batch, settings.evaluate_samples):
                _measure(run, log)
            if settings.keep_every and _crossed(
                progress.samples, settings.batch, settings.keep_every
            ):
                _keep_weights(run, f"weights-{progress.samples:09d}")
            if time.monotonic() - kept > settings.checkpoint_seconds:
                run.keep()
                kept = time.monotonic()
        # Once more: measuring dev after the last step may have used up the rest of the time.
        progress.seconds = before + time.monotonic() - began
        run.keep()
        team.wait()
    return progress


def _move(run: Run) -> dict[str, Tensor]:
    """A step and the moving average; returns the values to log."""
    settings, progress, team = run.recipe.train, run.progress, run.team
    # Dropout and sampled places follow from the step alone, so a resumed run draws the same.
    torch.manual_seed((settings.seed * 1_000_003 + progress.step) * 64 + team.rank)
    batch = run.sampler.batch(progress.step)
    try:
        values = run.step(batch, learning_rate_factor(progress, settings))
    except LearnError as error:
        raise LearnError(f"Step {progress.step}: {error.message}", advice=error.advice) from None
    progress.step += 1
    progress.samples += settings.batch
    _average(run.ema, run.step.modules["model"], settings.ema, progress.step)
    return values


def _average(ema: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    """Updates the average; early steps have more weight, so that the initial weights fade."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                ema[name].lerp_(tensor, 1 - decay)
            else:
                ema[name].copy_(tensor)


def _measure(run: Run, log: Log) -> None:
    """Measures the moving average on dev; in every process; the first one writes."""
    model = build(run.recipe.model).to(run.sampler.device)
    model.load_state_dict(run.ema)
    model.eval()
    found = measure_dev(run.step, model, run.sampler)
    if found is None:
        return
    verdict = _judge(run, found) if run.recipe.train.watch_collapse else None
    if verdict is None or not verdict.collapsed:
        note_measurement(run.progress, found.values["loss"], run.recipe.train)
    row: dict[str, float | str] = {f"dev_{name}": value for name, value in found.values.items()}
    if verdict is not None:
        row |= _verdict_row(run.watch, verdict)
    log.write(run.progress, row)
    log.sheet(run.progress, found)
    if verdict is not None:
        _act(run, verdict)


def _judge(run: Run, found: DevMeasurement) -> Verdict:
    """Judges by some photographs of dev whether the generator has collapsed."""
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


def _verdict_row(watch: CollapseDetector, verdict: Verdict) -> dict[str, float | str]:
    """A verdict and the statistics behind it, for the log."""
    last = watch.last
    assert last is not None
    return {
        "collapsed": float(verdict.collapsed),
        "reasons": "; ".join(verdict.reasons),
        "dev_hue_bits": last.entropy,
        "dev_hue_bits_true": last.true_entropy,
        "dev_chroma_ratio": last.chroma,
        "dev_centred": last.centred,
    }


def _act(run: Run, verdict: Verdict) -> None:
    """Keeps the best state; reports a collapse and, where the recipe says so, rolls back.

    The checkpoint is written after either, so that it is never older than the best state: a run
    that is killed goes on to the same weights.
    """
    if verdict.best:
        run.keep(BEST)
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
    tensors, _, _ = load_checkpoint(run.folder / BEST)
    run.restore(tensors)
    run.progress.cuts, run.progress.waited = run.progress.cuts + 1, 0
    run.keep()


def _keep_weights(run: Run, name: str) -> None:
    if run.team.rank == 0:
        weights = {f"ema.{n}": tensor for n, tensor in run.ema.items()}
        save_weights(run.folder / f"{name}.safetensors", weights, run.progress, run.facts)


def _at_end(run: Run, session: TrainingSession, elapsed: float) -> bool:
    if session.max_seconds is not None and elapsed >= session.max_seconds:
        return True
    return any(run.progress.samples >= end for end in session.ends(run.recipe, run.progress))


def _crossed(samples: int, batch: int, every: int) -> bool:
    return samples // every != (samples - batch) // every


@contextmanager
def _stop_signals(tell: Callable[[int], None]) -> Iterator[Callable[[], bool]]:
    """SIGINT, SIGTERM and SIGHUP end training after the current step, with a checkpoint."""
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        tell(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    # What nohup has switched off stays so; Windows has no such signal.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = [signal.signal(number, note) for number in numbers]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
