"""The life of the server: open the brain, listen, answer, stop, close."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from math import ceil

import uvicorn
import uvloop

from dunoe.errors import Misconfigured, Text
from dunoe.foreign import reason
from dunoe.server.app import App
from dunoe.server.brain import Brain, open_brain
from dunoe.server.head import Http
from dunoe.server.local import address_of, announced
from dunoe.settings import Settings

_LAST_WORDS_S = 5  # for a caller who does not read what a stop has to say
_KEEP_ALIVE_S = 75  # longer than the 60 s that proxies commonly keep their side open
_BACKLOG = 2048


class Server(uvicorn.Server):
    """uvicorn's server, which tells when it listens and ends with 0 when it was asked to stop."""

    def __init__(self, config: uvicorn.Config, brain: Brain, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._brain, self._listening = brain, listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen no more; running answers may finish for `server.stop_s`, then each says that it was cut."""
        stop_s, curfew = self._brain.settings.server.stop_s, self._brain.curfew
        bell = asyncio.get_running_loop().call_later(stop_s, curfew.fall)
        try:
            await super().shutdown(sockets)
        finally:
            bell.cancel()
            curfew.fall()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None while it serves: `signals` holds longer than that."""
        yield

    @contextmanager
    def signals(self) -> Iterator[None]:
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
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    port: int = door.getsockname()[1]
    with ExitStack() as held:
        async with open_brain(settings) as brain:
            leave_the_old_alone()
            server = server_of(brain, lambda: listening(brain, port))
            url = address_of(settings.server.host, port)
            held.enter_context(announced(settings.home, url))
            held.enter_context(server.signals())  # a second signal must not cut the closing short
            await server.serve([door])


def leave_the_old_alone() -> None:
    """Let the garbage collector look at what requests leave behind, and no more at what the start has built.

    A request makes few cycles, but hundreds of objects, and each collection walked through all modules: 2,700
    requests/s became 3,300 in turns of the same benchmark (16 clients, not streamed, medians of three).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def server_of(brain: Brain, listening: Callable[[], None]) -> Server:
    """The HTTP server over an open brain."""
    config = uvicorn.Config(
        App(brain),
        loop="none",
        http=partial(Http, head_s=brain.settings.timeouts.body_s),  # type: ignore[arg-type]  # makes one
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=ceil(brain.settings.server.stop_s) + _LAST_WORDS_S,
    )
    return Server(config, brain, listening)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is known before anything else is begun; raises Misconfigured."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except socket.gaierror as exc:
        raise Misconfigured(
            Text(f"'{host}'은(는) 주소가 아닙니다", f"'{host}' is not an address"),
            Text(
                "설정의 server.host나 --host에 이 컴퓨터의 주소를 쓰세요 (예: 127.0.0.1).",
                "give an address of this machine as server.host or --host, such as 127.0.0.1.",
            ),
        ) from exc
    except OSError as exc:
        raise Misconfigured(
            Text(
                f"{host}:{port}에서 들을 수 없습니다: {reason(exc).ko}",
                f"cannot listen on {host}:{port}: {reason(exc).en}",
            ),
            Text(
                "다른 dunoe가 실행 중이면 끄거나 --port로 다른 포트를 고르세요.",
                "stop the other dunoe, or choose another port with --port.",
            ),
        ) from exc
