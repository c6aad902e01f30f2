"""Metrics of the sound that calls carry."""

from lineside.observability.meters import MeterFactory

JITTER_BUCKETS = (0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
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
        self.packets = counter("rtp_packets", f"RTP packets of ended calls, by what became of them: {kinds}", "kind")
        self.jitter = histogram("rtp_jitter_seconds", "Jitter of incoming RTP at the end of a call", JITTER_BUCKETS)
