"""llama.cpp's own server over our client, with templates as models bring them: strict roles, no system role."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from lineside.engines.protocols import LlmRequest, Message
from lineside.engines.vendors.openai import OpenAILLM
from lineside.errors import EngineError
from lineside.models.store import locate
from tests.call.fixtures import settings
from tests.engines.fixtures import all_of, built
from tests.engines.test_zoo import greeted, said

pytestmark = pytest.mark.models

PROGRAM = Path(__file__).with_name("llama_server.py")
ROLES = """
{%- for message in rest -%}
  {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
    {{- raise_exception('After the optional system message, conversation roles must alternate user/...') -}}
  {%- endif -%}
  {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' -}}
{%- endfor -%}
{{- '<|im_start|>assistant\\n' -}}
"""
# As Mistral's, and as Gemma's; with the marks of the model that is at hand.
STRICT = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' -}}"
    "{%- set rest = messages[1:] -%}{%- else -%}{%- set rest = messages -%}{%- endif -%}" + ROLES
)
NO_SYSTEM = (
    "{%- if messages[0]['role'] == 'system' -%}{{- raise_exception('System role not supported') -}}{%- endif -%}"
    "{%- set rest = messages -%}" + ROLES
)


def served(template: str, folder: Path, story: Callable[[OpenAILLM, str], Awaitable[None]]) -> None:
    """Tell a story over a server with this template."""
    (folder / "template.jinja").write_text(template, "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = next(locate("qwen2.5-coder-0.5b", settings().models_dir).glob("*.gguf"))

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(PROGRAM), str(port), str(model), str(folder / "template.jinja")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(120):
                while not (url := (await process.stdout.readline()).decode().strip()).startswith("http"):
                    assert process.returncode is None, "the server ended"
            async with aiohttp.ClientSession() as http:
                await story(built(OpenAILLM, http, openai_url=url), url)
        finally:
            process.kill()
            await process.wait()

    asyncio.run(main())


@pytest.mark.parametrize("template", [STRICT, NO_SYSTEM], ids=["strict roles", "no system role"])
def test_a_call_with_a_greeting_is_answered(template: str, tmp_path: Path) -> None:
    """Whatever the template raises. A system message that it lacks is moved by the server itself."""

    async def story(engine: OpenAILLM, url: str) -> None:
        await engine.check()
        assert len(await said(engine, greeted(), max_tokens=4)) > 3
        facts = {fact.question: fact for fact in await engine.examine()}
        assert facts["template"].found.startswith("strict")
        assert facts["system message"].found == "taken"
        uneven = [Message("assistant", "Hello."), Message("user", "Hi."), Message("user", "Hello?")]
        assert await all_of(engine.reply(uneven, LlmRequest(max_tokens=4)))

    served(template, tmp_path, story)


def test_a_prompt_beyond_the_context_is_an_error_in_the_servers_words(tmp_path: Path) -> None:
    """Not half an answer; the next engine would go on. The model's own template takes any order of roles."""

    async def story(engine: OpenAILLM, url: str) -> None:
        with pytest.raises(EngineError, match=r"exceed|context"):
            await said(engine, [Message("user", "one two three " * 2000)], max_tokens=8)
        facts = {fact.question: fact for fact in await engine.examine()}
        assert facts["template"].found == "takes roles in any order"

    served("", tmp_path, story)
