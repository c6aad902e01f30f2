"""Ask whether a package that lineside runs with has a known weakness.

    python scripts/audit.py [LOCK]

Exit code 1 names each package and its advisories. Where no advisory service can be reached, the reason is printed and
the exit code is 0: a machine without a way out can still run the tests.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"
WITHIN = 120.0  # seconds for all of them
ANSWER = "15"  # seconds for one


def main() -> int:
    """Ask once, of pip-audit; nothing is installed."""
    lock = Path(sys.argv[1]) if len(sys.argv) > 1 else LOCK
    how = ["--format", "json", "--progress-spinner", "off", "--no-deps", "--disable-pip", "--timeout", ANSWER]
    try:
        audit = subprocess.run(  # noqa: S603 - of our own environment
            [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *how],
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _skipped(f"the advisory service did not answer within {WITHIN:.0f} s")
    if not audit.stdout.startswith("{"):
        return _skipped((audit.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1])
    packages = json.loads(audit.stdout)["dependencies"]
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return _skipped(packages[0]["skip_reason"] if packages else f"{lock} names no package")
    weak = [package for package in asked if package["vulns"]]
    for package in weak:
        advisories = ", ".join(f"{one['id']} (mended in {one['fix_versions']})" for one in package["vulns"])
        print(f"{package['name']} {package['version']}: {advisories}")
    print(f"{len(asked)} of {len(packages)} packages asked about, {len(weak)} with a known weakness")
    return 1 if weak else 0


def _skipped(reason: str) -> int:
    print(f"SKIPPED the audit of packages: no advisory service could be asked ({reason})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
