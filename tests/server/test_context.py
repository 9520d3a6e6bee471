"""A prompt that does not fit is told so in numbers, in every dialect, before anything is loaded; or cut, and marked."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import anyio
import orjson
import pytest

from dunoe.answering.counting import Counter, Counts
from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.request import Counting, Json
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, ModelSettings, TimeoutSettings
from tests import tiny
from tests.served import Served, served
from tests.server.dialects import Got
from tests.server.dialects import call as call_

pytestmark = pytest.mark.anyio

CONTEXT = 512
LONG = "긴 한국어 질문은 짧은 모델에 들어가지 않습니다. " * 200  # some thousands of tokens
TOLD = [{"role": "user", "content": LONG}]
HI = [{"role": "user", "content": "안녕"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "날씨",
        "description": "도시의 날씨",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
TALK = [
    {"role": "system", "content": "짧게 답하세요."},
    {"role": "user", "content": "The beginning of a long story. " * 60},
    {"role": "assistant", "content": "And then? " * 10},
    {"role": "user", "content": "It ended. " * 10},
    {"role": "assistant", "content": "How? " * 10},
    {"role": "user", "content": "그래서?"},
]


@pytest.fixture(scope="module")
def quick_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few words, so that a whole context is written quickly, and never an end."""
    file = tmp_path_factory.mktemp("quick") / "quick.gguf"
    ends = ("<|im_end|>", "<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>")
    endless = tiny.Habits(dict.fromkeys(ends, -60.0), {})
    return tiny.chat_model(file, tiny.Shape(merges=1000), endless)


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory,
    quick_chat: Path,
    tiny_embedding: Path,
    tiny_rerank: Path,
) -> AsyncIterator[Served]:
    folder = tmp_path_factory.mktemp("projectors")
    seeing = tiny.projector(folder / "seeing.gguf", "qwen3vl_merger")
    tiles = tiny.projector(folder / "tiles.gguf", "mlp", tiles=[56, 112, 112, 56])
    config = f"""
language = "en"
[models.small]
file = "{quick_chat}"
context = {CONTEXT}
[models.vectors]
file = "{tiny_embedding}"
[models.ranks]
file = "{tiny_rerank}"
mode = "rerank"
parallel = 2
[models.seeing]
file = "{quick_chat}"
projector = "{seeing}"
context = {CONTEXT}
[models.tiles]
file = "{quick_chat}"
projector = "{tiles}"
context = {CONTEXT}
[models.odd]
file = "{tiny_embedding}"
context = 300
parallel = 3
[models.beyond]
file = "{quick_chat}"
context = 99999
"""
    async with served(tmp_path_factory.mktemp("context"), config) as house:
        yield house


async def call(house: Served, path: str, body: Json, truncate: str = "") -> Got:
    headers = {"x-dunoe-truncate": truncate} if truncate else {}
    return await call_(house, "POST", path, orjson.dumps({"model": "small"} | body), headers)


def loads(house: Served) -> int:
    return sum(one.loads for one in house.brain.runner.view())


def inside(problem: Json) -> Json:
    """Where a dialect's error keeps its numbers."""
    error = problem["error"]
    return error if isinstance(error, dict) else problem


TOO_LONG: list[tuple[str, Json]] = [
    ("/v1/chat/completions", {"messages": TOLD}),
    ("/v1/chat/completions", {"messages": TOLD, "stream": True}),
    ("/v1/completions", {"prompt": LONG}),
    ("/v1/responses", {"input": LONG}),
    ("/v1/messages", {"messages": TOLD, "max_tokens": 3}),
    ("/api/chat", {"messages": TOLD}),
    ("/api/chat", {"messages": TOLD, "stream": False}),
    ("/api/generate", {"prompt": LONG, "raw": True}),
    ("/api/generate", {"prompt": LONG}),
    ("/v1/completions", {"prompt": LONG, "suffix": "끝"}),
    ("/api/generate", {"prompt": "처음", "suffix": LONG}),
]
FIELDS = ("messages", "input", "prompt")


@pytest.mark.parametrize(("path", "body"), TOO_LONG)
async def test_too_long_is_told_with_numbers_and_nothing_is_loaded(
    house: Served, path: str, body: Json
) -> None:
    before = loads(house)

    got = await call(house, path, body)

    told = inside(got.json)
    assert got.status == 400
    assert told.get("param", "-") in ("-", next(name for name in FIELDS if name in body))
    assert told["prompt_tokens"] > 3 * CONTEXT and told["context"] == CONTEXT
    said = told["message"] if "message" in told else told["error"]
    assert f"{told['prompt_tokens']:,} tokens" in said and "maximum context length" in said
    assert loads(house) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": ["짧은 글", LONG]}),
        ("/api/embed", {"input": LONG, "truncate": False}),
        ("/api/embeddings", {"prompt": LONG, "truncate": False}),
    ],
)
async def test_a_text_too_long_to_embed_is_told_before_anything_is_loaded(
    house: Served, path: str, body: Json
) -> None:
    before = loads(house)

    got = await call(house, path, body | {"model": "vectors"})

    told = inside(got.json)
    assert got.status == 400
    assert told["prompt_tokens"] > told["context"] > 0
    assert loads(house) == before


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ADDRESS = f"data:image/png;base64,{PNG}"
URL = {"type": "image_url", "image_url": {"url": ADDRESS}}
INPUT = {"type": "input_image", "image_url": ADDRESS}
SEEN = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
SHOWN: list[tuple[str, Json]] = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": [URL]}]}),
    ("/v1/responses", {"input": [{"role": "user", "content": [INPUT]}]}),
    ("/v1/messages", {"messages": [{"role": "user", "content": [SEEN]}], "max_tokens": 3}),
    ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": [SEEN]}]}),
    ("/v1/tokenize", {"messages": [{"role": "user", "content": [URL]}]}),
    ("/api/chat", {"messages": [{"role": "user", "content": "뭐야?", "images": [PNG]}]}),
    ("/api/generate", {"prompt": "뭐야?", "images": [PNG], "stream": False}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), SHOWN)
async def test_a_picture_for_a_model_that_cannot_see_is_refused_before_anything_is_loaded(
    house: Served, path: str, body: Json
) -> None:
    before = loads(house)

    got = await call(house, path, body)

    told = inside(got.json)
    assert got.status == 400, got.body
    assert "reads text only" in str(told.get("message", told))
    assert loads(house) == before


async def test_a_picture_takes_its_share_of_the_context(house: Served) -> None:
    before = loads(house)
    many = {"model": "seeing", "messages": [{"role": "user", "content": [URL] * 50}]}

    got = await call(house, "/v1/chat/completions", many)

    assert got.status == 400 and inside(got.json)["prompt_tokens"] > 50 * 9
    assert loads(house) == before


async def test_a_picture_in_tiles_is_counted_by_the_engine_and_that_is_told(house: Served) -> None:
    one = {"messages": [{"role": "user", "content": [URL]}], "max_tokens": 2}

    tiles = await call(house, "/v1/chat/completions", one | {"model": "tiles"})
    whole = await call(house, "/v1/chat/completions", one | {"model": "seeing"})

    assert (tiles.status, whole.status) == (200, 200), (tiles.body, whole.body)
    assert tiles.headers["x-dunoe-uncounted"] == "media"
    assert "x-dunoe-uncounted" not in whole.headers


RANKED: Json = {"model": "ranks", "query": "호랑이는?", "documents": ["짧은 글", LONG, "끝"]}


async def test_a_document_too_long_to_rank_is_told_by_its_number_before_anything_is_loaded(
    house: Served,
) -> None:
    before = loads(house)

    got = await call(house, "/v1/rerank", RANKED)

    told = inside(got.json)
    assert (got.status, told["code"]) == (400, "context_length_exceeded")
    assert (told["document"], told["param"], told["context"]) == (1, "documents", 512)
    assert told["prompt_tokens"] > 512
    assert f"documents[1]: prompt is too long: {told['prompt_tokens']:,}" in told["message"]
    assert loads(house) == before


async def test_a_query_too_long_to_rank_by_is_told_even_where_documents_may_be_cut(
    house: Served,
) -> None:
    asked = {"model": "ranks", "query": LONG, "documents": ["글"]}

    for policy in ("", "middle"):
        got = await call(house, "/v1/rerank", asked, policy)

        told = inside(got.json)
        assert (got.status, told["param"], "document" in told) == (400, "query", False)
        assert told["prompt_tokens"] > 512
        assert f"query: prompt is too long: {told['prompt_tokens']:,}" in told["message"]
        assert "x-dunoe-truncate" not in told["hint"]


@pytest.mark.parametrize("policy", ["oldest", "middle"])
async def test_a_document_may_be_cut_to_be_ranked_and_is_marked(house: Served, policy: str) -> None:
    got = await call(house, "/v1/rerank", RANKED | {"return_documents": True}, policy)

    assert got.status == 200, got.body
    (cut,) = got.json["dropped"]
    assert (cut["document"], cut["policy"]) == (1, policy) and cut["characters"] > 1000
    mark = f"{policy}; documents=1; tokens={cut['cut_tokens']}"
    assert got.headers["x-dunoe-truncated"] == mark
    assert {one["index"]: one["document"]["text"] for one in got.json["results"]}[1] == LONG


@pytest.mark.parametrize(
    ("path", "body"), [("/api/embed", {"input": LONG}), ("/api/embeddings", {"prompt": LONG})]
)
async def test_what_ollamas_clients_expect_to_be_cut_is_cut_and_marked(
    house: Served, path: str, body: Json
) -> None:
    got = await call(house, path, body | {"model": "vectors"})

    assert got.status == 200
    (cut,) = got.json["dropped"]
    assert got.headers["x-dunoe-truncated"] == f"end; texts=1; tokens={cut['cut_tokens']}"
    assert cut["cut_tokens"] > CONTEXT


async def test_a_template_that_takes_its_time_holds_nobody_up(
    tmp_path: Path, quick_chat: Path
) -> None:
    """It renders for seconds before it is stopped; who asks for something else meanwhile does not wait for it."""
    hostile = "{% set b = ' ' * 3000000 %}{% for i in range(100000) %}{{ b | trim }}{% endfor %}"
    (tmp_path / "slow.jinja").write_text(hostile, "utf-8")
    config = f'[models.small]\nfile = "{quick_chat}"\ntemplate = "slow.jinja"\n'
    async with served(tmp_path, config) as house, anyio.create_task_group() as group:
        done = anyio.Event()

        async def slow() -> None:
            got = await call(house, "/v1/chat/completions", {"messages": HI})
            assert got.status == 400 and got.json["error"]["code"] == "template_endless"
            done.set()

        group.start_soon(slow)
        quick = await call_(house, "GET", "/api/version")
        assert quick.status == 200 and not done.is_set()


@pytest.mark.parametrize("reads", [True, False])
async def test_a_question_too_long_for_its_model_is_told_with_numbers(
    house: Served, reads: bool
) -> None:
    before = loads(house)

    got = await call(house, "/api/ask", {"question": LONG[:4000], "context_enabled": reads})

    told = got.json
    assert got.status == 400
    assert told["prompt_tokens"] > told["context"] == CONTEXT
    assert f"{told['prompt_tokens']:,}" in told["detail"]
    assert loads(house) == before


async def test_a_text_fits_the_context_that_was_wanted_and_not_the_pad_around_it(
    house: Served,
) -> None:
    """A text must fit one batch; and a batch has as many tokens for each slot, or llama.cpp aborts."""
    asked = {"model": "odd", "input": "안녕하세요 " * 60, "truncate": False}
    told = (await call(house, "/api/embed", asked)).json
    assert (told["context"], told["prompt_tokens"] > 300) == (300, True)

    cut = await call(house, "/api/embed", asked | {"truncate": True})

    assert cut.status == 200 and cut.json["dropped"][0]["cut_tokens"] == told["prompt_tokens"] - 300


async def test_no_context_is_longer_than_the_model_was_trained_on(house: Served) -> None:
    got = await call(
        house, "/v1/chat/completions", {"model": "beyond", "messages": HI, "max_tokens": 9000}
    )

    assert inside(got.json)["context"] == 8192


async def test_a_slip_in_the_policy_is_told_everywhere(house: Served) -> None:
    for path, body in (
        ("/v1/embeddings", {"model": "vectors", "input": "가"}),
        ("/api/embed", {"model": "vectors", "input": "가"}),
        ("/api/ask", {"question": "가?"}),
    ):
        assert (await call(house, path, body, "banana")).status == 400, path


ROOM_TAKEN: list[tuple[str, Json]] = [
    ("/v1/chat/completions", {"messages": HI, "max_tokens": CONTEXT}),
    ("/v1/completions", {"prompt": "안녕", "max_tokens": CONTEXT}),
    ("/v1/responses", {"input": "안녕", "max_output_tokens": CONTEXT}),
    ("/v1/messages", {"messages": HI, "max_tokens": CONTEXT}),
    ("/api/chat", {"messages": HI, "options": {"num_predict": CONTEXT}}),
    ("/api/generate", {"prompt": "안녕", "options": {"num_predict": CONTEXT}}),
]


@pytest.mark.parametrize(("path", "body"), ROOM_TAKEN)
async def test_an_answer_that_cannot_fit_is_told_the_same_way(
    house: Served, path: str, body: Json
) -> None:
    got = await call(house, path, body)

    told = inside(got.json)
    assert got.status == 400
    assert told["max_tokens"] == CONTEXT == told["context"]
    assert 0 < told["prompt_tokens"] < CONTEXT


async def test_the_largest_answer_that_fits_is_given(house: Served) -> None:
    refused = await call(house, "/v1/chat/completions", {"messages": HI, "max_tokens": CONTEXT})
    room = CONTEXT - inside(refused.json)["prompt_tokens"]

    fits = await call(house, "/v1/chat/completions", {"messages": HI, "max_tokens": room})
    over = await call(house, "/v1/chat/completions", {"messages": HI, "max_tokens": room + 1})

    assert (fits.status, over.status) == (200, 400)


CUT: list[tuple[str, Json]] = [
    ("/v1/chat/completions", {"messages": TALK, "max_tokens": 5}),
    ("/v1/chat/completions", {"messages": TALK, "max_tokens": 5, "stream": True}),
    ("/v1/messages", {"messages": TALK[1:], "system": "짧게", "max_tokens": 5}),
    ("/v1/messages", {"messages": TALK[1:], "max_tokens": 5, "stream": True}),
    ("/api/chat", {"messages": TALK, "options": {"num_predict": 5}, "stream": False}),
    ("/api/chat", {"messages": TALK, "options": {"num_predict": 5}}),
    ("/v1/responses", {"input": TALK, "max_output_tokens": 16}),
    ("/v1/responses", {"input": TALK, "max_output_tokens": 16, "stream": True}),
]


@pytest.mark.parametrize(("path", "body"), CUT)
@pytest.mark.parametrize("policy", ["oldest", "middle"])
async def test_what_may_be_cut_is_cut_and_marked(
    house: Served, path: str, body: Json, policy: str
) -> None:
    got = await call(house, path, body, policy)

    assert got.status == 200, got.body
    assert got.headers["x-dunoe-truncated"].startswith(f"{policy}; messages=")
    assert b'"dropped":[{' in got.body.replace(b" ", b"")


async def test_the_setting_and_a_header_that_says_no(tmp_path: Path, tiny_chat: Path) -> None:
    config = f"""
[server]
truncate = "oldest"
[models.small]
file = "{tiny_chat}"
context = {CONTEXT}
"""
    body = {"messages": TALK, "max_tokens": 5}
    async with served(tmp_path, config) as house:
        cut = await call(house, "/v1/chat/completions", body)
        whole = await call(house, "/v1/chat/completions", body, "off")

    assert cut.status == 200 and cut.json["dropped"][0]["policy"] == "oldest"
    assert whole.status == 400


async def test_openai_truncation_auto_drops_the_oldest(house: Served) -> None:
    body = {"input": TALK, "max_output_tokens": 16}

    auto = await call(house, "/v1/responses", body | {"truncation": "auto"})
    disabled = await call(house, "/v1/responses", body | {"truncation": "disabled"})

    assert auto.json["truncation"] == "auto" and auto.json["dropped"][0]["policy"] == "oldest"
    assert disabled.status == 400


async def test_an_answer_too_long_is_shortened_where_cutting_is_allowed(house: Served) -> None:
    body = {"messages": HI, "max_tokens": 10 * CONTEXT}

    got = await call(house, "/v1/chat/completions", body, "oldest")

    assert got.status == 200
    dropped, usage = got.json["dropped"][0], got.json["usage"]
    assert dropped["max_tokens"] == CONTEXT - usage["prompt_tokens"]
    assert got.headers["x-dunoe-truncated"] == f"max_tokens; max_tokens={dropped['max_tokens']}"


STORY = [{"role": "user", "content": "The beginning of a long story. " * 200}]
MANY = [{"role": role, "content": "짧은 말"} for _ in range(90) for role in ("user", "assistant")]


@pytest.mark.parametrize(
    ("messages", "works"), [(STORY, "middle"), ([*MANY, *HI], "oldest"), ([*TALK, *HI], "both")]
)
async def test_the_hint_names_the_ways_of_cutting_that_work_and_no_other(
    house: Served, messages: list[Json], works: str
) -> None:
    """One long question has no older turns; of many short ones no middle is to be had."""
    refused = inside((await call(house, "/v1/chat/completions", {"messages": messages})).json)

    for policy in ("oldest", "middle"):
        got = await call(house, "/v1/chat/completions", {"messages": messages, **SHORT}, policy)
        is_good = works in (policy, "both")
        assert got.status == (200 if is_good else 400), got.body
        assert (policy in refused["hint"]) == is_good
        if not is_good:
            hint = inside(got.json)["hint"]
            assert f"'{policy}' cannot make it fit" in hint
            assert f"x-dunoe-truncate: {works}" in hint


async def test_no_way_of_cutting_is_named_where_none_works(house: Served) -> None:
    got = await call(house, "/v1/chat/completions", {"messages": [*MANY, *TOLD]}, "oldest")
    fixed = await call(house, "/v1/chat/completions", {"messages": HI, "tools": [TOOL] * 20})

    assert "x-dunoe-truncate" not in inside(got.json)["hint"]
    assert "x-dunoe-truncate" not in inside(fixed.json)["hint"]


async def test_a_document_is_refused_with_the_ways_that_work(house: Served) -> None:
    """The query leaves room, but not for what must stay of a document."""
    near = "호랑이는? " * 60
    told = inside((await call(house, "/v1/rerank", RANKED | {"query": near})).json)
    assert (told["param"], told["document"]) == ("documents", 1)
    for policy in ("oldest", "middle"):
        cut = await call(house, "/v1/rerank", RANKED | {"query": near}, policy)
        assert (policy in told["hint"]) == (cut.status == 200)


async def test_a_policy_nobody_knows_is_refused(house: Served) -> None:
    got = await call(house, "/v1/chat/completions", {"messages": HI}, "newest")

    assert got.status == 400 and "newest" in got.json["error"]["message"]


COUNTED: list[tuple[str, Json]] = [
    ("/v1/chat/completions", {"messages": HI}),
    ("/v1/chat/completions", {"messages": [TALK[0], *TALK[3:]]}),
    ("/v1/chat/completions", {"messages": HI, "tools": [TOOL]}),
    ("/v1/chat/completions", {"messages": HI, "tools": [TOOL], "tool_choice": "none"}),
    ("/v1/chat/completions", {"messages": HI, "n": 2}),
    ("/v1/chat/completions", {"messages": HI, "response_format": {"type": "json_object"}}),
    ("/v1/chat/completions", {"messages": HI, "reasoning_effort": "none"}),
    (
        "/v1/chat/completions",
        {"messages": [*HI, {"role": "assistant", "content": "안녕하"}], "temperature": 0},
    ),
    ("/v1/completions", {"prompt": "옛날 옛적에 <|im_start|> 호랑이가"}),
    ("/v1/completions", {"prompt": ["하나", "둘, 셋"]}),
    ("/v1/completions", {"prompt": [1, 2, 3, 4]}),
    ("/v1/completions", {"prompt": "def 더하기(a, b):\n", "suffix": "\n<|im_end|>"}),
    ("/v1/messages", {"messages": HI, "max_tokens": 4, "system": "짧게"}),
    ("/api/chat", {"messages": HI, "stream": False, "tools": [TOOL]}),
    ("/api/generate", {"prompt": "안녕", "stream": False}),
]
SHORT = {"max_tokens": 4, "options": {"num_predict": 4}}


@pytest.mark.parametrize(("path", "body"), COUNTED)
async def test_what_we_count_is_what_the_engine_reads(
    house: Served, path: str, body: Json, caplog: pytest.LogCaptureFixture
) -> None:
    meters = house.brain.books.meters
    read = meters.registry.get_sample_value(
        "dunoe_tokens_total", {"direction": "in", "model": "small", "role": ""}
    )
    with caplog.at_level(logging.WARNING, "dunoe.server"):
        got = await call(house, path, SHORT | body)

    assert got.status == 200, got.body
    after = meters.registry.get_sample_value(
        "dunoe_tokens_total", {"direction": "in", "model": "small", "role": ""}
    )
    assert (after or 0) > (read or 0)
    assert "than we counted" not in caplog.text
    assert meters.registry.get_sample_value("dunoe_prompt_drift_total", {"model": "small"}) is None


async def test_tokens_are_counted_without_the_model(tmp_path: Path, quick_chat: Path) -> None:
    """And counted the same when it is there."""
    asked: list[tuple[str, Json]] = [
        ("/v1/tokenize", {"content": "안녕 <|im_start|> hello"}),
        ("/v1/tokenize", {"messages": HI, "tools": [TOOL]}),
        ("/v1/messages/count_tokens", {"messages": HI, "system": "짧게"}),
    ]
    async with served(tmp_path, f'[models.small]\nfile = "{quick_chat}"\n') as house:
        before = [(await call(house, path, body)).json for path, body in asked]
        assert loads(house) == 0
        engine = house.brain.engines["llama.cpp"]
        async with house.brain.runner.lease(house.brain.catalogue.find("small")) as lease:
            address, key = engine.address(lease.model)  # type: ignore[attr-defined]  # of the embedded one
            headers = {"Authorization": f"Bearer {key}"}
            async with aiohttp.ClientSession(address, headers=headers) as inside:
                body = {"content": asked[0][1]["content"], "add_special": False}
                async with inside.post("/tokenize", json=body | {"parse_special": True}) as told:
                    theirs = (await told.json())["tokens"]

    assert before[0] == {"count": len(theirs), "tokens": theirs}
    assert before[1]["count"] == len(before[1]["tokens"]) > before[2]["input_tokens"] > 0


async def test_a_text_for_an_ollama_is_counted_by_its_vocabulary_and_not_by_reading(
    tmp_path: Path, quick_chat: Path
) -> None:
    """The Ollama is dunoe's own face, which tells the vocabulary as an Ollama does."""
    text = "호랑이가 <|im_start|> 담배 피우던 시절"
    async with served(tmp_path, f'[models.small]\nfile = "{quick_chat}"\n') as house:
        ours = (await call(house, "/v1/tokenize", {"content": text})).json
        away = EngineSettings(kind="ollama", url=house.url)
        engine = OllamaEngine("away", away, TimeoutSettings())
        try:
            model = Model("far", "away", "small", ModelSettings(engine="away"), slots=1)
            theirs = await engine.count(model, Counting(content=text))
            counted = await Counter(engine, model, Counts()).texts([text])
        finally:
            await engine.aclose()

        assert (theirs.count, theirs.tokens) == (ours["count"], ours["tokens"])
        assert counted == [ours["count"]]
        assert loads(house) == 0


async def test_an_answer_that_ends_for_want_of_room_says_so(house: Served) -> None:
    """Its room is a share of the context, whatever was asked for; that shows only when it mattered."""
    body = {"question": "이야기해 줘", "context_enabled": False, "max_tokens": 9000}

    got = await call(house, "/api/ask", body)

    assert got.status == 200
    (warning,) = got.json["warnings"]
    assert got.json["finish_reason"] == "length"
    assert "9,000" in warning and "ended there" in warning
