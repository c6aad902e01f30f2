"""What only Asterisk's REST interface can do: warm transfer, our own calls, keys out, music; a lineside that dies."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable

from asterisk_phones import before_tone, said, seconds_of_tone, tone
from asterisk_trial import ARI, CALLERS, COLLEAGUES, MUSIC, OTHER_WEB, PASSWORD, Trial, always_open

from lineside.protocol import EndReason
from lineside.transports.base import AudioMeter
from lineside.transports.dialer import DialedCall, DialOrder
from lineside.transports.line_control import OfferedCall

ASKS = "Can I speak to a real person, please?"


class AriTrial:
    """The checks of extension 102 beside those of every line."""

    def __init__(self, trial: Trial, stt: str) -> None:
        self._trial, self._caller, self._colleague, self._stt = trial, trial.caller, trial.colleague, stt

    async def run(self, only: list[str]) -> None:
        """All of them."""
        for name, check in (
            ("ARI, warm transfer", self.warm),
            ("ARI, warm transfer sent back", self.sent_back),
            ("ARI, warm transfer nobody takes", self.not_answered),
            ("ARI, call of ours", self.called),
            ("ARI, call of ours, nobody there", self.called_nobody),
            ("ARI, lineside killed in a call", self.killed),
        ):
            await self._trial.run(name, check, only)

    async def _asks_for_a_person(self) -> None:
        trial = self._trial
        trial.transfer_how("warm")
        asks = await trial.spoken(ASKS)
        await self._caller.dial("102", said(trial.folder / "person.wav", 9.0, asks, 12.0, tone(CALLERS, 60.0)))

    async def warm(self) -> str:
        """Music for the caller, the summary for the colleague, joined by a 1; then each hears the other."""
        trial = self._trial
        await trial.switch_on_colleague()
        await self._asks_for_a_person()
        await self._colleague.established(40)
        await asyncio.sleep(12)
        await self._colleague.press("1")
        await asyncio.sleep(12)
        left = await trial.active_count()
        await self._caller.order("hangup")
        await self._colleague.ended(10)
        heard, theirs = await self._caller.over(), await self._colleague.over()
        call = await trial.last_call()
        assert call["call"]["reason"] == "transferred", call["call"]["reason"]
        music = seconds_of_tone(heard, MUSIC)
        ours, others = seconds_of_tone(heard, COLLEAGUES), seconds_of_tone(theirs, CALLERS)
        whispered = "" if trial.light else await trial.transcribed(before_tone(theirs, CALLERS))
        assert music > 2, f"{music} s of music"
        assert ours > 2 < others, (ours, others)
        assert trial.light or "press" in whispered.lower(), whispered
        return (
            f"{music:.1f} s of music; the colleague heard {whispered[:160]!r}, pressed 1, and had the caller: "
            f"heard each other for {ours:.1f} and {others:.1f} s, {left} calls of lineside's meanwhile"
        )

    async def sent_back(self) -> str:
        """The colleague presses 2: the caller is back with the agent, who says so."""
        await self._trial.switch_on_colleague()
        await self._asks_for_a_person()
        await self._colleague.established(40)
        await asyncio.sleep(4)
        await self._colleague.press("2")
        await self._colleague.ended(5)
        return await self._back()

    async def not_answered(self) -> str:
        """No telephone is there: the caller is back at once."""
        await self._asks_for_a_person()
        await asyncio.sleep(45)
        return await self._back()

    async def _back(self) -> str:
        await asyncio.sleep(8)
        active = await self._trial.active()
        await self._caller.order("hangup")
        await asyncio.sleep(2)
        heard = await self._caller.over()
        call = await self._trial.last_call()
        assert call["call"]["id"] == active["id"]
        assert call["call"]["reason"] == "caller_hung_up", call["call"]["reason"]
        said_last = " ".join(turn["reached"] for turn in call["turns"])
        assert "nobody could take your call" in said_last, said_last
        return f"{seconds_of_tone(heard, MUSIC):.1f} s of music, then the same call went on: '… {said_last[-60:]}'"

    async def called(self) -> str:
        """We call: it rings, is answered, our sound is heard, keys come out, music plays, we hang up."""
        trial = self._trial
        await trial.switch_on_colleague()
        rang: list[bool] = []

        async def hold(offered: OfferedCall) -> EndReason:
            leg = offered.connect(AudioMeter())
            running = asyncio.create_task(leg.transport.run(_Deaf()))
            await leg.control.answer()
            for _ in range(15):
                leg.transport.send(tone(CALLERS, 0.2, leg.transport.rate))
                await asyncio.sleep(0.2)
            await asyncio.sleep(0.5)
            await leg.control.send_digits("12#")
            await leg.control.hold(on=True)
            await asyncio.sleep(3)
            await leg.control.hold(on=False)
            await leg.control.hang_up("caller_silent")
            await asyncio.wait([running], timeout=3)
            return "caller_silent"

        ari = trial.gateway.gateway.telephones.ari
        assert ari is not None
        order = DialOrder(to="support", caller_id="+15550100")
        outcome = await ari.dial(order, DialedCall("trial", hold, lambda: rang.append(True)))
        log = self._colleague.log
        heard = await self._colleague.over()
        pressed = "".join(re.findall(r"received event: '(.)' \(end=0\)", log))
        ours, music = seconds_of_tone(heard, CALLERS), seconds_of_tone(heard, MUSIC)
        assert outcome.result == "answered", outcome
        assert ours > 2, ours
        assert music > 1.5, music
        return f"rang {len(rang)} time(s), {ours:.1f} s of ours heard, keys {pressed!r}, {music:.1f} s of music"

    async def called_nobody(self) -> str:
        """Nobody is at the telephone: an outcome, and nothing is left."""
        ari = self._trial.gateway.gateway.telephones.ari
        assert ari is not None

        async def hold(offered: OfferedCall) -> EndReason:
            raise AssertionError("answered")

        outcome = await ari.dial(DialOrder(to="support", ring_seconds=5), DialedCall("trial", hold, lambda: None))
        return f"{outcome.result} ({outcome.detail})"

    async def killed(self) -> str:
        """A lineside of its own is killed (SIGKILL) in the middle of a call: the caller is with the colleague."""
        trial = self._trial
        light = {
            "DEFAULT_LLM_ENGINE": "scripted",
            "DEFAULT_TTS_ENGINE": "scripted",
            "DEFAULT_STT_ENGINE": "whisper-server",
            "WHISPER_SERVER_URL": self._stt,
        }
        env = (
            os.environ
            | light
            | {
                "PORT": str(OTHER_WEB),
                "WORKERS": "1",
                "ARI_URL": f"http://127.0.0.1:{ARI}",
                "ARI_PASSWORD": PASSWORD,
                "ARI_APP": "other",
                "ARI_MEDIA": "other",
                "DATA_DIR": str(trial.folder / "other"),
                "AGENT_FILE": str(always_open(trial.folder / "other.toml", light=True)),
            }
        )
        process = await self._other_lineside(env)
        try:
            await trial.switch_on_colleague()
            await self._caller.dial("103", said(trial.folder / "quiet.wav", 60.0))
            await asyncio.sleep(6)
            before = await trial.asterisk("core show channels count")
            process.send_signal(signal.SIGKILL)
            began = asyncio.get_running_loop().time()
            await self._colleague.established(20)
            took = asyncio.get_running_loop().time() - began
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        assert "0 active channels" not in before, before
        left = await trial.asterisk("bridge show all")
        process = await self._other_lineside(env)
        swept = await trial.asterisk("bridge show all")
        process.terminate()
        await process.wait()
        assert "other." in left, left
        assert "other." not in swept, swept
        return (
            f"the colleague had the caller {took:.1f} s after lineside was killed; its bridge is swept by the next one"
        )

    async def _other_lineside(self, env: dict[str, str]) -> asyncio.subprocess.Process:
        trial = self._trial
        log = (trial.folder / "other.log").open("ab")
        command = (sys.executable, "-m", "lineside", "serve")
        process = await asyncio.create_subprocess_exec(*command, env=env, stdout=log, stderr=log)
        began = log.tell()  # Asterisk lists an application also when nobody is connected any more
        async with asyncio.timeout(180):
            while b"channels are known" not in (trial.folder / "other.log").read_bytes()[began:]:
                await asyncio.sleep(0.5)
        return process


class _Deaf:
    """A call that does not listen."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *heard: None
