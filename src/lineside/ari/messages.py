"""What Asterisk's REST interface says and is asked over its WebSocket, as values (docs.asterisk.org: ARI).

Events and answers come as JSON objects; of their many fields only those are read that something here looks at.
"""

from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from lineside.reasons import DialResult

LONGEST = 64 * 1024  # bytes of one message that are read; Asterisk's events have about two thousand


class AriParty(Struct, frozen=True):
    """One end of a channel, as Asterisk names it."""

    name: str = ""
    number: str = ""


class AriDialplan(Struct, frozen=True):
    """Where in the dialplan a channel is."""

    context: str = ""
    exten: str = ""


class AriChannel(Struct, frozen=True):
    """A channel."""

    id: str
    name: str = ""
    state: str = ""
    caller: AriParty = AriParty()
    connected: AriParty = AriParty()
    dialplan: AriDialplan = AriDialplan()


class AriBridge(Struct, frozen=True):
    """A bridge and who is in it."""

    id: str
    channels: tuple[str, ...] = ()


class AriMessage(Struct, frozen=True):
    """An event, or the answer to a request (`RESTResponse`)."""

    type: str
    application: str = ""
    channel: AriChannel | None = None
    args: tuple[str, ...] = ()
    digit: str = ""
    cause: int = 0  # of a hang-up: Q.850
    request_id: str = ""
    status_code: int = 0
    reason_phrase: str = ""
    message_body: str = ""

    @property
    def channel_id(self) -> str:
        """Of the channel that this is about; empty: of none."""
        return self.channel.id if self.channel is not None else ""


_decode = msgspec.json.Decoder(AriMessage).decode


def read_message(text: str | bytes) -> AriMessage:
    """Raises `ValueError` for what is no message."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as wrong:
        raise ValueError(str(wrong)) from None


def request(number: str, method: str, path: str, query: dict[str, str], body: object = None) -> str:
    """A request, as it goes over the socket.

    Args:
        number: comes back in the answer's `request_id`.
        method: GET, POST or DELETE.
        path: without the leading "/ari/", such as `channels/1733.1/answer`; its parts are escaped already (`at`).
        query: parameters.
        body: for a JSON body.
    """
    asked = {"type": "RESTRequest", "request_id": number, "method": method}
    asked["uri"] = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
    if body is not None:
        asked |= {"content_type": "application/json", "message_body": msgspec.json.encode(body).decode()}
    return msgspec.json.encode(asked).decode()


def at(*parts: str) -> str:
    """A path of these parts, each of them escaped."""
    return "/".join(quote(part, safe="") for part in parts)


# Q.850 causes of a call of ours that nobody took; all others: failed.
_CAUSES: dict[int, DialResult] = {
    1: "invalid",  # unallocated number
    3: "invalid",  # no route
    16: "no_answer",  # the line's own end after the ring time
    17: "busy",
    18: "no_answer",
    19: "no_answer",
    20: "no_answer",
    21: "rejected",
    22: "invalid",
    28: "invalid",
}


def unanswered(cause: int) -> DialResult:
    """What a hang-up before the answer means."""
    return _CAUSES.get(cause, "failed")
