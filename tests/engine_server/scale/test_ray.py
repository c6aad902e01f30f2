"""The engine plane on a real Ray Serve, where Ray is installed: it is too heavy for the lock file of the tests."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WITHIN = 300.0  # seconds; a cluster that starts on two busy cores


def test_engines_on_ray_conform_say_how_they_are_and_outlive_a_replica() -> None:
    """The clients of an engine server by itself find the same answers, streams and refusals."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed, so no engine was deployed on it: pip install 'lineside[scale]'")
    command = [sys.executable, "-m", "tests.engine_server.scale.deployed_engines"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WITHIN)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    assert done.stdout.splitlines()[-1] == "held"
