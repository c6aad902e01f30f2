"""Asks the demonstration desk's questions, and says which answers are right.

    .venv/bin/python bench/questions.py qwen2.5-coder-0.5b [more models …]

Each question is the first one of a call that began with the agent's greeting, answered as in a call: by the agent's
rules and from its answers, or else by the language model at temperature 0. `questions.toml` served to set the rules;
`questions_held_out.toml` did not; to `questions_outside.toml` the right answer is that the agent does not know.
An answer that is the greeting again is counted apart.
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

from lineside.agents.knowledge.agent_knowledge import Knows
from lineside.call.answer_by_rule import ByRule, answer_by_rule
from lineside.call.chat_history import ChatHistory
from lineside.engines.protocols import LlmRequest, Token
from lineside.gateway.runtime import knowledge_cache
from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.settings import load_settings

FILES = ("questions.toml", "questions_held_out.toml", "questions_outside.toml")
UNKNOWN = "don't know"


async def main(models: list[str]) -> None:
    for model in models:
        async with running_gateway(load_settings(port=0, embedded_llm=model)) as gateway:
            agent = gateway.agents.agent()
            async with knowledge_cache(load_settings(), agent) as knowledge:
                knows = await knowledge.of(agent)
                for file in FILES:
                    content = tomllib.loads(Path(__file__).with_name(file).read_text())
                    questions = content.get("question") or [{"asks": q, "right": [UNKNOWN]} for q in content["asks"]]
                    await examine(gateway, knows, f"{model}, {file}", questions)


async def examine(
    gateway: RunningGateway, knows: Knows, title: str, questions: list[dict[str, str | list[str]]]
) -> None:
    print(f"\n## {title}\n\n| right | question | answer | first token ms |\n| --- | --- | --- | --- |")
    right, greetings, by_rule, waits = 0, 0, 0, []
    greeting = gateway.agents.agent().greeting
    for question in questions:
        asks = str(question["asks"])
        answer, wait = await ask(gateway, knows, asks)
        good = all(re.search(pattern, answer, re.I) for pattern in question.get("right", []))
        good = good and not any(re.search(pattern, answer, re.I) for pattern in question.get("wrong", []))
        right += good
        greetings += answer == greeting
        by_rule += wait is None
        if wait is not None:
            waits.append(wait)
        print(f"| {'yes' if good else '**no**'} | {asks} | {answer} | {'by rule' if wait is None else round(wait)} |")
    first = f"; first token p50 {median(waits):.0f} ms" if waits else ""
    print(f"\n{title}: {right} of {len(questions)} right, {by_rule} by rule, {greetings} greetings{first}", flush=True)


async def ask(gateway: RunningGateway, knows: Knows, question: str) -> tuple[str, float | None]:
    agent = gateway.agents.agent()
    clock = agent.desk_clock()
    history = ChatHistory(agent.opening(), clock.before if clock else None)
    history.agent(agent.greeting)
    if (fixed := agent.by_rule(question)) is not None:
        return fixed, None
    known = await answer_by_rule(knows, history, question, unknown=agent.unknown)
    if isinstance(known, ByRule):
        return known.text, None
    messages = history.messages(asking=question, context=known.context)
    began, wait, answer = time.perf_counter(), 0.0, ""
    async with aclosing(gateway.registry.llm().reply(messages, LlmRequest())) as tokens:
        async for token in tokens:
            if isinstance(token, Token):
                wait = wait or (time.perf_counter() - began) * 1000
                answer += token.text
    return " ".join(answer.split()), wait


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or [load_settings().llm_model]))
