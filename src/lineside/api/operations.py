"""Every operation of the control API, once."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.agents.agent import Agent
from lineside.api import history
from lineside.api.errors import ApiError
from lineside.api.operation import ApiRequest, ApiServices, Operation
from lineside.api.schemas import (
    AllUnloaded,
    CallEnded,
    CallFilter,
    CallsStatus,
    Deleted,
    EnginesStatus,
    ExportCalls,
    Log,
    LogQuery,
    ModelChoice,
    ModelsStatus,
    ModelStatus,
    ServicesStatus,
    SettingsStatus,
    StartService,
    UnloadModel,
)
from lineside.errors import CallRefused, ConfigError
from lineside.host.machine.values import Machine
from lineside.host.services import Service
from lineside.models.progress import DownloadProgress
from lineside.observability.trends import Trends
from lineside.protocol import ServerMessage
from lineside.records.entries import CallPage, DeletedCalls, Waveform, WholeCall
from lineside.settings import explain


async def _settings(staff: ApiServices, asked: ApiRequest) -> SettingsStatus:
    return SettingsStatus(tuple(explain(staff.room.settings)))


async def _trends(staff: ApiServices, asked: ApiRequest) -> Trends:
    return staff.room.trends()


STILL = b": still here\n\n"  # a comment (WHATWG, server-sent events): proxies and pages see that the line lives


async def _calls(staff: ApiServices, asked: ApiRequest) -> CallsStatus:
    return CallsStatus(tuple(staff.room.calls.list()))


async def _end(staff: ApiServices, asked: ApiRequest) -> CallEnded:
    if not staff.room.calls.end(asked.named):
        raise _no_call(staff, asked.named)
    return CallEnded(asked.named)


async def _watch(staff: ApiServices, asked: ApiRequest) -> AsyncGenerator[bytes, None]:
    try:
        events = staff.room.calls.watch(asked.named)
    except CallRefused as full:
        raise ApiError(503, "too_many_watchers", str(full)) from full
    if events is None:
        raise _no_call(staff, asked.named)
    return _sent(events)


async def _sent(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            yield b"data: " + event + b"\n\n" if event else STILL


def _no_call(staff: ApiServices, name: str) -> ApiError:
    up = ", ".join(call.id for call in staff.room.calls.list()[:20])
    return ApiError(404, "unknown_call", f"there is no call {name!r} now; up are: {up or 'none'}")


async def _agent(staff: ApiServices, asked: ApiRequest) -> Agent:
    return staff.room.agents.agent()


async def _change(staff: ApiServices, asked: ApiRequest) -> Agent:
    try:
        await staff.room.agents.change(asked.body)
    except ConfigError as why:
        raise ApiError(409, "not_changed", str(why)) from why
    return staff.room.agents.agent()


ENGINES, MODELS, HOST, CALLS, AGENT = "Engines", "Models", "The host", "Calls", "The agent and the settings"
HISTORY = "The history"
QWEN = "qwen2.5-coder-0.5b"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/api/engines",
        ENGINES,
        "Which engines a call may name, and whether they would answer.",
        answer=EnginesStatus,
        does=lambda staff, asked: staff.engines.now(),
    ),
    Operation(
        "GET",
        "/api/models",
        MODELS,
        "Every model: on the disk, in memory, on its way.",
        answer=ModelsStatus,
        does=lambda staff, asked: staff.stock.now(),
    ),
    Operation(
        "POST",
        "/api/models/load",
        MODELS,
        "Have a model in memory; nothing happens if it is.",
        answer=ModelStatus,
        does=lambda staff, asked: staff.models.load(asked.body),
        takes=ModelChoice,
        refuses=(404, 409, 502, 504),
        example={"model": QWEN},
    ),
    Operation(
        "POST",
        "/api/models/unload",
        MODELS,
        "Free a model's memory; the next request that names it loads it again.",
        answer=ModelStatus,
        does=lambda staff, asked: staff.models.unload(asked.body),
        takes=UnloadModel,
        refuses=(404, 409, 502, 504),
        example={"model": QWEN, "wait": True},
    ),
    Operation(
        "POST",
        "/api/models/download",
        MODELS,
        "Fetch a model's files. Who asks a second time follows the same download; leaving does not end it.",
        answer=DownloadProgress,
        does=lambda staff, asked: staff.models.download(asked.body),
        streams="ndjson",
        takes=ModelChoice,
        refuses=(404, 409),
        example={"model": QWEN},
    ),
    Operation(
        "POST",
        "/api/models/download/cancel",
        MODELS,
        "End a download. What has come is kept, and the next download goes on from there.",
        answer=DownloadProgress,
        does=lambda staff, asked: staff.models.cancel(asked.body),
        takes=ModelChoice,
        refuses=(404, 409),
        example={"model": QWEN},
    ),
    Operation(
        "DELETE",
        "/api/models/{name}",
        MODELS,
        "Delete the files of a model of the catalogue.",
        answer=Deleted,
        does=lambda staff, asked: staff.models.delete(asked.named),
        refuses=(404, 409),
        named={"name": "faster-whisper-tiny.en"},
    ),
    Operation(
        "GET",
        "/api/services",
        HOST,
        "What the host agent may start and stop, and how it stands.",
        answer=ServicesStatus,
        does=lambda staff, asked: staff.services.now(),
        refuses=(502,),
    ),
    Operation(
        "POST",
        "/api/services/{name}/start",
        HOST,
        "Start a service; answered once it is healthy.",
        answer=Service,
        does=lambda staff, asked: staff.services.start(asked.named, asked.body),
        takes=StartService,
        refuses=(404, 409, 502),
        named={"name": "whisper-server"},
        example={"model": ""},
    ),
    Operation(
        "POST",
        "/api/services/{name}/stop",
        HOST,
        "Stop a service; answered once nothing is left of it.",
        answer=Service,
        does=lambda staff, asked: staff.services.stop(asked.named),
        refuses=(404, 409, 502),
        named={"name": "whisper-server"},
    ),
    Operation(
        "GET",
        "/api/services/{name}/logs",
        HOST,
        "What a service printed last.",
        answer=Log,
        does=lambda staff, asked: staff.services.logs(asked.named, asked.query),
        query=LogQuery,
        refuses=(404, 409, 502),
        named={"name": "whisper-server"},
    ),
    Operation(
        "GET",
        "/api/gpu",
        HOST,
        "Graphics cards, processor and memory, two seconds ago at most.",
        answer=Machine,
        does=lambda staff, asked: staff.readings.now(),
    ),
    Operation(
        "GET",
        "/api/gpu/stream",
        HOST,
        "The same, once a second.",
        answer=Machine,
        does=lambda staff, asked: staff.readings.watch(),
        streams="sse",
    ),
    Operation(
        "GET",
        "/api/trends",
        HOST,
        "The last hour of the gateway: calls, speed, faults, load. For charts; Prometheus knows more, and longer.",
        answer=Trends,
        does=_trends,
    ),
    Operation(
        "POST",
        "/api/gpu/unload-all",
        HOST,
        "Unload every model that nobody uses.",
        answer=AllUnloaded,
        does=lambda staff, asked: staff.models.unload_all(),
    ),
    Operation(
        "GET",
        "/api/calls",
        CALLS,
        "The calls under way.",
        answer=CallsStatus,
        does=_calls,
    ),
    Operation(
        "POST",
        "/api/calls/{id}/end",
        CALLS,
        "End a call, with a word to the caller.",
        answer=CallEnded,
        does=_end,
        refuses=(404,),
        named={"id": "5f0c"},
    ),
    Operation(
        "GET",
        "/api/calls/{id}/events",
        CALLS,
        "What happens in a call, as docs/protocol.md describes it, to its end.",
        answer=ServerMessage,
        does=_watch,
        streams="sse",
        refuses=(404,),
        named={"id": "5f0c"},
    ),
    Operation(
        "GET",
        "/api/history",
        HISTORY,
        "The calls that are kept, the newest first.",
        answer=CallPage,
        does=history.page,
        query=CallFilter,
    ),
    Operation(
        "GET",
        "/api/history/export.jsonl",
        HISTORY,
        "All of them, or those that are searched for, whole, a line each.",
        answer=WholeCall,
        does=history.as_jsonl,
        streams="ndjson",
        query=ExportCalls,
    ),
    Operation(
        "GET",
        "/api/history/export.csv",
        HISTORY,
        "The same as a table, a line a turn, for spreadsheets.",
        answer=None,
        does=history.as_csv,
        streams="csv",
        query=ExportCalls,
    ),
    Operation(
        "GET",
        "/api/calls/{id}",
        HISTORY,
        "What is kept of a call: its turns, where their time went, what was decided and why.",
        answer=WholeCall,
        does=history.whole,
        refuses=(404,),
        named={"id": "5f0c"},
    ),
    Operation(
        "GET",
        "/api/calls/{id}/audio",
        HISTORY,
        "Its recording: the caller on the left, the agent on the right. Takes ranges.",
        answer=None,
        does=history.audio,
        streams="flac",
        refuses=(206, 404, 416),
        named={"id": "5f0c"},
    ),
    Operation(
        "GET",
        "/api/calls/{id}/waveform",
        HISTORY,
        "How loud each voice is over the recording.",
        answer=Waveform,
        does=history.waveform,
        refuses=(404,),
        named={"id": "5f0c"},
    ),
    Operation(
        "DELETE",
        "/api/calls/{id}",
        HISTORY,
        "Delete a call and its recording, without a trace.",
        answer=DeletedCalls,
        does=history.forget,
        refuses=(404, 409),
        named={"id": "5f0c"},
    ),
    Operation(
        "DELETE",
        "/api/callers/{caller}",
        HISTORY,
        "Delete all calls of a caller that are over, with their recordings, without a trace.",
        answer=DeletedCalls,
        does=history.forget_caller,
        named={"caller": "+15550100"},
    ),
    Operation(
        "GET",
        "/api/agent",
        AGENT,
        "Who answers the calls.",
        answer=Agent,
        does=_agent,
    ),
    Operation(
        "PUT",
        "/api/agent",
        AGENT,
        "Let another one answer, from the next call on.",
        answer=Agent,
        does=_change,
        takes=Agent,
        refuses=(409,),
        example={"name": "Desk", "prompt": "You answer the phone of a bakery.", "facts": ["We open at nine."]},
    ),
    Operation(
        "GET",
        "/api/settings",
        AGENT,
        "Every setting as it stands, and who set it.",
        answer=SettingsStatus,
        does=_settings,
    ),
)
