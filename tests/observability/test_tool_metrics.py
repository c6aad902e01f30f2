"""What is counted of callers' business."""

import msgspec

from lineside.observability.metrics import GatewayMetrics
from lineside.task_events import TaskMoved, ToolCalled


def test_tools_are_counted_by_outcome_and_timed() -> None:
    """Each outcome once; a call that runs is none yet."""
    metrics = GatewayMetrics()
    where = {"at": 1.0, "turn": 1, "reply": 1, "number": 1, "tool": "book", "effect": "writes"}
    for told in ({"state": "running"}, {"state": "ok", "ms": 250.0}, {"state": "told"}):
        metrics.observe(msgspec.convert({**where, **told, "type": "tool"}, ToolCalled), "browser", {})
    metrics.observe(TaskMoved(at=1.0, turn=1, reply=1, task="visit", state="begun"), "browser", {})
    text = metrics.text().decode()
    assert 'lineside_tools_total{outcome="ok",tool="book"} 1.0' in text
    assert 'lineside_tools_total{outcome="told",tool="book"} 1.0' in text
    assert 'outcome="running"' not in text
    assert 'lineside_tool_seconds_sum{tool="book"} 0.25' in text
    assert 'lineside_tasks_total{state="begun",task="visit"} 1.0' in text
