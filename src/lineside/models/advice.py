"""Which embedded language model this machine should use, and why: what `EMBEDDED_LLM=auto` is settled by.

A model writes as fast as its weights can be read from memory, once for each token. So a model that is on the disk is
run for a moment, and the others' tokens per second follow from their sizes; where none is, from the memory's own speed,
carefully. The best that was ever measured here counts: a machine that is busy now is not slow. No instruct model was
ever run where this was written.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import msgspec
import numpy as np
import psutil
from msgspec import Struct

from lineside.models import store
from lineside.models.entries import Model
from lineside.models.instruct_models import INSTRUCT

SPEED = "speed.json"  # the file in the models' folder that keeps the best measurement of this machine
CHOICE = "embedded-llm"  # the file in the models' folder that keeps the choice of `lineside models pull`
SHARE = 0.6  # of the memory bandwidth: a careful guess at what llama.cpp gets
ENOUGH = 20.0  # tokens a second: the first sentence is there after half a second
ROOM = 1.4  # times the size of its file: what a model takes in memory, with its context
BESIDE = 2 << 30  # bytes for the other models, calls and the system
MEASURED = 96 << 20  # bytes that are read, far more than any cache holds
TIMES = 5  # of which the fastest counts: others may be working
AWAY = (407, 502, 503, 504)  # a proxy's answers for a publisher that cannot be reached
REACHED_WITHIN = 5.0  # seconds for the publisher to answer

Verdict = Literal["fits", "too slow", "too big"]


class FittingModel(Struct, frozen=True):
    """A model, and how it would do here."""

    model: str
    bytes: int
    memory_bytes: int
    tokens_per_second: float  # from its size, and what was measured
    downloaded: bool
    verdict: Verdict


class Advice(Struct, frozen=True):
    """What this machine should use."""

    model: str
    why: str
    memory_bytes: int  # that are free
    bandwidth: float  # bytes a second, measured
    publisher_reached: bool | None  # None: nobody had to ask
    candidates: tuple[FittingModel, ...]
    measured: "MachineSpeed | None" = None  # None: no model could be run; the figures are estimates from `bandwidth`


class MachineSpeed(Struct, frozen=True):
    """How fast a model wrote here, at best."""

    model: str
    bytes: int
    tokens_per_second: float
    cores: int

    @property
    def weights(self) -> float:
        """Bytes of weights that were read in a second."""
        return self.tokens_per_second * self.bytes


def bandwidth() -> float:
    """Bytes a second that this machine reads from memory, with all cores that lineside may use."""
    from concurrent.futures import ThreadPoolExecutor

    threads = max(1, min(8, len(os.sched_getaffinity(0))))
    parts = np.array_split(np.ones(MEASURED // 8, np.float64), threads)
    fastest = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(TIMES):
            began = time.perf_counter()
            list(pool.map(np.sum, parts))
            fastest = min(fastest, time.perf_counter() - began)
    return MEASURED / fastest


def advise(
    coder: str,
    root: Path,
    *,
    read: float,
    memory: int,
    reached: bool | None,
    models: Sequence[Model] = INSTRUCT,
    measured: MachineSpeed | None = None,
) -> Advice:
    """The best instruct model that this machine can bear and have; `coder`, of the package index, where there is none.

    Args:
        coder: the model for this machine that can be had in any case.
        root: the models' folder.
        read: measured bytes a second.
        memory: bytes that are free.
        reached: whether the publisher answers.
        models: the best first.
        measured: what a model did here.
    """
    weights = SHARE * read if measured is None else measured.weights
    candidates = tuple(_candidate(model, root, weights, memory) for model in models)
    fitting = [one for one in candidates if one.verdict == "fits"]
    had = [one for one in fitting if one.downloaded or reached]
    if had:
        best = had[0]
        here = "downloaded" if best.downloaded else "its publisher answers"
        why = f"the best instruct model that fits: about {best.tokens_per_second:.0f} tokens/s; {here}"
        return Advice(best.model, why, memory, read, reached, candidates, measured)
    if fitting:
        why = f"{fitting[0].model} would fit, but its publisher cannot be reached; the package index has this one"
    else:
        why = "no instruct model is fast and small enough for this machine"
    return Advice(coder, why, memory, read, reached, candidates, measured)


def _candidate(model: Model, root: Path, weights: float, memory: int) -> FittingModel:
    needs, rate = round(model.bytes * ROOM), weights / model.bytes
    verdict: Verdict = "too big" if needs + BESIDE > memory else "too slow" if rate < ENOUGH else "fits"
    downloaded = store.state(model, root) in ("ready", "unchecked")
    return FittingModel(model.name, model.bytes, needs, round(rate, 1), downloaded, verdict)


def best_speed(root: Path, now: MachineSpeed | None) -> MachineSpeed | None:
    """The best that was measured with so many cores, now or before; it is kept in the models' folder."""
    cores = len(os.sched_getaffinity(0))
    try:
        before = msgspec.json.decode((root / SPEED).read_bytes(), type=MachineSpeed)
    except (OSError, ValueError):
        before = None
    if before is not None and before.cores == cores and (now is None or before.weights >= now.weights):
        return before
    if now is not None:
        with suppress(OSError):  # a folder that is only read: it is measured again the next time
            (root / SPEED).write_bytes(msgspec.json.encode(now))
    return now


def advise_here(
    coder: str,
    root: Path,
    *,
    mirror: str = "",
    models: Sequence[Model] = INSTRUCT,
    measured: MachineSpeed | None = None,
) -> Advice:
    """Measure this machine, ask whether the publisher answers, and advise."""
    address = next(source for source in models[0].files[0].sources if isinstance(source, str))
    reached = asyncio.run(publisher_answers(mirror or address))
    return advise(
        coder,
        root,
        read=bandwidth(),
        memory=psutil.virtual_memory().available,
        reached=reached,
        models=models,
        measured=measured,
    )


async def publisher_answers(address: str) -> bool:
    """Whether anybody answers there."""
    where = urlsplit(address)
    timeout = aiohttp.ClientTimeout(total=REACHED_WITHIN)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as http,
            http.head(f"{where.scheme}://{where.netloc}/") as answer,
        ):
            return answer.status not in AWAY
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False


def keep_choice(root: Path, model: str) -> None:
    """Have `EMBEDDED_LLM=auto` mean this one from here on."""
    (root / CHOICE).write_text(f"{model}\n")


def forget_choice(root: Path, model: str) -> None:
    """This one is gone; if it was the choice, there is none."""
    path = root / CHOICE
    if path.is_file() and path.read_text().strip() == model:
        path.unlink()
