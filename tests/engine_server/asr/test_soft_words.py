"""A short, soft answer on a telephone is heard as a word, and no gate takes it for noise."""

import numpy as np
import pytest

from lineside.audio.g711 import decode, encode
from lineside.audio.input_resampler import InputResampler
from lineside.engine_server.asr.whisper import WhisperModel
from lineside.engines.protocols import Transcription
from lineside.engines.transcript_gate import gated
from lineside.models.store import locate
from lineside.settings import load_settings
from tests.turns.test_soft_words import RATE, loudest, samples
from tests.turns.test_speech_segmenter import AUDIO

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not AUDIO.is_dir(), reason=f"the recordings are not at {AUDIO}"),
]

HEARD = {"no": {"no", "now"}, "yes": {"yes", "yeah"}}


def test_a_short_soft_word_is_heard() -> None:
    """ "No." and "yes" of 150 to 300 ms in mu-law, 12 dB softer than recorded."""
    model = WhisperModel(locate("faster-whisper-base", load_settings().models_dir), 1)
    for word, forms in HEARD.items():
        for milliseconds in (150, 200, 300):
            for decibels in (0, -12):
                said = loudest(samples(word), milliseconds) * 10 ** (decibels / 20)
                sound = np.concatenate([np.zeros(RATE // 3), said, np.zeros(RATE // 2)])
                sound += np.random.default_rng(1).normal(0, 6, len(sound))
                line = encode(np.clip(sound, -32768, 32767).astype("<i2").tobytes(), "g711_ulaw")
                resampler = InputResampler(RATE, 16_000)
                pcm = resampler.feed(decode(line, "g711_ulaw")) + resampler.end()
                heard = model.transcribe(np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768))
                (segment,) = heard.segments
                gate = gated(
                    Transcription(
                        heard.text, no_speech=segment.no_speech_prob, avg_logprob=segment.avg_logprob, language="en"
                    ),
                    heard.seconds,
                )
                assert gate.text.strip(" .!?").lower() in forms, (word, milliseconds, decibels, heard.text)
