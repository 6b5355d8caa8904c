"""Executes jobs one after the other: reads a source, writes a target, returns a result."""

import errno
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from tintype.engine.bundle import Bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Output, Settings, were_of_one_photograph
from tintype.errors import (
    PhotoError,
    SkippedPhotoError,
    TargetExistsError,
    TintypeError,
    UnsupportedPhotoError,
    UnwritableDiskError,
    UnwritableFolderError,
    UsageError,
    reason,
    shown,
)
from tintype.files import remote
from tintype.files.atomic import check_folder, kind_of, write_error
from tintype.heap import PICTURE_BLOCK, return_large_blocks
from tintype.jobs.plan import Job
from tintype.jobs.report import COLOR_PHOTO, CORRECTED, OWN_OUTPUT, JobResult
from tintype.jobs.resume import ProvenanceReader, record_provenance
from tintype.jobs.same_file import same_file
from tintype.photo import thumbnail
from tintype.photo.decode import decode, written_provenance
from tintype.photo.formats.registry import FORMATS, format_of_suffix
from tintype.photo.limits import MAX_PIXELS
from tintype.photo.metadata.provenance import Provenance
from tintype.photo.photo import Photo
from tintype.photo.sandbox.scope import current, decoding_in, new_sandbox
from tintype.pipeline import (
    ColorPhotos,
    Request,
    colorize_photos,
    compare_finished,
    provenance_of,
)

_LARGE_PHOTO = 24_000_000  # pixels; for smaller ones, asking for memory again costs more time


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run, which are the same for all its jobs.

    Attributes:
        model: Name or path of the model; None is the default model.
        settings: How to colour.
        output: Output options; without a format, the name of the target determines it.
        overwrite: Replace earlier outputs.
        color_photos: What to do with colour photographs and outputs of Tintype; None colours a
            picture that is the only input, and skips them otherwise.
        max_pixels: Larger pictures are refused.
        check_grey: Compare the grey of each output with that of its input, also if an earlier run
            wrote it.
        thumbnails: Add thumbnails of before and after to the results.
        sandbox: Decode files in a child process with limits.
    """

    model: str | None = None
    settings: Settings = field(default_factory=Settings)
    output: Output = field(default_factory=Output)
    overwrite: bool = False
    color_photos: ColorPhotos | None = None
    max_pixels: int = MAX_PIXELS
    check_grey: bool = False
    thumbnails: bool = False
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """A picture that has been read and is to be coloured.

    Attributes:
        job: Its source and target.
        name: Its name, for messages.
        photos: Its pages.
        request: How to process it.
        provenance: Provenance of its output.
        source: The file itself, if `Request.needs_source`.
    """

    job: Job
    name: str
    photos: Sequence[Photo]
    request: Request
    provenance: Provenance
    source: bytes | None


@dataclass(frozen=True, slots=True)
class Finished:
    """An output of an earlier run.

    Attributes:
        data: The file.
        reason: Why the job is done, although the output is not what it would write; else None.
        settings: As recorded in its provenance.
    """

    data: bytes
    reason: str | None
    settings: str


class Worker:
    """Executes jobs one after the other; the model is loaded when first needed."""

    def __init__(self, options: RunOptions, bundle: Bundle, *, threads: int | None = None) -> None:
        self._options = options
        self._threads = threads
        self._bundle = bundle
        self._engine: Engine | None = None
        self._provenance = ProvenanceReader()
        self._unwritable: UnwritableDiskError | None = None
        self._input_sha256: str | None = None  # of the job's input, once it has been read
        # If the command runs the jobs in its own process, it already has a sandbox.
        self._sandbox = new_sandbox() if options.sandbox and current() is None else None
        if self._sandbox is not None:
            self._sandbox.start()  # in parallel with loading the model

    def close(self) -> None:
        """Ends the decoding process, if there is one."""
        if self._sandbox is not None:
            self._sandbox.close()

    def run(self, job: Job, *, refusal: PhotoError | None = None) -> JobResult:
        """Colours one file; errors become results.

        Args:
            job: Source and target.
            refusal: Error for a picture that must not be coloured, unless it is already done.
        """
        start = time.monotonic()
        self._input_sha256 = None
        try:
            with decoding_in(self._sandbox):
                result = self._run(job, refusal)
        except SkippedPhotoError:
            result = JobResult.skip(job.source, COLOR_PHOTO)
        except UnwritableDiskError as error:
            self._unwritable = error
            result = JobResult.failure(job.source, error, unwritable="disk")
        except UnwritableFolderError as error:
            result = JobResult.failure(job.source, error, unwritable="folder")
        except UsageError as error:  # a hint outside the photograph, a mask of another size
            named = UsageError(f"{shown(job.source)}: {error.message}", advice=error.advice)
            result = JobResult.failure(job.source, named)
        except TintypeError as error:
            result = JobResult.failure(job.source, error)
        except MemoryError:
            result = JobResult.failure(
                job.source,
                PhotoError(
                    f"There is not enough memory for {shown(job.source)}.",
                    advice="Give --jobs 1, or a smaller picture.",
                ),
            )
        except Exception as error:  # noqa: BLE001
            # The per-file boundary: one picture that triggers a bug must not end a long run.
            bug = f"{type(error).__name__}: {error}"
            result = JobResult.failure(
                job.source,
                PhotoError(
                    f"{shown(job.source)} triggered a bug in Tintype ({shown(bug)}).",
                    advice="Please report it with the picture.",
                ),
            )
        # However it ended, the input's hash is known if it was read.
        return replace(result, input_sha256=self._input_sha256).timed(time.monotonic() - start)

    def _run(self, job: Job, refusal: PhotoError | None) -> JobResult:
        options = self._options
        form = options.output.format or format_of_suffix(job.target.suffix)
        _refuse_without_provenance(job, form)
        output = replace(options.output, format=form)
        settings = replace(options.settings, palette=job.palette)
        data = remote.read(job.source, max_pixels=options.max_pixels)
        provenance = provenance_of(data, self._bundle, settings, output)
        self._input_sha256 = provenance.input_sha256
        result = JobResult("done", str(job.source), str(job.target))
        policy = options.color_photos or ("color" if job.alone else "skip")
        if policy == "skip" and self._provenance.read(job.source, data) is not None:
            return replace(result, status="skipped", output=None, reason=OWN_OUTPUT)
        finished = self._finished_output(job, provenance)
        if finished is not None:
            digest = sha256(finished.data).hexdigest()
            result = replace(result, status="already_done", sha256=digest, reason=finished.reason)
            if options.check_grey:
                result = self._checked(job, result, data, finished, refusal)
            if options.thumbnails and result.status == "already_done":
                result = self._with_thumbnails(result, data, finished.data)
            return result
        if refusal is not None:
            raise refusal
        self._check_target(job.target)
        name = shown(job.source)
        self._loaded_engine()
        photos = decode(data, name=name, max_pixels=options.max_pixels)
        if sum(photo.height * photo.width for photo in photos) >= _LARGE_PHOTO:
            return_large_blocks(PICTURE_BLOCK)
        request = Request(settings, output, policy, options.check_grey, options.thumbnails)
        source = data if request.needs_source else None
        del data  # otherwise a large file would stay in memory together with its pixels
        return self._make(Work(job, name, photos, request, provenance, source), result)

    def _loaded_engine(self) -> Engine:
        if self._engine is None:
            settings = self._options.settings
            features = settings.hinted or settings.reference is not None
            self._engine = Engine(self._bundle, threads=self._threads, features=features)
            self._engine.prepare(settings)
        return self._engine

    def _make(self, work: Work, result: JobResult) -> JobResult:
        """Colours and writes a decoded picture, and completes its result."""
        colored = colorize_photos(
            work.photos,
            work.request,
            name=work.name,
            engine=self._loaded_engine(),
            provenance=work.provenance,
            source=work.source,
        )
        self._write(work.job, colored.data, work.provenance)
        digest = sha256(colored.data).hexdigest()
        return replace(
            result,
            sha256=digest,
            notes=colored.notes,
            grey_check=colored.grey_check,
            tone=colored.tone,
            thumbnails=colored.thumbnails,
        )

    def _check_target(self, target: remote.Location) -> None:
        """Refuses a target that could not be written, before it is computed."""
        if self._unwritable is not None:
            raise self._unwritable
        if isinstance(target, Path):
            check_folder(target)

    def _checked(
        self,
        job: Job,
        result: JobResult,
        source: bytes,
        finished: Finished,
        refusal: PhotoError | None,
    ) -> JobResult:
        """Compares the grey of an earlier output; a difference makes it a failure."""
        if refusal is not None:  # decoding the input has ended a process before
            return replace(result, grey_check="not comparable, the input cannot be decoded")
        pixels = self._options.max_pixels
        found, same = compare_finished(
            decode(source, name=shown(job.source), max_pixels=pixels),
            finished.data,
            recorded=finished.settings,
            source=source,
            name=shown(job.target),
            max_pixels=pixels,
        )
        result = replace(result, grey_check=found)
        if same:
            return result
        error = PhotoError(
            f"{shown(job.target)} does not have the grey of {shown(job.source)}: {found}.",
            advice="It was changed after it was written. Move it away, and run the command again.",
        )
        return replace(
            JobResult.failure(job.source, error),
            output=result.output,
            sha256=result.sha256,
            grey_check=found,
        )

    def _with_thumbnails(self, result: JobResult, source: bytes, target: bytes) -> JobResult:
        """Adds thumbnails of an earlier output, unless it can no longer be read."""
        pixels = self._options.max_pixels
        try:
            photos = decode(source, name=shown(result.input), max_pixels=pixels)
            after = thumbnail.of_file(target, name=shown(result.output), max_pixels=pixels)
        except PhotoError:
            return result
        return replace(result, thumbnails=(thumbnail.of_pixels(photos[0].grey), after))

    def _finished_output(self, job: Job, provenance: Provenance) -> Finished | None:
        """The existing target, if the job is already done; otherwise None.

        Raises:
            TargetExistsError: The target is a different file that must not be replaced.
        """
        try:
            if same_file(job.target, job.source):
                raise TargetExistsError(
                    f"{shown(job.target)} is the input itself, which is never replaced."
                )
            if not _replaceable(job.target):
                raise TargetExistsError(
                    f"{shown(job.target)} is not a regular file, and is never replaced.",
                    advice="Move it away, or choose another folder with --into.",
                )
            data = remote.read_if_exists(job.target, max_pixels=self._options.max_pixels)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG and isinstance(job.target, Path):
                raise write_error(job.target, error) from error
            raise TargetExistsError(
                f"{shown(job.target)} exists and cannot be read: {reason(error)}."
            ) from error
        if data is None:
            return None
        found = self._provenance.read(job.target, data)
        # Another version may write the same colours in a better way; --overwrite requests that.
        done = found == provenance if self._options.overwrite else _same_colors(found, provenance)
        if found is not None and done:
            return Finished(data, None, found.settings)
        by_hand = not (self._options.overwrite or job.alone) and _corrected(job, found, provenance)
        if found is not None and by_hand:
            return Finished(data, CORRECTED, found.settings)
        if found is None and data:  # an empty file has nothing to lose
            if job.target_is_input:
                raise TargetExistsError(
                    f"{shown(job.target)} is one of the inputs, which are never replaced."
                )
            raise TargetExistsError(
                f"{shown(job.target)} exists and was not written by Tintype, so it is never "
                "replaced.",
                advice="Move it away, or choose another folder with --into.",
            )
        # Without this option, an output of Tintype is skipped as an input, and may be replaced.
        if job.target_is_input and self._options.color_photos == "color":
            raise TargetExistsError(
                f"{shown(job.target)} is one of the inputs, which are never replaced.",
                advice="Leave out --color-photos color, or colour it with a separate command.",
            )
        if not self._options.overwrite:
            what = "is empty" if found is None else f"was made {_difference(found, provenance)}"
            how = "" if job.alone else ", which also undoes what was corrected by hand"
            raise TargetExistsError(
                f"{shown(job.target)} exists and {what}.",
                advice=f"Move it away, or give --overwrite{how}.",
            )
        return None

    def _write(self, job: Job, data: bytes, provenance: Provenance) -> None:
        if isinstance(job.target, Path):
            folder = job.target.parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise kind_of(error)(
                    f"{shown(folder)} cannot be created: {reason(error)}."
                ) from error
            if written_provenance(data) != provenance:
                record_provenance(job.target, data, provenance)
        try:
            remote.write(job.target, data, overwrite=self._options.overwrite)
        except TargetExistsError:
            # Another run may have finished the same picture in the meantime.
            if self._finished_output(job, provenance) is None:
                raise


def _refuse_without_provenance(job: Job, form: str | None) -> None:
    """Refuses a format without provenance in a store, where there are no state files."""
    if form is None:  # OpenRaster, which stores it in a PNG
        return
    if isinstance(job.target, remote.RemotePath) and "provenance" not in FORMATS[form].carries:
        raise UnsupportedPhotoError(
            f"{form} cannot store provenance in the file, which {shown(job.target)} would need.",
            advice="Give --format png.",
        )


def _replaceable(target: remote.Location) -> bool:
    """Whether the target is a regular file or does not exist; opening a pipe would block."""
    if not isinstance(target, Path):
        return True
    try:
        return stat.S_ISREG(target.stat().st_mode)
    except FileNotFoundError:
        # A broken link also belongs to someone.
        return not os.path.lexists(target)


def _same_colors(found: Provenance | None, expected: Provenance) -> bool:
    """Whether input, model and settings are the same, ignoring the version of the software."""
    return found is not None and (found.input_sha256, found.model_sha256, found.settings) == (
        expected.input_sha256,
        expected.model_sha256,
        expected.settings,
    )


def _corrected(job: Job, found: Provenance | None, expected: Provenance) -> bool:
    """Whether the same input was coloured with hints or the like, which a folder run never uses."""
    return (
        found is not None
        and found.input_sha256 == expected.input_sha256
        and were_of_one_photograph(found.settings, numbered=job.palette > 0)
    )


def _difference(found: Provenance, expected: Provenance) -> str:
    if found.input_sha256 != expected.input_sha256:
        return "from another picture"
    if found.model_sha256 != expected.model_sha256:
        return f"by another model ({shown(found.model)})"
    return "with other settings"
