"""What others say of an error is said in the person's language, with nothing of theirs in between."""

import asyncio
import errno
import os
import re
import socket
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, ValidationError

from dunoe import foreign
from dunoe.errors import Text

FOREIGN = re.compile(r"[A-Za-z]{3}")


class Line(BaseModel):
    """What a line may hold."""

    id: str = Field(min_length=1, max_length=3)
    rank: int = Field(0, ge=0, le=9)


def raised(path: Path, flags: int) -> OSError:
    """What the system really says."""
    with pytest.raises(OSError) as caught:
        os.open(path, flags)
    return caught.value


def test_what_the_system_says_of_a_file_is_said_in_korean(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = foreign.reason(raised(tmp_path / "none", os.O_RDONLY))
    assert said == Text("그런 파일이나 폴더가 없습니다", "No such file or directory")
    assert foreign.reason(raised(tmp_path / "file" / "x", os.O_RDONLY)).ko == "폴더가 아닙니다"
    assert foreign.reason(raised(tmp_path, os.O_WRONLY)).ko == "폴더입니다"


@pytest.mark.anyio
async def test_a_connection_is_refused_without_numbers_and_signs() -> None:
    """Of a name with several addresses too: what asyncio says of those has no number of its own."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(OSError) as caught:
            await asyncio.open_connection(host, port)
        assert foreign.reason(caught.value) == Text("연결을 거부했습니다", "Connection refused")
    both = OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 113] no route")
    assert foreign.reason(both).ko == "연결을 거부했습니다"


@pytest.mark.parametrize("name", ["EACCES", "ENOSPC", "ETIMEDOUT", "EROFS", "EIO", "EADDRINUSE"])
def test_common_reasons_have_korean_words(name: str) -> None:
    said = foreign.reason(OSError(getattr(errno, name), "whatever"))
    assert not FOREIGN.search(said.ko)
    assert said.en == os.strerror(getattr(errno, name))


def test_a_rare_reason_says_its_number_and_one_without_a_number_its_words() -> None:
    assert foreign.reason(OSError(errno.EXFULL, "")).ko == "시스템 오류 54: Exchange full"
    assert foreign.reason(OSError("no tape")) == Text("no tape", "no tape")
    assert foreign.reason(socket.gaierror(-2, "Name or service not known")).ko.startswith(
        "그런 이름"
    )


@pytest.mark.parametrize(
    ("line", "ko"),
    [
        ('{"id": 1}', "문자열이어야 합니다"),
        ("{}", "꼭 필요합니다"),
        ('{"id": ""}', "비어 있을 수 없습니다"),
        ('{"id": "long"}', "3자 이하여야 합니다"),
        ('{"id": "a", "rank": 10}', "9 이하여야 합니다"),
        ('{"id": ', "JSON이 아닙니다"),
        ("[]", "객체여야 합니다"),
    ],
)
def test_a_mistake_in_json_is_told_in_korean(line: str, ko: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Line.model_validate_json(line)
    assert foreign.mistake(caught.value.errors()[0]).ko == ko
