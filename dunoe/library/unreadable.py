"""Why a file did not become passages: the one error of this room that stands in the list of errors."""

from typing import Literal

from dunoe.errors import BadRequest, Text

Why = Literal[
    "encrypted", "locked", "broken", "unsupported", "empty", "garbled", "too_big", "secret"
]


class Unreadable(BadRequest):
    """A file that cannot be read, or should not be: `code` is one of `Why`."""


def encrypted(what: Text) -> Unreadable:
    """Opens with a password only."""
    return Unreadable(
        Text(f"암호가 걸린 {what.ko}입니다", f"this {what.en} is protected by a password"),
        Text("암호를 풀어 다시 저장해 주세요", "save it again without the password"),
        code="encrypted",
    )


def locked(what: Text) -> Unreadable:
    """Made so that only its own program shows it: 배포용 문서, DRM."""
    return Unreadable(
        Text(f"잠겨 있는 {what.ko}입니다", f"this {what.en} is locked by its author"),
        Text("원본이나 PDF를 대신 넣어 주세요", "put its original or a PDF in its place"),
        code="locked",
    )


def broken(what: Text) -> Unreadable:
    """Not what it says it is, or only a part of it."""
    return Unreadable(
        Text(f"깨진 {what.ko}입니다", f"this {what.en} is damaged"),
        Text(
            "원래 프로그램에서 열리면 다시 저장해 주세요",
            "if its own program opens it, save it again",
        ),
        code="broken",
    )


def unsupported(what: Text, hint: Text) -> Unreadable:
    """Known, but not read."""
    return Unreadable(
        Text(f"{what.ko}: 읽지 않는 형식입니다", f"{what.en} is not a type that is read"),
        hint,
        code="unsupported",
    )


def secret() -> Unreadable:
    """A private key, whatever its name."""
    return Unreadable(
        Text("개인 열쇠가 들어 있어 읽지 않습니다", "it holds a private key: it is not read"),
        Text("열쇠를 빼면 읽습니다.", "it is read without the key."),
        code="secret",
    )


def empty(what: Text) -> Unreadable:
    """Whole, and without a letter: pictures only, or nothing."""
    return Unreadable(
        Text(f"글이 없는 {what.ko}입니다", f"there is no text in this {what.en}"),
        Text(
            "그림이나 스캔이면 글자 인식(OCR)을 거쳐 넣어 주세요",
            "if it is pictures or a scan, run OCR over it first",
        ),
        code="empty",
    )


def garbled(what: Text) -> Unreadable:
    """Its letters cannot be told: too many of them are no letters at all."""
    return Unreadable(
        Text(
            f"글자를 알아볼 수 없는 {what.ko}입니다", f"the letters of this {what.en} are garbled"
        ),
        Text(
            "다른 형식으로 저장하거나 글자 인식(OCR)을 거쳐 넣어 주세요",
            "save it as another type, or run OCR over it first",
        ),
        code="garbled",
    )


def too_big(what: Text) -> Unreadable:
    """Grows beyond any limit when it is unpacked."""
    return Unreadable(
        Text(f"풀면 너무 커지는 {what.ko}입니다", f"this {what.en} grows too big when unpacked"),
        Text("파일을 나누어 넣어 주세요", "split it into smaller files"),
        code="too_big",
    )
