"""What a caller reads when the scheduler refuses."""

import copy
from collections.abc import Mapping

from dunoe.errors import Busy, Problem, Text, Unavailable
from dunoe.portfolio.model import Model
from dunoe.residency.scheduler import Refuse


def refusal(refused: Refuse, model: Model, budgets: Mapping[str, int]) -> Problem:
    """The Problem to raise for it."""
    if refused.why == "load_failed" and refused.failure is not None:
        if refused.retry_after_s is not None:
            return _left_alone(refused.failure, refused.retry_after_s)
        return copy.copy(
            refused.failure
        )  # one instance raised by many would gather their tracebacks
    if refused.why == "too_big":
        return _too_big(model, budgets)
    if refused.why == "full":
        return Busy(
            Text("기다리는 요청이 너무 많습니다", "too many requests are waiting"),
            Text(
                f"약 {refused.retry_after_s}초 뒤에 다시 보내거나 [queue] length를 늘리세요.",
                f"try again in about {refused.retry_after_s} s, or raise [queue] length.",
            ),
            retry_after_s=refused.retry_after_s,
            code="queue_full",
        )
    if refused.why == "too_long":
        return Unavailable(
            Text(
                f"모델 '{model.name}'의 차례가 제때 오지 않았습니다",
                f"the model '{model.name}' did not become free in time",
            ),
            Text(
                f"약 {refused.retry_after_s}초 뒤에 다시 보내거나 [queue] wait_s를 늘리세요.",
                f"try again in about {refused.retry_after_s} s, or raise [queue] wait_s.",
            ),
            retry_after_s=refused.retry_after_s,
            code="queue_timeout",
        )
    return Unavailable(
        Text("서버가 종료되는 중입니다", "the server is stopping"),
        Text("다시 시작된 뒤에 보내세요.", "try again when it has started."),
        code="stopping",
    )


def _left_alone(failure: Problem, wait_s: int) -> Problem:
    """It failed to load so often that nobody tries for a while; the cause is what it was."""
    hint = Text(
        f"{failure.hint.ko} {wait_s}초 뒤에 온 요청부터 다시 올려 봅니다.".strip(),
        f"{failure.hint.en} It is tried again with the first request after {wait_s} s.".strip(),
    )
    return Unavailable(
        failure.message,
        hint,
        retry_after_s=wait_s,
        code=failure.code,
        upstream=failure.upstream,
    )


def _too_big(model: Model, budgets: Mapping[str, int]) -> Problem:
    card = str(model.card)
    needs, has = _gib(model.footprint), _gib(budgets[card])
    return Unavailable(
        Text(
            f"모델 '{model.name}'은(는) {needs}가 필요한데 '{card}'의 예산은 {has}입니다",
            f"the model '{model.name}' needs {needs}, and the budget of '{card}' is {has}",
        ),
        Text(
            "더 작은 양자화나 더 짧은 context를 쓰거나, 맞는다면 모델의 footprint 또는 예산(vram)을 고치세요.",
            "use a smaller quantisation or a shorter context, or correct the model's footprint or the budget (vram).",
        ),
        code="model_too_big",
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
