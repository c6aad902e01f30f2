"""What is wrong with a gateway, as the page and programs are told."""

from typing import Annotated

from msgspec import Meta, Struct


class StandingAlert(Struct, frozen=True):
    """One trouble that stands."""

    what: Annotated[str, Meta(description="what is wrong, in words")]
    since: Annotated[float, Meta(description="seconds since 1970, UTC")]


class StandingAlerts(Struct, frozen=True):
    """Every trouble that stands, the oldest first. The same are told to webhooks, as the event `alert`."""

    alerts: tuple[StandingAlert, ...]
