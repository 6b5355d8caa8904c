"""The training loop: batch, step, moving average, log, and periodic evaluation on dev.

Progress is counted in samples, never in seconds, so a run can be stopped, inspected and
continued at any time. A run that is killed and resumed from its checkpoint reaches the same
weights.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from tintype.errors import LearnError
from tintype.files.atomic import reserved
from tintype.learn.data.photos import Photos
from tintype.learn.models.contract import stride_of
from tintype.learn.models.registry import build
from tintype.learn.recipe import Recipe
from tintype.learn.train.checkpoint import Progress, load_checkpoint, save_weights
from tintype.learn.train.collapse import CollapseDetector, Verdict
from tintype.learn.train.log import Log
from tintype.learn.train.measure import DevMeasurement, measure_dev
from tintype.learn.train.pace import PaceMeter
from tintype.learn.train.run import BEST, CHECKPOINT, Run, TrainingSession, open_run
from tintype.learn.train.schedule import learning_rate_factor, note_measurement

_FIRST_CHECKPOINT = 30.0
"""Seconds to the first checkpoint of a session: stopping early loses little, and it soon becomes
clear whether the disk is writable."""

_CPU_ALLOCATOR = "DefaultCPUAllocator"
"""In the text of the plain RuntimeError that torch raises where the memory of the CPU is full."""


def train(folder: Path, recipe: Recipe, photos: Photos, session: TrainingSession) -> Progress:
    """Trains the run in a folder, from its checkpoint if there is one.

    Args:
        folder: Folder of the run; a checkpoint in it is resumed.
        recipe: What to train; must match the checkpoint, if there is one.
        photos: The training data; must match the checkpoint, too.
        session: When to stop.

    Returns:
        The counters at the end.

    Raises:
        LearnError: The checkpoint belongs to another recipe or other data, the network does not
            support the recipe, the data have more labels than the network, the loss diverged,
            there is too little memory, or another process trains in this folder.
    """
    with ExitStack() as stack:
        if session.process_group.rank == 0:
            _reserve(folder, stack)
        with _memory(recipe, session.device):
            return _train(folder, recipe, photos, session)


@contextmanager
def _memory(recipe: Recipe, device: str) -> Iterator[None]:
    """Turns a failed allocation into one line.

    Raises:
        LearnError: There is too little memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        lacking = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not lacking and _CPU_ALLOCATOR not in str(error):
            raise
        raise LearnError(
            f"{recipe.name}: the memory of {device} is too small for its training.",
            advice="Lower train.batch, data.size or the sizes in [model].",
        ) from None


def _reserve(folder: Path, stack: ExitStack) -> None:
    """Keeps other processes from training in a folder, until the stack is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ours = stack.enter_context(reserved(folder / CHECKPOINT))
    except OSError as error:
        raise LearnError(f"{folder}: cannot be written ({error.strerror}).") from None
    if not ours:
        raise LearnError(
            f"{folder}: another process is training there.",
            advice="Wait for it, or give --run another folder.",
        )


def _train(folder: Path, recipe: Recipe, photos: Photos, session: TrainingSession) -> Progress:
    run = open_run(folder, recipe, photos, session)
    settings, progress, process_group = recipe.train, run.progress, run.process_group
    ends = session.ends(recipe, progress)
    meter = PaceMeter(ends=ends, seconds=session.max_seconds, samples=progress.samples)
    with (
        Log(folder, progress, silent=process_group.rank > 0) as log,
        _stop_signals(session.on_signal) as stopped,
    ):
        began = kept = time.monotonic()
        before, pause = progress.seconds, min(_FIRST_CHECKPOINT, settings.checkpoint_seconds)
        while not process_group.broadcast(
            stopped() or _at_end(run, session, time.monotonic() - began)
        ):
            values = _train_step(run)
            elapsed = time.monotonic() - began
            progress.seconds = before + elapsed
            loss = None
            if progress.step % settings.log_every == 0:
                log.write(progress, values)
                loss = float(values["loss"])
            session.on_step(meter.step(progress.samples, elapsed, loss))
            if _crossed(progress.samples, settings.batch, settings.evaluate_samples):
                _measure(run, log)
            if settings.keep_every and _crossed(
                progress.samples, settings.batch, settings.keep_every
            ):
                _keep_weights(run, f"weights-{progress.samples:09d}")
            if time.monotonic() - kept > pause:
                run.save()
                kept, pause = time.monotonic(), settings.checkpoint_seconds
        # Checked again: measuring dev after the last step may have used up the remaining time.
        progress.seconds = before + time.monotonic() - began
        run.save()
        process_group.barrier()
    return progress


def _train_step(run: Run) -> dict[str, Tensor]:
    """Runs a training step and updates the moving average; returns the values to log."""
    settings, progress, process_group = run.recipe.train, run.progress, run.process_group
    # Dropout and sampled locations depend only on the step, so a resumed run draws the same ones.
    torch.manual_seed((settings.seed * 1_000_003 + progress.step) * 64 + process_group.rank)
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
    """Updates the moving average; early steps count more, so the initial weights fade out."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                ema[name].lerp_(tensor, 1 - decay)
            else:
                ema[name].copy_(tensor)


def _measure(run: Run, log: Log) -> None:
    """Evaluates the moving average on dev, in every process; rank 0 writes the log."""
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
        row |= _verdict_row(run.collapse_detector, verdict)
    log.write(run.progress, row)
    log.sheet(run.progress, found)
    if verdict is not None:
        _handle_verdict(run, verdict)


def _judge(run: Run, found: DevMeasurement) -> Verdict:
    """Detects whether the generator has collapsed, on some photographs of dev."""
    assert found.predicted is not None
    truth = found.examples.ab_at(stride_of(run.step.modules["model"]))
    values = found.values
    return run.collapse_detector.observe(
        run.progress.samples,
        found.predicted,
        truth,
        accuracy=values["d_accuracy"],
        loss=values["loss"],
    )


def _verdict_row(detector: CollapseDetector, verdict: Verdict) -> dict[str, float | str]:
    """The fields of a verdict and of the statistics behind it, for the log."""
    last = detector.last
    assert last is not None
    return {
        "collapsed": float(verdict.collapsed),
        "reasons": "; ".join(verdict.reasons),
        "dev_hue_bits": last.entropy,
        "dev_hue_bits_true": last.true_entropy,
        "dev_chroma_ratio": last.chroma,
        "dev_centred": last.centred,
    }


def _handle_verdict(run: Run, verdict: Verdict) -> None:
    """Saves the best state; reports a collapse and rolls back if the recipe requires it.

    The checkpoint is written after either, so it is never older than the best state: a run that is
    killed and resumed reaches the same weights.
    """
    if verdict.best:
        run.save(BEST)
        run.save()
    if not verdict.collapsed:
        return
    best = run.collapse_detector.best
    line = f"{run.recipe.name}: collapsed at {run.progress.samples} samples: {verdict.reasons[0]}"
    if not run.recipe.train.rollback or best is None:
        run.report(f"{line}.")
        return
    run.report(f"{line}; rolled back to {best.samples} samples.")
    run.process_group.barrier()  # until rank 0 has written it
    tensors, _, _ = load_checkpoint(run.folder / BEST)
    run.restore(tensors)
    run.progress.cuts, run.progress.waited = run.progress.cuts + 1, 0
    run.save()


def _keep_weights(run: Run, name: str) -> None:
    if run.process_group.rank == 0:
        weights = {f"ema.{n}": tensor for n, tensor in run.ema.items()}
        save_weights(run.folder / f"{name}.safetensors", weights, run.progress, run.facts)


def _at_end(run: Run, session: TrainingSession, elapsed: float) -> bool:
    if session.max_seconds is not None and elapsed >= session.max_seconds:
        return True
    return any(run.progress.samples >= end for end in session.ends(run.recipe, run.progress))


def _crossed(samples: int, batch: int, every: int) -> bool:
    return samples // every != (samples - batch) // every


@contextmanager
def _stop_signals(on_signal: Callable[[int], None]) -> Iterator[Callable[[], bool]]:
    """Makes SIGINT, SIGTERM and SIGHUP end training after the current step, with a checkpoint."""
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        on_signal(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    # A signal that nohup ignores stays ignored; Windows has no SIGHUP.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = [signal.signal(number, note) for number in numbers]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
