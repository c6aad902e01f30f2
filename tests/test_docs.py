"""The pages say what the code does."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_protocol_page_is_what_the_schema_says() -> None:
    """Change schema.py and this fails until scripts/protocol.py has written the page anew."""
    done = subprocess.run(
        [sys.executable, "scripts/protocol.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
