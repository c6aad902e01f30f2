"""Gateways that share a PostgreSQL database: one cap for a key over all of them, and each known to the others."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lineside.errors import CallRefused
from lineside.gateway.auth import Auth
from lineside.gateway.call_registry import CallRegistry
from lineside.gateway.gateway_link import GatewayLink
from lineside.records.call_leases import LEASE
from lineside.records.database import Database
from lineside.records.gateways import gateways, leave
from lineside.settings import Settings
from tests.call.fixtures import settings
from tests.gateway.test_app import ServedGateway, opened
from tests.records.database_servers import PostgreSQL

KEYS = "one-long-key,another-long-key"


class Box:
    """One gateway: its calls, and its word to the others."""

    def __init__(self, url: str, folder: Path, port: int, key: str = "one-long-key") -> None:
        chosen: Settings = settings(records_url=url, api_keys=KEYS, max_calls_per_key=4, port=port, data_dir=folder)
        auth, self.url = Auth(chosen), url
        self.holder, self.calls = auth.holder(key), CallRegistry(100, chosen.max_calls_per_key)
        self.link = GatewayLink(chosen, self.calls, auth.holders())
        self.store = Database(url, folder)

    async def tell(self) -> None:
        assert await self.link.tell(self.store)

    def takes(self, most: int = 100) -> int:
        """Calls of the key that are let in until one is refused."""
        taken = 0
        while taken < most:
            try:
                self.calls.admit(self.holder)
            except CallRefused:
                break
            taken += 1
        return taken


@pytest.fixture
def story(postgresql: PostgreSQL, tmp_path: Path) -> Callable[[Callable[[Box, Box], Awaitable[None]]], None]:
    """Runs a story of two gateways."""

    def run(told: Callable[[Box, Box], Awaitable[None]]) -> None:
        async def whole() -> None:
            url = postgresql.new()
            boxes = Box(url, tmp_path, 3001), Box(url, tmp_path, 3002)
            try:
                await told(*boxes)
            finally:
                for box in boxes:
                    await box.store.close()

        asyncio.run(whole())

    return run


def test_one_key_has_its_cap_over_both_gateways(story: Callable[..., None]) -> None:
    """Four calls together, though each gateway by itself would take four; another key has its own four."""

    async def told(one: Box, two: Box) -> None:
        for box in (one, two, one, two):
            await box.tell()
        first = one.takes()
        for _ in range(3):
            await one.tell()
            await two.tell()
        first += one.takes(most=3 - first)
        for _ in range(3):
            await one.tell()
            await two.tell()
        assert (first, two.takes()) == (3, 1)
        two.holder = Auth(settings(api_keys=KEYS)).holder("another-long-key")
        assert two.takes() >= 1

    story(told)


def test_each_gateway_knows_all_of_them(story: Callable[..., None]) -> None:
    """With their calls, their room, and whether they drain; before the database was heard a gateway knows itself."""

    async def told(one: Box, two: Box) -> None:
        (alone,), heard = one.link.gateways()
        assert (alone.this, alone.alive, heard) == (True, True, None)
        one.calls.admit()
        two.calls.draining = True
        for box in (one, two, one):
            await box.tell()
        known, heard = one.link.gateways()
        assert [(each.name.rpartition(":")[2], each.calls, each.draining, each.this) for each in known] == [
            ("3001", 1, False, True),
            ("3002", 0, True, False),
        ]
        assert all(each.alive and each.max_calls == 100 for each in known)
        assert heard is not None

    story(told)


def test_a_gateway_that_was_killed_is_listed_once_when_it_is_back(story: Callable[..., None]) -> None:
    """Its former life goes when its lease has ended, not before: it may be another machine of that name."""

    async def told(one: Box, two: Box) -> None:
        await one.tell()
        back = GatewayLink(settings(records_url=one.url, port=3001), one.calls, ())
        assert await back.tell(one.store)
        assert len(back.gateways()[0]) == 2
        async with one.store.transaction() as connection:
            ended = gateways.update().values(until=gateways.c.until - LEASE).where(gateways.c.seq == 1)
            await connection.execute(ended)
        assert await back.tell(one.store)
        assert [each.this for each in back.gateways()[0]] == [True]

    story(told)


def test_a_gateway_that_ends_is_listed_no_longer_and_its_slots_are_free_at_once(story: Callable[..., None]) -> None:
    """Nobody waits for its lease to end."""

    async def told(one: Box, two: Box) -> None:
        for box in (one, two, one, two):
            await box.tell()
        assert two.takes() > 0
        await two.tell()
        async with two.store.transaction() as connection:
            await leave(connection, two.link._id)
        taken = 0
        for _ in range(3):
            taken += one.takes(most=4 - taken)
            await one.tell()
        assert taken + one.takes(most=4 - taken) == 4
        assert [each.this for each in one.link.gateways()[0]] == [True]

    story(told)


def test_a_gateway_that_is_open_tells_the_others_by_itself(postgresql: PostgreSQL) -> None:
    """Two open gateways list each other, and the key of the one is refused where the other has its calls.

    The one that ends is listed no longer.
    """

    async def told() -> None:
        url = postgresql.new()
        given: dict[str, Any] = {"records_url": url, "api_keys": KEYS, "max_calls_per_key": 1}
        headers = {"Authorization": "Bearer one-long-key"}
        async with opened(**given) as one:
            caller = await one.call(headers=headers)
            await until_listed(one, headers, [1])
            async with opened(**given) as two:
                await until_listed(two, headers, [0, 1])
                with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                    await two.call(headers=headers)
            await until_listed(one, headers, [1])  # the other has said that it ends
            await caller.close()

    asyncio.run(told())


async def until_listed(gateway: ServedGateway, headers: dict[str, str], calls: list[int]) -> None:
    """Until it has heard of gateways with so many calls, from the database."""
    async with asyncio.timeout(120):
        while True:
            async with gateway.http.get(f"{gateway.url}/api/gateways", headers=headers) as answer:
                told = await answer.json()
            if told["heard_seconds_ago"] is not None and sorted(one["calls"] for one in told["gateways"]) == calls:
                return
            await asyncio.sleep(0.1)


def test_a_database_that_is_gone_refuses_nobody(tmp_path: Path) -> None:
    """The gateway goes on by itself, and says that it hears nobody."""

    async def told() -> None:
        box = Box("postgresql://lineside@127.0.0.1:9/none", tmp_path, 3001)
        assert not await box.link.tell(box.store)
        assert box.takes() == 4
        assert box.link.gateways()[1] is None
        await box.store.close()

    asyncio.run(told())


def test_a_token_of_one_gateway_opens_the_other_and_dies_with_its_keys() -> None:
    """A balancer sends the page's socket wherever it likes."""
    one, two = Auth(settings(api_keys=KEYS)), Auth(settings(api_keys="another-long-key,one-long-key"))
    token = one.token(1000.0, one.holder("one-long-key"))
    assert two.has_token(token, 1001.0)
    assert two.token_holder(token) == two.holder("one-long-key")
    assert not Auth(settings(api_keys="another-long-key")).has_token(token, 1001.0)
