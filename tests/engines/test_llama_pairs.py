"""A query and a document are as long as llama.cpp finds them, however the file says they are put together."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from dunoe.engines.llama import LlamaEngine
from dunoe.engines.request import Reranking
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, ModelSettings, TimeoutSettings
from tests import tiny

pytestmark = pytest.mark.anyio

ASKED = Reranking(
    "호랑이는 [SEP] 무엇을 {document} 먹나?", ["곶감 [CLS] 이야기", "", "a b c " * 20]
)
FORM = "[CLS] ask: {query} [SEP] read: {document} and {query} [SEP]"


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"ggml.add_sep_token": False},
        {"ggml.add_eos_token": True},
        {"ggml.add_bos_token": False, "ggml.add_eos_token": True, "ggml.add_sep_token": False},
        {"chat_template.rerank": FORM},
    ],
)
async def test_a_pair_is_counted_as_the_engine_reads_it(
    tmp_path: Path, says: Mapping[str, bool | str]
) -> None:
    file = tiny.rerank_model(tmp_path / "ranks.gguf", says=says)
    settings = ModelSettings(file=file, mode="rerank", context=512, threads=1)
    model = Model("ranks", LLAMA, "ranks", settings, slots=1)
    engine = LlamaEngine(TimeoutSettings())
    try:
        counted = await engine.pairs(model, ASKED)
        await engine.load(model)
        read = [
            (await engine.rerank(model, Reranking(ASKED.query, [one]))).prompt_tokens
            for one in ASKED.documents
        ]
    finally:
        await engine.aclose()

    assert counted == read
