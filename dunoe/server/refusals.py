"""What several dialects have to refuse, in the same words."""

from dunoe.errors import NotSupported, Text


def unsupported(what: str, param: str, hint: Text) -> NotSupported:
    """Something of the dialect that we do not do."""
    return NotSupported(
        Text(f"'{what}'은(는) 지원하지 않습니다", f"'{what}' is not supported"),
        hint,
        code="not_supported",
        param=param,
    )
