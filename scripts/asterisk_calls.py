"""Calls through a real Asterisk: what the caller hears, says and presses, and where the call goes (asterisk.sh)."""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
from aiohttp import web
from asterisk_ari_calls import AriTrial
from asterisk_phones import RATE, said, seconds_of_tone, tone
from asterisk_trial import (
    ARI,
    CALLERS,
    COLLEAGUES,
    PASSWORD,
    QUESTION,
    SOCKET,
    WEB,
    Trial,
    always_open,
    configure,
    words_of,
)

from lineside.gateway.startup import running_gateway
from lineside.processes.ports import free_port
from lineside.settings import load_settings

SPEAKS_AFTER = 9.0  # seconds: the greeting has been heard
LINES = (("chan_websocket", "100"), ("AudioSocket", "101"), ("ARI", "102"))


class LineChecks:
    """What is checked over every line."""

    def __init__(self, trial: Trial) -> None:
        self._trial, self._caller = trial, trial.caller

    async def question(self, extension: str) -> str:
        """A spoken question, its answer transcribed back, who called, and the caller's hang-up."""
        trial = self._trial
        await self._caller.dial(extension, said(trial.folder / "question.wav", SPEAKS_AFTER, QUESTION, 24.0))
        await asyncio.sleep(SPEAKS_AFTER + 24)
        await self._caller.order("hangup")
        await asyncio.sleep(2)
        heard = await self._caller.over()
        call = await trial.last_call()
        told, turns = call["call"], call["turns"]
        turn = next((turn for turn in turns if turn["heard"]), turns[-1])  # whoever is silent after it is asked again
        ends = (
            ("caller_hung_up", "transferred") if trial.light else ("caller_hung_up",)
        )  # all that light hears is a wish
        assert (told["caller"], told["called"]) == ("anna", extension), told
        assert told["reason"] in ends, told
        if trial.light:
            loud = np.abs(np.frombuffer(heard[: len(heard) & ~1], "<i2").astype(int)).reshape(-1)
            return f"{len(call['turns'])} replies, {np.count_nonzero(loud > 500) / RATE:.1f} s of sound heard"
        words = await trial.transcribed(heard)
        assert "saturday" in turn["heard"].lower(), turn
        missed = [word for word in words_of(turn["reached"]) if word not in words_of(words)]
        share = len(missed) / max(1, len(words_of(turn["reached"])))
        assert share <= 0.25, f"reached {turn['reached']!r}, transcribed {words!r}"
        return f"asked {turn['heard']!r}, answered {turn['reached']!r}, {share:.0%} of its words not heard back"

    async def barge_in(self, extension: str) -> str:
        """The caller talks over the greeting."""
        await self._caller.dial(extension, said(self._trial.folder / "over.wav", 2.2, QUESTION, 12.0))
        await asyncio.sleep(12)
        await self._caller.order("hangup")
        await asyncio.sleep(2)
        await self._caller.over()
        call = await self._trial.last_call()
        cut = [turn for turn in call["turns"] if turn["cut"]]
        assert cut, [turn["reached"] for turn in call["turns"]]
        return f"cut after {cut[0]['reached']!r}"

    async def keys(self, extension: str) -> str:
        """Keys reach the call, the same twice in a row twice."""
        await self._caller.dial(extension, said(self._trial.folder / "quiet.wav", 30.0))
        await asyncio.sleep(SPEAKS_AFTER)
        await self._caller.press("155#")
        await asyncio.sleep(5)
        await self._caller.order("hangup")
        await asyncio.sleep(2)
        await self._caller.over()
        call = await self._trial.last_call()
        told = " ".join(turn["heard"] for turn in call["turns"])
        pressed = "".join(re.findall(r"keys pressed: ([0-9*#]+)", told))
        assert pressed == "155", told
        return f"pressed {pressed}"

    async def hang_up_by_us(self, extension: str) -> str:
        """An operator ends the call: the goodbye is heard, then Asterisk hangs up on the caller."""
        trial = self._trial
        await self._caller.dial(extension, said(trial.folder / "quiet.wav", 30.0))
        await asyncio.sleep(SPEAKS_AFTER)
        active = await trial.active()
        async with trial.http.post(f"{trial.gateway.url}/api/calls/{active['id']}/end") as answer:
            ended = answer.status
        if ended >= 400:
            async with trial.http.delete(f"{trial.gateway.url}/api/calls/{active['id']}") as answer:
                ended = answer.status
        await self._caller.ended(15)
        heard = await self._caller.over()
        call = await trial.last_call()
        assert call["call"]["reason"] == "ended_by_operator", (ended, call["call"]["reason"])
        words = "" if trial.light else await trial.transcribed(heard)
        return f"heard {words[-60:]!r}, then the PBX hung up"

    async def transferred(self, extension: str) -> str:
        """The caller asks for a person, and the colleague's telephone has them: each hears the other."""
        trial = self._trial
        trial.transfer_how("cold")
        await trial.switch_on_colleague()
        asks = await trial.spoken("Can I speak to a real person, please?")
        says = said(trial.folder / "person.wav", SPEAKS_AFTER, asks, 9.0, tone(CALLERS, 20.0))
        await self._caller.dial(extension, says)
        await trial.colleague.established(35)
        await asyncio.sleep(12)
        await self._caller.order("hangup")
        await trial.colleague.ended(10)
        heard, theirs = await self._caller.over(), await trial.colleague.over()
        call = await trial.last_call()
        assert call["call"]["reason"] == "transferred", (call["call"]["reason"], call["turns"][-1])
        assert call["call"]["transferred_to"] == "support"
        ours, others = seconds_of_tone(heard, COLLEAGUES), seconds_of_tone(theirs, CALLERS)
        assert ours > 2 < others, (ours, others)
        return (
            f"heard {call['turns'][-1]['reached']!r}; then the caller heard the colleague for {ours:.1f} s, "
            f"the colleague the caller for {others:.1f} s; both hung up together"
        )

    async def dead_lineside(self, extension: str) -> str:
        """Nobody answers at lineside's address: the caller is with the colleague, not in silence."""
        trial = self._trial
        config = trial.root / "etc/asterisk/extensions.conf"
        kept = config.read_text()
        config.write_text(kept.replace(f":{WEB}", ":9").replace("Stasis(lineside,", "Stasis(nobody,"))
        await trial.asterisk("dialplan reload")
        try:
            await trial.switch_on_colleague()
            await self._caller.dial(extension, said(trial.folder / "quiet.wav", 12.0))
            await trial.colleague.established(12)
        finally:
            config.write_text(kept)
            await trial.asterisk("dialplan reload")
        return "the colleague's telephone rang and was answered"


async def main(root: Path, *, light: bool, only: list[str]) -> int:
    """All checks; answers the exit code. `light`: scripted engines, for the lines alone; nothing is transcribed."""
    configure(root)
    stt = f"http://127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="lineside-asterisk-") as name:
        folder = Path(name)
        settings = load_settings(
            port=WEB,
            workers=1,
            asterisk=True,
            audiosocket_port=SOCKET,
            ari_url=f"http://127.0.0.1:{ARI}",
            ari_password=PASSWORD,
            transfer_to="support",
            data_dir=folder / "data",
            record_calls=True,
            agent_file=always_open(folder / "agent.toml", light=light),
            **({f"default_{role}_engine": "scripted" for role in ("llm", "tts")} if light else {}),
            **({"default_stt_engine": "whisper-server", "whisper_server_url": stt} if light else {}),
        )
        async with _recogniser(stt), running_gateway(settings) as gateway, aiohttp.ClientSession() as http:
            process = await asyncio.create_subprocess_exec(
                "chroot", str(root), "asterisk", "-f", "-U", "root", "-G", "root"
            )
            trial = Trial(root, gateway, http, folder, light=light)
            try:
                began = time.monotonic()
                while "fully booted" not in (await trial.asterisk("core waitfullybooted")).lower():
                    assert time.monotonic() - began < 60, "Asterisk does not start"
                    await asyncio.sleep(0.5)
                print(await trial.asterisk("core show version"), flush=True)
                while "lineside" not in await trial.asterisk("ari show apps"):
                    assert time.monotonic() - began < 90, "lineside is not connected"
                    await asyncio.sleep(0.5)
                checks = LineChecks(trial)
                for line, extension in LINES:
                    for what, check in (
                        ("question", checks.question),
                        ("barge-in", checks.barge_in),
                        ("keys", checks.keys),
                        ("hung up by us", checks.hang_up_by_us),
                        ("cold transfer", checks.transferred),
                        ("lineside not there", checks.dead_lineside),
                    ):
                        await trial.run(f"{line}, {what}", lambda check=check, to=extension: check(to), only)  # type: ignore[misc]
                await AriTrial(trial, stt).run(only)
                await trial.run("nothing left", trial.nothing_left, [])
            finally:
                for phone in (trial.caller, trial.colleague):
                    await phone.over()
                await trial.asterisk("core stop now")
                await process.wait()
        return 0 if all(well for _, well, _ in trial.results) else 1


@asynccontextmanager
async def _recogniser(url: str) -> AsyncGenerator[None, None]:
    """For `--light`: whisper-server's answer to everything is that a person is wanted."""

    async def inference(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"text": " Can I speak to a real person, please?", "segments": []})

    async def health(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=64 << 20)
    app.add_routes([web.post("/inference", inference), web.get("/health", health)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(url.rpartition(":")[2])).start()
    try:
        yield
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    words = [word for word in sys.argv[2:] if not word.startswith("--")]
    sys.exit(asyncio.run(main(Path(sys.argv[1]).resolve(), light="--light" in sys.argv, only=words)))
