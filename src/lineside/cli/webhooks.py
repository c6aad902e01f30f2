"""`lineside webhooks`: whom a running lineside tells of calls, and what became of the last deliveries."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from lineside.cli.address import JsonOption, KeyOption, UrlOption, ask_gateway
from lineside.cli.output import Column, print_json, print_table, say
from lineside.observability.webhook_status import WebhookDelivery, WebhookStatus
from lineside.settings import load_settings

COLUMNS = (
    Column("event"),
    Column("outcome", styles={"delivered": "green", "failed": "bold red", "dropped": "bold red"}),
    Column("at"),
    Column("tries", right=True),
    Column("why", grows=True),
    Column("delivery", drop=1),
)


def webhooks(
    test: Annotated[bool, typer.Option("--test", help="Send a delivery of the event `test` first.")] = False,
    url: UrlOption = "",
    as_json: JsonOption = False,
    key: KeyOption = "",
) -> None:
    """Show whom a running lineside tells of calls, and what became of the last deliveries."""
    settings = load_settings()
    method, path = ("POST", "/api/webhooks/test") if test else ("GET", "/api/webhooks")
    answer = ask_gateway(method, path, None, url=url, key=key, settings=settings)
    status = msgspec.convert(answer, WebhookStatus)
    if as_json:
        print_json(status)
        return
    if not status.url:
        say("No webhooks: WEBHOOK_URL is not set.")
        return
    say(
        f"{status.url}: {status.delivered} delivered, {status.failed} failed, {status.dropped} dropped, "
        f"{status.waiting} waiting"
    )
    if status.recent:
        print_table(COLUMNS, [_row(one) for one in status.recent])


def _row(one: WebhookDelivery) -> tuple[str, ...]:
    at = datetime.fromtimestamp(one.at, UTC).astimezone()
    return one.event, one.outcome, f"{at:%Y-%m-%d %H:%M:%S}", str(one.tries), one.why or "–", one.id[:8]
