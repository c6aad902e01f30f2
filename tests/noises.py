"""Sounds that are nobody speaking, made from their published descriptions: tones, knocks, coughs, keys, music.

Samples between -1 and 1 at 16 kHz. Levels in dBm0 are the telephone's: a sine at full scale has +3.14 (ITU-T G.711).
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from lineside.audio.frame import STT_RATE

Wave = npt.NDArray[np.float64]

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)  # Hz, ITU-T Q.23
KEYS = "123A456B789C*0#D"
FULL_SCALE = 3.14  # dBm0 of a sine whose peaks are the largest numbers


def key(name: str, seconds: float = 0.1, *, low: float = -8.0, high: float = -6.0) -> Wave:
    """One key pressed, each tone at its level in dBm0."""
    row, column = divmod(KEYS.index(name), 4)
    return tone(seconds, LOW[row], level=low) + tone(seconds, HIGH[column], level=high)


def tone(seconds: float, *hertz: float, level: float = -9.0) -> Wave:
    """Sines at once, each at this level in dBm0."""
    time = np.arange(round(seconds * STT_RATE)) / STT_RATE
    amplitude = 10 ** ((level - FULL_SCALE) / 20)
    made: Wave = amplitude * np.sum([np.sin(2 * np.pi * each * time) for each in hertz], axis=0)
    return made


def cadence(sound: Wave, *on_off: float) -> Wave:
    """The sound, on and off by turns, so many seconds each, again and again."""
    many = np.round(np.array(on_off) * STT_RATE).astype(int)
    pattern = np.concatenate([np.full(count, 1.0 - number % 2) for number, count in enumerate(many)])
    gated: Wave = sound * np.resize(pattern, len(sound))
    return gated


def quiet(seconds: float) -> Wave:
    """Nothing."""
    return np.zeros(round(seconds * STT_RATE))


def again(sound: Wave, every: float, times: int) -> Wave:
    """The sound so many times, so many seconds from one beginning to the next."""
    step = round(every * STT_RATE)
    return np.tile(np.pad(sound, (0, step))[: max(step, len(sound))], times)


def peaking(sound: Wave, dbfs: float) -> Wave:
    """The same, with its peak at a level."""
    scaled: Wave = sound * (10 ** (dbfs / 20) / np.abs(sound).max())
    return scaled


def loud(sound: Wave, dbfs: float) -> Wave:
    """The same, with what is loud of it (windows within 20 dB of the loudest) at a root mean square."""
    squares = np.square(sound[: len(sound) // 512 * 512].reshape(-1, 512)).mean(axis=1)
    scaled: Wave = sound * (10 ** (dbfs / 20) / np.sqrt(squares[squares > squares.max() / 100].mean()))
    return scaled


def click(dice: np.random.Generator) -> Wave:
    """A switch or a plug: four milliseconds, steep, and nothing after."""
    many = round(0.004 * STT_RATE)
    return dice.standard_normal(many) * np.exp(-np.arange(many) / (0.0008 * STT_RATE))


def knock(dice: np.random.Generator) -> Wave:
    """A knuckle on a table: a thud whose wood rings for a tenth of a second."""
    time = np.arange(round(0.25 * STT_RATE)) / STT_RATE
    modes = [
        (dice.uniform(90, 160), 0.05, 1.0),
        (dice.uniform(220, 380), 0.03, 0.7),
        (dice.uniform(600, 900), 0.01, 0.4),
    ]
    ringing = np.sum(
        [part * np.sin(2 * np.pi * hz * time) * np.exp(-time / fades) for hz, fades, part in modes], axis=0
    )
    return np.asarray(ringing + 0.5 * dice.standard_normal(len(time)) * np.exp(-time / 0.002))


def typing(dice: np.random.Generator, seconds: float) -> Wave:
    """A keyboard beside the telephone: seven keys a second, each a click down and a softer one up."""
    sound, at = quiet(seconds + 0.3), 0.1
    while at < seconds:
        for later, part in ((0.0, 1.0), (dice.uniform(0.07, 0.11), 0.5)):
            time = np.arange(round(0.03 * STT_RATE)) / STT_RATE
            struck = dice.standard_normal(len(time)) * np.exp(-time / 0.004)
            struck += 0.6 * np.sin(2 * np.pi * dice.uniform(1500, 3000) * time) * np.exp(-time / 0.006)
            first = round((at + later) * STT_RATE)
            sound[first : first + len(struck)] += part * dice.uniform(0.5, 1.0) * struck
        at += max(0.06, dice.normal(0.14, 0.05))
    return sound


def cough(dice: np.random.Generator, *, bursts: int = 2, voiced: float = 0.0) -> Wave:
    """Coughs: a burst of 40 ms, breath through an open throat for 0.2 s, and perhaps some voice at the end.

    The three phases and their lengths are those of Korpáš, Sadloňová and Vrabec, "Analysis of the cough sound: an
    overview", Pulmonary Pharmacology 9 (1996). `voiced`: how loud the third phase is beside the first.
    """
    parts = []
    for _ in range(bursts):
        burst = throat(dice.standard_normal(round(0.04 * STT_RATE)), (700, 1700, 2800))
        breath = throat(dice.standard_normal(round(dice.uniform(0.15, 0.25) * STT_RATE)), (600, 1500, 2600))
        breath *= np.linspace(0.5, 0.1, len(breath))
        voice = throat(glottis(dice, round(0.1 * STT_RATE), dice.uniform(180, 320)), (600, 1200, 2500))
        sounds = (peaking(burst, 0), peaking(breath, -7), voiced * peaking(voice, 0) * np.hanning(len(voice)))
        parts += [*sounds, quiet(dice.uniform(0.1, 0.25))]
    return np.concatenate(parts)


def glottis(dice: np.random.Generator, samples: int, hertz: float) -> Wave:
    """Pulses of a throat, a little uneven."""
    pulses, at = np.zeros(samples), 0.0
    while at < samples:
        pulses[int(at)] = 1.0
        at += STT_RATE / hertz * dice.normal(1.0, 0.03)
    return pulses


def throat(sound: Wave, formants: tuple[float, ...]) -> Wave:
    """The sound through a mouth with these resonances, 120 Hz wide."""
    hertz = np.fft.rfftfreq(len(sound) * 2, 1 / STT_RATE)
    shape = np.sum([1 / (1 + ((hertz - each) / 120) ** 2) for each in formants], axis=0) + 0.02
    filtered: Wave = np.fft.irfft(np.fft.rfft(sound, len(sound) * 2) * shape)[: len(sound)]
    return filtered


def coloured(dice: np.random.Generator, seconds: float, slope: float) -> Wave:
    """Noise whose power falls with frequency: slope 1 is pink (a fan), 2 brown (breath on a microphone)."""
    many = round(seconds * STT_RATE)
    hertz = np.maximum(np.fft.rfftfreq(many, 1 / STT_RATE), 20)
    made: Wave = np.fft.irfft(np.fft.rfft(dice.standard_normal(many)) * hertz ** (-slope / 2), many)
    return made


def melody(dice: np.random.Generator, seconds: float) -> Wave:
    """Music on hold: a tune of plucked notes with overtones, a chord under it."""
    scale, sound, at = (0, 2, 4, 5, 7, 9, 11, 12), quiet(seconds + 2), 0.0
    while at < seconds:
        steps = [int(dice.choice(scale))] + [note - 12 for note in ((0, 4, 7), (5, 9, 12), (7, 11, 14))[int(at) % 3]]
        for number, step in enumerate(steps):
            note = pluck(392 * 2 ** (step / 12), 1.0) * (1.0 if number == 0 else 0.4)
            first = round(at * STT_RATE)
            sound[first : first + len(note)] += note
        at += float(dice.choice((0.25, 0.25, 0.5)))
    return sound[: round(seconds * STT_RATE)]


def pluck(hertz: float, seconds: float) -> Wave:
    """A string: six overtones, the higher ones sooner gone."""
    time = np.arange(round(seconds * STT_RATE)) / STT_RATE
    partials = [np.sin(2 * np.pi * hertz * n * time) * np.exp(-time * 3 * n) / n for n in range(1, 7)]
    rise = np.minimum(1.0, time / 0.005)
    return np.asarray(np.sum(partials, axis=0) * rise)


def crowd(voices: list[Wave], seconds: float) -> Wave:
    """Many speak at once, each over and over, none louder than the others."""
    samples = round(seconds * STT_RATE)
    starts = [number * 7919 * 3 for number in range(len(voices))]
    shifted = [
        np.resize(np.roll(loud(voice, -20), start), samples) for voice, start in zip(voices, starts, strict=True)
    ]
    return np.asarray(np.sum(shifted, axis=0))


def pcm(sound: Wave) -> bytes:
    """Signed 16-bit."""
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def joined(parts: list[Wave], apart: float) -> Wave:
    """One after the other with so many seconds of nothing between."""
    sounds = [parts[0]]
    for _, part in pairwise(parts):
        sounds += [quiet(apart), part]
    return np.concatenate(sounds)
