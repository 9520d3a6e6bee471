"""A question finds passages: both legs asked, fused, read, checked, and reranked when a model for that is set."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp
from typing import Literal, Protocol

import anyio
from anyio.to_thread import run_sync

from dunoe.errors import Problem, Text
from dunoe.library import bm25, contents, query, terms
from dunoe.library.fusion import DENSE_WEIGHT, Fused, Way, fuse
from dunoe.library.index.point import ANY, Filter, Found, Index, Sparse
from dunoe.library.indexes import Opened
from dunoe.library.sureness import Features, Weighed, standing, weighed
from dunoe.store.documents import DocumentRow, Located, PassageRow

Mode = Literal["lexical", "semantic", "hybrid"]
MatchType = Literal["lexical", "dense", "both", "name", "phrase", "without"]

POOL = 100  # candidates of each leg
DEEP_POOL = 400  # where a phrase or an excluded word will drop most of them
READ = 50  # candidates that are read at first
RERANKED = 30  # of them, those that a reranker reads
NAMED = 20  # candidates out of each file that the question names
SAME_DOCUMENT = 3  # hits of one document before others have had their turn
OPENING = 500  # passages among which the first of a named file is looked for
LISTED = 50  # documents that are looked through at once where there is nothing to rank by
LOOKED_THROUGH = 5_000  # passages that are read for it: a third of a second

NO_MODEL = Text(
    "임베딩 모델이 없어 낱말로만 찾았습니다",
    "there is no embedding model: words alone were searched",
)
NO_RERANKER = Text(
    "재정렬 모델이 없어 찾은 순서 그대로입니다",
    "there is no reranking model: what was found stays in its order",
)
MAKING = Text(
    "벡터를 아직 만드는 중이라 낱말로만 찾았습니다",
    "vectors are still being made: words alone were searched",
)
UNRANKED = Text(
    "뺄 말만 있어 순위 없이, 그 말이 없는 문서를 새것부터 보입니다",
    "there are only words to leave out: documents without them, newest first, in no other order",
)
BROKEN_OFF = Text(
    f"새 문서의 구절 {LOOKED_THROUGH:,}개까지만 보았습니다. 찾을 말을 함께 쓰세요.",
    f"only {LOOKED_THROUGH:,} passages of the newest documents were looked at: say words to look for, too",
)


class Texts(Protocol):
    """The catalogue, as search reads it: `store.documents.Documents`. Blocking."""

    def passages(self, ids: Collection[str]) -> Mapping[str, Located]:
        """These passages with their documents; those that are not there are left out."""

    def named(self, name: str) -> Sequence[str]:
        """Ids of the documents whose file is called that."""

    def browse(self, *, is_newest: bool, limit: int, offset: int) -> Sequence[DocumentRow]:
        """Documents, a part of the list at a time."""


class Models(Protocol):
    """What search asks of models: `library.models.Models`."""

    def embedder(self) -> object | None:
        """The embedding model that is set; None where there is none. Raises NotFound for one that is not there."""

    async def embed_question(self, model: str, text: str) -> list[float]:
        """The vector of a question. Raises what residency and engine raise."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float] | None:
        """How well each text answers; None when no model is set."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for. min_score: 0 to 1. wanted: which documents may answer. operator: between the words."""

    question: str
    wanted: Filter = ANY
    mode: Mode = "hybrid"
    top_k: int = 10
    min_score: float = 0.0
    use_reranking: bool = False
    operator: query.Operator = "OR"


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one passage; None where a leg lacks it. lexical: share of what the question's words could bring in this
    library, 0 to 1. dense: the cosine. rerank: as the model says it.
    """

    lexical: float | None = None
    dense: float | None = None
    rerank: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. score: 0 to 1, falling; what it is made of stands in `scores`.

    match_type: `without` where nothing was asked but words to leave out; then the score is 0.
    """

    passage: PassageRow
    document: DocumentRow
    score: float
    scores: Scores
    match_type: MatchType


@dataclass(frozen=True, slots=True)
class Results:
    """modes: what was really done, of "lexical", "dense" and "rerank"."""

    hits: tuple[Hit, ...]
    modes: tuple[str, ...]
    features: Features
    warnings: tuple[Text, ...] = ()


@dataclass(slots=True)
class _Legs:
    """What the two legs brought. holding: each word that is demanded, with the passages that have it in some form."""

    words: Weighed
    lexical: list[Found]
    dense: list[Found]
    named: dict[str, None]  # documents
    modes: list[str]
    warnings: list[Text]
    holding: dict[str, set[str]] = field(default_factory=dict)


class Search:
    """Finds passages in the collection that answers at the moment."""

    def __init__(
        self,
        texts: Texts,
        active: Callable[[], Opened],
        models: Models,
        *,
        way: Way = "convex",
        dense_weight: float = DENSE_WEIGHT,
    ) -> None:
        """active: the collection that answers now. way, dense_weight: of the fusion."""
        self._texts, self._active, self._models = texts, active, models
        self._way, self._dense_weight = way, dense_weight

    async def find(self, wish: Wish) -> Results:
        """The best passages. A leg that fails is told in `warnings` as long as the other one answers."""
        asked = query.read(wish.question, wish.operator)
        if not (asked.text or asked.excluded) or wish.wanted.is_nothing or wish.top_k < 1:
            return Results((), (), Features())
        if not asked.text:
            return await run_sync(self._without, asked, wish)
        legs = await self._legs(asked, wish)
        hits = await run_sync(self._read, asked, wish, legs)
        if wish.use_reranking:
            hits = await self._reranked(asked, hits, legs)
        chosen = spread([hit for hit in hits if hit.score >= wish.min_score], wish.top_k)
        features = await run_sync(_features, hits, legs) if chosen else Features()
        return Results(tuple(chosen), tuple(legs.modes), features, tuple(legs.warnings))

    def _without(self, asked: query.Query, wish: Wish) -> Results:
        """Documents that do not say these words, newest first, each with its first passage."""
        index, hits, offset, read = self._active().index, list[Hit](), 0, 0
        while len(hits) < wish.top_k and not wish.min_score:
            part = self._texts.browse(is_newest=True, limit=LISTED, offset=offset)
            if not part:
                break
            if read >= LOOKED_THROUGH:
                return Results(tuple(hits), (), Features(), (UNRANKED, BROKEN_OFF))
            offset += LISTED
            ids = {row.id for row in part} & set(wish.wanted.documents or [row.id for row in part])
            inside = replace(wish.wanted, documents=tuple(ids))
            of: dict[str, list[Located]] = {}
            for row in self._texts.passages(index.matching(inside, index.count())).values():
                of.setdefault(row.document.id, []).append(row)
                read += 1
            for one in part:
                rows = sorted(of.get(one.id, ()), key=_place)
                if rows and all(_is_allowed(asked, row) for row in rows):
                    hits.append(Hit(rows[0].passage, rows[0].document, 0.0, Scores(), "without"))
        return Results(tuple(hits[: wish.top_k]), (), Features(), (UNRANKED,))

    async def _legs(self, asked: query.Query, wish: Wish) -> _Legs:
        """Both at once. Words are searched when they are asked for, or when meaning is not to be had."""
        opened, limit = self._active(), POOL
        if asked.phrases or asked.excluded or asked.demanded:
            limit = DEEP_POOL
        legs = _Legs(Weighed(), [], [], {}, [], [])
        if asked.demanded:
            legs.holding = await run_sync(_holding, opened.index, asked.demanded, wish.wanted)
        try:
            async with anyio.create_task_group() as group:
                if wish.mode != "lexical":
                    group.start_soon(self._dense, opened, asked, wish, limit, legs)
                if wish.mode != "semantic":
                    await run_sync(self._lexical, opened.index, asked, wish, limit, legs)
        except ExceptionGroup as several:
            raise several.exceptions[0] from several
        if wish.mode == "semantic" and "dense" not in legs.modes:
            await run_sync(self._lexical, opened.index, asked, wish, limit, legs)
        legs.modes.sort(key=("lexical", "dense").index)
        if asked.is_identifier and legs.lexical and wish.mode == "hybrid":
            legs.dense = []  # its meaning is its spelling: neighbours in meaning would only push it down
        return legs

    async def _dense(
        self, opened: Opened, asked: query.Query, wish: Wish, limit: int, legs: _Legs
    ) -> None:
        if not opened.row.model:
            legs.warnings.append(self._no_vectors())
            return
        try:
            vector = await self._models.embed_question(opened.row.model, asked.text)
        except Problem as problem:
            legs.warnings.append(_without(problem, "임베딩", "embedding"))
            return
        legs.dense = await run_sync(opened.index.nearest, vector, wish.wanted, limit)
        legs.modes.append("dense")

    def _no_vectors(self) -> Text:
        try:
            return NO_MODEL if self._models.embedder() is None else MAKING
        except Problem as problem:
            return _without(problem, "임베딩", "embedding")

    def _lexical(
        self, index: Index, asked: query.Query, wish: Wish, limit: int, legs: _Legs
    ) -> None:
        legs.words = weighed(index, bm25.ask(asked.text))
        legs.lexical = index.lexical(legs.words.terms, wish.wanted, limit)
        legs.modes.append("lexical")
        known = {one.id for one in legs.lexical}
        for one in self._named(index, asked, wish.wanted, legs):
            if one.id not in known:
                legs.lexical.append(one)

    def _named(
        self, index: Index, asked: query.Query, wanted: Filter, legs: _Legs
    ) -> Iterable[Found]:
        """Passages of the files that the question names: those with its words, or else their first ones."""
        for name in asked.names:
            for document in self._texts.named(name):
                if wanted.documents is not None and document not in wanted.documents:
                    continue
                inside = replace(wanted, documents=(document,))
                found = index.lexical(legs.words.terms, inside, NAMED)
                if not found:
                    rows = self._texts.passages(index.matching(inside, OPENING))
                    first = sorted(rows.values(), key=lambda row: row.passage.position)
                    found = [Found(row.passage.id, 0.0) for row in first[:SAME_DOCUMENT]]
                if found:
                    legs.named[document] = None
                yield from found

    def _read(self, asked: query.Query, wish: Wish, legs: _Legs) -> list[Hit]:
        """Hits that hold what the question demands, best first."""
        fused = fuse(legs.lexical, legs.dense, self._way, self._dense_weight)
        scale = self._scale(legs)
        enough = max(READ, 4 * wish.top_k)
        if not (asked.phrases or asked.excluded or legs.holding or legs.named):
            fused = fused[:enough]
        elif legs.named:  # what is named goes before what is better: all have to be looked at
            enough = len(fused)
        hits, said = list[Hit](), set[str]()
        for one, row in self._rows(fused):
            text = query.plain(row.passage.text)
            if text in said or not (_is_allowed(asked, row) and _has_all(legs.holding, row)):
                continue
            said.add(text)
            value = one.value * scale * contents.worth(row.passage.text)
            hits.append(_hit(one, row, value, asked, legs))
            if len(hits) >= enough:
                break
        return sorted(
            hits, key=lambda hit: -hit.score
        )  # what is equal stays in the order of its path

    def _rows(self, fused: Sequence[Fused]) -> Iterator[tuple[Fused, Located]]:
        """With what the catalogue has of them, fetched as far as it is wanted; what it has not is no hit.

        Of what is equally good the smaller path comes first: copies of a file give one hit, and always the same.
        """
        for start in range(0, len(fused), READ):
            some = fused[start : start + READ]
            rows = self._texts.passages([one.id for one in some])
            here = [(one, rows[one.id]) for one in some if one.id in rows]
            yield from sorted(here, key=lambda both: (-both[0].value, *_place(both[1])))

    def _scale(self, legs: _Legs) -> float:
        """How good the best of this question is in absolute terms: words it has, or nearness in meaning."""
        lexical = legs.words.share(max((one.score for one in legs.lexical), default=0.0))
        dense = max(0.0, min(1.0, max((one.score for one in legs.dense), default=0.0)))
        if not legs.lexical or not legs.dense:
            return dense if legs.dense else lexical
        return (1 - self._dense_weight) * lexical + self._dense_weight * dense

    async def _reranked(self, asked: query.Query, hits: list[Hit], legs: _Legs) -> list[Hit]:
        """The first hits in the reranker's order; the others stay behind them."""
        first, rest = hits[:RERANKED], hits[RERANKED:]
        if not first:
            return hits
        try:
            scores = await self._models.rerank(asked.text, [_readable(hit) for hit in first])
        except Problem as problem:
            legs.warnings.append(_without(problem, "재정렬", "reranking"))
            return hits
        if scores is None:
            legs.warnings.append(NO_RERANKER)
            return hits
        legs.modes.append("rerank")
        judged = [
            replace(hit, score=chance, scores=replace(hit.scores, rerank=score))
            for hit, score, chance in zip(first, scores, chances(scores), strict=True)
        ]
        judged.sort(key=lambda hit: -hit.score)
        least = judged[-1].score
        return judged + [replace(hit, score=min(hit.score, least)) for hit in rest]


def _holding(index: Index, words: Sequence[str], wanted: Filter) -> dict[str, set[str]]:
    """Of every word that says anything, the passages that have it in whatever form."""
    holding: dict[str, set[str]] = {}
    for word in words:
        read = terms.read(word)
        having = [
            {one.id for one in index.lexical(Sparse([term], [1.0]), wanted, index.count())}
            for term in {*read.words, *read.names} - bm25.ASKING
        ]
        if having:
            holding[word] = set.intersection(*having)
    return holding


def _has_all(holding: Mapping[str, set[str]], row: Located) -> bool:
    """Every word in some form, or as it is spelled: with a particle it may be read as another ("이월은" as two)."""
    return all(
        row.passage.id in ids or any(query.says(query.plain(text), word) for text in _told(row))
        for word, ids in holding.items()
    )


def _place(row: Located) -> tuple[str, int]:
    return row.document.path, row.passage.position


def _is_allowed(asked: query.Query, row: Located) -> bool:
    return asked.allows(*_told(row))


def _told(row: Located) -> tuple[str, ...]:
    return row.document.title, "\n".join(row.passage.headings), row.passage.text


def chances(scores: Sequence[float]) -> list[float]:
    """A reranker's scores between 0 and 1: some models say it so, others say logits."""
    if all(0 <= score <= 1 for score in scores):
        return list(scores)
    return [1 / (1 + exp(-max(-60.0, min(60.0, score)))) for score in scores]


def spread(hits: Sequence[Hit], top_k: int) -> list[Hit]:
    """The best hits, few of one document as long as there are others; best first."""
    chosen, waiting, of = list[Hit](), list[Hit](), dict[str, int]()
    for hit in hits:
        times = of[hit.document.id] = of.get(hit.document.id, 0) + 1
        (chosen if times <= SAME_DOCUMENT else waiting).append(hit)
    chosen = (chosen[:top_k] + waiting)[:top_k]
    return sorted(chosen, key=lambda hit: -hit.score)


def _hit(one: Fused, row: Located, value: float, asked: query.Query, legs: _Legs) -> Hit:
    """A file that the question names goes before all that merely speaks of the same."""
    is_named = row.document.id in legs.named
    score = max(0.0, min(1.0, value))
    if legs.named:
        score = (1 + score) / 2 if is_named else score / 2
    lexical = None if one.lexical is None else legs.words.share(one.lexical)
    return Hit(
        row.passage,
        row.document,
        score,
        Scores(lexical, one.dense),
        _match(one, asked, is_named),
    )


def _match(one: Fused, asked: query.Query, is_named: bool) -> MatchType:
    if is_named:
        return "name"
    if asked.phrases:
        return "phrase"
    if one.lexical is not None and one.dense is not None:
        return "both"
    return "dense" if one.lexical is None else "lexical"


def _features(hits: Sequence[Hit], legs: _Legs) -> Features:
    best, words = hits[0], legs.words
    coverage = lead = None
    if words.ceilings:
        coverage = words.coverage(best.document.title, best.passage.headings, best.passage.text)
        others = [h.scores.lexical or 0.0 for h in hits if h.document.id != best.document.id]
        lead = words.lead(best.scores.lexical or 0.0, max(others, default=0.0))
    stands = standing(best.scores.dense, [one.score for one in legs.dense])
    return Features(coverage, lead, stands, best.scores.rerank)


def _readable(hit: Hit) -> str:
    """What a reranker is given of a passage: where it stands, then what it says."""
    where = " > ".join(filter(None, (hit.document.title, *hit.passage.headings)))
    return f"{where}\n{hit.passage.text}" if where else hit.passage.text


def _without(problem: Problem, ko: str, en: str) -> Text:
    return Text(
        f"{ko} 모델 없이 찾았습니다: {problem.message.ko}",
        f"searched without the {en} model: {problem.message.en}",
    )
