"""What a caller waited for between their last word and the answer, and which setting rules it. Pure."""

from msgspec import Struct

from lineside.protocol import ReplyMetrics


class SilencePart(Struct, frozen=True):
    """A part of the silence that a caller heard."""

    what: str
    ms: float
    ruled_by: str  # settings, as they are written in .env


def waits(metrics: ReplyMetrics, voice_to_voice_ms: float | None) -> list[SilencePart]:
    """The parts of the silence in their order. What was done by then, in the caller's pause, took none of it."""
    m, parts, at = metrics, list[SilencePart](), 0.0
    for what, ends, ruled_by in (
        ("end of the turn", m.endpoint_ms, "TURN_PROFILE, VAD_SILENCE_TIMEOUT_MS"),
        ("recognition", _after(m.asr_from_ms, m.asr_ms), "DEFAULT_STT_ENGINE, SPECULATION"),
        ("first sentence of the answer", m.tts_from_ms, "DEFAULT_LLM_ENGINE, SPECULATION"),
        ("its first sound", _after(m.tts_from_ms, m.tts_first_ms), "DEFAULT_TTS_ENGINE, SPECULATION"),
        ("gateway", m.e2e_ms, "WORKERS"),
        ("way to the caller", voice_to_voice_ms, "no setting: the network, and the caller's program"),
    ):
        if ends is not None:
            parts.append(SilencePart(what, max(0.0, ends - at), ruled_by))
            at = max(at, ends)
    return parts


def _after(begins: float | None, ms: float | None) -> float | None:
    return None if begins is None or ms is None else begins + ms
