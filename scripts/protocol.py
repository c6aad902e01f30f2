"""Writes docs/protocol.md from src/lineside/protocol.py: the doc strings, the fields and the comments beside them.

python scripts/protocol.py          writes the page
python scripts/protocol.py --check  fails if the page is not what the schema says
"""

import inspect
import re
import sys
from pathlib import Path
from typing import get_args

from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import fields

from lineside import client_messages, client_tools, protocol, reasons

PAGE = Path(__file__).parents[1] / "docs" / "protocol.md"

HEAD = """# The call over a WebSocket

Written from `src/lineside/protocol.py` by `scripts/protocol.py`; a test keeps the two alike.

Connect to `/ws/call`. Text messages are JSON, binary messages are sound, raw, in the codec of the first message: signed
16-bit little-endian samples for `pcm`, one byte a sample for G.711. Messages of sound may have any length up to 64 KiB
(a whole number of samples), and come as they are recorded: more than four times faster than real time ends the call.
Reply sound is sent at most one second ahead of real time; what has not been played when `clear` comes is forgotten.

Where `API_KEYS` are set, send one as `Authorization: Bearer KEY`; a browser gets a token that lives a minute from
`POST /api/token` and opens `/ws/call?token=TOKEN`. When all call slots are in use, the answer is 503 with
`Retry-After`, before the upgrade.

```
caller   {"codec":"pcm","sample_rate":16000}
lineside {"type":"ready", ...}
caller   sound, sound, sound ...
lineside {"type":"turn_started", ...} {"type":"transcript", ...} {"type":"audio_started", ...} sound, sound ...
caller   {"type":"hangup"}
lineside {"type":"ended","reason":"caller_hung_up", ...}
```

A wrong first message is answered with one `error` that names the field and what is allowed there, and close code 1008.
A wrong later message costs that message and is answered with an `error` that is not fatal; after twenty of them, or a
flood, the call ends with 1008.

## A connection that breaks

A call waits `resume_s` seconds (`RESUME_S`) for a caller whose connection broke without a goodbye, or was closed with
4000. Meanwhile the agent's sound stands still, no silence counts, and the slot is held
while no new caller needs it. To go on, connect to
`/ws/call/CALL_ID`, with a key or token as before, and send the token of the latest `ready` or `resumed`, and how many
messages of the call have come so far:

```
caller   {"type":"resume","token":"...","received":217}
lineside {"type":"resumed","resume_token":"...","next":217,"received":512} whatever had not come, sound and events
caller   what they sent after their 512th message (the first one does not count), then sound as before
lineside {"type":"reconnected","away_ms":3120.0,"unheard_ms":640.0, ...} ...
```

Send nothing between `resume` and `resumed`. The other connection need not be closed: it is given up. A token is good
once; one whose `resumed` never came may be used again. A token that is wrong is answered with `resume_refused`, and the
call is over for whoever sent it.

## Over WebRTC

The same messages go over a data channel, and sound over tracks of Opus, where the gateway has the extra `webrtc`
(`pip install 'lineside[webrtc]'`; without it 501). Make a peer connection with the microphone's track and one data
channel, and post its offer to `/rtc/call`, with a key or `?token=TOKEN` as above:

```
POST /rtc/call {"sdp":"v=0...","first":{"greeting":""}}
201            {"call_id":"5f0c...","sdp":"v=0..."}
```

`first` is the first message without `codec` and `sample_rate`, which `ready` tells as `pcm` and 24000: that is the
sound behind the tracks, and what a recording holds. All else comes over the data channel, from `ready` on; binary
messages there are answered with an `error`. A bad offer or first message is 400, a body of more than 192 KiB 413, a
full gateway 503. An engine that there is not is told by a fatal `error` over the data channel.

lineside plays: sound leaves as it is to be heard, and at `clear` what has not left is forgotten there, so nothing need
be done. A caller who has not connected after 15 seconds is let go of; `POST /api/calls/CALL_ID/end` does it sooner.
Nothing is resumed: a network that is gone for less than half a minute is waited for by the connection itself, while
the agent speaks on; then the call ends with `line_lost`. Ports, addresses and limits are those of
[Realtime calls over WebRTC](how-to/realtime-api.md#webrtc).
"""

CLIENT_TOOLS = """Tools that the caller's own program runs, for this call. lineside sends `tool_call`, the program
answers with `tool_result`. What holds of [every tool](how-to/agent-tools.md#what-is-guaranteed) holds of these:
arguments were said by the caller, what writes is read back and waits for a yes that was heard, runs once, and its
outcome is told. The call's language model must be able to call tools. A tool with a name alone is one that the agent's
file declares, with `client = true`; any model will do for these.

```
caller   {"codec":"pcm","client_tools":[{"name":"find_table","about":"Looks for a free table.","effect":"reads",
          "takes":{"day":{"about":"the day","kind":"date"}},"gives":{"time":"time"}}]}
lineside {"type":"tool_call","id":"5f0c...","tool":"find_table","arguments":{"day":"2026-12-04"},"within_s":8.0, ...}
caller   {"type":"tool_result","id":"5f0c...","gives":{"time":"19:30"}}
```
"""

# What each word means; a word of the schema that is missing here, or one that the schema does not have, is an error.
TURN_ENDED_BY = {
    "silence": "the silence timer (`TURN_PROFILE=silence`)",
    "evidence": "enough silence for how the turn sounded and for its words",
    "limit": "the turn was as long as one may be (`TURN_MAX_S`)",
}
END_REASONS = {
    "caller_hung_up": "the caller sent `hangup`, or the socket was closed normally",
    "line_lost": "the connection broke, and the caller did not come back in `RESUME_S` or while a slot was free",
    "caller_silent": "the caller did not speak after being asked whether they are there; the agent said goodbye",
    "caller_repeats": "the caller said the same sentence again and again, as a machine does",
    "called_too_often": "the caller has called as often as the agent's file lets one caller call, and was told so",
    "engines_failed": "several answers in a row failed",
    "idle": "neither side spoke for `CALL_IDLE_TIMEOUT_S`",
    "too_long": "the call lasted `CALL_MAX_S`",
    "agent_said_goodbye": "the caller said goodbye and heard the agent's `farewell`",
    "ended_by_operator": "an operator ended the call",
    "asked_for_person": "a person was asked for, the line cannot transfer, and the agent's `on_transfer` is `hang_up`",
    "transferred": "the caller was handed on to a colleague or a queue",
    "voicemail": "a call of lineside's own was taken by an answering machine, and was to be hung up then",
    "voicemail_left": "a call of lineside's own was taken by an answering machine, which has its message",
    "busy": "nobody took a call of lineside's own: busy; in the history only, like the next four",
    "no_answer": "nobody answered",
    "rejected": "they refused the call",
    "not_reached": "no such number, or the line could not call it",
    "cancelled": "it was given up before anybody answered",
    "no_audio": "the line stays up and brings no sound",
    "drained": "the gateway was to stop, and the call outlasted the time it had; the caller was told",
    "server_stopping": "the gateway is shutting down",
    "too_fast": "the caller's program sent sound faster than four times real time",
    "too_many_messages": "the caller's program sent some 1000 frames, or a megabyte, a second and more",
    "too_many_turns": "more than twenty bad messages; the last was typed while too much typed text waited",
    "caller_not_reading": "the caller's program did not read what was sent to it",
    "odd_length": "more than twenty bad messages; the last had half a sample",
    "frame_too_large": "more than twenty bad messages; the last was larger than 64 KiB",
    "bad_message": "more than twenty bad messages; the last could not be read",
    "internal_error": "a fault of lineside's own; the log has it",
}
FALLBACK = {
    "": "no other engine should have answered",
    "too slow": "it did not begin, or go on, in time",
    "failed": "it answered with an error, or not at all",
    "busy": "it had no room for one more request",
    "not running": "nobody answers at its address",
    "not downloaded": "its model or voice is not there",
    "no key": "it refused the key, or was given none",
}
UNANSWERED = {
    "not_known": "the agent said that it does not know, in words of its own or in those of its `unknown` line",
    "engine_failed": "an engine failed, and the caller heard an apology",
    "asked_for_person": "the caller asked for a person, or the agent promised one; kept in the history only",
}
OPERATOR_ACTS = {
    "listens": "the first operator listens to the call's sound",
    "leaves": "the last of them has left",
    "takes_over": "an operator has taken the call over; the agent is silent",
    "hands_back": "the agent answers again, by an operator's wish or two minutes after their last act",
    "says": "an operator has the agent say something",
}
ANSWERED_AS = {
    "human": "a person",
    "voicemail": "an answering machine, or the network's voicemail",
    "screening": "a program that asks who calls, and decides then",
    "ivr": "a telephone menu",
    "unknown": "nobody could tell within twenty seconds; the agent speaks",
}
TRANSFER_ASKED_BY = {
    "caller": "the caller asked for a person",
    "agent": "the agent's own answer promised one",
    "operator": "an operator asked for it",
}
ERROR_CODES = {
    "bad_first_message": "the first message is missing a field, or has a wrong one; `message` names it",
    "no_first_message": "no first message came within five seconds",
    "unknown_engine": "the first message names an engine that does not exist",
    "unknown_choice": "the first message names a model or a voice that the engine does not have",
    "unknown_draft": "the first message names a draft that has been forgotten; `POST /api/agent/draft` makes another",
    "resume_refused": "no call waits for this token: the call is over, or the token was used or is wrong",
    "line_lost": "the connection broke",
    "line_deaf": "a telephone line brought no sound within three seconds of the answer; the call goes on",
    "line_silent": "a telephone line brought five seconds of digital silence; the call goes on",
    "line_mute": "a telephone line took sound and played none within six seconds; the call goes on",
    "bad_message": "a text message could not be read; it was passed over",
    "tools_not_called": "the language model of the call cannot call the `client_tools`; the call goes on without them",
    "too_many_messages": "some 1000 frames, or a megabyte, a second and more; pings and pieces of messages count",
    "too_many_turns": "typed faster than three turns a second, and too much of it waits; it was passed over",
    "frame_too_large": "a message of sound was larger than 64 KiB; it was passed over",
    "odd_length": "a message of sound had half a sample; it was passed over",
    "too_fast": "sound came faster than four times real time",
    "caller_not_reading": "too many messages wait for the caller's program to read them",
    "engine_error": "an engine failed; the caller hears an apology and the call goes on",
    "internal_error": "a fault of lineside's own; the log has it",
}


def page() -> str:
    parts = [HEAD, "\n## From the caller: the first message\n", _table(protocol.FirstMessage)]
    parts.append(f"\n### `client_tools`\n\n{CLIENT_TOOLS}\n{_table(client_tools.ClientTool)}")
    parts.append(f"\n### `takes` of `client_tools`\n\n{inspect.getdoc(client_tools.ClientToolArgument)}\n")
    parts.append(_table(client_tools.ClientToolArgument))
    parts.append("\n## From the caller: the first message that resumes a call\n")
    parts.append(_section(protocol.ResumeRequest))
    parts.append("\n## From the caller, later\n")
    parts += [_section(kind) for kind in (protocol.Text, protocol.Dtmf, protocol.ToolResult, protocol.HangUp)]
    parts.append("\n## From lineside\n\nEvery event but `ready` and `resumed` carries `at`, seconds of caller audio.\n")
    parts += [_section(kind) for kind in protocol.ServerMessage.__args__]
    parts.append(f"\n### `engines` of `reply_metrics`\n\n{inspect.getdoc(protocol.AnsweredBy)}\n")
    parts.append(_table(protocol.AnsweredBy))
    parts.append(_words("How a turn ends: `by`", protocol.TurnEndedBy, TURN_ENDED_BY))
    parts.append(_words("Why another engine answered: `why`", reasons.FallbackReason, FALLBACK))
    parts.append(_words("Why a question has no answer: `why`", reasons.UnansweredReason, UNANSWERED))
    parts.append(_words("Who asked for a person: `by`", reasons.TransferAskedBy, TRANSFER_ASKED_BY))
    parts.append(_words("What an operator does: `what`", reasons.OperatorAct, OPERATOR_ACTS))
    parts.append(_words("Who takes a call of lineside's own: `by`", reasons.AnsweredAs, ANSWERED_AS))
    parts.append(_words("What went wrong: `code`", protocol.ErrorCode, ERROR_CODES))
    parts.append(_words("Why a call ends: `reason`", protocol.EndReason, END_REASONS))
    return "".join(parts)


def _words(title: str, words: object, meanings: dict[str, str]) -> str:
    """A table of the words that a field may have."""
    if set(get_args(words)) != set(meanings):
        raise LookupError(f"{title}: meanings wrong or missing for {set(get_args(words)) ^ set(meanings)}")
    rows = [f"| `{word}` | {meanings[word]} |" for word in get_args(words)]
    return f"\n## {title}\n\n| word | what it means |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def _section(kind: type[Struct]) -> str:
    return f"\n### `{kind.__struct_config__.tag}`\n\n{inspect.getdoc(kind)}\n{_table(kind)}"


def _table(kind: type[Struct]) -> str:
    rows = [_row(kind, field) for field in fields(kind) if field.name not in ("at",)]
    if not rows:
        return ""
    return "\n| field | type | default | |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _row(kind: type[Struct], field: object) -> str:
    name = field.name  # type: ignore[attr-defined]
    default = field.default  # type: ignore[attr-defined]
    said = "" if default is NODEFAULT else "" if default is UNSET else f"`{_json(default)}`"
    for owner in kind.__mro__:
        line = re.search(rf"^    {name}: (.+?)(?: = .+?)?(?:  # (.*))?$", inspect.getsource(owner), re.M)
        if line is not None:
            return f"| `{field.encode_name}` | {_type(line[1])} | {said} | {line[2] or ''} |"
    raise LookupError(name)


def _type(written: str) -> str:
    known = {"Codec": protocol.Codec, "Mode": protocol.Mode, "Effect": client_tools.Effect}
    known |= {"SlotKind": client_tools.SlotKind, "AnswerState": client_tools.AnswerState}
    known |= {"ArgumentSource": client_tools.ArgumentSource}
    if written in known:
        return _choices(known[written])
    limits = {
        "Name": "text, at most 200",
        "LongText": "text, at most 20000",
        "TurnEndedBy": "see below",
        "ErrorCode": "see below",
        "EndReason": "see below",
        "FallbackReason": "see below",
        "UnansweredReason": "see below",
        "TransferAskedBy": "see below",
        "OperatorAct": "see below",
        "dict[str, AnsweredBy]": "object, see below",
        "ClientToolList": "list, see below",
        "Arguments": "object, see below",
        "ToolName": "a-z, 0-9 and _, at most 40",
        "Sentence": "text, at most 1000",
        "Sentences": "list of texts",
        "Patterns": "list of regular expressions",
        "Seconds": "number, to 30",
        "Count": "whole number, 1 to 100",
        "Reason": "text, at most 200",
        "FreeText": "text, at most 4000",
        "GivenValues": "object of texts, numbers, true and false",
        "ResultKinds": f"object: name → {_choices(client_tools.ValueKind)}",
        "dict[str, ToolName]": "object",
        "dict[str, tuple[str, ...]]": "object",
    }
    base = written.partition(" | ")[0].partition(" = ")[0]
    if "Annotated[int, Meta(ge=8000, le=48000)]" in written:
        return "whole number, 8000 to 48000"
    if base == "Annotated[str, Meta(max_length=64)]":
        return "text, at most 64"
    if base.startswith("Annotated[str"):
        return "text, " + client_messages.ALLOWED["digits" if "pattern" in base else "text"]
    words = {
        "str": "text",
        "float": "number",
        "int": "whole number",
        "bool": "true or false",
        "dict[str, str]": "object",
    }
    return limits.get(base, words.get(base, base)) + (" or null" if "None" in written else "")


def _choices(words: object) -> str:
    return " \\| ".join(f"`{choice}`" for choice in get_args(words))


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0
            if PAGE.read_text() == page()
            else "docs/protocol.md is not what the schema says: python scripts/protocol.py"
        )
    PAGE.write_text(page())
