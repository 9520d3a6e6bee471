"""What an index cannot do, in words. It is made from the database, so the last way out is to make it again."""

from pathlib import Path

from dunoe.errors import EngineFailed, EngineTimeout, Problem, Text, Unavailable

REBUILD = Text(
    "색인은 문서에서 다시 만들 수 있습니다: 이 폴더를 지우고 `dunoe library sync`를 하세요.",
    "the index can be made again from the documents: delete this folder, then run `dunoe library sync`.",
)


def locked(folder: Path) -> Unavailable:
    """Another process has it open."""
    return Unavailable(
        Text(
            f"다른 dunoe가 색인을 쓰고 있습니다: {folder}",
            f"another dunoe is using the index: {folder}",
        ),
        Text(
            "켜져 있는 서버가 있으면 그 서버에 요청하거나, 끄고 다시 하세요.",
            "ask the server that is running, or stop it and try again.",
        ),
        code="index_locked",
    )


def foreign(folder: Path) -> Unavailable:
    """The folder holds files that are not ours."""
    return Unavailable(
        Text(f"색인 폴더가 아닙니다: {folder}", f"this folder is not an index: {folder}"),
        Text(
            "다른 파일이 들어 있습니다. 빈 폴더를 쓰게 하세요.",
            "it holds other files. Let the index have an empty folder.",
        ),
        code="index_foreign",
    )


def broken(folder: Path, said: str) -> Unavailable:
    """It is ours and cannot be read."""
    return Unavailable(
        Text(
            f"색인을 읽을 수 없습니다: {folder} ({said})", f"the index is broken: {folder} ({said})"
        ),
        REBUILD,
        code="index_broken",
    )


def other_model(folder: Path | str) -> Unavailable:
    """It was made for vectors of another length."""
    return Unavailable(
        Text(
            f"다른 임베딩 모델로 만든 색인입니다: {folder}",
            f"the index was made with another embedding model: {folder}",
        ),
        REBUILD,
        code="index_other_model",
    )


def disk_full(folder: Path, free: int, wanted: int) -> Unavailable:
    """There is no room to write safely: so many bytes are free, and so many have to be."""
    has, needs = free // 2**20, -(-wanted // 2**20)
    return Unavailable(
        Text(
            f"디스크에 {has:,} MiB만 남아 색인에 더 쓰지 않습니다 ({needs:,} MiB가 비어 있어야 합니다): {folder}",
            f"only {has:,} MiB of the disk are free and {needs:,} MiB have to be; "
            f"nothing more is written to the index: {folder}",
        ),
        Text("자리를 비운 뒤 다시 하세요.", "make room, then try again."),
        code="disk_full",
    )


def unwritable(folder: Path, said: Text) -> Unavailable:
    """The disk refuses."""
    return Unavailable(
        Text(
            f"색인 폴더에 쓸 수 없습니다: {folder} ({said.ko})",
            f"cannot write: {folder} ({said.en})",
        ),
        Text("폴더의 권한과 디스크를 확인하세요.", "check the folder's permissions and the disk."),
        code="index_unwritable",
    )


def closed() -> Unavailable:
    """It is used after its end."""
    return Unavailable(
        Text("색인이 닫혔습니다", "the index is closed"),
        Text(
            "서버가 끝나는 중입니다. 잠시 뒤 다시 하세요.",
            "the server is stopping; try again later.",
        ),
        code="index_closed",
    )


def failed(said: str) -> Unavailable:
    """The library refused one operation."""
    return Unavailable(
        Text(f"색인이 실패했습니다: {said}", f"the index failed: {said}"),
        REBUILD,
        code="index_failed",
    )


def not_tidied(said: str) -> Unavailable:
    """The child that arranges the index did not end well."""
    return Unavailable(
        Text(f"색인을 정리하지 못했습니다: {said}", f"the index could not be tidied: {said}"),
        Text(
            "검색은 되지만 느릴 수 있습니다. 다음 동기화가 다시 합니다.",
            "searching works, but may be slow. The next sync tries again.",
        ),
        code="index_untidy",
    )


def server_refused(url: str, said: str) -> EngineFailed:
    """A Qdrant server said no, or is not there."""
    return EngineFailed(
        Text(f"Qdrant 서버 오류 ({url}): {said}", f"the Qdrant server failed ({url}): {said}"),
        Text(
            "서버가 켜져 있는지, QDRANT_HOST와 QDRANT_API_KEY가 맞는지 확인하세요.",
            "check that it runs, and QDRANT_HOST and QDRANT_API_KEY.",
        ),
        code="index_server_failed",
        upstream="qdrant",
    )


def server_slow(url: str) -> Problem:
    """A Qdrant server did not answer in time."""
    return EngineTimeout(
        Text(
            f"Qdrant 서버가 대답하지 않습니다: {url}", f"the Qdrant server does not answer: {url}"
        ),
        Text("서버의 상태를 확인하세요.", "look at the server."),
        code="index_server_timeout",
        upstream="qdrant",
    )
