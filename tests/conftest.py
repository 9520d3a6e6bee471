"""What every test may lean on."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("DUNOE_SHARED", Path(__file__).parents[1].parent / "shared"))


@pytest.fixture
def anyio_backend() -> str:
    """dunoe runs on asyncio alone."""
    return "asyncio"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test data beside the checkout."""
    if not SHARED.is_dir():
        pytest.fail(f"test data is missing: {SHARED} (set DUNOE_SHARED)")
    return SHARED
