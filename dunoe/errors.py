"""The one error tree: everything a person can act on, in Korean and in English.

    Problem
    ├── Misconfigured            a setting is wrong; dunoe does not start (exit code 2)
    ├── BadRequest 400           the caller's request cannot be understood
    │   ├── TooLong 400          the prompt does not fit the model's context
    │   └── NotSupported 400     this engine or model cannot do that (a 5xx would be sent again in vain)
    ├── Unauthorized 401         no key, or one we do not know
    ├── Forbidden 403            a known caller, not allowed to do this
    ├── NotFound 404             no such model, key or route
    ├── WrongMethod 405          the route is there, but does not take this method
    ├── TooSlow 408              the body did not arrive in time
    ├── TooLarge 413             the body is over the limit
    ├── Busy 429                 a limit or a full queue; come back after `retry_after_s`
    ├── EngineFailed 502         the engine behind us broke or said something wrong
    ├── Unavailable 503          not now: no model, still loading, shutting down
    └── EngineTimeout 504        the engine did not answer within a limit

Foreign errors become one of these at the border where they appear, `from exc`. They are put into words for the
caller in two places only: `server` and `cli`.
"""

from typing import ClassVar, Literal, NamedTuple

Language = Literal["ko", "en"]


class Text(NamedTuple):
    """One sentence in both of our languages."""

    ko: str
    en: str

    def in_(self, language: Language) -> str:
        """The sentence in one language."""
        return self.ko if language == "ko" else self.en


NOTHING = Text("", "")


class Problem(Exception):
    """Something a person can act on; `hint` says what to do next.

    kind: the OpenAI error `type`; code: its machine-readable `code`; param: the request field at fault.
    upstream: the name of the engine that said so, when it was not us.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server_error"
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: Text | str,
        hint: Text | str = NOTHING,
        *,
        code: str | None = None,
        param: str | None = None,
        upstream: str | None = None,
    ) -> None:
        self.message = message if isinstance(message, Text) else Text(message, message)
        self.hint = hint if isinstance(hint, Text) else Text(hint, hint)
        self.code = code
        self.param = param
        self.upstream = upstream
        super().__init__(self.message.en)


class Misconfigured(Problem):
    """A setting is wrong; starting would only hide it."""

    exit_code = 2


class BadRequest(Problem):
    """The request cannot be understood or carried out as it stands."""

    status = 400
    kind = "invalid_request_error"


class TooLong(BadRequest):
    """The prompt and its answer do not fit the model's context.

    numbers: tokens, as far as they are known: prompt_tokens, context, max_tokens (0: not given).
    """

    def __init__(
        self,
        message: Text | str,
        hint: Text | str = NOTHING,
        *,
        code: str = "context_length_exceeded",
        param: str | None = None,
        upstream: str | None = None,
        numbers: dict[str, int] | None = None,
    ) -> None:
        super().__init__(message, hint, code=code, param=param, upstream=upstream)
        self.numbers = numbers or {}


class NotSupported(BadRequest):
    """This engine or this model cannot do that. A 400: clients send a 5xx again, in vain."""


class Unauthorized(Problem):
    """No key, or a key we do not know."""

    status = 401
    kind = "authentication_error"


class Forbidden(Problem):
    """We know the caller, and the caller may not do this."""

    status = 403
    kind = "permission_error"


class NotFound(Problem):
    """There is no such thing here."""

    status = 404
    kind = "not_found_error"


class WrongMethod(Problem):
    """The route is there, but not for this method; `allowed` goes out as `Allow`."""

    status = 405
    kind = "invalid_request_error"

    def __init__(self, message: Text, hint: Text, *, allowed: str) -> None:
        super().__init__(message, hint, code="method_not_allowed")
        self.allowed = allowed


class TooSlow(Problem):
    """The request body did not arrive in time."""

    status = 408
    kind = "timeout_error"


class TooLarge(Problem):
    """The request body is over the limit."""

    status = 413
    kind = "invalid_request_error"


class RetryLater(Problem):
    """A refusal that time cures; `retry_after_s` (seconds, at least 1) goes out as `Retry-After`."""

    def __init__(
        self,
        message: Text | str,
        hint: Text | str = NOTHING,
        *,
        retry_after_s: float | None = None,
        code: str | None = None,
        upstream: str | None = None,
    ) -> None:
        super().__init__(message, hint, code=code, upstream=upstream)
        self.retry_after_s = retry_after_s


class Busy(RetryLater):
    """A limit is reached or a queue is full."""

    status = 429
    kind = "rate_limit_error"


class EngineFailed(Problem):
    """The engine behind us refused, broke, or said something that is not its protocol."""

    status = 502
    kind = "upstream_error"


class Unavailable(RetryLater):
    """Not now: no model is there, or the server is stopping."""

    status = 503
    kind = "service_unavailable"


class EngineTimeout(Problem):
    """The engine did not answer in time; `code` names the limit that ran out."""

    status = 504
    kind = "timeout_error"
