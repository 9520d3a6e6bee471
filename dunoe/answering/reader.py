"""The library as answering reads it: what a question finds, with what stands around it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from anyio.to_thread import run_sync

from dunoe.answering.pack import Candidate, Leaf
from dunoe.answering.question import Question
from dunoe.answering.source import Part
from dunoe.errors import Text
from dunoe.library.places import meant, place_of, shared, spots_of
from dunoe.library.search import Hit, Results, Search, Wish
from dunoe.library.sureness import Features
from dunoe.store.documents import DocumentRow, Documents, PassageRow

AROUND = 8  # passages before and after a found one that a source may grow into


@dataclass(frozen=True, slots=True)
class Finding:
    """What a search brought.

    candidates: best first, each with its section and what stands around it. asked: the words that its places were
    chosen by. features: how sure the search is of the first. is_empty: there is nothing in the library at all.
    modes: what the search really did.
    """

    candidates: Sequence[Candidate]
    asked: str
    features: Features
    is_empty: bool = False
    modes: tuple[str, ...] = ()
    warnings: tuple[Text, ...] = ()


class Reader:
    """Finds and reads."""

    def __init__(
        self, search: Search, documents: Documents, first: Callable[[], Awaitable[bool]]
    ) -> None:
        """first: waits for documents that are being read; False where none are."""
        self._search, self._documents, self._first = search, documents, first

    async def find(self, question: Question, texts: Sequence[str], asked: str = "") -> Finding:
        """The passages for a question; texts: what to search, the question itself or what it was made into.

        asked: the words that tell where in a passage to look; all that was searched where there are none.
        """
        asked = asked or " ".join(texts)
        found = await self._found(question, texts, asked)
        if found.is_empty and await self._first():
            found = await self._found(question, texts, asked)
        return found

    async def _found(self, question: Question, texts: Sequence[str], asked: str) -> Finding:
        every = [await self._search.find(_wish(question, text)) for text in texts]
        hits = _merged(every, question.top_k)
        candidates = await run_sync(self._candidates, hits, asked)
        is_empty = not hits and not (await run_sync(self._documents.counts)).documents
        first = every[0]
        return Finding(candidates, asked, first.features, is_empty, first.modes, first.warnings)

    def _candidates(self, hits: Sequence[Hit], asked: str) -> list[Candidate]:
        return [
            Candidate(
                document=hit.document.id,
                file=file_of(hit.document),
                title=hit.document.title,
                score=hit.score,
                position=hit.passage.position,
                leaves=self._leaves(hit.passage),
                meant=meant(spots_of(hit.passage), hit.passage.text, asked),
            )
            for hit in hits
        ]

    def _leaves(self, passage: PassageRow) -> list[Leaf]:
        around = self._documents.neighbours(passage.id, before=AROUND, after=AROUND)
        section = self._documents.section(passage.document, passage.section)
        rows = {row.position: row for row in (*around, *section)}
        return [_leaf(rows[position]) for position in sorted(rows)]


def file_of(document: DocumentRow) -> str:
    """A document's file as a person knows it: from the name of its library folder down."""
    folder = PurePath(document.folder)
    path = PurePath(document.path)
    return str(path.relative_to(folder.parent)) if path.is_relative_to(folder.parent) else str(path)


def _wish(question: Question, text: str) -> Wish:
    return Wish(
        question=text,
        wanted=question.wanted,
        mode=question.mode,
        top_k=question.top_k,
        use_reranking=question.use_reranking,
    )


def _merged(every: Sequence[Results], top_k: int) -> list[Hit]:
    """The best of each search in turn, each passage once."""
    if len(every) == 1:
        return list(every[0].hits)
    hits: dict[str, Hit] = {}
    for place in range(top_k):
        for results in every:
            if place < len(results.hits):
                hits.setdefault(results.hits[place].passage.id, results.hits[place])
    return sorted(list(hits.values())[:top_k], key=lambda hit: -hit.score)


def _leaf(row: PassageRow) -> Leaf:
    spots = spots_of(row)
    headings = shared(spot.headings for spot in spots)
    part = Part(row.id, row.start, row.end, row.text, headings, place_of(row), spots)
    return Leaf(row.position, row.section, part)
