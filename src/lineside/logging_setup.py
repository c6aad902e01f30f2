"""Where log lines go: standard error, plain to a person at a terminal and as JSON to a program."""

import json
import sys

import structlog


def log_to_stderr() -> None:
    """For every process of ours, once, before it does anything."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def show_line(line: str) -> None:
    """Show a line that a process of ours has logged as JSON, in the style of our own. It holds no words of callers."""
    if sys.stderr.isatty():
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if isinstance(fields, dict) and "event" in fields:
            line = structlog.dev.ConsoleRenderer()(None, "", fields)
    print(line, file=sys.stderr, flush=True)
