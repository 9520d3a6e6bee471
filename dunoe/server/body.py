"""Request bodies: read within limits, parsed, checked."""

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.types import Message, Receive

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Text, TooLarge, TooSlow
from dunoe.foreign import mistake
from dunoe.server.call import Left

Value = Any  # Any: JSON
_DEPTH = 100  # levels of JSON that we take


class Body(BaseModel):
    """A request body: fields that we read are typed, all others are let through.

    The checking code of a body is built when it is first needed: dozens of bodies would slow every start.
    """

    model_config = ConfigDict(extra="allow", defer_build=True)


class NameBody(Body):
    """A request about one model; older clients say `name`."""

    model: str | None = None
    name: str | None = None

    def named(self) -> str:
        """The name; raises BadRequest when there is none."""
        if found := self.model or self.name:
            return found
        raise BadRequest(
            Text("model이 필요합니다", "model is required"),
            Text('{"model": "이름"}으로 보내세요.', 'send {"model": "name"}.'),
            param="model",
        )


async def whole_body(receive: Receive, limit: int) -> bytes:
    """The body; raise TooLarge when it is over the limit (bytes), Left when the client is gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def parse(body: bytes, field: str = "model") -> Json:
    """The JSON object of a body; raise BadRequest with the place where it breaks.

    field: the first that it should have, for the hint.
    """
    if not body:
        raise BadRequest(
            Text("요청 본문이 비어 있습니다", "missing request body"),
            Text("JSON 객체를 보내세요.", "send a JSON object."),
            code="missing_body",
        )
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        _check_letters(body)
        raise BadRequest(
            Text(
                f"JSON이 아닙니다: {exc.lineno}번째 줄 {exc.colno}번째 글자 ({exc.msg})",
                f"not JSON: line {exc.lineno} column {exc.colno} ({exc.msg})",
            ),
            Text("그 자리의 따옴표와 쉼표를 확인하세요.", "look at the quotes and commas there."),
            code="invalid_json",
        ) from exc
    if not isinstance(found, dict):
        raise BadRequest(
            Text("JSON 객체여야 합니다", "the body must be a JSON object"),
            Text(f'{{"{field}": …}} 꼴로 보내세요.', f'send {{"{field}": …}}.'),
            code="invalid_json",
        )
    if body.count(b"[") + body.count(b"{") > _DEPTH and _is_deep(found):
        raise BadRequest(
            Text(
                f"JSON이 {_DEPTH}단계보다 깊습니다",
                f"the JSON is nested deeper than {_DEPTH} levels",
            ),
            Text("중첩을 줄여서 보내세요.", "send it with less nesting."),
            code="invalid_json",
        )
    return found


def _check_letters(body: bytes) -> None:
    """Raise BadRequest with the place of the first byte that is no UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError as exc:
        raise BadRequest(
            Text(
                f"UTF-8이 아닌 바이트가 있습니다 ({exc.start + 1}번째 바이트)",
                f"not UTF-8: byte {exc.start + 1}",
            ),
            Text("본문을 UTF-8로 보내세요.", "send the body as UTF-8."),
            code="invalid_json",
        ) from exc


def _is_deep(found: Value) -> bool:
    """True for what could be read but not written again: orjson writes 254 levels, engines take less."""
    level = [found]
    for _ in range(_DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for ones in inner for one in ones if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def check(model: type[BaseModel], raw: Json) -> BaseModel:
    """The checked body; raise BadRequest naming the first field that is wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        said = mistake(first)
        name = ".".join(str(step) for step in first["loc"][:4]) or "body"
        hint = Text("이 필드의 형식을 확인하세요.", "check the type of this field.")
        if first["type"] == "extra_forbidden" and name in raw:
            known = ", ".join(model.model_fields)
            hint = Text(f"아는 이름: {known}", f"known are {known}")
        raise BadRequest(
            Text(f"'{name}' 값이 맞지 않습니다: {said.ko}", f"'{name}': {said.en}"),
            hint,
            code="invalid_field",
            param=name,
        ) from exc


def too_large(limit: int) -> TooLarge:
    """The body is over the limit (bytes)."""
    return TooLarge(
        Text(f"요청이 너무 큽니다 (한도 {limit:,}바이트)", f"the request is over {limit:,} bytes"),
        Text(
            "설정의 server.body_limit을 올리거나 나누어 보내세요.",
            "raise server.body_limit or send less.",
        ),
        code="body_too_large",
    )


def too_slow(limit_s: float) -> TooSlow:
    """The body did not arrive in time."""
    return TooSlow(
        Text(
            f"요청 본문이 {limit_s:g}초 안에 다 오지 않았습니다",
            f"the request body did not arrive within {limit_s:g} s",
        ),
        Text(
            "다시 보내거나 설정의 timeouts.body_s를 늘리세요.",
            "send it again, or raise timeouts.body_s in the settings.",
        ),
        code="body_timeout",
    )
