"""espeak-ng, the real program."""

import asyncio
import os
import shutil
import stat
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest

from lineside.engines.vendors.espeak import Espeak
from lineside.errors import EngineError
from tests.engines.fixtures import all_of, built, missing

real = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed: apt install espeak-ng")

LONG = "This goes on and on for quite a while, and then some more. " * 20


def told(story: Callable[[Espeak], Awaitable[None]], **given: Any) -> None:
    async def main() -> None:
        await story(built(Espeak, None, **given))

    asyncio.run(main(), debug=True)


def running() -> int:
    """How many of its processes are ours."""
    return len([p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE])


@real
def test_closing_a_sentence_ends_its_process() -> None:
    """At once, in the middle of a long one; nothing is left to be waited for."""

    async def story(engine: Espeak) -> None:
        before = running()
        async with aclosing(engine.speak(LONG, "")) as sounds:
            await anext(sounds)
            assert running() == before + 1
        assert running() == before

    told(story)


@real
def test_no_more_processes_than_allowed() -> None:
    """A further sentence waits for one to end."""

    async def story(engine: Espeak) -> None:
        before = running()
        async with AsyncExitStack() as held:
            for _ in range(2):
                sounds = await held.enter_async_context(aclosing(engine.speak(LONG, "")))
                await anext(sounds)
            third = asyncio.create_task(all_of(engine.speak("Yes.", "")))
            await asyncio.sleep(0.2)
            assert running() == before + 2
            assert not third.done()
        assert await third

    told(story, tts_pool_size=2)


@real
@pytest.mark.parametrize("sentence", ["[[f@'nEtIk]] words", "-v de --help", "<speak>words</speak>", "words\x00more"])
def test_what_is_said_is_text_and_no_order(sentence: str) -> None:
    """Neither options nor phonemes nor markup come in by way of the words."""

    async def story(engine: Espeak) -> None:
        sounds = await all_of(engine.speak(sentence, ""))
        assert " ".join(word for sound in sounds for _, word in sound.words) == " ".join(sentence.split())

    told(story)


@real
def test_phonemes_are_read_out_and_not_obeyed() -> None:
    """It would take what stands in double brackets for its own notation."""

    async def story(engine: Espeak) -> None:
        odd, plain = [
            b"".join(sound.pcm for sound in await all_of(engine.speak(sentence, "")))
            for sentence in ("[[f@'nEtIk]] words", "[ [f@'nEtIk]] words")
        ]
        assert odd == plain

    told(story)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 1", "espeak-ng returned no audio"),
        ("cat", "espeak-ng produced no audio"),
        (None, "espeak-ng cannot be started: No such file or directory; on Debian: apt install espeak-ng"),
    ],
)
def test_a_program_that_gives_no_sound_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, says: str
) -> None:
    """It ends at once, it says something else, it is not there."""
    if script is not None:
        program = tmp_path / "espeak-ng"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))

    async def story(engine: Espeak) -> None:
        with pytest.raises(EngineError, match=says):
            await all_of(engine.speak("Are you there?", ""))

    told(story)


def test_it_is_offered_only_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a check says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "espeak-ng" in missing(Espeak)

    async def story(engine: Espeak) -> None:
        with pytest.raises(EngineError, match="apt install espeak-ng"):
            await engine.check()

    told(story)
