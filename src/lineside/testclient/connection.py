"""A program's connection to a call: when it breaks, the call is resumed over another one, as long as it waits."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress

import aiohttp
import msgspec

from lineside.errors import CallRefused
from lineside.protocol import FirstMessage, Ready, Resumed, ResumeRequest, ServerMessage, decode_server

AGAIN_EVERY = 0.3  # seconds between two attempts to connect again
REMEMBERED = 1000  # messages of ours that can be sent again: twenty seconds of sound
ADVICE = {
    401: "it wants a key; give one of its API_KEYS as --key",
    403: "it does not answer under this name; its ALLOWED_ORIGINS or TRUSTED_PROXIES say which",
    404: "no lineside is there; where a path belongs to its address, as in https://box/voice, give that too",
    502: "the web server there does not reach lineside",
    503: "all call slots are in use, or lineside is closing",
}
GOODBYES = (1000, 1001, 1008, 1009)  # the other side meant it: normal, going away, refused, too large


class CallConnection:
    """One call's connection. Messages are numbered both ways, so that none is lost and none comes twice."""

    def __init__(self, http: aiohttp.ClientSession, url: str, hello: FirstMessage) -> None:
        """`url` is a gateway's address, `hello` the call's first message."""
        self._http, self._url, self._hello = http, url, hello
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._ready: Ready | None = None
        self._token = ""
        self._received = 0
        self._sent: deque[bytes | str] = deque(maxlen=REMEMBERED)
        self._number = self._next = 0  # of messages that were given, and of the one to be sent next
        self._sending = asyncio.Lock()
        self.resumed = 0  # how often

    async def open(self) -> None:
        """Begin the call. Raises `CallRefused`."""
        try:
            self._ws = await self._http.ws_connect(f"{self._url}/ws/call", max_msg_size=0)
        except aiohttp.WSServerHandshakeError as refused:
            said = ADVICE.get(refused.status, refused.message)
            raise CallRefused(f"{self._url} answered {refused.status}: {said}") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as cause:
            why = "its certificate is not trusted here; give the file of one of your own making as --cacert FILE"
            raise CallRefused(f"{self._url}: {why} ({cause})") from None
        except (aiohttp.ClientError, OSError) as cause:
            raise CallRefused(f"nobody answers at {self._url} ({cause}); is lineside running?") from None
        await self._ws.send_str(msgspec.json.encode(self._hello).decode())

    async def close(self) -> None:
        """Leave."""
        if self._ws is not None:
            await self._ws.close()

    def drop(self) -> None:
        """Lose the connection without a goodbye, as a network does."""
        if self._ws is not None and (transport := self._ws.get_extra_info("socket")) is not None:
            transport.shutdown(2)

    async def send(self, message: bytes | str) -> None:
        """Send sound or a text message; while the connection is gone it waits for the next one."""
        self._sent.append(message)
        self._number += 1
        await self._send_on()

    async def messages(self) -> AsyncGenerator[bytes | ServerMessage, None]:
        """What lineside sends, until the call is over or lost."""
        while self._ws is not None:
            async for message in self._ws:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._received += 1
                    yield message.data
                elif message.type is aiohttp.WSMsgType.TEXT:
                    self._received += 1
                    event = decode_server.decode(message.data)
                    if isinstance(event, Ready):
                        self._ready, self._token = event, event.resume_token
                    yield event
            broken = self._ws.close_code not in GOODBYES
            self._ws = await self._resume() if broken and self._token else None
            await self._send_on()

    async def _resume(self) -> aiohttp.ClientWebSocketResponse | None:
        """The next connection of the call; None when it is over."""
        call = self._ready
        if call is None:
            return None
        with suppress(TimeoutError):
            async with asyncio.timeout(call.resume_s + AGAIN_EVERY):
                while True:
                    with suppress(aiohttp.ClientError, OSError):
                        return await self._connect_again(call.call_id)
                    await asyncio.sleep(AGAIN_EVERY)
        return None

    async def _connect_again(self, call_id: str) -> aiohttp.ClientWebSocketResponse | None:
        ws = await self._http.ws_connect(f"{self._url}/ws/call/{call_id}", max_msg_size=0)
        await ws.send_str(msgspec.json.encode(ResumeRequest(self._token, self._received)).decode())
        answer = await ws.receive()
        if answer.type is not aiohttp.WSMsgType.TEXT:
            raise aiohttp.ClientConnectionError
        event = decode_server.decode(answer.data)
        if not isinstance(event, Resumed):
            await ws.close()
            return None
        self._token, self._received = event.resume_token, event.next
        self._next = max(event.received, self._number - len(self._sent))
        self.resumed += 1
        return ws

    async def _send_on(self) -> None:
        async with self._sending:
            while self._ws is not None and self._next < self._number:
                message = self._sent[len(self._sent) - (self._number - self._next)]
                try:
                    await (self._ws.send_str(message) if isinstance(message, str) else self._ws.send_bytes(message))
                except ConnectionError:
                    return  # whoever reads notices too, and resumes
                self._next += 1
