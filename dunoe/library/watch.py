"""Watching folders: which paths changed, told once whoever is writing them has finished."""

import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import anyio
from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from dunoe.library.folders import IGNORE_FILES, is_below, is_of_interest
from dunoe.library.own import Own, is_own
from dunoe.library.threads import in_thread, run_sync

RESCAN_S = 600.0  # everything is looked at this often: links and network drives tell nothing
LOOK_S = 1.0  # how often we look whether a library folder came or went
SETTLED_S = 0.3  # a file that was not written to for so long is finished
PATIENCE_S = 5.0  # a file that is written to for longer is told all the same
_STEP_MS, _DEBOUNCE_MS, _TIMEOUT_MS, _POLL_MS = 50, 300, 60_000, 1000

_LOG = logging.getLogger(__name__)
Told = Callable[[Collection[str] | None], Awaitable[None]]
Inodes = Mapping[str, tuple[int, int]]


class Watch:
    """Calls `told` with paths that changed, or with None when everything should be looked at; one call at a time."""

    def __init__(
        self, folders: Callable[[], Sequence[str]], told: Told, own: Own | None = None
    ) -> None:
        """folders: the library folders, as they are at that moment. own: what is never told."""
        self._folders, self._told, self._own = folders, told, own or Own()
        self._is_polling = False

    async def run(self) -> None:
        """Watch until cancelled. Begins with everything, once changes can be seen."""
        while True:
            there = _inodes(self._folders())
            if not there:
                await self._told(None)
                await self._look(there, threading.Event())
                continue
            watcher = await run_sync(self._watcher, list(there))
            if watcher is None:  # a folder vanished under our hands
                await anyio.sleep(LOOK_S)
                continue
            with watcher:
                await self._listen(watcher, there)

    def _watcher(self, folders: list[str]) -> RustNotify | None:
        """Begin to watch; by looking again and again where the system cannot tell."""
        try:
            return RustNotify(folders, False, self._is_polling, _POLL_MS, True, True)
        except FileNotFoundError:
            return None
        except (OSError, WatchfilesRustInternalError) as exc:
            if self._is_polling:
                raise
            _LOG.warning("the system cannot watch these folders, they are polled: %s", exc)
            self._is_polling = True
            return self._watcher(folders)

    async def _listen(self, watcher: RustNotify, there: Inodes) -> None:
        """Tell changes until the folders are others or it is time to look at everything."""
        over = threading.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._look, there, over)
            await self._told(None)
            while (
                changed := await in_thread(partial(_changes, watcher, over), over.set)
            ) is not None:
                wanted = await run_sync(self._wanted, changed, there)
                if wanted:
                    await _settled(wanted)
                    await self._told({_tellable(path) for path in wanted})
            tasks.cancel_scope.cancel()

    def _wanted(self, paths: Iterable[str], folders: Iterable[str]) -> set[str]:
        """What a walk would look at. Whoever is told writes, and would tell itself again without end."""
        own = self._own.inodes()
        return {path for path in paths if _is_wanted(path, folders) and not is_own(path, own)}

    async def _look(self, there: Inodes, over: threading.Event) -> None:
        """Wait until the folders are others, or long enough; `over` is set however this ends."""
        try:
            with anyio.move_on_after(RESCAN_S):
                while _inodes(self._folders()) == there:  # noqa: ASYNC110 - a plugged-in disk sets no event
                    await anyio.sleep(LOOK_S)
        finally:
            over.set()


def _changes(watcher: RustNotify, over: threading.Event) -> set[str] | None:
    """The next paths that changed; None when it is over."""
    try:
        found = watcher.watch(_DEBOUNCE_MS, _STEP_MS, _TIMEOUT_MS, over)
    except WatchfilesRustInternalError as exc:  # a name that is no UTF-8: look at everything
        _LOG.debug("a change could not be told: %s", exc)
        return None
    if isinstance(found, str):
        return set() if found == "timeout" else None
    return {path for _, path in found}


async def _settled(paths: Iterable[str]) -> None:
    """Wait until nobody writes to these files any more."""
    with anyio.move_on_after(PATIENCE_S):
        for path in paths:
            while (warm_s := _warm_s(path)) > 0:  # noqa: ASYNC110 - nor does who stops writing
                await anyio.sleep(warm_s)


def _warm_s(path: str) -> float:
    """How long a file must rest yet before it counts as finished."""
    try:
        age_s = time.time() - Path(path).stat().st_mtime
    except OSError:
        return 0.0
    return SETTLED_S - age_s if 0 <= age_s < SETTLED_S else 0.0


def _inodes(folders: Iterable[str]) -> dict[str, tuple[int, int]]:
    """The folders that are there, and which they are: one that was made anew has to be watched anew."""
    found = {}
    for folder in folders:
        try:
            at = Path(folder).stat()
        except OSError:
            continue
        found[folder] = (at.st_dev, at.st_ino)
    return found


def _is_wanted(path: str, folders: Iterable[str]) -> bool:
    return any(is_below(path, folder) and is_of_interest(path, folder) for folder in folders)


def _tellable(path: str) -> str:
    """The path; of an ignore file its folder, and so of what the watcher could not spell."""
    folder, _, name = path.rpartition("/")
    path = folder if name in IGNORE_FILES else path
    while "\ufffd" in path:
        path = path.rpartition("/")[0]
    return path
