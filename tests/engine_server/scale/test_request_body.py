"""What a replica on Ray reads of a request: nothing before its sender may ask, and no more than is taken."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

import pytest

from lineside.engine_server.middleware import Access
from lineside.engine_server.openai_schema import AUDIO_BYTES, JSON_BYTES, RequestRefused
from lineside.engine_server.scale.request_body import admitted_body

KNOWN = {"Authorization": "Bearer right"}


class Sender:
    """Sends blocks for as long as they are read."""

    def __init__(self, block: bytes = b"x" * 65_536, blocks: int = 1_000) -> None:
        self.sent, self._block, self._blocks = 0, block, blocks

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Block by block."""
        for _ in range(self._blocks):
            self.sent += len(self._block)
            yield self._block


def read(sender: Sender, headers: Mapping[str, str], path: str = "/v1/audio/transcriptions") -> bytes:
    """As a replica reads it."""
    return asyncio.run(admitted_body(Access("right"), path, headers, sender.body()))


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({**KNOWN, "Origin": "https://a.example"}, 403)],
    ids=["no secret", "wrong secret", "a page"],
)
def test_nothing_is_read_of_whoever_may_not_ask(headers: Mapping[str, str], status: int) -> None:
    """A stranger's gigabytes do not fill a replica's memory."""
    sender = Sender()
    with pytest.raises(RequestRefused) as refused:
        read(sender, headers)
    assert (refused.value.status, sender.sent) == (status, 0)


@pytest.mark.parametrize(
    ("path", "most"),
    [("/v1/audio/transcriptions", AUDIO_BYTES), ("/v1/audio/speech", JSON_BYTES), ("/v1/warm", JSON_BYTES)],
)
def test_a_body_that_is_too_long_is_read_no_further(path: str, most: int) -> None:
    """An utterance may be long, and words may not."""
    sender = Sender()
    with pytest.raises(RequestRefused, match="larger than") as refused:
        read(sender, KNOWN, path)
    assert refused.value.status == 413
    assert most < sender.sent <= most + 65_536


def test_what_may_be_sent_is_read_whole() -> None:
    """In order."""
    assert read(Sender(b"abc", 3), KNOWN) == b"abcabcabc"
