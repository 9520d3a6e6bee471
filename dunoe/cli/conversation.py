"""A conversation with one model: what was said so far, and an answer as it comes."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Literal, NamedTuple

import orjson

from dunoe.cli.client import Client, Json, refusal
from dunoe.errors import BadRequest, EngineFailed, Text
from dunoe.foreign import reason

_SPEAKERS = {"system": "시스템 · system", "user": "나 · me", "assistant": "두뇌 · dunoe"}


class Piece(NamedTuple):
    """Some letters of an answer, or of the thinking before it."""

    kind: Literal["text", "reasoning"]
    text: str


class Conversation:
    """Messages in order. model: None asks the server's default."""

    def __init__(self, model: str | None = None, system: str | None = None) -> None:
        self.model = model
        self.system = system
        self.turns: list[Json] = []

    @property
    def messages(self) -> list[Json]:
        """What the model is told."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return system + self.turns

    async def ask(self, client: Client, question: str) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece. Close the generator to stop it: what came until then is kept.

        Raises a Problem when the server refuses or the answer breaks off.
        """
        self.turns.append({"role": "user", "content": question})
        body: Json = {"messages": self.messages, "stream": True}
        if self.model is not None:
            body["model"] = self.model
        answer: list[str] = []
        try:
            async with aclosing(_pieces(client, body)) as pieces:
                async for piece in pieces:
                    if piece.kind == "text":
                        answer.append(piece.text)
                    yield piece
        finally:
            if answer:
                self.turns.append({"role": "assistant", "content": "".join(answer)})
            else:
                self.turns.pop()  # a question nobody answered would only confuse the next one

    def save(self, path: Path) -> None:
        """Write everything said as Markdown; raises BadRequest where that cannot be."""
        parts = [f"## {_SPEAKERS[one['role']]}\n\n{one['content']}\n" for one in self.messages]
        try:
            path.expanduser().write_text("\n".join(parts), "utf-8")
        except OSError as exc:
            raise BadRequest(
                Text(
                    f"저장하지 못했습니다: {path} ({reason(exc).ko})",
                    f"cannot save: {path} ({reason(exc).en})",
                ),
                Text("다른 경로를 고르세요.", "choose another path."),
            ) from exc


async def _pieces(client: Client, body: Json) -> AsyncGenerator[Piece, None]:
    async with aclosing(client.lines("/v1/chat/completions", body)) as lines:
        async for line in lines:
            if not line.startswith(b"data:"):
                continue  # an empty line, or a comment that only keeps the connection open
            data = line.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                return
            for piece in _read(data):
                yield piece
    raise EngineFailed(
        Text("답이 중간에 끊겼습니다", "the answer broke off"),
        Text("다시 물어보세요.", "ask again."),
    )


def _read(data: bytes) -> Iterator[Piece]:
    event = orjson.loads(data)
    if "error" in event:
        raise refusal(data, 200)
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or {}
        if thought := delta.get("reasoning_content"):
            yield Piece("reasoning", thought)
        if text := delta.get("content"):
            yield Piece("text", text)
