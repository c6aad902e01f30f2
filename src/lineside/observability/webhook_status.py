"""How webhooks fare, as operators see it."""

from typing import Annotated

from msgspec import Meta, Struct

from lineside.reasons import WebhookEvent, WebhookOutcome


class WebhookDelivery(Struct, frozen=True):
    """A delivery that is over."""

    id: str
    event: WebhookEvent
    at: Annotated[float, Meta(description="when it happened, in seconds since 1970")]
    tries: int
    outcome: WebhookOutcome
    why: Annotated[str, Meta(description="what went wrong the last time; empty: nothing")]


class WebhookStatus(Struct, frozen=True):
    """The webhooks of this gateway since it started."""

    url: Annotated[str, Meta(description="who is told; without secrets; empty: WEBHOOK_URL is not set")]
    events: tuple[str, ...]
    waiting: Annotated[int, Meta(description="deliveries on their way, or waiting for a further try")]
    delivered: int
    failed: Annotated[int, Meta(description="given up after the last try")]
    dropped: Annotated[int, Meta(description="never tried, because too many waited")]
    recent: Annotated[tuple[WebhookDelivery, ...], Meta(description="the newest first, at most 50")]
