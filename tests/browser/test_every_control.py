"""No control of the page is untested: each one that a view shows has a test that presses it and sees its effect."""

import re
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    test_addresses,
    test_agent_file,
    test_call_controls,
    test_call_view,
    test_charts,
    test_history,
    test_operator_views,
    test_page,
    test_panels,
    test_rehearsals,
    test_supervision,
    test_voices,
    test_what_came_of_it,
)
from tests.browser.conftest import OpenGateway, OpenPage
from tests.browser.control_fixtures import ScriptedCall
from tests.browser.test_panels import OpenControl, control, html

__all__ = ["control", "html"]
pytestmark = pytest.mark.browser

CONTROL = re.compile(
    r"^\s*- '?(button|link|tab|checkbox|radio|combobox|textbox|searchbox|spinbutton)\b(?: \"((?:[^\"\\]|\\.)*)\")?",
    re.M,
)

# What a control is called → the module and the test that uses it.
TESTED: dict[str, tuple[ModuleType, str]] = {
    "link (Call|Dashboard)": (test_addresses, "test_each_view_has_an_address_and_a_title_and_back_leads_back"),
    "tab .*": (test_addresses, "test_each_view_has_an_address_and_a_title_and_back_leads_back"),
    "button Theme.*": (test_call_view, "test_the_colours_can_be_chosen_and_are_kept"),
    "link (API reference|OpenAPI|(Save as )?Raw metrics)": (
        test_operator_views,
        "test_the_links_below_every_view_lead_to_the_api_and_the_metrics",
    ),
    # the call
    "link (Edit the agent|System)": (
        test_operator_views,
        "test_the_links_of_the_call_view_lead_into_the_dashboard",
    ),
    "button (When do you open\\?)": (test_call_controls, "test_before_a_call_one_sees_who_answers_and_what_to_ask"),
    "combobox (STT|LLM|Voice)": (test_call_controls, "test_an_engine_is_chosen_where_one_calls"),
    "(combobox Recording|textbox Caller)": (
        test_call_controls,
        "test_the_test_call_says_who_calls_and_whether_it_is_recorded",
    ),
    "button (Copy transcript|TXT|JSON|WAV)": (test_call_view, "test_a_conversation_can_be_taken_along"),
    "button (Start call|End call)": (test_page, "test_stop_closes_everything_and_talk_begins_anew"),
    "button (Mute|Unmute)": (test_call_view, "test_a_muted_microphone_sends_silence_and_the_call_goes_on"),
    "(textbox Type a message|button Send)": (test_page, "test_typed_words_are_answered_without_a_microphone"),
    "button Audio settings": (
        test_call_view,
        "test_the_sound_check_shows_the_level_and_gives_the_microphone_back",
    ),
    "button Play audio file": (test_call_view, "test_a_recording_speaks_as_the_caller"),
    "checkbox Phone quality \\(8 kHz\\)": (test_call_view, "test_the_telephone_band_sends_what_a_telephone_would"),
    # engines and models
    "radio .*": (test_panels, "test_what_the_next_call_names_is_chosen_and_kept"),
    "combobox (Model|Voice) of .*": (test_panels, "test_what_the_next_call_names_is_chosen_and_kept"),
    "textbox (Model|Voice) of .*": (test_panels, "test_what_the_next_call_names_is_chosen_and_kept"),
    "combobox Turn detection": (test_operator_views, "test_turn_detection_and_an_own_greeting_go_with_the_call"),
    "checkbox Override system prompt": (
        test_call_controls,
        "test_what_was_chosen_stands_beside_the_button_and_is_taken_back",
    ),
    "checkbox Override greeting": (test_operator_views, "test_turn_detection_and_an_own_greeting_go_with_the_call"),
    "(textbox Text to say|combobox Voice .|button Play voice .|button Use.* for calls .*)": (
        test_voices,
        "test_two_voices_say_the_same_and_one_is_chosen_for_calls",
    ),
    "combobox Show models for.*": (test_operator_views, "test_models_are_shown_for_one_role"),
    "button (Load|Unload) [^t].*": (
        test_panels,
        "test_loading_turns_until_it_is_done_and_a_failure_stands_in_its_row",
    ),
    "button Delete [^c].*": (
        test_panels,
        "test_a_loaded_model_is_unloaded_and_deleted_only_when_one_is_sure",
    ),
    "button Download .*": (test_panels, "test_a_download_shows_how_far_it_is_and_then_that_it_is_here"),
    # the host
    "(button Start .*|combobox Model of .*-server)": (
        test_panels,
        "test_a_service_is_started_with_a_model_and_stopped",
    ),
    "button Log of .*": (test_operator_views, "test_a_log_is_shown_and_hidden"),
    "button Unload all models": (test_panels, "test_unload_all_tells_what_went"),
    # calls
    "button (Monitor|Stop) call .*": (
        test_operator_views,
        "test_several_calls_are_monitored_side_by_side_and_survive_a_reload",
    ),
    "button End call .+": (test_panels, "test_a_call_is_seen_followed_and_ended"),
    "button (Listen|Stop listening) to call .*": (
        test_supervision,
        "test_an_operator_hears_a_call_and_only_one_at_a_time",
    ),
    "(button (Take over call|Hand back call|Say it to the caller) .*|textbox Say to the caller .*)": (
        test_supervision,
        "test_an_operator_takes_a_call_over_by_typing_and_hands_it_back",
    ),
    "checkbox Only calls that need attention": (
        test_supervision,
        "test_only_calls_that_need_attention_are_shown",
    ),
    "button Close the transcript of call .*": (
        test_operator_views,
        "test_several_calls_are_monitored_side_by_side_and_survive_a_reload",
    ),
    # the history
    "link Save as (JSONL|CSV)": (test_history, "test_the_history_is_saved_as_a_file"),
    "link Save as FLAC": (test_history, "test_a_gateway_with_a_key_lets_its_calls_be_heard_with_it"),
    "(searchbox Search transcript.*|button Search)": (
        test_history,
        "test_a_kept_call_is_found_opened_heard_and_deleted",
    ),
    "button Clear": (test_operator_views, "test_each_filter_of_the_history_narrows_it_and_stands_in_the_address"),
    "(searchbox|textbox|spinbutton|combobox) (Caller|Agent|Line|From|To|At .*|Slower .*|Ended|Recording)": (
        test_operator_views,
        "test_each_filter_of_the_history_narrows_it_and_stands_in_the_address",
    ),
    "(checkbox (Select .*)|textbox Tag for the selected calls|button .*(selected calls|Clear selection))": (
        test_what_came_of_it,
        "test_several_calls_are_tagged_saved_and_deleted_at_once",
    ),
    "link Save as selected (JSONL|CSV)": (
        test_what_came_of_it,
        "test_several_calls_are_tagged_saved_and_deleted_at_once",
    ),
    "(combobox|textbox) (Outcome|Tags, with commas|Note)|button Save notes|link Agent version .*": (
        test_what_came_of_it,
        "test_an_operator_writes_what_came_of_a_call_and_finds_it_by_that",
    ),
    "(searchbox|combobox) (Outcome|Tag)": (
        test_what_came_of_it,
        "test_an_operator_writes_what_came_of_a_call_and_finds_it_by_that",
    ),
    "combobox (Asked for a person|Questions|Engines|Test calls)": (
        test_what_came_of_it,
        "test_calls_are_narrowed_to_those_that_went_wrong",
    ),
    "(combobox (Why|Asked)|link (Add an answer|Call [0-9a-f]{8}).*)": (
        test_what_came_of_it,
        "test_a_question_without_an_answer_leads_to_its_calls_and_into_the_agent",
    ),
    "button (Newer|Older)": (test_history, "test_ten_thousand_calls_are_paged_without_lag"),
    "link Open the call of .*": (test_history, "test_a_kept_call_is_found_opened_heard_and_deleted"),
    "button (Delete call .*|.*: play from turn .*|.*latency breakdown)": (
        test_history,
        "test_a_kept_call_is_found_opened_heard_and_deleted",
    ),
    "button Close the call": (test_addresses, "test_a_kept_call_is_sent_as_a_link_with_a_moment"),
    "link (Grafana|Prometheus)": (test_charts, "test_grafana_and_prometheus_are_linked_where_there_are_any"),
    # the agent and the settings
    "button (Save|Revert|Add an example)": (test_panels, "test_the_agent_is_edited_kept_and_reverted"),
    "(textbox Fact \\d+|button (Remove fact \\d+|Add a fact))": (
        test_operator_views,
        "test_facts_are_pasted_removed_and_refused_in_their_line",
    ),
    "link (Fields|File \\(TOML\\)|Edit them in the agent's file|Go on with it)": (
        test_agent_file,
        "test_broken_text_outlives_a_reload_and_a_look_at_the_fields",
    ),
    "textbox Agent file \\(TOML\\)|button Line \\d+": (
        test_agent_file,
        "test_each_mistake_is_shown_at_its_line_and_is_not_saved",
    ),
    "textbox (Answer \\d+: .*|Documents|When nothing is known|Where no .*)|button (Add an|Remove) answer.*": (
        test_agent_file,
        "test_answers_documents_and_the_lines_of_every_case_have_fields",
    ),
    "button (Start|Cancel) the rehearsal|combobox (Agent|Scenarios|Calls of each)|link Rehearse": (
        test_rehearsals,
        "test_a_draft_is_rehearsed_and_what_went_wrong_is_named",
    ),
    "textbox Farewell": (test_agent_file, "test_the_fields_follow_the_file_and_the_file_the_fields"),
    "textbox (Language|Dates as in|Time zone|Opening hours)": (
        test_operator_views,
        "test_language_and_hours_are_saved_and_lines_that_are_none_are_named",
    ),
    "button Test call with what is written here": (
        test_operator_views,
        "test_a_test_call_is_answered_by_what_is_written_and_not_saved",
    ),
    "textbox Prompt": (test_panels, "test_the_agent_is_edited_kept_and_reverted"),
    "textbox (Agent name|Greeting|Transfer message|Silence prompt|Goodbye before hanging up)": (
        test_operator_views,
        "test_every_field_of_the_agent_is_saved_and_an_example_removed",
    ),
    "button (Compare|Load).* version \\d+ .*": (
        test_operator_views,
        "test_an_older_version_is_compared_and_taken_back",
    ),
    "searchbox Find a setting": (test_panels, "test_settings_are_found_by_their_words_and_secrets_stay_hidden"),
    "checkbox Only what differs from the defaults": (
        test_operator_views,
        "test_settings_that_differ_from_the_defaults_are_shown_alone",
    ),
}


def controls(page: Page) -> set[str]:
    """Every control that the view shows now, with all that is folded unfolded, as its role and its name."""
    page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
    return {f"{role} {name}".strip() for role, name in CONTROL.findall(page.locator("body").aria_snapshot())}


def untested(found: set[str]) -> list[str]:
    return sorted(one for one in found if not any(re.fullmatch(pattern, one) for pattern in TESTED))


def test_the_tests_that_are_named_exist() -> None:
    """A test that is renamed takes its control along."""
    assert [name for module, name in TESTED.values() if not callable(getattr(module, name, None))] == []


def test_no_control_of_the_call_and_the_history_is_untested(
    gateway: OpenGateway, visit: OpenPage, tmp_path: Path
) -> None:
    """Before a call, in one, after it; and the history with a call open."""
    here = gateway(keeps=True, data_dir=tmp_path, asks=("When do you open?",))
    call = test_history.keep(here)
    page = visit(here.url)
    expect(page.locator("#next-call").get_by_label("STT", exact=True)).to_be_visible()
    assert untested(controls(page)) == []
    page.goto(f"{here.url}/#/history/{call}")
    expect(page.locator(".kept-turns li")).to_have_count(1)
    found = controls(page)
    assert any("play from turn" in one for one in found)
    assert untested(found) == []
    page.get_by_label("Select all on this page").check()
    expect(page.get_by_role("region", name="Selected calls")).to_be_visible()
    assert untested(controls(page)) == []
    test_what_came_of_it.keep(here, "f" * 32, "Do you sell phones?", "I don't know.", unanswered="not_known")
    test_history.settle(here)
    page.goto(f"{here.url}/#/unanswered")
    expect(page.get_by_role("link", name="Add an answer")).to_have_count(1)
    assert untested(controls(page)) == []


def test_no_control_of_the_dashboard_is_untested(control: OpenControl, visit: OpenPage) -> None:
    """With models, services, a card and a call behind it."""
    there = control()
    first, _ = (there.do(lambda: ScriptedCall(there.calls)) for _ in range(2))
    page = visit(f"{there.url}/#/engines")
    for view in ("engines", "services", "machine", "calls", "agent", "rehearsals", "settings"):
        page.locator(f"#tab-{view}").click()
        expect(page.locator(f"#tab-{view}")).to_have_attribute("aria-selected", "true")
        if view == "calls":
            page.get_by_role("button", name=f"Monitor call {first.slot.id[:8]}").click()
            expect(page.get_by_label("Transcript of call")).to_be_visible()
        expect(page.get_by_role("tabpanel").get_by_text("Loading …")).to_have_count(0)
        found = controls(page)
        assert len(found) > 12, view
        assert untested(found) == [], view
