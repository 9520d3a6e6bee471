"""What an engine says when it will not: its status and words, turned into our errors."""

import re
import time
from email.utils import parsedate_to_datetime

import orjson

from dunoe.engines.request import Json
from dunoe.errors import (
    BadRequest,
    Busy,
    EngineFailed,
    NotFound,
    NotSupported,
    Problem,
    Text,
    TooLong,
    Unavailable,
)

SHOWN = 500  # characters of foreign words that we repeat
LATEST_S = 366 * 86_400.0  # a later `Retry-After` is none
TOO_LONG = {"exceed_context_size_error", "context_length_exceeded"}


def garbage(engine: str, data: bytes) -> EngineFailed:
    """The engine said something that is not its protocol."""
    start = data[:80].decode("utf-8", "replace")
    return EngineFailed(
        Text(
            f"엔진 '{engine}'이(가) 알 수 없는 답을 보냈습니다: {start!r}",
            f"engine '{engine}' sent something that we cannot read: {start!r}",
        ),
        Text(
            "설정의 kind와 url이 그 서버와 맞는지 확인하세요.",
            "check that kind and url in the settings fit that server.",
        ),
        code="engine_garbage",
        upstream=engine,
    )


def broke_off(engine: str, why: str = "") -> EngineFailed:
    """The engine ended an answer before it was whole."""
    because = f" ({why})" if why else ""
    return EngineFailed(
        Text(
            f"엔진 '{engine}'의 답이 중간에 끊겼습니다{because}",
            f"engine '{engine}' broke off in the middle of an answer{because}",
        ),
        Text(
            "다시 시도하세요. 반복되면 그 엔진의 로그를 확인하세요.",
            "try again; if it happens again, look at that engine's log.",
        ),
        code="engine_broke_off",
        upstream=engine,
    )


def moved(engine: str, url: str) -> EngineFailed:
    """The engine sends us elsewhere. url: where its API seems to be."""
    return EngineFailed(
        Text(
            f"엔진 '{engine}'이(가) 다른 주소로 보냅니다: {url}",
            f"engine '{engine}' sends us to another address: {url}",
        ),
        Text(
            f"[engines.{engine}]의 url을 그 주소로 고치세요.",
            f"make it the url under [engines.{engine}].",
        ),
        code="engine_moved",
        upstream=engine,
    )


def refusal(engine: str, status: int, retry_after: str | None, body: bytes) -> Problem:
    """The Problem that an HTTP status of 300 or more stands for."""
    said = _read(body)
    message = _message(said, status)
    if status in (401, 403):
        return EngineFailed(
            Text(
                f"엔진 '{engine}'이(가) 접근을 거부했습니다: {message}",
                f"engine '{engine}' does not let us in: {message}",
            ),
            Text(
                f"[engines.{engine}]의 auth_header 또는 api_key를 확인하세요.",
                f"check auth_header or api_key under [engines.{engine}].",
            ),
            code="engine_refused_key",
            upstream=engine,
        )
    if status in (429, 503):
        later = Busy if status == 429 else Unavailable
        return later(
            message,
            Text(
                f"엔진 '{engine}'이(가) 바쁩니다. 잠시 뒤에 다시 시도하세요.",
                f"engine '{engine}' is busy; try again in a while.",
            ),
            retry_after_s=_seconds(retry_after),
            code=_code(said),
            upstream=engine,
        )
    if _cannot(message):
        status = 501
    if 400 <= status < 500 or status == 501 or _is_too_long(said, message):
        return _refused_request(engine, status, said, message)
    return EngineFailed(
        Text(f"엔진 '{engine}' 오류: {message}", f"engine '{engine}' failed: {message}"),
        Text("그 엔진의 로그를 확인하세요.", "look at that engine's log."),
        code=_code(said) or "engine_failed",
        upstream=engine,
    )


def said_error(engine: str, error: object) -> Problem:
    """The Problem of an `error` that an engine puts into the middle of a stream."""
    return refusal(engine, 500, None, orjson.dumps({"error": error}))


def _refused_request(engine: str, status: int, said: Json, message: str) -> Problem:
    code = _code(said)
    if _is_too_long(said, message):
        return TooLong(
            message,
            Text(
                "글을 줄이거나 모델의 context를 늘리세요.",
                "send less text, or raise the model's context.",
            ),
            upstream=engine,
            numbers=_numbers(said),
        )
    kinds = {404: NotFound, 405: NotSupported, 501: NotSupported}
    return kinds.get(status, BadRequest)(
        message,
        Text(
            f"엔진 '{engine}'이(가) 이 요청을 거절했습니다. 위 내용을 고쳐 다시 보내세요.",
            f"engine '{engine}' refused this request; correct it as it says.",
        ),
        code=code,
        upstream=engine,
    )


def _read(body: bytes) -> Json:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace").strip()
        # A proxy's error page is no message for a person; its status says as much.
        return {} if text.startswith("<") else {"error": text}
    return said if isinstance(said, dict) else {"error": said}


def _error(said: Json) -> Json:
    error = said.get("error")
    return error if isinstance(error, dict) else said


def _message(said: Json, status: int) -> str:
    error = said.get("error") or said.get("detail") or said.get("message")
    if isinstance(error, dict):
        return _with_counts(error, str(error.get("message") or error))[:SHOWN]
    return str(error)[:SHOWN] if error else f"HTTP {status}"


def _with_counts(error: Json, message: str) -> str:
    """llama.cpp sends the counts beside its message; a person needs them in it."""
    counts = [error.get(key) for key in ("n_prompt_tokens", "n_ctx")]
    if None in counts or all(str(count) in message for count in counts):
        return message
    return f"{message} (n_prompt_tokens: {counts[0]}, n_ctx: {counts[1]})"


def _numbers(said: Json) -> dict[str, int]:
    error = _error(said)
    told = {"prompt_tokens": error.get("n_prompt_tokens"), "context": error.get("n_ctx")}
    return {name: count for name, count in told.items() if isinstance(count, int)}


def _code(said: Json) -> str | None:
    code = _error(said).get("code")
    return code if isinstance(code, str) else None


def _is_too_long(said: Json, message: str) -> bool:
    error = _error(said)
    return bool(
        {str(error.get("type")), str(error.get("code"))} & TOO_LONG
        or re.search(r"(maximum|exceeds? (the )?(available )?)\s*context (length|size)", message)
        or re.search(r"input length exceeds|increase the physical batch size", message)
    )


def _cannot(message: str) -> bool:
    """llama.cpp answers 500 to a picture that its model cannot see; it is the request's fault."""
    return re.search(r"(image|audio|video) input is not supported", message) is not None


def _seconds(retry_after: str | None) -> float | None:
    """Of a number of seconds, or of a date."""
    if not retry_after:
        return None
    if re.fullmatch(r"\d+", retry_after):
        return min(float(retry_after), LATEST_S)
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return min(max(0.0, when.timestamp() - time.time()), LATEST_S)
