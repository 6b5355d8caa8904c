"""The command `tintype evaluate`: scores, regions, honesty and sheets of models.

Everything of `tintype.learn` is imported inside the functions, as in `tintype.cli.learning`.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tintype.cli.parsing import Parser, say
from tintype.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tintype.engine.bundle import Bundle


def parser() -> argparse.ArgumentParser:
    """Its words."""
    words = Parser(
        prog="tintype evaluate", description="Score models on pictures, through the engine."
    )
    words.add_argument("models", nargs="+", help="names (see tintype models) or ONNX files")
    words.add_argument("--data", type=Path, nargs="+", required=True, help="folders or zips")
    words.add_argument(
        "--vividness", type=float, nargs="+", help="values of tau (default: the model's own)"
    )
    words.add_argument(
        "--hints",
        type=int,
        nargs="+",
        default=[0],
        metavar="N",
        help="also tell the model the truth at N random places of each picture (default: 0)",
    )
    words.add_argument(
        "--palettes",
        type=int,
        metavar="N",
        help="also score the best of N palettes of each picture",
    )
    words.add_argument(
        "--quality",
        choices=["fast", "normal", "high"],
        default="normal",
        help="how closely the model looks; default: normal, the network by itself",
    )
    words.add_argument(
        "--perceptual", action="store_true", help="LPIPS, KID and FID too (docs/how-to/compare.md)"
    )
    words.add_argument(
        "--distribution",
        type=float,
        nargs="?",
        const=0.0,
        metavar="T",
        help="instead of colours: calibration, coverage, rank of certainty, at a temperature T "
        "fitted on dev; without T it is fitted on these pictures",
    )
    words.add_argument(
        "--regions",
        type=Path,
        metavar="FILE",
        help="instead of whole pictures: rectangles of skin and of what is neutral",
    )
    words.add_argument("--size", type=int, default=256, help="side of the squares (default: 256)")
    words.add_argument(
        "--dev-of", type=Path, metavar="RECIPE", help="the data are this recipe's: score their dev"
    )
    words.add_argument("--cache", type=Path, default=Path("cache"), help="decoded photographs")
    words.add_argument("--limit", type=int, help="at most so many pictures of each set")
    words.add_argument("--threads", type=int, default=2, help="pictures at a time (default: 2)")
    words.add_argument("--json", type=Path, help="also write the rows as JSON")
    words.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="instead of scoring: contact sheets of whole pictures, FILE-01 and so on",
    )
    return words


def evaluate(options: argparse.Namespace) -> int:
    """Scores models, or looks at them in another way.

    Args:
        options: What `parser` understood.

    Returns:
        The exit code.
    """
    import json
    from dataclasses import asdict

    from tintype.engine.bundle import load_bundle
    from tintype.engine.predict import Engine
    from tintype.learn.data.photos import open_photos
    from tintype.learn.evaluate.perceptual import Judges
    from tintype.learn.evaluate.protocol import (
        best_of_palettes,
        bounds,
        dev_squares,
        evaluate,
        load_squares,
        to_markdown,
    )
    from tintype.learn.recipe import read_recipe

    bundles = [load_bundle(model) for model in options.models]
    if min(options.hints) < 0:
        raise UsageError(
            "A number of hints below 0.", advice="Give --hints 0 1 5 20, or leave it out."
        )
    if options.sheet:
        return _sheet(options, bundles)
    if options.regions:
        return _regions(options, bundles)
    if options.dev_of:
        recipe = read_recipe(options.dev_of).data
        photos = open_photos(options.data, recipe, cache=options.cache)
        squares = dev_squares(photos, size=options.size, limit=options.limit)
    else:
        squares = load_squares(options.data, size=options.size, limit=options.limit)
    if options.distribution is not None:
        return _distribution(options, bundles, squares)
    judges = {g: Judges(pictures) for g, pictures in squares.items()} if options.perceptual else {}
    if options.perceptual and not any(one.names for one in judges.values()):
        raise UsageError(
            "The networks of LPIPS, KID and FID are not installed, or there are below 3 pictures.",
            advice="See docs/how-to/compare.md, or leave --perceptual out.",
        )
    rows = bounds(squares, judges)
    for bundle in bundles:
        vividness = options.vividness or [bundle.card.vividness]
        engine = Engine(bundle, threads=1)
        say(f"{bundle.name}: {sum(map(len, squares.values()))} pictures, vividness {vividness}")
        rows += evaluate(
            engine,
            squares,
            name=bundle.name,
            vividness=vividness,
            hints=options.hints,
            quality=options.quality,
            judges=judges,
            threads=options.threads,
        )
        if options.palettes:
            rows += best_of_palettes(
                engine,
                squares,
                name=bundle.name,
                count=options.palettes,
                quality=options.quality,
                threads=options.threads,
            )
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    print(to_markdown(rows), end="")  # noqa: T201 - the result
    return 0


def _regions(options: argparse.Namespace, bundles: "Sequence[Bundle]") -> int:
    from tintype.engine.predict import Engine
    from tintype.engine.settings import Settings
    from tintype.learn.evaluate.regions import look_at_regions, read_regions, regions_to_markdown

    regions = read_regions(options.regions)
    for bundle in bundles:
        engine = Engine(bundle, threads=options.threads)
        for vividness in options.vividness or [bundle.card.vividness]:
            settings = Settings(vividness, options.quality)
            seen = look_at_regions(engine, regions, options.data, settings=settings)
            print(f"{bundle.name}, vividness {vividness:g}\n")  # noqa: T201 - the result
            print(regions_to_markdown(seen))  # noqa: T201
    return 0


def _distribution(
    options: argparse.Namespace,
    bundles: "Sequence[Bundle]",
    squares: "Mapping[str, Sequence[NDArray[np.uint8]]]",
) -> int:
    from tintype.learn.evaluate.distribution import (
        certainty_rank,
        fit_temperature,
        honesty,
        predict,
    )

    lines = [
        "| set | method | T | NLL | calibration over bins, % | within 10 ab, % "
        "| coverage of 90 %, % | certainty, rank |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for bundle in bundles:
        answers = {
            group: predict(bundle, list(some), threads=options.threads, quality=options.quality)
            for group, some in squares.items()
        }
        every = [answer for some in answers.values() for answer in some]
        temperature = options.distribution or fit_temperature(every)
        for group, some in [*answers.items(), ("all", every)]:
            figures = honesty(some, temperature) | {"rank": certainty_rank(some, bundle.card)}
            cells = [f"{value:.2f} ({low:.2f}–{high:.2f})" for value, low, high in figures.values()]
            lines.append(f"| {group} | {bundle.name} | {temperature:.2f} | {' | '.join(cells)} |")
    print("\n".join(lines))  # noqa: T201 - the result
    return 0


def _sheet(options: argparse.Namespace, bundles: "Sequence[Bundle]") -> int:
    from tintype.engine.predict import Engine
    from tintype.engine.settings import Settings
    from tintype.learn.evaluate.protocol import choose_sources
    from tintype.learn.evaluate.sheet import contact_sheets

    if options.dev_of or len(options.vividness or [0]) > 1:
        raise UsageError(
            "A contact sheet is of whole pictures at one vividness.",
            advice="Leave --dev-of out, and give one value of --vividness or none.",
        )
    settings = Settings((options.vividness or [None])[0], options.quality)
    engines = [Engine(bundle, threads=options.threads) for bundle in bundles]
    sources = choose_sources(options.data, limit=options.limit)
    files = contact_sheets(engines, sources, options.sheet, height=options.size, settings=settings)
    say(f"{len(sources)} pictures on {len(files)} sheets, from {files[0]}")
    return 0
