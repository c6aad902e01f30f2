"""Who has taken a call of ours: how often it is found out, and when. With the real recogniser and voice detector.

    python bench/who_answers.py [--audio ../shared/audio] [--models-dir ~/.cache/lineside] [--threads 2]

Greetings of persons, answering machines, screening programs and menus are spoken by the voice at hand, recorded ones of
--audio are added, and each is heard as 8 kHz mu-law by the detector of a call. None of the sentences is one that the
rules were written by (those stand in `tests/turns/test_answer_detector.py`). Time is that of the call's own sound; the
recogniser is taken to answer at once, so add its time: some 0.3 s on two cores.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct

from lineside.audio import g711
from lineside.audio.beep import BeepDetector
from lineside.audio.frame import STT_RATE
from lineside.audio.input_resampler import InputResampler
from lineside.audio.vad import VadModel
from lineside.audio.vad_batcher import VadBatcher
from lineside.audio.wav import read_wav
from lineside.engine_server.asr.whisper import WhisperModel
from lineside.engine_server.tts.piper import PiperModel
from lineside.reasons import AnsweredAs
from lineside.turns.answer_detector import AnswerDetector
from lineside.turns.floor_events import Silence, VoiceActivity
from lineside.turns.open_turn import SegmenterRules
from lineside.turns.speech_segmenter import SpeechSegmenter

RATE, FRAME = 8000, 160
PERSONS = """Hello?
Hi, this is David.
Good afternoon, City Dental, this is Maria, how may I help you?
Yes, hello?
Smith residence.
Hello, who is this?
Hey, what's up?
Front desk, Kevin speaking.
Hello, hello? Is anybody there?
Yes, speaking.
She just stepped out, can I ask who is calling?
Sorry, he's at work until five.
Hi there, you're through to Claire in accounts.
Good morning.
Okay, go ahead, I'm listening."""
MACHINES = """Hello, you've reached the Johnson family. We can't get to the phone right now, so leave us a message after the beep.
Hi, it's Sarah. I missed your call. Please leave a message and I'll call you back as soon as I can.
You have reached five five five, zero one two three. Please record your message after the tone. When you have finished, hang up or press one for more options.
Your call has been forwarded to voicemail. The person you're trying to reach is not available. At the tone, please record your message.
Thank you for calling Baker Street Plumbing. Our office is closed. Please leave your name and number and we will return your call.
The number you have dialed is not in service. Please check the number and try again.
Hey, this is Mike, you know what to do. Leave it at the beep.
The wireless customer you are calling is not available. Please try again later.
I'm sorry, but the person you called has a voice mailbox that has not been set up yet. Goodbye.
Hello, I'm away from my desk at the moment. Leave a message and I will get back to you.
This is the voicemail of Peter Brown, please speak after the signal.
Hi, this is Laura. Please send me a text message, I don't listen to my voicemail."""  # noqa: E501
SCREENS = """Hi. Before I try to connect you, can you record your name and reason for calling?
Hello, the person you're calling is using call assist. Please say your name and why you're calling.
Please state your name, and I'll see if they are available.
This call is being screened. Who is calling, and what is the reason for your call?"""
MENUS = """Thank you for calling North Bank. For account balances, press one. For cards, press two.
Welcome to the city council. If you know your party's extension number, dial it now.
For English, press one. Para espanol, oprima el dos.
You have reached customer service. Please choose from the following options."""
SAID: dict[AnsweredAs, str] = {"human": PERSONS, "voicemail": MACHINES, "screening": SCREENS, "ivr": MENUS}
RECORDED = ("hello", "hi_how_are_you", "yes", "help_me", "order_status")  # persons
SILENCES: tuple[str, ...] = ("", "noise_dog_bark", "noise_ringing_phone")  # nobody


class Heard(Struct, frozen=True):
    """What came of one answer."""

    by: AnsweredAs
    at: float  # seconds after the answer
    speech_ended: float  # seconds after the answer
    text: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audio", type=Path, default=Path(__file__).parents[2] / "shared" / "audio")
    parser.add_argument("--models-dir", type=Path, default=Path("~/.cache/lineside").expanduser())
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    stt = WhisperModel(given.models_dir / "faster-whisper-base", given.threads)
    voice = PiperModel(given.models_dir / "en_US-joe-medium", given.threads)
    vad = VadModel(given.models_dir / "silero-vad" / "silero_vad.onnx")
    right: dict[AnsweredAs, list[bool]] = {}
    waits: list[float] = []
    for wanted, name, sound in answers(voice, given.audio):
        heard = hear(sound, stt, vad)
        right.setdefault(wanted, []).append(heard.by == wanted)
        if wanted == "human":
            waits.append(heard.at - heard.speech_ended)
        mark = "  " if heard.by == wanted else "! "
        print(f"{mark}{wanted:10} {heard.by:10} {heard.at:5.1f} s  {name[:60]:60} {heard.text[:80]}")
    print()
    for wanted, found in right.items():
        print(f"{wanted:10} {sum(found)} of {len(found)}")
    print(f"persons waited {np.median(waits):.2f} s (median), {max(waits):.2f} s (most) after they fell silent")


def answers(voice: PiperModel, audio: Path) -> Iterator[tuple[AnsweredAs, str, bytes]]:
    """Each answer as 8 kHz samples: half a second of silence, the greeting, a beep after machines, silence."""
    quiet = bytes(RATE)
    for kind, text in SAID.items():
        for line in text.splitlines():
            pcm = b"".join(one.pcm + bytes(round(voice.rate * 0.25) * 2) for one in voice.speak(line))
            beep = quiet + tone() if kind == "voicemail" else b""
            yield kind, line, quiet + resampled(pcm, voice.rate) + beep + quiet * 12
    for name in RECORDED:
        sound = read_wav(audio / f"{name}.wav")
        yield "human", f"{name}.wav", quiet + resampled(sound.pcm, sound.rate) + quiet * 12
    for name in SILENCES:
        sound_pcm = resampled((noise := read_wav(audio / f"{name}.wav")).pcm, noise.rate) if name else b""
        yield "unknown", name or "silence", quiet + sound_pcm[: RATE * 2] + quiet * 20


def hear(sound: bytes, stt: WhisperModel, model: VadModel) -> Heard:
    """One answer as a call hears it, frame by frame."""
    detector, beep = AnswerDetector(), BeepDetector(RATE)
    waiting: list[object] = []
    batcher = VadBatcher(model, lambda seconds, run: waiting.append(run))
    ears = SpeechSegmenter("g711_ulaw", RATE, batcher.new_vad(), SegmenterRules(), lambda event: tell(detector, event))
    coded, ended = g711.encode(sound, "g711_ulaw"), 0.0
    for start in range(0, len(coded), FRAME):
        frame = coded[start : start + FRAME]
        if beep.feed(g711.decode(frame, "g711_ulaw")):
            detector.beep(ears.at)
        for event in ears.hear(frame):
            tell(detector, event)
        for run in waiting[:]:
            waiting.remove(run)
            run()  # type: ignore[operator]
        ended = detector.fell_silent or ended
        if detector.words_wanted(ears.at):
            covers, pcm = ears.at, ears.utterance().pcm
            samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
            detector.words(stt.transcribe(samples).text, covers)
        if (by := detector.verdict(ears.at)) is not None:
            return Heard(by, ears.at, ended, detector.text)
    return Heard("unknown", ears.at, ended, detector.text)


def tell(detector: AnswerDetector, event: object) -> None:
    match event:
        case VoiceActivity(began=began):
            detector.voice(began)
        case Silence(since=since):
            detector.silence(since)


def tone() -> bytes:
    at = np.arange(round(RATE * 0.5)) / RATE
    return bytes(np.asarray(8000 * np.sin(2 * np.pi * 1000 * at), "<i2").tobytes())


def resampled(pcm: bytes, rate: int) -> bytes:
    to = InputResampler(rate, STT_RATE)
    wide = np.frombuffer(to.feed(pcm) + to.end(), np.int16)
    narrow = (wide[: len(wide) // 2 * 2].astype(np.int32).reshape(-1, 2).sum(axis=1) // 2).astype("<i2")
    return bytes(narrow.tobytes())


if __name__ == "__main__":
    main()
