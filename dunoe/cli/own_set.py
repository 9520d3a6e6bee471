"""Measuring one's own library by one's own questions, as `dunoe search` asks it."""

import random
from difflib import get_close_matches

from dunoe.cli.client import Client, Json
from dunoe.cli.judged import Judged, JudgedFile
from dunoe.cli.library import document_path
from dunoe.cli.measuring import SEARCHED, CountBar, Findings, Mode, Ranked, measure
from dunoe.cli.reach import STOPPED, Reached, reach
from dunoe.cli.search import asked
from dunoe.errors import BadRequest, NotFound, Text
from dunoe.library.evaluate import SEED
from dunoe.library.trial import DEPTH
from dunoe.settings import Settings

_ANSWER = "answer"
LIKE = 20  # headings that are named to who spelt one otherwise, the most alike first


def of_the_library(
    settings: Settings, wanted: list[Mode], limit: int | None, *, is_quiet: bool
) -> Findings:
    """Ask the person's own library their own questions, as `dunoe search` would."""
    questions = JudgedFile(settings.home).all()
    if not questions:
        raise BadRequest(
            Text("잴 질문이 없습니다", "there are no questions to measure by"),
            Text(
                '`dunoe eval add "질문" 파일#제목`으로 더하거나 --corpus, --queries, --qrels를 주세요.',
                'add some: `dunoe eval add "question" FILE#heading`, or give --corpus, --queries, --qrels.',
            ),
        )
    if limit is not None:
        questions = random.Random(SEED).sample(questions, min(limit, len(questions)))

    async def work(reached: Reached) -> Findings:
        client, by_text = reached.client, {one.question: one for one in questions}
        documents = {one.file: await _document(client, one.file) for one in questions}

        async def find(question: str, mode: Mode) -> Ranked:
            one = by_text[question]
            return await _ranked(client, one, documents[one.file], mode)

        texts = {one.question: one.question for one in questions}
        qrels = {one.question: {_ANSWER: 1} for one in questions}
        with CountBar(is_quiet=is_quiet) as bar:
            found = [await measure(find, texts, qrels, mode, bar) for mode in wanted]
        lost = sorted(file for file, id_ in documents.items() if id_ is None)
        lines = [
            Text(f"라이브러리에 없는 파일: {file}", f"Not in the library: {file}") for file in lost
        ]
        about = {"questions": len(questions), "not_in_the_library": lost}
        return Findings(found, about, lines)

    return reach(settings, work, STOPPED)


async def _ranked(client: Client, one: Judged, document: str | None, mode: Mode) -> Ranked:
    """The sections that a question finds; the one that answers it is called so."""
    wanted = {
        "q": one.question,
        "limit": DEPTH,
        "search_mode": SEARCHED[mode],
        "use_reranking": mode == "rerank",
    }
    found = await client.json("GET", asked(wanted))
    sections = [
        _ANSWER
        if hit["document_id"] == document and _has(hit, one.heading)
        else "\0".join([hit["document_id"], *hit["heading"]])
        for hit in found["results"]
    ]
    return Ranked(sections, found["modes"], found["warnings"])


def _has(hit: Json, heading: str) -> bool:
    """Does a passage stand under this heading, or begin it? Short sections share a passage."""
    wanted = heading.casefold()
    lines = (line.strip(" #*=\r").casefold() for line in hit["content"].split("\n"))
    return wanted in ("", *(one.strip().casefold() for one in hit["heading"]), *lines)


async def _document(client: Client, file: str) -> str | None:
    """The id of a file's document; None when it is not in the library."""
    try:
        return str((await client.json("GET", document_path(file)))["id"])
    except NotFound:
        return None


async def check(client: Client, one: Judged) -> None:
    """Raise NotFound unless the library has such a section."""
    try:
        document = await client.json("GET", document_path(one.file))
    except NotFound as exc:
        raise NotFound(
            Text(f"라이브러리에 없는 파일입니다: {one.file}", f"not in the library: {one.file}"),
            Text(
                "그 폴더를 `dunoe library add`로 더하거나 `dunoe library sync`로 읽으세요.",
                "add its folder with `dunoe library add`, or read it: `dunoe library sync`.",
            ),
        ) from exc
    passages, text = document["passages"], document["content"]
    if any(
        _has({**piece, "content": text[piece["start"] : piece["end"]]}, one.heading)
        for piece in passages
    ):
        return
    like = ", ".join(get_close_matches(one.heading, document["headings"], LIKE, cutoff=0))
    raise NotFound(
        Text(f"제목이 없습니다: {one.heading}", f"there is no heading {one.heading}"),
        Text(f"이 파일의 제목: {like}", f"headings of this file: {like}")
        if like
        else Text(
            "이 파일에는 제목이 없으니 파일만 쓰세요.",
            "this file has no headings: say the file alone.",
        ),
    )
