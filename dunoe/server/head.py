"""The head of a request: uvicorn's HTTP, with a limit to what headers may take, in bytes and in seconds."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 256 * 1024  # bytes, and what one read brings beyond them


class Http(HttpToolsProtocol):
    """One connection. head_s: seconds from its first byte, or from connecting, until a head must be whole."""

    def __init__(
        self, *told: Any, head_s: float, **named: Any
    ) -> None:  # Any: uvicorn's own arguments
        super().__init__(*told, **named)
        self._head_s, self._head = head_s, 0
        self._bell: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Somebody is there."""
        super().connection_made(transport)
        self._bell = self.loop.call_later(self._head_s, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """And gone."""
        self._hush()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that does not end is no request."""
        super().data_received(data)
        if self._bell is None:
            return
        self._head += len(data)
        if self._head > HEAD_LIMIT and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._head = 0
        if self._bell is None:
            self._bell = self.loop.call_later(self._head_s, self.transport.close)

    def on_headers_complete(self) -> None:
        """It is whole."""
        self._hush()
        super().on_headers_complete()

    def _hush(self) -> None:
        if self._bell is not None:
            self._bell.cancel()
            self._bell = None
