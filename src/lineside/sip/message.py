"""SIP messages as values, read within limits.

A header's value stays as it came, so that what has to be sent back (Via, From, To, Call-ID, CSeq) goes back unchanged.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from lineside.sip.address import SipAddress, SipUri, parse_addresses, parse_uri
from lineside.sip.via import ViaHop, read_via

LARGEST_DATAGRAM = 8 * 1024  # bytes
LARGEST_STREAMED = 64 * 1024  # bytes of one message over TCP
MOST_HEADERS = 128
LONGEST_HEADER = 4096  # characters of one value
ONCE = ("Call-ID", "CSeq", "From", "To", "Max-Forwards", "Content-Length", "Content-Type")  # at most once each
TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,256}")
CSEQ = re.compile(r"0*(\d{1,10})[ \t]+(\S+)")
STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: (.*))?", re.IGNORECASE)
COMPACT = {  # IANA, SIP parameters: header fields
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To",
    "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip
NAMES = {name.lower(): name for name in (*COMPACT.values(), *ONCE, "WWW-Authenticate", "RSeq", "RAck")}

Header = tuple[str, str]


class BadSip(ValueError):
    """No message that can be used. `request` is what there is of it, where it can be answered with `status`."""

    def __init__(self, why: str, status: int = 400, request: "SipRequest | None" = None) -> None:
        super().__init__(why)
        self.status, self.request = status, request


class SipHead(Struct, frozen=True):
    """What requests and responses share."""

    headers: tuple[Header, ...]
    body: bytes = b""

    def get(self, name: str, default: str = "") -> str:
        """The first value of a header."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), default)

    def all(self, name: str) -> list[str]:
        """Every value of a header, as it stands on its lines."""
        name = name.lower()
        return [value for key, value in self.headers if key.lower() == name]

    def tokens(self, name: str) -> list[str]:
        """The tokens of a header that is a list of them."""
        return [token.strip() for value in self.all(name) for token in value.split(",") if token.strip()]

    def addresses(self, name: str) -> list[SipAddress]:
        """The addresses of a header such as Contact or Record-Route. Raises `BadSip`."""
        found: list[SipAddress] = []
        for value in self.all(name):
            read = parse_addresses(value)
            if read is None:
                raise BadSip(f"{name} is malformed")
            found += read
        return found

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.get("Call-ID")

    @property
    def sequence(self) -> int:
        """The number in CSeq. Raises `BadSip`."""
        return read_cseq(self.get("CSeq"))[0]

    @property
    def method_of_cseq(self) -> str:
        """The method in CSeq. Raises `BadSip`."""
        return read_cseq(self.get("CSeq"))[1]

    @property
    def from_tag(self) -> str:
        """The tag of From."""
        return tag_of(self.get("From"))

    @property
    def to_tag(self) -> str:
        """The tag of To; empty outside a dialog."""
        return tag_of(self.get("To"))

    @property
    def via(self) -> ViaHop:
        """The topmost hop of Via. Raises `BadSip`."""
        hop = read_via(self.get("Via"))
        if hop is None:
            raise BadSip("Via is malformed")
        return hop


class SipRequest(SipHead, frozen=True, kw_only=True):
    """A request."""

    method: str
    uri: str

    def __bytes__(self) -> bytes:
        return _written(f"{self.method} {self.uri} SIP/2.0", self.headers, self.body)


class SipResponse(SipHead, frozen=True, kw_only=True):
    """A response."""

    status: int
    reason: str = ""

    def __bytes__(self) -> bytes:
        return _written(f"SIP/2.0 {self.status} {self.reason}", self.headers, self.body)


SipMessage = SipRequest | SipResponse


def parse_sip(data: bytes, *, streamed: bool = False) -> SipMessage:
    """Read one message: a datagram, or what `StreamFramer` cut from a stream.

    Raises:
        BadSip: it is none. With `request`, it can be answered; else it is to be dropped.
    """
    head, separator, body = data.partition(b"\r\n\r\n")
    if not separator:
        raise BadSip("the head has no end")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    lines = re.sub(r"\r\n[ \t]+", " ", text).split("\r\n")
    response = STATUS_LINE.fullmatch(lines[0])
    headers, faults = _headers(lines[1:])
    if response:
        message: SipMessage = SipResponse(headers=headers, body=body, status=int(response[1]), reason=response[2] or "")
        if faults:
            raise BadSip(faults[0])
    else:
        message = _request(lines[0], headers, body, faults)
    return _bounded(message, faults, streamed=streamed)


def _request(line: str, headers: tuple[Header, ...], body: bytes, faults: list[str]) -> SipRequest:
    """Read the request line; one that is wrong in a way that can be answered leaves its fault behind."""
    method, _, rest = line.rstrip().partition(" ")
    uri, _, version = rest.rpartition(" ")
    if not TOKEN.fullmatch(method):
        raise BadSip("neither a request nor a response")
    request = SipRequest(method=method, uri=uri, headers=headers, body=body)
    if version.upper() != "SIP/2.0":
        if not version.upper().startswith("SIP/"):
            raise BadSip("no request of SIP")
        raise BadSip("SIP version not supported", 505, request)
    if not uri or re.search(r"[\s<>]", uri) or line != line.rstrip():
        faults.append("the request line is malformed")
    return request


def _headers(lines: Iterable[str]) -> tuple[tuple[Header, ...], list[str]]:
    headers: list[Header] = []
    faults: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.rstrip(), value.strip()
        if not colon or not TOKEN.fullmatch(name):
            faults.append("a header line is malformed")
            continue
        if len(headers) >= MOST_HEADERS or len(value) > LONGEST_HEADER:
            raise BadSip("too many headers, or one that is too long")
        lower = name.lower()
        name = COMPACT.get(lower) or NAMES.get(lower, name)
        headers.append((name, value))
    return tuple(headers), faults


def _bounded(message: SipMessage, faults: list[str], *, streamed: bool) -> SipMessage:
    """The message with no more body than its Content-Length; raises `BadSip` for what is wrong with it."""
    request = message if isinstance(message, SipRequest) else None
    counts = {name: len(message.all(name)) for name in ONCE}
    if twice := [name for name, times in counts.items() if times > 1]:
        raise BadSip(f"{twice[0]} comes twice", 400, request)
    if missing := [name for name in ("Via", "From", "To", "Call-ID", "CSeq") if not message.get(name)]:
        raise BadSip(f"{missing[0]} is missing", 400, request if "Via" not in missing else None)
    if faults:
        raise BadSip(faults[0], 400, request)
    if unbalanced := [name for name in ("From", "To", "Contact") if not _balanced(message.get(name))]:
        raise BadSip(f"{unbalanced[0]} has an open quote", 400, request)
    length = message.get("Content-Length")
    if not length:
        return message
    if not re.fullmatch(r"\d{1,9}", length):
        raise BadSip("Content-Length is no number", 400, request)
    if int(length) > len(message.body):
        raise BadSip("the body is shorter than Content-Length", 400, request)
    if int(length) == len(message.body) or streamed:
        return message
    return with_body(message, message.body[: int(length)])


def _balanced(value: str) -> bool:
    """Whether each quote is closed."""
    return '"' not in value or re.sub(r"\\.", "", value).count('"') % 2 == 0


def with_body(message: SipMessage, body: bytes) -> SipMessage:
    """The same message with another body."""
    if isinstance(message, SipRequest):
        return SipRequest(method=message.method, uri=message.uri, headers=message.headers, body=body)
    return SipResponse(status=message.status, reason=message.reason, headers=message.headers, body=body)


def read_cseq(value: str) -> tuple[int, str]:
    """Number and method of CSeq. Raises `BadSip`."""
    found = CSEQ.fullmatch(value.strip())
    if not found or int(found[1]) >= 1 << 31:
        raise BadSip("CSeq is malformed")
    return int(found[1]), found[2]


def tag_of(value: str) -> str:
    """The tag of a From or To; empty where there is none."""
    outside = value.rpartition(">")[2] if ">" in value else value
    for part in outside.split(";")[1:]:
        name, _, tag = part.partition("=")
        if name.strip().lower() == "tag":
            return tag.strip()
    return ""


def read_address(value: str, header: str) -> SipAddress:
    """One address, as in From, To or Refer-To. Raises `BadSip`."""
    found = parse_addresses(value)
    if not found:
        raise BadSip(f"{header} is malformed")
    return found[0]


def read_uri(value: str) -> SipUri:
    """A SIP, SIPS or TEL URI. Raises `BadSip` with 416 for another scheme (RFC 3261, section 8.2.2.1)."""
    scheme = value.partition(":")[0].lower()
    if scheme not in ("sip", "sips", "tel"):
        raise BadSip(f"URI scheme {scheme[:20]!r} is not supported", 416)
    found = parse_uri(value)
    if found is None or found.headers:  # a request's URI has none (RFC 3261, section 19.1.1)
        raise BadSip("URI is malformed")
    return found


def _written(first: str, headers: Iterable[Header], body: bytes) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers if name.lower() != "content-length")]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
