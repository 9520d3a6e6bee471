"""Requests that nobody should send, by the thousand: `python -m tests.hostile --count 10000`.

Seeded, so that what broke once breaks again. A house stands when no answer was a 5xx of ours, nothing hung, no
traceback was logged, no slot is held, and the next honest request is served.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import orjson

from dunoe.engines.request import Json
from dunoe.server.app import ROUTES
from tests import tiny
from tests.fake_engine import FakeEngine
from tests.served import Served, served, until
from tests.server.dialects import CHAT, DIALECTS, Value, ask, fake_models

ANSWER_S = 20.0  # an answer that takes longer is a hang
AT_ONCE = 8
BODIES = [route for route in ROUTES if route.body is not None and route.path != "/api/pull"]
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW")
TYPES = (
    "application/json",
    "text/plain",
    "multipart/form-data",
    "",
    "\u00e9",
    "application/xml; q=;;",
)

STRANGE: list[Value] = [
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**400, -(10**30), 0.5, 1e308, -0.0,
    "", " ", "tiny", "no-such-model", "\u0000", "\u2028", "\ud7ff", "\uffff", "😀" * 9, "가" * 5000,
    "../../etc/passwd", "%00", "{{7*7}}", "'; DROP TABLE dunoe_keys; --", "data:image/png;base64,AAAA",
    "http://127.0.0.1:1/x.png", "x" * 100_000,
    [], {}, [[]], [None], [{}], {"": None}, [1, "a", None], [[1, 2], [3]], {"type": "text"},
    {"type": "image_url", "image_url": {"url": 5}}, [{"role": "user"}], [{"role": 7, "content": "x"}],
    [{"role": "user", "content": [{"type": "text"}]}], [{"role": "tool", "content": None}],
    [{"role": "assistant", "tool_calls": [{}]}], [{"type": "function"}], {"type": "json_schema"},
    {"type": "json_schema", "json_schema": {"schema": 5}}, {"effort": 9}, {"include_usage": "x"},
]  # fmt: skip
FIELDS = sorted(
    {
        field.alias or name
        for route in BODIES
        if route.body
        for name, field in route.body.model_fields.items()
    }
    | {
        "system",
        "thinking",
        "metadata",
        "top_k",
        "min_p",
        "grammar",
        "n_predict",
        "id_slot",
        "lora",
    }
)
HONEST: Json = {"model": "tiny", "messages": CHAT, "prompt": "하나", "input": "하나", "max_tokens": 4,
    "query": "하나", "documents": ["둘"], "content": "하나", "source": "a", "destination": "b",
    "options": {"num_predict": 4}}  # fmt: skip


@dataclass
class Report:
    """What came of it. statuses: 0 counts connections that were closed without an answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


class Logged(logging.Handler):
    """Everything that was logged with a traceback, or as an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.levelno >= logging.ERROR or record.exc_info:
            self.lines.append(logging.Formatter().format(record))


class Rascal:
    """Makes requests up."""

    def __init__(self, seed: int, token: str) -> None:
        self.random, self.token = random.Random(seed), token

    def request(self) -> tuple[bytes, bool]:
        """The bytes of one, and whether they are whole as HTTP goes."""
        fields, broken = self.wrong_fields, self.broken_json
        kinds = [fields] * 4 + [broken] * 2 + [self.odd_route, self.noise, self.bomb, self.deep]
        kind = self.random.choice(kinds)
        return kind(), kind in (fields, broken, self.deep)

    def http(self, method: str, path: str, body: bytes, *headers: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        if self.random.random() < 0.7:
            lines.append(f"Authorization: Bearer {self.token}")
        lines += [*headers, "Connection: close"]
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + body

    def value(self, depth: int = 0) -> Value:
        roll = self.random.random()
        if depth < 3 and roll < 0.15:
            return [self.value(depth + 1) for _ in range(self.random.randint(0, 4))]
        if depth < 3 and roll < 0.35:
            return {self.random.choice(FIELDS): self.value(depth + 1) for _ in range(3)}
        if roll < 0.4:
            return "".join(chr(self.random.randint(0, 0xD7FF)) for _ in range(9))
        return self.random.choice(STRANGE)

    def fields(self) -> Json:
        """A request that is honest in part."""
        body = {name: value for name, value in HONEST.items() if self.random.random() < 0.9}
        for name in self.random.sample(FIELDS, self.random.randint(1, 4)):
            body[name] = self.value()
        if self.random.random() < 0.2 and isinstance(body.get("messages"), list):
            body["messages"] = [*CHAT, {"role": self.value(), "content": self.value()}]
        return body

    def wrong_fields(self) -> bytes:
        route = self.random.choice(BODIES)
        body = json.dumps(self.fields(), ensure_ascii=self.random.random() < 0.5)
        kind = f"Content-Type: {self.random.choice(TYPES)}"
        return self.http(route.method, route.path, body.encode("utf-8", "surrogatepass"), kind)

    def broken_json(self) -> bytes:
        route = self.random.choice(BODIES)
        body = bytearray(json.dumps(self.fields()).encode("utf-8", "surrogatepass"))
        match self.random.randint(0, 4):
            case 0:
                body = body[: self.random.randint(0, len(body))]
            case 1:
                for _ in range(5):
                    body[self.random.randrange(len(body))] = self.random.randrange(256)
            case 2:
                body = bytearray(b'{"messages": NaN, "n": 1e999, "x": "\\ud800"}')
            case 3:
                body = bytearray(
                    self.random.choice([b"", b"null", b"[]", b"1", b'"x"', b"\xef\xbb\xbf{}"])
                )
            case _:
                body = bytearray(b'{"model": "tiny", "seed": ' + b"9" * 5000 + b"}")
        return self.http(route.method, route.path, bytes(body))

    def deep(self) -> bytes:
        route, depth = (
            self.random.choice(BODIES),
            self.random.choice([60, 99, 101, 250, 2000, 20000]),
        )
        inner = b"[" * depth + b"]" * depth if depth % 2 else b'{"a":' * depth + b"1" + b"}" * depth
        name = self.random.choice(FIELDS).encode()
        honest = orjson.dumps(HONEST | {name.decode(): 0}).replace(
            b'"%b":0' % name, b'"%b":%b' % (name, inner)
        )
        return self.http(route.method, route.path, honest)

    def odd_route(self) -> bytes:
        paths = [route.path for route in ROUTES]
        odd = ["/" * 50, "/%zz", "/v1/models/%00%ff%2e%2e", "/page/..%2f..%2fapp.py", "/page/" + "a" * 3000,
            "/v1//models", "*", "//x", "x",
            "http://other.example/v1/models", "/?" + "a=b&" * 2000]  # fmt: skip
        path = self.random.choice(paths + odd)
        if self.random.random() < 0.2:
            path += "/" + "".join(chr(self.random.randint(33, 0x2FF)) for _ in range(9))
        return self.http(self.random.choice(METHODS), path, orjson.dumps(HONEST))

    def noise(self) -> bytes:
        honest = self.http("POST", "/v1/chat/completions", orjson.dumps(HONEST))
        match self.random.randint(0, 3):
            case 0:
                return self.random.randbytes(self.random.randint(1, 2000))
            case 1:
                broken = bytearray(honest)
                for _ in range(3):
                    broken[self.random.randrange(150)] = self.random.randrange(256)
                return bytes(broken)
            case 2:
                return honest.replace(b"Content-Length: ", b"Transfer-Encoding: chunked\r\nX: ")
            case _:
                return honest[: self.random.randrange(len(honest))]

    def bomb(self) -> bytes:
        headers = self.random.choice([
            [f"X-{n}: {'y' * 50}" for n in range(500)], ["X-Big: " + "z" * 60_000], ["Cookie: a=b"] * 300,
            ["Accept-Language: " + "ko;q=0.5," * 5000], ["Accept-Language: x;q=;q=nan,;;,en;q=1e999"],
            ["X-Request-Id: \u00e9\u00ff" + "i" * 5000], ["X-Forwarded-For: " + "1.1.1.1," * 5000],
            ["X-Forwarded-For: %%%, ::ffff:1.2.3.4%eth0"], ["Host: [::1", "Origin: null"],
            ["Authorization: Bearer \u00ff"],
            ["Content-Length: 5"], ["Content-Length: -1"], ["Expect: 100-continue"],
            ["Upgrade: websocket", "Connection: Upgrade"],
            ["Transfer-Encoding: chunked"], ["Range: bytes=0-"],
        ])  # fmt: skip
        return self.http("POST", "/v1/chat/completions", orjson.dumps(HONEST), *headers)


async def send(port: int, request: bytes, *, is_whole: bool) -> bytes:
    """The whole answer. A request that is none, or not whole, is followed by the end of what we say."""
    answer = b""
    with anyio.fail_after(ANSWER_S):
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            try:
                await stream.send(request)
                if not is_whole:
                    await stream.send_eof()
                async for piece in stream:
                    answer += piece
            except (anyio.BrokenResourceError, OSError):
                return answer
    return answer


async def storm(house: Served, count: int, seed: int = 1) -> Report:
    """Send so many, a few at once; then see that the house stands."""
    report, rascal = Report(), Rascal(seed, house.brain.door.local.token)
    logged = Logged()
    logging.getLogger().addHandler(logged)
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            request, is_whole = rascal.request()
            try:
                answer = await send(house.port, request, is_whole=is_whole)
            except TimeoutError:
                report.broken.append(f"no answer within {ANSWER_S} s: {request[:2000]!r}")
                continue
            status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
            report.statuses[status] += 1
            if status >= 500:
                report.broken.append(f"{status}: {request[:2000]!r} -> {answer[-600:]!r}")

    try:
        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(worker)
        runner = house.brain.runner
        await until(lambda: runner.waiting == 0 and all(not one.in_flight for one in runner.view()))
        honest = await ask(
            house, DIALECTS["openai"], headers={"Authorization": f"Bearer {rascal.token}"}
        )
        if honest.status != 200:
            report.broken.append(f"the next honest request: {honest}")
    finally:
        logging.getLogger().removeHandler(logged)
    report.broken += logged.lines
    return report


REAL = """
[models.tiny]
file = "tiny.gguf"
parallel = 4
context = 64
[models.vectors]
file = "vectors.gguf"
mode = "embedding"
[models.ranks]
file = "ranks.gguf"
mode = "rerank"
"""


async def _run(count: int, seed: int, *, is_real: bool) -> Report:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if is_real:
            tiny.chat_model(folder / "tiny.gguf")
            tiny.embedding_model(folder / "vectors.gguf")
            tiny.rerank_model(folder / "ranks.gguf")
        async with FakeEngine("openai") as fake:
            models = REAL if is_real else fake_models(fake.url)
            config = f"{models}[server]\nlog_requests = false\n[timeouts]\nbody_s = 1\n"
            async with served(folder, config) as house:
                return await storm(house, count, seed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="llama.cpp and tiny models")
    chosen = parser.parse_args()
    began = time.monotonic()
    found = asyncio.run(_run(chosen.count, chosen.seed, is_real=chosen.real))
    took_s = time.monotonic() - began
    told = {"seconds": round(took_s, 1), "statuses": dict(sorted(found.statuses.items()))}
    sys.stdout.write(json.dumps(told) + "\n" + "\n\n".join(found.broken[:20]) + "\n")
    sys.exit(bool(found.broken))
