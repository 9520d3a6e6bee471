"""The curfew: when the server stops, what still runs then is ended, and its callers hear why."""

from dunoe.errors import Text, Unavailable
from dunoe.server.beside import Beside


class Curfew:
    """The calls at work. `fall` ends them all, and every call that begins later."""

    def __init__(self) -> None:
        self._has_fallen = False
        self._at_work: set[Beside] = set()

    def begin(self, beside: Beside) -> None:
        """A call begins its work."""
        self._at_work.add(beside)
        if self._has_fallen:
            beside.start(_stop())

    def end(self, beside: Beside) -> None:
        """It is done."""
        self._at_work.discard(beside)

    def fall(self) -> None:
        """End what still runs."""
        self._has_fallen = True
        for beside in self._at_work:
            beside.start(_stop())


async def _stop() -> None:
    raise Unavailable(
        Text("서버가 종료되어 답이 끊겼습니다", "the server stopped before the answer was whole"),
        Text("다시 시작된 뒤에 보내세요.", "try again when it has started."),
        code="stopping",
    )
