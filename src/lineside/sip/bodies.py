"""What a message carries: a session description, alone or as one part of several (RFC 5621). Pure."""

import re

from lineside.sip.message import Header, SipRequest, SipResponse

SDP = "application/sdp"
SDP_TYPE: Header = ("Content-Type", SDP)
BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
MOST_PARTS = 10


def sdp_of(message: SipRequest | SipResponse) -> bytes:
    """The session description of a message; empty where it has none."""
    kind, _, parameters = message.get("Content-Type").partition(";")
    kind = kind.strip().lower()
    if not message.body:
        return b""
    if kind == SDP:
        return message.body
    boundary = BOUNDARY.search(parameters)
    if not kind.startswith("multipart/") or boundary is None:
        return b""
    line = b"--" + (boundary[1] or boundary[2]).encode()
    for part in message.body.split(line)[1 : MOST_PARTS + 1]:
        head, _, body = part.partition(b"\r\n\r\n")
        if re.search(rb"^content-type\s*:\s*application/sdp\b", head, re.IGNORECASE | re.MULTILINE):
            return body.removesuffix(b"\r\n")
    return b""


def foreign_body(message: SipRequest) -> bool:
    """Whether an INVITE carries something that we cannot read (RFC 3261, section 8.2.3)."""
    encoding = message.get("Content-Encoding", "identity").lower()
    return bool(message.body) and (encoding != "identity" or not sdp_of(message))
