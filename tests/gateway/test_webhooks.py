"""Webhooks: signed, tried again in bounds, never in a call's way, delivered or counted."""

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from lineside.errors import ConfigError
from lineside.gateway import webhooks
from lineside.gateway.alerts import FALLBACK_SECONDS, Alerts
from lineside.gateway.webhooks import AGAIN, WAITING, Webhooks, never_a_receiver
from lineside.protocol import FirstMessage
from tests.call.fixtures import settings
from tests.patience import until
from tests.records.fixtures import RecordingGateway, with_records

SECRET = "a secret of twenty letters"  # noqa: S105 - the tests own


class Receiver:
    """A program that is told; it answers with the statuses it was given, the last one for good."""

    def __init__(self, *statuses: int, takes: float = 0.0) -> None:
        self._statuses, self.takes = list(statuses), takes
        self.got: list[tuple[dict[str, str], bytes]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.got.append((dict(request.headers), await request.read()))
        await asyncio.sleep(self.takes)
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        headers = {"Location": "/elsewhere"} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers)


def told(
    receiver: Receiver, story: Callable[[Webhooks, Counter[tuple[str, str]]], Awaitable[None]], **given: Any
) -> Counter[tuple[str, str]]:
    """Send webhooks to it while the story is told."""

    async def main() -> Counter[tuple[str, str]]:
        app = web.Application()
        app.router.add_post("/{any}", receiver.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ends: Counter[tuple[str, str]] = Counter()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        chosen = settings(**{"webhook_url": url, "webhook_secret": SECRET} | given)
        hooks = Webhooks(chosen, lambda event, outcome: ends.update([(event, outcome)]))
        running = asyncio.create_task(hooks.run())
        try:
            async with asyncio.timeout(120):
                await story(hooks, ends)
            await hooks.close()
        finally:
            running.cancel()
            await asyncio.wait([running])
            await runner.cleanup()
        return ends

    return asyncio.run(main())


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once."""
    monkeypatch.setattr(webhooks, "AGAIN", (0.01,) * len(AGAIN))


def test_a_delivery_is_signed_so_that_its_receiver_knows_who_sent_it_and_when() -> None:
    """HMAC-SHA256 over time and body, as the documentation says; no secret in what is shown of it."""
    receiver = Receiver(204)

    async def story(hooks: Webhooks, ends: Counter[tuple[str, str]]) -> None:
        hooks.tell("call_started", {"call": "5f0c"})
        await until(lambda: ends["call_started", "delivered"] == 1)
        status = hooks.status()
        assert (status.delivered, status.waiting, status.recent[0].tries) == (1, 0, 1)
        assert SECRET not in str(status)

    told(receiver, story)
    headers, body = receiver.got[0]
    meant = hmac.new(SECRET.encode(), headers["Lineside-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["Lineside-Signature"] == f"v1={meant.hexdigest()}"
    assert headers["Lineside-Event"] == "call_started"
    assert b'"call":"5f0c"' in body


def test_a_receiver_that_fails_is_tried_again_with_the_same_delivery(quickly: None) -> None:
    """It can tell by the id that it has seen it."""
    receiver = Receiver(500, 503, 200)

    async def story(hooks: Webhooks, ends: Counter[tuple[str, str]]) -> None:
        hooks.tell("call_ended", {})
        await until(lambda: ends["call_ended", "delivered"] == 1)

    told(receiver, story)
    assert len({headers["Lineside-Delivery"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 3


@pytest.mark.parametrize(
    ("receiver", "why"),
    [
        (Receiver(500), "it answered 500"),
        (Receiver(302), "it answered 302"),
        (Receiver(200, takes=600.0), "no answer within 0.2 s"),
    ],
    ids=["broken", "redirects", "slow"],
)
def test_a_receiver_that_never_takes_it_is_given_up_and_counted(
    quickly: None, monkeypatch: pytest.MonkeyPatch, receiver: Receiver, why: str
) -> None:
    """A redirect is not followed: it could lead anywhere, with the signature."""
    monkeypatch.setattr(webhooks, "WITHIN", 0.2 if receiver.takes else 60.0)

    async def story(hooks: Webhooks, ends: Counter[tuple[str, str]]) -> None:
        hooks.tell("alert", {})
        await until(lambda: ends["alert", "failed"] == 1)
        assert hooks.status().recent[0].why == why

    told(receiver, story)
    assert len(receiver.got) == len(AGAIN) + 1
    assert all(headers.get("Host") for headers, _ in receiver.got)


def test_a_receiver_that_stands_still_costs_calls_nothing_and_what_is_too_much_is_counted() -> None:
    """Telling is a plain function: the queue is bounded, and each delivery too many is counted as dropped."""
    receiver = Receiver(200, takes=60.0)

    async def story(hooks: Webhooks, ends: Counter[tuple[str, str]]) -> None:
        for _ in range(WAITING + 10):
            hooks.tell("call_started", {})
        assert ends["call_started", "dropped"] == 10
        assert hooks.status().waiting == WAITING

    told(receiver, story)


def test_only_the_events_that_were_asked_for_are_told() -> None:
    """And none where no address is set."""
    receiver = Receiver(200)

    async def story(hooks: Webhooks, ends: Counter[tuple[str, str]]) -> None:
        hooks.tell("call_started", {})
        hooks.tell("call_ended", {})
        await until(lambda: bool(ends))

    assert told(receiver, story, webhook_events="call_ended") == Counter({("call_ended", "delivered"): 1})
    assert Webhooks(settings(), lambda event, outcome: None).status().events == ()


def test_a_webhook_that_is_not_signed_or_names_a_strange_event_stops_the_start() -> None:
    """Before a call is answered."""
    with pytest.raises(ConfigError, match="WEBHOOK_SECRET"):
        Webhooks(
            settings(webhook_url="http://crm.internal/hook", webhook_secret=SECRET[:5]), lambda event, outcome: None
        )
    with pytest.raises(ValueError, match="no event"):
        settings(webhook_events="call_begun")


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("169.254.169.254", True),
        ("::ffff:169.254.169.254", True),
        ("fd00:ec2::254", True),
        ("100.100.100.200", True),
        ("0.0.0.0", True),  # noqa: S104 - refused
        ("224.0.0.1", True),
        ("fe80::1%eth0", True),
        ("10.0.0.8", False),
        ("127.0.0.1", False),
        ("203.0.113.9", False),
    ],
)
def test_some_addresses_are_no_receivers(address: str, refused: bool) -> None:
    """A cloud's metadata above all; receivers in one's own network are."""
    assert never_a_receiver(address) is refused


def test_what_a_number_or_a_name_leads_to_is_refused_at_each_try(quickly: None) -> None:
    """Whatever the name said when lineside started."""

    async def story() -> None:
        ends: Counter[tuple[str, str]] = Counter()
        chosen = settings(webhook_url="http://169.254.169.254/latest", webhook_secret=SECRET)
        hooks = Webhooks(chosen, lambda event, outcome: ends.update([(event, outcome)]))
        running = asyncio.create_task(hooks.run())
        hooks.tell("test", {})
        await until(lambda: bool(ends))
        assert "never sent to" in hooks.status().recent[0].why
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(story())


def test_alerts_are_told_when_a_trouble_comes_and_when_it_has_gone() -> None:
    """Once each, however often it is looked at; an engine that stands in counts for five minutes."""
    now, got = [0.0], list[tuple[str, str]]()
    alerts = Alerts(lambda event, data: got.append((data["state"], data["what"])), lambda: now[0])
    alerts.look(["call records: the disk is full"])
    alerts.look(["call records: the disk is full"])
    assert [one.what for one in alerts.standing().alerts] == ["call records: the disk is full"]
    alerts.fallback("tts: kokoro too slow, piper answers")
    alerts.look([])
    assert [one.what for one in alerts.standing().alerts] == ["tts: kokoro too slow, piper answers"]
    now[0] = FALLBACK_SECONDS
    alerts.look([])
    assert alerts.standing().alerts == ()
    assert got == [
        ("raised", "call records: the disk is full"),
        ("raised", "tts: kokoro too slow, piper answers"),
        ("cleared", "call records: the disk is full"),
        ("cleared", "tts: kokoro too slow, piper answers"),
    ]


def test_a_call_is_announced_from_its_start_to_its_end(tmp_path: Path) -> None:
    """With what a CRM asks for, and without a caller's words."""
    receiver = Receiver(200)

    async def story(server: RecordingGateway) -> None:
        app = web.Application()
        app.router.add_post("/{any}", receiver.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.gateway.announcements.webhooks._url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        await server.call(0.6, hello=FirstMessage(codec="pcm", greeting="", test=True))  # no customer's
        await server.call(0.6)
        await until(lambda: len(receiver.got) == 3)
        await runner.cleanup()
        status = await server.ask("/api/webhooks")
        assert status["delivered"] == 3

    url = {"webhook_url": "http://127.0.0.1:9/hook", "webhook_secret": SECRET}
    with_records(story, tmp_path, hears=["I want to speak to a person."], **url)
    assert sorted(headers["Lineside-Event"] for headers, _ in receiver.got) == [
        "call_ended",
        "call_started",
        "transfer_requested",
    ]
    assert all(b"speak to a person" not in body for _, body in receiver.got)
