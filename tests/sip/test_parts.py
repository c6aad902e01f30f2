"""The parts of SIP each by itself: digest, session descriptions, streams, the guard, the way back."""

from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineside.sip.bodies import sdp_of
from lineside.sip.digest import (
    NONCE_SECONDS,
    Credentials,
    DigestClient,
    DigestServer,
    _answer,
    _md5,
    _sha256,
    read_digest,
)
from lineside.sip.framing import StreamFramer
from lineside.sip.guard import AT_ONCE, FAILURES, SHUT_OUT, Guard, read_networks
from lineside.sip.message import LARGEST_DATAGRAM, LARGEST_STREAMED, BadSip, SipRequest, parse_sip, tag_of
from lineside.sip.offer_answer import LocalMedia, Negotiation, NotAcceptable
from lineside.sip.sdp import BadSdp, parse_sdp
from lineside.sip.timers import TimerQueue
from lineside.sip.via import read_via, with_source

# ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_digest_is_that_of_the_rfcs() -> None:
    """The examples of RFC 2617, section 3.5, and RFC 7616, section 3.9.1, both algorithms."""
    old = {
        "realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "uri": "/dir/index.html",
        "qop": "auth", "nc": "00000001", "cnonce": "0a4f113b",
    }  # fmt: skip
    assert _answer(_md5, old, "Mufasa", "Circle Of Life", "GET", b"") == "6629fae49393a05397450978507c4ef1"
    new = {
        "realm": "http-auth@example.org", "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "uri": "/dir/index.html", "qop": "auth", "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    }  # fmt: skip
    user, password = "Mufasa", "Circle of Life"
    assert _answer(_md5, new, user, password, "GET", b"") == "8ca523f5e9506fed4657c9700eebdbec"
    expected = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    assert _answer(_sha256, new, user, password, "GET", b"") == expected


@given(st.text(max_size=12), st.text(min_size=1, max_size=12))
def test_who_knows_the_password_is_let_in_and_nobody_else(password: str, guess: str) -> None:
    """Any password; a nonce that is too old is asked for again, and one of somebody else's counts for nothing."""
    server = DigestServer("lineside", {"al": password})
    right = DigestClient(Credentials("al", password))
    challenges = list(server.challenges(100.0))
    answer = right.authorization(challenges, "INVITE", "sip:a@b") or ""
    assert server.check(answer, "INVITE", b"", 101.0) == ("al", False)
    assert server.check(answer, "BYE", b"", 101.0) == ("", False)
    assert server.check(answer, "INVITE", b"", 101.0 + NONCE_SECONDS) == ("", True)
    assert DigestServer("lineside", {"al": password}).check(answer, "INVITE", b"", 101.0) == ("", False)
    if guess != password:
        wrong = DigestClient(Credentials("al", guess)).authorization(challenges, "INVITE", "sip:a@b") or ""
        assert server.check(wrong, "INVITE", b"", 101.0) == ("", False)


def test_the_strongest_challenge_is_answered_and_what_is_no_challenge_is_not() -> None:
    """SHA-256 before MD5, whatever their order; another scheme or an unknown algorithm alone is none."""
    client = DigestClient(Credentials("al", "pw"))
    md5, sha = (
        'Digest realm="r", nonce="n", algorithm=MD5',
        'Digest realm="r", nonce="m", algorithm=SHA-256, qop="auth"',
    )
    assert 'nonce="m"' in (client.authorization([md5, sha], "INVITE", "sip:a@b") or "")
    assert client.authorization(["Basic realm=x", 'Digest realm="r", nonce="n", algorithm=X'], "INVITE", "u") is None
    assert "nc=00000002" in (client.authorization([sha], "INVITE", "sip:a@b") or "")
    assert read_digest('Digest a="b\\"c", d=e') == {"a": 'b"c', "d": "e"}
    assert read_digest("Digest ,,,") == {}


# ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(st.binary(max_size=400))
def test_whatever_a_message_holds_it_is_read_or_refused(data: bytes) -> None:
    """Nothing but `BadSip`, in messages, descriptions and streams."""
    try:
        message = parse_sip(data)
        sdp_of(message)
    except BadSip:
        pass
    with_source(data.decode("latin-1"), "10.0.0.1", 5)
    with suppress(BadSdp):
        parse_sdp(data)


def test_a_message_is_written_as_it_is_read() -> None:
    """Compact names are written out, and a tag is found wherever it stands."""
    raw = b"BYE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bKx\r\nf: <sip:x@y>;tag=1\r\nt: sip:z@y;x=1;tag=2\r\n"
    message = parse_sip(raw + b"i: c\r\nCSeq: 3 BYE\r\nl: 0\r\n\r\n")
    assert isinstance(message, SipRequest)
    assert (message.from_tag, message.to_tag, message.sequence) == ("1", "2", 3)
    assert b"Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom:" in bytes(message)
    assert parse_sip(bytes(message)).headers == (*message.headers[:-1], ("Content-Length", "0"))
    assert tag_of('"; tag=no" <sip:a;tag=b>') == ""


def test_responses_go_back_where_the_request_came_from() -> None:
    """rport and received (RFC 3581), IPv6 and several hops on one line."""
    line = "SIP/2.0/UDP 192.168.1.5:5062;rport;branch=z9hG4bKa, SIP/2.0/UDP p;branch=z9hG4bKb"
    noted = with_source(line, "203.0.113.5", 1024)
    assert (
        noted
        == "SIP/2.0/UDP 192.168.1.5:5062;rport=1024;branch=z9hG4bKa;received=203.0.113.5, SIP/2.0/UDP p;branch=z9hG4bKb"
    )
    assert with_source("SIP/2.0/UDP 10.0.0.1;branch=x", "10.0.0.1", 5060) == "SIP/2.0/UDP 10.0.0.1;branch=x"
    hop = read_via("SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKq")
    assert hop is not None
    assert (hop.transport, hop.host, hop.port, hop.branch) == ("TLS", "[2001:db8::1]", 5061, "z9hG4bKq")
    assert read_via("SIP/2.0/UDP") is None


@given(st.lists(st.sampled_from([b"", b"x" * 10, b"\r\n\r\nBYE "]), max_size=4), st.integers(1, 40), st.booleans())
def test_messages_in_a_stream_are_cut_wherever_the_network_cuts_it(bodies: list[bytes], size: int, ping: bool) -> None:
    """Any split; empty lines between messages keep the connection open."""
    whole = [b"INFO sip:a SIP/2.0\r\nl: %d\r\n\r\n%s" % (len(body), body) for body in bodies]
    stream = (b"\r\n\r\n" if ping else b"").join([b"", *whole, b""]) if ping else b"".join(whole)
    framer, got, pings = StreamFramer(), [], 0
    for at in range(0, len(stream), size):
        got += framer.feed(stream[at : at + size])
        pings += framer.pings
    assert got == whole
    assert pings == (len(bodies) + 1 if ping else 0)


@pytest.mark.parametrize(
    "data",
    [
        b"INFO sip:a SIP/2.0\r\nVia: x\r\n\r\n",
        b"INFO sip:a SIP/2.0\r\nl: 99999999\r\n\r\n",
        b"x" * (LARGEST_STREAMED + 1),
    ],
)
def test_a_stream_that_cannot_be_read_is_given_up(data: bytes) -> None:
    """No length, too long, no end of the head."""
    with pytest.raises(BadSip):
        StreamFramer().feed(data)


# ── session descriptions ───────────────────────────────────────────────────────────────────────────────────────────

HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"


def negotiation(*, secure: bool = False) -> Negotiation:
    return Negotiation(LocalMedia("10.0.0.1", 4000, ("G722", "PCMA", "PCMU"), secure=secure))


def agreed(lines: str, head: str = HEAD) -> Negotiation:
    found = negotiation()
    found.answer((head + lines).encode())
    return found


def test_our_order_of_codecs_counts_and_numbers_are_theirs() -> None:
    """One codec, theirs by name even under another number; their payload type for keys; their length of packets."""
    lines = "m=audio 4444 RTP/AVP 0 107 120\r\na=rtpmap:107 PCMA/8000\r\na=rtpmap:120 telephone-event/8000\r\n"
    plan = agreed(lines + "a=ptime:40\r\n").plan
    assert plan is not None
    assert (plan.codec, plan.payload_type, plan.event_payload_type, plan.packet_ms) == ("PCMA", 107, 120, 40)
    assert (plan.remote, plan.remote_rtcp) == (("10.0.0.9", 4444), ("10.0.0.9", 4445))
    assert agreed("m=audio 4444 RTP/AVP 9\r\n").plan.codec == "G722"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("", 20),
        ("a=ptime:10\r\n", 10),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:40\r\na=maxptime:20\r\n", 20),
        ("a=ptime:x\r\n", 20),
    ],
)
def test_packets_are_as_long_as_is_asked_for(asked: str, got: int) -> None:
    """And no longer than the other side takes."""
    plan = agreed("m=audio 4444 RTP/AVP 0\r\n" + asked).plan
    assert plan is not None
    assert plan.packet_ms == got


def test_video_is_refused_and_the_order_of_media_stays() -> None:
    """Port 0 in the place of each medium that we do not take (RFC 3264, section 6)."""
    offer = "m=video 5000 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4444 RTP/AVP 8\r\nm=image 9 udptl t38\r\n"
    answer = negotiation().answer((HEAD + offer).encode()).decode()
    lines = [line for line in answer.splitlines() if line.startswith("m=")]
    assert lines == ["m=video 0 RTP/AVP 96", "m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 8", "m=image 0 UDPTL t38"]


def test_where_the_sound_goes_is_read_from_wherever_it_stands() -> None:
    """c= of the medium before that of the session, IPv6, a=rtcp, rtcp-mux."""
    bare = HEAD.replace("c=IN IP4 10.0.0.9\r\n", "")
    plan = agreed("m=audio 4444 RTP/AVP 0\r\nc=IN IP6 2001:db8::5\r\na=rtcp:5555\r\n", bare).plan
    assert plan is not None
    assert (plan.remote, plan.remote_rtcp) == (("2001:db8::5", 4444), ("2001:db8::5", 5555))
    mux = agreed("m=audio 4444 RTP/AVP 0\r\na=rtcp-mux\r\n").plan
    assert mux is not None
    assert mux.remote_rtcp == mux.remote
    for wrong in (
        bare + "m=audio 4444 RTP/AVP 0\r\n",
        HEAD.replace("10.0.0.9", "host.example") + "m=audio 1 RTP/AVP 0\r\n",
    ):
        with pytest.raises(NotAcceptable):
            negotiation().answer(wrong.encode())


def test_keys_of_encrypted_sound_are_taken_over_tls_alone() -> None:
    """RTP/SAVP without TLS would send the key in the clear (RFC 4568, section 9): refused."""
    inline = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    offer = f"m=audio 4444 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{inline}\r\n"
    with pytest.raises(NotAcceptable):
        negotiation().answer((HEAD + offer).encode())
    secure = negotiation(secure=True)
    answer = secure.answer((HEAD + offer).encode()).decode()
    assert "RTP/SAVP" in answer
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" in answer
    assert secure.plan is not None
    assert secure.plan.keys is not None
    assert len(secure.plan.keys.theirs) == 30


# ── the guard ──────────────────────────────────────────────────────────────────────────────────────────────────────

OPTIONS = b"OPTIONS sip:a SIP/2.0\r\n"


def guard() -> Guard:
    return Guard(read_networks(["10.0.0.5"]), read_networks(["10.0.0.0/24", "2001:db8::/32"]))


def test_a_stranger_is_dropped_whatever_it_sends_and_takes_no_room() -> None:
    """A flood of forged addresses is not remembered."""
    one = guard()
    for number in range(70_000):
        host = f"203.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        assert one.judge(host, OPTIONS, number / 1000) == "stranger"
    assert len(one._sources) == 0
    assert one.dropped == {"stranger": 70_000}
    assert one.judge("::ffff:10.0.0.7", OPTIONS, 0.0) == "pass"
    assert one.judge("2001:db8::7", OPTIONS, 0.0) == "pass"
    assert one.judge("nonsense", OPTIONS, 0.0) == "stranger"


def test_a_telephone_may_send_so_much_and_a_trunk_more() -> None:
    """A bucket for each source; what comes faster is dropped, and later it is heard again."""
    one = guard()
    passed = sum(one.judge("10.0.0.7", OPTIONS, 1.0) == "pass" for _ in range(200))
    assert passed == AT_ONCE
    assert one.judge("10.0.0.8", OPTIONS, 1.0) == "pass"
    assert one.judge("10.0.0.7", OPTIONS, 1.2) == "pass"
    assert sum(one.judge("10.0.0.5", OPTIONS, 1.0) == "pass" for _ in range(200)) == 200
    assert (one.trusts("10.0.0.5", 1.0), one.trusts("10.0.0.7", 1.0)) == (True, False)


def test_what_is_no_sip_or_too_large_is_not_read() -> None:
    """Before anything is parsed."""
    one = guard()
    assert one.judge("10.0.0.7", b"GET / HTTP/1.1\r\n", 1.0) == "noise"
    assert one.judge("10.0.0.7", b"\x00\x01\x02", 1.0) == "noise"
    assert one.judge("10.0.0.7", OPTIONS + bytes(LARGEST_DATAGRAM), 1.0) == "size"
    assert one.judge("10.0.0.7", OPTIONS + bytes(LARGEST_DATAGRAM), 1.0, streamed=True) == "pass"
    assert one.judge("10.0.0.7", b"SUBMIT sip:a SIP/2.0\r\n", 1.0) == "pass"


def test_wrong_passwords_shut_a_source_out_for_a_while() -> None:
    """After five in a row; a right one between begins the count anew."""
    one = guard()
    for _ in range(FAILURES - 1):
        one.failed("10.0.0.7", 1.0)
    one.succeeded("10.0.0.7", 1.0)
    for _ in range(FAILURES - 1):
        one.failed("10.0.0.7", 1.0)
    assert one.judge("10.0.0.7", OPTIONS, 2.0) == "pass"
    one.failed("10.0.0.7", 2.0)
    assert one.judge("10.0.0.7", OPTIONS, 3.0) == "shut_out"
    assert not one.admits("10.0.0.7", 3.0)
    assert one.judge("10.0.0.7", OPTIONS, 3.0 + SHUT_OUT) == "pass"
    with pytest.raises(ValueError, match="no address"):
        read_networks(["10.0.0.300"])


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=80))
def test_timers_ring_in_their_order_and_cancelled_ones_never(given_: list[tuple[float, bool]]) -> None:
    """Whatever the order in which they were set."""
    queue, rang = TimerQueue(), list[int]()
    timers = [(queue.after(seconds, partial(rang.append, n)), kept) for n, (seconds, kept) in enumerate(given_)]
    for timer, kept in timers:
        if not kept:
            timer.cancel()
    queue.advance(1000.0)
    assert rang == sorted((n for n, (_, kept) in enumerate(given_) if kept), key=lambda n: (given_[n][0], n))
    assert queue.due is None
