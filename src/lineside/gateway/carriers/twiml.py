"""TwiML and what is written like it: TeXML of Telnyx, cXML of SignalWire."""

from lineside.gateway.carriers.account import BUSY, XML, WebhookAnswer, attribute, xml_text
from lineside.transports.line_control import TransferTarget

FORGOTTEN = 60  # seconds after which a colleague's call that lineside has forgotten ends
LANGUAGE_OF_SIP = ("sip:", "sips:")


def connect(socket_url: str, fallback_number: str, extra: str = "") -> WebhookAnswer:
    """Both ways over a WebSocket; behind it, what runs when that breaks: the caller is never left in silence."""
    stream = f"<Connect><Stream url={attribute(socket_url)}{extra}/></Connect>"
    return _answer(stream + _fallback(fallback_number))


def refuse(fallback_number: str) -> WebhookAnswer:
    """The call is not taken."""
    return _answer(_fallback(fallback_number))


def hang_up() -> WebhookAnswer:
    """It is over."""
    return _answer("<Hangup/>")


def dial(target: TransferTarget, action_url: str = "") -> str:
    """Dial a colleague; `action_url` hears what became of it."""
    action = f' action={attribute(action_url)} method="POST"' if action_url else ""
    caller_id = f" callerId={attribute(target.caller_id)}" if target.caller_id else ""
    to = xml_text(target.to)
    whom = f"<Sip>{to}</Sip>" if target.to.startswith(LANGUAGE_OF_SIP) else f"<Number>{to}</Number>"
    return f'{XML}<Response><Dial timeout="{target.ring_seconds:.0f}"{caller_id}{action}>{whom}</Dial></Response>'


def one_moment() -> WebhookAnswer:
    """Silence until the call is changed; a call that is forgotten ends."""
    return _answer(f'<Pause length="{FORGOTTEN}"/><Hangup/>')


def ask_key(action_url: str, *, sound_url: str = "", text: str = "") -> str:
    """Say this, by a sound or by the carrier's own voice, and hear a key meanwhile and afterwards."""
    said = f"<Play>{xml_text(sound_url)}</Play>" if sound_url else f"<Say>{xml_text(text)}</Say>" if text else ""
    action = f'action={attribute(action_url)} method="POST"'
    gather = f'<Gather input="dtmf" numDigits="1" timeout="{FORGOTTEN}" {action}>{said}</Gather>'
    return f"{XML}<Response>{gather}<Hangup/></Response>"


def conference(room: str) -> str:
    """Into a room of this name, which is over when either leaves; nobody hears a beep."""
    how = 'beep="false" startConferenceOnEnter="true" endConferenceOnExit="true"'
    return f"{XML}<Response><Dial><Conference {how}>{xml_text(room)}</Conference></Dial></Response>"


def as_answer(document: str) -> WebhookAnswer:
    """A document in answer to a webhook."""
    return WebhookAnswer("text/xml", document)


def _fallback(number: str) -> str:
    if not number:
        return f"<Say>{xml_text(BUSY)}</Say><Hangup/>"
    whom = f"<Sip>{xml_text(number)}</Sip>" if number.startswith(LANGUAGE_OF_SIP) else xml_text(number)
    return f"<Dial>{whom}</Dial>"


def _answer(verbs: str) -> WebhookAnswer:
    return as_answer(f"{XML}<Response>{verbs}</Response>")
