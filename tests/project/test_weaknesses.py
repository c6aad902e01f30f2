"""Tools that look for weaknesses find none that is not justified."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_bandit_finds_nothing() -> None:
    """Its rules that ruff does not have, over all of the package; what is left out says why in pyproject.toml."""
    looked = subprocess.run(
        [sys.executable, "-m", "bandit", "-q", "-r", "src", "-c", "pyproject.toml", "-f", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(looked.stdout)
    assert [(one["test_id"], one["filename"], one["line_number"]) for one in found["results"]] == []
    assert found["errors"] == []
    assert looked.returncode == 0


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 0, "1 of 1 packages asked about, 0 with"),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]},
            1,
            "a 1: CVE-1 (mended in ['2'])",
        ),
        (
            {"dependencies": [{"name": "a", "skip_reason": "not found"}]},
            0,
            "SKIPPED the audit of packages: no advisory",
        ),
        (None, 0, "(no route to host)"),
    ],
)
def test_the_audit_of_packages_says_what_it_found_or_why_it_could_not(
    tmp_path: Path, answer: object, code: int, says: str
) -> None:
    """A weakness fails it; a machine without a way out does not."""
    fake = tmp_path / "pip_audit.py"
    told = f"print({json.dumps(answer)!r})" if answer else "import sys; sys.exit('no route to host')"
    fake.write_text(told)
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "audit.py")],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert says in done.stdout


def test_nobody_asks_whether_a_transport_is_one_of_asyncios() -> None:
    """uvloop's are not: what hangs on the question works in tests on asyncio's loop, and never in production."""
    asks = re.compile(r"isinstance\([^()]*asyncio\.\w*Transport\b")
    found = [str(file.relative_to(ROOT)) for file in (ROOT / "src").rglob("*.py") if asks.search(file.read_text())]
    assert found == []
