"""An answer beside the conversation, written and spoken as fast as the engines go. Nobody hears it here."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from lineside.audio.frame import SpokenAudio
from lineside.audio.output_resampler import WordResampler
from lineside.call.call_context import CallContext
from lineside.call.program import CallProgram, LimitReached
from lineside.call.program_answer import program_answer
from lineside.call.synthesis import synthesize
from lineside.call.written_text import AnswerPiece
from lineside.engines.protocols import Token, ToolCall
from lineside.errors import EngineError


async def answer_aside(context: CallContext, program: CallProgram, number: int) -> None:
    """Give the program all of the answer to what it wants under that number, then its end."""
    prompt, failed = program.prompt(0, "", number), ""
    try:
        async with aclosing(program_answer(context, prompt)) as parts:
            async for part in parts:
                match part:
                    case Token() | ToolCall() | LimitReached():
                        program.aside(number, part)
                    case AnswerPiece(text=text) if prompt.speaks:
                        async with aclosing(_spoken(context, text, prompt.voice)) as stream:
                            async for audio in stream:
                                program.aside(number, audio)
    except EngineError as why:
        failed = str(why)
    program.aside_over(number, failed)


async def _spoken(context: CallContext, piece: str, voice: str) -> AsyncGenerator[SpokenAudio, None]:
    """A piece as sound of the line's rate."""
    converter: WordResampler | None = None
    rate = context.transport.rate
    async with aclosing(synthesize(context.tts, piece, voice, context.agent.speech_tag)) as stream:
        async for audio in stream:
            if audio.pcm and converter is None:
                converter = WordResampler(audio.rate, rate)
            yield audio if converter is None else converter.feed(audio)
    if converter is not None:
        yield converter.end()
