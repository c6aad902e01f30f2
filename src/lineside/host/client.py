"""Asking a host agent, from the gateway or from the command line."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from msgspec import Struct

from lineside.errors import UNREADABLE, LinesideError
from lineside.host.machine.values import Machine
from lineside.host.services import Service

T = TypeVar("T")

ANSWER_SECONDS = 5.0  # seconds for an ordinary answer
REACHED = 2.0  # seconds to connect in
STARTED = 660.0  # seconds; a service may be given 600 to get ready, and waits its turn before
STOPPED = 620.0  # seconds; it may be given 600 to end


class HostAgentError(LinesideError):
    """The host agent said no, or nothing. `status` and `code` are what the gateway passes on."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class _Services(Struct, frozen=True):
    services: tuple[Service, ...]


class _Lines(Struct, frozen=True):
    lines: tuple[str, ...]


class _Fault(Struct, frozen=True):
    code: str
    message: str


class _Problem(Struct, frozen=True):
    error: _Fault


class HostAgentClient:
    """One host agent. An empty `url` is none: everything is refused with what to do about it."""

    def __init__(self, url: str, token: str, http: aiohttp.ClientSession) -> None:
        self._url, self._token, self._http = url.rstrip("/"), token, http

    async def services(self) -> tuple[Service, ...]:
        """All services. Raises `HostAgentError`, as everything here."""
        return (await self._ask("GET", "/v1/services", _Services)).services

    async def start(self, name: str, model: str = "") -> Service:
        """The service once it is ready, which may take minutes."""
        return await self._ask("POST", f"/v1/services/{quote(name, safe='')}/start", Service, STARTED, {"model": model})

    async def stop(self, name: str) -> Service:
        """The service once nothing is left of it."""
        return await self._ask("POST", f"/v1/services/{quote(name, safe='')}/stop", Service, STOPPED)

    async def restart(self, name: str, pid: int) -> Service:
        """Have the service's process started again, if it is still this one."""
        return await self._ask(
            "POST", f"/v1/services/{quote(name, safe='')}/restart", Service, ANSWER_SECONDS, {"pid": pid}
        )

    async def logs(self, name: str, lines: int = 100) -> tuple[str, ...]:
        """The last lines that it printed."""
        return (await self._ask("GET", f"/v1/services/{quote(name, safe='')}/logs?lines={lines}", _Lines)).lines

    async def machine(self) -> Machine:
        """The machine as it was at most half a second ago."""
        return await self._ask("GET", "/v1/machine", Machine)

    async def _ask(
        self,
        method: Literal["GET", "POST"],
        path: str,
        shape: type[T],
        within: float = ANSWER_SECONDS,
        body: object = None,
    ) -> T:
        if not self._url:
            raise HostAgentError(
                503,
                "no_host_agent",
                "no host agent is set: start `lineside host` and set HOST_AGENT_URL to its address",
            )
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        timeout = aiohttp.ClientTimeout(total=within, sock_connect=REACHED)
        async with (
            self._reached(),
            self._http.request(method, self._url + path, json=body, headers=headers, timeout=timeout) as answer,
        ):
            raw = await answer.read()
            if answer.status != 200:
                raise _refusal(answer.status, raw)
        try:
            return msgspec.json.decode(raw, type=shape)
        except UNREADABLE:
            raise HostAgentError(
                502, "bad_answer", f"what answers at {self._url} is no host agent of this version; see HOST_AGENT_URL"
            ) from None

    @asynccontextmanager
    async def _reached(self) -> AsyncGenerator[None, None]:
        try:
            yield
        except TimeoutError:
            raise HostAgentError(504, "host_agent_silent", f"the host agent at {self._url} did not answer") from None
        except (aiohttp.ClientError, OSError):
            raise HostAgentError(
                503, "no_host_agent", f"no host agent answers at {self._url}: start it with `lineside host`"
            ) from None


def _refusal(status: int, raw: bytes) -> HostAgentError:
    try:
        fault = msgspec.json.decode(raw, type=_Problem).error
    except UNREADABLE:
        return HostAgentError(502, "bad_answer", f"the host agent answered with status {status} and no reason")
    if status == 401:  # the gateway's own callers are not the ones who lack a token
        return HostAgentError(502, "host_agent_token", "the host agent does not know our HOST_AGENT_TOKEN")
    return HostAgentError(status, fault.code, fault.message)
