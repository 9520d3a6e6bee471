"""langchain-openai: its maker's standard tests, pointed at a real server."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import httpx
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from tests.clients.conftest import House

pytestmark = [
    pytest.mark.anyio,  # the suite's own async tests carry no mark
    # The client writes out openai's parsed answer with a type that knows of none.
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
    # The client says that it takes another way for pydantic 1, which is what the suite tests.
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning"),
]


class Reached:
    """The suite asks for parameters in properties, which no fixture reaches; they stand here."""

    reached: ClassVar[dict[str, Any]] = {}


@pytest.fixture(scope="module", autouse=True)
async def reach(anyio_backend: str, house: House) -> AsyncIterator[None]:
    """The server's address, and connections that somebody closes."""
    async with httpx.AsyncClient() as later:
        with httpx.Client() as now:
            Reached.reached = {
                "base_url": house.v1,
                "api_key": house.key,
                "max_retries": 0,
                "http_client": now,
                "http_async_client": later,
            }
            yield


class TestChat(Reached, ChatModelIntegrationTests):
    """A model with habits: it calls a tool when it has one."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """The client."""
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """A short answer, the same at every run; a call and a form fit in."""
        return {**self.reached, "model": "neat", "max_tokens": 300, "seed": 5, "stream_usage": True}

    @property
    def model_override_value(self) -> str:
        """Another model of the server."""
        return "router"

    @property
    def supports_anthropic_inputs(self) -> bool:
        """Blocks of text, and tools in Anthropic's form, which the client translates."""
        return True


class TestResponses(TestChat):
    """The same through /v1/responses."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """This route has no seed of its own; ours takes one."""
        return {
            **self.reached,
            "model": "neat",
            "max_tokens": 300,
            "use_responses_api": True,
            "extra_body": {"seed": 5},
        }


class TestEmbeddings(Reached, EmbeddingsIntegrationTests):
    """Vectors."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """The client."""
        return OpenAIEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        """Without its check of lengths the client sends text; with it, tokens of OpenAI's vocabulary."""
        return {**self.reached, "model": "embedder", "check_embedding_ctx_length": False}
