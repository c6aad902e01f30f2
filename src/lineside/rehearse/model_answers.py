"""A real language model at text level: typed words, a real model, and a clock that leaves out waiting."""

import asyncio
from typing import cast

from msgspec import Struct

from lineside.engines.protocols import LanguageModel
from lineside.errors import ConfigError, LinesideError
from lineside.gateway.runtime import open_registry
from lineside.rehearse.results import HeldCall, ScenarioResult, Shortfall
from lineside.rehearse.scenario import RehearsalDesk, Scenario
from lineside.rehearse.text_level import hold_by_text
from lineside.replay.jumping_loop import JumpingLoop, WorkInProgress
from lineside.replay.timed_engines import timed_llm
from lineside.settings import Settings


class AnsweringModel(Struct, frozen=True):
    """Which language model answers: an engine that the settings know, and one of its models; empty: its default."""

    engine: str
    model: str = ""


def parse_model(text: str) -> AnsweringModel:
    """`ENGINE` or `ENGINE:MODEL`; a model's name may have colons of its own. Raises `ConfigError`."""
    engine, _, model = text.partition(":")
    if not engine:
        raise ConfigError(f"--llm {text} names no engine; write one such as ollama:qwen3:4b")
    return AnsweringModel(engine, model)


def rehearse_with_model(
    desk: RehearsalDesk, settings: Settings, answering: AnsweringModel, runs: int = 1
) -> list[ScenarioResult]:
    """Hold every scenario so many times with this model.

    Raises:
        LinesideError: the engine is not there.
    """
    work = WorkInProgress()

    async def held(llm: LanguageModel, scenario: Scenario, seed: int) -> HeldCall:
        try:
            return (await hold_by_text(desk, scenario, seed, llm, answering.model)).held
        except LinesideError as fault:
            return HeldCall((Shortfall("not_run", str(fault)),), (), 0.0)

    async def story() -> list[ScenarioResult]:
        with work.done():
            async with open_registry(settings) as registry:
                await registry.prepare({"llm": (answering.engine, answering.model)})
                engine = registry.engine("llm", answering.engine)  # alone: nobody stands in for it
                llm = timed_llm(cast("LanguageModel", engine), work)
                with work.paused():
                    return [
                        ScenarioResult(one, tuple([await held(llm, one, seed) for seed in range(runs)]))
                        for one in desk.scenarios
                    ]

    with asyncio.Runner(loop_factory=lambda: JumpingLoop(work)) as runner:
        return runner.run(story())
