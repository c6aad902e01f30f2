"""What is done with a call of ours once somebody, or something, has taken it."""

from msgspec import Struct

from lineside.reasons import OnVoicemail


class AnswerPlan(Struct, frozen=True):
    """The plan of one call. The agent speaks when it is known who is there, or when it can wait no longer."""

    on_voicemail: OnVoicemail = "hang_up"
    message: str = ""  # left after the beep, with `leave_message`
    screening: str = ""  # said to a program that asks who calls; empty: the greeting
