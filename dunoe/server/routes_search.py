"""Searching the library, and looking at its documents."""

from functools import partial
from typing import Literal

from anyio.to_thread import run_sync
from pydantic import ConfigDict, Field

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Text
from dunoe.library.passage import Spot
from dunoe.library.places import place_of, shared, spots_of
from dunoe.library.query import Operator
from dunoe.library.search import Wish
from dunoe.server.ask_reply import document_json, results_json, spot_json
from dunoe.server.ask_request import FiltersBody, Names, Said, mode_of, names
from dunoe.server.body import Body
from dunoe.server.endpoint import Asked, Route, language_of
from dunoe.server.query import segment
from dunoe.server.searching import filter_of, kinds_of
from dunoe.store.documents import DocumentRow, PassageRow


class SearchQuery(Body):
    """GET /api/search. A name that is none is refused: ignored, it would let every document answer."""

    model_config = ConfigDict(extra="forbid")

    q: Said = ""
    limit: int = Field(5, ge=1, le=100)
    offset: int = Field(0, ge=0, le=10_000)
    file_path: Names = None
    search_mode: Literal["semantic", "keyword", "lexical", "hybrid"] | None = None
    project_id: Names = None
    label_ids: Names = None
    folder: Names = None
    tag: Names = None
    type: Names = None
    status: Names = None
    kind: Names = None
    since: str | None = None
    until: str | None = None
    min_score: float = Field(0, ge=0, le=1)
    use_reranking: bool = False


class AdvancedBody(SearchQuery):
    """POST /api/search/advanced: its own names, those of GET, or `filters` as a question has them."""

    model_config = ConfigDict(extra="allow")  # as every body: clients send more than we read

    query: Said = ""
    operator: Operator = "OR"
    file_types: Names = None
    project_ids: Names = None
    date_from: str | None = None
    date_to: str | None = None
    limit: int = Field(20, ge=1, le=100)
    filters: FiltersBody | None = None


class DocumentsQuery(Body):
    """GET /api/documents."""

    limit: int = Field(1000, ge=1, le=10_000)
    offset: int = Field(0, ge=0, le=2**53)
    folder: str = ""
    q: str = ""
    kind: str = ""


class DocumentQuery(Body):
    """GET /api/documents/{id}. start: of the spot of the passage that is meant."""

    passage: str | None = None
    start: int | None = None


class LabelBody(Body):
    """POST and DELETE /api/documents/{id}/labels."""

    label: str


async def search(asked: Asked) -> None:
    """GET /api/search."""
    query: SearchQuery = asked.body
    await asked.wire.json(await _searched(asked, query, query.q, _filters(query)))


async def simple(asked: Asked) -> None:
    """GET /api/search/simple: the hits alone."""
    query: SearchQuery = asked.body
    found = await _searched(asked, query, query.q, _filters(query))
    hits: list[Json] = found["results"]
    await asked.wire.json(hits)


async def advanced(asked: Asked) -> None:
    """POST /api/search/advanced."""
    body: AdvancedBody = asked.body
    said = {
        "kinds": names(body.file_types),
        "projects": names(body.project_ids),
        "since": body.date_from,
        "until": body.date_to,
    }
    of_body = body.filters.model_dump(exclude_none=True) if body.filters else {}
    own = {name: value for name, value in said.items() if value}
    wanted = _filters(body).model_copy(update=of_body | own)
    question = body.query or body.q
    await asked.wire.json(await _searched(asked, body, question, wanted, body.operator))


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
        kind="".join(kinds_of(query.kind)),
        is_newest=True,
        limit=query.limit,
        offset=query.offset,
    )
    await asked.wire.json([document_json(one) for one in await run_sync(listed)])


async def document(asked: Asked) -> None:
    """GET /api/documents/{id}: its text, and where a passage, or the spot of it that is meant, stands in it."""
    query: DocumentQuery = asked.body
    row = await _document(asked, segment(asked.scope))
    pieces = await run_sync(asked.brain.store.documents.pieces, row.id)
    passage = next((one for one in pieces if one.id == query.passage), None)
    await asked.wire.json(
        {
            **document_json(row),
            "content": "".join(one.text for one in pieces),
            "headings": list(dict.fromkeys(name for one in pieces for name in _named(one))),
            "warnings": list(row.warnings),
            "passages": [{"id": one.id, **spot_json(_whole(one))} for one in pieces],
            "highlight": passage and spot_json(_meant(passage, query.start)),
        }
    )


def _whole(passage: PassageRow) -> Spot:
    headings = shared(one.headings for one in spots_of(passage))
    return Spot(passage.start, passage.end, headings, place_of(passage))


def _named(passage: PassageRow) -> list[str]:
    """Every heading that something in it stands under."""
    return [name for spot in spots_of(passage) for name in spot.headings]


def _meant(passage: PassageRow, start: int | None) -> Spot:
    """The spot of a passage that begins there, or all of it."""
    begins = (one for one in spots_of(passage) if one.start == start)
    return next(begins, _whole(passage))


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


def _filters(said: SearchQuery) -> FiltersBody:
    return FiltersBody(
        file_path=said.file_path,
        folder=said.folder,
        tags=said.tag,
        labels=said.label_ids,
        projects=said.project_id,
        types=said.type,
        statuses=said.status,
        kinds=said.kind,
        since=said.since,
        until=said.until,
    )


async def _searched(
    asked: Asked, said: SearchQuery, question: str, wanted: FiltersBody, operator: Operator = "OR"
) -> Json:
    if not question:
        raise BadRequest(
            Text("검색어를 입력하세요", "search for something"),
            Text("q에 검색어를 보내세요.", "say what to look for in q."),
            param="q",
        )
    wish = Wish(
        question,
        await filter_of(asked.brain, wanted),
        mode_of(said.search_mode),
        top_k=said.offset + said.limit,
        min_score=said.min_score,
        use_reranking=said.use_reranking,
        operator=operator,
    )
    results = await asked.brain.search.find(wish)
    page = results.hits[said.offset : said.offset + said.limit]
    language = language_of(asked.brain, asked.call)
    return results_json(results, page, question, said.limit, said.offset, language)


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
