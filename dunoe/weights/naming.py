"""What a model and its files are called: one file, or parts such as `x-00001-of-00003.gguf`."""

import re
import unicodedata
from pathlib import Path

from dunoe.errors import BadRequest, Text
from dunoe.settings import RESERVED

SUFFIX = ".gguf"
NAME_LIMIT = 180  # bytes; a file name has 255, and parts and endings need some of them
PART_LIMIT = 1000

_NAME = re.compile(r"[A-Za-z0-9가-힣][A-Za-z0-9가-힣._:+-]*")
_PART = re.compile(r"(?P<model>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})")


def checked_name(name: str) -> str:
    """A name for a new model, Hangul composed; raises `BadRequest` for one that is none.

    A name that looks like a part's is refused too: it would hide among the parts. So is one that means another
    model, such as a role's: nobody could ever call it.
    """
    composed = unicodedata.normalize("NFC", name)
    is_short = len(composed.encode("utf-8", "replace")) <= NAME_LIMIT
    is_free = composed not in RESERVED
    if is_free and is_short and _NAME.fullmatch(composed) and not _PART.fullmatch(composed):
        return composed
    if composed in RESERVED:
        raise BadRequest(
            Text(
                f"'{composed}'은(는) 다른 모델을 가리키는 이름입니다",
                f"'{composed}' is a name that stands for another model",
            ),
            Text("다른 이름을 고르세요.", "choose another name."),
        )
    raise BadRequest(
        Text(f"모델 이름으로 쓸 수 없습니다: {name[:80]!r}", f"not a model's name: {name[:80]!r}"),
        Text(
            "글자(한글·영문), 숫자와 . _ : + - 만 쓰고 글자나 숫자로 시작하세요.",
            "use letters (Hangul too), digits and . _ : + - and begin with a letter or digit.",
        ),
    )


def model_of(stem: str) -> str:
    """The model that a file belongs to: its stem, Hangul composed, without the number of a part."""
    found = _PART.fullmatch(stem)
    return unicodedata.normalize("NFC", found["model"] if found else stem)


def part_of(stem: str) -> tuple[int, int]:
    """(number, count) of a part; (1, 1) for a file that is a whole model."""
    found = _PART.fullmatch(stem)
    return (int(found["number"]), int(found["count"])) if found else (1, 1)


def parts_of(file: Path) -> tuple[Path, ...]:
    """Every file of the model that this one is a part of, first part first; a whole model is its only one."""
    stem = file.name.removesuffix(SUFFIX)
    number, count = part_of(stem)
    if not 1 <= number <= count <= PART_LIMIT or count == 1:
        return (file,)
    names = file_names(stem[: -len("-00001-of-00001")], count)
    return tuple(file.with_name(name) for name in names)


def file_names(model: str, count: int) -> tuple[str, ...]:
    """The files of a model in `count` parts, first part first."""
    if count == 1:
        return (model + SUFFIX,)
    return tuple(f"{model}-{n:05d}-of-{count:05d}{SUFFIX}" for n in range(1, count + 1))
