"""The language model that nobody had to choose: Ollama where it answers, the embedded one where it does not."""

import aiohttp

from lineside.engines.fallback import FallbackLLM
from lineside.engines.vendors.embedded import LlamaCpp
from lineside.engines.vendors.ollama import Ollama
from lineside.settings import Settings


def auto(settings: Settings, http: aiohttp.ClientSession) -> FallbackLLM:
    """Ask Ollama at `OLLAMA_URL`; when it fails or is not there, the embedded model answers."""
    return FallbackLLM([("ollama", Ollama(settings, http)), ("embedded", LlamaCpp(settings, http))])
