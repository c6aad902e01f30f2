"""Calls between two user agents: what is lost, doubled or refused on the way, and how each call ends."""

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineside.sip.core import SessionEnd
from lineside.sip.digest import Credentials, DigestClient, DigestServer
from lineside.sip.flow import Flow
from lineside.sip.message import SipRequest, SipResponse, parse_sip
from lineside.sip.offer_answer import LocalMedia, Negotiation
from lineside.sip.outgoing import CallTarget
from lineside.sip.referral import ReferralResult
from tests.sip.wire import Heard, Wire, two

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"
    b"m=audio 9000 RTP/AVP 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\n"
)


def invite(
    number: str = "a", *, sequence: int = 1, to: str = "<sip:agent@10.0.0.2>", more: str = "", body: bytes = SDP
) -> bytes:
    """An INVITE by hand."""
    kind = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"INVITE sip:agent@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bK{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:me@10.0.0.9>;tag=mine\r\nTo: {to}\r\nCall-ID: c{number[0]}@x\r\n"
        f"CSeq: {sequence} INVITE\r\nContact: <sip:me@10.0.0.9>\r\n{more}{kind}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Raw:
    """A peer that is written by hand, beside a side that is tested."""

    def __init__(self, **more: object) -> None:
        self.wire = Wire()
        self.side = self.wire.side("10.0.0.2", **more)
        self.flow = Flow("UDP", "10.0.0.9", 5060)

    def send(self, data: bytes, wait: float = 0.0) -> list[SipResponse | SipRequest]:
        """Send it; what came back."""
        before = len(self.side.sent)
        self.side.agent.receive(data, self.flow)
        self.wire.run(wait)
        return [parse_sip(one) for one in self.side.sent[before:]]

    def statuses(self, data: bytes, wait: float = 0.0) -> list[int]:
        return [one.status for one in self.send(data, wait) if isinstance(one, SipResponse)]

    def inside(self, method: str, sequence: int, answered: SipResponse, more: str = "", body: bytes = b"") -> bytes:
        """A request inside the dialog that a 2xx has made."""
        head = (
            f"{method} sip:agent@10.0.0.2:5060 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 10.0.0.9:5060;rport;branch=z9hG4bK{method}{sequence}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:me@10.0.0.9>;tag=mine\r\nTo: {answered.get('To')}\r\nCall-ID: {answered.call_id}\r\n"
            f"CSeq: {sequence} {method}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def answered(self, data: bytes = b"") -> SipResponse:
        """A call that is up."""
        ok = next(one for one in self.send(data or invite()) if isinstance(one, SipResponse) and one.status == 200)
        self.send(self.inside("ACK", 1, ok))
        return ok


def test_a_call_is_answered_and_either_side_hangs_up() -> None:
    """INVITE, 100, 180, 200, ACK, BYE, 200: and nothing of it stays."""
    for by_caller in (True, False):
        wire, caller, agent = two()
        call, heard = caller.call(agent)
        wire.run(1)
        assert (heard.connected, agent.heard.connected, heard.ringing) == (1, 1, [180])
        assert heard.plans[0].remote == ("10.0.0.2", 16_000)
        session = call.session if by_caller else agent.sessions[0]
        assert session is not None
        session.hang_up()
        wire.run(1)
        assert sorted(end.by for end in heard.ends + agent.heard.ends) == ["them", "us"]
        wire.run(100)
        assert not any(caller.agent.sizes.values())
        assert not any(agent.agent.sizes.values())


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.floats(0.0, 0.3))
def test_a_call_comes_up_once_and_ends_on_both_sides_whatever_gets_lost(seed: int, loss: float) -> None:
    """Up to three messages of ten lost, either way: one call, one answer, one end each, and nothing left behind."""
    wire, caller, agent = two(loss=loss, seed=seed)
    _, heard = caller.call(agent)
    wire.run(40)
    assert len(agent.calls) <= 1
    assert agent.heard.connected <= 1
    assert heard.connected <= 1
    for session in agent.sessions:
        session.hang_up()
    wire.run(200)
    assert len(agent.heard.ends) == len(agent.sessions)
    if heard.connected and not heard.ends:  # each of the BYEs was lost: RTP stops, and that ends the call
        assert not any(data.startswith(b"SIP/2.0 200") for data in caller.sent)
    assert not any(agent.agent.sizes.values())


def test_an_invite_that_comes_again_is_answered_again_and_is_no_second_call() -> None:
    """The same response goes out, with the same tag."""
    raw = Raw()
    raw.side.answers = False
    first = raw.send(invite())
    again = raw.send(invite())
    assert [one.status for one in first if isinstance(one, SipResponse)] == [100, 180]
    assert again == [first[-1]]
    assert len(raw.side.calls) == 1
    assert raw.statuses(invite("ab")) == [100, 482]


def test_a_2xx_is_sent_until_its_ack_and_a_call_without_ack_ends() -> None:
    """Half a second, then twice as long each time to four; after 32 seconds a BYE, and the slot is free."""
    raw = Raw()
    raw.send(invite())
    raw.wire.run(31)
    sent = raw.side.lines("SIP/2.0 200")
    assert 9 <= len(sent) <= 12
    raw.wire.run(2)
    assert [end.by for end in raw.side.heard.ends] == ["nobody"]
    assert raw.side.lines("BYE")
    raw.wire.run(100)
    assert not any(raw.side.agent.sizes.values())


def test_a_caller_who_cancels_hears_487_and_one_who_is_late_gets_the_call() -> None:
    """CANCEL is answered itself; after the 200 it does nothing (RFC 3261, section 9.2)."""
    raw = Raw()
    raw.side.answers = False
    raw.send(invite())
    cancel = invite(body=b"").replace(b"INVITE", b"CANCEL")
    assert raw.statuses(cancel) == [200, 487]
    raw.side.answer(raw.side.calls[0])
    assert raw.side.sessions == []
    late = Raw()
    late.send(invite())
    assert late.statuses(cancel) == [200]
    assert not late.side.heard.ends
    assert Raw().statuses(cancel) == [481]


def test_a_full_gateway_says_so_before_anything_is_answered() -> None:
    """486 while all slots are in use, 503 while it closes; both say when to come again. OPTIONS says the same."""
    for why, status in (("all 3 call slots are in use", 486), ("the gateway is shutting down", 503)):
        raw = Raw()
        raw.side.full_because = why
        *_, refused = raw.send(invite())
        assert isinstance(refused, SipResponse)
        assert (refused.status, refused.get("Retry-After")) == (status, "5")
        assert raw.side.calls == []
    options = invite(body=b"").replace(b"INVITE", b"OPTIONS")
    assert raw.statuses(options) == [503]
    assert Raw().statuses(options) == [200]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (invite(body=SDP.replace(b"0 8 96", b"18 96")), 488),
        (invite(body=SDP.replace(b"m=audio", b"m=image")), 488),
        (invite(body=b"v=1\r\nnonsense"), 488),
        (invite(more="Require: foo\r\n"), 420),
        (invite(more="Session-Expires: 60\r\n"), 422),
        (invite(to="<sip:agent@10.0.0.2>;tag=unknown"), 481),
        (invite().replace(b"application/sdp", b"text/plain"), 415),
        (invite().replace(b"INVITE sip:", b"INVITE xyz:"), 416),
        (invite().replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia"), 505),
        (invite().replace(b"INVITE", b"FROBNICATE"), 501),
        (invite().replace(b"INVITE", b"MESSAGE"), 405),
        (invite().replace(b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS"), 400),
        (invite().replace(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nCall-ID: twice"), 400),
        (invite().replace(b"INVITE", b"REFER"), 603),
        (invite().replace(b"INVITE", b"BYE"), 481),
        (invite().replace(b"INVITE", b"NOTIFY"), 481),
    ],
)
def test_what_cannot_be_used_gets_its_answer_and_never_silence(data: bytes, status: int) -> None:
    """Each fault has a status that says what is wrong."""
    raw = Raw()
    assert raw.statuses(data)[-1] == status
    assert raw.side.sessions == []


def test_hold_is_answered_and_the_call_goes_on() -> None:
    """sendonly is answered with recvonly, inactive and 0.0.0.0 with inactive; then the call is as before."""
    raw = Raw()
    ok = raw.answered()
    holds = [
        (SDP + b"a=sendonly\r\n", "recvonly"),
        (SDP + b"a=inactive\r\n", "inactive"),
        (SDP.replace(b"c=IN IP4 10.0.0.9", b"c=IN IP4 0.0.0.0"), "inactive"),
        (SDP.replace(b"9000", b"9100"), "sendrecv"),
    ]
    for number, (body, direction) in enumerate(holds, 2):
        more = "Contact: <sip:me@10.0.0.9>\r\nContent-Type: application/sdp\r\n"
        response = raw.send(raw.inside("INVITE", number, ok, more, body))[-1]
        assert f"a={direction}".encode() in response.body
        raw.send(raw.inside("ACK", number, ok))
        assert raw.side.heard.plans[-1].direction == direction
    assert raw.side.heard.plans[-1].remote == ("10.0.0.9", 9100)
    assert raw.statuses(raw.inside("UPDATE", 9, ok, "Content-Type: application/sdp\r\n", SDP)) == [200]
    assert raw.statuses(raw.inside("INVITE", 3, ok, "", b"").replace(b"INVITE3", b"other"))[-1] == 500
    bad = raw.inside("INVITE", 10, ok, "Content-Type: application/sdp\r\n", SDP.replace(b"0 8 96", b"18"))
    assert raw.statuses(bad)[-1] == 488
    assert not raw.side.heard.ends


def test_the_version_of_our_description_goes_up_where_it_changes_and_only_there() -> None:
    """RFC 3264, section 8: the o-line's number, plus one for each change."""
    negotiation = Negotiation(LocalMedia("10.0.0.1", 4000, ("PCMU",)))
    versions = [
        int(negotiation.answer(body).split(b"\r\n")[1].split()[2]) for body in (SDP, SDP, SDP + b"a=sendonly\r\n", SDP)
    ]
    assert versions == [1, 1, 2, 3]


def test_without_an_offer_the_2xx_brings_ours_and_the_ack_the_answer() -> None:
    """INVITE without SDP; an ACK without an answer ends the call."""
    raw = Raw()
    ok = next(one for one in raw.send(invite(body=b"")) if isinstance(one, SipResponse) and one.status == 200)
    assert b"m=audio 16000 RTP/AVP 8 0 101" in ok.body
    raw.send(raw.inside("ACK", 1, ok, "Content-Type: application/sdp\r\n", SDP))
    assert raw.side.heard.plans[0].codec == "PCMA"
    empty = Raw()
    ok = next(one for one in empty.send(invite(body=b"")) if isinstance(one, SipResponse) and one.status == 200)
    empty.send(empty.inside("ACK", 1, ok))
    assert empty.side.lines("BYE")
    assert empty.side.heard.ends[0].by == "us"


def test_keys_come_as_info_too() -> None:
    """application/dtmf-relay and application/dtmf; what else an INFO brings is answered and passed over."""
    raw = Raw()
    ok = raw.answered()
    bodies = [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"),
        ("application/dtmf-relay", b"Signal= #\r\nDuration= 160\r\n"),
        ("application/dtmf", b"7"),
        ("application/dtmf-relay", b"Signal=10\r\n"),
        ("application/media_control+xml", b"<x/>"),
    ]
    for number, (kind, body) in enumerate(bodies, 2):
        assert raw.statuses(raw.inside("INFO", number, ok, f"Content-Type: {kind}\r\n", body)) == [200]
    assert raw.side.heard.digits == "5#7*"


def test_a_request_with_an_old_number_is_refused_and_one_that_skips_some_is_not() -> None:
    """RFC 3261, section 12.2.2."""
    raw = Raw()
    ok = raw.answered()
    assert raw.statuses(raw.inside("INFO", 10, ok)) == [200]
    assert raw.statuses(raw.inside("OPTIONS", 9, ok)) == [500]
    assert raw.statuses(raw.inside("BYE", 200, ok, 'Reason: Q.850;cause=16;text="x"\r\n')) == [200]
    assert raw.side.heard.ends == [SessionEnd("them", cause=16, detail='Q.850;cause=16;text="x"')]


def test_requests_inside_the_call_go_by_the_proxies_that_want_it() -> None:
    """Record-Route is in the 2xx, and the route set in our BYE; the Contact is its target."""
    raw = Raw()
    routes = "Record-Route: <sip:10.0.0.20;lr>, <sip:10.0.0.21;lr>\r\n"
    ok = raw.answered(invite(more=routes))
    assert ok.all("Record-Route") == ["<sip:10.0.0.20;lr>, <sip:10.0.0.21;lr>"]
    raw.side.sessions[0].hang_up()
    bye = parse_sip(raw.side.lines("BYE")[0])
    assert bye.all("Route") == ["<sip:10.0.0.20;lr>", "<sip:10.0.0.21;lr>"]
    assert cast("SipRequest", bye).uri == "sip:me@10.0.0.9"


def test_both_sides_offer_at_once_and_one_waits_longer() -> None:
    """Glare: 491 both ways, then each tries again in its own time (RFC 3261, section 14.1)."""
    wire, caller, agent = two()
    call, heard = caller.call(agent)
    wire.run(1)
    assert call.session is not None
    call.session.hold(True)
    agent.sessions[0].hold(True)
    wire.run(0.2)
    assert len(caller.lines("SIP/2.0 491")) == len(agent.lines("SIP/2.0 491")) == 1
    wire.run(10)
    assert heard.plans[-1].held
    assert agent.heard.plans[-1].held
    assert not heard.ends


def test_a_session_is_refreshed_in_time_and_ends_where_it_is_not() -> None:
    """RFC 4028: who is to refresh does so at half of the interval; a dead side is noticed before its end."""
    wire, caller, agent = two()
    caller.call(agent)
    wire.run(4000)
    assert len(caller.lines("UPDATE")) == 4
    wire.drops = lambda side, data: side is caller
    wire.run(1900)
    assert [end.by for end in agent.heard.ends] == ["nobody"]


def test_a_caller_is_handed_on_and_comes_back_where_nobody_takes_the_call() -> None:
    """REFER: 202, NOTIFY with the fate of the new call; success ends ours, all else leaves the caller with us."""
    for fragment, result, ends in (
        (b"SIP/2.0 200 OK\r\n", ReferralResult(200, "OK"), 1),
        (b"SIP/2.0 486 Busy Here\r\n", ReferralResult(486, "Busy Here"), 0),
    ):
        raw, results = Raw(), list[ReferralResult]()
        ok = raw.answered()
        raw.side.sessions[0].refer("sip:200@10.0.0.3", (("User-to-User", "x"),), 30.0, results.append)
        refer = parse_sip(raw.side.lines("REFER")[0])
        assert refer.get("Refer-To") == "<sip:200@10.0.0.3>"
        accepted = bytes(SipResponse(status=202, reason="Accepted", headers=refer.headers))
        raw.send(accepted)
        notify = "Event: refer\r\nSubscription-State: active\r\nContent-Type: message/sipfrag\r\n"
        assert raw.statuses(raw.inside("NOTIFY", 2, ok, notify, b"SIP/2.0 100 Trying\r\n")) == [200]
        assert results == []
        raw.send(raw.inside("NOTIFY", 3, ok, notify, fragment))
        assert results == [result]
        assert len(raw.side.heard.ends) == ends


def test_a_transfer_that_is_refused_or_never_told_of_is_known_as_such() -> None:
    """603 at once; and 30 seconds without a NOTIFY."""
    raw, results = Raw(), list[ReferralResult]()
    raw.answered()
    raw.side.sessions[0].refer("sip:200@10.0.0.3", (), 30.0, results.append)
    refer = parse_sip(raw.side.lines("REFER")[0])
    raw.send(bytes(SipResponse(status=603, reason="Decline", headers=refer.headers)))
    assert results == [ReferralResult(603, "Decline")]
    silent, results = Raw(), []
    silent.answered()
    silent.side.sessions[0].refer("sip:200@10.0.0.3", (), 20.0, results.append)
    silent.wire.run(21)
    assert [one.status for one in results] == [408]


def test_a_telephone_needs_its_password_and_a_wrong_one_shuts_it_out() -> None:
    """Before anything is kept of the call; after five wrong ones its address hears nothing for ten minutes."""
    wire = Wire()
    digest = DigestServer("lineside", {"alice": "wonder land"})
    agent, caller = wire.side("10.0.0.2", trusts="", digest=digest), wire.side("10.0.0.1")
    right, wrong = DigestClient(Credentials("alice", "wonder land")), DigestClient(Credentials("alice", "guess"))
    _, heard = caller.call(agent, digest=right)
    wire.run(1)
    assert heard.connected == 1
    assert "SHA-256" in caller.lines("INVITE")[1].decode()
    for _ in range(5):
        _, heard = caller.call(agent, digest=wrong)
        wire.run(1)
        assert heard.ends[0].status == 401
    assert agent.agent.sizes["sessions"] == 1
    assert agent.agent.counts.unauthorized == 5


def test_a_call_of_ours_rings_is_given_up_and_one_who_answers_then_is_hung_up_on() -> None:
    """CANCEL crosses a 200: it is acknowledged, then ended."""
    wire, caller, agent = two()
    agent.answers = False
    call, heard = caller.call(agent, ring_seconds=20.0)
    wire.run(19.999)
    agent.answer(agent.calls[0])
    call.give_up()
    wire.run(5)
    assert caller.lines("ACK")
    assert [end.by for end in heard.ends] == ["us"]
    assert len(agent.heard.ends) == 1
    wire, caller, agent = two()
    agent.answers = False
    _, heard = caller.call(agent, ring_seconds=20.0)
    wire.run(25)
    assert [end.status for end in heard.ends] == [487]
    assert caller.lines("CANCEL")
    assert agent.lines("SIP/2.0 487")


def test_nobody_at_the_other_end_is_known_after_half_a_minute() -> None:
    """Timer B; the slot is free."""
    wire = Wire()
    caller = wire.side("10.0.0.1")
    target = CallTarget("sip:x@10.0.0.77", Flow("UDP", "10.0.0.77", 5060), "sip:me@10.0.0.1")
    heard = Heard()
    caller.agent.call(target, Negotiation(LocalMedia("10.0.0.1", 4000, ("PCMU",))), heard)
    wire.run(33)
    assert [end.by for end in heard.ends] == ["nobody"]
    assert not any(caller.agent.sizes.values())


def test_a_flood_of_requests_keeps_memory_flat() -> None:
    """Ten thousand requests, many refused and never acknowledged: what is kept is limited, then gone."""
    raw = Raw()
    raw.side.full_because = "all 3 call slots are in use"
    options = invite(body=b"").replace(b"INVITE", b"OPTIONS")
    for number in range(5000):
        for data in (options, invite()):
            raw.side.agent.receive(data.replace(b"z9hG4bKa", b"z9hG4bK%d" % number), raw.flow)
        raw.side.sent.clear()
        raw.wire.run(0.001)
    assert max(raw.side.agent.sizes.values()) <= 4000
    raw.wire.run(200)
    assert not any(raw.side.agent.sizes.values())
    assert raw.wire.timers.due is None
    assert len(raw.wire.timers._heap) <= 1000
