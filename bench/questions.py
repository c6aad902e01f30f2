"""Asks the demonstration agent's questions as a caller does, and says which answers are right.

    .venv/bin/python bench/questions.py [models …] [--first 100] [--files questions.toml …]

Each question is the first one of a call of its own, typed when the greeting has been heard, over the WebSocket of a
whole gateway: tasks, tools, rules and the language model answer as they answer callers. `questions.toml` served to set
the rules; `questions_held_out.toml` did not; to `questions_outside.toml` the right answer is that the agent does not
know. Asked back ("Did you mean: …?"), the caller says yes where that answer is the right one, else no.
With `--alone`, the agent's knowledge is asked without a call, without a model and without a deadline: what is found,
however busy the machine is; questions that begin a task or ask for a person are left out.
With `--first`, so many calls ask them in turn; exit code 1: one was answered with the greeting, or not at all.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import asyncio
import re
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from msgspec import Struct

from lineside.agents.agent import Agent, load_agent, wants_person
from lineside.agents.knowledge import agent_knowledge
from lineside.agents.knowledge.encoder_thread import EncoderThread
from lineside.agents.knowledge.knowledge import DidYouMean, Verbatim
from lineside.agents.tasks.routing import route
from lineside.audio.frame import AudioFrame
from lineside.errors import LinesideError
from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.models.store import locate
from lineside.protocol import FirstMessage, LlmToken, ReplyText, ServerMessage
from lineside.settings import load_settings
from lineside.task_events import ToolCalled
from lineside.testclient.client import CallClient

FILES = (
    "questions.toml",
    "questions_held_out.toml",
    "questions_stranger.toml",
    "questions_fresh.toml",
    "questions_new_caller.toml",
    "questions_outside.toml",
    "questions_stranger_outside.toml",
    "questions_fresh_outside.toml",
    "questions_new_caller_outside.toml",
)
UNKNOWN = r"(?:don't|do not) know"
ASKED_BACK = re.compile(r"^(?:Did you mean: |Is your question about )(.*)\?$")
MOST_TURNS = 3  # of one call: the question, and what it is answered where it was asked back
CALLS = 6  # at once: while one asks, the others listen to the greeting


class Question(Struct, frozen=True):
    """What is asked, and what a right answer holds: every pattern of `right` and none of `wrong`."""

    asks: str
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


class Answer(Struct):
    """What the caller was told."""

    text: str = ""
    asked_back: int = 0  # times that the agent asked what was meant
    by: str = "rule"
    ms: float | None = None  # question sent → text of the answer whole
    fault: str = ""


async def main(models: list[str], first: int, files: Sequence[str]) -> bool:
    """Whether all is well."""
    good = True
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            settings = load_settings(
                host="127.0.0.1", port=0, embedded_llm=model, data_dir=Path(folder), keep_calls=False, api_keys=()
            )
            async with running_gateway(settings) as gateway:
                if first:
                    good = await examine_first(gateway, model, first) and good
                else:
                    for file in files:
                        await examine(gateway, f"{model}, {file}", read(file))
    return good


async def examine_alone(files: Sequence[str]) -> None:
    """Ask the knowledge itself, and print what was answered at once, and what after being asked back."""
    settings = load_settings()
    encoder = EncoderThread(locate("all-minilm-l6-v2", settings.models_dir))
    agent, agent_knowledge.MEANING_WITHIN = load_agent(settings.agent_file), 60.0
    knows = await agent_knowledge.read_knowledge(agent, encoder)
    for file in files:
        questions = [one for one in read(file) if not wants_person(one.asks) and not route(one.asks, agent.tasks)]
        at_once = back = asked = 0
        for one in questions:
            inside, offered, said = one.right != (UNKNOWN,), tuple[str, ...](), agent.unknown
            match await knows.answer(one.asks, asked=agent.greeting):
                case Verbatim(passage=passage):
                    said = passage.says
                case DidYouMean(candidates=candidates):
                    offered = tuple(answer.passage.says for answer in candidates)
            right = any(is_right(one, answer) for answer in offered) if inside and offered else is_right(one, said)
            asked, at_once, back = (
                asked + bool(offered),
                at_once + (right and not offered),
                back + (right and bool(offered)),
            )
            if not right:
                print(f"no: {one.asks} → {offered or said}")
        print(
            f"{file}: {at_once} right at once, {back} after a question back, of {len(questions)}; {asked} asked back\n"
        )
    encoder.close()


def read(file: str) -> list[Question]:
    """The questions of a file."""
    content = tomllib.loads(Path(__file__).with_name(file).read_text())
    outside = [Question(asks, (UNKNOWN,)) for asks in content.get("asks", [])]
    return [*msgspec.convert(content.get("question", []), list[Question]), *outside]


async def examine(gateway: RunningGateway, title: str, questions: list[Question]) -> None:
    """Ask these, each in a call of its own, and print what was answered."""
    answers = await ask_all(gateway, questions)
    good = [is_right(one, answer.text) for one, answer in zip(questions, answers, strict=True)]
    print(
        f"\n## {title}\n\n| right | question | answer | asked back | by | ms |\n| --- | --- | --- | --- | --- | --- |"
    )
    for one, answer, right in zip(questions, answers, good, strict=True):
        told = answer.text or answer.fault
        back, ms = answer.asked_back or "", "–" if answer.ms is None else round(answer.ms)
        print(f"| {'yes' if right else '**no**'} | {one.asks} | {told} | {back} | {answer.by} | {ms} |")
    back = sum(right and answer.asked_back > 0 for right, answer in zip(good, answers, strict=True))
    print(f"\n{title}: {sum(good)} of {len(good)} right, {back} of them after being asked back; ", end="")
    print(counted(gateway, answers), flush=True)


async def examine_first(gateway: RunningGateway, model: str, first: int) -> bool:
    """Ask so many first questions. Whether each was answered, and none with the greeting."""
    questions = list(islice(cycle([one for file in FILES for one in read(file)]), first))
    answers = await ask_all(gateway, questions)
    for one, answer in zip(questions, answers, strict=True):
        if not answer.text or greets(gateway, answer.text):
            print(f"{one.asks} → {answer.text or answer.fault or 'nothing'}")
    print(f"{model}, {first} first questions: {counted(gateway, answers)}", flush=True)
    return all(answer.text and not greets(gateway, answer.text) for answer in answers)


def counted(gateway: RunningGateway, answers: list[Answer]) -> str:
    """Who answered how many, how fast, and what was no answer."""
    times = {by: [one.ms for one in answers if one.by == by and one.ms is not None] for by in ("rule", "tool", "model")}
    said = [f"{len(ms)} by {by}, p50 {median(ms):.0f} ms" for by, ms in times.items() if ms]
    greetings = sum(greets(gateway, answer.text) for answer in answers)
    nothing = sum(not answer.text for answer in answers)
    return f"{'; '.join(said)}; {greetings} greetings, {nothing} unanswered"


def is_right(question: Question, answer: str) -> bool:
    """Whether it holds all that it must and nothing that it must not."""
    found = all(re.search(pattern, answer, re.I) for pattern in question.right)
    return bool(answer) and found and not any(re.search(pattern, answer, re.I) for pattern in question.wrong)


def greets(gateway: RunningGateway, answer: str) -> bool:
    """Whether a sentence of the greeting comes again."""
    sentences = re.split(r"(?<=[.?!])\s+", gateway.agents.agent().greeting)
    return any(sentence.lower() in answer.lower() for sentence in sentences if sentence)


async def ask_all(gateway: RunningGateway, questions: list[Question]) -> list[Answer]:
    """One call each, some at once; only one question at a time waits for its answer."""
    calls, asking = asyncio.Semaphore(CALLS), asyncio.Lock()

    async def one(question: Question) -> Answer:
        async with calls:
            return await ask(gateway, question, asking)

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one(question)) for question in questions]
    return [task.result() for task in asked]


class Caller(Sequence[tuple[str, AudioFrame | str]]):
    """What one caller says: the question, then yes or no to what they are asked back."""

    def __init__(self, agent: Agent, question: Question) -> None:
        self._question, self._next = question, question.asks
        self._answers = {asks.rstrip("?. "): one.says for one in agent.answers for asks in (*one.asks, one.about)}

    def heard(self, reply: str) -> bool:
        """Whether this reply asks back."""
        found = ASKED_BACK.search(reply)
        if found is not None:
            right = is_right(self._question, self._answers[found[1]])
            self._next = "Yes." if right and self._question.right != (UNKNOWN,) else "No."
        return found is not None

    def __len__(self) -> int:
        return MOST_TURNS

    def __getitem__(self, number: Any) -> Any:
        if not self._next or number >= MOST_TURNS:
            raise IndexError(number)
        says, self._next = self._next, ""
        return "question", says


async def ask(gateway: RunningGateway, question: Question, asking: asyncio.Lock) -> Answer:
    """Call, hear the greeting, type the question, hear the answer, hang up."""
    answer, sent, mine = Answer(), 0.0, False
    caller = Caller(gateway.agents.agent(), question)

    async def before(number: int) -> None:
        nonlocal sent, mine
        if not number:
            await asking.acquire()
        sent, mine = time.perf_counter(), True

    def notice(event: ServerMessage) -> None:
        nonlocal mine
        match event:
            case LlmToken() if mine:
                answer.by = "model"
            case ToolCalled() if mine:
                answer.by = "tool"
            case ReplyText(text=text) if mine:
                answer.text, answer.ms, mine = text, (time.perf_counter() - sent) * 1000, False
                if caller.heard(text):
                    answer.asked_back += 1
                else:
                    asking.release()

    try:
        await CallClient(gateway.url, FirstMessage(codec="pcm"), notice=notice, before_each=before).run(caller)
    except LinesideError as fault:
        answer.fault = str(fault)
    finally:
        if mine or (answer.asked_back and ASKED_BACK.search(answer.text)):
            asking.release()
    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[load_settings().llm_model])
    parser.add_argument("--first", type=int, default=0, metavar="CALLS")
    parser.add_argument("--files", nargs="+", default=FILES, metavar="FILE", help="questions to ask, of this folder")
    parser.add_argument("--alone", action="store_true", help="ask the knowledge alone, without calls")
    arguments = parser.parse_args()
    if arguments.alone:
        asyncio.run(examine_alone(arguments.files))
        sys.exit(0)
    sys.exit(0 if asyncio.run(main(arguments.models, arguments.first, arguments.files)) else 1)
