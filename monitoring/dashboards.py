"""Grafana's dashboards, one for each question: `python monitoring/dashboards.py` writes their JSON into the package.

A panel is a title, a unit and its queries; the JSON around it is the same for all. A test keeps files and this alike
and puts every query to a real Prometheus.
"""

import json
import sys
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

OUT = Path(__file__).parents[1] / "src" / "lineside" / "data" / "monitoring" / "grafana" / "dashboards"
Unit = Literal["s", "short", "percentunit", "bytes", "cps"]
EACH = "$__rate_interval"


class Panel(Struct, frozen=True):
    """One picture: queries by what their lines are called."""

    title: str
    unit: Unit
    queries: dict[str, str]
    about: str = ""
    kind: Literal["timeseries", "stat"] = "timeseries"
    wide: bool = False


class Dashboard(Struct, frozen=True):
    """One question."""

    name: str
    question: str
    panels: tuple[Panel, ...]


def quantile(share: float, meter: str, by: str = "", where: str = "") -> str:
    """A percentile of a histogram, over the time that one point of the picture stands for."""
    groups = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, sum by ({groups}) (rate({meter}_bucket{where}[{EACH}])))"


def rate(meter: str, by: str = "", where: str = "") -> str:
    """How often a second."""
    return f"sum{f' by ({by})' if by else ''} (rate({meter}{where}[{EACH}]))"


def percentiles(stage: str) -> dict[str, str]:
    """Of one stage."""
    where = f'{{stage="{stage}"}}'
    return {
        f"p{round(100 * share)}": quantile(share, "lineside_stage_seconds", where=where) for share in (0.5, 0.95, 0.99)
    }


UP = Dashboard(
    "up",
    "Overview",
    (
        Panel("Gateways up", "short", {"up": 'sum(up{job="lineside"})'}, kind="stat"),
        Panel("Active calls", "short", {"calls": "sum(lineside_calls_active)"}, kind="stat"),
        Panel("Turns per second", "cps", {"turns": rate("lineside_turns_total")}, kind="stat"),
        Panel(
            "Turns ending in an engine error",
            "percentunit",
            {"share": "job:lineside_engine_errors:ratio5m"},
            kind="stat",
        ),
        Panel("Active calls by line", "short", {"{{line}}": "sum by (line) (lineside_calls_active)"}, wide=True),
        Panel("Calls started", "cps", {"{{line}}": rate("lineside_calls_started_total", "line")}),
        Panel("Calls ended, by reason", "cps", {"{{reason}}": rate("lineside_calls_total", "reason")}),
        Panel("Errors", "cps", {"{{stage}}: {{kind}}": rate("lineside_errors_total", "stage, kind")}),
        Panel("Calls refused", "cps", {"{{reason}}": rate("lineside_calls_refused_total", "reason")}),
    ),
)

FAST = Dashboard(
    "fast",
    "Latency",
    (
        Panel(
            "Response time: end of speech to first audio",
            "s",
            percentiles("e2e"),
            "People answer in 0.2 to 1 s; after 2 s callers ask whether anyone is there.",
            wide=True,
        ),
        Panel("p95 now", "s", {"p95": 'stage:lineside_stage_seconds:p95{stage="e2e"}'}, kind="stat"),
        Panel(
            "Gaps in reply audio",
            "s",
            {
                "p99": f"{quantile(0.99, 'lineside_playout_gap_seconds')} > 0"
                " or 0 * sum(rate(lineside_playout_gap_seconds_count[$__rate_interval]))"
            },
            "0 = no gaps.",
        ),
        Panel(
            "Barge-ins",
            "cps",
            {"{{kind}}": rate("lineside_barge_ins_total", "kind")},
            "false = false interruption (a cough, mm-hm): the reply resumed.",
        ),
        Panel("Call duration", "s", {"p50": quantile(0.5, "lineside_call_seconds")}),
    ),
)

WHERE = Dashboard(
    "where",
    "Latency by stage",
    (
        Panel(
            "p50 by stage",
            "s",
            {"{{stage}}": quantile(0.5, "lineside_stage_seconds", "stage")},
            "Stages run in parallel and do not add up to e2e.",
            wide=True,
        ),
        Panel("p95 by stage", "s", {"{{stage}}": "stage:lineside_stage_seconds:p95"}, wide=True),
        *(
            Panel(title, "s", percentiles(stage))
            for title, stage in (
                ("Turn detection", "endpoint"),
                ("STT: transcript", "asr"),
                ("LLM: first token", "llm_first"),
                ("LLM: complete answer", "llm"),
                ("TTS: first audio", "tts_first"),
                ("TTS: all sentences", "tts"),
            )
        ),
        Panel(
            "Speculative replies",
            "cps",
            {"{{outcome}}": rate("lineside_speculations_total", "outcome")},
            "Wasted ones cost engine time only.",
        ),
    ),
)

LINES = Dashboard(
    "lines",
    "Is the line good",
    (
        Panel(
            "Packets lost or late",
            "percentunit",
            {
                "{{line}}": 'sum by (line) (rate(lineside_line_packets_total{kind=~"lost|late"}[5m])) '
                '/ sum by (line) (rate(lineside_line_packets_total{kind="received"}[5m]))'
            },
            "Of ended calls. 1% is heard; 5% is not understood.",
            wide=True,
        ),
        Panel(
            "Jitter, p95",
            "s",
            {"{{line}}": quantile(0.95, "lineside_line_jitter_seconds", "line")},
            "How unevenly the caller's sound comes.",
        ),
        Panel(
            "Concealed packets", "cps", {"{{line}}": rate("lineside_line_packets_total", "line", '{kind="concealed"}')}
        ),
        Panel(
            "Lag of what callers hear, p95",
            "s",
            {"{{line}}": quantile(0.95, "lineside_line_mark_lag_seconds", "line")},
            "By marks: how much later than sent a far buffer plays.",
        ),
        Panel(
            "Interruption to silence, p95",
            "s",
            {"{{line}}": quantile(0.95, "lineside_line_silence_seconds", "line")},
            "On lines that say so, or whose queue is lineside's own.",
        ),
        Panel(
            "Packets of strangers",
            "cps",
            {"{{line}}": rate("lineside_line_packets_total", "line", '{kind="strangers"}')},
            "Dropped: somebody guesses ports.",
        ),
        Panel(
            "Lines without sound",
            "cps",
            {"{{kind}}": rate("lineside_errors_total", "kind", '{kind=~"line_deaf|line_silent|line_mute"}')},
            "Calls that carry no sound, or only one way.",
        ),
        Panel("Active calls by line", "short", {"{{line}}": "sum by (line) (lineside_calls_active)"}),
    ),
)

FULL = Dashboard(
    "full",
    "Capacity",
    (
        Panel("Call slots in use", "percentunit", {"share": "job:lineside_calls_full:ratio"}, kind="stat"),
        Panel("Memory", "bytes", {"gateway": "sum(lineside_memory_bytes)"}, kind="stat"),
        Panel(
            "Active calls and limit",
            "short",
            {"calls": "sum(lineside_calls_active)", "limit": "sum(lineside_calls_limit)"},
            wide=True,
        ),
        Panel("CPU cores in use", "short", {"{{instance}}": rate("lineside_cpu_seconds_total", "instance")}),
        Panel(
            "Event-loop lag",
            "s",
            {"p99 {{instance}}": quantile(0.99, "lineside_loop_lag_seconds", "instance")},
            "Every call of the process is delayed by this much.",
        ),
        Panel("Audio", "short", {"{{direction}}, × real time": rate("lineside_audio_seconds_total", "direction")}),
        Panel("Audio messages", "cps", {"{{direction}}": rate("lineside_audio_chunks_total", "direction")}),
        Panel("Speech segments", "cps", {"{{line}}": rate("lineside_speech_segments_total", "line")}),
        Panel("Calls refused", "cps", {"{{reason}}": rate("lineside_calls_refused_total", "reason")}),
    ),
)

ENGINES = Dashboard(
    "engines",
    "Engines",
    (
        Panel(
            "p95 by engine",
            "s",
            {"{{engine}} {{stage}}": quantile(0.95, "lineside_stage_seconds", "engine, stage", '{engine!=""}')},
            wide=True,
        ),
        Panel(
            "Failed requests",
            "cps",
            {"{{engine}}: {{kind}}": rate("lineside_engine_failures_total", "engine, kind")},
        ),
        Panel("Failovers", "cps", {"from {{engine}}": rate("lineside_engine_switches_total", "engine")}),
        Panel(
            "Requests waiting",
            "short",
            {"{{engine}}": "sum by (engine) (lineside_engine_waiting)"},
            "For a free connection: all of ASR_POOL_SIZE, LLM_POOL_SIZE or TTS_POOL_SIZE are in use.",
        ),
        Panel("Requests queued", "cps", {"{{engine}}": rate("lineside_engine_queue_seconds_count", "engine")}),
        Panel("Memory of loaded models", "bytes", {"{{model}}": "max by (model) (lineside_model_memory_bytes)"}),
    ),
)

GPU = Dashboard(
    "gpu",
    "GPUs",
    (
        Panel(
            "GPU memory in use",
            "percentunit",
            {"{{instance}} {{gpu}}": "lineside_gpu_memory_used_bytes / lineside_gpu_memory_bytes"},
            wide=True,
        ),
        Panel(
            "Memory",
            "bytes",
            {"{{gpu}} used": "lineside_gpu_memory_used_bytes", "{{gpu}}": "lineside_gpu_memory_bytes"},
        ),
        Panel("GPU utilisation", "percentunit", {"{{gpu}}": "lineside_gpu_busy_ratio"}),
    ),
)

ALL = (UP, FAST, WHERE, LINES, FULL, ENGINES, GPU)


def document(dashboard: Dashboard) -> dict[str, Any]:
    """As Grafana reads it (grafana.com/docs: dashboard JSON model)."""
    panels, x, y = [], 0, 0
    for number, panel in enumerate(dashboard.panels, 1):
        width = 24 if panel.wide else 6 if panel.kind == "stat" else 12
        height = 4 if panel.kind == "stat" else 8
        if x + width > 24:
            x, y = 0, y + 8
        panels.append(_panel(panel, number, {"x": x, "y": y, "w": width, "h": height}))
        x += width
    return {
        "uid": f"lineside-{dashboard.name}",
        "title": dashboard.question,
        "tags": ["lineside"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["lineside"], "asDropdown": False, "title": "", "keepTime": True}],
        "panels": panels,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "lineside"}
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + index), "datasource": source, "expr": query, "legendFormat": name}
            for index, (name, query) in enumerate(panel.queries.items())
        ],
    }


def text(dashboard: Dashboard) -> str:
    """The file."""
    return json.dumps(document(dashboard), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write all of them."""
    OUT.mkdir(exist_ok=True)
    for dashboard in ALL:
        (OUT / f"{dashboard.name}.json").write_text(text(dashboard), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
