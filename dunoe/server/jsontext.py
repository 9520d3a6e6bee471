"""JSON as text: on one line for every reader, and nothing that cannot be written."""

from typing import Any

import orjson

from dunoe.errors import BadRequest, Text

# Letters that JSON leaves as they are and many clients cut lines at (Python's str.splitlines, old JavaScript).
_LINE_ENDS = (
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
    (b"\xc2\x85", b"\\u0085"),
)


def oneline(value: Any) -> bytes:  # Any: JSON
    """UTF-8 JSON without anything that some reader takes for the end of a line."""
    text = orjson.dumps(value)
    if text.isascii():
        return text
    for letter, escaped in _LINE_ENDS:
        text = text.replace(letter, escaped)
    return text


def written(value: Any, param: str) -> str:  # Any: JSON
    """A part of a request as JSON text; raise BadRequest naming `param` when it is nested too deep."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as exc:
        raise BadRequest(
            Text(
                f"'{param}'을(를) JSON으로 쓸 수 없습니다: {exc}",
                f"cannot write '{param}' as JSON: {exc}",
            ),
            Text("중첩을 줄여서 보내세요.", "send it with less nesting."),
            param=param,
        ) from exc
