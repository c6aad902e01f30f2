"""How a WebSocket is opened (RFC 6455, 4.2), from the server's side. Pure."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def refusal(method: str, headers: Mapping[str, str]) -> str | None:
    """Why this request opens no WebSocket; None when it does."""
    if method != "GET" or headers.get("Upgrade", "").strip().lower() != "websocket":
        return "this endpoint accepts WebSocket upgrades only: GET with Connection: Upgrade and Upgrade: websocket"
    if "upgrade" not in headers.get("Connection", "").lower():
        return "the header Connection: Upgrade is missing"
    if headers.get("Sec-WebSocket-Version", "").strip() != "13":
        return "the WebSocket's version must be 13 (Sec-WebSocket-Version)"
    try:
        key = base64.b64decode(headers.get("Sec-WebSocket-Key", "").strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    return None if len(key) == 16 else "Sec-WebSocket-Key must be sixteen bytes in base64"


def welcome(key: str, subprotocol: str = "") -> bytes:
    """What the server answers (RFC 6455, 4.2.2).

    Args:
        key: the request's `Sec-WebSocket-Key`.
        subprotocol: one of those that the client offered (`chosen`); empty: none is named.
    """
    accept = base64.b64encode(hashlib.sha1(key.strip().encode() + MAGIC, usedforsecurity=False).digest())
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    named = b"Sec-WebSocket-Protocol: " + subprotocol.encode("ascii") + b"\r\n" if subprotocol else b""
    return upgrade + named + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


def chosen(offered: str | None, known: Sequence[str]) -> str:
    """The first subprotocol of `Sec-WebSocket-Protocol` that is known here; empty: none.

    One that was not offered must not be named: Asterisk's client then fails the handshake.
    """
    names = [name.strip() for name in (offered or "").split(",")]
    return next((name for name in names if name in known), "")
