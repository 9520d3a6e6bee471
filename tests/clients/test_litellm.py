"""litellm as a client: one call for three dialects, and what it makes of errors."""

from typing import Any

import litellm
import orjson
import pytest
from litellm import exceptions

from tests.clients.conftest import House

# pydantic says of litellm's own types that it will not guard what they mark as read-only.
pytestmark = pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class:UserWarning")

HELLO = [{"role": "user", "content": "안녕하세요?"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["서울", "부산"]}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(params=["openai", "ollama_chat", "anthropic"])
def way(request: pytest.FixtureRequest, house: House) -> dict[str, Any]:
    """How one dialect is spoken."""
    base = house.v1 if request.param == "openai" else house.url
    return {"prefix": request.param, "api_base": base, "api_key": house.key, "max_retries": 0}


def ask(way: dict[str, Any], model: str, **fields: Any) -> Any:  # Any: litellm's own types
    """A completion by litellm."""
    given = {name: value for name, value in way.items() if name != "prefix"}
    return litellm.completion(model=f"{way['prefix']}/{model}", messages=HELLO, **given, **fields)


def test_a_completion_is_made_in_every_dialect(way: dict[str, Any]) -> None:
    answer = ask(way, "tiny", max_tokens=4)
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 4
    assert answer.usage.prompt_tokens > 4


def test_a_completion_streams_in_every_dialect(way: dict[str, Any]) -> None:
    chunks = list(ask(way, "tiny", max_tokens=4, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "length"


@pytest.mark.anyio
async def test_the_async_way_is_the_same(way: dict[str, Any]) -> None:
    given = {name: value for name, value in way.items() if name != "prefix"}
    answer = await litellm.acompletion(
        model=f"{way['prefix']}/tiny", messages=HELLO, max_tokens=2, **given
    )
    assert answer.choices[0].message.content


def test_a_tool_is_called_in_every_dialect(way: dict[str, Any]) -> None:
    # litellm wants its MCP extra for any tool at all, unless it is told so
    answer = ask(way, "neat", max_tokens=200, tools=[WEATHER], _skip_mcp_handler=True)
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert orjson.loads(call.function.arguments)["city"] in ("서울", "부산")
    assert answer.choices[0].finish_reason == "tool_calls"


def test_vectors_are_made(house: House) -> None:
    made = litellm.embedding(
        model="openai/embedder", input=["one", "two"], api_base=house.v1, api_key=house.key
    )
    assert [len(one["embedding"]) for one in made.data] == [64, 64]


def test_documents_are_ranked(house: House) -> None:
    ranked = litellm.rerank(
        model="jina_ai/ranker",
        query="cats",
        documents=["cats and dogs", "weather"],
        top_n=2,
        api_base=f"{house.v1}/rerank",
        api_key=house.key,
    )
    scores = [one["relevance_score"] for one in ranked.results]
    assert scores == sorted(scores, reverse=True)
    assert {one["index"] for one in ranked.results} == {0, 1}


def test_errors_are_the_right_ones(way: dict[str, Any]) -> None:
    with pytest.raises(exceptions.NotFoundError):
        ask(way, "nobody", max_tokens=1)
    with pytest.raises(exceptions.AuthenticationError):
        ask({**way, "api_key": "dn-wrong"}, "tiny", max_tokens=1)


def test_what_is_too_long_is_known_as_such(house: House) -> None:
    with pytest.raises(exceptions.ContextWindowExceededError):
        litellm.completion(
            model="openai/tiny",
            messages=[{"role": "user", "content": "말 " * 9000}],
            api_base=house.v1,
            api_key=house.key,
            max_retries=0,
        )


def test_too_much_at_once_is_a_rate_limit(house: House) -> None:
    for is_refused in (False, True):
        given: dict[str, Any] = {
            "model": "openai/tiny",
            "messages": HELLO,
            "max_tokens": 1,
            "api_base": house.v1,
            "api_key": house.once["litellm"],
            "max_retries": 0,
        }
        if is_refused:
            with pytest.raises(exceptions.RateLimitError):
                litellm.completion(**given)
        else:
            litellm.completion(**given)
