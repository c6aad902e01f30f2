"""The pages say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from lineside.observability.metrics import GatewayMetrics

ROOT = Path(__file__).parents[2]


def test_the_protocol_page_is_what_the_schema_says() -> None:
    """Change schema.py and this fails until scripts/protocol.py has written the page anew."""
    done = subprocess.run(
        [sys.executable, "scripts/protocol.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_metrics_page_names_every_metric_with_its_kind_and_labels() -> None:
    """Add, drop or relabel a metric and this fails until docs/reference/metrics.md says so."""
    rows = re.findall(
        r"^\| `(lineside_\w+)` \| (\w+) \| (.*?) \| .+? \| .+? \|$",
        (ROOT / "docs/reference/metrics.md").read_text(),
        re.M,
    )
    said = {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
    meters = [meter for meter in vars(GatewayMetrics()).values() if isinstance(meter, MetricWrapperBase)]
    assert said == {meter._name: (meter._type, tuple(meter._labelnames)) for meter in meters}
    assert len(rows) == len(said), "a metric stands there twice"
