"""How the dunoe command of this user finds the dunoe server of this user, and gets in, without a set-up."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dunoe.errors import Misconfigured, Text
from dunoe.store.keys import SCOPES, Key

FILE = "local.key"
URL_FILE = "server.url"  # the server holds a lock on it for as long as it runs, however it ends
_TRIES, _TRY_S = 5, 0.01  # a command that looks holds the lock for an instant


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A key with every scope, in a file that only this user can read."""

    token: str
    key: Key


def local_key(home: Path) -> LocalKey:
    """The local key of this home, made the first time; raises Misconfigured where the home cannot be written."""
    path = home / FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(f"dn-local-{secrets.token_urlsafe(32)}", "ascii")
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(
            Text(
                f"데이터 폴더에 쓸 수 없습니다: {home}", f"cannot write to the data folder: {home}"
            ),
            Text(
                "권한을 고치거나 DUNOE_HOME을 바꾸세요.",
                "mend its permissions or change DUNOE_HOME.",
            ),
        ) from exc
    if len(token) < 32:
        raise Misconfigured(
            Text(
                f"로컬 키 파일이 손상되었습니다: {path}", f"the local key file is damaged: {path}"
            ),
            Text("이 파일을 지우고 다시 시작하세요.", "delete this file and start again."),
        )
    everything = Key("local", "local", SCOPES, (), None, None, None, (), datetime.now(UTC), None)
    return LocalKey(token, everything)


def address_of(host: str, port: int) -> str:
    """The URL by which a server that listens there is reached from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def announced(home: Path, url: str) -> Iterator[None]:
    """Let the commands of this home find us. Of two servers of one home the first is found."""
    file = os.open(home / URL_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(_TRIES):
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(file, 0)
                os.pwrite(file, url.encode("ascii"), 0)
                break
            time.sleep(_TRY_S)
        yield
    finally:
        os.close(file)


def announced_url(home: Path) -> str | None:
    """Where the server of this home runs; None where none runs, or none that could say so."""
    try:
        file = os.open(home / URL_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(file, 1000, 0).decode("ascii", "replace") or None
    except OSError:
        return None
    finally:
        os.close(file)
    return None
