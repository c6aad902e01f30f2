"""The demonstration's back end: an HTTP service over one SQLite file, as an operator's own would be.

A write with a key that was seen before answers what it answered then and changes nothing.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from secrets import choice

import msgspec
from aiohttp import web
from msgspec import Struct

TABLES = """
create table if not exists orders (number text primary key, item text, status text, due text, address text);
create table if not exists visits (reference text primary key, number text, day text, part_of_day text, phone text);
create table if not exists seen (key text primary key, status integer, answer text);
"""
# Orders that a newcomer may ask for: number, what was ordered, status, days from now, address.
ORDERS = (
    ("12345", "a router", "was sent this morning", 2, "4 Mill Lane"),
    ("24680", "a Family plan", "is waiting for its engineer", 5, "17 Station Road"),
    ("13579", "a Pro plan", "is being prepared", 9, "2 Church Street"),
)
LETTERS, DIGITS = "ABCDEFHJKLMNPRTWXY", "23456789"  # of references: nothing that sounds or looks like another


class Visit(Struct, frozen=True):
    """A visit that is asked for."""

    order_number: str
    day: str
    part_of_day: str
    phone: str


class Address(Struct, frozen=True):
    """A new address."""

    address: str


class BackEnd:
    """Orders and visits in one file."""

    def __init__(self, file: Path | str, today: Callable[[], date] = lambda: datetime.now(UTC).date()) -> None:
        self._base = sqlite3.connect(file)
        self._base.executescript(TABLES)
        rows = [(n, item, status, str(today() + timedelta(days)), address) for n, item, status, days, address in ORDERS]
        self._base.executemany("insert or replace into orders values (?, ?, ?, ?, ?)", rows)
        self._base.commit()

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application(client_max_size=10_000)
        app.router.add_get("/health", self._health)
        app.router.add_get("/orders/{number}", self._order)
        app.router.add_post("/visits", self._visit)
        app.router.add_put("/orders/{number}/address", self._address)
        return app

    def visits(self) -> list[tuple[str, ...]]:
        """All visits: order, day, part of the day, telephone."""
        return list(self._base.execute("select number, day, part_of_day, phone from visits"))

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _order(self, request: web.Request) -> web.Response:
        found = self._base.execute(
            "select item, status, due from orders where number = ?", (request.match_info["number"],)
        ).fetchone()
        if found is None:
            return web.json_response({"error": "no such order"}, status=404)
        return web.json_response(dict(zip(("item", "status", "due"), found, strict=True)))

    async def _visit(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read(), type=Visit)
        return self._once(request, lambda: self._book(asked))

    def _book(self, asked: Visit) -> tuple[int, dict[str, str]]:
        known = self._base.execute("select 1 from orders where number = ?", (asked.order_number,)).fetchone()
        if known is None:
            return 404, {"error": "no such order"}
        if date.fromisoformat(asked.day).weekday() == 6:
            return 409, {"error": "nobody works on Sundays"}
        reference = choice(LETTERS) + choice(DIGITS) + choice(DIGITS)
        row = (reference, asked.order_number, asked.day, asked.part_of_day, asked.phone)
        self._base.execute("insert or replace into visits values (?, ?, ?, ?, ?)", row)
        return 200, {"reference": reference}

    async def _address(self, request: web.Request) -> web.Response:
        new = msgspec.json.decode(await request.read(), type=Address)
        number = request.match_info["number"]

        def change() -> tuple[int, dict[str, str]]:
            found = self._base.execute("update orders set address = ? where number = ?", (new.address, number))
            return (200, {"address": new.address}) if found.rowcount else (404, {"error": "no such order"})

        return self._once(request, change)

    def _once(self, request: web.Request, change: Callable[[], tuple[int, dict[str, str]]]) -> web.Response:
        key = request.headers.get("Idempotency-Key", "")
        seen = self._base.execute("select status, answer from seen where key = ?", (key,)).fetchone() if key else None
        if seen is not None:
            return web.json_response(text=seen[1], status=seen[0])
        status, answer = change()
        if key:
            self._base.execute("insert into seen values (?, ?, ?)", (key, status, msgspec.json.encode(answer).decode()))
        self._base.commit()
        return web.json_response(answer, status=status)
