"""The ollama client: chat, generate, vectors, the models and their keeping, and its one exception."""

import contextlib
import functools
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ollama
import orjson
import pytest
from ollama import AsyncClient, Client, Image

from tests.clients.conftest import House

HELLO = [{"role": "user", "content": "안녕하세요?"}]
FEW = {"num_predict": 4, "seed": 3}
FORM = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


def client_of(house: House, key: str) -> Client:
    return Client(host=house.url, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def client(house: House) -> Iterator[Client]:
    with client_of(house, house.key) as client:
        yield client


@pytest.fixture
def admin(house: House) -> Iterator[Client]:
    with client_of(house, house.admin) as client:
        yield client


@pytest.fixture
async def aclient(house: House) -> AsyncIterator[AsyncClient]:
    headers = {"Authorization": f"Bearer {house.key}"}
    async with AsyncClient(host=house.url, headers=headers) as client:
        yield client


def test_a_chat_is_answered_and_counted(client: Client) -> None:
    answer = client.chat(model="tiny", messages=HELLO, options=FEW)
    assert answer.model == "tiny"
    assert answer.message.role == "assistant"
    assert answer.message.content
    assert answer.done and answer.done_reason == "length"
    assert answer.eval_count == 4
    assert answer.prompt_eval_count and answer.total_duration and answer.eval_duration
    assert answer.created_at


def test_a_stream_says_the_same(client: Client) -> None:
    client.chat(model="tiny", messages=HELLO, options=FEW)  # now the prompt is cached for both
    whole = client.chat(model="tiny", messages=HELLO, options=FEW)
    parts = list(client.chat(model="tiny", messages=HELLO, options=FEW, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count == 4


@pytest.mark.anyio
async def test_the_async_client_does_the_same(aclient: AsyncClient) -> None:
    answer = await aclient.chat(model="tiny", messages=HELLO, options=FEW)
    assert answer.message.content
    parts = [p async for p in await aclient.chat("tiny", HELLO, options=FEW, stream=True)]
    assert parts[-1].done
    made = await aclient.generate("tiny", "옛날", options=FEW)
    assert made.response
    assert len((await aclient.embed("embedder", "하나")).embeddings) == 1
    assert "tiny" in [model.model for model in (await aclient.list()).models]


def test_a_prompt_is_answered_continued_and_filled(client: Client) -> None:
    answer = client.generate("tiny", "옛날", system="짧게", options=FEW)
    assert answer.response and answer.done_reason == "length"
    raw = client.generate("tiny", "옛날", raw=True, options=FEW)
    gap = client.generate("tiny", "def add(a, b):\n", suffix="\nadd(1, 2)", options=FEW)
    assert raw.response and gap.response
    counts = [found.prompt_eval_count or 0 for found in (raw, gap, answer)]
    assert counts == sorted(counts)  # bare text, marks around a gap, a whole chat template
    parts = list(client.generate("tiny", "옛날", options=FEW, stream=True))
    assert "".join(part.response or "" for part in parts)
    assert parts[-1].eval_count == 4


@pytest.mark.parametrize("think", [True, False, "low"])
def test_thinking_may_be_asked_of_a_model(client: Client, think: Any) -> None:
    """This model does not think; what it is asked must not disturb it."""
    answer = client.chat("tiny", HELLO, think=think, options=FEW)
    assert answer.message.content
    assert not answer.message.thinking


def test_a_schema_is_kept(client: Client) -> None:
    for answer in (
        client.chat("neat", HELLO, format=FORM, options={"num_predict": 200}).message.content,
        client.generate("neat", "맑아?", format=FORM, options={"num_predict": 200}).response,
    ):
        assert isinstance(orjson.loads(answer or "")["ok"], bool)


def test_json_is_json(client: Client) -> None:
    options = {"num_predict": 300, "seed": 2}
    answer = client.chat("neat", HELLO, format="json", options=options).message.content
    assert isinstance(orjson.loads(answer or ""), dict)


def weather(city: str) -> str:
    """The weather of a city.

    Args:
        city: its name
    """
    return f"{city}: 맑음"


def test_a_tool_is_called_and_its_result_read(client: Client) -> None:
    options = {"num_predict": 200, "seed": 1}
    answer = client.chat("neat", HELLO, tools=[weather], options=options)
    calls = answer.message.tool_calls
    assert calls is not None
    assert [call.function.name for call in calls] == ["weather"]
    assert set(calls[0].function.arguments) == {"city"}
    parts = list(client.chat("neat", HELLO, tools=[weather], options=options, stream=True))
    streamed = [call for part in parts for call in part.message.tool_calls or []]
    assert [call.function.name for call in streamed] == ["weather"]
    told = {"role": "tool", "tool_name": "weather", "content": weather("서울")}
    after = client.chat("tiny", [*HELLO, answer.message, told], tools=[weather], options=FEW)
    assert after.message.content


def test_probabilities_come_with_every_token(client: Client) -> None:
    answer = client.chat("tiny", HELLO, logprobs=True, top_logprobs=2, options=FEW)
    assert answer.logprobs is not None
    assert len(answer.logprobs) == 4
    assert all(len(one.top_logprobs or []) == 2 for one in answer.logprobs)


def test_vectors_are_made(client: Client) -> None:
    both = client.embed("embedder", ["one", "two words"])
    assert [len(vector) for vector in both.embeddings] == [64, 64]
    assert sum(x * x for x in both.embeddings[0]) == pytest.approx(1, abs=1e-3)
    assert both.prompt_eval_count
    assert len(client.embed("embedder", "one", dimensions=8).embeddings[0]) == 8
    old = client.embeddings("embedder", "one")
    assert len(old.embedding) == 64
    assert sum(x * x for x in old.embedding) != pytest.approx(1, abs=1e-3)


def test_models_are_listed_and_shown(client: Client) -> None:
    listed = {model.model: model for model in client.list().models}
    assert {"tiny", "neat", "embedder", "ranker"} <= set(listed)
    tiny = listed["tiny"]
    assert tiny.size and tiny.digest and tiny.modified_at
    assert tiny.details is not None and tiny.details.family == "qwen2"
    shown = client.show("tiny")
    assert shown.capabilities == ["completion", "tools", "insert"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["general.architecture"] == "qwen2"
    assert shown.template and shown.details
    assert client.show("embedder").capabilities == ["embedding"]


def test_a_model_is_loaded_and_let_go(client: Client, admin: Client) -> None:
    def running() -> list[str | None]:
        return [model.model for model in client.ps().models]

    assert client.generate("tiny", "").done_reason == "load"
    assert "tiny" in running()
    with pytest.raises(ollama.ResponseError) as refused:
        client.generate("tiny", "", keep_alive=0)
    assert refused.value.status_code == 403
    assert admin.generate("tiny", "", keep_alive=0).done_reason == "unload"
    assert "tiny" not in running()
    assert client.chat("tiny", HELLO, options=FEW, keep_alive="10m").message.content
    assert "tiny" in running()


@pytest.fixture
def files(tmp_path: Path, tiny_embedding: Path) -> Iterator[str]:
    """A web server on this machine that has one model file."""
    (tmp_path / "small.gguf").write_bytes(tiny_embedding.read_bytes())
    quiet = functools.partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/small.gguf"
        server.shutdown()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word, and lets go of who has seen enough."""

    def handle(self) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def test_a_model_is_pulled_copied_and_deleted(
    admin: Client, client: Client, files: str, tiny_embedding: Path
) -> None:
    told = list(admin.pull(files, stream=True))
    assert told[-1].status == "success"
    sizes = [(part.completed, part.total) for part in told if part.total]
    assert all(done is not None and done <= (total or 0) for done, total in sizes)
    names = {model.model: model for model in client.list().models}
    assert names["small"].digest == hashlib.sha256(tiny_embedding.read_bytes()).hexdigest()
    assert admin.copy("small", "smaller").status == "success"
    assert len(client.embed("smaller", "one").embeddings[0]) == 64
    for name in ("small", "smaller"):
        assert admin.delete(name).status == "success"
    left = {model.model for model in client.list().models}
    assert not left & {"small", "smaller"}
    with pytest.raises(ollama.ResponseError) as missing:
        admin.delete("small")
    assert missing.value.status_code == 404


def test_a_local_file_is_pulled(admin: Client, client: Client, tiny_embedding: Path) -> None:
    assert admin.pull(str(tiny_embedding)).status == "success"
    assert len(client.embed(tiny_embedding.stem, "one").embeddings[0]) == 64
    admin.delete(tiny_embedding.stem)


def test_a_pull_that_cannot_be_is_an_error(admin: Client, files: str) -> None:
    wrong = files.replace("small", "missing")
    with pytest.raises(ollama.ResponseError):
        admin.pull(wrong)
    with pytest.raises(ollama.ResponseError):
        list(admin.pull(wrong, stream=True))


# errors


def test_what_goes_wrong_is_a_response_error(house: House, client: Client) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nobody' not found") as missing:
        client.chat("nobody", HELLO)
    assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as missing:
        list(client.chat("nobody", HELLO, stream=True))
    assert missing.value.status_code == 404
    with client_of(house, "dn-wrong") as stranger, pytest.raises(ollama.ResponseError) as unknown:
        stranger.list()
    assert unknown.value.status_code == 401
    with pytest.raises(ollama.ResponseError) as forbidden:
        client.delete("tiny")
    assert forbidden.value.status_code == 403
    with pytest.raises(ollama.ResponseError) as long:
        client.chat("tiny", [{"role": "user", "content": "말 " * 9000}])
    assert long.value.status_code == 400


def test_too_much_at_once_is_429(house: House) -> None:
    with client_of(house, house.once["ollama"]) as hurried:
        hurried.list()
        with pytest.raises(ollama.ResponseError) as refused:
            hurried.list()
    assert refused.value.status_code == 429


def test_a_picture_is_refused_by_a_model_that_sees_none(client: Client) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    message = ollama.Message(role="user", content="무엇?", images=[Image(value=pixel)])
    with pytest.raises(ollama.ResponseError) as refused:
        client.chat("tiny", [message])
    assert refused.value.status_code == 400
