"""How well a search finds: nDCG@10, MRR@10 and recall with their intervals, and the sets this is measured on."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import NamedTuple

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from dunoe.errors import BadRequest, NotFound, Text
from dunoe.foreign import mistake, reason

RESAMPLES = 1000
SEED = 20261123
DEPTH = 10  # ranks that are looked at
SECOND = 0.1  # of its score a second passage adds to its document, for passages of 300 tokens; see docs/log.md

Run = Mapping[str, Sequence[str]]  # question -> documents, best first
Qrels = Mapping[str, Mapping[str, int]]  # question -> document -> how relevant, 0 not at all


class Row(BaseModel):
    """A line of `corpus.jsonl` or `queries.jsonl`; fields that are not named here do not matter."""

    model_config = ConfigDict(frozen=True)
    id: str = Field(validation_alias=AliasChoices("id", "_id"), min_length=1)
    title: str = ""
    text: str


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """Documents, questions by id, and which document answers which question."""

    documents: list[Row]
    questions: dict[str, str]
    qrels: dict[str, dict[str, int]]


class Figure(NamedTuple):
    """A mean over questions, and the 95 % interval of that mean when other questions had been drawn."""

    mean: float
    low: float
    high: float


class Scores(NamedTuple):
    """What is measured of a search. Recall (`r_*`) is the share of a question's relevant documents among the first."""

    ndcg_10: Figure
    mrr_10: Figure
    r_1: Figure
    r_5: Figure
    r_10: Figure


class _Outcome(NamedTuple):
    """The same of one question."""

    ndcg_10: float
    mrr_10: float
    r_1: float
    r_5: float
    r_10: float


def evaluate(run: Run, qrels: Qrels, *, resamples: int = RESAMPLES, seed: int = SEED) -> Scores:
    """Measure the rankings of all questions that have a relevant document; one that is missing in `run` found nothing.

    Intervals are percentile bootstraps over questions, the same for the same seed.
    """
    return _scores([_outcome(run.get(q, ()), qrels[q]) for q in _judged(qrels)], resamples, seed)


def compare(
    before: Run, after: Run, qrels: Qrels, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Scores:
    """How much better `after` is, question by question: an interval above 0 is a gain that is no accident."""
    differences = []
    for question in _judged(qrels):
        one = _outcome(before.get(question, ()), qrels[question])
        other = _outcome(after.get(question, ()), qrels[question])
        differences.append(_Outcome(*(y - x for x, y in zip(one, other, strict=True))))
    return _scores(differences, resamples, seed)


def ranking(documents: Iterable[str]) -> list[str]:
    """Documents in the order of their best passage, from the documents of found passages, best first."""
    return list(dict.fromkeys(documents))


def ranked_by_score(passages: Iterable[tuple[str, float]], second: float = SECOND) -> list[str]:
    """Documents, best first, from the document and score of each passage that was found.

    A document has the score of its best passage and `second` times that of its second best. A tenth is for BM25,
    where a passage without the words has 0; for cosines, where anything has .7, take 0.
    """
    scores: dict[str, list[float]] = {}
    for document, score in passages:
        scores.setdefault(document, []).append(score)
    totals = {document: _total(sorted(found)[:-3:-1], second) for document, found in scores.items()}
    return sorted(totals, key=totals.__getitem__, reverse=True)


def _total(best: Sequence[float], second: float) -> float:
    return best[0] + second * sum(best[1:])


def _judged(qrels: Qrels) -> list[str]:
    judged = [question for question, marks in qrels.items() if max(marks.values(), default=0) > 0]
    if not judged:
        raise BadRequest(
            Text("정답이 표시된 질문이 없습니다", "no question has a relevant document"),
            Text(
                "qrels에 관련도가 1 이상인 줄을 넣으세요",
                "add lines with relevance 1 or more to the qrels",
            ),
        )
    return judged


def _outcome(found: Sequence[str], marks: Mapping[str, int]) -> _Outcome:
    gains = [max(marks.get(document, 0), 0) for document in ranking(found)[:DEPTH]]
    best = sorted((mark for mark in marks.values() if mark > 0), reverse=True)
    first = next((rank for rank, gain in enumerate(gains, 1) if gain), math.inf)
    hits = [gain > 0 for gain in gains]
    return _Outcome(
        _gain(gains) / _gain(best[:DEPTH]),
        1 / first,
        *(sum(hits[:depth]) / len(best) for depth in (1, 5, 10)),
    )


def _gain(gains: Iterable[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _scores(outcomes: Sequence[_Outcome], resamples: int, seed: int) -> Scores:
    means = _means(Counter(outcomes), len(outcomes))
    rng = random.Random(seed)
    drawn = [
        _means(Counter(rng.choices(outcomes, k=len(outcomes))), len(outcomes))
        for _ in range(resamples)
    ]
    columns = zip(*drawn, strict=True) if drawn else [[mean] for mean in means]
    return Scores(
        *(_figure(mean, sorted(column)) for mean, column in zip(means, columns, strict=True))
    )


def _means(outcomes: Counter[_Outcome], count: int) -> list[float]:
    """Means of all measures; most questions have one of a few outcomes, which makes counting them fast."""
    columns = zip(*outcomes, strict=True)
    return [sum(map(mul, column, outcomes.values())) / count for column in columns]


def _figure(mean: float, drawn: Sequence[float]) -> Figure:
    last = len(drawn) - 1
    return Figure(mean, drawn[round(0.025 * last)], drawn[round(0.975 * last)])


def load_set(corpus: Path, queries: Path, qrels: Path) -> JudgedSet:
    """Read a judged set; marks of questions that are not in `queries` are left out, so a part of a set can be tried.

    corpus, queries: a JSON object on each line with `id` (or `_id`) and `text`, documents with `title`.
    qrels: question, document and relevance on each line, tabs between them; a first line with names is skipped.
    Raises NotFound and BadRequest that name the file and line, also where nothing is left to measure.
    """
    if not (documents := _rows(corpus)):
        raise _broken(str(corpus), "문서가 하나도 없습니다", "there are no documents")
    if not (questions := {id_: row.text for id_, row in _rows(queries).items()}):
        raise _broken(str(queries), "질문이 하나도 없습니다", "there are no questions")
    marks: dict[str, dict[str, int]] = {}
    for where, question, document, mark in _marks(qrels):
        if document not in documents:
            raise _broken(
                where, f"문서 '{document}'이(가) 없습니다", f"there is no document '{document}'"
            )
        if question in questions:
            marks.setdefault(question, {})[document] = mark
    if not marks:
        raise _broken(
            str(qrels),
            f"{queries}의 질문에 단 관련도가 없습니다 (정수가 없는 첫 줄은 이름 줄로 봅니다)",
            f"no question of {queries} is marked (a first line without a number is taken for names)",
        )
    return JudgedSet(list(documents.values()), questions, marks)


def _rows(path: Path) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for where, line in _lines(path):
        try:
            row = Row.model_validate_json(line)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            field, said = ".".join(map(str, first["loc"])), mistake(first)
            where = f"{where}: {field}" if field else where
            raise _broken(where, said.ko, said.en) from exc
        if row.id in rows:
            raise _broken(
                where, f"id '{row.id}'이(가) 두 번 나옵니다", f"id '{row.id}' is there twice"
            )
        rows[row.id] = row
    return rows


def _marks(path: Path) -> Iterator[tuple[str, str, str, int]]:
    for number, (where, line) in enumerate(_lines(path)):
        cells = line.rstrip("\r\n").split("\t")
        if len(cells) != 3:
            raise _broken(where, "칸이 셋이어야 합니다", "there must be three columns")
        try:
            yield where, cells[0], cells[1], int(cells[2])
        except ValueError as exc:
            if number:
                raise _broken(
                    where, "관련도가 정수가 아닙니다", "the relevance is not a whole number"
                ) from exc


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines that hold something, each with `file:line`."""
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as lines:  # U+2028 and \r end no line
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield f"{path}:{number}", line
    except UnicodeDecodeError as exc:
        raise _broken(str(path), "UTF-8이 아닙니다", "this is not UTF-8") from exc
    except OSError as exc:
        raise NotFound(
            Text(
                f"파일을 읽을 수 없습니다: {path} ({reason(exc).ko})",
                f"cannot read the file: {path} ({reason(exc).en})",
            ),
            Text("경로와 권한을 확인하세요", "check its path and permissions"),
        ) from exc


def _broken(where: str, ko: str, en: str) -> BadRequest:
    return BadRequest(
        Text(f"{where}: {ko}", f"{where}: {en}"),
        Text(
            'corpus와 queries는 줄마다 {"id", "text"}, qrels는 질문·문서·관련도를 탭으로 나눈 줄입니다',
            'corpus and queries have {"id", "text"} on each line, qrels question, document, relevance with tabs',
        ),
    )
