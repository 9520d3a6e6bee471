"""From what a worker read to the rows of the catalogue, and from those to the points of an index."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4, uuid5

from dunoe.library.changes import Todo
from dunoe.library.folders import is_below, written
from dunoe.library.index.point import Payload
from dunoe.library.passage import Passage
from dunoe.library.places import kept_place
from dunoe.library.taken import Taken
from dunoe.store.documents import DocumentRow, PassageRow

_EPOCH = date(1970, 1, 1)


def document_of(todo: Todo, taken: Taken, parser: str, before: DocumentRow | None) -> DocumentRow:
    """The row of a file that was read. before: what it was until now."""
    parsed = taken.parsed
    return DocumentRow(
        id=todo.id or str(uuid4()),
        path=written(todo.seen.path),
        folder=todo.seen.folder,
        name=todo.seen.name,
        kind=parsed.kind,
        size=taken.size,
        mtime_ns=taken.mtime_ns,
        digest=taken.digest,
        parser=parser,
        title=storable(parsed.title),
        tags=tuple(map(storable, parsed.tags)),
        project=storable(parsed.project),
        type=storable(parsed.type),
        status=storable(parsed.status),
        date=storable(parsed.date),
        warnings=tuple(map(storable, parsed.warnings)),
        taken_at=datetime.now(UTC),
        labels=before.labels if before else (),
    )


def passages_of(document: DocumentRow, found: Sequence[Passage]) -> list[PassageRow]:
    """The rows of a document's passages. Their ids follow from what is searched: title, headings, text.

    So a passage that only moved keeps its id and its vector, and one that reads differently has a new one.
    """
    space, times = UUID(document.id), Counter[bytes]()
    rows = []
    for position, one in enumerate(found):
        headings = tuple(map(storable, one.headings))
        text = storable(one.text)
        key = hashlib.sha256("\0".join((document.title, *headings, text)).encode()).digest()
        id = uuid5(space, f"{key.hex()}:{times[key]}")
        times[key] += 1
        spots = [replace(spot, headings=tuple(map(storable, spot.headings))) for spot in one.spots]
        rows.append(
            PassageRow(
                id=str(id),
                document=document.id,
                position=position,
                start=one.start,
                end=one.end,
                section=one.section,
                headings=headings,
                place=kept_place(one.place, one.start, spots),
                text=text,
            )
        )
    return rows


def payload_of(document: DocumentRow) -> Payload:
    """What the filters may ask of a document. Its date is its own, or else the day of its file."""
    return Payload(
        document=document.id,
        under=_under(document.path, document.folder),
        name=document.name,
        kind=document.kind,
        type=document.type,
        status=document.status,
        project=document.project,
        tags=document.tags,
        labels=document.labels,
        date=_days(document),
    )


def storable(text: str) -> str:
    """The text without what no database takes: NUL and halves of letters, each replaced by one letter."""
    whole = text.replace("\0", "\ufffd")
    try:
        whole.encode()
    except UnicodeEncodeError:
        whole = whole.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole


def _under(path: str, folder: str) -> tuple[str, ...]:
    """Every folder from the library folder down to the file's own."""
    found, here = [folder], path.rpartition("/")[0]
    below = []
    while here != folder and is_below(here, folder):
        below.append(here)
        here = here.rpartition("/")[0]
    return (*found, *reversed(below))


def _days(document: DocumentRow) -> int | None:
    try:
        day = date.fromisoformat(document.date[:10])
    except ValueError:
        day = datetime.fromtimestamp(document.mtime_ns / 1e9, UTC).date()
    return (day - _EPOCH).days
