"""The entries with which a call begins, and those of a call of ours that nobody took. Nothing here waits."""

import time
from collections.abc import Mapping

from lineside.protocol import FirstMessage
from lineside.reasons import DialResult, EndReason
from lineside.records.entries import CallBegan, CallOver, Entry, Recording
from lineside.transports.base import Transport
from lineside.transports.call_facts import CallFacts

REASONS: dict[DialResult, EndReason] = {
    "busy": "busy",
    "no_answer": "no_answer",
    "rejected": "rejected",
    "invalid": "not_reached",
    "failed": "not_reached",
    "cancelled": "cancelled",
}


def call_began(
    call: str,
    keeper: str,
    line: Transport,
    hello: FirstMessage,
    engines: Mapping[str, str],
    facts: CallFacts,
    *,
    agent: tuple[str, str],
    recording: Recording,
) -> CallBegan:
    """A call was answered. `keeper`: the process's spool folder; `agent`: its name and its version."""
    return CallBegan(
        call=call,
        keeper=keeper,
        began=time.time(),
        line=facts.line,
        direction=facts.direction,
        called=facts.called,
        diverted_from=facts.diverted_from,
        carrier_call_id=facts.carrier_call_id,
        codec=line.codec,
        rate=line.rate,
        caller=facts.caller,
        mode=hello.mode,
        agent=agent[0],
        agent_version=agent[1],
        stt=engines.get("stt", ""),
        llm=engines.get("llm", ""),
        llm_model=hello.llm_model,
        tts=engines.get("tts", ""),
        tts_voice=hello.tts_voice,
        recording=recording,
    )


def unanswered_call(call: str, keeper: str, facts: CallFacts, result: DialResult, began: float) -> tuple[Entry, Entry]:
    """Its entries. `keeper`: the process's spool folder; `began`: seconds since 1970."""
    unknown = dict.fromkeys(("agent", "stt", "llm", "llm_model", "tts", "tts_voice"), "")
    now = time.time()
    return (
        CallBegan(
            call=call,
            keeper=keeper,
            began=began,
            line=facts.line,
            direction=facts.direction,
            called=facts.called,
            caller=facts.caller,
            codec="",
            rate=0,
            mode="conversation",
            recording="none",
            **unknown,
        ),
        CallOver(
            call=call,
            ended=now,
            seconds=round(max(0.0, now - began), 3),
            turns=0,
            reason=REASONS.get(result, "not_reached"),
            transferred_to="",
        ),
    )
