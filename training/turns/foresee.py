"""Asks the language model of every pause whether the turn may end there, as a call does before it asks for an answer.

    python -m training.turns.foresee fit|held|cost [--models-dir ~/.cache/lineside] [--cache ~/.cache/lineside-bench]

Adds `ends` to `<cache>/<half>/heard.jsonl` where it is missing. The conversation is the sample agent's opening, what
the agent had asked, and the caller's words so far. Nothing here is fitted.
`cost` asks about sentences of the fitting half and says how much later an answer's first token is for it.
"""

import argparse
import asyncio
import tempfile
import time
import tomllib
from contextlib import aclosing
from pathlib import Path

import msgspec
import numpy as np
from training.turns.hear import HeardPause, HeardTurn, read

from lineside.agents.agent import load_agent
from lineside.call.chat_history import ChatHistory
from lineside.engine_server.llm.llama import LlamaModel
from lineside.engines.protocols import Message
from lineside.turns.endpointing import bare

AGENT = Path(__file__).parents[2] / "samples" / "broadband.toml"
MODEL = "qwen2.5-coder-0.5b"


def main() -> None:
    """Ask about one half."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("half", choices=["fit", "held", "cost"])
    parser.add_argument("--model", default=MODEL, help="of those in the folder of models")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/lineside-bench").expanduser())
    arguments = parser.parse_args()
    [weights] = (arguments.models_dir / arguments.model).glob("*.gguf")
    if arguments.half == "cost":
        with tempfile.TemporaryDirectory() as prompts_folder:
            asyncio.run(_cost(LlamaModel(weights, Path(prompts_folder), arguments.threads, 1)))
        return
    listing = arguments.cache / arguments.half / "heard.jsonl"
    turns = read(listing)
    with tempfile.TemporaryDirectory() as prompts_folder:
        seconds = asyncio.run(_ask(turns, LlamaModel(weights, Path(prompts_folder), arguments.threads, 1), listing))
    if seconds:
        middle, most = np.quantile(seconds, [0.5, 0.95])
        print(f"{len(seconds)} pauses, {1000 * middle:.0f} ms each, p95 {1000 * most:.0f} ms")


async def _ask(turns: list[HeardTurn], llm: LlamaModel, listing: Path) -> list[float]:
    """Seconds that each took. Written now and then, so that a run that is broken off can go on."""
    opening, seconds = load_agent(AGENT).opening(), []
    for number, turn in enumerate(turns):
        if number % 50 == 0:
            _write(turns, listing)
        for pause in turn.pauses:
            messages = _messages(opening, turn, pause)
            if pause.ends is None and messages is not None:
                began = time.monotonic()
                pause.ends = await llm.may_end(messages)
                seconds.append(time.monotonic() - began)
    _write(turns, listing)
    return seconds


def _write(turns: list[HeardTurn], listing: Path) -> None:
    with listing.with_suffix(".new").open("wb") as out:
        out.writelines(msgspec.json.encode(turn) + b"\n" for turn in turns)
    listing.with_suffix(".new").replace(listing)


async def _cost(llm: LlamaModel) -> None:
    opening = [{"role": said.role, "content": said.content} for said in load_agent(AGENT).opening()]
    await llm.warm(opening)
    said = tomllib.loads((Path(__file__).parent / "said.toml").read_text("utf-8"))["fit"]["open"]
    asked, first, alone = [], [], []
    for number, text in enumerate(each.replace("| ", "") for each in said):
        messages = [*opening, {"role": "user", "content": text}]
        if number % 2:  # every second sentence, so that both have the machine of the same minutes
            alone.append(await _first_token(llm, messages))
            continue
        began = time.monotonic()
        await llm.may_end([*opening, {"role": "user", "content": bare(text)}])
        asked.append(time.monotonic() - began)
        first.append(asked[-1] + await _first_token(llm, messages))
    for name, seconds in (("the opinion", asked), ("first token after it", first), ("first token alone", alone)):
        low, middle, high = np.quantile(seconds, [0.25, 0.5, 0.75]) * 1000
        print(f"{name:22} {middle:4.0f} ms ({low:.0f}–{high:.0f})")


async def _first_token(llm: LlamaModel, messages: list[dict[str, str]]) -> float:
    began = time.monotonic()
    async with aclosing(llm.reply(messages, 20, 0.0)) as pieces:
        await anext(pieces)
    return time.monotonic() - began


def _messages(opening: tuple[Message, ...], turn: HeardTurn, pause: HeardPause) -> list[dict[str, str]] | None:
    words = bare(pause.words)
    if not words:
        return None
    history = ChatHistory(opening)
    history.agent(turn.turn.asked)
    return [{"role": said.role, "content": said.content} for said in history.messages(asking=words)]


if __name__ == "__main__":
    main()
