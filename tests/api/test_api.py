"""The control API, by hand: each operation once as it should be, and what bad input is answered."""

import io
import json
from pathlib import Path

import pytest

from lineside.answered_by import AnsweredBy
from lineside.engines.fallback import FallbackLLM
from lineside.errors import ConfigError, EngineUnreachable
from lineside.host.client import HostAgentError
from lineside.protocol import ReplyMetrics
from tests.api.fixtures import ControlClient, FakeRegistry, Keeper, at_home


def test_engines_say_whether_they_would_answer(tmp_path: Path) -> None:
    """Up, down with the reason, or unknown where an engine cannot be checked."""

    async def story(control: ControlClient) -> None:
        there = control.dependencies.registry.engines  # type: ignore[attr-defined]
        there["llm"]["ollama"].fault = EngineUnreachable("nobody answers; start it with: ollama serve")
        _, now = await control.ask("GET", "/api/engines")
        assert now["stt"] == {
            "default": "faster-whisper",
            "engines": [
                {
                    "name": "faster-whisper",
                    "choices": ["faster-whisper-base"],
                    "default_choice": "faster-whisper-base",
                    "embedded": True,
                    "model": "faster-whisper-base",
                    "up": True,
                    "why": "",
                    "state": "available",
                    "answers": {
                        "engine": "faster-whisper",
                        "model": "faster-whisper-base",
                        "instead_of": "",
                        "why": "",
                    },
                    "download": "",
                    "fallback": None,
                }
            ],
            "unavailable": [],
        }
        ollama = now["llm"]["engines"][1]
        assert ollama["state"] == "not running"
        assert ollama["answers"]["engine"] == "embedded", "the default one stands in"
        assert (ollama["answers"]["instead_of"], ollama["answers"]["why"]) == ("ollama", "not running")
        assert (ollama["up"], ollama["why"]) == (False, "nobody answers; start it with: ollama serve")
        assert now["tts"]["engines"][0]["up"] is None
        assert now["tts"]["engines"][0]["state"] == "unchecked"
        assert now["tts"]["unavailable"] == [
            {"name": "elevenlabs", "state": "no key", "why": "set ELEVENLABS_API_KEY and restart"}
        ]
        await control.ask("GET", "/api/engines")
        assert there["stt"]["faster-whisper"].asked.count("check") == 1, "a check holds for ten seconds"

    at_home(story, tmp_path)


def test_the_choice_of_a_chain_is_that_of_the_engine_that_answers_in_it(tmp_path: Path) -> None:
    """`auto` has the first model of its first engine only while that one is up: a call gets the other's."""
    away = Keeper(choices=("llama3.2:3b", "qwen3:4b"))
    away.fault = EngineUnreachable("nobody answers; start it with: ollama serve")
    auto = FallbackLLM([("ollama", away), ("embedded", Keeper(choices=("qwen2.5-coder-0.5b",)))])  # type: ignore[list-item]

    async def story(control: ControlClient) -> None:
        _, now = await control.ask("GET", "/api/engines")
        (told,) = now["llm"]["engines"]
        assert told["choices"] == ["llama3.2:3b", "qwen3:4b", "qwen2.5-coder-0.5b"]
        assert told["default_choice"] == told["model"] == "qwen2.5-coder-0.5b"
        assert told["answers"]["engine"] == "embedded"

    at_home(story, tmp_path, registry=FakeRegistry({"stt": {}, "llm": {"auto": auto}, "tts": {}}))


def test_an_engine_that_was_stood_in_for_lately_says_by_whom_and_why(tmp_path: Path) -> None:
    """A check says that it is up; what callers heard says that it was too slow."""

    async def story(control: ControlClient) -> None:
        slow = AnsweredBy("piper", "en_US-joe-medium", "espeak", "too slow")
        control.dependencies.fallbacks.note(ReplyMetrics(at=1.0, turn=1, engines={"tts": slow}))
        _, now = await control.ask("GET", "/api/engines")
        told = now["tts"]["engines"][0]["fallback"]
        assert told["by"] == {
            "engine": "piper",
            "model": "en_US-joe-medium",
            "instead_of": "espeak",
            "why": "too slow",
        }
        assert 0 <= told["seconds_ago"] < 60

    at_home(story, tmp_path)


def test_an_engine_that_hangs_is_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check never takes longer than its time, and the others do not wait for it."""
    monkeypatch.setattr("lineside.api.engines.CHECK_SECONDS", 0.05)

    async def story(control: ControlClient) -> None:
        control.dependencies.registry.engines["llm"]["embedded"].hold.clear()  # type: ignore[attr-defined]
        _, now = await control.ask("GET", "/api/engines")
        assert now["llm"]["engines"][0]["why"] == "embedded did not answer in 0.05 s"
        assert now["stt"]["engines"][0]["up"] is True

    at_home(story, tmp_path)


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "/api/models/load", "{", ["truncated", "model (text of 1 to 200 characters, needed)"]),
        ("POST", "/api/models/load", "", ["model (text of 1 to 200 characters, needed)", "engine"]),
        ("POST", "/api/models/load", "{}", ["model"]),
        ("POST", "/api/models/load", '{"model":7}', ["model: Expected `str`, got `int`"]),
        ("POST", "/api/models/load", '{"model":""}', ["model: Expected `str` of length >= 1"]),
        ("POST", "/api/models/load", '{"model":"x","modle":"y"}', ["modle"]),
        ("POST", "/api/models/load", "[" * 100_000, ["allowed: model"]),
        ("POST", "/api/models/load", '{"modle":' + "[" * 100_000, ["allowed: model"]),
        ("POST", "/api/models/load", '"\\ud800"', ["allowed: model"]),
        ("POST", "/api/models/unload", '{"model":"x","wait":"yes"}', ["wait: Expected `bool`", "wait (true or false)"]),
        ("GET", "/api/services/whisper-server/logs?lines=0", None, ["lines: Expected `int` >= 1", "from 1 to 1000"]),
        ("GET", "/api/services/whisper-server/logs?lines=many", None, ["lines: Expected `int`"]),
        ("PUT", "/api/agent", '{"name":"x"}', ["prompt"]),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(
    tmp_path: Path, method: str, path: str, body: str | None, named: list[str]
) -> None:
    """400, the field, and what may stand there."""

    async def story(control: ControlClient) -> None:
        async with control.http.request(method, control.url + path, data=body) as answer:
            assert answer.status == 400
            error = (await answer.json())["error"]
        assert error["code"] == "bad_request"
        assert all(one in error["message"] for one in named), error["message"]

    at_home(story, tmp_path)


def test_what_there_is_not_is_answered_in_the_same_words(tmp_path: Path) -> None:
    """Unknown paths, wrong methods, bodies that are too large."""

    async def story(control: ControlClient) -> None:
        for path in ("/api/nothing", "/nothing/here"):
            assert (await control.refused("GET", path))[:2] == (404, "not_found")
        async with control.http.post(control.url + "/api/models") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET")
        large = io.BytesIO(b"x" * (2 << 20))
        async with control.http.post(control.url + "/api/models/load", data=large) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (413, "too_large")

    at_home(story, tmp_path)


def test_a_fault_of_ours_is_500_and_the_next_request_is_served(tmp_path: Path) -> None:
    """The answer says that the log has it; nothing else is disturbed."""

    async def story(control: ControlClient) -> None:
        control.dependencies.calls.list = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        assert (await control.refused("GET", "/api/calls"))[:2] == (500, "internal_error")
        assert (await control.ask("GET", "/api/agent"))[0] == 200

    at_home(story, tmp_path)


def test_calls_are_listed_watched_and_ended(tmp_path: Path) -> None:
    """An unknown call is answered with those that are up."""

    async def story(control: ControlClient) -> None:
        _, now = await control.ask("GET", "/api/calls")
        assert now["calls"][0]["last_e2e_ms"] == 640.0
        async with control.http.get(f"{control.url}/api/calls/5f0c/events") as answer:
            assert answer.content_type == "text/event-stream"
            events = (await answer.text()).split("\n\n")
        assert [json.loads(event.removeprefix("data: "))["turn"] for event in events[:-1]] == [1, 2]
        assert await control.ask("POST", "/api/calls/5f0c/end") == (200, {"ended": "5f0c"})
        assert control.dependencies.calls.ended == ["5f0c"]  # type: ignore[attr-defined]
        status, code, message = await control.refused("POST", "/api/calls/%2e%2e%2f/end")
        assert (status, code) == (404, "unknown_call")
        assert "active: 5f0c" in message
        assert (await control.refused("GET", "/api/calls/x/events"))[0] == 404

    at_home(story, tmp_path)


def test_the_agent_is_changed(tmp_path: Path) -> None:
    """What was put is what there is; what cannot be kept is refused."""

    async def story(control: ControlClient) -> None:
        put = {"name": "New", "prompt": "You sell bread.", "facts": ["We open at nine."]}
        _, agent = await control.ask("PUT", "/api/agent", put)
        assert agent["facts"] == put["facts"]
        assert (await control.ask("GET", "/api/agent"))[1] == agent
        _, kept = await control.ask("GET", "/api/agent/versions")
        assert [one["source"] for one in kept["versions"]] == ["page", "file"]
        assert kept["current"] == kept["versions"][0]["id"]
        stale = f"/api/agent?replaces={kept['versions'][1]['id']}"
        assert (await control.refused("PUT", stale, put))[:2] == (409, "changed_meanwhile")

        async def refuses(agent: object, replaces: str = "") -> None:
            raise ConfigError("the disk is full")

        control.dependencies.agents.change = refuses  # type: ignore[method-assign]
        assert await control.refused("PUT", "/api/agent", put) == (409, "not_changed", "the disk is full")

    at_home(story, tmp_path)


def test_settings_are_shown_and_secrets_are_not(tmp_path: Path) -> None:
    """Name, value, source; keys are masked."""

    async def story(control: ControlClient) -> None:
        _, now = await control.ask("GET", "/api/settings")
        rows = {row["name"]: row for row in now["settings"]}
        assert rows["API_KEYS"]["value"] == "********"
        assert rows["API_KEYS"]["secret"] is True
        assert "quite-secret" not in json.dumps(now)

    at_home(story, tmp_path, given={"api_keys": ("quite-secret",)})


def test_services_are_the_host_agents(tmp_path: Path) -> None:
    """Passed on, refusals too; a silent or missing agent is 503 with what to do."""

    async def story(control: ControlClient) -> None:
        assert (await control.ask("GET", "/api/services"))[1]["services"][0]["name"] == "whisper-server"
        assert (await control.ask("POST", "/api/services/whisper-server/start", {"model": "ggml-base"}))[0] == 200
        async with control.http.post(f"{control.url}/api/services/whisper-server/start") as answer:
            assert answer.status == 200, "no body is the default model"
        assert (await control.ask("POST", "/api/services/whisper-server/stop"))[0] == 200
        assert (await control.ask("GET", "/api/services/whisper-server/logs?lines=2"))[1] == {
            "lines": ["line 0", "line 1"]
        }
        status, code, message = await control.refused("POST", "/api/services/nginx/start", {"model": ""})
        assert (status, code) == (404, "unknown_service")
        assert "known: whisper-server" in message
        for fault, answer_ in (
            (HostAgentError(503, "no_host_agent", "no host agent is set"), (503, "no_host_agent")),
            (HostAgentError(504, "host_agent_silent", "it did not answer"), (503, "no_host_agent")),
            (HostAgentError(502, "not_ready", "it said: out of memory"), (502, "not_ready")),
            (HostAgentError(400, "bad_request", "what?"), (502, "bad_request")),
        ):
            control.dependencies.host.fault = fault  # type: ignore[attr-defined]
            assert (await control.refused("GET", "/api/services"))[:2] == answer_

    at_home(story, tmp_path)
