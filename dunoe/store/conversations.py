"""Conversations: what was asked and answered, found again, taken along, deleted."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypedDict, Unpack
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, update

from dunoe.errors import NotFound, Text
from dunoe.store.database import Database
from dunoe.store.tables import conversations

NOBODY = ""  # the owner of what was asked without a key
TITLE_LENGTH = 40
Source = Mapping[str, Any]  # Any: JSON, as the caller sent it


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer. id: counts up. verdict: of the person, 1 good, -1 bad, 0 none."""

    id: int
    session_id: str
    title: str
    question: str
    answer: str
    sources: tuple[Source, ...]
    citations: tuple[Source, ...]
    model_used: str | None
    verdict: int
    created_at: datetime


class Answered(TypedDict, total=False):
    """What a turn may have beside its question and its answer. session_id: left out, a session begins."""

    session_id: str | None
    sources: Sequence[Source]
    citations: Sequence[Source]
    model_used: str | None


class Session(NamedTuple):
    """A conversation in one line. last: when its newest turn was."""

    session_id: str
    title: str
    turns: int
    last: datetime


class Conversations:
    """The conversations of every owner (a key's id, or `NOBODY`); nobody sees another's. Blocking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, owner: str, question: str, answer: str, **more: Unpack[Answered]) -> Turn:
        """Keep one turn. The first question of a session is its title; without a session it begins one.

        What is the session's last turn already is not kept twice: a client posts what the server has kept itself.
        """
        row: dict[str, Any] = {  # Any: one value per column
            "owner": owner,
            "session_id": more.get("session_id") or str(uuid4()),
            "question": _written(question),
            "answer": _written(answer),
            "sources": tuple(more.get("sources", ())),
            "citations": tuple(more.get("citations", ())),
            "model_used": more.get("model_used"),
            "verdict": 0,
            "created_at": datetime.now(UTC),
        }
        with self._database.writing() as connection:
            last = self._last(connection, owner, row["session_id"])
            if last and (last.question, last.answer) == (row["question"], row["answer"]):
                return last
            row["title"] = last.title if last else _title(question)
            kept = connection.execute(insert(conversations).returning(conversations.c.id), row)
            del row["owner"]
            return Turn(id=kept.scalar_one(), **row)

    @staticmethod
    def _last(connection: Connection, owner: str, session_id: str) -> Turn | None:
        c = conversations.c
        wanted = select(*_COLUMNS).where(*_of(owner, session_id)).order_by(c.id.desc()).limit(1)
        row = connection.execute(wanted).first()
        return None if row is None else _turn(row)

    def sessions(self, owner: str, *, limit: int = 100, offset: int = 0) -> list[Session]:
        """The sessions, the one that was used last first."""
        c = conversations.c
        last = func.max(c.created_at)
        wanted = (
            select(c.session_id, func.max(c.title), func.count(), last)
            .where(c.owner == owner)
            .group_by(c.session_id)
            .order_by(last.desc(), c.session_id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(wanted.limit(limit).offset(offset)).all()
        return [Session(*row) for row in rows]

    def turns(self, owner: str, session_id: str) -> list[Turn]:
        """One session, oldest turn first; raise `NotFound` when there is none."""
        found = self._turns(*_of(owner, session_id))
        if not found:
            raise _no_session(session_id)
        return found

    def turn(self, owner: str, id: int) -> Turn:
        """One turn; raise `NotFound` when there is none."""
        found = self._turns(conversations.c.owner == owner, conversations.c.id == id)
        if not found:
            raise _no_session(str(id))
        return found[0]

    def recent(
        self, owner: str, *, session_id: str | None = None, limit: int = 50, offset: int = 0
    ) -> list[Turn]:
        """Turns of one session or of all, newest first."""
        wanted = [conversations.c.owner == owner]
        if session_id is not None:
            wanted.append(conversations.c.session_id == session_id)
        return self._turns(*wanted, is_newest=True, limit=limit, offset=offset)

    def search(
        self, owner: str, words: str, *, limit: int = 50, offset: int = 0
    ) -> tuple[list[Turn], int]:
        """Turns that hold every one of these words, anywhere in a word and in any case, newest first; and how many."""
        c = conversations.c
        wanted: list[ColumnElement[bool]] = [c.owner == owner]
        for word in _written(words).split():
            fields = (c.question, c.answer, c.title)
            wanted.append(or_(*(field.icontains(word, autoescape=True) for field in fields)))
        if len(wanted) == 1:
            return [], 0
        with self._database.reading() as connection:
            counted = select(func.count()).select_from(conversations).where(*wanted)
            total = connection.execute(counted).scalar_one()
        return self._turns(*wanted, is_newest=True, limit=limit, offset=offset), total

    def rename(self, owner: str, session_id: str, title: str) -> None:
        """Give a session a title; raise `NotFound` when there is none."""
        with self._database.writing() as connection:
            named = update(conversations).where(*_of(owner, session_id))
            if connection.execute(named.values(title=_title(title))).rowcount == 0:
                raise _no_session(session_id)

    def move(self, owner: str, id: int, session_id: str) -> Turn:
        """Put a turn into another session, whose title it takes; raise `NotFound` when there is no such turn."""
        mine = conversations.c.owner == owner, conversations.c.id == id
        with self._database.writing() as connection:
            into: dict[str, str] = {"session_id": session_id}
            if last := self._last(connection, owner, session_id):
                into["title"] = last.title
            connection.execute(update(conversations).where(*mine).values(into))
        return self.turn(owner, id)

    def judge(self, owner: str, id: int, verdict: Literal[-1, 0, 1]) -> Turn:
        """Keep what a person thinks of an answer; raise `NotFound` when there is no such turn."""
        mine = conversations.c.owner == owner, conversations.c.id == id
        with self._database.writing() as connection:
            connection.execute(update(conversations).where(*mine).values(verdict=verdict))
        return self.turn(owner, id)

    def delete(self, owner: str, id: int) -> None:
        """Delete one turn; raise `NotFound` when there is none."""
        self._delete(str(id), conversations.c.owner == owner, conversations.c.id == id)

    def delete_session(self, owner: str, session_id: str) -> None:
        """Delete a whole session; raise `NotFound` when there is none."""
        self._delete(session_id, *_of(owner, session_id))

    def _delete(self, name: str, *wanted: ColumnElement[bool]) -> None:
        with self._database.writing() as connection:
            if connection.execute(delete(conversations).where(*wanted)).rowcount == 0:
                raise _no_session(name)

    def _turns(
        self,
        *wanted: ColumnElement[bool],
        is_newest: bool = False,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Turn]:
        c = conversations.c
        order = c.id.desc() if is_newest else c.id
        query = select(*_COLUMNS).where(*wanted).order_by(order).limit(limit).offset(offset)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [_turn(row) for row in rows]


_COLUMNS = [conversations.c[name] for name in Turn.__slots__]


def _turn(row: Row[Any]) -> Turn:  # Any: the columns of a turn
    lists = {"sources": tuple(row.sources), "citations": tuple(row.citations)}
    return Turn(**{**row._mapping, **lists})


def as_markdown(turns: Sequence[Turn]) -> str:
    """A session to read: the questions as headings, the answers, their sources."""
    lines = [f"# {turns[0].title if turns else ''}", ""]
    for turn in turns:
        lines += [f"## {_one_line(turn.question)}", ""]
        asked = f"{turn.created_at:%Y-%m-%d %H:%M} UTC"
        lines += [f"*{asked} · {turn.model_used}*" if turn.model_used else f"*{asked}*", ""]
        lines += [turn.answer.strip(), ""]
        if turn.sources:
            lines += [*(_source(at, one) for at, one in enumerate(turn.sources, 1)), ""]
    return "\n".join(lines)


def as_json(turns: Sequence[Turn]) -> str:
    """A session as one JSON list, for other programs."""
    rows = [
        {name: getattr(turn, name) for name in turn.__slots__}
        | {"created_at": turn.created_at.isoformat()}
        for turn in turns
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2)


def _source(number: int, source: Source) -> str:
    """Its file, headings and place; a client of one's own may have kept it in another form."""
    said = [source.get("file"), source.get("heading"), source.get("lines"), source.get("page")]
    said[1] = " > ".join(map(str, said[1])) if isinstance(said[1], list) else said[1]
    said[2] = "L" + "-".join(map(str, said[2])) if isinstance(said[2], list) else said[2]
    said[3] = f"p.{said[3]}" if isinstance(said[3], int) else said[3]
    return f"{number}. {_one_line(' · '.join(str(one) for one in said if one))}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _title(question: str) -> str:
    line = _one_line(_written(question))
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 1].rstrip()}…"


def _written(text: str) -> str:
    """One spelling of Hangul for keeping and searching; without what no database takes."""
    whole = unicodedata.normalize("NFC", text).replace("\0", "")
    return whole.encode("utf-8", "replace").decode("utf-8")


def _of(owner: str, session_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return conversations.c.owner == owner, conversations.c.session_id == session_id


def _no_session(id: str) -> NotFound:
    return NotFound(
        Text(f"대화 '{id}'이(가) 없습니다", f"there is no conversation '{id}'"),
        Text("이미 지워졌습니다. 목록을 새로 고치세요.", "it was deleted; look at the list again."),
        code="conversation_not_found",
    )
