"""A Problem in the words of whoever asked: OpenAI, Ollama or Anthropic, Korean or English."""

import math
from typing import Literal

from dunoe.engines.request import Json
from dunoe.errors import Language, Problem, RetryLater, TooLong, TooSlow, WrongMethod

Dialect = Literal["openai", "ollama", "anthropic", "ask"]

_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def body(problem: Problem, dialect: Dialect, language: Language) -> Json:
    """The error body that this dialect's clients read."""
    message, hint = problem.message.in_(language), problem.hint.in_(language)
    numbers = problem.numbers if isinstance(problem, TooLong) else {}
    if dialect == "ollama":
        return {"error": f"{message}\n{hint}" if hint else message, **numbers}
    if dialect == "ask":
        return _ask(problem, message, hint) | numbers
    if dialect == "anthropic":
        kind = _ANTHROPIC.get(problem.status, "api_error")
        said = {"type": kind, "message": f"{message}\n{hint}".strip(), **numbers}
        return {"type": "error", "error": said}
    error: Json = {
        "message": message,
        "type": problem.kind,
        "code": problem.code,
        "param": problem.param,
        "hint": hint,
        **numbers,
    }
    if problem.upstream is not None:
        error["upstream"] = problem.upstream
    return {"error": error}


def _ask(problem: Problem, message: str, hint: str) -> Json:
    """`detail` is FastAPI's form; the rest is for the client of /api/ask, which never looks at the status."""
    return {
        "detail": message,
        "hint": hint,
        "code": problem.code,
        "answer": "",
        "context": [],
        "sources": [],
        "model_used": None,
        "error": f"{message}\n{hint}".strip(),
    }


def headers(problem: Problem) -> list[tuple[bytes, bytes]]:
    """What the status line alone does not say: when to come back, how to prove who you are, what to do instead."""
    found = []
    if isinstance(problem, RetryLater) and problem.retry_after_s is not None:
        found.append((b"retry-after", b"%d" % max(1, math.ceil(problem.retry_after_s))))
    if problem.status == 401:
        found.append((b"www-authenticate", b'Bearer realm="dunoe"'))
    if isinstance(problem, WrongMethod):
        found.append((b"allow", problem.allowed.encode()))
    if isinstance(problem, TooSlow):  # the rest of its body would be taken for the next request
        found.append((b"connection", b"close"))
    return found


def spoken(accept_language: str, preferred: Language) -> Language:
    """The caller's language by RFC 9110 `Accept-Language`; ours where it names neither Korean nor English."""
    best: Language = preferred
    best_q = 0.0
    for part in accept_language.lower().split(","):
        tag, _, weight = part.strip().partition(";")
        language = tag.split("-")[0].strip()
        q = _quality(weight)
        if language in ("ko", "en") and q > best_q:
            best, best_q = ("ko" if language == "ko" else "en"), q
    return best


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
