"""A library of real files: folders in a temporary home, real workers, the index of this process."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dunoe.library.index.collections import EdgeCollections
from dunoe.library.library import Library, Parts
from dunoe.library.workers import Workers
from dunoe.settings import LibrarySettings, Settings
from dunoe.store.store import Store, open_store


@pytest.fixture(scope="session")
async def workers() -> AsyncIterator[Workers]:
    """Two processes that read files, for all tests: each takes a second to start."""
    async with Workers(2, memory=2**30, limit_s=60) as pool:
        yield pool


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the library keeps what it knows."""
    return tmp_path / "home"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """An empty folder that the library reads."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An empty database."""
    with open_store(f"sqlite:///{home / 'dunoe.db'}") as opened:
        yield opened


@pytest.fixture
def settings(home: Path, notes: Path) -> Settings:
    """One folder, everything else by default."""
    return Settings(home=home, library=LibrarySettings(folders=(notes,)))


@pytest.fixture
def parts(store: Store, workers: Workers, home: Path) -> Parts:
    """What a library without models is made from."""
    return Parts(store, workers, EdgeCollections(home / "library"))


@pytest.fixture
async def library(settings: Settings, parts: Parts) -> AsyncIterator[Library]:
    """The library, open and still empty."""
    async with Library(settings, parts) as opened:
        yield opened
