"""Offer and answer (RFC 3264): what both sides agree on for the sound of a call. Pure."""

import secrets
from collections.abc import Sequence
from ipaddress import ip_address

from msgspec import Struct

from lineside.rtp.codecs import CLOCK, PAYLOAD_TYPES, STATIC, CodecName
from lineside.rtp.media_plan import Direction, MediaPlan, SrtpKeys
from lineside.sip.numbers import whole_number
from lineside.sip.sdes import crypto_line, new_key, read_crypto
from lineside.sip.sdp import BadSdp, SdpMedia, SessionDescription, build_sdp, parse_sdp

EVENTS = "TELEPHONE-EVENT"
OUR_EVENTS = 101  # payload type of keys in our own offers
PACKET_MS = (10, 20, 30, 40, 60)
ANSWERS: dict[str, Direction] = {
    "sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive",
}  # fmt: skip


class NotAcceptable(ValueError):
    """Nothing in an offer or an answer can be used: 488, or the end of the call."""


class LocalMedia(Struct, frozen=True):
    """What we can do, and where we take sound."""

    host: str  # as the other side reaches it
    port: int
    codecs: tuple[CodecName, ...]  # the better first
    secure: bool = False  # signalling is encrypted, so keys may stand in it
    must_encrypt: bool = False


class Negotiation:
    """The offers and answers of one call."""

    def __init__(self, local: LocalMedia) -> None:
        self._local = local
        self._session, self._version = secrets.randbits(31), 0
        self._codec: CodecName | None = None  # agreed on; it stays for the call
        self._our_key = new_key()
        self._latest = b""
        self.held_by_us = False
        self.plan: MediaPlan | None = None  # what is agreed on

    def answer(self, offer: bytes) -> bytes:
        """Answer an offer; `plan` is what is agreed on then. Raises `NotAcceptable`."""
        description = _read(offer)
        chosen = next((media for media in description.media if self._usable(media)), None)
        if chosen is None:
            raise NotAcceptable("no sound that can be used: PCMU, PCMA or G722 over RTP/AVP is needed")
        codec, number = self._choose(chosen)
        theirs = description.direction_of(chosen)
        ours = ANSWERS[theirs]
        if self.held_by_us:
            ours = "sendonly" if ours in ("sendrecv", "sendonly") else "inactive"
        self.plan = self._planned(chosen, codec, (number, number), ours)
        lines = [self._answered(media, chosen, ours) for media in description.media]
        return self._described(lines)

    def offer(self) -> bytes:
        """Our own offer: the first of a call, or one that changes or repeats what is agreed on."""
        codecs = self._local.codecs if self._codec is None else (self._codec,)
        direction: Direction = "sendonly" if self.held_by_us else "sendrecv"
        numbers = [PAYLOAD_TYPES[codec] for codec in codecs]
        events = OUR_EVENTS
        if self.plan is not None:
            numbers = [self.plan.payload_type]
            events = self.plan.event_payload_type or OUR_EVENTS
        formats = [*map(str, numbers), str(events)]
        attributes = [
            *(f"rtpmap:{number} {codec}/{CLOCK}" for number, codec in zip(numbers, codecs, strict=True)),
            f"rtpmap:{events} telephone-event/{CLOCK}",
            f"fmtp:{events} 0-15",
            "ptime:20",
            "rtcp-mux",
            direction,
        ]
        profile = "RTP/AVP"
        if self._local.must_encrypt:
            profile = "RTP/SAVP"
            attributes.insert(0, crypto_line(1, self._our_key))
        return self._described([("audio", self._local.port, profile, formats, attributes)])

    def take_answer(self, answer: bytes) -> None:
        """The answer to our offer; `plan` is what is agreed on then. Raises `NotAcceptable`."""
        description = _read(answer)
        media = description.media[0] if description.media else None
        if media is None or not self._usable(media):
            raise NotAcceptable("the answer has no sound that can be used")
        codec, number = self._choose(media)
        ours = self.plan.payload_type if self.plan is not None else PAYLOAD_TYPES[codec]
        direction = ANSWERS[description.direction_of(media)]
        if self.held_by_us:
            direction = "sendonly" if direction in ("sendrecv", "sendonly") else "inactive"
        self.plan = self._planned(media, codec, (ours, number), direction)

    def _usable(self, media: SdpMedia) -> bool:
        if media.kind != "audio" or not media.port:
            return False
        encrypted = media.profile in ("RTP/SAVP", "RTP/SAVPF")
        if encrypted and (not self._local.secure or read_crypto(media) is None):
            return False
        if not encrypted and (self._local.must_encrypt or media.profile not in ("RTP/AVP", "RTP/AVPF")):
            return False
        try:
            self._choose(media)
        except NotAcceptable:
            return False
        return True

    def _choose(self, media: SdpMedia) -> tuple[CodecName, int]:
        """The codec that we like best of those offered, with its payload type; the one of the call, once it has one."""
        offered = _codecs(media)
        wanted = (self._codec,) if self._codec is not None else self._local.codecs
        for codec in wanted:
            if codec in offered:
                return codec, offered[codec]
        raise NotAcceptable("no codec in common")

    def _planned(self, media: SdpMedia, codec: CodecName, numbers: tuple[int, int], direction: Direction) -> MediaPlan:
        self._codec = codec
        events = next((n for n, (name, rate) in media.encodings().items() if (name, rate) == (EVENTS, CLOCK)), None)
        mux = media.attribute("rtcp-mux") is not None
        remote = (media.host, media.port)
        theirs = read_crypto(media) if media.profile.startswith("RTP/SAVP") else None
        ours = self.plan.event_payload_type if self.plan is not None and numbers[0] != numbers[1] else events
        return MediaPlan(
            remote=remote,
            remote_rtcp=remote if mux else _rtcp_address(media),
            codec=codec,
            payload_type=numbers[0],
            send_payload_type=numbers[1],
            event_payload_type=ours,
            send_event_payload_type=events,
            packet_ms=_packet_ms(media),
            direction=direction,
            rtcp_mux=mux,
            keys=SrtpKeys(self._our_key, theirs[1]) if theirs is not None else None,
        )

    def _answered(
        self, media: SdpMedia, chosen: SdpMedia, direction: Direction
    ) -> tuple[str, int, str, list[str], list[str]]:
        """Our m-line for one of theirs: the order stays, what we do not take has port 0 (RFC 3264, section 6)."""
        plan = self.plan
        if media is not chosen or plan is None:
            return media.kind, 0, media.profile, list(media.formats[:1]), []
        formats = [str(plan.payload_type)]
        attributes = [f"rtpmap:{plan.payload_type} {plan.codec}/{CLOCK}"]
        if plan.event_payload_type is not None:
            formats.append(str(plan.event_payload_type))
            attributes += [f"rtpmap:{plan.event_payload_type} telephone-event/{CLOCK}"]
            attributes += [f"fmtp:{plan.event_payload_type} 0-15"]
        attributes.append(f"ptime:{plan.packet_ms}")
        if plan.rtcp_mux:
            attributes.append("rtcp-mux")
        if plan.keys is not None and (theirs := read_crypto(media)) is not None:
            attributes.insert(0, crypto_line(theirs[0], self._our_key))
        attributes.append(direction)
        return "audio", self._local.port, media.profile, formats, attributes

    def _described(self, media: list[tuple[str, int, str, list[str], list[str]]]) -> bytes:
        """The description; its version goes up where it differs from the one before (RFC 3264, section 8)."""
        same = build_sdp((self._session, self._version), self._local.host, media)
        if same != self._latest:
            self._version += 1
            self._latest = build_sdp((self._session, self._version), self._local.host, media)
        return self._latest


def _read(data: bytes) -> SessionDescription:
    try:
        return parse_sdp(data)
    except BadSdp as wrong:
        raise NotAcceptable(f"session description: {wrong}") from None


def _codecs(media: SdpMedia) -> dict[CodecName, int]:
    """The codecs of an m-line that we know, each with its first payload type; a=rtpmap counts before RFC 3551."""
    found: dict[CodecName, int] = {}
    for number, (name, rate) in media.encodings().items():
        codec = next((one for one in PAYLOAD_TYPES if one == name and rate == CLOCK), None)
        if not name:
            codec = STATIC.get(number)
        if codec is not None:
            found.setdefault(codec, number)
    return found


def _packet_ms(media: SdpMedia) -> int:
    """How long the packets are to be that we send: as asked, 20 ms if nothing is, no longer than they take."""
    wanted, most = _number(media.attribute("ptime"), 20), _number(media.attribute("maxptime"), max(PACKET_MS))
    fitting: Sequence[int] = [ms for ms in PACKET_MS if ms <= max(most, PACKET_MS[0])]
    return min(fitting, key=lambda ms: abs(ms - wanted))


def _number(value: str | None, default: int) -> int:
    number = whole_number(value)
    return number if number is not None and 0 < number <= 1000 else default


def _rtcp_address(media: SdpMedia) -> tuple[str, int]:
    """Where reports go: `a=rtcp` if it says so (RFC 3605), else the port above."""
    given = (media.attribute("rtcp") or "").split()
    named = whole_number(given[0]) if given else None
    port = named if named is not None and 0 < named < 65536 else media.port + 1
    host = media.host
    if len(given) == 4:
        try:
            host = str(ip_address(given[3]))
        except ValueError:
            host = media.host
    return host, min(port, 65535)
