"""What the control API is told, and answers, of calls that lineside makes."""

from typing import Annotated

from msgspec import Meta, Struct

from lineside.observability.outbound_call import OutboundCall
from lineside.reasons import OnVoicemail

Short = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=1000)]


class PlaceCall(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to call, and what for."""

    to: Annotated[str, Meta(min_length=2, max_length=200, description="a number such as +15550100, or a SIP address")]
    consent: Annotated[Short, Meta(description="where their consent to be called by a machine is recorded")] = ""
    timezone: Annotated[Short, Meta(description="of who is called, such as Europe/London")] = ""
    idempotency_key: Annotated[Short, Meta(description="asked again with the same key, no second call is made")] = ""
    reference: Annotated[Short, Meta(description="your own, given back with the outcome")] = ""
    line: Annotated[Short, Meta(description="that calls; empty: OUTBOUND_LINE")] = ""
    caller_id: Annotated[Short, Meta(description="the number they see; empty: OUTBOUND_CALLER_ID")] = ""
    context: Annotated[
        dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=256)]],
        Meta(max_length=16, description="facts of this call, of which the agent is told those in its `call_facts`"),
    ] = {}
    greeting: Annotated[Text | None, Meta(description="said first, {name} from the context; null: the agent's")] = None
    ring_seconds: Annotated[float, Meta(ge=15, le=120)] | None = None
    on_voicemail: OnVoicemail = "hang_up"
    voicemail_message: Annotated[Text, Meta(description="left after the beep, with leave_message")] = ""
    screening_line: Annotated[Text, Meta(description="said to a program that asks who calls; empty: greeting")] = ""


class OutboundCalls(Struct, frozen=True):
    """Calls that lineside made or makes, the newest first."""

    calls: tuple[OutboundCall, ...]


class OutboundQuery(Struct, frozen=True):
    """How many are wanted."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="the newest so many")] = 100


class DoNotCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A number that is not to be called any more."""

    number: Annotated[str, Meta(min_length=2, max_length=200)]


class DoNotCallAdded(Struct, frozen=True):
    """It is on the list, and on the disk."""

    number: str
    added: Annotated[bool, Meta(description="false: it was there already")]
