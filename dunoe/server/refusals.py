"""What several dialects have to refuse, in the same words."""

from dunoe.errors import BadRequest, Text


def unsupported(what: str, param: str, hint: Text) -> BadRequest:
    """Something of the dialect that we do not do.

    A 400, although NotSupported exists: the openai and anthropic clients send a 5xx again, twice, in vain.
    """
    return BadRequest(
        Text(f"'{what}'은(는) 지원하지 않습니다", f"'{what}' is not supported"),
        hint,
        code="not_supported",
        param=param,
    )
