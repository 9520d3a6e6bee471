"""Hits, sources and answers as the ask dialect gives them. Pure: objects in, JSON out."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from dunoe.answering import guard
from dunoe.answering.citations import Citation
from dunoe.answering.excerpt import shortened, visible
from dunoe.answering.masking import masked_json
from dunoe.answering.question import Cited, Ended, Event, Found, Piece, Silent, Thought
from dunoe.answering.reader import file_of
from dunoe.answering.source import Source
from dunoe.engines.request import Json
from dunoe.errors import Language, Problem
from dunoe.library.passage import Place, Spot
from dunoe.library.places import meant, spots_of
from dunoe.library.query import plain
from dunoe.library.search import Hit, Results
from dunoe.server import problems
from dunoe.store.documents import DocumentRow

SNIPPET = 200  # letters
BEGIN, END = "«", "»"  # around what matched: text, never markup


def place_json(place: Place) -> Json:
    """Where something stands; null where its kind has no such thing, an end also where it is the beginning."""
    return {
        "lines": None if place.line is None else [place.line, place.line_end or place.line],
        "page": place.page,
        "page_end": place.page_end if place.page_end != place.page else None,
        "slide": place.slide,
        "slide_end": place.slide_end if place.slide_end != place.slide else None,
        "cells": place.cells,
    }


def spot_json(spot: Spot) -> Json:
    """Where words stand, for a person who wants to see them. start, end: characters of the document."""
    return {
        "start": spot.start,
        "end": spot.end,
        "heading": list(spot.headings),
        **place_json(spot.place),
    }


def source_json(source: Source) -> Json:
    """One source of an answer: its best passage, where in it the question's words stand, and what of it was read."""
    best, spot = source.best, source.spot
    words = visible(best.words_of(spot), source.file).strip() or visible(best.text, source.file)
    return {
        "file": source.file,
        "score": round(source.score, 4),
        "snippet": shortened(words.strip(), SNIPPET),
        "number": source.number,
        "flags": list(guard.flags_of(source)),
        "document_id": source.document,
        "passage_id": best.id,
        "title": source.title,
        **spot_json(spot),
        "read": {"heading": list(source.headings), **place_json(source.place)},
    }


def citation_json(one: Citation, sources: Sequence[Source]) -> Json:
    """One checked citation."""
    source = next(source for source in sources if source.number == one.number)
    return {
        "number": one.number,
        "passage_id": one.part.id,
        "document_id": source.document,
        "file": source.file,
        "claim": one.claim,
        "share": round(one.share, 3),
        **spot_json(one.spot),
    }


def hit_json(hit: Hit, question: str) -> Json:
    """One found passage."""
    passage, document = hit.passage, hit.document
    spot = meant(spots_of(passage), passage.text, question)
    words = passage.text[spot.start - passage.start : spot.end - passage.start]
    snippet = snippet_of(visible(words, document.name).strip() or passage.text, question)
    scores = hit.scores
    return {
        "document_id": document.id,
        "file": file_of(document),
        "score": round(hit.score, 4),
        "content": passage.text,
        "snippet": snippet,
        "highlighted_snippet": highlighted(snippet, question),
        "chunk_index": passage.position,
        "passage_id": passage.id,
        "title": document.title,
        "match_type": hit.match_type,
        "scores": {"lexical": scores.lexical, "dense": scores.dense, "rerank": scores.rerank},
        "labels": list(document.labels),
        "tags": list(document.tags),
        "modified": _moment(document),
        **spot_json(spot),
    }


def results_json(
    results: Results,
    hits: Sequence[Hit],
    question: str,
    limit: int,
    offset: int,
    language: Language,
) -> Json:
    """The reply of a search; hits: those of the page that was asked for."""
    return {
        "results": [hit_json(hit, question) for hit in hits],
        "total": len(results.hits),
        "offset": offset,
        "limit": limit,
        "modes": list(results.modes),
        "warnings": [warning.in_(language) for warning in results.warnings],
    }


def document_json(document: DocumentRow) -> Json:
    """One document in a list."""
    return {
        "id": document.id,
        "file_path": file_of(document),
        "path": document.path,
        "name": document.name,
        "size": document.size,
        "modified": document.mtime_ns / 1e9,
        "type": document.kind,
        "title": document.title,
        "labels": list(document.labels),
        "tags": list(document.tags),
    }


def snippet_of(text: str, question: str) -> str:
    """About 200 letters around the first word of the question that stands there, or the beginning."""
    text = " ".join(text.split())
    low = text.casefold()
    places = [at for word in _words(question) if (at := low.find(word)) >= 0]
    start = max(0, min(places, default=0) - SNIPPET // 4)
    if start:
        start = text.find(" ", start) + 1
    return ("…" if start else "") + shortened(text[start:], SNIPPET)


def highlighted(snippet: str, question: str) -> str:
    """The snippet with marks around the question's words."""
    low = snippet.casefold()
    if len(low) != len(
        snippet
    ):  # a letter that changes its length with its case: places would be off
        return snippet
    spans = sorted({(at, at + len(word)) for word in _words(question) for at in _places(low, word)})
    out, last = "", 0
    for start, end in spans:
        if start >= last:
            out += f"{snippet[last:start]}{BEGIN}{snippet[start:end]}{END}"
            last = end
    return out + snippet[last:]


def _places(text: str, word: str) -> list[int]:
    """Where a word begins; one of Latin letters begins no sooner than the word it stands in."""
    whole = r"(?<![a-z0-9])" if word[0].isascii() else ""
    return [found.start() for found in re.finditer(whole + re.escape(word), text)]


def _words(question: str) -> list[str]:
    """The question's words of two letters and more, longest first."""
    words = {word.strip("\"'?!.,()") for word in plain(question).split()}
    return sorted((word for word in words if len(word) > 1), key=lambda word: (-len(word), word))


def _moment(document: DocumentRow) -> str:
    return datetime.fromtimestamp(document.mtime_ns / 1e9, UTC).isoformat()


class AskReply:
    """One answer, gathered or streamed. models: what could be asked. masks: numbers and keys are hidden all over."""

    media_type = "text/event-stream"
    ping = b": ping\n\n"

    def __init__(
        self, language: Language, session: str, models: Sequence[str], *, masks: bool = False
    ) -> None:
        self._language, self._session, self._models = language, session, list(models)
        self._masks = masks
        self._sources: list[Source] = []
        self.ended: Ended | None = None
        self.feedback: Json | None = None  # why no model wrote this
        self.turn: int | None = None  # where it is kept

    def piece(self, event: Event) -> bytes:
        """What goes out for one event."""
        match event:
            case Found():
                self._sources = event.sources
                return self._event("sources", [source_json(one) for one in event.sources])
            case Silent():
                self.feedback = self._feedback(event.why)
                return self._event("ollama_feedback", self.feedback)
            case Piece():
                return self._event("chunk", event.text) if event.text else b""
            case Thought():
                return self._event("thought", event.text) if event.text else b""
            case Cited():
                return self._event("citation", citation_json(event.citation, self._sources))
            case Ended():
                self.ended = event
                return self._event("done", "", **self._added(event))

    def whole(self) -> Json:
        """The answer in one piece; its events were taken before."""
        ended = self.ended
        if ended is None:
            raise RuntimeError("an answer that has not ended")
        whole = {
            "answer": ended.answer,
            "context": [
                {"file": one.file, "score": round(one.score, 4), "content": one.text}
                for one in self._sources
            ],
            "sources": [source_json(one) for one in self._sources],
            **self._added(ended),
        }
        return self._seen(whole)

    def kept(self, ended: Ended) -> Json:
        """What of it stands in the conversation, beside question and answer."""
        kept = {
            "sources": [source_json(one) for one in self._sources],
            "citations": [citation_json(one, self._sources) for one in ended.citations],
            "model_used": ended.model,
        }
        return self._seen(kept)

    def _seen(self, whole: Json) -> Json:
        """The JSON as it may be seen: everything that goes out comes through here."""
        found: Json = masked_json(whole) if self._masks else whole
        return found

    def _event(self, type_: str, content: object, **more: object) -> bytes:
        return _event(self._seen({"type": type_, "content": content, **more}))

    def _added(self, ended: Ended) -> Json:
        usage = ended.usage
        return {
            "model_used": ended.model,
            "error": self._error(ended),
            "ollama_feedback": self.feedback,
            "session_id": self._session,
            "conversation_id": self.turn,
            "citations": [citation_json(one, self._sources) for one in ended.citations],
            "citations_removed": ended.removed,
            "usage": usage
            and {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            },
            "dropped": [
                {
                    "document_id": one.document,
                    "file": one.file,
                    "passage_id": one.passage,
                    "heading": list(one.headings),
                    **place_json(one.place),
                }
                for one in ended.dropped
            ],
            "is_refusal": ended.is_refusal,
            "finish_reason": ended.finish,
            "question_searched": ended.searched,
            "modes": list(ended.modes),
            "warnings": [one.in_(self._language) for one in ended.warnings],
        }

    def _feedback(self, why: Problem) -> Json:
        """By the name and in the form of the contract; `detail` says what to do."""
        return {
            "available": False,
            "message": why.message.in_(self._language),
            "detail": why.hint.in_(self._language),
            "models": self._models,
        }

    def _error(self, ended: Ended) -> str | None:
        """Two lines for the person: why no model answered, or why there is no text."""
        if self.feedback is not None:
            return f"{self.feedback['message']}\n{self.feedback['detail']}".strip()
        if ended.answer.strip() or not ended.warnings:
            return None
        return ended.warnings[-1].in_(
            self._language
        )  # what happened last; the search's stand before

    @staticmethod
    def broken(problem: Problem, language: Language) -> bytes:
        """The end of a stream that broke off."""
        told = problems.body(problem, "ask", language)
        return _event({"type": "error", "content": told["error"], "code": told["code"]})


def _event(told: Json) -> bytes:
    return b"data: " + orjson.dumps(told) + b"\n\n"
