"""The agent is edited whole: as its file, with each mistake at its line, beside its fields; and nothing is lost."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lineside.agents.agent import load_agent
from tests.browser.conftest import OpenPage
from tests.browser.test_panels import OpenControl, control, html, panel, press

__all__ = ["control", "html"]
pytestmark = pytest.mark.browser
DESK = load_agent(Path(__file__).parents[2] / "bench" / "desk" / "agent.toml")


def as_file(page: Page) -> str:
    """Go to the file, and wait for its text."""
    page.get_by_role("link", name="File (TOML)").click()
    expect(page.get_by_label("Agent file (TOML)")).to_have_value(re.compile("name = "))
    return page.get_by_label("Agent file (TOML)").input_value()


def found(page: Page) -> list[str]:
    return page.get_by_role("list", name="Found in the file").get_by_role("listitem").all_inner_texts()


def test_tasks_slots_and_tools_are_edited_in_the_file_and_nothing_is_lost(
    control: OpenControl, visit: OpenPage
) -> None:
    """One word of a slot is changed; all else of a large agent is as it was."""
    there = control()
    there.do(lambda: there.agents.change(DESK))
    page = panel(visit, there, "Agent")
    page.get_by_role("link", name="Edit them in the agent's file").click()
    field = page.get_by_label("Agent file (TOML)")
    expect(field).to_have_value(re.compile(r"\[tools.book_visit\]"))
    field.fill(field.input_value().replace("May I have your order number?", "Which order is it?"))
    expect(page.get_by_text("Changed, not saved.")).to_be_visible()
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    kept = there.do(there.agents.agent)
    assert kept.slots["order_number"].asks == "Which order is it?"
    assert (kept.tools, kept.tasks, kept.answers, kept.limits) == (DESK.tools, DESK.tasks, DESK.answers, DESK.limits)


def test_each_mistake_is_shown_at_its_line_and_is_not_saved(control: OpenControl, visit: OpenPage) -> None:
    """Broken TOML, an unknown key, a slot that is missing: the line is named, and a press selects it."""
    there = control()
    before = there.do(there.agents.agent)
    page = panel(visit, there, "Agent")
    field = page.get_by_label("Agent file (TOML)")
    text = as_file(page)
    field.fill(f'{text}\n[tasks.visit]\nwhen = ["a visit"]\nneeds = ["day"]\n')
    expect(page.get_by_text(re.compile("there is no slot day"))).to_be_visible()
    line = f"{text}\n[tasks.visit]\nwhen\nneeds".count("\n") + 1
    assert found(page)[0].startswith(f"Line {line}")
    press(page, "Save")
    expect(page.get_by_text("Not saved: the file has mistakes.")).to_be_visible()
    assert there.do(there.agents.agent) == before
    page.get_by_role("button", name=f"Line {line}").click()
    chosen = field.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)")
    assert chosen == 'needs = ["day"]'
    field.fill(f"{text}\nname = ")
    expect(page.get_by_text(re.compile("this is no TOML"))).to_be_visible()


def test_broken_text_outlives_a_reload_and_a_look_at_the_fields(control: OpenControl, visit: OpenPage) -> None:
    """It is told in the fields that there is more, and where."""
    there = control()
    page = panel(visit, there, "Agent")
    text = as_file(page)
    page.get_by_label("Agent file (TOML)").fill(f"{text}\ngreetign = 'Good morning.'")
    expect(page.get_by_text("greetign: there is no such key")).to_be_visible()
    page.reload()
    expect(page.get_by_text("greetign: there is no such key")).to_be_visible()
    page.get_by_role("link", name="Fields", exact=True).click()
    expect(page.get_by_text("The file has text with mistakes")).to_be_visible()
    page.get_by_role("link", name="Go on with it").click()
    field = page.get_by_label("Agent file (TOML)")
    expect(field).to_have_value(re.compile("greetign"))
    field.fill(field.input_value().replace("greetign", "farewell"))
    expect(page.get_by_text(re.compile("no such key"))).to_have_count(0)
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    assert there.do(there.agents.agent).farewell == "Good morning."


def test_the_fields_follow_the_file_and_the_file_the_fields(control: OpenControl, visit: OpenPage) -> None:
    """Both ways, before anything is saved; a revert reaches both."""
    page = panel(visit, control(), "Agent")
    page.get_by_label("Farewell").fill("Bye for now.")
    assert 'farewell = "Bye for now."' in as_file(page)
    field = page.get_by_label("Agent file (TOML)")
    field.fill(field.input_value().replace("Bye for now.", "See you."))
    expect(page.get_by_text(re.compile("No mistakes|remark"))).to_be_visible()
    page.get_by_role("link", name="Fields", exact=True).click()
    expect(page.get_by_label("Farewell")).to_have_value("See you.")
    page.get_by_role("link", name="File (TOML)").click()
    press(page, "Revert")
    press(page, "Discard changes")
    expect(field).not_to_have_value(re.compile("See you"))


def test_answers_documents_and_the_lines_of_every_case_have_fields(control: OpenControl, visit: OpenPage) -> None:
    """An answer needs its subject and its words; a document pattern that leads outside is refused at its field."""
    there = control()
    page = panel(visit, there, "Agent")
    press(page, "Add an answer")
    page.get_by_label("Answer 1: how callers ask for it").fill("are you open\nwhen do you open\n")
    press(page, "Save")
    expect(page.get_by_text("An answer needs both")).to_be_visible()
    expect(page.get_by_label("Answer 1: subject")).to_be_focused()
    page.get_by_label("Answer 1: subject").fill("opening hours")
    page.get_by_label("Answer 1: the agent says").fill("From nine to six.")
    page.get_by_label("When nothing is known").fill("I don't know.")
    page.get_by_label("Where no transfer is possible").fill("I have noted it.")
    page.get_by_label("Documents").fill("documents/*.md\n")
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    kept = there.do(there.agents.agent)
    assert kept.answers[0].asks == ("are you open", "when do you open")
    assert (kept.answers[0].about, kept.answers[0].says) == ("opening hours", "From nine to six.")
    assert (kept.unknown, kept.no_transfer, kept.documents) == (
        "I don't know.",
        "I have noted it.",
        ("documents/*.md",),
    )
    page.get_by_text("1 answered by rule").click()
    expect(page.get_by_label("Answer 1: subject")).to_be_hidden()
    page.get_by_text("1 answered by rule").click()
    press(page, "Remove answer 1")
    press(page, "Save")
    expect(page.get_by_text("Saved. Applies to new calls.")).to_be_visible()
    assert there.do(there.agents.agent).answers == ()
