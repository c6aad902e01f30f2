"""Whoever has to hear of a call hears all of it, in one order and by one way."""

import inspect
import re
from collections.abc import Callable
from typing import get_args

import pytest

from lineside.call.call_transfer import CallTransfer
from lineside.call.engine_load import EngineLoad
from lineside.call.limits import CallLimits
from lineside.call.observers import Observer, Observers
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.errors import TransportError
from lineside.observability.metrics import CallMetrics, GatewayMetrics
from lineside.observability.tool_metrics import ToolMetrics
from lineside.observability.turn_metrics import TurnMetrics
from lineside.protocol import Ended, EndReason, Error, LlmToken, ServerMessage, Text
from lineside.transports.base import TransportListener
from lineside.transports.scripted import CallerSends, CallerSilent, CallerSpeaks, ScriptedTransport
from tests.call import fixtures
from tests.call.fixtures import run_call


class Hearing(Observer):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[ServerMessage] = []
        self.prepared: list[bool] = []
        self.gaps: list[float] = []

    def on_event(self, event: ServerMessage) -> None:
        self.events.append(event)

    def on_prepared_reply(self, *, committed: bool) -> None:
        self.prepared.append(committed)

    def on_playout_gap(self, seconds: float) -> None:
        self.gaps.append(seconds)


def test_every_observer_hears_what_the_callers_program_is_told() -> None:
    """The same events in the same order, whoever else listens."""
    first, second = Hearing(), Hearing()
    call = run_call(CallerSpeaks(1.0), CallerSilent(6.0), observers=(first, second))
    assert first.events == second.events == call.transport.events
    assert len(first.events) > 5


def test_a_reply_prepared_early_is_reported_once_with_what_became_of_it() -> None:
    """Dropped when the caller goes on, committed when the turn is over; a typed turn prepares nothing."""
    heard = Hearing()
    run_call(CallerSpeaks(1.0), CallerSilent(0.6), CallerSpeaks(1.0), CallerSilent(6.0), observers=(heard,))
    assert heard.prepared == [False, True]
    typed = Hearing()
    run_call(CallerSends(Text("Hm?")), CallerSilent(3.0), observers=(typed,))
    assert typed.prepared == []


def test_sound_that_was_due_and_not_there_is_reported_in_seconds() -> None:
    """The model stops for two seconds between two sentences: longer than what had been sent ahead."""
    heard = Hearing()
    llm = ScriptedLLM(answers=["One. two."], each=2.0)
    run_call(CallerSends(Text("Hm?")), CallerSilent(9.0), llm=llm, observers=(heard,))
    assert heard.gaps
    assert all(0.0 < gap < 2.0 for gap in heard.gaps)


def test_a_message_that_is_passed_over_is_told_to_all_and_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads the metrics, the records or the page finds it, and the call goes on."""

    class Clumsy(ScriptedTransport):
        async def run(self, listener: TransportListener) -> EndReason:
            listener.on_bad_message(TransportError("bad_message", "not JSON"))
            return await super().run(listener)

    meters = GatewayMetrics()
    heard = Hearing()
    monkeypatch.setattr(fixtures, "ScriptedTransport", Clumsy)
    call = run_call(CallerSilent(1.0), observers=(heard, meters.call("browser", {})))
    assert call.one(Error) == heard.events[0]
    assert not call.one(Error).fatal
    assert call.reason == "caller_hung_up"
    assert b'lineside_errors_total{kind="bad_message",stage="line"} 1.0' in meters.text()


class HearsTheEnd(Hearing):
    """Has a use for one kind of event alone."""

    hears = (Ended,)


def test_an_observer_that_names_what_it_hears_is_told_nothing_else() -> None:
    """Words and tokens, two thirds of a call's events, go past those who have no use for them."""
    program, hears_all, hears_one = Hearing(), Hearing(), HearsTheEnd()
    told = Observers(program, [hears_all, hears_one])
    token, over = LlmToken(at=1.0, turn=1, reply=1, token="Yes"), Ended(at=2.0, reason="caller_hung_up")  # noqa: S106
    for event in (token, over, token, over):
        told.on_event(event)
    assert program.events == hears_all.events == [token, over, token, over]
    assert hears_one.events == [over, over]


KINDS = {kind.__name__: kind for kind in get_args(ServerMessage)}


@pytest.mark.parametrize(
    ("observer", "ways"),
    [
        (EngineLoad, [EngineLoad.on_event]),
        (CallLimits, [CallLimits.on_event]),
        (CallTransfer, [CallTransfer.on_event]),
        (
            CallMetrics,
            [CallMetrics.on_event, GatewayMetrics.observe, TurnMetrics.observe, ToolMetrics.observe],
        ),
    ],
)
def test_every_event_that_an_observer_knows_is_one_that_it_hears(
    observer: type[Observer], ways: list[Callable[..., None]]
) -> None:
    """A kind that is looked for and not named in `hears` would never come."""
    known = {name for way in ways for name in re.findall(r"\w+", inspect.getsource(way)) if name in KINDS}
    assert known == {kind.__name__ for kind in observer.hears}
    assert known
