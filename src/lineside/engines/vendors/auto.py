"""The language model that nobody had to choose: Ollama where it answers, the embedded one where it does not."""

from lineside.engine_options import EngineHost
from lineside.engines.fallback import FallbackLLM
from lineside.engines.vendors.embedded import LlamaCpp
from lineside.engines.vendors.ollama import Ollama


class AutoLLM(FallbackLLM):
    """Asks Ollama at OLLAMA_URL; when it fails or is not there, the embedded model answers."""

    Options = Ollama.Options
    expected = frozenset(("not running", "not downloaded"))  # the embedded model is there for a machine without Ollama

    def __init__(self, options: Ollama.Options, host: EngineHost) -> None:
        if options.url == Ollama.Options.model_fields["url"].default:
            self.unasked = frozenset(("ollama",))
        super().__init__([("ollama", Ollama(options, host)), ("embedded", LlamaCpp(LlamaCpp.Options(), host))])
