"""Log lines of all processes: one style in one terminal, one key in JSON."""

import io
import json
import subprocess
import sys

import pytest

from lineside.logging_setup import show_line

LINE = '{"role": "stt", "seconds": 1.5, "timestamp": "2026-01-02T03:04:05Z", "level": "info", "event": "model loaded"}'


class Terminal(io.StringIO):
    """Standard error of a person."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_lines_of_other_processes_in_its_own_style(monkeypatch: pytest.MonkeyPatch) -> None:
    """No JSON between coloured words."""
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    show_line(LINE)
    show_line("Fatal Python error: Segmentation fault")
    first, second = shown.getvalue().splitlines()
    assert "{" not in first
    assert first.index("2026-01-02T03:04:05Z") < first.index("info") < first.index("model loaded")
    assert "role" in first
    assert second == "Fatal Python error: Segmentation fault", "what is no structured line stands as it was printed"


def test_programs_get_each_line_as_it_was_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON, a line a fact."""
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    show_line(LINE)
    assert shown.getvalue() == LINE + "\n"


def test_the_engine_server_names_what_happened_as_the_gateway_does() -> None:
    """`event`, in both."""
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "lineside.engine_server",
            "--port",
            "0",
            "--models-dir",
            "/nowhere",
            "--opening",
            "/none",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    (line,) = told.stderr.splitlines()
    assert json.loads(line)["event"] == "engine server failed"
