"""Whoever has to hear of a call hears all of it, in one order and by one way."""

import pytest

from lineside.call.observers import Observer
from lineside.engines.vendors.scripted import ScriptedLLM
from lineside.errors import TransportError
from lineside.observability.metrics import GatewayMetrics
from lineside.protocol import EndReason, Error, ServerMessage, Text
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
