"""livekit-plugins-openai at a running gateway: a session, typed context, an answer with sound, a function call."""

import asyncio
import sys

from livekit.agents import function_tool, llm
from livekit.plugins.openai import realtime


@function_tool
async def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"


async def main(url):
    model = realtime.RealtimeModel(base_url=url, api_key="secret", model="gpt-realtime")
    session = model.session()
    errors = []
    session.on("error", lambda e: errors.append(str(e)))
    await session.update_instructions("Be brief.")
    await session.update_tools([weather])
    ctx = llm.ChatContext()
    ctx.add_message(role="user", content="Is it raining?")
    await session.update_chat_ctx(ctx)

    async def answer():
        gen = await asyncio.wait_for(session.generate_reply(), 15)
        text, frames, calls = "", 0, []

        async def messages():
            nonlocal text, frames
            async for m in gen.message_stream:
                async for t in m.text_stream:
                    text += t
                async for _ in m.audio_stream:
                    frames += 1

        async def functions():
            calls.extend([(c.name, c.arguments, c.call_id) async for c in gen.function_stream])

        await asyncio.wait_for(asyncio.gather(messages(), functions()), 20)
        return text, frames, calls

    a = await answer()
    print("first", a)
    if a[2]:
        ctx = session.chat_ctx.copy()
        ctx.insert(llm.FunctionCallOutput(call_id=a[2][0][2], name="weather", output="sunny", is_error=False))
        await session.update_chat_ctx(ctx)
        print("second", await answer())
    print("errors", errors)
    await session.aclose()
    await model.aclose()


asyncio.run(main(sys.argv[1]))
