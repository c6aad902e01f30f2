"""Metrics of the sound that calls carry."""

from lineside.line_report import PACKETS, LineMeasured
from lineside.observability.meters import MeterFactory

JITTER_BUCKETS = (0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
LAG_BUCKETS = (0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
GAP_BUCKETS = (0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.0, 2.0, 5.0)


class AudioMetrics:
    """Sound in and out, and the gaps in replies."""

    def __init__(self, factory: MeterFactory) -> None:
        counter, histogram = factory.counter, factory.histogram
        self.seconds = counter(
            "audio_seconds", "Audio received from callers (in) and sent to them (out)", "direction", "line"
        )
        self.chunks = counter("audio_chunks", "Audio messages received (in) and sent (out)", "direction", "line")
        self.gaps = histogram(
            "playout_gap_seconds", "Gaps in reply audio: audio was due and not ready", GAP_BUCKETS, "line"
        )
        self.gaps.labels("browser")
        kinds = "received, lost, late, concealed, strangers (of somebody else, dropped), far_lost (of ours)"
        self.packets = counter(
            "line_packets", f"Packets of sound on telephone lines, of ended calls: {kinds}", "line", "kind"
        )
        self.jitter = histogram(
            "line_jitter_seconds", "Jitter of the caller's sound at the end of a call", JITTER_BUCKETS, "line"
        )
        self.mark_lag = histogram(
            "line_mark_lag_seconds",
            "How much later than sent a line with marks plays sound, at the end of a call",
            LAG_BUCKETS,
            "line",
        )
        self.silence_after = histogram(
            "line_silence_seconds",
            "From an interruption until the line is known to be silent: the last one of a call",
            LAG_BUCKETS,
            "line",
        )

        for kind in PACKETS:  # a rate sees the first of a kind too, and a panel is never empty
            self.packets.labels("sip", kind)
        for meter in (self.jitter, self.mark_lag, self.silence_after):
            meter.labels("sip")

    def line_measured(self, line: str, measured: LineMeasured) -> None:
        """Count one call's line."""
        for kind, count in measured.packets.items():
            self.packets.labels(line, kind).inc(count)
        for meter, value in (
            (self.jitter, measured.jitter),
            (self.mark_lag, measured.mark_lag),
            (self.silence_after, measured.silence_after),
        ):
            if value is not None:
                meter.labels(line).observe(value)
