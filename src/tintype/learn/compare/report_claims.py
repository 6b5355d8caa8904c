"""Evaluates the claims of the report on the figures of our own runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tintype.learn.compare.results import Result, collapses
from tintype.learn.compare.score import kept_columns
from tintype.learn.evaluate.figures import Figure, difference

HELD, NOT_HELD, UNDECIDED = "held", "not held", "undecided"
NOT_OBSERVED = "not observed at this scale"
MISSING = "not trained yet"

_GANS = ("cdcgan-cifar", "cdcgan-places", "cdcgan-improved", "pix2pix")
_NAZERI = {"ab_mae": 5.1, "accuracy_2_code": 24.1, "accuracy_5_code": 65.5}

Results = Mapping[str, Result]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim and its verdict.

    Attributes:
        text: The claim.
        verdict: One of the constants above.
        figures: The figures behind the verdict.
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


def _needs(text: str, names: Sequence[str], results: Results) -> Claim | None:
    missing = [name for name in names if name not in results]
    if not missing:
        return None
    return Claim(text, MISSING, f"{', '.join(missing)}: {MISSING}")


def _difference(results: Results, one: str, other: str, block: str, figure: str) -> Figure | None:
    """The paired difference, or None if the two were not scored on the same pictures."""
    first, second = results[one], results[other]
    if first.measured != second.measured or not {block} <= first.pictures.keys() & second.pictures:
        return None
    columns = [kept_columns(result.pictures[block]) for result in (first, second)]
    return difference(columns[0], columns[1], figure)


def _format(figure: Figure) -> str:
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*figure)


def _by_sign(found: Sequence[Figure]) -> str:
    if all(low > 0 for _, low, _ in found):
        return HELD
    return NOT_HELD if any(high < 0 for _, _, high in found) else UNDECIDED


def _vibrant(results: Results) -> Claim:
    text = "Cross-entropy gives more vibrant colours than L1 and L2 (section 2.1.3)."
    others = ("rescnn-l1", "rescnn-l2")
    missing = _needs(text, ("rescnn-ce", *others), results)
    if missing:
        return missing
    found = {o: _difference(results, "rescnn-ce", o, "published", "cf_ratio") for o in others}
    apart = [figure for figure in found.values() if figure is not None]
    if len(apart) < len(found):
        return Claim(text, UNDECIDED, "the three were not scored on the same pictures")
    evidence = [f"CF ratio of rescnn-ce less {o}: {_format(f)}" for o, f in found.items() if f]
    return Claim(text, _by_sign(apart), "; ".join(evidence))


def _faster(results: Results) -> Claim:
    text = "Pretraining on grey scenes speeds up training (section 2.1.3)."
    names = ("rescnn-ce", "rescnn-ce-scratch")
    missing = _needs(text, names, results)
    if missing:
        return missing
    with_it, without = (
        {row["samples"]: row["dev_loss"] for row in results[name].dev} for name in names
    )
    common = sorted(with_it.keys() & without.keys())
    if not common:
        return Claim(text, UNDECIDED, "dev was never measured at the same number of photographs")
    gains = [without[samples] - with_it[samples] for samples in common]
    verdict = HELD if min(gains) > 0 else NOT_HELD if max(gains) < 0 else UNDECIDED
    evidence = (
        f"loss on dev lower by {sum(gains) / len(gains):+.3f} on average "
        f"({min(gains):+.3f} to {max(gains):+.3f} over {len(common)} measurements at equal "
        f"photographs, the last at {common[-1]:,})"
    )
    level = without[common[-1]]
    reached = [samples for samples in sorted(with_it) if with_it[samples] <= level]
    if reached:
        evidence += f"; what scratch has at {common[-1]:,} is reached by {reached[0]:,}"
    if "grey-resnet18" in results:
        evidence += (
            f"; before it come {results['grey-resnet18'].seconds / 60:.0f} min of classifying"
        )
    return Claim(text, verdict, evidence)


def _collapse(results: Results) -> Claim:
    text = "The cDCGAN collapses after some epochs, and the improved one does not (section 2.2.2)."
    names = ("cdcgan-places", "cdcgan-improved")
    missing = _needs(text, names, results)
    if missing:
        return missing
    collapsed, evidence = {}, []
    for name in names:
        verdicts = results[name].verdicts
        if not verdicts:
            return Claim(text, UNDECIDED, f"{name}: the collapse detector was off")
        fallen = [row["samples"] for row in collapses(results[name])]
        collapsed[name] = bool(fallen)
        first = f", first at {fallen[0]:,} photographs" if fallen else ""
        evidence.append(f"{name}: {len(fallen)} of {len(verdicts)} measurements collapsed{first}")
    if collapsed["cdcgan-improved"]:
        verdict = NOT_HELD
    else:
        verdict = HELD if collapsed["cdcgan-places"] else NOT_OBSERVED
    return Claim(text, verdict, "; ".join(evidence))


def _not_simply_better(results: Results) -> Claim:
    text = "GANs are not simply better than the CNN (section 3)."
    missing = _needs(text, ("rescnn-ce",), results)
    if missing:
        return missing
    gans = [name for name in _GANS if name in results]
    if not gans:
        return Claim(text, MISSING, f"{', '.join(_GANS)}: {MISSING}")
    verdicts, evidence = [], []
    signs: dict[str, Callable[[Figure], Figure]] = {
        # Signs are chosen so that positive values mean that the CNN is better.
        "delta_e": lambda f: f,
        "auc_rebalanced": lambda f: (-f[0], -f[2], -f[1]),
    }
    for name in gans:
        found = {
            figure: _difference(results, name, "rescnn-ce", "equal", figure) for figure in signs
        }
        turned = [signs[key](value) for key, value in found.items() if value is not None]
        if len(turned) < len(signs):
            evidence.append(f"{name}: no block (ii) on the same pictures")
            verdicts.append(UNDECIDED)
            continue
        if any(low > 0 for _, low, _ in turned):
            verdicts.append(HELD)
        else:
            verdicts.append(NOT_HELD if all(high < 0 for _, _, high in turned) else UNDECIDED)
        shown = ", ".join(f"{_NAMES[key]} {_format(v)}" for key, v in found.items() if v)
        evidence.append(f"{name} less rescnn-ce in block (ii): {shown}")
    verdict = UNDECIDED
    if NOT_HELD in verdicts:
        verdict = NOT_HELD
    elif all(v == HELD for v in verdicts):
        verdict = HELD
    absent = [name for name in _GANS if name not in results]
    if absent:
        evidence.append(f"{', '.join(absent)}: {MISSING}")
    return Claim(text, verdict, "; ".join(evidence))


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
    for name, published in _NAZERI.items():
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
