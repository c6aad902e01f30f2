"""Tools over HTTP: the declared host and no other, one request and no redirect, one JSON object of bounded size back.

Arguments come from callers. They stand percent-encoded in the path or as JSON in the body, never in the host. Addresses
inside this network are refused unless the tool says `private`: they are checked where the connection is made, so that a
name cannot point elsewhere by then.
"""

import ipaddress
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from lineside.agents.declared import Tool
from lineside.agents.templates import PLACE
from lineside.agents.tools.deadline import by_deadline
from lineside.agents.tools.environment import filled_from
from lineside.agents.tools.outcome import Outcome, Use, broken_off
from lineside.agents.tools.projected import projected
from lineside.http_bodies import body_up_to

LARGEST_ANSWER = 1 << 20  # bytes; more is no answer
NO_ADDRESS = "its http is no address that can be asked; look at its host, its port and what the environment gives"
CONNECTIONS = 32  # to all back ends of a process; more wait, under the tool's deadline


class AddressRefused(OSError):
    """The tool's host is an address that it may not have."""


class NotAsked(ValueError):
    """The request cannot be written, so nothing was sent."""


class HttpTools:
    """Runs tools that are declared with `http`."""

    def __init__(
        self, outside: aiohttp.ClientSession, inside: aiohttp.ClientSession, environment: Mapping[str, str]
    ) -> None:
        """`outside` connects to public addresses only, `inside` to all; `environment` has addresses and secrets."""
        self._outside, self._inside, self._environment = outside, inside, environment

    async def run(self, use: Use, tool: Tool, key: str) -> Outcome:
        """See `RunsTools`."""
        return await by_deadline(tool, self._run(use, tool, key))

    async def _run(self, use: Use, tool: Tool, key: str) -> Outcome:
        try:
            return await self._ask(use, tool, key)
        except (aiohttp.InvalidURL, UnicodeError):  # raised before anything is sent, and what they say has arguments
            return Outcome("refused", why=NO_ADDRESS)
        except (AddressRefused, NotAsked) as refused:
            return Outcome("refused", why=str(refused))
        except aiohttp.ClientConnectorError as unreached:
            why = unreached.os_error
            return Outcome("refused" if isinstance(why, AddressRefused) else "failed", why=f"cannot connect: {why}")
        except TimeoutError:
            raise  # it is an OSError, too
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            return broken_off(tool, type(fault).__name__)

    async def _ask(self, use: Use, tool: Tool, key: str) -> Outcome:
        method, _, address = tool.http.partition(" ")
        url, rest = _address(filled_from(address, self._environment), use.arguments)
        headers = {name: _header(name, filled_from(value, self._environment)) for name, value in tool.headers.items()}
        if tool.writes:
            headers["Idempotency-Key"] = key
        body: dict[str, Any] = {"params": rest} if method in {"GET", "DELETE"} else {"json": rest}
        _refuse_literal(url, private=tool.private)
        http = self._inside if tool.private else self._outside
        async with http.request(method, url, headers=headers, allow_redirects=False, **body) as answer:
            return await _outcome(answer, tool)


def _address(template: str, arguments: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The address with its arguments, and the arguments that have no place in it."""
    used = set(PLACE.findall(template))
    if wrong := sorted(name for name in used if arguments.get(name, "").strip() in ("", ".", "..")):
        raise AddressRefused(f"{wrong[0]} would name another resource of the host")
    url = PLACE.sub(lambda place: quote(arguments.get(place[1], ""), safe=""), template)
    return url, {name: value for name, value in arguments.items() if name not in used}


def _header(name: str, value: str) -> str:
    """The value, on one line. Raises `NotAsked`."""
    if not value.isprintable():
        raise NotAsked(f"the header {name} has a line break or a control character; look at what the environment gives")
    return value


async def _outcome(answer: aiohttp.ClientResponse, tool: Tool) -> Outcome:
    if (name := tool.fails.get(str(answer.status))) is not None:
        return Outcome("failed", why=name)
    if 300 <= answer.status < 400:
        return Outcome("failed", why="it answered with a redirect")
    if answer.status >= 500:  # it may have failed at any moment
        return broken_off(tool, f"status {answer.status}")
    if answer.status >= 400:
        return Outcome("refused", why=f"status {answer.status}")
    raw = await body_up_to(answer.content, LARGEST_ANSWER + 1)
    if len(raw) > LARGEST_ANSWER:
        return broken_off(tool, "more than a megabyte")
    return projected(raw, tool)


# ── addresses ──────────────────────────────────────────────────────────────────────────────────────────────────────


def public(address: str) -> bool:
    """Whether it is an address of the Internet: not loopback, private, link-local, multicast or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (mapped is None or mapped.is_global)


def _refuse_literal(url: str, *, private: bool) -> None:
    """An address that stands in the URL itself is not resolved, and so is looked at here."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        raise NotAsked(NO_ADDRESS) from None
    try:
        inside = not public(host)
    except ValueError:
        return
    if inside and not private:
        raise AddressRefused(f"{host} is in this network; the tool needs private = true")


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses, and refuses those that have another."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See aiohttp. Raises `AddressRefused`."""
        found = await self._resolver.resolve(host, port, family)
        if any(not public(each["host"]) for each in found):
            raise AddressRefused(f"{host} is in this network; the tool needs private = true")
        return found

    async def close(self) -> None:
        """See aiohttp."""
        await self._resolver.close()


@asynccontextmanager
async def http_tools(environment: Mapping[str, str]) -> AsyncGenerator[HttpTools, None]:
    """The tools over HTTP of a process, while the block runs. No proxy, no cookies."""
    outside = aiohttp.TCPConnector(limit=CONNECTIONS, resolver=PublicResolver())
    inside = aiohttp.TCPConnector(limit=CONNECTIONS)
    jar = aiohttp.DummyCookieJar
    async with (
        aiohttp.ClientSession(connector=outside, trust_env=False, cookie_jar=jar()) as public_only,
        aiohttp.ClientSession(connector=inside, trust_env=False, cookie_jar=jar()) as everywhere,
    ):
        yield HttpTools(public_only, everywhere, environment)
