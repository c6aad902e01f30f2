"""Random inputs that can be made again: of the same seeds and number, the same bytes.

Made by plain Python and not by hypothesis, which makes some hundred a second: a million need a thousand times that.
"""

from collections.abc import Iterator, Sequence
from random import Random

BLOCK = 1000  # inputs made of one random state; a run goes on at the beginning of a block
LONGEST = 200_000  # bytes of one input
NOISE = 0.04  # of the inputs have nothing to do with a seed
TOKENS = (
    *(b"[", b"]", b"{", b"}", b'"', b",", b":", b"\\", b"\r\n", b"\n\n", b"\x00", b"\xff", b"\x80", b"\xc3", b" "),
    *(
        b"\\u0000",
        b"\\ud800",
        b"null",
        b"true",
        b"1e999",
        b"-1",
        b"NaN",
        b"9" * 400,
        b"--",
        b"; ",
        b"=",
        b"%00",
        b"../",
    ),
    *(b"\xef\xbb\xbf", b"\xf0\x9f\x98\x80", b"\xe2\x80\xae", b"\xed\xa0\x80", b"'", b"<", b"</", b"*", b"_", b"#"),
)
NUMBERS = (0, 1, 2, 7, 8, 0x7E, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def inputs(seeds: Sequence[bytes], name: str, seed: int, block: int) -> Iterator[bytes]:
    """The inputs of one block. Each is a good one that was changed a few times, or noise.

    Args:
        seeds: good inputs; without one, all is noise.
        name: of the reader.
        seed: of the whole run.
        block: the number of the block.
    """
    random = Random(f"{seed} {name} {block}")  # noqa: S311 - inputs of tests
    for _ in range(BLOCK):
        if not seeds or random.random() < NOISE:
            yield random.randbytes(random.randrange(300))
            continue
        raw = random.choice(seeds)
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4, 6))):
            raw = _changed(raw, random, seeds)
        yield raw[:LONGEST]


def _changed(raw: bytes, random: Random, seeds: Sequence[bytes]) -> bytes:
    at = random.randrange(len(raw) + 1)
    size = min(len(raw) - at, int(random.paretovariate(0.7)))
    piece, rest = raw[at : at + size], raw[at + size :]
    match random.randrange(10):
        case 0:  # cut out
            return raw[:at] + rest
        case 1:  # doubled, a few times or very often
            return raw[:at] + piece * random.choice((2, 3, 60, 2000)) + rest
        case 2:  # noise in its place
            return raw[:at] + random.randbytes(size) + rest
        case 3:  # a token, in between
            return raw[:at] + random.choice(TOKENS) + raw[at:]
        case 4:  # a token in its place, once or nested without end
            return raw[:at] + random.choice(TOKENS) * random.choice((1, 1, 2, 50, 3000)) + rest
        case 5:  # a bit
            return raw[:at] + bytes([raw[at] ^ 1 << random.randrange(8)]) + raw[at + 1 :] if at < len(raw) else raw
        case 6:  # a number of some bytes
            width = random.choice((1, 2, 4, 8))
            number = random.choice(NUMBERS) % (1 << 8 * width)
            return raw[:at] + number.to_bytes(width, random.choice(("little", "big"))) + raw[at + width :]
        case 7:  # torn
            return raw[:at]
        case 8:  # moved elsewhere
            there = random.randrange(len(raw) + 1)
            return raw[:there] + piece + raw[there:]
        case _:  # the end of another
            other = random.choice(seeds)
            return raw[:at] + other[random.randrange(len(other) + 1) :]
