"""The page that is served is the page that is in the sources."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT_WITHIN = 600  # seconds; a shared machine, and the packages may have to be fetched first


def done(*command: str) -> None:
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=BUILT_WITHIN)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]


def test_the_types_of_the_page_are_what_the_schema_says() -> None:
    """Change schema.py or a shape, and this fails until scripts/page_types.py has written them anew."""
    done(sys.executable, "scripts/page_types.py", "--check")


def test_the_page_is_checked_tested_and_built() -> None:
    """Types, style, the tests of its rules, and src/lineside/web is what they give."""
    if shutil.which("npm") is None:
        pytest.skip("no npm is installed, so the page's sources were not checked: apt-get install -y nodejs npm")
    done("scripts/page.sh", "--check")
