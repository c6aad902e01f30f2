"""The session of the Realtime API: what it begins as, and what a client may change of it, all or nothing. Pure."""

import copy
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from lineside.call.program import ProgramRules
from lineside.realtime.errors import RealtimeError, field_error

LARGEST = 200_000  # bytes of a whole session
INSTRUCTIONS = (
    "You are a friendly voice assistant. Answer in one or two short spoken sentences, without markdown or lists."
)
VAD: dict[str, Any] = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC: dict[str, Any] = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
PROFILES: dict[str, Literal["fast", "balanced", "patient"]] = {"low": "patient", "high": "fast"}
WAITS = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}  # seconds at most, as OpenAI has them
REPLACED = ("format", "tools", "tool_choice", "voice", "prompt", "tracing", "truncation", "reasoning", "include")
NULLABLE = ("turn_detection", "idle_timeout_ms", "transcription", "noise_reduction", "prompt", "tracing", "include")

Maybe = UnsetType


class AudioFormat(Struct, frozen=True, omit_defaults=True):
    """How sound is written."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    rate: Annotated[int, Meta(ge=8000, le=48_000)] | Maybe = UNSET


class TurnDetection(Struct, frozen=True):
    """Who ends the caller's turns."""

    type: Literal["server_vad", "semantic_vad"] | Maybe = UNSET
    threshold: Annotated[float, Meta(ge=0, le=1)] | Maybe | None = UNSET
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=10000)] | Maybe | None = UNSET
    silence_duration_ms: Annotated[int, Meta(ge=0, le=10000)] | Maybe | None = UNSET
    idle_timeout_ms: Annotated[int, Meta(ge=5000, le=30000)] | Maybe | None = UNSET
    eagerness: Literal["low", "medium", "high", "auto"] | Maybe | None = UNSET
    create_response: bool | Maybe | None = UNSET
    interrupt_response: bool | Maybe | None = UNSET


class NoiseReduction(Struct, frozen=True):
    """Echoed: the caller's sound is taken as it comes."""

    type: Literal["near_field", "far_field"] | Maybe = UNSET
    strength: float | Maybe = UNSET


class AudioInput(Struct, frozen=True):
    """The caller's sound."""

    format: AudioFormat | Maybe = UNSET
    transcription: dict[str, Any] | Maybe | None = UNSET
    noise_reduction: NoiseReduction | Maybe | None = UNSET
    turn_detection: TurnDetection | Maybe | None = UNSET


class AudioOutput(Struct, frozen=True):
    """The answer's sound."""

    format: AudioFormat | Maybe = UNSET
    voice: str | dict[str, Any] | Maybe = UNSET
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] | Maybe = UNSET


class Audio(Struct, frozen=True):
    """Both."""

    input: AudioInput | Maybe = UNSET
    output: AudioOutput | Maybe = UNSET


class SessionTool(Struct, frozen=True, omit_defaults=True):
    """A tool that the client runs."""

    type: Literal["function"]
    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]
    description: str | Maybe = UNSET
    parameters: dict[str, Any] | Maybe = UNSET


Tools = Annotated[list[SessionTool], Meta(max_length=128)]
Modalities = Annotated[list[Literal["text", "audio"]], Meta(min_length=1, max_length=1)]
MaxTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]


class SessionFields(Struct, frozen=True):
    """What `session.update` may carry. Unknown fields are passed over: clients are newer than servers."""

    type: Literal["realtime", "transcription"]
    model: Annotated[str, Meta(max_length=200)] | Maybe = UNSET
    output_modalities: Modalities | Maybe = UNSET
    instructions: str | Maybe = UNSET
    audio: Audio | Maybe = UNSET
    tools: Tools | Maybe = UNSET
    tool_choice: str | dict[str, Any] | Maybe = UNSET
    max_output_tokens: MaxTokens | Maybe = UNSET
    tracing: Any = UNSET
    truncation: Any = UNSET
    prompt: dict[str, Any] | Maybe | None = UNSET
    include: list[str] | Maybe | None = UNSET
    reasoning: Any = UNSET
    parallel_tool_calls: bool | Maybe | None = UNSET


Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]], Meta(max_length=16)
]


class ResponseFields(Struct, frozen=True):
    """What `response.create` may carry."""

    output_modalities: Modalities | Maybe = UNSET
    instructions: str | Maybe = UNSET
    audio: Audio | Maybe = UNSET
    tools: Tools | Maybe = UNSET
    tool_choice: str | dict[str, Any] | Maybe = UNSET
    max_output_tokens: MaxTokens | Maybe = UNSET
    conversation: Literal["auto", "none"] | Maybe = UNSET
    metadata: Metadata | Maybe | None = UNSET
    input: Annotated[list[dict[str, Any]], Meta(max_length=500)] | Maybe = UNSET


def new_session(session_id: str, model: str, expires_at: int, kind: str = "realtime") -> dict[str, Any]:
    """A session as it begins."""
    heard = {
        "format": {"type": "audio/pcm", "rate": 24_000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": dict(VAD),
    }
    begins = {"type": kind, "id": session_id, "expires_at": expires_at, "include": None}
    if kind == "transcription":
        heard["transcription"] = {"model": "whisper-1"}
        return begins | {"object": "realtime.transcription_session", "audio": {"input": heard}}
    spoken = {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin", "speed": 1.0}
    return begins | {
        "object": "realtime.session",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "audio": {"input": heard, "output": spoken},
    }


def without_nulls(given: dict[str, Any], nullable: tuple[str, ...] = ()) -> dict[str, Any]:
    """Fields that were really given: some clients write null where they mean nothing."""
    return {
        name: without_nulls(value, nullable) if isinstance(value, dict) and name not in REPLACED else value
        for name, value in given.items()
        if value is not None or name in nullable
    }


def updated_session(session: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The session after an update; the one before stays as it is. Raises `RealtimeError`."""
    if "type" not in given:
        raise RealtimeError("missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type")
    given = without_nulls(given, NULLABLE)
    try:
        fields = msgspec.convert(given, SessionFields)
    except msgspec.ValidationError as wrong:
        raise field_error(wrong, "session") from None
    if fields.type != session["type"]:
        raise RealtimeError(
            "invalid_value", f"Passing a {fields.type} session to a {session['type']} one.", "session.type"
        )
    news = _known(msgspec.to_builtins(fields), given)
    news.pop("model", None)  # of the whole session
    if session["type"] == "transcription":
        news = {name: value for name, value in news.items() if name in ("type", "audio", "include")}
        if "audio" in news:
            news["audio"].pop("output", None)
    return _whole(session, news, "session")


def response_config(session: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    """The session as one response has it; the session stays as it is. Raises `RealtimeError`."""
    return _whole(session, news, "response")


def _whole(session: dict[str, Any], news: dict[str, Any], root: str) -> dict[str, Any]:
    after = merged(copy.deepcopy(session), news)
    _complete(after, root)
    if len(msgspec.json.encode(after)) > LARGEST:
        raise RealtimeError("invalid_value", f"The {root} has more than {LARGEST} bytes.", root)
    return after


def merged(old: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    """The old one, with what is new at any depth; what belongs together is replaced whole."""
    for name, value in news.items():
        before = old.get(name)
        if name == "turn_detection" and isinstance(value, dict):
            old[name] = _turn_detection(before, value)
        elif isinstance(value, dict) and isinstance(before, dict) and name not in REPLACED:
            old[name] = merged(before, value)
        else:
            old[name] = value
    return old


def rules_of(session: dict[str, Any]) -> ProgramRules:
    """How turns end in such a session."""
    detection = session["audio"]["input"]["turn_detection"]
    if detection is None:
        return ProgramRules(answers=False)
    answers = bool(detection["create_response"]) and session["type"] == "realtime"
    interruptible = bool(detection["interrupt_response"])
    if detection["type"] == "semantic_vad":
        eagerness = detection["eagerness"]
        profile = PROFILES.get(eagerness, "balanced")
        return ProgramRules(profile, WAITS[eagerness], answers, interruptible)
    return ProgramRules("silence", max(0.1, detection["silence_duration_ms"] / 1000), answers, interruptible)


def _known(fields: Any, given: Any) -> Any:
    """What was given of the fields, tools as they were sent."""
    if isinstance(fields, dict) and isinstance(given.get("tools"), list):
        fields["tools"] = given["tools"]
    return fields


def _turn_detection(before: dict[str, Any] | None, news: dict[str, Any]) -> dict[str, Any]:
    kind = news.get("type") or (before or {}).get("type") or "server_vad"
    usual = SEMANTIC if kind == "semantic_vad" else VAD
    begins = before if before is not None and before["type"] == kind else usual
    given = {name: value for name, value in news.items() if name in usual}
    after = {**begins, **given, "type": kind}
    return {name: usual[name] if value is None else value for name, value in after.items()}


def _complete(session: dict[str, Any], root: str) -> None:
    """Fill in what belongs to a value. Raises `RealtimeError`."""
    for side, part in session["audio"].items():
        shape = part["format"]
        rate, place = shape.get("rate"), f"{root}.audio.{side}.format.rate"
        if shape["type"] != "audio/pcm":
            if rate not in (None, 8000):
                raise RealtimeError("invalid_value", "G.711 has 8000 samples a second.", place)
            part["format"] = {"type": shape["type"]}
        elif rate not in (None, 24_000, 16_000):
            raise RealtimeError("invalid_value", "audio/pcm has 24000 samples a second.", place)
        else:
            part["format"] = {"type": "audio/pcm", "rate": rate or 24_000}
