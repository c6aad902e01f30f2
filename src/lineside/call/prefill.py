"""Reading ahead: the language model reads a question while the caller is still saying it.

On two cores a model reads some sixty new words a second, so that the words of a question cost a quarter of a second
between the caller's silence and the answer's first word. Most of them are said well before the end. They are heard
when the turn is `FIRST` seconds old and whenever it has grown to twice of that, so all hearings together cost about as
much as the one at the turn's end; without the last word, which may be half of one, they go to the slot that will
answer. What turns out otherwise is read anew: a prompt is shared as far as it is the same.
"""

import asyncio
from collections.abc import Awaitable, Callable

from lineside.audio.frame import Utterance
from lineside.engines.protocols import Transcription
from lineside.engines.timeouts import answer_within
from lineside.errors import EngineError

FIRST = 0.6  # seconds of the turn at the first hearing; "yes" has no beginning that is worth one
LOOK = 0.1  # seconds until somebody who pauses, or answers that are waited for, are looked at again
HEARD_WITHIN = 2.0  # seconds for one hearing; a recogniser that is slower has no time for this


async def read_along(
    sound: Callable[[], Utterance | None],
    hear: Callable[[Utterance], Awaitable[Transcription]],
    read: Callable[[str], Awaitable[bool]],
    *,
    known: float = 0.0,
) -> None:
    """Hear the turn now and then until cancelled, and hand its words to `read`, which says whether that is any use.

    `sound` is None while it had better not be heard. `known`: seconds of the turn that were read before. With none
    `read` is first given no words: what was said before the turn is new to the model too.
    """
    if not known and not await read(""):
        return
    wanted = max(FIRST, 2 * known)
    while True:
        utterance = sound()
        if utterance is None or utterance.seconds < wanted:
            await asyncio.sleep(LOOK if utterance is None else max(LOOK, wanted - utterance.seconds))
            continue
        wanted = 2 * utterance.seconds
        try:
            heard = await answer_within(hear(utterance), HEARD_WITHIN, "the recogniser")
        except EngineError:
            return  # the turn's end will say what is wrong with it
        if (words := heard.text.split()[:-1]) and not await read(" ".join(words)):
            return
