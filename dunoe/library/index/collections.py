"""Where the collections are: folders of our own, or a Qdrant server when the settings name one."""

import shutil
from pathlib import Path
from typing import Protocol

from dunoe.foreign import reason
from dunoe.library.index import refusals
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import Index
from dunoe.settings import QdrantSettings


class Collections(Protocol):
    """Collections by name. Blocking: call it from a thread."""

    def open(self, name: str, dimensions: int | None) -> Index:
        """The collection, begun when there is none. dimensions: of its dense vectors; None: it has none."""

    def drop(self, name: str) -> None:
        """Delete a collection that is closed; fine when there is none."""

    def close(self) -> None:
        """Let go of the server, if any; the collections are closed by who opened them."""


class EdgeCollections:
    """Collections in a folder, one folder each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, name: str, dimensions: int | None) -> Index:
        """The collection in this process, for this process alone."""
        return EdgeIndex(self.folder / name, dimensions)

    def drop(self, name: str) -> None:
        """Delete the folder; a killed process leaves none that would be taken for a collection."""
        folder = self.folder / name
        try:
            (folder / "current").unlink(missing_ok=True)
            shutil.rmtree(folder)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise refusals.unwritable(folder, reason(exc)) from exc

    def close(self) -> None:
        """Nothing to let go of."""


def collections(settings: QdrantSettings, folder: Path) -> Collections:
    """Those of the server that the settings name, else those in the folder."""
    if settings.host is None:
        return EdgeCollections(folder)
    from dunoe.library.index.remote import connect  # two seconds and 90 MB that few need

    return connect(settings.host, settings.port, settings.api_key)
