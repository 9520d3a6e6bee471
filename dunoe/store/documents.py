"""The catalogue of documents: what stands in the library, for searching it and for looking at it."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError
from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select

from dunoe.errors import BadRequest, NotFound, Text
from dunoe.store.database import Database
from dunoe.store.tables import documents, failures, labels, passages

LABEL_LENGTH = 64
_HERE = documents.c.gone_at.is_(None)
_AT_ONCE = 500  # ids in one statement


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One file that was taken in.

    path: absolute, as it can be shown and stored (bytes that are no UTF-8 as `\\xff`). folder: the library folder it
    was found in. name: of the file, NFC. digest, size, mtime_ns: of the file as it was read. parser: who read it.
    date: ISO 8601 or empty.
    """

    id: str
    path: str
    folder: str
    name: str
    kind: str
    size: int
    mtime_ns: int
    digest: str
    parser: str
    title: str
    tags: tuple[str, ...]
    project: str
    type: str
    status: str
    date: str
    warnings: tuple[str, ...]
    taken_at: datetime
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A piece of a document. place: those fields of `library.passage.Place` that are known."""

    id: str
    document: str
    position: int
    start: int
    end: int
    section: int
    headings: tuple[str, ...]
    place: Mapping[str, Any]  # Any: JSON, numbers and one text
    text: str


class Located(NamedTuple):
    """A passage and the document it is of."""

    passage: PassageRow
    document: DocumentRow


class Counts(NamedTuple):
    """How much there is. size: bytes of the files. skipped: failures that are no errors."""

    documents: int
    passages: int
    size: int
    failures: int
    skipped: int = 0


class FailureRow(NamedTuple):
    """A file that could not be taken in, and why."""

    path: str
    folder: str
    size: int
    code: str
    message: Text
    hint: Text
    at: datetime


class Documents:
    """Documents and their passages, as search and people read them. Blocking: call it from a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def passages(self, ids: Collection[str]) -> dict[str, Located]:
        """These passages with their documents, by id; ids that are not there are left out."""
        found: dict[str, Located] = {}
        wanted = select(passages, documents).join_from(passages, documents)
        with self._database.reading() as connection:
            for some in in_parts(ids):
                rows = connection.execute(wanted.where(passages.c.id.in_(some), _HERE)).all()
                labelled = labels_of(connection, {row[1] for row in rows})
                cut = len(passages.c)
                for row in rows:
                    document = document_row(tuple(row)[cut:], labelled)
                    found[row[0]] = Located(passage_row(tuple(row)[:cut]), document)
        return found

    def section(self, document: str, section: int) -> list[PassageRow]:
        """The passages of one section, in the order of the text."""
        return self._passages(passages.c.document == document, passages.c.section == section)

    def neighbours(self, passage: str, before: int = 1, after: int = 1) -> list[PassageRow]:
        """A passage with those around it, in the order of the text; nothing when it is not there."""
        of = select(passages.c.document, passages.c.position).where(passages.c.id == passage)
        with self._database.reading() as connection:
            at = connection.execute(of).first()
        if at is None:
            return []
        span = passages.c.position.between(at[1] - before, at[1] + after)
        return self._passages(passages.c.document == at[0], span)

    def pieces(self, document: str) -> list[PassageRow]:
        """Every passage of a document, in the order of the text."""
        return self._passages(passages.c.document == document)

    def text(self, document: str) -> str:
        """The whole text; empty when there is no such document."""
        wanted = (
            select(passages.c.text)
            .where(passages.c.document == document)
            .order_by(passages.c.position)
        )
        with self._database.reading() as connection:
            return "".join(connection.execute(wanted).scalars())

    def document(self, id: str) -> DocumentRow:
        """One document; raise `NotFound` when there is none of that id."""
        found = self._documents(documents.c.id == id)
        if not found:
            raise NotFound(
                Text(f"문서 '{id}'이(가) 없습니다", f"there is no document '{id}'"),
                Text(
                    "지워졌거나 라이브러리에서 빠졌습니다. 목록을 새로 고치세요.",
                    "it was deleted or left the library; look at the list again.",
                ),
                code="document_not_found",
            )
        return found[0]

    def at(self, path: str) -> DocumentRow | None:
        """The document of a path."""
        return next(iter(self._documents(documents.c.path == path)), None)

    def matching(self, globs: Iterable[str]) -> list[str]:
        """Ids of the documents whose path fits one of these, read like a line of a `.gitignore`.

        `*.md` and `notes/` at any depth, `/notes/*.md` and `notes/**/*.md` from the library folder down, or from
        its name on, as people are shown a path; one that begins with a library folder, or with `~`, counts from
        there. `!` takes out what earlier lines let in.
        """
        lines = [unicodedata.normalize("NFC", glob) for glob in globs]
        wanted = select(documents.c.id, documents.c.folder, documents.c.path).where(_HERE)
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        specs: dict[str, GitIgnoreSpec] = {}
        found = []
        for id, folder, path in rows:
            if folder not in specs:
                specs[folder] = _spec(lines, folder)
            inside = path[len(folder) :].lstrip("/") or path.rpartition("/")[2]
            if specs[folder].match_file(unicodedata.normalize("NFC", inside)):
                found.append(id)
        return found

    def named(self, name: str) -> list[str]:
        """Ids of the documents whose file is called that, with or without its suffix, in any case."""
        wanted = unicodedata.normalize("NFC", name)
        exact = func.lower(documents.c.name) == func.lower(wanted)
        stem = documents.c.name.istartswith(f"{wanted}.", autoescape=True)
        with self._database.reading() as connection:
            return list(
                connection.execute(select(documents.c.id).where(_HERE, or_(exact, stem))).scalars()
            )

    def shown(self, file: str) -> DocumentRow | None:
        """The document of a path as people are shown it: absolute, or from the library folder's name on."""
        if (found := self.at(file)) is not None:
            return found
        name = unicodedata.normalize("NFC", file).rpartition("/")[2]
        wanted = documents.c.name == name, documents.c.path.endswith(f"/{file}", autoescape=True)
        for row in self._documents(*wanted):
            if f"{row.folder.rpartition('/')[0]}/{file}" == row.path:
                return row
        return None

    def values(self) -> dict[str, list[str]]:
        """What filters may ask for: every kind, project, type, status and tag there is, sorted."""
        c = documents.c
        found: dict[str, set[str]] = {"tags": set()}
        with self._database.reading() as connection:
            for column in (c.kind, c.project, c.type, c.status):
                rows = connection.execute(select(column).where(_HERE, column != "").distinct())
                found[column.name] = set(rows.scalars())
            for tags in connection.execute(select(c.tags).where(_HERE)).scalars():
                found["tags"].update(tags)
        return {name: sorted(some) for name, some in found.items()}

    def browse(
        self,
        *,
        under: str = "",
        containing: str = "",
        kind: str = "",
        is_newest: bool = False,
        limit: int = 100,
        offset: int = 0,
    ) -> list[DocumentRow]:
        """Documents by path, or the newest file first.

        under: a folder; containing: words of path or title, all of them; kind: of file.
        """
        wanted: list[ColumnElement[bool]] = []
        if under:
            below = documents.c.path.startswith(f"{under.rstrip('/')}/", autoescape=True)
            wanted.append(or_(below, documents.c.path == under))
        if kind:
            wanted.append(documents.c.kind == kind)
        for word in unicodedata.normalize("NFC", containing).split():
            fields = (documents.c.path, documents.c.name, documents.c.title)
            wanted.append(or_(*(field.icontains(word, autoescape=True) for field in fields)))
        return self._documents(*wanted, is_newest=is_newest, limit=limit, offset=offset)

    def counts(self, folder: str | None = None, *, skipping: Collection[str] = ()) -> Counts:
        """How much stands there, in all or in one library folder; failures with codes in `skipping` count apart."""
        of: list[ColumnElement[bool]] = [_HERE]
        failed: list[ColumnElement[bool]] = []
        if folder is not None:
            of.append(documents.c.folder == folder)
            failed.append(failures.c.folder == folder)
        with self._database.reading() as connection:
            count, size = connection.execute(
                select(func.count(), func.coalesce(func.sum(documents.c.size), 0)).where(*of)
            ).one()
            held = select(func.count()).select_from(passages)
            if folder is not None:
                held = held.join(documents).where(*of)
            is_skipped = failures.c.code.in_(skipping)
            wrong = select(is_skipped, func.count()).where(*failed).group_by(is_skipped)
            by = {bool(row[0]): row[1] for row in connection.execute(wrong).all()}
            return Counts(
                count,
                connection.execute(held).scalar_one(),
                int(size),
                by.get(False, 0),
                by.get(True, 0),
            )

    def failures(
        self, *, codes: Collection[str] = (), without: Collection[str] = ()
    ) -> list[FailureRow]:
        """Files that could not be taken in, by path: of these codes, if any are said, and none of `without`."""
        c = failures.c
        wanted = (
            select(
                c.path,
                c.folder,
                c.size,
                c.code,
                c.message_ko,
                c.message_en,
                c.hint_ko,
                c.hint_en,
                c.at,
            )
            .where(c.code.not_in(without), *([c.code.in_(codes)] if codes else []))
            .order_by(c.path)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted).all()
        return [
            FailureRow(*row[:4], Text(row[4], row[5]), Text(row[6], row[7]), row[8]) for row in rows
        ]

    def labels(self) -> dict[str, int]:
        """Every label, and on how many documents it is."""
        wanted = select(labels.c.label, func.count()).join(documents).where(_HERE)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.group_by(labels.c.label).order_by(labels.c.label))
            return {label: count for label, count in rows.all()}

    def label(self, ids: Collection[str], label: str) -> None:
        """Put a label on these documents; raise `BadRequest` when it cannot be one."""
        name = _label(label)
        with self._database.writing(alone=True) as connection:
            for some in in_parts(ids):
                there = select(documents.c.id).where(documents.c.id.in_(some), _HERE)
                has = select(labels.c.document).where(labels.c.label == name)
                wanted = connection.execute(there.where(documents.c.id.not_in(has))).scalars()
                rows = [{"document": id, "label": name} for id in wanted]
                if rows:
                    connection.execute(insert(labels), rows)

    def unlabel(self, ids: Collection[str], label: str) -> None:
        """Take a label off these documents."""
        name = _label(label)
        with self._database.writing() as connection:
            for some in in_parts(ids):
                connection.execute(
                    delete(labels).where(labels.c.document.in_(some), labels.c.label == name)
                )

    def _passages(self, *wanted: ColumnElement[bool]) -> list[PassageRow]:
        with self._database.reading() as connection:
            rows = connection.execute(
                select(passages).where(*wanted).order_by(passages.c.position)
            ).all()
        return [passage_row(tuple(row)) for row in rows]

    def _documents(
        self,
        *wanted: ColumnElement[bool],
        is_newest: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[DocumentRow]:
        order = (documents.c.mtime_ns.desc(),) if is_newest else ()
        query = select(documents).where(_HERE, *wanted).order_by(*order, documents.c.path)
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(limit).offset(offset)).all()
            labelled = labels_of(connection, {row[0] for row in rows})
        return [document_row(tuple(row), labelled) for row in rows]


def in_parts(ids: Collection[str]) -> Iterable[Sequence[str]]:
    """As many ids at a time as one statement may hold."""
    whole = list(ids)
    return (whole[at : at + _AT_ONCE] for at in range(0, len(whole), _AT_ONCE))


def labels_of(connection: Connection, ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The labels of these documents, by document."""
    found: dict[str, tuple[str, ...]] = {}
    for some in in_parts(ids):
        rows = connection.execute(
            select(labels.c.document, labels.c.label)
            .where(labels.c.document.in_(some))
            .order_by(labels.c.label)
        ).all()
        for document, label in rows:
            found[document] = (*found.get(document, ()), label)
    return found


def document_row(row: tuple[Any, ...], labelled: Mapping[str, tuple[str, ...]]) -> DocumentRow:
    """From a row of the table, in the order of its columns. Any: a database row."""
    at = {column.name: value for column, value in zip(documents.c, row, strict=True)}
    del at["gone_at"]
    at["tags"], at["warnings"] = tuple(at["tags"]), tuple(at["warnings"])
    return DocumentRow(**at, labels=labelled.get(at["id"], ()))


def passage_row(row: tuple[Any, ...]) -> PassageRow:
    """From a row of the table, in the order of its columns. Any: a database row."""
    at = {column.name: value for column, value in zip(passages.c, row, strict=True)}
    return PassageRow(**at | {"headings": tuple(at["headings"])})


def _spec(lines: Sequence[str], folder: str) -> GitIgnoreSpec:
    """The lines, as they are meant inside one library folder."""
    home, inside = str(Path.home()), list[str]()
    name = unicodedata.normalize("NFC", folder.rpartition("/")[2])
    for line in lines:
        mark, rest = ("!", line[1:]) if line.startswith("!") else ("", line)
        if rest.startswith("~/"):
            rest = home + rest[1:]
        if rest == folder or rest.startswith(f"{folder}/"):
            inside.append(mark + (rest[len(folder) :] or "/**"))
            continue
        first, _, below = rest.lstrip("/").partition("/")
        inside += [line, *([f"{mark}/{below or '**'}"] if fnmatchcase(name, first) else [])]
    try:
        return GitIgnoreSpec.from_lines(inside)
    except (GitIgnorePatternError, re.error) as exc:
        raise BadRequest(
            Text(f"경로 글로브가 아닙니다: {lines}", f"these are no globs of paths: {lines}"),
            Text('"*.md"나 "notes/**/*.md"처럼 쓰세요.', 'write "*.md" or "notes/**/*.md".'),
            param="path",
        ) from exc


def _label(label: str) -> str:
    name = unicodedata.normalize("NFC", label).strip()
    if not name or len(name) > LABEL_LENGTH or not name.isprintable():
        raise BadRequest(
            Text(f"라벨로 쓸 수 없습니다: {label!r}", f"this cannot be a label: {label!r}"),
            Text(f"글자 1~{LABEL_LENGTH}개로 쓰세요.", f"write 1 to {LABEL_LENGTH} letters."),
            param="label",
        )
    return name
