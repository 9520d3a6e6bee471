"""The local key: how the dunoe command of this user talks to the dunoe server of this user, without a set-up."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dunoe.errors import Misconfigured, Text
from dunoe.store.keys import SCOPES, Key

FILE = "local.key"


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
