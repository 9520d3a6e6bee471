"""The life of the server: open the brain, listen, answer, stop, close."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop

from dunoe.errors import Misconfigured, Text
from dunoe.server.app import App
from dunoe.server.brain import Brain, open_brain
from dunoe.settings import Settings, is_loopback

_KEEP_ALIVE_S = 75  # longer than the 60 s that proxies commonly keep their side open
_BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn's server, which tells when it listens and ends with 0 when it was asked to stop."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM without dying of them afterwards."""
        loop = asyncio.get_running_loop()
        caught = (signal.SIGINT, signal.SIGTERM)
        for number in caught:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in caught:
                loop.remove_signal_handler(number)


def serve(settings: Settings, listening: Callable[[Brain, int], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    listening: called once with the port. Raises Misconfigured or Unavailable before that; afterwards every
    error has been told to whoever caused it.
    """
    with listen(settings.server.host, settings.server.port) as door:
        uvloop.run(_serve(settings, door, listening))


async def _serve(
    settings: Settings, door: socket.socket, listening: Callable[[Brain, int], None]
) -> None:
    log_requests()
    async with open_brain(settings) as brain:
        port: int = door.getsockname()[1]
        await server_of(brain, lambda: listening(brain, port)).serve([door])


def server_of(brain: Brain, listening: Callable[[], None]) -> Server:
    """The HTTP server over an open brain; raises Misconfigured when it would let everybody in."""
    settings = brain.settings.server
    if not is_loopback(settings.host) and brain.ring.is_empty:
        raise _open_to_all(settings.host)
    config = uvicorn.Config(
        App(brain),
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(settings.stop_s)),
    )
    return Server(config, listening)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is known before anything else is begun; raises Misconfigured."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as exc:
        raise Misconfigured(
            Text(
                f"{host}:{port}에서 들을 수 없습니다: {exc}",
                f"cannot listen on {host}:{port}: {exc}",
            ),
            Text(
                "다른 dunoe가 실행 중이면 끄거나 --port로 다른 포트를 고르세요.",
                "stop the other dunoe, or choose another port with --port.",
            ),
        ) from exc


def log_requests() -> None:
    """One line a request on stderr, as it is; what else there is to say with its level."""
    plain = logging.StreamHandler(sys.stderr)
    requests = logging.getLogger("dunoe.requests")
    requests.handlers, requests.propagate = [plain], False
    requests.setLevel(logging.INFO)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


def _open_to_all(host: str) -> Misconfigured:
    return Misconfigured(
        Text(
            f"키 없이 {host}에서 열 수 없습니다 (다른 컴퓨터에서 누구나 쓸 수 있게 됩니다)",
            f"will not listen on {host} without a key (anybody could use it)",
        ),
        Text(
            "먼저 `dunoe keys add NAME`으로 키를 만드세요.",
            "make a key first: `dunoe keys add NAME`.",
        ),
    )
