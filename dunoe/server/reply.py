"""How an answer is put into bytes: one protocol, implemented once a dialect."""

from typing import Protocol

from dunoe.engines.events import Event
from dunoe.engines.request import Json
from dunoe.errors import Language, Problem
from dunoe.server.answer import Answer


class Streamed(Protocol):
    """What goes out piece by piece."""

    media_type: str
    ping: bytes  # what may be sent between two events without being seen

    def broken(self, problem: Problem, language: Language) -> bytes:
        """What ends an answer that broke off after it had begun."""


class Reply(Streamed, Protocol):
    """One answer in one dialect: `start`, then `pieces` a batch, then `end` — or `broken`; or `whole`."""

    def start(self) -> bytes:
        """What goes out before the first event."""

    def pieces(self, batch: list[Event]) -> bytes:
        """The wire form of one batch; b"" when nothing of it shows."""

    def end(self) -> bytes:
        """What ends an answer that came to its end."""

    def whole(self, answer: Answer) -> Json:
        """The body of an answer that is not streamed."""
