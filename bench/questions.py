"""Asks the demonstration desk's questions of a language model, and says which answers are right.

    .venv/bin/python bench/questions.py qwen2.5-coder-0.5b [more models …]

Each question is the first one of a call that began with the agent's greeting, at temperature 0, with the rules of the
agent before the model, the time of day and the greeting in front of it, as in a call. An answer that is the greeting
again is counted apart.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import asyncio
import re
import sys
import time
import tomllib
from contextlib import aclosing
from pathlib import Path
from statistics import median

from lineside.call.chat_history import ChatHistory
from lineside.engines.protocols import LlmRequest, Token
from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.settings import load_settings

QUESTIONS = Path(__file__).with_name("questions.toml")


async def main(models: list[str]) -> None:
    questions = tomllib.loads(QUESTIONS.read_text())["question"]
    for model in models:
        async with running_gateway(load_settings(port=0, embedded_llm=model)) as gateway:
            await examine(gateway, model, questions)


async def examine(gateway: RunningGateway, model: str, questions: list[dict[str, str | list[str]]]) -> None:
    print(f"\n## {model}\n\n| right | question | answer | first token ms |\n| --- | --- | --- | --- |")
    right, greetings, waits = 0, 0, []
    greeting = gateway.agents.agent().greeting
    for question in questions:
        asks = str(question["asks"])
        answer, wait = await ask(gateway, asks)
        good = all(re.search(pattern, answer, re.I) for pattern in question.get("right", []))
        good = good and not any(re.search(pattern, answer, re.I) for pattern in question.get("wrong", []))
        right += good
        greetings += answer == greeting
        if wait is not None:
            waits.append(wait)
        print(f"| {'yes' if good else '**no**'} | {asks} | {answer} | {'by rule' if wait is None else round(wait)} |")
    print(
        f"\n{model}: {right} of {len(questions)} right, {greetings} greetings; first token p50 {median(waits):.0f} ms",
        flush=True,
    )


async def ask(gateway: RunningGateway, question: str) -> tuple[str, float | None]:
    agent = gateway.agents.agent()
    if (fixed := agent.by_rule(question)) is not None:
        return fixed, None
    clock = agent.desk_clock()
    history = ChatHistory(agent.opening(), clock.before if clock else None)
    history.agent(agent.greeting)
    messages = history.messages(asking=question)
    began, wait, answer = time.perf_counter(), 0.0, ""
    async with aclosing(gateway.registry.llm().reply(messages, LlmRequest())) as tokens:
        async for token in tokens:
            if isinstance(token, Token):
                wait = wait or (time.perf_counter() - began) * 1000
                answer += token.text
    return " ".join(answer.split()), wait


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or [load_settings().llm_model]))
