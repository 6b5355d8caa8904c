"""What the metadata of a package gets at build time: its README and its addresses."""

import sys
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

sys.path.insert(0, str(Path(__file__).parent / "docs"))

from make_readme import project_urls, readme_for_elsewhere


class Addresses(MetadataHookInterface):
    """Knows the repository's address from ``[tool.hatch.metadata.hooks.custom]``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds ``readme`` and ``urls``, which pyproject.toml calls dynamic."""
        repository, version = self.config["repository"], metadata["version"]
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": readme_for_elsewhere(text, repository, version),
        }
        metadata["urls"] = project_urls(repository, version)
