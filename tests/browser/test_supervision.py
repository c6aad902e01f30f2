"""An operator in somebody's call: listening, saying, taking over, writing about it; on the page."""

from array import array
from math import pi, sin
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from playwright.sync_api import Page, expect

from lineside.call.fillers import FAREWELL
from lineside.protocol import OperatorActed, Transcript, TransferRequested, Unanswered
from lineside.records.recorder import RecordedStretch
from lineside.task_events import SlotFilled, TaskMoved, ToolCalled
from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.control_fixtures import ControlGateway, ScriptedCall
from tests.browser.page_checks import phase, until
from tests.browser.sounds import played
from tests.browser.test_call_view import AXE
from tests.browser.test_operator_views import called
from tests.browser.test_panels import OpenControl, control, html, press, thing

__all__ = ["control", "html"]
pytestmark = pytest.mark.browser

RATE = 16_000
TONE = array("h", (round(9000 * sin(2 * pi * 300 * n / RATE)) for n in range(RATE // 5))).tobytes()
# What the loudspeaker is given: how loud each piece is, left and right.
HEARD = """
window.heard = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...given) {
  const loud = (channel) => Math.max(...this.buffer.getChannelData(channel));
  heard.push({ rate: this.buffer.sampleRate, left: loud(0), right: loud(1) });
  return start.apply(this, given);
};
"""

AT: dict[str, Any] = {"at": 2.0, "turn": 1, "reply": 1}
BOOKED = ToolCalled(
    **AT, number=1, tool="book_visit", effect="writes", state="ok", arguments={"day": "Monday"}, ms=1240.0
)
BUSINESS = (
    TaskMoved(**AT, task="visit", state="begun"),
    SlotFilled(**AT, slot="day", value="Monday", sure=False, by="speech"),
    structs.replace(BOOKED, state="running", ms=None),
    BOOKED,
)


def monitored(visit: OpenPage, there: ControlGateway, *calls: ScriptedCall, **how: str) -> Page:
    ids = ",".join(call.slot.id for call in calls)
    return visit(f"{there.url}/#/calls/{ids}", **how)


def test_an_operator_hears_a_call_and_only_one_at_a_time(control: OpenControl, visit: OpenPage) -> None:
    """The caller left, the agent right; a second call ends the first; the gateway is told when nobody listens."""
    there = control()
    first, second = called(there, "When are you open?"), called(there, "Where is my parcel?")
    page = monitored(visit, there, first, second, script=HEARD)
    press(page, f"Listen to call {first.slot.id[:8]}")
    expect(thing(page, first.slot.id, "call").get_by_text("1 listener")).to_be_visible()
    there.do(lambda: first.slot.on_sound(RecordedStretch(TONE, bytes(len(TONE)))))
    until(page, "heard.length === 1")
    piece = page.evaluate("heard[0]")
    assert (piece["rate"], piece["right"]) == (RATE, 0)
    assert piece["left"] == pytest.approx(9000 / 32768, abs=0.01)
    press(page, f"Listen to call {second.slot.id[:8]}")
    expect(page.get_by_role("button", name=f"Listen to call {first.slot.id[:8]}")).to_be_visible()
    expect(thing(page, first.slot.id, "call").get_by_text("1 listener")).to_have_count(0)
    press(page, f"Stop listening to call {second.slot.id[:8]}")
    expect(page.get_by_text("1 listener")).to_have_count(0)
    assert [order.what for order in first.orders] == ["listens", "leaves"]


def test_an_operator_takes_a_call_over_by_typing_and_hands_it_back(control: OpenControl, visit: OpenPage) -> None:
    """What is typed is spoken to the caller; every monitor of the call sees who has it."""
    there = control()
    call = called(there, "I want to speak to somebody.")
    there.tell(
        call,
        TransferRequested(at=2.0, turn=1, reply=1, by="caller"),
        Unanswered(at=2.0, turn=1, reply=1, why="not_known"),
    )
    page = monitored(visit, there, call)
    row, short = thing(page, call.slot.id, "call"), call.slot.id[:8]
    expect(row).to_have_attribute("data-alarm", "bad")
    expect(row).to_contain_text("The caller asked for a person")
    expect(row).to_contain_text("1 question unanswered")
    press(page, f"Take over call {short}")
    expect(page.get_by_text("You speak: the agent is silent")).to_be_visible()
    expect(row.get_by_text("taken over")).to_be_visible()
    expect(row).not_to_contain_text("The caller asked for a person")
    page.get_by_label(f"Say to the caller of {short}").fill("This is Anna. How can I help?")
    press(page, f"Say it to the caller of {short}")
    expect(page.get_by_label(f"Say to the caller of {short}")).to_have_value("")
    press(page, f"Hand back call {short} to the agent")
    expect(page.get_by_role("button", name=f"Take over call {short}")).to_be_visible()
    acts = [(order.what, order.text) for order in call.orders]
    assert acts == [("takes_over", ""), ("says", "This is Anna. How can I help?"), ("hands_back", "")]


def test_what_is_done_for_a_caller_stands_below_what_is_said(control: OpenControl, visit: OpenPage) -> None:
    """Also what happened before somebody came to look: the task, what is known, the tool and whether it was heard."""
    there = control()
    call = called(there, "I need a visit on Monday.")
    there.tell(call, *BUSINESS)
    page = monitored(visit, there, call)
    done = page.get_by_role("region", name="What was done for the caller")
    expect(done).to_contain_text("Monday")
    for words in ("under way", "to be confirmed", "changes data"):
        expect(done.get_by_text(words, exact=True)).to_be_visible()
    expect(done).to_contain_text("book_visit (day = Monday)")
    expect(done).to_contain_text("done in 1,240 ms, the caller has not heard it")
    there.tell(call, structs.replace(BOOKED, state="told"))
    expect(done).to_contain_text("done in 1,240 ms, the caller knows")


def test_what_cannot_be_said_or_heard_says_why(control: OpenControl, visit: OpenPage) -> None:
    """The words stay in the field; the call goes on."""
    there = control()
    call = called(there, "Hello?")
    page = monitored(visit, there, call)
    refusal = {"error": {"code": "not_now", "message": "too many sentences wait to be said"}}
    page.route("**/say", lambda route: route.fulfill(status=409, json=refusal))
    page.route("**/listen", lambda route: route.fulfill(status=503, json=refusal))
    page.get_by_label("Say to the caller").fill("One moment.")
    press(page, f"Say it to the caller of {call.slot.id[:8]}")
    expect(page.locator(".supervise .trouble")).to_have_text("too many sentences wait to be said")
    expect(page.get_by_label("Say to the caller")).to_have_value("One moment.")
    page.reload()
    press(page, f"Listen to call {call.slot.id[:8]}")
    expect(page.locator(".supervise .trouble")).to_have_text("too many sentences wait to be said")


def test_only_calls_that_need_attention_are_shown(control: OpenControl, visit: OpenPage) -> None:
    """The others come back when the box is unticked."""
    there = control()
    quiet, loud = called(there, "Hello?"), called(there, "A person, please.")
    there.tell(loud, TransferRequested(at=2.0, turn=1, reply=1, by="caller"))
    page = visit(f"{there.url}/#/calls")
    expect(page.get_by_text("2 active calls. 1 needs attention.")).to_be_visible()
    page.get_by_label("Only calls that need attention").check()
    expect(thing(page, quiet.slot.id, "call")).to_have_count(0)
    expect(thing(page, loud.slot.id, "call")).to_be_visible()
    page.get_by_label("Only calls that need attention").uncheck()
    expect(thing(page, quiet.slot.id, "call")).to_be_visible()


def test_a_running_call_is_supervised_and_written_about(gateway: OpenGateway, visit: OpenPage, tmp_path: Path) -> None:
    """A real one: the operator speaks in the agent's voice, both pages show it, and the note is kept with the call.

    At the operator's hang-up the caller hears a sentence, and reads who ended it.
    """
    here = gateway(keeps=True, data_dir=tmp_path)
    caller = visit(here.url, record=True)
    caller.fill("#words", "When are you open?")
    caller.press("#words", "Enter")
    caller.wait_for_selector("body[data-phase=listening]")
    page = visit(f"{here.url}/#/calls")
    page.get_by_role("button", name="Monitor").click()
    page.get_by_placeholder("Have the agent say something").fill("This is Anna.")
    page.get_by_role("button", name="Say it to the caller").click()
    expect(caller.locator("#lines")).to_contain_text("This is Anna.")
    expect(page.locator(".follow-lines")).to_contain_text("This is Anna.")
    page.get_by_text("Outcome, tags and note").click()
    page.get_by_label("Note", exact=True).fill("Anna helped.")
    page.get_by_label("Outcome", exact=True).fill("helped")
    page.get_by_label("Tags, with commas").fill("anna")
    press(page, "Save notes")
    expect(page.get_by_text("Saved.")).to_be_visible()
    page.get_by_role("button", name="End call").click()
    before = caller.evaluate("tap.context.currentTime")
    page.get_by_role("dialog").get_by_role("button", name="End the call").click()
    phase(caller, "ended")
    _, fell_silent = played(caller).sounding()
    assert fell_silent > before + 0.5 * len(FAREWELL.split()) * 0.3, "the sentence was heard"
    expect(caller.locator("#lines .agent").last).to_contain_text(FAREWELL)
    expect(caller.locator(".after")).to_contain_text("Call ended: ended by an operator")
    page.get_by_role("link", name="Open in call history").click()
    expect(page.get_by_label("Note", exact=True)).to_have_value("Anna helped.")
    expect(page.get_by_role("combobox", name="Outcome")).to_have_value("helped")
    expect(page.get_by_label("Tags, with commas")).to_have_value("anna")
    page.get_by_role("link", name="Agent version").click()
    expect(page.get_by_role("heading", name="Agent", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_calls_that_are_supervised(control: OpenControl, visit: OpenPage, scheme: str) -> None:
    """WCAG 2.2 A and AA, with an alarm and a taken-over call, on a small telephone."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: (cd page && npm ci)")
    there = control()
    first, second = called(there, "Hello?"), called(there, "A person, please.")
    there.tell(second, TransferRequested(at=2.0, turn=1, reply=1, by="caller"))
    there.tell(
        first,
        *BUSINESS,
        OperatorActed(at=2.0, what="takes_over"),
        Transcript(at=3.0, turn=2, text="Yes?", latency_ms=9.0),
    )
    ids = f"{first.slot.id},{second.slot.id}"
    small = {"width": 360, "height": 640}
    page = visit(f"{there.url}/#/calls/{ids}", color_scheme=scheme, record=True, viewport=small)
    expect(page.get_by_text("You speak: the agent is silent")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })")
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found["violations"]] == []
