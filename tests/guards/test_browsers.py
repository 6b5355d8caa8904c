"""The page keeps to what the oldest browsers know that the documentation names."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src" / "tintype" / "web" / "page"
DOCS = ROOT / "docs" / "how-to" / "use-the-page.md"
NEVER = (9999.0, 9999.0, 9999.0)


class Feature(NamedTuple):
    """Something that not every browser knows, and since when each does.

    Attributes:
        pattern: How it looks in the source.
        since: Versions of Chrome, Firefox and Safari; 9999 where there is none.
        example: What the pattern must find.
    """

    pattern: str
    since: tuple[float, float, float]
    example: str


CSS = {
    "light-dark()": Feature(r"light-dark\(", (123, 120, 17.5), "color: light-dark(red, blue)"),
    ":has()": Feature(r":has\(", (105, 121, 15.4), "a:has(b)"),
    "color-mix()": Feature(r"color-mix\(", (111, 113, 16.2), "color-mix(in srgb, red, blue)"),
    "oklab and lab": Feature(r"\b(ok)?l(ab|ch)\(", (111, 113, 15.4), "oklch(0.5 0 0)"),
    "relative colours": Feature(r"\(from ", (119, 128, 16.4), "rgb(from red r g b)"),
    "@container": Feature(r"@container|container-type", (105, 110, 16), "@container (x)"),
    "@scope": Feature(r"@scope", (118, 146, 17.4), "@scope (.a)"),
    "@starting-style": Feature(r"@starting-style", (117, 129, 17.5), "@starting-style {"),
    "@property": Feature(r"@property", (85, 128, 16.4), "@property --a {"),
    "nesting": Feature(r"[{;]\s*&", (120, 117, 17.2), "a { & b {} }"),
    "subgrid": Feature(r"\bsubgrid", (117, 71, 16), "grid-template: subgrid"),
    "text-wrap": Feature(r"text-wrap", (114, 121, 17.4), "text-wrap: balance"),
    "field-sizing": Feature(r"field-sizing", (123, 9999, 26), "field-sizing: content"),
    "anchors": Feature(r"\banchor-name|position-anchor", (125, 147, 26), "anchor-name: --a"),
    "animation-timeline": Feature(r"animation-timeline", (115, 9999, 26), "animation-timeline: x"),
    "view transitions": Feature(r"view-transition", (111, 144, 18), "view-transition-name: a"),
    "scrollbar-width": Feature(
        r"scrollbar-(width|color)", (121, 64, 18.2), "scrollbar-width: thin"
    ),
    "scrollbar-gutter": Feature(r"scrollbar-gutter", (94, 97, 18.2), "scrollbar-gutter: stable"),
    "dvh": Feature(r"\d[dsl]v[hw]\b", (108, 101, 15.4), "height: 100dvh"),
    "overscroll-behavior": Feature(
        r"overscroll-behavior", (63, 59, 16), "overscroll-behavior: none"
    ),
    "safe alignment": Feature(
        r"\bsafe (center|end|start)", (115, 63, 18), "place-items: safe center"
    ),
    "backdrop-filter": Feature(r"backdrop-filter", (76, 103, 18), "backdrop-filter: blur(2px)"),
    "media ranges": Feature(r"@media[^{]*[<>]=?", (104, 63, 16.4), "@media (width <= 820px)"),
    "single transforms": Feature(
        r"[{;]\s*(translate|rotate|scale)\s*:", (104, 72, 14.1), "a { rotate: 45deg }"
    ),
    ":modal": Feature(r":(modal|popover-open|user-(in)?valid)\b", (119, 125, 17), "a:modal"),
}
HTML = {
    "inert": Feature(r"\sinert\b", (102, 112, 15.5), "<p inert>"),
    "popover": Feature(r"\spopover\b", (114, 125, 17), "<p popover>"),
    "search": Feature(r"<search\b", (118, 118, 17), "<search>"),
    "closedby": Feature(r"\s(closedby|commandfor)=", (134, 141, 26.2), '<dialog closedby="any">'),
    "modulepreload": Feature(r"modulepreload", (66, 115, 17), '<link rel="modulepreload">'),
}
JS = {
    "look-behind": Feature(r"\(\?<[=!]", (62, 78, 16.4), "/(?<=a)b/"),
    "regular expressions of sets": Feature(
        r"\W/[dgimsuy]*v[dgimsuy]*[.,;)]", (112, 116, 17), "/[a--b]/v;"
    ),
    "static blocks": Feature(r"\bstatic \{", (94, 93, 16.4), "static {"),
    "import attributes": Feature(r'" with \{', (123, 138, 17.2), 'import a from "b" with {'),
    "changed copies": Feature(
        r"\.(toSorted|toReversed|toSpliced)\(", (110, 115, 16), "list.toSorted()"
    ),
    "findLast": Feature(r"\.findLast(Index)?\(", (97, 104, 15.4), "list.findLast(f)"),
    "groupBy": Feature(r"\b(Object|Map)\.groupBy", (117, 119, 17.4), "Object.groupBy(a, f)"),
    "fromAsync": Feature(r"Array\.fromAsync", (121, 115, 16.4), "Array.fromAsync(a)"),
    "withResolvers": Feature(r"Promise\.(withResolvers|try)", (119, 121, 17.4), "Promise.try(f)"),
    "Iterator": Feature(
        r"\bIterator\.|\.(values|entries|keys)\(\)\.(map|filter|toArray)",
        (122, 131, 18.4),
        "map.values().map(f)",
    ),
    "operations of sets": Feature(
        r"\.(union|intersection|difference|isSubsetOf)\(", (122, 127, 17), "a.union(b)"
    ),
    "canParse": Feature(r"URL\.(canParse|parse)", (120, 115, 17), "URL.canParse(a)"),
    "AbortSignal": Feature(r"AbortSignal\.(timeout|any)", (116, 124, 17.4), "AbortSignal.any([])"),
    "CompressionStream": Feature(
        r"\b(De)?[cC]ompressionStream", (80, 113, 16.4), "new CompressionStream('gzip')"
    ),
    "OffscreenCanvas": Feature(
        r"new OffscreenCanvas", (69, 105, 16.4), "new OffscreenCanvas(1, 1)"
    ),
    "ImageDecoder": Feature(r"new ImageDecoder", (94, 133, 26), "new ImageDecoder({})"),
    "showPicker": Feature(r"\.showPicker\(", (99, 101, 16), "field.showPicker()"),
    "ClipboardItem": Feature(r"\bClipboardItem", (76, 127, 13.1), "new ClipboardItem({})"),
    "file pickers": Feature(
        r"show(SaveFile|OpenFile|Directory)Picker", NEVER, "showSaveFilePicker()"
    ),
    "navigator.share": Feature(r"navigator\.share\(", NEVER, "navigator.share({})"),
    "startViewTransition": Feature(
        r"startViewTransition\(", (111, 144, 18), "document.startViewTransition(f)"
    ),
    "requestIdleCallback": Feature(
        r"requestIdleCallback\(", (47, 55, 9999), "requestIdleCallback(f)"
    ),
    "checkVisibility": Feature(r"\.checkVisibility\(", (105, 106, 17.4), "e.checkVisibility()"),
    "captureStream": Feature(r"\.captureStream\(", (51, 43, 9999), "canvas.captureStream(30)"),
    "roundRect": Feature(r"\.roundRect\(", (99, 112, 16), "pen.roundRect(0, 0, 1, 1, 1)"),
    "filters of canvases": Feature(
        r"\b(pen|context|ctx)\.filter\s*=", (52, 49, 18), "pen.filter = 'grayscale(1)'"
    ),
    "coalesced events": Feature(r"getCoalescedEvents\(", (58, 59, 18.2), "e.getCoalescedEvents()"),
    "reflected ARIA": Feature(r"\.aria[A-Z]\w+ ?[=;)|&?]", (41, 119, 12.1), "e.ariaLabel = ''"),
    "Blob.bytes": Feature(r"\.bytes\(\)", (132, 128, 18), "blob.bytes()"),
    "Segmenter": Feature(r"Intl\.(Segmenter|DurationFormat)", (87, 125, 14.1), "Intl.Segmenter"),
    "popovers": Feature(r"\.(toggle|show|hide)Popover\(", (114, 125, 17), "e.showPopover()"),
}
KINDS = {".css": CSS, ".html": HTML, ".js": JS}

WITHOUT = {
    ("page.css", "@property"): "the colours are there at once, and do not sweep",
    ("page.css", "scrollbar-width"): "the panel has a wider scroll bar",
}
"""What may be used all the same, and what a browser that does not know it does."""


def oldest() -> tuple[float, float, float]:
    """The oldest versions that are supported, of Chrome, Firefox and Safari."""
    found = re.search(
        r"Chrome and Edge (\d+), Firefox (\d+)\s+and Safari ([\d.]+)", DOCS.read_text()
    )
    assert found is not None
    return float(found[1]), float(found[2]), float(found[3])


def code_of(source: str) -> str:
    """Without comments."""
    return re.sub(r"/\*.*?\*/|^\s*//.*$|<!--.*?-->", "", source, flags=re.DOTALL | re.MULTILINE)


def too_new(name: str, source: str) -> set[str]:
    """Features of a file that one of the oldest browsers does not know."""
    return {
        feature
        for feature, (pattern, since, _) in KINDS[Path(name).suffix].items()
        if any(first > ours for first, ours in zip(since, oldest(), strict=True))
        and re.search(pattern, code_of(source))
    }


def test_the_page_keeps_to_old_browsers() -> None:
    found = {
        (path.name, feature)
        for path in PAGE.iterdir()
        if path.suffix in KINDS
        for feature in too_new(path.name, path.read_text(encoding="utf-8"))
    }
    assert found == set(WITHOUT)


@pytest.mark.parametrize(
    ("suffix", "feature"), [(suffix, name) for suffix, table in KINDS.items() for name in table]
)
def test_each_feature_would_be_found(suffix: str, feature: str) -> None:
    example = KINDS[suffix][feature].example
    assert feature in too_new(f"a{suffix}", example)
    assert too_new(f"a{suffix}", f"/* {example} */" if suffix != ".html" else "") == set()
