"""The plan: everything about a film that can be checked before its first frame is coloured."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from tintype._version import __version__
from tintype.engine.bundle import Bundle
from tintype.engine.devices import device_of
from tintype.engine.hints import check_painted
from tintype.engine.predict import Engine
from tintype.engine.sessions import check_device
from tintype.errors import FilmError, ModelError, TargetExistsError, UsageError, shown
from tintype.photo.metadata.provenance import Provenance
from tintype.video.container import open_film
from tintype.video.encoding import (
    CONTAINERS,
    Encoding,
    adapt_to_encoding,
    choose_encoding,
    needs_matroska,
    new_encoder,
)
from tintype.video.left_out import left_out_by_container
from tintype.video.mux import supported_streams
from tintype.video.probe import probe
from tintype.video.provenance import film_provenance
from tintype.video.render import renderer_factory
from tintype.video.request import FilmRequest
from tintype.video.sound import sound_title
from tintype.video.source import FilmSource, OtherStream


@dataclass(frozen=True, slots=True)
class FilmJob:
    """A film to colour, checked.

    Attributes:
        source: The film, adapted to its encoding.
        target: The file to write.
        encoding: How it is compressed.
        copied: The other streams that are copied.
        request: How to colour it.
        provenance: Of the output.
        warnings: What cannot be preserved; a sentence each.
        done: Whether the target is already this film, coloured in this way.
        frames: Number of frames, approximately; 0 if unknown.
    """

    source: FilmSource
    target: Path
    encoding: Encoding
    copied: tuple[OtherStream, ...]
    request: FilmRequest
    provenance: Provenance
    warnings: tuple[str, ...]
    done: bool
    frames: int


def plan(
    path: Path,
    target: Path | None,
    request: FilmRequest,
    bundle: Bundle,
    *,
    overwrite: bool = False,
) -> FilmJob:
    """Plans the colouring of a film.

    Args:
        path: The film.
        target: The file to write; None is ``name.color.mp4`` beside it, or its own container if
            that is MP4, MOV or Matroska.
        request: How to colour it.
        bundle: The model.
        overwrite: Whether an existing file may be replaced.

    Raises:
        FilmError: It cannot be coloured.
        UsageError: The options contradict each other, or the output is the input.
        TargetExistsError: The output exists, and is not this film coloured in this way.
    """
    probed = probe(path)
    _check_window(probed, request)
    chosen = target is None
    if target is None:
        target = _default_target(probed, request)
    encoding = choose_encoding(
        probed, target.suffix, codec=request.codec, crf=request.crf, lossless=request.lossless
    )
    if target.exists() and target.samefile(path):
        raise UsageError(
            f"{shown(target)} is the film itself, which is never replaced.",
            advice="Give another name to -o.",
        )
    source, encoding_warnings = adapt_to_encoding(probed, encoding)
    _check_encoder(source, encoding)
    _check_request(source, request, bundle)
    copied = supported_streams(source, encoding, convert_sound=request.convert_sound)
    provenance = _provenance(path, bundle, request.canonical(encoding))
    container_warnings = [
        *_container_warnings(source, encoding, copied),
        *left_out_by_container(source, encoding, copied),
        *(_other_container(path, target) if chosen else ()),
    ]
    return FilmJob(
        source=source,
        target=target,
        encoding=encoding,
        copied=copied,
        request=request,
        provenance=provenance,
        warnings=(
            *source.warnings,
            *encoding_warnings,
            *container_warnings,
            *_device_warnings(request, bundle),
        ),
        done=_is_done(target, provenance, overwrite=overwrite),
        frames=_frames(source, request),
    )


def _device_warnings(request: FilmRequest, bundle: Bundle) -> Iterator[str]:
    note = Engine(bundle).device_note(request.settings)
    if note:
        yield note


def _provenance(path: Path, bundle: Bundle, settings: str) -> Provenance:
    return Provenance(
        software="Tintype",
        version=__version__,
        model=bundle.card.name,
        model_sha256=bundle.sha256,
        settings=settings,
        input_sha256=_sha256(path),
    )


def _other_container(path: Path, target: Path) -> Iterator[str]:
    """Why a film is not written to MP4, if no output was named."""
    if target.suffix == ".mov" and path.suffix.lower() != ".mov":
        yield (
            "Its sound is not compressed (PCM), which few players play from MP4; it becomes "
            f"{shown(target.name)}."
        )


def _check_window(source: FilmSource, request: FilmRequest) -> None:
    if request.window is None or not source.seconds:
        return
    start = request.window.start
    if start >= source.seconds:
        raise UsageError(f"{shown(source.path)} is shorter than {float(start):g} s.")


def _check_encoder(source: FilmSource, encoding: Encoding) -> None:
    try:
        new_encoder(source, encoding).open()
    except (av.FFmpegError, ValueError) as error:
        height, width = source.layout.shape
        reason = getattr(error, "strerror", None) or error
        raise FilmError(
            f"{shown(source.path)}, {width} x {height}, cannot be encoded as {encoding.codec} "
            f"({reason}).",
            advice="" if encoding.codec == "ffv1" else "Give --codec ffv1.",
        ) from error


def _check_request(source: FilmSource, request: FilmRequest, bundle: Bundle) -> None:
    """Raises errors now that would otherwise be raised hours later, when a shot is reached."""
    _check_hints(source, request)
    _check_model(request, bundle)
    check_device(device_of(request.settings.device))
    renderer_factory(request, bundle)(source.layout)  # checks the settings


def _check_hints(source: FilmSource, request: FilmRequest) -> None:
    height, width = source.layout.shape[:: -1 if source.layout.turn % 2 else 1]
    for shot in request.shots:
        check_painted(shot.hints, (height, width))
        for hint in shot.hints:
            if not (0 <= hint.x < width and 0 <= hint.y < height):
                raise UsageError(
                    f"The hint at {hint.x},{hint.y} is outside the film of {width} x {height}.",
                    advice="Count pixels from 0 at the upper left corner.",
                )


def _check_model(request: FilmRequest, bundle: Bundle) -> None:
    references = [request.settings.reference, *(shot.reference for shot in request.shots)]
    needed = {"logits", "features"} if any(references) else set()
    missing = needed - set(bundle.card.capabilities)
    if missing:
        raise ModelError(
            f"The model {bundle.label} does not provide {' and '.join(sorted(missing))}, which "
            "references require.",
            advice="Leave --model out to use tintype-own.",
        )


def _default_target(source: FilmSource, request: FilmRequest) -> Path:
    word = "color" if request.window is None else "preview"
    path = source.path
    suffix = path.suffix.lower()
    if needs_matroska(source, request.codec):
        suffix = ".mkv"
    if suffix not in CONTAINERS:
        pcm = any(stream.is_pcm for stream in source.other_streams)
        suffix = ".mov" if pcm else ".mp4"
        encoding = choose_encoding(
            source, suffix, codec=request.codec, crf=request.crf, lossless=request.lossless
        )
        wanted = [stream for stream in source.other_streams if not stream.regenerated]
        if len(supported_streams(source, encoding)) < len(wanted):
            suffix = ".mkv"
    return path.with_name(f"{path.stem}.{word}{suffix}")


def _container_warnings(
    source: FilmSource, encoding: Encoding, copied: tuple[OtherStream, ...]
) -> Iterator[str]:
    ways = {stream.index: stream for stream in copied}
    for stream in source.other_streams:
        way = ways.get(stream.index)
        if way is None and not stream.regenerated:
            advice = "" if encoding.muxer == "matroska" else " -o NAME.mkv may keep it."
            if stream.kind == "audio" and stream.codec:
                advice += " --convert-sound keeps it, compressed again."
            yield (
                f"The output container does not support {stream.label}, which is left out.{advice}"
            )
        elif way is not None and way.encoder is not None:
            yield (
                f"The output container does not support {stream.label}, which is compressed again "
                f"as {sound_title(way.encoder)}."
            )
    pcm = next((stream for stream in copied if stream.is_pcm), None)
    if pcm is not None and encoding.muxer == "mp4":
        yield (
            f"Some players play sound like {pcm.label} in an MP4 as noise; -o NAME.mov and "
            "NAME.mkv are safe."
        )
    if source.chapters and any(stream.wave for stream in copied):
        yield "Its chapters are left out because of its sound. -o NAME.mov keeps them."
    exact = source.time_base.numerator == 1 and 1000 % source.time_base.denominator == 0
    if encoding.muxer == "matroska" and "matroska" not in source.container and not exact:
        yield (
            "Matroska stores times in milliseconds and begins at 0: frames may move by half a "
            "millisecond, and all together by the time that the sound begins before the pictures."
        )


def _frames(source: FilmSource, request: FilmRequest) -> int:
    if request.window is None:
        return source.frames
    in_window = round(request.window.seconds * source.rate)
    return min(source.frames, in_window) if source.frames else in_window


def _is_done(target: Path, provenance: Provenance, *, overwrite: bool) -> bool:
    if not target.exists():
        return False
    try:
        with open_film(target) as container:
            found = film_provenance(container.metadata)
    except FilmError:
        found = None
    if found == provenance:
        return True
    if found is None and target.stat().st_size:
        raise TargetExistsError(
            f"{shown(target)} exists and was not written by Tintype, so it is never replaced.",
            advice="Move it away, or give -o another name.",
        )
    if overwrite:
        return False
    how = "was made with other settings" if found is not None else "already exists"
    raise TargetExistsError(f"{shown(target)} {how}.", advice="Move it away, or give --overwrite.")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FilmError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error
