"""`lineside doctor`: looks at this machine, then hears one sentence through the whole chain.

Where a lineside runs already, that one is examined; else one is started for the time of the call, which keeps nothing.
"""

import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Annotated

import psutil
import typer
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from lineside.agents.agent import load_agent
from lineside.audio.wav import read_wav
from lineside.cli.address import JsonOption, KeyOption, UrlOption, api_key, base_url, running_gateway_health
from lineside.cli.output import clean, print_json
from lineside.cli.running import run_async
from lineside.errors import ConfigError, LinesideError, leaves
from lineside.gateway.listen import gateway_socket
from lineside.loadtest.plan import HeardAnswer
from lineside.loadtest.recordings import OWN
from lineside.loadtest.wer import transcribed
from lineside.models.catalogue import needed
from lineside.models.store import locate
from lineside.protocol import FirstMessage
from lineside.settings import Settings, load_settings
from lineside.testclient.client import CallClient

QUESTION = OWN / "saturday.wav"  # "Can you tell me when you are open on Saturday?"
ENOUGH_CORES, ENOUGH_MEMORY = 2, 3 << 30  # the embedded engines take 1.5 to 2.5 GB


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    ok: bool
    says: str  # what was found, or what to do about it


def doctor(
    engine: Annotated[
        str, typer.Option("--engine", help="Ask this engine's server what tells: NAME, or ROLE:NAME for one role.")
    ] = "",
    url: UrlOption = "",
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Check this machine and hear one sentence through the whole chain; say how to fix each fault.

    A lineside that runs is examined as it runs. With --engine a server is: what it refuses, whether it streams, thinks,
    cuts long prompts, wants a language, and what lineside does about it. Exit code 1: something is wrong.
    """
    settings = load_settings()
    if engine:
        _examine(engine, settings, as_json=as_json)
        return
    findings: list[Finding] = []
    for finding in _found(url, key, settings):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        print_json({"findings": findings})
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _examine(engine: str, settings: Settings, *, as_json: bool) -> None:
    from lineside.cli.engine_doctor import EngineFinding, examined, print_finding

    findings: list[EngineFinding] = []

    async def ask() -> None:
        async with aclosing(examined(engine, settings)) as found:
            async for finding in found:
                findings.append(finding)
                if not as_json:
                    print_finding(finding)

    run_async(ask)
    if as_json:
        print_json({"findings": findings})
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _found(url: str, key: str, settings: Settings) -> Iterator[Finding]:
    """Each finding as it is made; the call is the last, and only tried where all before it were good."""
    health = running_gateway_health(url, settings)
    good = True
    for finding in _machine_findings(url, health, settings):
        good = good and finding.ok
        yield finding
    if good:
        yield run_async(lambda: _call(url if health is not None else None, api_key(key, settings), settings))
    else:
        yield Finding("call", False, "not tried; fix the problems above first")


def _print(finding: Finding) -> None:
    mark = ("ok  ", "green") if finding.ok else ("FAIL", "bold red")
    Console().print(Text.assemble(mark, f"  {finding.what}: {clean(finding.says)}"), soft_wrap=True)


def _machine_findings(url: str, health: dict[str, object] | None, settings: Settings) -> Iterator[Finding]:
    if url:
        says = f"{health['calls']} of {health['max_calls']} calls" if health else f"no lineside answers at {url}"
        yield Finding("lineside", health is not None, says)
        return  # that one may be another machine
    yield from _machine()
    if health is not None:
        at = base_url("", settings)
        yield Finding("lineside", True, f"runs at {at}, {health['calls']} of {health['max_calls']} calls; examining it")
    else:
        yield _port(settings)
    yield _agent(settings)
    yield from (_model(name, settings) for name in needed(settings.llm_model))


def _machine() -> Iterator[Finding]:
    cores, memory = os.cpu_count() or 1, psutil.virtual_memory().total
    enough = cores >= ENOUGH_CORES
    yield Finding("CPU", enough, f"{cores} cores" + ("" if enough else "; answers will be slow, use two or more"))
    enough = memory >= ENOUGH_MEMORY
    yield Finding("memory", enough, f"{memory / 2**30:.1f} GB" + ("" if enough else "; the embedded models need 3 GB"))
    found = [name for name, sign in (("AMD (ROCm)", "/dev/kfd"), ("NVIDIA", "/dev/nvidiactl")) if Path(sign).exists()]
    yield Finding("GPU", True, ", ".join(found) or "none detected; the embedded engines run on the CPU")


def _port(settings: Settings) -> Finding:
    try:
        gateway_socket(settings).close()
    except ConfigError as fault:
        return Finding("port", False, str(fault))
    return Finding("port", True, f"{settings.port} is free")


def _agent(settings: Settings) -> Finding:
    try:
        return Finding("agent", True, f"{load_agent(settings.agent_file).name} ({settings.agent_file})")
    except ConfigError as fault:
        return Finding("agent", False, str(fault))


def _model(name: str, settings: Settings) -> Finding:
    try:
        return Finding(f"model {name}", True, str(locate(name, settings.models_dir)))
    except ConfigError as fault:
        return Finding(f"model {name}", False, str(fault))


async def _call(url: str | None, key: str, settings: Settings) -> Finding:
    """Hear the greeting of a real call, ask a recorded question, and have the answer transcribed."""
    try:
        async with _gateway(url, settings) as address:
            hello = FirstMessage(codec="pcm", caller="doctor", record=False, tools=False, test=True)
            caller = CallClient(address, hello, key=key)
            call = await caller.run([("question", read_wav(QUESTION))])
            sound = read_wav(caller.reply_wav(last=True))
            turn = call.turns[0]
            answer = await transcribed(address, key, HeardAnswer(turn.reply, sound.pcm, sound.rate))
    except* (LinesideError, TimeoutError) as faults:
        return_value = Finding("call", False, "; ".join(str(fault) or "no answer in time" for fault in leaves(faults)))
    else:
        latency = f"{turn.voice_to_voice_ms:.0f} ms" if turn.voice_to_voice_ms else "no time at all"
        return_value = Finding(
            "call",
            bool(turn.transcript and answer) and _alike(turn.reply, answer),
            f"understood {turn.transcript!r}, answered {turn.reply!r} after {latency}, transcribed as {answer!r}",
        )
    return return_value


@asynccontextmanager
async def _gateway(url: str | None, settings: Settings) -> AsyncGenerator[str, None]:
    """The address of the lineside that runs, or of one that is started now and keeps no calls."""
    if url is not None:
        yield base_url(url, settings)
        return
    from lineside.gateway.startup import running_gateway

    own = settings.model_copy(update={"host": "127.0.0.1", "port": 0, "keep_calls": False, "api_keys": ()})
    async with running_gateway(own) as running:
        yield running.url


def _alike(meant: str, heard: str) -> bool:
    """Whether most of the words meant were heard; numbers may be written in another way."""
    wanted = _words(meant)
    return len(wanted & _words(heard)) >= 0.6 * len(wanted)


def _words(text: str) -> set[str]:
    plain = "".join(c if c.isalnum() else " " for c in text.lower())
    return {word for word in plain.split() if not word.isdigit()}
