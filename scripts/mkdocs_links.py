"""A hook of mkdocs: links into the repository, which the site does not hold, become plain file names.

`[services.toml](../../src/lineside/data/services.toml)` can be followed where the repository is browsed; on the site it
reads `src/lineside/data/services.toml`. A link to a file that does not exist fails the build like every broken link.
"""

import logging
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]*)\]\((?P<target>\.\./[^)\s#]+)(#[^)\s]*)?\)")
log = logging.getLogger("mkdocs.hooks.links")  # a warning of mkdocs' own loggers fails a strict build


def on_page_markdown(markdown: str, page: Any, **_more: Any) -> str:
    """See mkdocs: the page's text before it becomes HTML."""
    here = ROOT / "docs" / os.path.dirname(page.file.src_path)

    def named(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(here / found["target"]))
        if target.is_relative_to(ROOT / "docs"):
            return found[0]
        if not target.exists():
            log.warning("%s links to %s, which is not in the repository", page.file.src_path, found["target"])
        name = f"`{target.relative_to(ROOT)}`"
        return name if found["text"].strip("`") in (name.strip("`"), target.name) else f"{found['text']} ({name})"

    return LINK.sub(named, markdown)
