"""Rehearsals over the API: the agent's own scenarios, one at a time, in a process of their own."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lineside.api import rehearsals
from tests.api.fixtures import ControlClient, at_home

VISIT, ORDER = "books a visit", "asks where the order is"


async def ended(control: ControlClient) -> dict[str, Any]:
    """How it stands once it is over."""
    for _ in range(2400):
        _, now = await control.ask("GET", "/api/rehearsal")
        if now["state"] != "running":
            return dict(now)
        await asyncio.sleep(0.05)
    raise AssertionError("the rehearsal does not end")


def demonstration(control: ControlClient) -> Any:
    from lineside.agents.agent import load_agent

    return load_agent(control.dependencies.settings.agent_file)


def test_the_demonstration_agent_goes_through_its_scenarios(tmp_path: Path) -> None:
    """All of them, twice each; what was said is told."""

    async def story(control: ControlClient) -> None:
        await control.dependencies.agents.change(demonstration(control))
        status, began = await control.ask("POST", "/api/rehearsal", {"runs": 2})
        assert (status, began["state"], began["saved"]) == (200, "running", True)
        assert began["total"] == len(began["scenarios"]) > 5
        now = await ended(control)
        assert (now["state"], now["why"]) == ("done", "")
        assert {one["name"]: one["passed"] for one in now["results"]} == {
            one["name"]: 2 for one in began["scenarios"]
        }, [one["faults"] for one in now["results"]]
        assert any(line["who"] == "agent" and "booked" in line["text"] for line in now["results"][2]["conversation"])

    at_home(story, tmp_path)


def test_a_draft_that_lost_a_tool_fails_in_the_scenarios_that_need_it(tmp_path: Path) -> None:
    """The draft is tried, not what answers; only the scenarios that are named; and what went wrong has a name."""

    async def story(control: ControlClient) -> None:
        agent = demonstration(control)
        _, told = await control.ask("POST", "/api/agent/check", {"text": 'name = "A"\nprompt = "B"\nfarewell = "Bye."'})
        body = {"agent": told["agent"], "only": [VISIT, ORDER]}
        assert (await control.ask("POST", "/api/rehearsal", body))[1]["saved"] is False
        now = await ended(control)
        assert [(one["name"], one["passed"]) for one in now["results"]] == [(ORDER, 0), (VISIT, 0)]
        assert "the agent has no" in now["results"][0]["faults"][0]["what"]
        assert control.dependencies.agents.agent() != agent, "nothing is saved by a rehearsal"

    at_home(story, tmp_path)


def test_one_at_a_time_and_a_cancelled_one_ends_with_its_process(tmp_path: Path) -> None:
    """A second is refused; after the cancel another may begin."""

    async def story(control: ControlClient) -> None:
        assert (await control.refused("POST", "/api/rehearsal/cancel"))[:2] == (409, "not_under_way")
        await control.ask("POST", "/api/rehearsal", {"runs": 8})
        assert (await control.refused("POST", "/api/rehearsal", {}))[:2] == (409, "under_way")
        _, now = await control.ask("POST", "/api/rehearsal/cancel")
        assert now["state"] == "cancelled"
        assert (await control.ask("POST", "/api/rehearsal", {"only": [ORDER]}))[0] == 200
        await control.ask("POST", "/api/rehearsal/cancel")

    at_home(story, tmp_path)


@pytest.mark.parametrize(
    ("written", "code", "why"),
    [
        (None, "no_scenarios", "there is no agent.scenarios.toml"),
        ("[[scenario]", "no_scenarios", "cannot be read"),
        ("agent = 'agent.toml'", "no_scenarios", "has no [[scenario]]"),
        ("agent = 'agent.toml'\n[[scenario]]\nname = 'other'", "unknown_scenario", "there is no scenario 'x'"),
    ],
)
def test_what_cannot_be_rehearsed_is_told(tmp_path: Path, written: str | None, code: str, why: str) -> None:
    """No file, a broken one, an empty one, a name that is not in it."""
    agent = tmp_path / "agent.toml"
    agent.write_text('name = "A"\nprompt = "B"')
    if written is not None:
        agent.with_suffix(".scenarios.toml").write_text(written)

    async def story(control: ControlClient) -> None:
        status, told, words = await control.refused("POST", "/api/rehearsal", {"only": ["x"]})
        assert (status, told) == (409, code)
        assert why in words

    at_home(story, tmp_path, given={"agent_file": agent})


def test_a_scenario_that_cannot_be_read_fails_the_rehearsal_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program's own words; and one that takes too long is ended."""
    agent = tmp_path / "agent.toml"
    agent.write_text('name = "A"\nprompt = "B"')
    scenarios = agent.with_suffix(".scenarios.toml")
    scenarios.write_text('agent = "agent.toml"\n[[scenario]]\nname = "a"\ncallr = ["Hello."]')

    async def story(control: ControlClient) -> None:
        await control.ask("POST", "/api/rehearsal", {})
        now = await ended(control)
        assert now["state"] == "failed"
        assert "callr" in now["why"]
        scenarios.write_text('agent = "agent.toml"\n[[scenario]]\nname = "a"\ncaller = ["Hello."]')
        monkeypatch.setattr(rehearsals, "LONGEST", 0.01)
        await control.ask("POST", "/api/rehearsal", {})
        assert "took longer than 0.01 s" in (await ended(control))["why"]

    at_home(story, tmp_path, given={"agent_file": agent})
