"""What reads SIP and RTP from outside, for `parsers`: each may answer, or refuse in its own way."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lineside.rtp.codecs import new_codec
from lineside.rtp.media_plan import MediaPlan
from lineside.rtp.packet import RtpPacket, build_rtp, parse_rtp
from lineside.rtp.receiver import RtpReceiver
from lineside.rtp.rtcp import ReceptionReport, SentSound, build_report, parse_rtcp
from lineside.rtp.source_lock import SourceLock
from lineside.rtp.telephone_event import DIGITS, TelephoneEventReader
from lineside.sip.flow import Flow
from lineside.sip.framing import StreamFramer
from lineside.sip.message import BadSip
from lineside.sip.offer_answer import LocalMedia, Negotiation, NotAcceptable
from lineside.sip.sdp import parse_sdp
from tests.sip.wire import Wire


def sip_messages(raw: bytes) -> None:
    """A datagram on the SIP port, past the guard: an answer or silence, and nothing of it stays."""
    side = Wire().side("10.0.0.2")
    side.agent.receive(raw, Flow("UDP", "10.0.0.9", 5060))
    side._wire.run(300.0)
    assert not any(side.agent.sizes.values()), side.agent.sizes


def sip_streams(raw: bytes) -> None:
    """SIP over TCP, in two pieces."""
    framer = StreamFramer()
    for piece in (raw[: len(raw) // 2], raw[len(raw) // 2 :]):
        try:
            framer.feed(piece)
        except BadSip:
            return


def session_descriptions(raw: bytes) -> None:
    """An offer, and an answer to ours."""
    for secure in (False, True):
        negotiation = Negotiation(LocalMedia("10.0.0.1", 4000, ("G722", "PCMA", "PCMU"), secure=secure))
        with suppress(NotAcceptable):
            assert parse_sdp(negotiation.answer(raw)).media
        with suppress(NotAcceptable):
            negotiation.take_answer(raw)


def rtp(raw: bytes) -> None:
    """Datagrams of sound and keys, some of them the caller's: the sound stays bounded, a digit is a digit."""
    caller, heard, digits = ("10.0.0.5", 4000), list[bytes](), list[str]()
    plan = MediaPlan(caller, caller, "PCMU", 0, 0, 101, 101)
    receiver = RtpReceiver(plan, new_codec("PCMU"), SourceLock(caller, 0.0, nat=True), heard.append, digits.append)
    for number in range(0, len(raw), 40):
        packet = parse_rtp(raw[number : number + 40])
        if packet is not None:
            receiver.receive(packet, caller, number / 2000)
        receiver.tick(number / 2000)
    receiver.tick(len(raw) / 2000 + 1.0)
    assert len(b"".join(heard)) <= 16_100 * (len(raw) // 40 + 3)
    assert all(digit in DIGITS for digit in digits)


def rtcp(raw: bytes) -> None:
    """A compound packet of reports."""
    found = parse_rtcp(raw)
    assert found is None or len(found.reports) <= len(raw) // 24


def telephone_events(raw: bytes) -> None:
    """The payload of a key."""
    assert TelephoneEventReader().receive(1, 1, raw, 0.0) in ("", *DIGITS)


OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\nm=audio 9000 RTP/SAVP 0 8 96\r\n"
    b"a=rtpmap:96 telephone-event/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
    b"inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\na=ptime:30\r\na=rtcp:9009 IN IP4 10.0.0.8\r\na=sendonly\r\n"
)
INVITE = (
    b"INVITE sip:agent@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bKa\r\n"
    b"From: <sip:me@10.0.0.9>;tag=mine\r\nTo: <sip:agent@10.0.0.2>\r\nCall-ID: c@x\r\nCSeq: 1 INVITE\r\n"
    b"Contact: <sip:me@10.0.0.9>\r\nRecord-Route: <sip:10.0.0.20;lr>\r\nContent-Type: application/sdp\r\n\r\n"
) + OFFER.replace(b"SAVP", b"AVP")
TORTURE = [file.read_bytes() for file in sorted((Path(__file__).parents[1] / "sip" / "torture").glob("*.dat"))]
SOUND = b"".join(build_rtp(RtpPacket(0, False, n, n * 28, 7, bytes(28))) for n in range(4))
KEY = build_rtp(RtpPacket(101, True, 5, 99, 7, b"\x05\x0a\x00\xa0")).ljust(40, b"\0")
REPORT = build_report(SentSound(7, 1.7e9, 1, 2, 3), ReceptionReport(9, 0.1, 5, 6, 7, 8, 9), b"name", goodbye=True)

SIP_READERS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "sip": (sip_messages, (INVITE, *TORTURE)),
    "sip_streams": (sip_streams, (INVITE.replace(b"Call-ID", b"l: 3\r\nCall-ID"), b"\r\n\r\n", *TORTURE)),
    "sdp": (session_descriptions, (OFFER, OFFER.replace(b"SAVP", b"AVP"))),
    "rtp": (rtp, (SOUND, SOUND + KEY + SOUND)),
    "rtcp": (rtcp, (REPORT, REPORT * 2)),
    "telephone_events": (telephone_events, (b"\x05\x0a\x00\xa0",)),
}
