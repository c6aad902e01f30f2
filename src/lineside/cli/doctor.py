"""The doctor: looks at this machine, then hears one sentence through the whole chain."""

import os
from contextlib import aclosing
from pathlib import Path

import psutil
from msgspec import Struct
from rich.console import Console

from lineside.agents.agent import load_agent
from lineside.audio.frame import EAR_RATE, AudioFrame, Utterance
from lineside.audio.input_resampler import InputResampler
from lineside.audio.wav import read_wav
from lineside.errors import ConfigError, LinesideError
from lineside.gateway.listen import gateway_socket
from lineside.gateway.startup import RunningGateway, running_gateway
from lineside.models.catalogue import needed
from lineside.models.store import locate
from lineside.protocol import FirstMessage
from lineside.settings import Settings
from lineside.testclient.client import CallClient

QUESTION = "What time do you open on Saturday?"
ENOUGH_CORES, ENOUGH_MEMORY = 2, 3 << 30  # the embedded engines take 1.5 to 2.5 GB


class Finding(Struct, frozen=True):
    """One thing looked at."""

    what: str
    good: bool
    says: str  # what was found, or what to do about it


async def examine(settings: Settings, out: Console) -> bool:
    """Print every finding as it is made; answer whether all are good."""
    good = True
    for look in (_machine, _gpu, _port, _agent, _models):
        for finding in look(settings):
            good = _show(finding, out) and good
    if not good:
        out.print("The chain was not tried: mend the above first.")
        return False
    return _show(await _chain(settings), out)


def _show(finding: Finding, out: Console) -> bool:
    mark = "[green]good[/]" if finding.good else "[bold red]bad [/]"
    out.print(f"{mark}  {finding.what}: {finding.says}", highlight=False, soft_wrap=True)
    return finding.good


def _machine(settings: Settings) -> list[Finding]:
    cores = os.cpu_count() or 1
    memory: int = psutil.virtual_memory().total
    return [
        Finding(
            "CPU",
            cores >= ENOUGH_CORES,
            f"{cores} cores" + ("" if cores >= 2 else "; answers will be slow, use two or more"),
        ),
        Finding(
            "memory",
            memory >= ENOUGH_MEMORY,
            f"{memory / 2**30:.1f} GB" + ("" if memory >= ENOUGH_MEMORY else "; the embedded models need 3 GB"),
        ),
    ]


def _gpu(settings: Settings) -> list[Finding]:
    found = [name for name, sign in (("AMD (ROCm)", "/dev/kfd"), ("NVIDIA", "/dev/nvidiactl")) if Path(sign).exists()]
    return [Finding("GPU", True, ", ".join(found) or "none seen; the embedded engines run on the CPU")]


def _port(settings: Settings) -> list[Finding]:
    try:
        gateway_socket(settings).close()
    except ConfigError as fault:
        return [
            Finding("port", False, f"{fault} (A lineside that runs already holds it rightly: stop it to be examined.)")
        ]
    return [Finding("port", True, f"{settings.port} is free")]


def _agent(settings: Settings) -> list[Finding]:
    try:
        return [Finding("agent", True, f"{load_agent(settings.agent_file).name} ({settings.agent_file})")]
    except ConfigError as fault:
        return [Finding("agent", False, str(fault))]


def _models(settings: Settings) -> list[Finding]:
    return [_model(name, settings) for name in needed(settings.llm_model)]


def _model(name: str, settings: Settings) -> Finding:
    try:
        return Finding(f"model {name}", True, str(locate(name, settings.models_dir)))
    except ConfigError as fault:
        return Finding(f"model {name}", False, str(fault))


async def _chain(settings: Settings) -> Finding:
    """Ask a question in the agent's own voice, over a real call, and have the answer written down again."""
    try:
        async with running_gateway(settings.model_copy(update={"port": 0})) as running:
            question = await _spoken(running, QUESTION)
            caller = CallClient(running.url, FirstMessage(codec="pcm", greeting=""))
            call = await caller.hold([("question", question)])
            answer = await _written(running, read_wav(caller.reply_wav()))
    except (LinesideError, TimeoutError) as fault:
        return Finding("one call", False, f"{fault or 'no answer in time'}")
    turn = call.turns[0]
    good = bool(turn.transcript and answer) and _alike(turn.reply, answer)
    latency = f"{turn.voice_to_voice_ms:.0f} ms" if turn.voice_to_voice_ms else "never"
    says = (
        f"asked {QUESTION!r}, understood {turn.transcript!r}, answered {turn.reply!r} after {latency}, heard {answer!r}"
    )
    return Finding("one call", good, says)


async def _spoken(running: RunningGateway, text: str) -> AudioFrame:
    pcm, rate = bytearray(), EAR_RATE
    async with aclosing(running.registry.tts().speak(text, "")) as sounds:
        async for sound in sounds:
            pcm, rate = pcm + sound.frame.pcm, sound.frame.rate
    return AudioFrame(bytes(pcm), rate)


async def _written(running: RunningGateway, sound: AudioFrame) -> str:
    resampler = InputResampler(sound.rate, EAR_RATE)
    pcm = resampler.feed(sound.pcm) + resampler.end()
    heard = await running.registry.stt().transcribe(Utterance(pcm, 0.0, sound.seconds))
    return heard.text


def _alike(meant: str, heard: str) -> bool:
    """Whether most of the words meant were heard; numbers may be written in another way."""
    wanted = _words(meant)
    return len(wanted & _words(heard)) >= 0.6 * len(wanted)


def _words(text: str) -> set[str]:
    plain = "".join(c if c.isalnum() else " " for c in text.lower())
    return {word for word in plain.split() if not word.isdigit()}
