"""Makes the README that is shown outside the repository: on PyPI, in what pip shows.

There, links that are relative lead nowhere and pictures stay empty, so at build time they become
addresses below the repository's, at the tag of the version. `hatch_build.py` calls it; nothing is
written into the tree. The alternative, addresses in README.md itself, would show the pictures of
another version in every clone, and none without a network.
"""

import re

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
CLONE = re.compile(r"^(git clone .*)\bURL\b", re.MULTILINE)


def readme_for_elsewhere(text: str, repository: str, version: str) -> str:
    """The README with no relative link in it.

    Args:
        text: README.md.
        repository: Address of the repository, as https://github.com/NAME/tintype.
        version: Of the package; its tag is the same with a v before it.

    Returns:
        The same text where no address is known.
    """
    if not repository:
        return text
    repository = repository.rstrip("/")

    def absolute(link: re.Match[str]) -> str:
        mark, title, place = link.groups()
        inner = LINK.sub(absolute, title)  # a picture that is a link
        if not re.match(r"[a-z]+:|#", place):
            place = f"{repository}/{'raw' if mark else 'blob'}/v{version}/{place}"
        return f"{mark}[{inner}]({place})"

    parts = FENCE.split(text)
    return "".join(
        CLONE.sub(rf"\g<1>{repository}", part) if number % 2 else LINK.sub(absolute, part)
        for number, part in enumerate(parts)
    )


def project_urls(repository: str, version: str) -> dict[str, str]:
    """What PyPI links to beside the page of the package.

    Args:
        repository: As for `readme_for_elsewhere`.
        version: As for `readme_for_elsewhere`.

    Returns:
        Nothing where no address is known.
    """
    if not repository:
        return {}
    repository = repository.rstrip("/")
    return {
        "Source": repository,
        "Documentation": f"{repository}/blob/v{version}/docs/index.md",
        "Changelog": f"{repository}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
