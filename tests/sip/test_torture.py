"""The torture messages of RFC 4475 and RFC 5118: each gets its right fate, and none a traceback."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.sip.flow import Flow
from tests.sip.wire import Side, Wire

FOLDER = Path(__file__).parent / "torture"
# Status of the final response; 0: none, since it is a response, or no message at all.
FATES = {
    # 3.1.1: valid. wsinv is for a dialog that there is not; mpart01 and the unknown methods are not ours.
    "wsinv": 481, "intmeth": 501, "esc01": 200, "escnull": 200, "esc02": 501, "lwsdisp": 200, "longreq": 200,
    "dblreq": 200, "semiuri": 200, "transports": 200, "mpart01": 405, "unreason": 0, "noreason": 0,
    # 3.1.2: invalid. badaspec, baddate, baddn and regescrt may be accepted by who can make sense of them.
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": 0, "quotbal": 400, "ltgtruri": 400,
    "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": 200, "regbadct": 400, "badaspec": 200,
    "baddn": 200, "badvers": 505, "mismatch01": 400, "mismatch02": 400, "bigcode": 0,
    # 3.2: transactions
    "badbranch": 200,
    # 3.3: what the application makes of it
    "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 200, "bext01": 420, "invut": 415, "regaut01": 200,
    "multi01": 400, "mcl01": 400, "bcast": 0, "zeromf": 200, "cparam01": 200, "cparam02": 200, "regescrt": 200,
    "sdp01": 406,
    # 3.4: a client of RFC 2543
    "inv2543": 200,
}  # fmt: skip


def fate(data: bytes) -> tuple[int, Side]:
    """What a user agent answers in the end, and the user agent afterwards."""
    wire = Wire()
    side = wire.side("10.0.0.2")
    side.agent.receive(data, Flow("UDP", "10.0.0.9", 5060))
    statuses = [int(sent.split(b" ", 2)[1]) for sent in side.sent if sent.startswith(b"SIP/2.0 ")]
    wire.run(200)
    return next((status for status in statuses if status >= 200), 0), side


def test_every_message_of_the_rfc_is_here() -> None:
    """49 of them; the list of fates has each."""
    assert {file.stem for file in FOLDER.glob("*.dat")} == set(FATES)
    assert len(FATES) == 49


@pytest.mark.parametrize("name", sorted(FATES))
def test_each_message_of_rfc_4475_gets_its_right_fate(name: str) -> None:
    """And nothing of it is kept."""
    status, side = fate((FOLDER / f"{name}.dat").read_bytes())
    assert status == FATES[name]
    assert not any(side.agent.sizes.values())


HEAD = (
    "{method} {uri} SIP/2.0\r\nTo: sip:user@example.com{tag}\r\nFrom: sip:user@example.com;tag=81x2\r\nVia: {via}\r\n"
    "Call-ID: SSG9559905523997077@hlau_4100\r\nMax-Forwards: 70\r\n"
    'Contact: "Caller" <sip:caller@[2001:db8::1]>\r\nCSeq: 98176 {method}\r\n'
)
NINE = "SIP/2.0/UDP [2001:db8::9:1]"
BRANCH = ";branch=z9hG4bKas3-111"
SDP6 = (
    "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed for today's meeting\r\n"
    "c=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\nm=audio 6000 RTP/AVP {kind}\r\n"
    "m=video 6024 RTP/AVP 107\r\na=rtpmap:107 H263-1998/90000\r\n"
)
TWO_FAMILIES = (
    "v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\n"
    "m=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\n"
)


def six(method: str, uri: str, via: str, tag: str = "", body: str = "") -> bytes:
    """One message of RFC 5118."""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    head = HEAD.format(method=method, uri=uri, via=via, tag=tag) + kind + f"Content-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


MAPPED = "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\r\nVia: SIP/2.0/UDP [::ffff:192.0.2.2]"
MAPPED_CONTACT = six("INVITE", "sip:user@example.com", MAPPED + BRANCH, "", SDP6.format(kind=0)).replace(
    b"sip:caller@[2001:db8::1]", b"sip:ted@[::ffff:192.0.2.2]"
)
MIXED = (
    "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781\r\n"
    "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200"
)


@pytest.mark.parametrize(
    ("section", "data", "status"),
    [
        ("4.1", six("REGISTER", "sip:[2001:db8::10]", NINE + BRANCH), 200),
        ("4.2", six("REGISTER", "sip:2001:db8::10", NINE + BRANCH), 400),
        ("4.3", six("REGISTER", "sip:[2001:db8::10:5070]", NINE + BRANCH), 200),
        ("4.4", six("REGISTER", "sip:[2001:db8::10]:5070", NINE + BRANCH), 200),
        ("4.5a", six("BYE", "sip:[2001:db8::10]", f"{NINE};received=[2001:db8::9:255]{BRANCH}", ";tag=bd76ya"), 481),
        ("4.5b", six("OPTIONS", "sip:[2001:db8::10]", f"{NINE};received=2001:db8::9:255;branch=z9hG4bKas3"), 200),
        ("4.6", six("INVITE", "sip:user@[2001:db8::10]", NINE + BRANCH, "", SDP6.format(kind=2)), 488),
        ("4.6 with our codec", six("INVITE", "sip:user@[2001:db8::10]", NINE + BRANCH, "", SDP6.format(kind=0)), 200),
        ("4.7", six("BYE", "sip:user@host.example.net", MIXED, ";tag=9817--94"), 481),
        ("4.8", six("INVITE", "sip:user@[2001:db8::10]", NINE + BRANCH, "", TWO_FAMILIES), 200),
        ("4.9", six("INVITE", "sip:user@example.com", MAPPED + BRANCH, "", SDP6.format(kind=0)), 200),
        ("4.9 in Contact", MAPPED_CONTACT, 200),
        ("4.10a", six("OPTIONS", "sip:user@[2001:db8:::192.0.2.1]", "SIP/2.0/UDP lab1.example.com" + BRANCH), 200),
        ("4.10b", six("OPTIONS", "sip:user@[2001:db8::192.0.2.1]", "SIP/2.0/UDP lab1.example.com" + BRANCH), 200),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_each_message_of_rfc_5118_gets_its_right_fate(section: str, data: bytes, status: int) -> None:
    """IPv6 in URIs, Via, Contact and session descriptions."""
    assert fate(data)[0] == status


SEEDS = [file.read_bytes() for file in sorted(FOLDER.glob("*.dat"))]


@given(st.sampled_from(range(len(SEEDS))), st.integers(0, 4000), st.integers(0, 60), st.binary(max_size=12))
def test_a_damaged_message_never_breaks_the_user_agent(number: int, at: int, size: int, new: bytes) -> None:
    """A piece of a torture message cut out, and noise in its place: an answer or silence, and nothing is kept."""
    seed = SEEDS[number]
    at %= len(seed)
    _, side = fate(seed[:at] + new + seed[at + size :])
    assert not any(side.agent.sizes.values())
