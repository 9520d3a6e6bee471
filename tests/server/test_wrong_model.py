"""Asking a model for what it is not, and models whose files are not what they should be."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from dunoe.engines.request import Json
from tests.served import Served, served
from tests.server.dialects import Got
from tests.server.dialects import call as call_

pytestmark = pytest.mark.anyio

HI = [{"role": "user", "content": "안녕"}]
CHATS: list[tuple[str, Json]] = [
    ("/v1/chat/completions", {"messages": HI}),
    ("/v1/completions", {"prompt": "a"}),
    ("/v1/responses", {"input": "a"}),
    ("/v1/messages", {"messages": HI, "max_tokens": 3}),
    ("/api/chat", {"messages": HI}),
    ("/api/generate", {"prompt": "a"}),
]
VECTORS: list[tuple[str, Json]] = [
    ("/v1/embeddings", {"input": "a"}),
    ("/api/embed", {"input": "a"}),
    ("/api/embeddings", {"prompt": "a"}),
]
LIMITED = {"max_tokens": 3, "max_output_tokens": 3, "options": {"num_predict": 3}}


async def call(house: Served, method: str, path: str, body: Json | None = None) -> Got:
    return await call_(house, method, path, None if body is None else orjson.dumps(body))


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_chat: Path,
    tiny_embedding: Path,
    tiny_rerank: Path,
) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("modes")
    shutil.copy(tiny_embedding, folder / "gone.gguf")
    (folder / "text.gguf").write_text("not a model", "utf-8")
    config = "".join(
        f'[models.{name}]\nfile = "{file}"\n'
        for name, file in (
            ("chat", tiny_chat),
            ("vectors", tiny_embedding),
            ("order", tiny_rerank),
            ("gone", "gone.gguf"),
            ("text", "text.gguf"),
        )
    )
    async with served(folder, 'language = "en"\n' + config) as house:
        (folder / "gone.gguf").unlink()
        yield house


@pytest.mark.parametrize(("path", "body"), [*CHATS, *VECTORS])
async def test_a_model_is_not_asked_for_what_it_cannot_do(
    house: Served, path: str, body: Json
) -> None:
    wrong = ("vectors", "order") if (path, body) in CHATS else ("chat", "order")
    for model in wrong:
        got = await call(house, "POST", path, {"model": model, **body})
        assert got.status == 400 and "does not support" in got.text
    assert all(one.state == "absent" for one in house.brain.runner.view() if one.name in wrong)


async def test_a_broken_or_vanished_file_does_not_hide_the_other_models(house: Served) -> None:
    got = await call(house, "GET", "/api/tags")
    assert got.status == 200
    assert {one["name"] for one in got.json["models"]} == {
        "chat",
        "vectors",
        "order",
        "gone",
        "text",
    }
    assert (await call(house, "POST", "/api/show", {"model": "gone"})).status == 404
    assert (await call(house, "POST", "/api/show", {"model": "text"})).status == 400
    assert (await call(house, "GET", "/v1/models")).status == 200
    got = await call(house, "POST", "/api/embed", {"model": "gone", "input": "a"})
    assert 400 <= got.status < 600 and "Traceback" not in got.text


@pytest.mark.parametrize(("path", "body"), CHATS)
async def test_options_that_say_what_the_request_says_elsewhere_are_not_heard(
    house: Served, path: str, body: Json
) -> None:
    """One dialect's unknown field is another's structure."""
    odd: Json = {"n": 2} if path != "/v1/completions" and path != "/v1/chat/completions" else {}
    odd |= {"suffix": None, "repeat_last_n": -1}
    if path.startswith("/api/"):
        more: Json = {"options": {"num_predict": 3, "tools": "x", "top_logprobs": 3, **odd}}
    else:
        more = odd
    asked = {"model": "chat", "stream": False, **LIMITED, **body, **more}
    assert (await call(house, "POST", path, asked)).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"tools": [{"type": "function"}]},
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        {"messages": [*HI, {"role": "assistant", "tool_calls": [{}]}]},
        {
            "messages": [
                *HI,
                {
                    "role": "assistant",
                    "tool_calls": [{"function": {"name": "f", "arguments": "not json"}}],
                },
            ]
        },
    ],
)
async def test_a_tool_that_cannot_be_read_is_the_callers_mistake(
    house: Served, wrong: Json
) -> None:
    asked = {"model": "chat", "messages": HI, "max_tokens": 1, **wrong}
    got = await call(house, "POST", "/v1/chat/completions", asked)
    assert got.status == 400 and got.json["error"]["param"]


@pytest.mark.parametrize("stop", ["", [""], ["", "\x00never"]])
async def test_an_empty_stop_text_stops_nothing(house: Served, stop: object) -> None:
    asked = {"model": "chat", "messages": HI, "max_tokens": 2, "stop": stop}
    got = await call(house, "POST", "/v1/chat/completions", asked)
    assert got.json["usage"]["completion_tokens"] == 2


COUNTS: list[tuple[str, Json]] = [
    ("/v1/messages/count_tokens", {"messages": HI}),
    ("/v1/tokenize", {"messages": HI}),
]


@pytest.mark.parametrize(("path", "body"), COUNTS)
async def test_a_chat_is_not_counted_for_a_model_that_cannot_chat(
    house: Served, path: str, body: Json
) -> None:
    for model in ("vectors", "order"):
        got = await call(house, "POST", path, {"model": model, **body})
        assert got.status == 400 and "does not support chat" in got.text
        plain = await call(house, "POST", "/v1/tokenize", {"model": model, "content": "hello"})
        assert plain.status == 200 and plain.json["count"] > 0


async def test_counting_nothing_is_a_mistake(house: Served) -> None:
    assert (await call(house, "POST", "/v1/tokenize", {"model": "chat"})).status == 400
