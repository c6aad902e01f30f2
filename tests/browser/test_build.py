"""The page's types are those of what the gateway sends. That src/lineside/web is what page/ gives, test.sh checks."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHIN = 600  # seconds, on a shared machine


def test_the_types_of_the_page_are_what_the_schema_says() -> None:
    """Change schema.py or a shape, and this fails until scripts/page_types.py has written them anew."""
    command = (sys.executable, "scripts/page_types.py", "--check")
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WITHIN)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
