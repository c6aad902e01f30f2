"""How many numbers and addresses are understood, at sound level, after at most one repair.

    python -m bench.slots [--slot digits] [--many 20] [--voice espeak:en-us …] [--prompts FOLDER] [--telephone]

Each caller is asked for one value in a call of its own, with the real recogniser, turn-taking and voice; what the
agent reads back they confirm or say again. `--telephone`: G.711 mu-law with people talking 15 dB under the caller
(`shared/audio/noise_people_talking.wav`). `--prompts`: a folder of recorded digits, `0.wav` to `9.wav`, such as
`digits` of Debian's asterisk-core-sounds-en-wav: a human voice says the numbers. Ends with 1 under `--least` percent.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `lineside` does; read when numpy is loaded

import argparse
import random
import re
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from lineside.agents.agent import Agent
from lineside.agents.declared import Slot, Takes, Task, Tool
from lineside.audio.wav import read_wav
from lineside.cli.replay import given
from lineside.rehearse.caller_sound import CallerVoice, CallerVoices, Samples, levelled, parse_voice, resampled
from lineside.rehearse.results import HeldCall
from lineside.rehearse.scenario import Effect, Expect, RehearsalDesk, Scenario, Tools
from lineside.rehearse.shared_by_calls import SoundPlan
from lineside.rehearse.sound_level import rehearse_by_sound
from lineside.settings import load_settings

BABBLE = Path(__file__).parents[2] / "shared" / "audio" / "noise_people_talking.wav"
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
OPENING = "Where is my order?"  # what every voice is understood in: the value is what is measured
NAMES_TEXT = "jane john mary peter susan david laura mark emma paul anna brian helen kevin sarah"
SURNAMES_TEXT = "smith doe miller brown taylor wilson baker green hall young king wright hill scott adams"
DOMAINS = ("gmail.com", "yahoo.com", "example.com", "outlook.com", "hotmail.com")
SLOTS = {
    "digits": Slot("digits", "May I have the number?", length=5),
    "email": Slot("email", "What is your e-mail address?", confirm="always"),
    "phone": Slot("phone", "Which number can we call?"),
}


class PromptVoices(CallerVoices):
    """Speaks numbers with recordings of single digits, and the words before them with a voice."""

    prompts = Path()

    async def speak(self, voice: CallerVoice, text: str, rate: int) -> Samples:
        """See `CallerVoices`."""
        words = re.findall(r"\w+", text.lower())
        begin = next((at for at, word in enumerate(words) if word in WORDS), len(words))
        if voice.engine != "prompts":
            return await super().speak(voice, text, rate)
        lead = await super().speak(CallerVoice("fast"), " ".join(words[:begin]), rate) if begin else _quiet(0)
        dice = random.Random(text)  # noqa: S311 - no secret
        parts = [lead]
        for word in words[begin:]:
            sound = read_wav(self.prompts / f"{WORDS.index(word)}.wav")
            said = levelled(resampled(sound.pcm, sound.rate, rate), rate)
            loud = np.flatnonzero(np.abs(said) > 0.01)
            parts += [said[loud[0] : loud[-1] + rate // 50], _quiet(round(dice.uniform(0.05, 0.3) * rate))]
        return np.concatenate(parts)


def _quiet(samples: int) -> Samples:
    return np.zeros(samples, np.float32)


def main() -> int:
    """Print a row for each voice, and the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slot", choices=sorted(SLOTS), default="digits")
    parser.add_argument("--many", type=int, default=20, help="values for each voice")
    parser.add_argument("--voice", action="append", default=[])
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--telephone", action="store_true")
    parser.add_argument("--least", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    PromptVoices.prompts = arguments.prompts or Path()
    voices = [parse_voice(voice) for voice in arguments.voice] + ([CallerVoice("prompts")] if arguments.prompts else [])
    settings = load_settings(**given(arguments.set))
    calls: dict[str, list[HeldCall]] = {}
    for voice in voices or [CallerVoice("espeak", "en-us"), CallerVoice("espeak", "en-gb")]:
        plan = SoundPlan(
            (voice,),
            "g711_ulaw" if arguments.telephone else "pcm",
            BABBLE if arguments.telephone else None,
            late=60.0,
        )
        desk = values_desk(arguments.slot, arguments.many, random.Random(f"{arguments.seed} {voice}"))  # noqa: S311
        results = rehearse_by_sound(desk, settings, plan, on_call=print_call, new_voices=PromptVoices)
        calls[str(voice)] = [result.runs[0] for result in results]
        print_row(str(voice), calls[str(voice)])
    everything = [call for several in calls.values() for call in several]
    print_row("all", everything)
    good = 100 * sum(right(call) for call in everything) / len(everything)
    return 0 if good >= arguments.least else 1


def right(call: HeldCall) -> bool:
    """The value was understood, after one repair at most."""
    return (
        not any(failure.kind in ("no_tool", "not_run", "too_long") for failure in call.failures) and repaired(call) <= 1
    )


def repaired(call: HeldCall) -> int:
    """How often the value was said again; an opening line, a yes and a goodbye hold none."""
    return sum(" at " in line or any(word in line for word in WORDS) for line in call.said) - 1


def print_row(name: str, calls: Sequence[HeldCall]) -> None:
    """How many values were understood at once, and after one repair."""
    at_once = sum(right(call) and not repaired(call) for call in calls)
    after = sum(map(right, calls))
    shares = (at_once / len(calls), after / len(calls))
    print(f"{name:18}{len(calls):5} values   at once {shares[0]:6.1%}   after a repair {shares[1]:6.1%}", flush=True)


def print_call(scenario: Scenario, call: HeldCall) -> None:
    """What was meant and heard, where it was not understood at once."""
    if not right(call) or repaired(call):
        heard = " / ".join(text for role, text in call.conversation if role == "user")
        heard = heard or "; ".join(f"{failure.kind}: {failure.what}" for failure in call.failures)
        print(f"    {'ok ' if right(call) else 'BAD'} {scenario.name}: {heard}", flush=True)


def values_desk(kind: str, many: int, dice: random.Random) -> RehearsalDesk:
    """An agent that asks for one value, and so many callers who have one."""
    agent = Agent(
        "Values",
        "Answer in one short sentence.",
        greeting="Hello. How can I help you?",
        farewell="Goodbye.",
        locale="en-US",
        slots={"value": SLOTS[kind]},
        tools={"take": Tool("Takes a value.", "GET https://values.example/{value}", takes={"value": Takes()})},
        tasks={"value": Task(when=(OPENING,), needs=("value",), does="take", says="Thank you.")},
    )
    values = [value_of(kind, dice) for _ in range(many)]
    scenarios = tuple(
        Scenario(
            f"{number}: {value}",
            opens=OPENING,
            knows={"value": said},
            expect=Expect(tools=(Tools("take", {"value": value}),), silence_most=60.0),
        )
        for number, (value, said) in enumerate(values)
    )
    return RehearsalDesk(agent, date(2026, 12, 1), {}, {"take": Effect("value", adds="values")}, scenarios)


def value_of(kind: str, dice: random.Random) -> tuple[str, str]:
    """A value, and how it is said."""
    if kind == "email":
        name, surname, domain = (
            dice.choice(NAMES_TEXT.split()),
            dice.choice(SURNAMES_TEXT.split()),
            dice.choice(DOMAINS),
        )
        return f"{name}.{surname}@{domain}", f"{name} dot {surname} at {domain.replace('.', ' dot ')}"
    digits = "".join(str(dice.randrange(10)) for _ in range(5 if kind == "digits" else 7))
    if kind == "phone":
        return f"+1555{digits}", f"555 {digits[:3]} {digits[3:]}"
    return digits, digits


if __name__ == "__main__":
    sys.exit(main())
