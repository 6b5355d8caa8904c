"""The plan: determines which picture is written to which file, before any picture is read.

A plan is walked twice: first to check it, then to execute it. It is never stored as a list: two
digests of each picture are kept, and its name while its folder is walked, less than 100 bytes in
total. The order is deterministic: inputs in the given order, names in a folder sorted, files before
folders.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tintype.errors import TintypeError, UnreadablePhotoError, UsageError, shown
from tintype.files.atomic import target_exists
from tintype.files.remote import Location, parse_location
from tintype.files.temporary import refuse_temporary
from tintype.jobs.digest_table import DigestTable
from tintype.jobs.report import JobResult
from tintype.jobs.same_file import (
    PathKeys,
    TargetIndex,
    TargetUse,
    file_digest,
    same_file,
    same_place,
)
from tintype.jobs.walk import FoundPicture, PlanCounts, Walk
from tintype.photo.formats.registry import format_of_suffix
from tintype.photo.naming import check_output_name, target_name


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to colour.

    Attributes:
        source: The file to read.
        target: The file to write.
        alone: Whether it is the only input and was named by the user; then colour photographs are
            not skipped.
        target_is_input: Whether the target exists and is another input of the same run.
        palette: Number of the palette, from 1; 0 if there is only one.
    """

    source: Location
    target: Location
    alone: bool = False
    target_is_input: bool = False
    palette: int = 0


PlanItem = Job | JobResult
"""A job, or the result of an input that failed or was skipped while the plan was walked."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Inputs and the locations of their outputs.

    Attributes:
        inputs: Files, folders, patterns and URLs, as given.
        into: Folder for the outputs, in which the structure of input folders is mirrored; None
            writes each output beside its source.
        output: The output file, if there is a single input.
        recursive: Whether to enter folders inside folders.
        format: A key of `tintype.photo.formats.registry.FORMATS`; None keeps that of each picture.
        overwrite: Whether earlier outputs may be replaced; inputs are then distinguished from them.
        other_inputs: Files that are read besides the pictures, and the option that named each; no
            output replaces them.
        other_outputs: Files that are written besides the pictures, and the option that names each;
            no picture gets the name of one.
        palettes: Number of palettes; with several, each output has a number, ``name.color-2.jpg``.
        layered: Whether files with layers are written, which are named differently.
    """

    inputs: Sequence[str]
    into: Location | None = None
    output: Location | None = None
    recursive: bool = False
    format: str | None = None
    overwrite: bool = False
    palettes: int = 1
    layered: bool = False
    other_inputs: Sequence[tuple[str, Path]] = ()
    other_outputs: Sequence[tuple[str, Path]] = ()
    _input_digests: DigestTable = field(default_factory=DigestTable, init=False, repr=False)

    def check(self) -> PlanCounts:
        """Walks the plan once and refuses plans that would lose a picture.

        Returns:
            The counts, for progress and the summary.

        Raises:
            UsageError: Two inputs would be written to one file, the options contradict each other,
                the output is the input, or an input has the name of a temporary file.
        """
        self._check_options()
        counts = PlanCounts()
        targets = TargetIndex()
        for item in self._items(counts):
            if self.output is not None and counts.items:
                raise UsageError(
                    "-o names one file, but there are several inputs.", advice="Give --into FOLDER."
                )
            refuse_temporary(Path(str(item.source if isinstance(item, Job) else item.input)))
            if isinstance(item, Job):
                use = targets.add(item.source, item.target)
                if use is TargetUse.OTHER_SOURCE:
                    first = self._first_with_target_of(item)
                    if first.source != item.source:  # not a collision of digests
                        raise _clash(first, item, formatted=self.format is not None)
                if use is TargetUse.SAME_SOURCE:
                    continue
                self._refuse_other_outputs(item)
                if self.overwrite:
                    self._refuse_other_inputs(item)
                    self._input_digests.put(file_digest(item.source), 1)
            counts.items += 1
        return counts

    def __iter__(self) -> Iterator[PlanItem]:
        """Walks the plan.

        Yields:
            Jobs, and results of inputs that failed or were skipped while walking.
        """
        targets = TargetIndex()
        for item in self._items(PlanCounts()):
            if isinstance(item, JobResult):
                yield item
                continue
            use = targets.add(item.source, item.target)
            if use is TargetUse.SAME_SOURCE:
                continue
            if (
                use is TargetUse.OTHER_SOURCE
                and self._first_with_target_of(item).source != item.source
            ):
                # Created since `check`: too late to refuse the run, but both files are preserved.
                clash = UsageError(f"Another input has the same output {shown(item.target)}.")
                yield JobResult.failure(item.source, clash)
                continue
            yield self._mark_inputs(item)

    # ----- jobs -----

    def _items(self, counts: PlanCounts) -> Iterator[PlanItem]:
        """Jobs for each palette of each picture, and the results of other inputs."""
        for found in Walk(self.inputs, self.into, self.recursive, counts):
            item = self._job(found) if isinstance(found, FoundPicture) else found
            if isinstance(item, JobResult) or self.palettes == 1:
                yield item
                continue
            for number in range(1, self.palettes + 1):
                name = f"{item.target.stem}-{number}{item.target.suffix}"
                yield replace(item, target=item.target.with_name(name), palette=number)

    def _job(self, found: FoundPicture) -> PlanItem:
        if self.output is not None:
            return Job(found.source, self.output, found.alone)
        try:
            name = self._target_name(found.source)
        except TintypeError as error:
            return JobResult.failure(found.source, error)
        folder = found.source.parent if self.into is None else self.into / found.relative.parent
        return Job(found.source, folder / name, found.alone)

    def _target_name(self, source: Location) -> str:
        if isinstance(source, Path):
            return target_name(source, self.format, layered=self.layered)
        if format_of_suffix(source.suffix) is None:
            raise UnreadablePhotoError(
                f"{shown(source)} does not have the extension of a picture format.",
                advice="Copy the file to this machine, and colour the copy.",
            )
        return target_name(Path(source.name), self.format, layered=self.layered)

    # ----- checks -----

    def _check_options(self) -> None:
        if self.output is not None:
            self._check_output(self.output)
        if isinstance(self.into, Path) and target_exists(self.into) and not self.into.is_dir():
            raise UsageError(f"--into {shown(self.into)} is a file, not a folder.")

    def _check_output(self, output: Location) -> None:
        if self.palettes > 1:
            raise UsageError(
                "-o names one file, but there are several palettes.", advice="Give --into FOLDER."
            )
        if self.into is not None:
            raise UsageError("-o and --into contradict each other.", advice="Give one of them.")
        if isinstance(output, Path) and target_exists(output) and output.is_dir():
            raise UsageError(
                f"{shown(output)} is a folder.", advice="-o names a file; give --into."
            )
        check_output_name(output, self.format, layered=self.layered)
        if len(self.inputs) == 1 and same_file(parse_location(self.inputs[0]), output):
            raise UsageError(
                f"{shown(output)} is the input itself, which is never replaced.",
                advice="Give another name to -o.",
            )

    def _refuse_other_inputs(self, job: Job) -> None:
        for option, path in self.other_inputs:
            if same_file(path, job.target):
                raise UsageError(
                    f"{shown(job.target)} is an input ({option}), and the output of "
                    f"{shown(job.source)} would replace it.",
                    advice="Choose another folder with --into.",
                )

    def _refuse_other_outputs(self, job: Job) -> None:
        for option, path in self.other_outputs:
            if same_place(path, job.target):
                raise UsageError(
                    f"{option} and the output of {shown(job.source)} have the same name, "
                    f"{shown(job.target)}.",
                    advice=f"Give {option} another name.",
                )

    def _first_with_target_of(self, second: Job) -> Job:
        """The first job with the same target; the digest only shows that there is one."""
        keys = PathKeys()
        key = keys.key(second.target)
        for item in self._items(PlanCounts()):
            if isinstance(item, Job) and keys.key(item.target) == key:
                return item
        return second  # it has been removed in the meantime

    def _mark_inputs(self, job: Job) -> Job:
        """Records whether the target is another input, so that it is not replaced."""
        if not self.overwrite:
            return job
        try:
            is_input = self._input_digests.get(file_digest(job.target)) is not None
        except OSError:
            return job
        return replace(job, target_is_input=is_input)


def _clash(first: Job, second: Job, *, formatted: bool) -> UsageError:
    return UsageError(
        f"{shown(first.source)} and {shown(second.source)} would both be written to "
        f"{shown(second.target)}.",
        advice="Nothing was coloured. Run them separately with different --into folders"
        f"{', or without --format' if formatted else ''}.",
    )
