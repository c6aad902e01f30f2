"""`python -m lineside.engine_server.llm.speed FILE THREADS`: how many tokens a second a model writes on this machine.

It is run for a moment, in a process of its own whose threads wait for each other as those of the engine server do.

Counted is the time that its threads computed, not the time that went by: other programs' share of the processor is left
out, so that a busy machine is not taken for a slow one.
"""

import asyncio
import sys
import time
from contextlib import aclosing
from pathlib import Path

from lineside.engine_server.llm.llama import LlamaModel
from lineside.private_files import temporary_folder

ASKED = "Count from one to one hundred, in words."
TOKENS, TIMES = 32, 3  # of each answer, and answers, of which the fastest counts: others may be working
MOMENT = 1.5  # seconds for each answer


async def tokens_per_second(weights: Path, threads: int) -> float:
    """Load the model and have it write; up to six seconds.

    Raises `ConfigError` where it cannot be loaded, `EngineError` where it does not answer.
    """
    with temporary_folder("speed") as folder:
        model = LlamaModel(weights, folder, threads, slots=1)
        return max([await _written(model, threads) for _ in range(TIMES)])


async def _written(model: LlamaModel, threads: int) -> float:
    first = last = computed = 0.0
    pieces = -1
    async with aclosing(model.reply([{"role": "user", "content": ASKED}], TOKENS, 0.0)) as answer:
        async for piece in answer:
            if piece.text:
                last = time.perf_counter()
                if not first:
                    first, computed = last, time.process_time()
                pieces += 1
                if last - first > MOMENT:
                    break
    took = min(last - first, (time.process_time() - computed) / threads)
    return pieces / took if pieces > 0 and took > 0 else 0.0


if __name__ == "__main__":
    print(asyncio.run(tokens_per_second(Path(sys.argv[1]), int(sys.argv[2]))))
