"""Documents that are there: what was deleted or taken out is no answer, whether a sync has seen it or not."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dunoe.library.search import Texts
from dunoe.store.documents import DocumentRow, Located


class Present:
    """The catalogue as search reads it, without the documents that are gone since the last sync. Blocking."""

    def __init__(self, texts: Texts, is_ours: Callable[[str], bool]) -> None:
        """is_ours: whether a path lies in a library folder."""
        self._texts, self._is_ours = texts, is_ours

    def passages(self, ids: Collection[str]) -> Mapping[str, Located]:
        """These passages with their documents, without those whose file was deleted or whose folder was taken out."""
        found = self._texts.passages(ids)
        gone = {
            one.id
            for one in {row.document.id: row.document for row in found.values()}.values()
            if not self._is_ours(one.path) or is_gone(one)
        }
        return {id: row for id, row in found.items() if row.document.id not in gone}

    def named(self, name: str) -> Sequence[str]:
        """Ids of the documents whose file is called that."""
        return self._texts.named(name)

    def browse(self, *, is_newest: bool, limit: int, offset: int) -> Sequence[DocumentRow]:
        """Documents, a part of the list at a time."""
        return self._texts.browse(is_newest=is_newest, limit=limit, offset=offset)


def is_gone(document: DocumentRow) -> bool:
    """True where the file is not there and its library folder is: a disk that is away takes no document along."""
    if (
        "\\x" in document.path
    ):  # a name that is no UTF-8 is kept as it is shown, not as it is opened
        return False
    return not _is_there(document.path) and _is_there(document.folder)


def _is_there(path: str) -> bool:
    """False only where the system says so; what it does not tell may well be there."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
