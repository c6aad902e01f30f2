"""Prompts of callers' own: read, never kept, and never in the way of the operator's."""

import asyncio
import os
from pathlib import Path
from typing import Any

from lineside.engine_server.llm.llama import MAX_CALLER_PROMPT_CHARS, LlamaModel
from lineside.engine_server.llm.prompt_cache import MAX_PROMPTS, PromptCache
from lineside.engine_server.llm.slots import Slots
from tests.virtual_time import run

OPERATOR = [{"role": "system", "content": "You answer for the broadband desk. " * 20}]


class Model(LlamaModel):
    """A language model without weights: what it was asked is kept, and reading takes five seconds."""

    def __init__(self, folder: Path, slots: int = 4) -> None:
        self.slots, self._folder, self._prompt_cache = slots, folder, PromptCache(folder, "model")
        self._free, self._slots = asyncio.Semaphore(slots), Slots(slots)
        self._free_for_caller_prompts, self._answering, self._reading_caller_prompt = (
            asyncio.Semaphore(slots - 1),
            0,
            False,
        )
        self.asked: list[str] = []

    async def _ask_server(self, path: str, body: dict[str, Any]) -> bytes:
        self.asked.append(path)
        if "save" in path:
            (self._folder / body["filename"]).write_bytes(b"read")
        elif "restore" not in path:
            await asyncio.sleep(5.0)
        return b"{}"


def own(number: int, size: int = 200) -> list[dict[str, str]]:
    return [{"role": "system", "content": f"{number} " + "x" * size}]


def test_callers_prompts_are_never_kept(tmp_path: Path) -> None:
    """Twenty callers with prompts of their own, and the operator's is where it was."""

    async def story() -> None:
        model = Model(tmp_path)
        await model.warm(OPERATOR)
        kept = os.listdir(tmp_path)
        for number in range(20):
            await model.warm(own(number), keep=False)
        assert os.listdir(tmp_path) == kept
        assert sum("chat" in path for path in model.asked) == 21

    run(story())


def test_a_callers_prompt_is_read_beforehand_only_where_nobody_waits(tmp_path: Path) -> None:
    """One at a time, a short one, and none while an answer is under way: else with its first question."""

    async def story() -> None:
        model = Model(tmp_path)
        await model.warm(OPERATOR)
        model.asked.clear()
        await asyncio.gather(*(model.warm(own(number), keep=False) for number in range(4)))
        assert sum("chat" in path for path in model.asked) == 1
        await model.warm(own(9, MAX_CALLER_PROMPT_CHARS), keep=False)
        async with model._slot(OPERATOR):
            await model.warm(own(10), keep=False)
        assert sum("chat" in path for path in model.asked) == 1

    run(story())


def test_one_slot_is_always_left_for_the_operators_prompt(tmp_path: Path) -> None:
    """Six callers with long prompts of their own ask at once: a call of the desk has its slot without waiting."""

    async def story() -> float:
        clock = asyncio.get_running_loop().time
        model = Model(tmp_path)
        await model.warm(OPERATOR)

        async def answered(prompt: list[dict[str, str]]) -> None:
            async with model._slot(prompt):
                await asyncio.sleep(30.0)

        others = [asyncio.create_task(answered(own(number, 3000))) for number in range(6)]
        await asyncio.sleep(1.0)
        began = clock()
        async with model._slot([*OPERATOR, {"role": "user", "content": "When do you open?"}]):
            waited = clock() - began
        await asyncio.gather(*others)
        return waited

    assert run(story()) == 0.0


def test_the_prompt_that_calls_use_is_not_thrown_away(tmp_path: Path) -> None:
    """Eight changes of the agent later the one that is still asked for is there, however old it is."""

    async def story() -> None:
        model = Model(tmp_path)
        await model.warm(OPERATOR)
        for number in range(MAX_PROMPTS + 3):
            async with model._slot(OPERATOR):
                pass
            await model.warm(own(number))
        assert (tmp_path / model._prompt_cache.name("system\0" + OPERATOR[0]["content"] + "\0")).exists()

    run(story())
