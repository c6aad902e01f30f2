"""Operations on active calls, the agent and the settings."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog

from lineside.agents.agent import Agent
from lineside.agents.versions import AgentReplaced, AgentVersions
from lineside.api.api_services import ApiServices
from lineside.api.dependencies import TellsWebhooks
from lineside.api.errors import ApiError
from lineside.api.operation import operation
from lineside.api.schemas import (
    AgentDraft,
    CallEnded,
    CallsStatus,
    CallSupervised,
    ChangeAgent,
    SayInCall,
    SettingsStatus,
)
from lineside.call.supervision import OperatorOrder
from lineside.errors import CallRefused, ConfigError
from lineside.observability.webhook_status import WebhookStatus
from lineside.protocol import ServerMessage
from lineside.settings import explain

CALLS, AGENT, WEBHOOKS = "Calls", "Agent and settings", "Webhooks"
log = structlog.get_logger()
STILL = b": still here\n\n"  # a comment (WHATWG, server-sent events): proxies and pages see that the line lives


@operation("GET", "/api/calls", group=CALLS)
async def list_calls(api: ApiServices) -> CallsStatus:
    """List the active calls."""
    return CallsStatus(tuple(api.dependencies.calls.list()))


@operation("POST", "/api/calls/{id}/end", group=CALLS, errors=(404,), named="5f0c")
async def end_call(api: ApiServices, name: str) -> CallEnded:
    """Hang up a call. The agent says so first; asked for a second time, the line is hung up at once."""
    if not api.dependencies.calls.end(name):
        raise _no_call(api, name)
    return CallEnded(name)


@operation(
    "GET", "/api/calls/{id}/events", group=CALLS, errors=(404,), streams="sse", pieces=ServerMessage, named="5f0c"
)
async def call_events(api: ApiServices, name: str) -> AsyncGenerator[bytes, None]:
    """Stream the events of a call, as docs/protocol.md describes them, to its end."""
    try:
        events = api.dependencies.calls.watch(name)
    except CallRefused as full:
        raise ApiError(503, "too_many_watchers", str(full)) from full
    if events is None:
        raise _no_call(api, name)
    return _sent(events)


@operation("GET", "/api/calls/{id}/listen", group=CALLS, errors=(404,), streams="wav", named="5f0c")
async def listen_in(api: ApiServices, name: str) -> AsyncGenerator[bytes, None]:
    """Listen to a call, a second late: a WAV without end, caller left, agent right. The caller notices nothing."""
    try:
        sound = api.dependencies.calls.listen(name)
    except CallRefused as full:
        raise ApiError(503, "too_many_listeners", str(full)) from full
    if sound is None:
        raise _no_call(api, name)
    log.info("an operator listens to a call", call=name)
    return sound


@operation(
    "POST", "/api/calls/{id}/say", group=CALLS, errors=(404, 409), named="5f0c", example={"text": "One moment, please."}
)
async def say_in_call(api: ApiServices, name: str, body: SayInCall) -> CallSupervised:
    """Say words to the caller as the agent, as soon as nobody speaks."""
    return _supervised(api, name, OperatorOrder("says", body.text))


@operation("POST", "/api/calls/{id}/take-over", group=CALLS, errors=(404, 409), named="5f0c")
async def take_over(api: ApiServices, name: str) -> CallSupervised:
    """Take a call over: the agent is silent, and says what you have it say. For two minutes after your last act."""
    return _supervised(api, name, OperatorOrder("takes_over"))


@operation("POST", "/api/calls/{id}/hand-back", group=CALLS, errors=(404, 409), named="5f0c")
async def hand_back(api: ApiServices, name: str) -> CallSupervised:
    """Hand a call back to the agent."""
    return _supervised(api, name, OperatorOrder("hands_back"))


def _supervised(api: ApiServices, name: str, order: OperatorOrder) -> CallSupervised:
    done = api.dependencies.calls.supervise(name, order)
    if done is None:
        raise _no_call(api, name)
    if not done:
        raise ApiError(409, "not_now", "the call has not been answered yet, or too many sentences wait to be said")
    log.info("an operator acts in a call", call=name, act=order.what)
    return CallSupervised(name, order.what)


async def _sent(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            yield b"data: " + event + b"\n\n" if event else STILL


def _no_call(api: ApiServices, name: str) -> ApiError:
    up = ", ".join(call.id for call in api.dependencies.calls.list()[:20])
    return ApiError(404, "unknown_call", f"there is no active call {name!r}; active: {up or 'none'}")


@operation("GET", "/api/agent", group=AGENT)
async def get_agent(api: ApiServices) -> Agent:
    """Get the agent that answers calls."""
    return api.dependencies.agents.agent()


@operation("GET", "/api/agent/versions", group=AGENT, errors=(409,))
async def agent_versions(api: ApiServices) -> AgentVersions:
    """List the versions of the agent: those saved on the page, and its file. PUT a version to go back to it."""
    try:
        return api.dependencies.agents.versions()
    except ConfigError as why:
        raise ApiError(409, "unreadable", str(why)) from why


@operation(
    "PUT",
    "/api/agent",
    group=AGENT,
    errors=(409,),
    example={"name": "Bakery", "prompt": "You answer the phone of a bakery.", "facts": ["We open at nine."]},
)
async def change_agent(api: ApiServices, body: Agent, query: ChangeAgent) -> Agent:
    """Change the agent, from the next call on."""
    try:
        await api.dependencies.agents.change(body, query.replaces)
    except AgentReplaced as why:
        raise ApiError(409, "changed_meanwhile", str(why)) from why
    except ConfigError as why:
        raise ApiError(409, "not_changed", str(why)) from why
    return api.dependencies.agents.agent()


@operation(
    "POST",
    "/api/agent/draft",
    group=AGENT,
    errors=(409,),
    example={"name": "Bakery", "prompt": "You answer for a bakery."},
)
async def draft_agent(api: ApiServices, body: Agent) -> AgentDraft:
    """Keep a draft of the agent for test calls. Nobody else is answered by it; the twenty newest are kept."""
    try:
        return AgentDraft(api.dependencies.agents.keep_draft(body))
    except ConfigError as why:
        raise ApiError(409, "not_usable", str(why)) from why


@operation("GET", "/api/settings", group=AGENT)
async def get_settings(api: ApiServices) -> SettingsStatus:
    """Get every setting and its source; the values of secrets are masked."""
    return SettingsStatus(tuple(explain(api.dependencies.settings)))


@operation("GET", "/api/webhooks", group=WEBHOOKS)
async def get_webhooks(api: ApiServices) -> WebhookStatus:
    """Get whom webhooks tell, what waits, and what became of the last deliveries."""
    return _webhooks(api).status()


@operation("POST", "/api/webhooks/test", group=WEBHOOKS, errors=(409,))
async def test_webhook(api: ApiServices) -> WebhookStatus:
    """Send a delivery of the event `test`; GET /api/webhooks tells what became of it."""
    webhooks = _webhooks(api)
    if "test" not in webhooks.status().events:
        raise ApiError(409, "no_webhook", "set WEBHOOK_URL and WEBHOOK_SECRET, with test among WEBHOOK_EVENTS")
    webhooks.tell("test", {})
    return webhooks.status()


def _webhooks(api: ApiServices) -> TellsWebhooks:
    if api.dependencies.webhooks is None:
        raise ApiError(503, "no_webhooks", "this gateway has no webhooks")
    return api.dependencies.webhooks
