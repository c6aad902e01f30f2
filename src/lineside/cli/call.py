"""`lineside call`: have a running lineside call somebody, and tell what becomes of it.

Exit code 0: somebody, or something, answered. 1: nobody did, or a gate is shut.
"""

import time
from typing import Annotated, Any, get_args

import typer

from lineside.cli.address import JsonOption, KeyOption, UrlOption, ask_gateway
from lineside.cli.output import print_json, say
from lineside.errors import ConfigError
from lineside.reasons import OnVoicemail
from lineside.settings import Settings, load_settings

LOOK_EVERY = 0.5  # seconds
WORDS = {
    "answered_human": "a person answered",
    "answered_unknown": "somebody answered, or something",
    "voicemail": "an answering machine took it",
    "voicemail_left": "an answering machine took it, and has the message",
    "screened": "a program asked who calls",
    "ivr": "a telephone menu answered",
    "busy": "busy",
    "no_answer": "nobody answered",
    "rejected": "they refused the call",
    "invalid": "no such number",
    "failed": "it failed",
    "cancelled": "given up",
}
ANSWERED = ("answered_human", "answered_unknown", "voicemail", "voicemail_left", "screened", "ivr")


def call(
    to: Annotated[str, typer.Argument(help="Number or SIP address, among OUTBOUND_ALLOWED.")],
    consent: Annotated[str, typer.Option(help="Where their consent to be called by a machine is recorded.")] = "",
    timezone: Annotated[str, typer.Option(help="Of who is called, e.g. Europe/London.")] = "",
    context: Annotated[list[str] | None, typer.Option(help="Fact for the agent, NAME=VALUE; may be repeated.")] = None,
    greeting: Annotated[str | None, typer.Option(help="Said first, {NAME} from the context.")] = None,
    line: Annotated[str, typer.Option(help="Line that calls; default: OUTBOUND_LINE.")] = "",
    caller_id: Annotated[str, typer.Option(help="Number they see; default: OUTBOUND_CALLER_ID.")] = "",
    on_voicemail: Annotated[str, typer.Option(help="hang_up, leave_message or continue.")] = "hang_up",
    message: Annotated[str, typer.Option(help="Left on an answering machine.")] = "",
    key: Annotated[str, typer.Option("--idempotency-key", help="Asked again with it, no second call is made.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until the call is over; Ctrl-C ends it.")] = True,
    url: UrlOption = "",
    api_key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Call somebody, as POST /api/calls does; the same gates apply."""
    if on_voicemail not in get_args(OnVoicemail):
        raise ConfigError(f"--on-voicemail {on_voicemail}: allowed are {', '.join(get_args(OnVoicemail))}")
    settings = load_settings()
    body: dict[str, Any] = {
        "to": to,
        "consent": consent,
        "timezone": timezone,
        "context": dict(_pair(one) for one in context or ()),
        "greeting": greeting,
        "line": line,
        "caller_id": caller_id,
        "on_voicemail": on_voicemail,
        "voicemail_message": message,
        "idempotency_key": key,
    }
    made = ask_gateway("POST", "/api/calls", body, url=url, key=api_key, settings=settings)
    if wait:
        made = _followed(made, url, api_key, settings, quiet=as_json)
    if as_json:
        print_json(made)
    elif wait:
        say(f"{WORDS.get(str(made['outcome']), made['outcome'])}. {made['detail']}".strip())
    else:
        say(f"calling: {made['id']}")
    if wait and made["outcome"] not in ANSWERED:
        raise typer.Exit(1)


def _followed(made: dict[str, Any], url: str, key: str, settings: Settings, *, quiet: bool) -> dict[str, Any]:
    """The call when it is over; its states are printed as they come."""
    state = ""
    try:
        while made["state"] != "over":
            if made["state"] != state and not quiet:
                state = made["state"]
                say(state)
            time.sleep(LOOK_EVERY)
            path = f"/api/calls/outbound/{made['id']}"
            made = ask_gateway("GET", path, None, url=url, key=key, settings=settings)
    except KeyboardInterrupt:
        ask_gateway("POST", f"/api/calls/{made['id']}/end", None, url=url, key=key, settings=settings)
        raise
    return made


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ConfigError(f"--context {text!r}: write NAME=VALUE")
    return name, value
