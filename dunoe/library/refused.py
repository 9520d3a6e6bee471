"""Files that are not read: what is skipped, what is an error, and what is known before anybody opens one."""

from pathlib import PurePath

from dunoe.errors import Problem, Text
from dunoe.library.folders import Seen
from dunoe.library.parsing import code, sniff
from dunoe.library.parsing.kinds import MODULES
from dunoe.library.unreadable import Unreadable

# Of the codes of failures: there is nothing to mend. A picture is not a broken document, and nothing is nothing.
SKIPPED = ("unsupported", "empty_file", "generated", "secret", "own")

# Who gives a file such a name says that it can be read. `.ts` is a video, too.
_PROMISES = sniff.MARKDOWN | sniff.HTML | sniff.MAIL | code.ENDINGS.keys() - {".ts"}
_PROMISES |= {f".{kind}" for kind in MODULES} | {".txt", ".text", ".rst", ".csv", ".ipynb"}

_UNWANTED = {
    "generated": Text(
        "도구가 만든 파일이라 읽지 않습니다", "a tool has made this file for tools: it is not read"
    ),
    "secret": Text(
        "열쇠나 암호를 두는 파일이라 읽지 않습니다",
        "such a file holds keys or passwords: it is not read",
    ),
}


def unread(seen: Seen) -> Unreadable | None:
    """Why nobody needs to open it; None for a file to read."""
    match seen.why_not:
        case "":
            return None
        case "empty_file":
            return Unreadable(
                Text("빈 파일입니다 (0바이트)", "this file is empty (0 bytes)"),
                Text("내용이 생기면 읽습니다.", "it is read once something is in it."),
                code="empty_file",
            )
        case "generated" | "secret":
            return Unreadable(
                _UNWANTED[seen.why_not],
                Text(
                    f"읽으려면 .dunoeignore에 `!{seen.name}`을(를) 적으세요.",
                    f"to read it, write `!{seen.name}` into a .dunoeignore.",
                ),
                code=seen.why_not,
            )
        case "own":
            return Unreadable(
                Text(
                    "dunoe 자신의 데이터라 읽지 않습니다",
                    "this is dunoe's own data: it is not read",
                ),
                Text(
                    "문서가 그 안에 있으면 다른 폴더로 옮기세요.",
                    "if documents lie there, move them to another folder.",
                ),
                code="own",
            )
        case "no_file":
            return Unreadable(
                Text("보통 파일이 아닙니다", "this is no regular file"),
                Text("파일만 넣어 주세요.", "put only files there."),
                code="unsupported",
            )
        case "link_broken":
            return Unreadable(
                Text("없는 곳을 가리키는 링크입니다", "this link leads nowhere"),
                Text("링크를 고치거나 지우세요.", "mend the link, or delete it."),
                code="link_broken",
            )
        case "link_out":
            return Unreadable(
                Text(
                    "라이브러리 폴더 밖으로 나가는 링크여서 따라가지 않습니다",
                    "this link leads out of the library folders and is not followed",
                ),
                Text(
                    "읽으려면 링크가 가리키는 곳을 `dunoe library add`로 따로 더하세요.",
                    "to read it, add what it leads to by itself: `dunoe library add`.",
                ),
                code="link_out",
            )


def told(problem: Problem, name: str) -> Problem:
    """The reason as it is kept: content of a foreign kind under the name of one that is read is an error."""
    suffix = PurePath(name).suffix.lower()
    if problem.code != "unsupported" or suffix not in _PROMISES:
        return problem
    return Unreadable(
        Text(
            f"{suffix} 파일로 읽을 수 없습니다 ({problem.message.ko})",
            f"this cannot be read as a {suffix} file ({problem.message.en})",
        ),
        problem.hint,
        code="broken",
    )
