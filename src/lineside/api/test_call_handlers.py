"""Operations for those who test lines: a load test, a monitor."""

from typing import Annotated

from msgspec import Meta, Struct

from lineside.api.api_services import ApiServices
from lineside.api.errors import ApiError
from lineside.api.operation import operation
from lineside.errors import CallRefused, ConfigError

CALLS = "Calls"


class TestLine(Struct, frozen=True, forbid_unknown_fields=True):
    """The line that a test call comes over."""

    line: Annotated[str, Meta(pattern="^(sip|audiosocket|asterisk|twilio)$")]


class TestTicket(Struct, frozen=True):
    """What a test call brings."""

    ticket: str


@operation("POST", "/api/test-tickets", group=CALLS, errors=(409, 503), example={"line": "sip"})
async def test_ticket(api: ApiServices, body: TestLine) -> TestTicket:
    """Issue a ticket for one test call on a telephone line: it runs no tools that reach anything outside.

    It is good for a minute: the UUID of an AudioSocket, `t` of Asterisk's socket, the last part of the path of a
    carrier's media socket, the header `X-Lineside-Test` of an INVITE.
    """
    try:
        return TestTicket(api.dependencies.test_tickets(body.line))
    except ConfigError as off:
        raise ApiError(409, "line_off", str(off)) from off
    except CallRefused as many:
        raise ApiError(503, "too_many_tickets", str(many)) from many
