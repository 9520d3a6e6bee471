"""The engines that the settings name, and the embedded one that is always there."""

from collections.abc import Callable

from dunoe.engines.engine import Engine
from dunoe.engines.llama import LlamaEngine
from dunoe.engines.llama_server import LlamaServerEngine
from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.openai import OpenAIEngine
from dunoe.settings import LLAMA, EngineSettings, Settings, TimeoutSettings

KINDS: dict[str, Callable[[str, EngineSettings, TimeoutSettings], Engine]] = {
    "ollama": OllamaEngine,
    "openai": OpenAIEngine,
    "llama": LlamaServerEngine,
}


def engines(settings: Settings) -> dict[str, Engine]:
    """Every engine by its name. Nothing is connected or started yet; whoever asks for them closes them."""
    found: dict[str, Engine] = {LLAMA: LlamaEngine(settings.timeouts, settings.cache_folder)}
    for name, engine in settings.engines.items():
        found[name] = KINDS[engine.kind](name, engine, settings.timeouts)
    return found
