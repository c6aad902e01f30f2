"""Metrics of callers' business: tools, tasks. Labels are names of the agent's file."""

from lineside.observability.meters import BoundedLabel, MeterFactory
from lineside.protocol import ServerMessage
from lineside.task_events import TaskMoved, ToolCalled

TOOL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds


COUNTED = (TaskMoved, ToolCalled)  # the events that count for something


class ToolMetrics:
    """What agents do for callers."""

    def __init__(self, factory: MeterFactory) -> None:
        self._tool, self._task = BoundedLabel(), BoundedLabel()
        self.tools = factory.counter(
            "tools", "Tool calls, by outcome; told: the caller has heard the outcome of a write", "tool", "outcome"
        )
        self.tool_seconds = factory.histogram("tool_seconds", "How long tool calls took", TOOL_BUCKETS, "tool")
        self.tasks = factory.counter("tasks", "Tasks of callers: begun, resumed, over", "task", "state")

    def observe(self, event: ServerMessage) -> None:
        """Count an event of a call; most of them count for nothing."""
        if isinstance(event, TaskMoved):
            self.tasks.labels(self._task(event.task), event.state).inc()
        elif isinstance(event, ToolCalled) and event.state != "running":
            tool = self._tool(event.tool)
            self.tools.labels(tool, event.state).inc()
            if event.ms is not None:
                self.tool_seconds.labels(tool).observe(event.ms / 1000)
