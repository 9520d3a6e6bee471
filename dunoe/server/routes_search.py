"""Searching the library, and looking at its documents."""

from functools import partial
from typing import Literal

from anyio.to_thread import run_sync
from pydantic import Field

from dunoe.answering.reader import place_of
from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Text
from dunoe.library.index.point import Filter
from dunoe.library.search import Mode, Wish
from dunoe.server.ask_reply import document_json, place_json, results_json
from dunoe.server.ask_request import AdvancedBody, FiltersBody, mode_of, names
from dunoe.server.body import Body
from dunoe.server.endpoint import Asked, Route, language_of
from dunoe.server.query import segment
from dunoe.server.searching import filter_of
from dunoe.store.documents import DocumentRow

_KINDS = {"md": "markdown", "txt": "text", "htm": "html", "py": "code", "js": "code"}


class SearchQuery(Body):
    """GET /api/search."""

    q: str = ""
    limit: int = Field(5, ge=1, le=100)
    offset: int = Field(0, ge=0, le=10_000)
    file_path: str | list[str] | None = None
    search_mode: Literal["semantic", "keyword", "lexical", "hybrid"] | None = None
    project_id: str | list[str] | None = None
    label_ids: str | list[str] | None = None
    folder: str | list[str] | None = None
    tag: str | list[str] | None = None
    type: str | list[str] | None = None
    status: str | list[str] | None = None
    kind: str | list[str] | None = None
    since: str | None = None
    until: str | None = None
    min_score: float = Field(0, ge=0, le=1)
    use_reranking: bool = False


class DocumentsQuery(Body):
    """GET /api/documents."""

    limit: int = Field(1000, ge=1, le=10_000)
    offset: int = Field(0, ge=0, le=2**53)
    folder: str = ""
    q: str = ""
    kind: str = ""


class DocumentQuery(Body):
    """GET /api/documents/{id}."""

    passage: str | None = None


class LabelBody(Body):
    """POST and DELETE /api/documents/{id}/labels."""

    label: str


async def search(asked: Asked) -> None:
    """GET /api/search."""
    query: SearchQuery = asked.body
    await asked.wire.json(await _searched(asked, query))


async def simple(asked: Asked) -> None:
    """GET /api/search/simple: the hits alone."""
    query: SearchQuery = asked.body
    found = await _searched(asked, query)
    hits: list[Json] = found["results"]
    await asked.wire.json(hits)


async def advanced(asked: Asked) -> None:
    """POST /api/search/advanced."""
    body: AdvancedBody = asked.body
    said = (body.filters or FiltersBody()).model_copy(
        update={
            name: value
            for name, value in (
                ("kinds", [_KINDS.get(one.lstrip("."), one) for one in names(body.file_types)]),
                ("projects", names(body.project_ids)),
                ("labels", names(body.label_ids)),
                ("since", body.date_from),
                ("until", body.date_to),
            )
            if value
        }
    )
    wanted = await filter_of(asked.brain, said)
    question = _operated(body.query, body.operator)
    wish = _wish(question, wanted, mode_of(body.search_mode), body)
    await asked.wire.json(await _found(asked, wish, body.query, body.limit, body.offset))


def _operated(query: str, operator: str) -> str:
    """The question with its operator in our own signs: every word demanded, or none allowed but the first."""
    words = query.split()
    if operator == "AND" and len(words) > 1:
        return " ".join(f'"{word}"' for word in words if '"' not in word)
    if operator == "NOT" and len(words) > 1:
        return " ".join([words[0], *(f"-{word}" for word in words[1:])])
    return query


async def filters(asked: Asked) -> None:
    """GET /api/search/filters: what there is to filter by."""
    brain = asked.brain
    found = await run_sync(brain.store.documents.values)
    await asked.wire.json(
        {
            "file_types": found["kind"],
            "projects": [{"id": name, "name": name} for name in found["project"]],
            "types": found["type"],
            "statuses": found["status"],
            "tags": found["tags"],
            "labels": sorted(await run_sync(brain.store.documents.labels)),
            "folders": list(brain.library.roots.all()),
        }
    )


async def documents(asked: Asked) -> None:
    """GET /api/documents: newest first."""
    query: DocumentsQuery = asked.body
    listed = partial(
        asked.brain.store.documents.browse,
        under=query.folder,
        containing=query.q,
        kind=query.kind,
        is_newest=True,
        limit=query.limit,
        offset=query.offset,
    )
    await asked.wire.json([document_json(one) for one in await run_sync(listed)])


async def document(asked: Asked) -> None:
    """GET /api/documents/{id}: its text, and where a passage stands in it."""
    query: DocumentQuery = asked.body
    row = await _document(asked, segment(asked.scope))
    pieces = await run_sync(asked.brain.store.documents.pieces, row.id)
    place = next((one for one in pieces if one.id == query.passage), None)
    await asked.wire.json(
        {
            **document_json(row),
            "content": "".join(one.text for one in pieces),
            "warnings": list(row.warnings),
            "passages": [
                {
                    "id": one.id,
                    "start": one.start,
                    "end": one.end,
                    "heading": list(one.headings),
                    **place_json(place_of(one)),
                }
                for one in pieces
            ],
            "highlight": None
            if place is None
            else {
                "start": place.start,
                "end": place.end,
                "heading": list(place.headings),
                **place_json(place_of(place)),
            },
        }
    )


async def label(asked: Asked) -> None:
    """POST /api/documents/{id}/labels."""
    body: LabelBody = asked.body
    row = await _document(asked, segment(asked.scope))
    await asked.brain.library.label([row.id], body.label)
    await _labels(asked, row)


async def unlabel(asked: Asked) -> None:
    """DELETE /api/documents/{id}/labels."""
    body: LabelBody = asked.body
    row = await _document(asked, segment(asked.scope))
    await asked.brain.library.unlabel([row.id], body.label)
    await _labels(asked, row)


async def _labels(asked: Asked, row: DocumentRow) -> None:
    now = await run_sync(asked.brain.store.documents.document, row.id)
    await asked.wire.json({"labels": list(now.labels)})


async def _document(asked: Asked, name: str) -> DocumentRow:
    """A document by its id, or by its path as we show it."""
    store = asked.brain.store.documents
    found = await run_sync(store.shown, name)
    return found if found is not None else await run_sync(store.document, name)


async def _searched(asked: Asked, query: SearchQuery) -> Json:
    said = FiltersBody(
        file_path=query.file_path,
        folder=query.folder,
        tags=query.tag,
        labels=query.label_ids,
        projects=query.project_id,
        types=query.type,
        statuses=query.status,
        kinds=query.kind,
        since=query.since,
        until=query.until,
    )
    wanted = await filter_of(asked.brain, said)
    wish = _wish(query.q, wanted, mode_of(query.search_mode), query)
    return await _found(asked, wish, query.q, query.limit, query.offset)


def _wish(question: str, wanted: Filter, mode: Mode, said: SearchQuery | AdvancedBody) -> Wish:
    if not question.strip():
        raise BadRequest(
            Text("검색어를 입력하세요", "search for something"),
            Text("q에 검색어를 보내세요.", "say what to look for in q."),
            param="q",
        )
    return Wish(
        question,
        wanted,
        mode,
        top_k=said.offset + said.limit,
        min_score=said.min_score,
        use_reranking=said.use_reranking,
    )


async def _found(asked: Asked, wish: Wish, question: str, limit: int, offset: int) -> Json:
    results = await asked.brain.search.find(wish)
    page = results.hits[offset : offset + limit]
    language = language_of(asked.brain, asked.call)
    return results_json(results, page, question, limit, offset, language)


_DOCUMENT = "/api/documents/{name:path}"
ROUTES = [
    Route("GET", "/api/search", search, "ask", "library", "검색 · search", query=SearchQuery),
    Route(
        "GET",
        "/api/search/simple",
        simple,
        "ask",
        "library",
        "간단한 검색 · hits alone",
        query=SearchQuery,
    ),
    Route("GET", "/api/search/filters", filters, "ask", "library", "필터 · what to filter by"),
    Route(
        "POST",
        "/api/search/advanced",
        advanced,
        "ask",
        "library",
        "고급 검색 · advanced",
        AdvancedBody,
    ),
    Route(
        "GET",
        "/api/documents",
        documents,
        "ask",
        "library",
        "문서 목록 · documents",
        query=DocumentsQuery,
    ),
    Route(
        "POST", "/api/documents/{name}/labels", label, "ask", "library", "라벨 · label", LabelBody
    ),
    Route(
        "DELETE",
        "/api/documents/{name}/labels",
        unlabel,
        "ask",
        "library",
        "라벨 떼기 · unlabel",
        LabelBody,
    ),
    Route("GET", _DOCUMENT, document, "ask", "library", "문서 · a document", query=DocumentQuery),
]
