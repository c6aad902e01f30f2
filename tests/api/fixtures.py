"""A gateway's control API with scripted engines, calls, desk and host, open on a port of this machine."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from lineside.agents.agent import Agent
from lineside.agents.drafts import AgentDrafts
from lineside.agents.versions import AgentReplaced, AgentVersion, AgentVersions, version_of
from lineside.api import ApiDependencies, mount
from lineside.api.operations import OPERATIONS
from lineside.api.outbound_schemas import PlaceCall
from lineside.audio.wav import wav_header
from lineside.call.supervision import OperatorOrder
from lineside.engines.protocols import BackendModel, EngineInfo, PullProgress
from lineside.engines.registry import Role
from lineside.engines.vendors.scripted import ScriptedTTS
from lineside.errors import EngineBusy, TransportError
from lineside.host.client import HostAgentError
from lineside.host.machine.values import Cpu, Gpu, GpuProcess, Machine, Ram
from lineside.host.services import Service
from lineside.http_front import LONGEST_LINE
from lineside.line_report import LineMeasured
from lineside.observability.active_call import ActiveCall
from lineside.observability.drain_status import DrainStatus
from lineside.observability.outbound_call import OutboundCall
from lineside.observability.trends import TrendHistory
from lineside.observability.webhook_status import WebhookStatus
from lineside.protocol import ClientMessage, Ended, FirstMessage, ReplyMetrics, Transcript, TurnEnded, encode
from lineside.reasons import WebhookEvent
from lineside.records.archive import Archive
from lineside.settings import Settings
from lineside.transports.call_facts import CallFacts
from lineside.transports.scripted import CallerSpeaks, ScriptedTransport
from tests.call.fixtures import settings

AGENT = Agent(name="Test", prompt="You answer.", greeting="Hello.")
CARD = Gpu(0, "amd", "Radeon", 16 << 30, 2 << 30, 7.0, (GpuProcess(42, "ollama", "llama3.2:3b", 1 << 30),))


class Plain:
    """An engine that can do nothing besides its role."""

    info = EngineInfo()


class Keeper:
    """An engine whose back end keeps models. `waits` is set once somebody waits for an unload."""

    embedded = True

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(choices=self.choices, embedded=self.embedded)

    def __init__(self, *kept: BackendModel, choices: tuple[str, ...] = ()) -> None:
        self.models = {one.name: one for one in kept}
        self.choices = choices or tuple(self.models)
        self.asked: list[str] = []
        self.fault: Exception | None = None  # what it raises, whatever it is asked
        self.hold = asyncio.Event()  # loads and asks wait for it
        self.hold.set()
        self.waits = asyncio.Event()
        self.free = asyncio.Event()

    async def check(self) -> None:
        await self._answer("check")

    async def kept(self) -> tuple[BackendModel, ...]:
        await self._answer("kept")
        return tuple(self.models.values())

    async def load(self, model: str) -> None:
        await self._answer(f"load {model}")
        self._put(model, loaded=True)

    async def unload(self, model: str, *, wait: bool) -> None:
        await self._answer(f"unload {model}")
        if self.models[model].in_use:
            if not wait:
                raise EngineBusy(f"{model} is in use by {self.models[model].in_use} requests")
            self.waits.set()
            await self.free.wait()
        self._put(model, loaded=False)

    def _put(self, model: str, *, loaded: bool) -> None:
        old = self.models.get(model, BackendModel(model, loaded=False))
        self.models[model] = BackendModel(model, loaded, old.bytes, 1000 if loaded else None)

    async def _answer(self, what: str) -> None:
        self.asked.append(what)
        await self.hold.wait()
        if self.fault is not None:
            raise self.fault


class Fetcher(Keeper):
    """One that also fetches models, at the pace of `go`."""

    embedded = False

    def __init__(self, *kept: BackendModel, choices: tuple[str, ...]) -> None:
        super().__init__(*kept, choices=choices)
        self.go = asyncio.Semaphore(0)
        self.closed = 0

    async def pull(self, model: str) -> AsyncGenerator[PullProgress, None]:
        try:
            for done in (10, 20, 30):
                await self.go.acquire()
                if self.fault is not None:
                    raise self.fault
                yield PullProgress("layer", done, 30)
            self.models[model] = BackendModel(model, loaded=False, bytes=30)
        finally:
            self.closed += 1


class FakeRegistry:
    """A registry of such engines; the first of each role is the default."""

    def __init__(self, engines: dict[Role, dict[str, Any]]) -> None:
        self.engines = engines
        self.defaults: dict[Role, str] = {role: next(iter(named), "") for role, named in engines.items()}

    def names(self, role: Role) -> tuple[str, ...]:
        return tuple(self.engines[role])

    def order(self, role: Role, name: str = "") -> tuple[str, ...]:
        return tuple(dict.fromkeys([name or self.defaults[role], self.defaults[role]]))

    def lacking(self, role: Role) -> dict[str, str]:
        return {"tts": {"elevenlabs": "ELEVENLABS_API_KEY"}}.get(role, {})

    def engine(self, role: Role, name: str = "") -> Any:
        if name not in self.engines[role]:
            raise TransportError("unknown_engine", name)
        return self.engines[role][name]


class Unheard:
    """Stands for a call that does nothing with what its caller says."""

    def on_audio(self, payload: bytes) -> None: ...

    def on_message(self, message: ClientMessage) -> None: ...

    def on_hold(self, held: bool) -> None: ...

    def on_mark(self, name: str) -> None: ...

    def on_line_measured(self, measured: LineMeasured) -> None: ...

    def on_bad_message(self, fault: TransportError) -> None: ...

    def on_line_away(self) -> None: ...

    def on_line_back(self, away: float, unheard: float) -> None: ...


class ScriptedCalls:
    """One call that is up; an event of it comes with each `go`."""

    def __init__(self) -> None:
        self.up = {"5f0c": ActiveCall("5f0c", "browser", "pcm", "speaking", 12.5, 3, {"llm": "embedded"}, 640.0)}
        self.ended: list[str] = []

    def list(self) -> Sequence[ActiveCall]:
        return list(self.up.values())

    def end(self, call_id: str) -> bool:
        if call_id in self.up:
            self.ended.append(call_id)
        return call_id in self.up

    def watch(self, call_id: str) -> AsyncGenerator[bytes, None] | None:
        return self._events() if call_id in self.up else None

    def listen(self, call_id: str) -> AsyncGenerator[bytes, None] | None:
        return self._sound() if call_id in self.up else None

    def supervise(self, call_id: str, order: OperatorOrder) -> bool | None:
        return order.text != "too much" if call_id in self.up else None

    async def _sound(self) -> AsyncGenerator[bytes, None]:
        yield wav_header(16_000, channels=2)
        yield bytes(6400)

    async def _events(self) -> AsyncGenerator[bytes, None]:
        for turn in (1, 2):
            yield encode(Transcript(at=1.0, turn=turn, text="Hello?", latency_ms=200.0))


class ScriptedAgentStore:
    """Where the agent is changed."""

    def __init__(self) -> None:
        self.drafts = AgentDrafts()
        self._agent = AGENT
        self._saved: list[Agent] = []

    def agent(self) -> Agent:
        return self._agent

    def versions(self) -> AgentVersions:
        saved = tuple(AgentVersion(version_of(one), 1_700_000_000.0, "page", one) for one in reversed(self._saved))
        return AgentVersions(
            version_of(self._agent), (*saved, AgentVersion(version_of(AGENT), 1_600_000_000.0, "file", AGENT))
        )

    def keep_draft(self, agent: Agent) -> str:
        return self.drafts.add(agent)

    async def change(self, agent: Agent, replaces: str = "") -> None:
        if replaces and replaces != version_of(self._agent):
            raise AgentReplaced("another version was saved meanwhile")
        self._agent = agent
        self._saved.append(agent)


class ScriptedHost:
    """A host agent with one service, whisper-server."""

    def __init__(self) -> None:
        self.fault: HostAgentError | None = None
        self.service = Service(
            "whisper-server", "stopped", "http://127.0.0.1:8178", "", ("ggml-base",), None, 0, 1, None, ""
        )

    async def services(self) -> Sequence[Service]:
        self._fail("whisper-server")
        return (self.service,)

    async def start(self, name: str, model: str = "") -> Service:
        self._fail(name)
        if model not in ("", "ggml-base"):
            raise HostAgentError(404, "unknown_model", f"whisper-server has no model {model!r}; it has: ggml-base")
        return self.service

    async def stop(self, name: str) -> Service:
        self._fail(name)
        return self.service

    async def logs(self, name: str, lines: int = 100) -> Sequence[str]:
        self._fail(name)
        return [f"line {number}" for number in range(min(lines, 3))]

    async def machine(self) -> Machine:
        self._fail("whisper-server")
        return Machine(1.0, Cpu(64, 1.0), Ram(2, 1), (CARD,), "read by the host agent")

    def _fail(self, name: str) -> None:
        if self.fault is not None:
            raise self.fault
        if name != "whisper-server":
            raise HostAgentError(404, "unknown_service", f"there is no service {name!r}; known: whisper-server")


class ControlClient:
    """The control API, open, and a client at it."""

    def __init__(self, url: str, dependencies: ApiDependencies, http: aiohttp.ClientSession) -> None:
        self.url, self.dependencies, self.http = url, dependencies, http

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status, and the answer as JSON."""
        async with self.http.request(method, self.url + path, json=body) as answer:
            assert answer.content_type == "application/json", await answer.text()
            _documented(method, path, answer.status)
            return answer.status, await answer.json()

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Status, code and message of a refusal."""
        status, answer = await self.ask(method, path, body)
        assert list(answer) == ["error"]
        return status, answer["error"]["code"], answer["error"]["message"]

    async def model(self, name: str) -> dict[str, Any]:
        """A row of the list of models."""
        _, answer = await self.ask("GET", "/api/models")
        (row,) = [row for row in answer["models"] if row["name"] == name]
        return dict(row)


def _documented(method: str, path: str, status: int) -> None:
    """No operation may answer with a status that the document does not have; a fault of ours is none of them."""
    path = path.partition("?")[0]
    for operation in OPERATIONS:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation.path))
        if operation.method == method and re.fullmatch(pattern, path):
            assert status in (*operation.statuses, 500), f"{operation.name}: {status} is not documented"
            return


def engines() -> dict[Role, dict[str, Any]]:
    """An embedded recogniser, embedded and far language models, and a voice that can do nothing."""
    whisper = Keeper(BackendModel("faster-whisper-base", loaded=True, bytes=5, memory_bytes=9))
    qwen = Keeper(BackendModel("qwen2.5-coder-0.5b", loaded=False, bytes=5))
    ollama = Fetcher(BackendModel("llama3.2:3b", loaded=False, bytes=7), choices=("llama3.2:3b", "qwen3:4b"))
    return {
        "stt": {"faster-whisper": whisper},
        "llm": {"embedded": qwen, "ollama": ollama},
        "tts": {"espeak": ScriptedTTS(takes=0)},
    }


class ScriptedDrain:
    """A gateway that can be told to drain."""

    def __init__(self) -> None:
        self._status = DrainStatus(draining=False, calls=1, seconds_left=None)

    def status(self) -> DrainStatus:
        return self._status

    def begin(self, within: float | None) -> None:
        self._status = DrainStatus(draining=True, calls=1, seconds_left=within)

    def undo(self) -> None:
        self._status = DrainStatus(draining=False, calls=1, seconds_left=None)


class ScriptedWebhooks:
    """Webhooks that tell somebody of tests and nothing else."""

    def status(self) -> WebhookStatus:
        return WebhookStatus("https://crm.example/calls", ("test",), 0, 0, 0, 0, ())

    def tell(self, event: WebhookEvent, data: dict[str, Any]) -> None: ...


class ScriptedOutbound:
    """Calls of ours that are answered by nobody."""

    def __init__(self) -> None:
        self.calls = {"5f0c": OutboundCall("5f0c", "+15550100", "sip", "over", 0.0, outcome="no_answer")}

    async def place(self, asked: PlaceCall) -> OutboundCall:
        return self.calls["5f0c"]

    def list(self, limit: int) -> Sequence[OutboundCall]:
        return tuple(self.calls.values())[:limit]

    def get(self, call: str) -> OutboundCall | None:
        return self.calls.get(call)

    async def never_call(self, number: str) -> bool:
        return True


def scripted_dependencies(chosen: Settings, **given: Any) -> ApiDependencies:
    """Dependencies that are all scripted."""

    async def read() -> Machine:
        return Machine(2.0, Cpu(2, 3.0), Ram(8, 4), (CARD,), "")

    scripted = ApiDependencies(
        chosen,
        FakeRegistry(engines()),
        ScriptedCalls(),
        ScriptedAgentStore(),
        ScriptedHost(),
        read,
        TrendHistory().trends,
    )
    known: dict[str, Any] = {
        "own_models": ("silero-vad",),
        "webhooks": ScriptedWebhooks(),
        "outbound": ScriptedOutbound(),
        "drain": ScriptedDrain(),
        "test_tickets": lambda line: "ticket",
    }
    return replace(scripted, **known | given)


@asynccontextmanager
async def history(folder: Path, *, kept: bool) -> AsyncGenerator[Archive | None, None]:
    """An archive in which the call 5f0c is kept, with its sound; or none."""
    if not kept:
        yield None
        return
    async with Archive(settings(data_dir=folder)).opened() as archive:
        line = ScriptedTransport((CallerSpeaks(0.1),))
        hello = FirstMessage(codec="pcm", caller="+15550100", record=True)
        facts = CallFacts(line="browser", caller=hello.caller)
        keeping = archive.begin(
            "5f0c",
            line,
            hello,
            {"stt": "s", "llm": "l", "tts": "t"},
            "Test",
            facts,
        )
        for event in (
            TurnEnded(at=0.5, turn=1),
            Transcript(at=0.6, turn=1, reply=1, text="=1+1, he said", latency_ms=90.0),
            ReplyMetrics(at=1.0, turn=1, reply=1, asr_ms=40.0),
            Ended(at=1.0, reason="caller_hung_up"),
        ):
            keeping.on_event(event)
        await keeping.transport.run(Unheard())
        keeping.ended()
        await archive.settled()
        yield archive


@asynccontextmanager
async def opened(
    root: Path, *, given: dict[str, Any] | None = None, kept: bool = False, **scripted: Any
) -> AsyncGenerator[ControlClient, None]:
    """Open it; `given` are settings, `scripted` are dependencies; `kept`: it keeps calls, and has one."""
    async with history(root / "kept", kept=kept) as records, _open(root, given, records, scripted) as control:
        yield control


@asynccontextmanager
async def _open(
    root: Path, given: dict[str, Any] | None, records: Archive | None, scripted: dict[str, Any]
) -> AsyncGenerator[ControlClient, None]:
    there = scripted_dependencies(settings(models_dir=root, **(given or {})), records=records, **scripted)
    app = web.Application()
    mount(app, there)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, max_line_size=LONGEST_LINE)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as http:
        try:
            yield ControlClient(f"http://127.0.0.1:{port}", there, http)
        finally:
            await runner.cleanup()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            await asyncio.gather(*left, return_exceptions=True)
    assert all(task.done() for task in left), [task.get_name() for task in left]


def at_home(story: Callable[[ControlClient], Awaitable[None]], root: Path, **how: Any) -> None:
    """Tell the story in such a control."""

    async def main() -> None:
        async with asyncio.timeout(300), opened(root, **how) as control:
            await story(control)

    asyncio.run(main(), debug=True)
