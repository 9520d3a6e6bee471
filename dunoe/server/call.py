"""One request, from its first byte to its log line: who asked, for which model, what it took."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import getrandbits

from starlette.types import Scope

from dunoe.engines.events import Event, Reading, Said, Thought, Usage
from dunoe.portfolio.model import Model
from dunoe.store.keys import Key

_ID_LIMIT = 64  # characters of a request id that a caller chose


class Left(Exception):
    """The client has gone."""


@dataclass(slots=True)
class Call:
    """What is known of one request.

    label: the route, for the metrics. counted_tokens: of all prompts, by us, before they queued.
    Times are seconds of the monotonic clock; None: not reached.
    """

    path: str
    label: str
    headers: Mapping[bytes, bytes]
    peer: str
    id: str
    began: float = field(default_factory=time.perf_counter)
    status: int = 0
    address: str = ""
    key: Key | None = None
    model: Model | None = None
    role: str = ""
    queued_s: float | None = None
    load_s: float | None = None
    granted: float | None = None
    first: float | None = None
    last: float | None = None
    pieces: int = 0
    prompt_tokens: int = 0
    counted_tokens: int | None = None
    usage: Usage | None = None
    problem: str = ""

    @classmethod
    def of(cls, scope: Scope, label: str) -> "Call":
        """The call that an ASGI scope begins."""
        headers = dict(scope["headers"])
        client = scope.get("client")
        asked = headers.get(b"x-request-id", b"")[:_ID_LIMIT].decode("latin-1")
        return cls(
            path=scope["path"],
            label=label,
            headers=headers,
            peer=client[0] if client else "",
            id=asked
            if asked.replace("-", "").replace("_", "").isalnum()
            else f"req_{getrandbits(96):024x}",
        )

    def header(self, name: bytes) -> str:
        """A request header, lower-case name; "" when it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    def saw(self, batch: list[Event], now: float) -> float | None:
        """Note a batch that arrived; the seconds since the one before, None for the first."""
        pieces, usage = 0, None
        for event in batch:
            if isinstance(event, Said | Thought):
                pieces += 1
            elif isinstance(event, Usage):
                self.usage = usage = event
            elif isinstance(event, Reading):
                self.prompt_tokens = event.prompt_tokens
        if not pieces:
            return None
        if self.last is None:
            self.first = now if usage is None else self._first_of_whole(usage)
        gap = None if self.last is None else now - self.last
        self.last = now
        self.pieces += pieces
        return gap

    def _first_of_whole(self, usage: Usage) -> float | None:
        """When the first token of an answer in one piece was written: the engine may know, we cannot."""
        if self.granted is None or not usage.prefill_s:
            return None
        return self.granted + usage.prefill_s

    @property
    def ttft_s(self) -> float | None:
        """Seconds from the request to the first token."""
        return None if self.first is None else self.first - self.began

    @property
    def prefill_s(self) -> float | None:
        """Seconds from the slot to the first token."""
        if self.first is None or self.granted is None:
            return None
        return self.first - self.granted

    @property
    def tokens_out(self) -> int:
        """Tokens written: the engine's count, or the pieces seen where the answer broke off before it came."""
        return self.usage.completion_tokens if self.usage is not None else self.pieces

    @property
    def tokens_in(self) -> int:
        """Tokens read, by the engine's count."""
        return self.usage.prompt_tokens if self.usage is not None else self.prompt_tokens

    @property
    def drift(self) -> int:
        """Tokens that the engine read more than we had counted; 0 where either number is not known."""
        if self.usage is None or self.counted_tokens is None:
            return 0
        return self.usage.prompt_tokens - self.counted_tokens

    def timing(self, *, is_whole: bool) -> bytes:
        """The `Server-Timing` header, in milliseconds: what is known when it goes; a stream has no total yet."""
        total_s = time.perf_counter() - self.began if is_whole else None
        parts = [
            f"{name};dur={value * 1000:.2f}"
            for name, value in (
                ("queue", self.queued_s),
                ("load", self.load_s),
                ("prefill", self.prefill_s),
                ("ttft", self.ttft_s),
                ("total", total_s),
            )
            if value is not None
        ]
        return ", ".join(parts).encode()
