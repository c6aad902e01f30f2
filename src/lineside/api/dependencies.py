"""Dependencies of the control API, injected."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lineside.agents.agent import Agent
from lineside.agents.drafts import AgentDrafts
from lineside.agents.versions import AgentVersions
from lineside.api.outbound_schemas import PlaceCall
from lineside.call.supervision import OperatorOrder
from lineside.engines.protocols import Engine
from lineside.engines.recent_fallbacks import RecentFallbacks
from lineside.engines.registry import Role
from lineside.errors import ConfigError
from lineside.host.machine.values import Machine
from lineside.host.services import Service
from lineside.observability.active_call import ActiveCall
from lineside.observability.drain_status import DrainStatus
from lineside.observability.outbound_call import OutboundCall
from lineside.observability.standing_alert import StandingAlerts
from lineside.observability.trends import Trends
from lineside.observability.webhook_status import WebhookStatus
from lineside.processes.background_work import BackgroundWork
from lineside.reasons import WebhookEvent
from lineside.records.archive import Archive
from lineside.records.gateways import KnownGateway
from lineside.settings import Settings


class ActiveCalls(Protocol):
    """The active calls: `call_registry.CallRegistry`."""

    def list(self) -> Sequence[ActiveCall]:
        """All that have been answered."""
        ...

    def end(self, call_id: str) -> bool:
        """Hang up; the caller hears why. False where there is no such call."""
        ...

    def watch(self, call_id: str) -> AsyncGenerator[bytes, None] | None:
        """Its events, each one JSON object of `schema`, until it is over; None where there is no such call.

        Raises `CallRefused` when too many watch it.
        """
        ...

    def listen(self, call_id: str) -> AsyncGenerator[bytes, None] | None:
        """Its sound from here on, as a WAV without end; None where there is no such call.

        Raises `CallRefused` when too many listen to it.
        """
        ...

    def supervise(self, call_id: str, order: OperatorOrder) -> bool | None:
        """Do what an operator wants: whether it could be done; None where there is no such call."""
        ...


class MakesCalls(Protocol):
    """Calls of lineside's own: `gateway.outbound.outbound_calls.OutboundCallCenter`."""

    async def place(self, asked: PlaceCall) -> OutboundCall:
        """Make a call, or say what became of the one that its key stands for. Raises `LinesideError`, `OSError`."""
        ...

    def list(self, limit: int) -> Sequence[OutboundCall]:
        """The newest calls."""
        ...

    def get(self, call: str) -> OutboundCall | None:
        """One of them."""
        ...

    async def never_call(self, number: str) -> bool:
        """Put a number on the do-not-call list; False where it was there. Raises `LinesideError`, `OSError`."""
        ...


class Drains(Protocol):
    """A gateway that is to stop: `gateway.drain.Drain`."""

    def status(self) -> DrainStatus:
        """How it stands."""
        ...

    def begin(self, within: float | None) -> None:
        """Take no more calls; tell those goodbye that are up after so many seconds. None: never."""
        ...

    def undo(self) -> None:
        """Take calls again."""
        ...


class TellsWebhooks(Protocol):
    """The webhooks: `gateway.webhooks.Webhooks`."""

    def status(self) -> WebhookStatus:
        """How they fare."""
        ...

    def tell(self, event: WebhookEvent, data: dict[str, Any]) -> None:
        """Have the receiver told of this."""
        ...


class AgentSource(Protocol):
    """Who answers the calls."""

    drafts: AgentDrafts

    def agent(self) -> Agent:
        """The one who answers now."""
        ...

    def versions(self) -> AgentVersions:
        """The versions that are kept. Raises `ConfigError`."""
        ...

    def keep_draft(self, agent: Agent) -> str:
        """Keep an agent for calls that name the answered id. Raises `ConfigError`."""
        ...

    async def change(self, agent: Agent, replaces: str = "") -> None:
        """Let this one answer, from the next call on, in place of the version `replaces`; empty: of any.

        Raises `AgentReplaced` where that is not the newest, `ConfigError` with what is wrong.
        """
        ...


class EngineSource(Protocol):
    """The engines of this process: `engines.registry.Registry`."""

    defaults: dict[Role, str]

    def names(self, role: Role) -> tuple[str, ...]:
        """The engines of a role."""
        ...

    def engine(self, role: Role, name: str = "") -> Engine:
        """One of them. Raises `LineError` or `ConfigError`."""
        ...

    def order(self, role: Role, name: str = "") -> tuple[str, ...]:
        """The engine and those that stand in for it."""
        ...

    def lacking(self, role: Role) -> dict[str, str]:
        """Those that calls may not name yet, and what each lacks."""
        ...


class HostServices(Protocol):
    """The host agent: `hosts.client.HostAgent`. Every method raises `HostAgentError`."""

    async def services(self) -> Sequence[Service]:
        """All services."""
        ...

    async def start(self, name: str, model: str = "") -> Service:
        """Start one; it is back when the service is healthy."""
        ...

    async def stop(self, name: str) -> Service:
        """Stop one."""
        ...

    async def logs(self, name: str, lines: int = 100) -> Sequence[str]:
        """The newest lines of its output."""
        ...

    async def machine(self) -> Machine:
        """A reading of its machine."""
        ...


def _no_tickets(line: str) -> str:
    raise ConfigError("this gateway has no telephone lines")


@dataclass(frozen=True)
class ApiDependencies:
    """All that the control API needs."""

    settings: Settings
    registry: EngineSource
    calls: ActiveCalls
    agents: AgentSource
    host: HostServices
    read: Callable[[], Awaitable[Machine]]  # this machine, now: `hosts.machine.Readings().latest`
    trends: Callable[[], Trends]  # the last hour: `trends.Looks().trends`
    own_models: tuple[str, ...] = ()  # models that this process itself has in memory, such as the voice detector's
    puller: Sequence[str] = ()  # the program that downloads, up to its arguments; empty: this lineside's own
    webhooks: TellsWebhooks | None = None
    alerts: Callable[[], StandingAlerts] = lambda: StandingAlerts(())  # what is wrong with the gateway
    test_tickets: Callable[[str], str] = _no_tickets
    outbound: MakesCalls | None = None
    drain: Drains | None = None
    gateways: Callable[[], tuple[tuple[KnownGateway, ...], float | None]] = lambda: ((), None)
    records: Archive | None = None  # what is kept of calls; None: nothing is
    loaded: Callable[[Mapping[tuple[str, str], int]], None] | None = None  # hears which models have which memory
    fallbacks: RecentFallbacks = field(default_factory=RecentFallbacks)  # engines that were stood in for lately
    work: BackgroundWork = field(default_factory=BackgroundWork)  # what runs for as long as the process does
    longest_watch: float = 3600.0  # seconds; then a stream ends, and who still watches asks again
