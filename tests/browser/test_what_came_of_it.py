"""What came of calls, on the page: an operator's notes, several calls at once, questions without an answer."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from lineside.protocol import AnsweredBy
from lineside.records.entries import CallBegan, CallOver, PersonAsked, ReplyKept
from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.fixtures import BrowserGateway
from tests.browser.test_history import settle
from tests.browser.test_panels import press

pytestmark = pytest.mark.browser

JOE = {"tts": AnsweredBy("piper", "en_US-joe-medium", "kokoro", "too slow")}
PHONES, FIRST, HOURS = "a" * 32, "b" * 32, "c" * 32


def keep(
    gateway: BrowserGateway,
    call: str,
    heard: str,
    said: str,
    unanswered: str = "",
    engines: dict[str, AnsweredBy] | None = None,
    person: bool = False,
) -> None:
    """A call of one turn, an hour ago."""
    records = gateway.records
    records.keep(
        CallBegan(
            call=call, keeper="k", began=time.time() - 3600 + ord(call[0]), line="browser", codec="pcm", rate=16_000,
            caller="+15550100", mode="conversation", agent="Test", stt="s", llm="l", llm_model="", tts="t",
            tts_voice="", recording="none", agent_version="0123456789ab",
        )
    )  # fmt: skip
    records.keep(
        ReplyKept(
            call=call, turn=1, reply=1, speech_began_at=1.0, speech_ended_at=7.0, heard_at=7.2,
            heard=heard, said=said, reached=said, audio_at=8.0, done_at=9.0,
            cut=False, stages={"e2e_ms": 900.0}, wasted=0, engines=engines or {}, unanswered=unanswered,
        )
    )  # fmt: skip
    if person:
        records.keep(PersonAsked(call=call))
    records.keep(CallOver(call=call, ended=time.time(), seconds=9.0, turns=1, reason="caller_hung_up"))


@pytest.fixture
def kept(gateway: OpenGateway, tmp_path: Path) -> BrowserGateway:
    """A gateway with three calls."""
    here = gateway(keeps=True, data_dir=tmp_path)
    keep(here, PHONES, "Do you sell phones?", "I don't know.", unanswered="not_known")
    keep(here, FIRST, "Do you sell the phones?", "I don't know that.", unanswered="not_known", person=True)
    keep(here, HOURS, "When do you open?", "At nine.", engines=JOE)
    settle(here)
    return here


def test_an_operator_writes_what_came_of_a_call_and_finds_it_by_that(kept: BrowserGateway, visit: OpenPage) -> None:
    """Outcome, tags and a note are in the call, in its row, in the filters, and there after a reload."""
    page = visit(f"{kept.url}/#/history/{PHONES}")
    page.get_by_text("Outcome, tags and note").click()
    notes = page.get_by_role("form", name=f"Notes on call {PHONES[:8]}")
    notes.get_by_label("Outcome").fill("call back")
    notes.get_by_label("Tags, with commas").fill("sales, phones , sales")
    notes.get_by_label("Note", exact=True).fill("Ask the shop.")
    press(page, "Save notes")
    expect(notes.get_by_text("Saved.")).to_be_visible()
    mine = page.locator(f'[data-kept="{PHONES}"]')
    for words in ("1 question unanswered", "call back", "#phones", "#sales", "note"):
        expect(mine.get_by_text(words, exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_label("Note", exact=True)).to_have_value("Ask the shop.")
    expect(page.get_by_label("Tags, with commas")).to_have_value("phones, sales")
    expect(page.get_by_role("link", name="Agent version 012345")).to_have_attribute("href", "#/agent/0123456789ab")
    page.goto(f"{kept.url}/#/history?tag=sales&outcome=call+back")
    expect(page.get_by_text("Calls 1 to 1 of 1")).to_be_visible()
    page.get_by_label("Tag", exact=True).fill("complaint")
    page.get_by_label("Tag", exact=True).press("Enter")
    expect(page.get_by_text("No matching calls.")).to_be_visible()


CHOICES = {
    "Asked for a person": ("Asked", "Not asked", 1),
    "Questions": ("Some not answered", "All answered", 2),
    "Engines": ("Another one answered", "As chosen", 1),
    "Test calls": ("Only test calls", "Without test calls", 0),
}


def test_calls_are_narrowed_to_those_that_went_wrong(kept: BrowserGateway, visit: OpenPage) -> None:
    """Each choice shows those that are so, or those that are not."""
    page = visit(f"{kept.url}/#/history")
    page.get_by_text("Filters", exact=True).click()
    for label, (yes, no, many) in CHOICES.items():
        for choice, wanted in ((yes, many), (no, 3 - many)):
            page.get_by_label(label, exact=True).select_option(label=choice)
            expect(page.locator("[data-kept]")).to_have_count(wanted)
        page.get_by_label(label, exact=True).select_option(label="Any")
        expect(page.locator("[data-kept]")).to_have_count(3)


def test_several_calls_are_tagged_saved_and_deleted_at_once(kept: BrowserGateway, visit: OpenPage) -> None:
    """All of a page or some of it; nothing goes without a question."""
    page = visit(f"{kept.url}/#/history")
    page.get_by_label("Select all on this page").check()
    chosen = page.get_by_role("region", name="Selected calls")
    expect(chosen.get_by_text("3 calls selected")).to_be_visible()
    page.get_by_label("Tag for the selected calls").fill("checked")
    press(page, "Add the tag to the selected calls")
    expect(page.locator("[data-kept]").get_by_text("#checked")).to_have_count(3)
    page.locator(f'[data-kept="{HOURS}"]').get_by_role("checkbox").uncheck()
    expect(chosen.get_by_text("2 calls selected")).to_be_visible()
    for words in ("selected JSONL", "selected CSV"):
        with page.expect_download() as download:
            chosen.get_by_role("link", name=f"Save as {words}").click()
        content = Path(download.value.path()).read_text()
        assert ("Do you sell phones?" in content, "When do you open?" in content) == (True, False)
    press(page, "Delete the selected calls")
    page.get_by_role("dialog").get_by_role("button", name="Delete 2 calls").click()
    expect(page.locator("[data-kept]")).to_have_count(1)
    expect(chosen).to_have_count(0)
    page.locator(f'[data-kept="{HOURS}"]').get_by_role("checkbox").check()
    press(page, "Clear selection")
    expect(page.locator(f'[data-kept="{HOURS}"]').get_by_role("checkbox")).not_to_be_checked()
    expect(page.get_by_role("heading", name="Call history")).to_be_focused()


def test_a_question_without_an_answer_leads_to_its_calls_and_into_the_agent(
    kept: BrowserGateway, visit: OpenPage
) -> None:
    """Much the same words are one question; its answer is written where the agent is."""
    page = visit(f"{kept.url}/#/unanswered")
    one = page.locator(".thing").filter(has_text="Do you sell the phones?")
    expect(one).to_contain_text("2×")
    expect(one).to_contain_text("not known to the agent")
    expect(page.get_by_text("1 question, asked in 2 turns.")).to_be_visible()
    page.get_by_label("Why").select_option(label="an engine failed")
    expect(page.get_by_text("No question is without an answer.")).to_be_visible()
    page.get_by_label("Why").select_option(label="Any reason")
    page.get_by_label("Asked", exact=True).select_option(label="in the last 24 hours")
    expect(one).to_be_visible()
    one.get_by_text("Where it was asked (2)").click()
    one.get_by_role("link", name=f"Call {PHONES[:8]}").click()
    expect(page.locator(f'[data-open="{PHONES}"]')).to_contain_text("not answered: not known to the agent")
    assert page.url.endswith("?t=7")
    page.go_back()
    one.get_by_role("link", name="Add an answer").click()
    expect(page.get_by_label("Answer 1: how callers ask for it")).to_have_value("Do you sell the phones?")
    expect(page.get_by_label("Answer 1: the agent says")).to_be_focused()
    page.reload()
    expect(page.get_by_label("Answer 2: subject")).to_have_count(0)
