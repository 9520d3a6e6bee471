"""langchain-ollama: its maker's standard tests, pointed at a real server."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from tests.clients.conftest import House

pytestmark = pytest.mark.anyio  # the suite's own async tests carry no mark


class Reached:
    """The suite asks for parameters in properties, which no fixture reaches; they stand here."""

    reached: ClassVar[dict[str, Any]] = {}


@pytest.fixture(scope="module", autouse=True)
def reach(house: House) -> Iterator[None]:
    """The server's address. The client closes no connection itself, so it is asked to keep none."""
    headers = {"Authorization": f"Bearer {house.key}", "Connection": "close"}
    Reached.reached = {"base_url": house.url, "client_kwargs": {"headers": headers}}
    yield


class TestChat(Reached, ChatModelIntegrationTests):
    """A model with habits: it calls a tool when it has one."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """The client."""
        return ChatOllama

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """A short answer, the same at every run; a call and a form fit in."""
        return {**self.reached, "model": "neat", "num_predict": 300, "seed": 5}

    @property
    def model_override_value(self) -> str:
        """Another model of the server."""
        return "router"

    @property
    def has_tool_choice(self) -> bool:
        """Ollama knows none."""
        return False


class TestEmbeddings(Reached, EmbeddingsIntegrationTests):
    """Vectors."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """The client."""
        return OllamaEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        """Which model."""
        return {**self.reached, "model": "embedder"}
