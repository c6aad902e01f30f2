"""What the control API is told and what it answers: one frozen value for each."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from lineside.host.services import Service
from lineside.models.progress import DownloadProgress
from lineside.observability.active_call import ActiveCall
from lineside.reasons import OperatorAct
from lineside.settings import Setting

Name = Annotated[str, Meta(min_length=1, max_length=200)]
ModelName = Annotated[Name, Meta(description="a name that GET /api/models lists")]
EngineName = Annotated[
    str, Meta(max_length=200, description="an engine that GET /api/engines lists; empty: the one that has the model")
]
Bytes = Annotated[int, Meta(ge=0)]


class ProblemDetail(Struct, frozen=True):
    """What was wrong, and what to do about it."""

    code: Annotated[str, Meta(description="short and fixed, for programs")]
    message: Annotated[str, Meta(description="a sentence, for people")]


class ErrorBody(Struct, frozen=True):
    """The answer to whatever cannot be done."""

    error: ProblemDetail


# ── engines ────────────────────────────────────────────────────────────────────────────────────────────────────────


class SayText(Struct, frozen=True, forbid_unknown_fields=True):
    """What a voice shall say, to be listened to."""

    text: Annotated[str, Meta(min_length=1, max_length=300)]
    engine: Annotated[str, Meta(max_length=200, description="a voice of GET /api/engines; empty: the default one")] = ""
    voice: Annotated[str, Meta(max_length=200, description="one of its choices; empty: its usual one")] = ""


# ── models ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class ModelStatus(Struct, frozen=True):
    """A model, on the disk and in memory."""

    name: str
    role: Literal["stt", "llm", "tts", "turn", "vad", "embeddings"]
    engine: Annotated[str, Meta(description="the engine that runs it; empty: none that can load and unload it")]
    description: str
    licence: str
    source: Annotated[str, Meta(description="who publishes it, or the engine whose back end has it")]
    bytes: Annotated[Bytes | None, Meta(description="on the disk")]
    memory_bytes: Annotated[Bytes | None, Meta(description="in memory, where the engine tells")]
    state: Annotated[
        Literal["ready", "missing", "partial", "damaged", "unchecked", "remote"],
        Meta(description="of its files here; unchecked: hashed at its next use; remote: its engine keeps the files"),
    ]
    loaded: bool
    in_use: Annotated[int, Meta(ge=0, description="requests under way")]
    default: Annotated[bool, Meta(description="calls need it when nothing else is chosen")]
    downloading: DownloadProgress | None = None


class ModelsStatus(Struct, frozen=True):
    """All models."""

    models: tuple[ModelStatus, ...]
    notes: Annotated[tuple[str, ...], Meta(description="what could not be found out, and why")]


class ModelChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """A model, and where it is wanted."""

    model: ModelName
    engine: EngineName = ""


class UnloadModel(Struct, frozen=True, forbid_unknown_fields=True):
    """A model that shall leave the memory."""

    model: ModelName
    engine: EngineName = ""
    wait: Annotated[bool, Meta(description="wait up to 60 s for the requests under way, instead of 409")] = False


class Deleted(Struct, frozen=True):
    """Files of a model that are gone."""

    deleted: str
    freed_bytes: Bytes


# ── the host and its readings ──────────────────────────────────────────────────────────────────────────────────────


class ServicesStatus(Struct, frozen=True):
    """The services of the host: programs that the host agent starts, watches and ends."""

    services: tuple[Service, ...]


class StartService(Struct, frozen=True, forbid_unknown_fields=True):
    """How a service shall be started."""

    model: Annotated[str, Meta(max_length=200, description="one of the service's models; empty: its first")] = ""


class LogQuery(Struct, frozen=True):
    """How much of a log is wanted."""

    lines: Annotated[int, Meta(ge=1, le=1000, description="the newest so many")] = 100


class Log(Struct, frozen=True):
    """The newest lines of a service's output."""

    lines: tuple[str, ...]


class Unloaded(Struct, frozen=True):
    """A model that left the memory."""

    engine: str
    model: str


class StillLoaded(Struct, frozen=True):
    """A model that did not, and why."""

    engine: str
    model: Annotated[str, Meta(description="empty: the engine could not be asked which it has")]
    why: str


class AllUnloaded(Struct, frozen=True):
    """What became of every loaded model."""

    unloaded: tuple[Unloaded, ...]
    kept: tuple[StillLoaded, ...]


# ── settings and calls ─────────────────────────────────────────────────────────────────────────────────────────────


class SettingsStatus(Struct, frozen=True):
    """Every setting; the values of secrets are masked."""

    settings: tuple[Setting, ...]


class ChangeAgent(Struct, frozen=True, forbid_unknown_fields=True):
    """Which version a new one is written from."""

    replaces: Annotated[
        str, Meta(max_length=64, description="`current` of GET /api/agent/versions; another one meanwhile: 409")
    ] = ""


class AgentDraft(Struct, frozen=True):
    """An agent that was written and not saved."""

    draft: Annotated[str, Meta(description="a call that gives it in its first message is answered by this agent")]


class CallsStatus(Struct, frozen=True):
    """The calls under way."""

    calls: tuple[ActiveCall, ...]


class BeginDrain(Struct, frozen=True, forbid_unknown_fields=True):
    """How long calls that are up may last."""

    within_s: (
        Annotated[float, Meta(ge=0, le=86_400, description="seconds; calls that last longer are told goodbye")] | None
    ) = None


class SayInCall(Struct, frozen=True, forbid_unknown_fields=True):
    """Words that are spoken to the caller as the agent's."""

    text: Annotated[str, Meta(min_length=1, max_length=1000)]


class CallSupervised(Struct, frozen=True):
    """What an operator has done in a call."""

    call: str
    did: OperatorAct


class CallEnded(Struct, frozen=True):
    """A call that is being ended."""

    ended: str


# ── the history ────────────────────────────────────────────────────────────────────────────────────────────────────


Moment = Annotated[float, Meta(ge=0, le=1e11)]
Duration = Annotated[float, Meta(ge=0, le=1e9)]


class ExportCalls(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls of the history; what is left out narrows nothing."""

    search: Annotated[
        str,
        Meta(
            max_length=200,
            description='words that all appear in the call: said, of a caller, an engine, an end reason; "in quotes": '
            "one after the other",
        ),
    ] = ""
    caller: Annotated[str, Meta(max_length=200, description="of this caller only")] = ""
    line: Annotated[str, Meta(max_length=64, description="over this line only, such as browser")] = ""
    test: (
        Annotated[bool, Meta(description="false: without test calls: of drafts, `talk`, `doctor`, load tests")] | None
    ) = None
    agent: Annotated[str, Meta(max_length=200, description="answered by this agent only")] = ""
    reason: Annotated[str, Meta(max_length=64, description="ended for this reason; live: under way")] = ""
    since: Annotated[Moment, Meta(description="began at this moment or later, in seconds since 1970")] | None = None
    until: Annotated[Moment, Meta(description="began at this moment or before")] | None = None
    shortest: Annotated[Duration, Meta(description="lasted this many seconds or longer")] | None = None
    longest: Annotated[Duration, Meta(description="lasted this many seconds or less")] | None = None
    recorded: Annotated[bool, Meta(description="true: with a recording; false: without")] | None = None
    slow_ms: (
        Annotated[
            Duration, Meta(description="at least one response time (`e2e_ms`) was this many milliseconds or more")
        ]
        | None
    ) = None
    asked_for_person: Annotated[bool, Meta(description="the caller asked for a person, or was promised one")] | None = (
        None
    )
    unanswered: Annotated[bool, Meta(description="at least one question has no answer")] | None = None
    fallback: Annotated[bool, Meta(description="another engine answered than should have")] | None = None
    outcome: Annotated[str, Meta(max_length=64, description="of this outcome only")] = ""
    tag: Annotated[str, Meta(max_length=40, description="with this tag only")] = ""
    ids: Annotated[
        str,
        Meta(max_length=3300, pattern="^[\\w,-]*$", description="these calls only, with commas between them"),
    ] = ""


class UnansweredFilter(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which questions without an answer are listed."""

    agent: Annotated[str, Meta(max_length=200, description="asked of this agent only")] = ""
    why: Annotated[
        Literal["", "not_known", "engine_failed", "asked_for_person"], Meta(description="for this reason only")
    ] = ""
    since: Annotated[Moment, Meta(description="in calls that began at this moment or later")] | None = None
    until: Annotated[Moment, Meta(description="in calls that began at this moment or before")] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


Tag = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f]+$")]


class AnnotateCall(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an operator writes about a call; what is left out stays as it is."""

    outcome: Annotated[str, Meta(max_length=64, description="such as solved, called back; empty: none")] | None = None
    tags: Annotated[tuple[Tag, ...], Meta(max_length=20)] | None = None
    note: Annotated[str, Meta(max_length=4000)] | None = None


class CallFilter(ExportCalls, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of the history."""

    before: Annotated[
        str, Meta(pattern=r"^$|^[0-9]{1,12}(\.[0-9]{1,9})?-[0-9A-Za-z_-]{1,64}$", description="`next` of a page")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
