"""A desk whose tools a language model calls: over OpenAI's wire, a model that behaves, and the guards in between."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from bench.desk_model import BehavedServer
from msgspec.structs import replace
from typer.testing import CliRunner

from lineside.agents.tasks.state import Question, TaskState
from lineside.cli.main import app
from lineside.errors import ConfigError
from lineside.rehearse.asked_in_words import asked_in, with_question
from lineside.rehearse.model_answers import AnsweringModel, parse_model, rehearse_with_model
from lineside.rehearse.scenario import load_desk
from lineside.settings import load_settings
from tests.fakes import serving

FILES = Path(__file__).parents[2] / "bench" / "desk"
SOME = (
    "yes, but on another day",
    "a caller who talks over the read-back",
    "a plan that cannot be changed goes to a person",
    "a card number that is spoken is not taken",
)


@contextmanager
def served(server: BehavedServer) -> Iterator[str]:
    """The model at an address of its own, in a thread: a rehearsal has the loop of this one."""
    urls: list[str] = []
    ready, loops = threading.Event(), list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()

    async def keep_open() -> None:
        over = asyncio.Event()
        async with serving(server.app()) as url:
            urls.append(url)
            loops.append((asyncio.get_running_loop(), over))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(keep_open()), name="model")
    thread.start()
    assert ready.wait(10)
    try:
        yield urls[0]
    finally:
        loop, over = loops[0]
        loop.call_soon_threadsafe(over.set)
        thread.join(10)


def test_a_model_that_calls_the_tools_gets_callers_business_done() -> None:
    """Orders, corrections, second thoughts, barge-in, a refusal, a card number: the end states are those meant."""
    desk = load_desk(FILES)
    chosen = tuple(one for one in desk.scenarios if one.name in SOME)
    server = BehavedServer(desk.agent, date(2026, 12, 1))
    native = replace(desk, scenarios=chosen, agent=replace(desk.agent, tool_calls="native"))
    with served(server) as url:
        settings = load_settings(_env_file=None, openai_url=url)
        results = rehearse_with_model(native, settings, AnsweringModel("openai"))
    assert {result.scenario.name: result.runs[0].failures for result in results if result.runs[0].failures} == {}
    assert len(results) == len(SOME)
    assert server.asked >= 12, "the model was asked, and no rule in its place"


def test_a_model_that_is_not_there_is_named_and_nothing_passes_for_it() -> None:
    """Nobody stands in for the model that is rehearsed."""
    desk = load_desk(FILES)
    desk = replace(desk, scenarios=desk.scenarios[:1], agent=replace(desk.agent, tool_calls="native"))
    settings = load_settings(_env_file=None, openai_url="http://127.0.0.1:9")
    (result,) = rehearse_with_model(desk, settings, AnsweringModel("openai"))
    assert result.passed == 0
    assert {failure.kind for failure in result.runs[0].failures} >= {"no_tool"}


@pytest.mark.parametrize(
    ("words", "slot"),
    [
        ("May I have your order number?", "order_number"),
        ("Sure! Could you tell me your order number, please?", "order_number"),
        ("Which day would suit you best?", "day"),
        ("In the morning, or rather the afternoon?", "part_of_day"),
        ("Have you restarted your router already?", "restarted"),
        ("Your order was sent.", ""),
        ("Do you like cheese?", ""),
    ],
)
def test_a_caller_knows_what_a_model_asks_in_words_of_its_own(words: str, slot: str) -> None:
    """The slot, by the words of its question."""
    asked = asked_in(words, load_desk(FILES).agent)
    assert (asked.slot if asked is not None else "") == slot


def test_what_a_rule_asks_counts_more_than_words() -> None:
    """The read-back is asked by rule."""
    agent = load_desk(FILES).agent
    by_rule = TaskState(asked=Question("write", "Shall I?"))
    assert with_question(by_rule, "Which day suits you?", agent) is by_rule
    more = with_question(TaskState(), "Can I do anything else for you?", agent).asked
    assert more is not None
    assert more.kind == "more"


def test_a_model_is_named_by_its_engine_first() -> None:
    """`ollama:qwen3:4b` is the model `qwen3:4b` of Ollama."""
    assert parse_model("ollama:qwen3:4b") == AnsweringModel("ollama", "qwen3:4b")
    with pytest.raises(ConfigError, match="names no engine"):
        parse_model(":x")


def test_the_command_says_what_it_does_not_know() -> None:
    """An engine that is none, and a level at which no model is chosen."""
    told = CliRunner().invoke(app, ["rehearse", str(FILES), "--llm", "nobody", "--only", "an outage"])
    assert told.exit_code != 0
    assert "nobody" in str(told.exception or told.output)
    told = CliRunner().invoke(app, ["rehearse", str(FILES), "--llm", "openai", "--level", "sound"])
    assert "--set DEFAULT_LLM_ENGINE" in str(told.exception or told.output)
