"""Where log lines go: standard error, plain to a person at a terminal and as JSON to a program."""

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
