"""Evaluates the claims of the report on the figures of our own runs.

A claim about quality gets a verdict only where the runs can carry one, see `_obstacles`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tintype.learn.compare.results import Result, collapses
from tintype.learn.compare.score import kept_columns
from tintype.learn.compare.seeds import seeds_of
from tintype.learn.evaluate.figures import Figure, difference

HELD, NOT_HELD, UNDECIDED = "held", "not held", "undecided"
NOT_OBSERVED = "not observed at this scale"
WITHHELD = "withheld"
MISSING = "not trained yet"

SEEDS = 3
"""Fewest seeds for a verdict."""
FEWEST_PICTURES = 50
"""Of the evaluation, for a verdict on quality."""
PLAYS = (0.6, 0.95)
"""Accuracy of a discriminator from which a generator learns: below, it cannot tell real from
generated pictures; above, it rejects whatever the generator does."""
_EQUAL = 1.05
"""Ratio of the numbers of photographs up to which two runs count as equally long."""

_GANS = (
    "cdcgan-cifar",
    "cdcgan-places",
    "cdcgan-improved",
    "pix2pix",
    "chromagan",
)
NAZERI = {"ab_mae": 5.1, "accuracy_2_code": 24.1, "accuracy_5_code": 65.5}

Results = Mapping[str, Result]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and its verdict.

    Attributes:
        text: The claim.
        verdict: One of the constants above.
        figures: The figures behind the verdict, and why it is withheld.
    """

    text: str
    verdict: str
    figures: str


def judge_claims(results: Results) -> list[Claim]:
    """Evaluates every claim of the report.

    Args:
        results: Results by name; missing ones are reported as such.
    """
    return [
        _vibrant(results),
        _faster(results),
        _collapse(results),
        _not_simply_better(results),
        _nazeri(results),
    ]


def discriminator_accuracy(result: Result) -> float | None:
    """Accuracy of a discriminator on dev, averaged over the second half of a run.

    Args:
        result: Of an adversarial method.

    Returns:
        From 0 to 1, 0.5 being chance; None without a discriminator.
    """
    rows = [row for row in result.dev if "dev_d_accuracy" in row]
    second = rows[len(rows) // 2 :]
    return sum(row["dev_d_accuracy"] for row in second) / len(second) if second else None


def _needs(text: str, names: Sequence[str], results: Results) -> Claim | None:
    missing = [name for name in names if name not in results]
    if not missing:
        return None
    return Claim(text, MISSING, f"{', '.join(missing)}: {MISSING}")


def _obstacles(seeds: Sequence[Sequence[Result]], *, pictures: bool = True) -> list[str]:
    """Why runs cannot carry a verdict on quality; empty if they can.

    Args:
        seeds: The methods that are compared, for each seed.
        pictures: Whether the verdict depends on evaluation pictures.
    """
    runs = [result for seed in seeds for result in seed]
    found = []
    if len(seeds) < SEEDS:
        found.append(f"{len(seeds)} of {SEEDS} seeds")
    if len({result.data_hash for result in runs}) > 1:
        found.append("different photographs")
    fewest, most = (pick(result.samples for result in runs) for pick in (min, max))
    if most > _EQUAL * fewest:
        found.append(f"from {fewest:,} to {most:,} training samples")
    scored = min(sum(result.measured.get("sets", {}).values()) for result in runs)
    if pictures and scored < FEWEST_PICTURES:
        found.append(f"{scored} pictures")
    return found + list(filter(None, map(_idle, runs)))


def _idle(result: Result) -> str:
    """Why a discriminator did not play; empty if it did."""
    accuracy = discriminator_accuracy(result)
    # A Wasserstein critic has a gradient however often it is right.
    most = 1.0 if result.recipe.get("loss", {}).get("kind") == "semantic" else PLAYS[1]
    if accuracy is None or PLAYS[0] <= accuracy <= most:
        return ""
    state = "sleeps" if accuracy < PLAYS[0] else "has won"
    return f"the discriminator of {result.name} {state} (accuracy {accuracy:.2f})"


def _concluded(text: str, verdict: str, evidence: Iterable[str], obstacles: Sequence[str]) -> Claim:
    """The claim with its verdict, or without one if there are obstacles."""
    figures = "; ".join(evidence)
    if obstacles and verdict in (HELD, NOT_HELD):
        return Claim(text, WITHHELD, f"{figures}. No verdict: {'; '.join(obstacles)}")
    return Claim(text, verdict, figures)


def _difference(first: Result, second: Result, block: str, figure: str) -> Figure | None:
    """The paired difference, or None if the two were not scored on the same pictures."""
    if first.measured != second.measured or not {block} <= first.pictures.keys() & second.pictures:
        return None
    columns = [kept_columns(result.pictures[block]) for result in (first, second)]
    return difference(columns[0], columns[1], figure)


def _format(figures: Sequence[Figure]) -> str:
    """The difference of each seed, with its interval."""
    return ", ".join("{:+.3f} ({:+.3f} to {:+.3f})".format(*figure) for figure in figures)


def _by_sign(found: Sequence[Figure]) -> str:
    if all(low > 0 for _, low, _ in found):
        return HELD
    return NOT_HELD if all(high < 0 for _, _, high in found) else UNDECIDED


def _vibrant(results: Results) -> Claim:
    text = "Cross-entropy gives more vibrant colours than L1 and L2 (section 2.1.3)."
    others = ("rescnn-l1", "rescnn-l2")
    names = ("rescnn-ce", *others)
    missing = _needs(text, names, results)
    if missing:
        return missing
    seeds = seeds_of(results, *names)
    found: dict[str, list[Figure]] = {}
    for place, other in enumerate(others, 1):
        pairs = [_difference(seed[0], seed[place], "published", "cf_ratio") for seed in seeds]
        if None in pairs:
            return Claim(text, UNDECIDED, "the three were not scored on the same pictures")
        found[other] = [figure for figure in pairs if figure is not None]
    verdicts = [_by_sign(figures) for figures in found.values()]
    verdict = NOT_HELD if NOT_HELD in verdicts else HELD if set(verdicts) == {HELD} else UNDECIDED
    evidence = [f"CF ratio of rescnn-ce less {o}: {_format(f)}" for o, f in found.items()]
    return _concluded(text, verdict, evidence, _obstacles(seeds))


def _faster(results: Results) -> Claim:
    text = "Pretraining on grey scenes speeds up training (section 2.1.3)."
    names = ("rescnn-ce", "rescnn-ce-scratch")
    missing = _needs(text, names, results)
    if missing:
        return missing
    seeds = seeds_of(results, *names)
    gains: list[float] = []
    evidence = []
    for pretrained, scratch in seeds:
        with_it, without = (
            {row["samples"]: row["dev_loss"] for row in run.dev} for run in (pretrained, scratch)
        )
        common = sorted(with_it.keys() & without.keys())
        if not common:
            return Claim(
                text, UNDECIDED, "dev was never measured at the same number of photographs"
            )
        lower = [without[samples] - with_it[samples] for samples in common]
        gains += lower
        line = (
            f"loss on dev lower by {sum(lower) / len(lower):+.3f} on average "
            f"({min(lower):+.3f} to {max(lower):+.3f} over {len(common)} measurements at equal "
            f"photographs, the last at {common[-1]:,})"
        )
        level = without[common[-1]]
        reached = [samples for samples in sorted(with_it) if with_it[samples] <= level]
        if reached:
            line += f", and what scratch has at {common[-1]:,} is reached by {reached[0]:,}"
        evidence.append(line)
    verdict = HELD if min(gains) > 0 else NOT_HELD if max(gains) < 0 else UNDECIDED
    if "grey-resnet18" in results:
        classifier = results["grey-resnet18"]
        accuracy = [row["dev_accuracy"] for row in classifier.dev if "dev_accuracy" in row]
        evidence.append(
            f"before it come {classifier.seconds / 60:.0f} min of classifying"
            + (f", to a top-1 accuracy of {accuracy[-1]:.1%} on dev" if accuracy else "")
        )
    # At equal photographs, so that the lengths of the runs need not be equal.
    obstacles = [o for o in _obstacles(seeds, pictures=False) if "training samples" not in o]
    return _concluded(text, verdict, evidence, obstacles)


def _collapse(results: Results) -> Claim:
    text = "The cDCGAN collapses after some epochs, and the improved one does not (section 2.2.2)."
    names = ("cdcgan-places", "cdcgan-improved")
    missing = _needs(text, names, results)
    if missing:
        return missing
    collapsed: dict[str, list[bool]] = {name: [] for name in names}
    evidence = []
    seeds = seeds_of(results, *names)
    for name, result in ((n, r) for seed in seeds for n, r in zip(names, seed, strict=True)):
        verdicts = result.verdicts
        if not verdicts:
            return Claim(text, UNDECIDED, f"{result.name}: the collapse detector was off")
        fallen = [row["samples"] for row in collapses(result)]
        collapsed[name].append(bool(fallen))
        first = f", first at {fallen[0]:,} photographs" if fallen else ""
        line = f"{result.name}: {len(fallen)} of {len(verdicts)} measurements collapsed{first}"
        accuracy = discriminator_accuracy(result)
        if accuracy is not None:
            line += f"; accuracy of its discriminator {accuracy:.2f}"
            line += " (it does not play)" if _idle(result) else ""
        evidence.append(line)
    places, improved = collapsed.values()
    if any(improved):
        verdict = NOT_HELD
    elif all(places):
        verdict = HELD
    else:
        verdict = UNDECIDED if any(places) else NOT_OBSERVED
    obstacles = [] if len(seeds) >= SEEDS else [f"{len(seeds)} of {SEEDS} seeds"]
    return _concluded(text, verdict, evidence, obstacles)


_SIGNS: Mapping[str, Callable[[Figure], Figure]] = {
    # Chosen so that positive values mean that the CNN is better.
    "delta_e": lambda f: f,
    "auc_rebalanced": lambda f: (-f[0], -f[2], -f[1]),
}


def _not_simply_better(results: Results) -> Claim:
    text = "GANs are not simply better than the CNN (section 3)."
    missing = _needs(text, ("rescnn-ce",), results)
    if missing:
        return missing
    gans = [name for name in _GANS if name in results]
    if not gans:
        return Claim(text, MISSING, f"{', '.join(_GANS)}: {MISSING}")
    verdicts, evidence = [], []
    for name in gans:
        found, line = _gan_against_cnn(name, results)
        verdicts.append(found)
        evidence.append(line)
    verdict = UNDECIDED
    if NOT_HELD in verdicts:
        verdict = NOT_HELD
    elif all(v == HELD for v in verdicts):
        verdict = HELD
    elif WITHHELD in verdicts:
        verdict = WITHHELD
    absent = [name for name in _GANS if name not in results]
    if absent:
        evidence.append(f"{', '.join(absent)}: {MISSING}")
    return Claim(text, verdict, "; ".join(evidence))


def _gan_against_cnn(name: str, results: Results) -> tuple[str, str]:
    """The verdict on one GAN and its evidence."""
    seeds = seeds_of(results, name, "rescnn-ce")
    found = {
        figure: [_difference(gan, cnn, "equal", figure) for gan, cnn in seeds] for figure in _SIGNS
    }
    known = {
        figure: [value for value in values if value is not None] for figure, values in found.items()
    }
    if any(len(values) < len(seeds) for values in known.values()):
        return UNDECIDED, f"{name}: no block (ii) on the same pictures"
    turned = {key: [_SIGNS[key](value) for value in values] for key, values in known.items()}
    judged = [_by_sign(values) for values in turned.values()]
    verdict = HELD if HELD in judged else NOT_HELD if set(judged) == {NOT_HELD} else UNDECIDED
    shown = ", ".join(f"{_NAMES[key]} {_format(values)}" for key, values in known.items())
    line = f"{name} less rescnn-ce in block (ii): {shown}"
    obstacles = _obstacles(seeds)
    if obstacles and verdict in (HELD, NOT_HELD):
        return WITHHELD, f"{line} (no verdict: {', '.join(obstacles)})"
    return verdict, line


_NAMES = {"delta_e": "ΔE2000", "auc_rebalanced": "AuC rebalanced"}


def _nazeri(results: Results) -> Claim:
    text = (
        "Nazeri et al. on CIFAR-10: MAE 5.1, accuracy 24.1 % at 2 % and 65.5 % at 5 % (the "
        "report's model, section 2.2.1; their table)."
    )
    missing = _needs(text, ("cdcgan-cifar",), results)
    if missing:
        return missing
    result = results["cdcgan-cifar"]
    if not result.native:
        return Claim(text, UNDECIDED, "not scored at 32 px")
    evidence, reached = [], []
    for name, published in NAZERI.items():
        value, low, high = result.native[name]
        evidence.append(
            f"{_TITLES[name]} {value:.1f} ({low:.1f} to {high:.1f}), theirs {published}"
        )
        reached.append(low <= published if name == "ab_mae" else high >= published)
    verdict = HELD if all(reached) else NOT_OBSERVED
    evidence.append(
        f"at 32 px, on our pictures and not on CIFAR-10, after {result.samples:,} photographs "
        "(theirs: 200 times 50,000), so this neither confirms nor refutes their table"
    )
    return Claim(text, UNDECIDED if verdict == HELD else verdict, "; ".join(evidence))


_TITLES = {
    "ab_mae": "ab-MAE",
    "accuracy_2_code": "accuracy at 2 % as in code",
    "accuracy_5_code": "at 5 %",
}
