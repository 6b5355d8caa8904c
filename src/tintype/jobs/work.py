"""The work: one job at a time, from a source to a target, as a row."""

import errno
import stat
import time
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from tintype.engine.bundle import Bundle
from tintype.engine.predict import Engine
from tintype.engine.settings import Output, Settings
from tintype.errors import (
    PhotoError,
    SkippedPhotoError,
    TargetExistsError,
    TintypeError,
    UnsupportedPhotoError,
    WriteError,
    shown,
)
from tintype.files import remote
from tintype.files.atomic import write_error
from tintype.jobs.plan import Job, reason, same_file
from tintype.jobs.report import COLOR_PHOTO, OWN_OUTPUT, Row
from tintype.jobs.resume import Marks, remember
from tintype.photo import thumbnail
from tintype.photo.decode import MAX_PIXELS, decode, read_provenance
from tintype.photo.formats.registry import FORMATS, format_of_suffix
from tintype.photo.metadata.provenance import Provenance
from tintype.pipeline import ColorPhotos, Request, colorize_photos, provenance_of


@dataclass(frozen=True, slots=True)
class Options:
    """How every job of a run is done.

    Attributes:
        model: Name or path of the model; None is the one that is shipped.
        settings: How to colour.
        output: What to write; without a format, the target's name decides.
        overwrite: Replace earlier outputs.
        color_photos: What to do with colour photographs and with outputs of Tintype; None colours
            a picture given alone and skips them among others.
        max_pixels: Larger pictures are refused.
        check_grey: Compare the grey of each output with its input's.
        thumbnails: Put small pictures of before and after into the rows.
    """

    model: str | None = None
    settings: Settings = field(default_factory=Settings)
    output: Output = field(default_factory=Output)
    overwrite: bool = False
    color_photos: ColorPhotos | None = None
    max_pixels: int = MAX_PIXELS
    check_grey: bool = False
    thumbnails: bool = False


class Worker:
    """Does one job after the other with a model that is loaded when the first one needs it."""

    def __init__(self, options: Options, bundle: Bundle, *, threads: int | None = None) -> None:
        self._options = options
        self._threads = threads
        self._bundle = bundle
        self._engine: Engine | None = None
        self._marks = Marks()

    def do(self, job: Job, *, given_up: PhotoError | None = None) -> Row:
        """Colours one file; whatever goes wrong becomes a row.

        Args:
            job: Source and target.
            given_up: Why it is not to be coloured, where that was not done already.

        Returns:
            What became of it.
        """
        began = time.monotonic()
        try:
            row = self._do(job, given_up)
        except SkippedPhotoError:
            row = Row.skip(job.source, COLOR_PHOTO)
        except TintypeError as error:
            row = Row.failure(job.source, error)
        except MemoryError:
            row = Row.failure(
                job.source,
                PhotoError(
                    f"There is not enough memory for {shown(job.source)}.",
                    advice="Give --jobs 1, or a smaller picture.",
                ),
            )
        except Exception as error:  # noqa: BLE001
            # The per-file boundary: one file that meets a fault of ours must not end a night's run.
            fault = f"{type(error).__name__}: {error}"
            row = Row.failure(
                job.source,
                PhotoError(
                    f"{shown(job.source)} met a fault in Tintype ({shown(fault)}).",
                    advice="Please report it with the picture.",
                ),
            )
        return row.timed(time.monotonic() - began)

    def _do(self, job: Job, given_up: PhotoError | None) -> Row:
        options = self._options
        form = options.output.format or format_of_suffix(job.target.suffix)
        _refuse_forgetful(job, form)
        output = replace(options.output, format=form)
        settings = replace(options.settings, palette=job.palette)
        data = remote.read(job.source, max_pixels=options.max_pixels)
        provenance = provenance_of(data, self._bundle, settings, output)
        row = Row("done", str(job.source), str(job.target), input_sha256=provenance.input_sha256)
        policy = options.color_photos or ("color" if job.alone else "skip")
        if policy == "skip" and self._marks.of(job.source, data) is not None:
            return replace(row, status="skipped", output=None, reason=OWN_OUTPUT)
        done = self._look_at_target(job, provenance)
        if done is not None:
            row = replace(row, status="already_done", sha256=sha256(done).hexdigest())
            return self._with_thumbnails(row, data, done) if options.thumbnails else row
        if given_up is not None:
            raise given_up
        if self._engine is None:
            self._engine = Engine(self._bundle, threads=self._threads)
        name = shown(job.source)
        photos = decode(data, name=name, max_pixels=options.max_pixels)
        source = data if output.keep_luminance == "exact" else None
        del data  # of a large photograph it would lie beside the pixels to the end
        colored = colorize_photos(
            photos,
            Request(settings, output, policy, options.check_grey, options.thumbnails),
            name=name,
            engine=self._engine,
            provenance=provenance,
            luminance_of=source,
        )
        self._write(job, colored.data, provenance)
        digest = sha256(colored.data).hexdigest()
        return replace(
            row,
            sha256=digest,
            notes=colored.notes,
            grey_check=colored.grey_check,
            thumbnails=colored.thumbnails,
        )

    def _with_thumbnails(self, row: Row, source: bytes, target: bytes) -> Row:
        """The row of an output of an earlier run; as it is where that cannot be read any more."""
        pixels = self._options.max_pixels
        try:
            photos = decode(source, name=shown(row.input), max_pixels=pixels)
            after = thumbnail.of_file(target, name=shown(row.output), max_pixels=pixels)
        except PhotoError:
            return row
        return replace(row, thumbnails=(thumbnail.of_pixels(photos[0].grey), after))

    def _look_at_target(self, job: Job, provenance: Provenance) -> bytes | None:
        """What stands at the target if that is this job done already.

        Raises:
            TargetExistsError: Something else stands there, and it is not to be replaced.
        """
        try:
            if same_file(job.target, job.source):
                raise TargetExistsError(
                    f"{shown(job.target)} is the input itself, which is never replaced."
                )
            if not _replaceable(job.target):
                raise TargetExistsError(
                    f"{shown(job.target)} is no file, and is never replaced.",
                    advice="Move it away, or choose another folder with --into.",
                )
            data = remote.read_if_exists(job.target)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG and isinstance(job.target, Path):
                raise write_error(job.target, error) from error
            raise TargetExistsError(
                f"{shown(job.target)} exists and cannot be read: {reason(error)}."
            ) from error
        if data is None:
            return None
        found = self._marks.of(job.target, data)
        # Another version of the software may write the same colours better: --overwrite says so.
        done = found == provenance if self._options.overwrite else _same_work(found, provenance)
        if done:
            return data
        if not self._options.overwrite:
            what = "does not come from Tintype"
            if found is not None:
                what = f"was made {_differently(found, provenance)}"
            raise TargetExistsError(
                f"{shown(job.target)} exists and {what}.",
                advice="Move it away, or give --overwrite.",
            )
        if job.target_is_input and found is None:
            raise TargetExistsError(
                f"{shown(job.target)} is one of the inputs, which are never replaced."
            )
        return None

    def _write(self, job: Job, data: bytes, provenance: Provenance) -> None:
        if isinstance(job.target, Path):
            folder = job.target.parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise WriteError(f"{shown(folder)} cannot be made: {reason(error)}.") from error
            if read_provenance(data) != provenance:
                remember(job.target, data, provenance)
        try:
            remote.write(job.target, data, overwrite=self._options.overwrite)
        except TargetExistsError:
            # Another run may have finished the very same picture meanwhile.
            if self._look_at_target(job, provenance) is None:
                raise


def _refuse_forgetful(job: Job, form: str | None) -> None:
    """In a store there is no state file that says how an output was made that cannot say it."""
    if isinstance(job.target, remote.Remote) and "provenance" not in FORMATS[str(form)].carries:
        raise UnsupportedPhotoError(
            f"{form} cannot record in the file how it was coloured, which {shown(job.target)} "
            "would need.",
            advice="Give --format png.",
        )


def _replaceable(target: remote.Place) -> bool:
    """Whether a file stands there, or nothing; a pipe would be waited for."""
    try:
        return not isinstance(target, Path) or stat.S_ISREG(target.stat().st_mode)
    except FileNotFoundError:
        return True


def _same_work(found: Provenance | None, wanted: Provenance) -> bool:
    """Same input, model and settings; the version of the software does not count."""
    return found is not None and (found.input_sha256, found.model_sha256, found.settings) == (
        wanted.input_sha256,
        wanted.model_sha256,
        wanted.settings,
    )


def _differently(found: Provenance, wanted: Provenance) -> str:
    if found.input_sha256 != wanted.input_sha256:
        return "from another picture"
    if found.model_sha256 != wanted.model_sha256:
        return f"by another model ({shown(found.model)})"
    return "with other settings"
