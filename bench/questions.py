"""Asks the demonstration agent's questions as a caller does, and says which answers are right.

    .venv/bin/python bench/questions.py [models …] [--first 100]

Each question is the first one of a call of its own, typed when the greeting has been heard, over the WebSocket of a
whole gateway: tasks, tools, rules and the language model answer as they answer callers. `questions.toml` served to set
the rules; `questions_held_out.toml` did not; to `questions_outside.toml` the right answer is that the agent does not
know.
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
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from lineside.errors import LinesideError
from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.protocol import FirstMessage, LlmToken, ReplyText, ServerMessage
from lineside.settings import load_settings
from lineside.task_events import ToolCalled
from lineside.testclient.client import CallClient

FILES = (
    "questions.toml",
    "questions_held_out.toml",
    "questions_stranger.toml",
    "questions_outside.toml",
    "questions_stranger_outside.toml",
)
UNKNOWN = r"(?:don't|do not) know"
CALLS = 6  # at once: while one asks, the others listen to the greeting


class Question(Struct, frozen=True):
    """What is asked, and what a right answer holds: every pattern of `right` and none of `wrong`."""

    asks: str
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


class Answer(Struct):
    """What the caller was told."""

    text: str = ""
    by: str = "rule"
    ms: float | None = None  # question sent → text of the answer whole
    fault: str = ""


async def main(models: list[str], first: int) -> bool:
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
                    for file in FILES:
                        await examine(gateway, f"{model}, {file}", read(file))
    return good


def read(file: str) -> list[Question]:
    """The questions of a file."""
    content = tomllib.loads(Path(__file__).with_name(file).read_text())
    outside = [Question(asks, (UNKNOWN,)) for asks in content.get("asks", [])]
    return [*msgspec.convert(content.get("question", []), list[Question]), *outside]


async def examine(gateway: RunningGateway, title: str, questions: list[Question]) -> None:
    """Ask these, each in a call of its own, and print what was answered."""
    answers = await ask_all(gateway, questions)
    good = [is_right(one, answer.text) for one, answer in zip(questions, answers, strict=True)]
    print(f"\n## {title}\n\n| right | question | answer | by | ms |\n| --- | --- | --- | --- | --- |")
    for one, answer, right in zip(questions, answers, good, strict=True):
        ms = "–" if answer.ms is None else round(answer.ms)
        print(f"| {'yes' if right else '**no**'} | {one.asks} | {answer.text or answer.fault} | {answer.by} | {ms} |")
    print(f"\n{title}: {sum(good)} of {len(good)} right; {counted(gateway, answers)}", flush=True)


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
            return await ask(gateway, question.asks, asking)

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(one(question)) for question in questions]
    return [task.result() for task in asked]


async def ask(gateway: RunningGateway, question: str, asking: asyncio.Lock) -> Answer:
    """Call, hear the greeting, type the question, hear the answer, hang up."""
    answer, sent, mine = Answer(), 0.0, False

    async def before(number: int) -> None:
        nonlocal sent, mine
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
                asking.release()

    try:
        await CallClient(gateway.url, FirstMessage(codec="pcm"), notice=notice, before_each=before).run(
            [("question", question)]
        )
    except LinesideError as fault:
        answer.fault = str(fault)
    finally:
        if mine:
            asking.release()
    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[load_settings().llm_model])
    parser.add_argument("--first", type=int, default=0, metavar="CALLS")
    arguments = parser.parse_args()
    sys.exit(0 if asyncio.run(main(arguments.models, arguments.first)) else 1)
