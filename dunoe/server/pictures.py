"""Pictures in a request, made into OpenAI image parts that carry their own bytes."""

import base64
import binascii

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Text
from dunoe.server.refusals import unsupported

_SEND = Text(
    "PNG, JPEG, WebP, GIF 파일을 base64로 보내세요.",
    "send a PNG, JPEG, WebP or GIF file as base64.",
)


def picture(encoded: str, param: str) -> Json:
    """The part for base64 bytes, with or without `data:…;base64,` before them.

    What kind of picture it is, its first bytes say. Raises BadRequest naming `param`.
    """
    if encoded.startswith("data:"):
        encoded = encoded.partition(",")[2]
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadRequest(
            Text(f"'{param}'은(는) 올바른 base64가 아닙니다", f"'{param}' is not valid base64"),
            _SEND,
            param=param,
        ) from exc
    kind = _kind(content)
    if kind is None:
        raise BadRequest(
            Text(
                f"'{param}'은(는) 알 수 없는 이미지 형식입니다",
                f"'{param}' is no picture format that we know",
            ),
            _SEND,
            param=param,
        )
    return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{encoded}"}}


def linked_picture(url: str, param: str) -> Json:
    """The part for a data URI. Other addresses are refused: we fetch nothing for a caller."""
    if not url.startswith("data:"):
        raise unsupported("image URL", param, _SEND)
    return picture(url, param)


def _kind(content: bytes) -> str | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "webp"
    return None
