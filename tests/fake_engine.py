"""A scripted engine: a small real server that speaks Ollama or OpenAI, with whatever fault a test needs.

    python -m tests.fake_engine --kind ollama --script '[{"text": ["하나"]}, {"fault": "reset"}]'

prints {"port": N} and runs until it is ended. In a test's own process:

    async with FakeEngine("ollama", [Turn(fault="hang", at=0)]) as fake:
        ...                                     # ask fake.url
        seen = await fake.came("/api/chat")     # the request, once it is there
        await seen.left.wait()                  # the client hung up

Each request that asks a model takes the next `Turn`; with none left it gets a plain answer. From another
process: POST /fake/script takes more turns, GET /fake/seen tells what came, POST /fake/go ends every hang.
"""

import argparse
import asyncio
import json
import socket
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.fake_ollama import Ollama
from tests.fake_openai import OpenAI
from tests.fake_wire import Answer, Connection, Face, Json, Seen, Turn, send

Kind = Literal["ollama", "openai"]


class FakeEngine:
    """An engine on a loopback port; `seen` holds every request in order."""

    def __init__(
        self, kind: Kind, script: Iterable[Turn] = (), *, face: Face | None = None
    ) -> None:
        self.face: Face = face or (Ollama() if kind == "ollama" else OpenAI())
        self.script = list(script)
        self.seen: list[Seen] = []
        self.port = 0
        self._came = asyncio.Condition()
        self._live: set[Connection] = set()

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ollama(self) -> Ollama:
        """Its models and what was done to them."""
        assert isinstance(self.face, Ollama)
        return self.face

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._serve, self._live), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._server.close()
        live = list(self._live)
        for connection in live:
            connection.writer.transport.abort()
        tasks = [connection.task for connection in live if connection.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=5)
        await self._server.wait_closed()

    def plan(self, *turns: Turn) -> None:
        """More turns, after those that are left."""
        self.script += turns

    async def came(self, path: str, n: int = 1) -> Seen:
        """Wait for the n-th request to a route."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.at(path)) >= n)
        return self.at(path)[n - 1]

    def at(self, path: str) -> list[Seen]:
        """The requests to a route so far."""
        return [seen for seen in self.seen if seen.path == path]

    async def _serve(self, to: Connection) -> None:
        seen = to.now
        assert seen is not None
        if seen.path.startswith("/fake/"):
            await send(to, self._control(seen), Turn())
            return
        seen.turn = turn = self._turn(seen)
        answer = self._answer(seen, turn)
        async with self._came:
            self.seen.append(seen)
            self._came.notify_all()
        await send(to, answer, turn)

    def _turn(self, seen: Seen) -> Turn:
        asks = self.face.asks(seen)
        for turn in self.script:
            if turn.path == seen.path or (asks and not turn.path):
                self.script.remove(turn)
                return turn
        return Turn()

    def _answer(self, seen: Seen, turn: Turn) -> Answer:
        try:
            answer = self.face.answer(seen, turn)
        except (AttributeError, KeyError, TypeError, ValueError) as exc:  # as real ones check types
            answer = self.face.refuse(400, repr(exc))
        if turn.fault == "status":
            answer = self.face.refuse(turn.status, turn.error)
        elif turn.fault == "error" and answer.pieces is None:
            answer = self.face.refuse(500, turn.error)
        answer.headers |= turn.headers
        return answer

    def _control(self, seen: Seen) -> Answer:
        if seen.path == "/fake/script":
            self.plan(*turns(seen.raw.decode()))
        elif seen.path == "/fake/go":
            for one in self.seen:
                one.go.set()
        return Answer(body={"seen": [_told(one) for one in self.seen], "script": len(self.script)})


def _told(seen: Seen) -> Json:
    return {
        "method": seen.method, "path": seen.path, "headers": seen.headers, "body": seen.body,
        "left": seen.left.is_set(), "left_at": seen.left_at, "done": seen.done.is_set(),
        "turn": asdict(seen.turn) if seen.turn else None,
    }  # fmt: skip


def turns(script: str) -> list[Turn]:
    """Turns from JSON text, or from a file that holds some."""
    text = script if script.lstrip().startswith("[") else Path(script).read_text("utf-8")
    return [Turn(**turn) for turn in json.loads(text)]


def refused_url() -> str:
    """Where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"


async def _run(kind: Kind, script: str, port: int) -> None:
    fake = FakeEngine(kind, turns(script))
    fake.port = port
    async with fake:
        sys.stdout.write(json.dumps({"port": fake.port}) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="a scripted engine")
    parser.add_argument("--kind", choices=("ollama", "openai"), required=True)
    parser.add_argument("--script", default="[]", help="JSON list of turns, or a file of it")
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    try:
        asyncio.run(_run(chosen.kind, chosen.script, chosen.port))
    except KeyboardInterrupt:
        sys.exit(0)
