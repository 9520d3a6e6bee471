"""Whether a request fits its model's context: told before it queues, with the numbers. See docs/design/context.md."""

import logging
from dataclasses import replace

from dunoe.engines.engine import Engine
from dunoe.engines.request import Embedding, Generation, Json, Reranking, has_media
from dunoe.errors import NotSupported, Text, TooLong
from dunoe.portfolio.model import Model
from dunoe.server.endpoint import Asked
from dunoe.server.truncation import Cut, Policy, cut, read_policy

log = logging.getLogger("dunoe.server")


async def fitted(
    asked: Asked, model: Model, asks: list[Generation], wished: str = ""
) -> tuple[list[Generation], list[Json]]:
    """The requests as the model can take them, and what was taken out of each that had to be cut.

    wished: a policy that the body named; the header goes before it, the setting behind.
    Notes the prompts' tokens on the call. Raises TooLong, or BadRequest for a policy that nobody knows.
    """
    policy = asked_policy(asked, wished)
    if policy is None and not model.is_embedded:
        return asks, []  # the engine counts, and refuses what is too long
    said_in = next((name for name in ("messages", "input", "prompt") if name in asked.raw), "")
    fitting = _Fitting(asked.brain.engines[model.engine], model, policy, said_in)
    cuts = [await fitting.one(ask) for ask in asks]
    if fitting.is_whole:
        asked.call.counted_tokens = fitting.tokens
    elif any(has_media(message) for ask in asks for message in ask.messages):
        asked.wire.marks.append((b"x-dunoe-uncounted", b"media"))
        log.info("request %s: its pictures were left for the engine to count", asked.call.id)
    told = [one.told for one in cuts if one.told]
    if told:
        asked.wire.marks.append((b"x-dunoe-truncated", _mark(told).encode()))
    return [one.ask for one in cuts], told


def asked_policy(asked: Asked, wished: str = "") -> Policy | None:
    """What the header says, else `wished`, else the setting; raises BadRequest for a policy that nobody knows."""
    header = asked.call.header(b"x-dunoe-truncate").strip().lower()
    return read_policy(header or wished or asked.brain.settings.server.truncate)


async def fitted_texts(asked: Asked, model: Model, wanted: Embedding) -> list[Json]:
    """What the engine will leave out of texts that it cannot embed whole, marked in the header.

    Raises TooLong where they may not be cut.
    """
    told: list[Json] = []
    asked_policy(asked)  # none of them is for texts to embed, but a slip is told
    if not model.is_embedded:
        return told
    engine = asked.brain.engines[model.engine]
    for number, text in enumerate(wanted.inputs):
        tokens = await engine.measure(model, Generation("complete", prompt=text))
        if tokens is None or tokens <= (context := await engine.context(model)):
            continue
        if not wanted.truncate:
            raise too_long(tokens, context, param="input", may_be_cut=False)
        told.append({"policy": "end", "text": number, "cut_tokens": tokens - context})
    _note(asked, told, "texts")
    return told


async def fitted_documents(
    asked: Asked, model: Model, wanted: Reranking
) -> tuple[Reranking, list[Json]]:
    """The documents as the model can take them, and what was taken out of those that had to be cut.

    Notes the tokens on the call. Raises TooLong, which says of which document.
    """
    policy = asked_policy(asked)
    engine = asked.brain.engines[model.engine]
    lengths = await engine.pairs(model, wanted)
    if lengths is None:
        return wanted, []  # the engine counts, and refuses what is too long
    context, documents = await engine.context(model), [*wanted.documents]
    told: list[Json] = []

    async def measured(ask: Generation) -> int:
        found = await engine.pairs(model, Reranking(wanted.query, [str(ask.prompt)]))
        if found is None:
            raise _uncountable(model)
        return found[0]

    for number, tokens in enumerate(lengths):
        if tokens <= context:
            continue
        whole = Generation("complete", prompt=documents[number])
        shorter = await cut(whole, policy, context, measured) if policy else None
        if shorter is None:
            raise too_long(tokens, context, document=number, may_be_cut=policy is None)
        documents[number], lengths[number] = str(shorter.ask.prompt), await measured(shorter.ask)
        cost = {**shorter.told, "cut_tokens": tokens - lengths[number]}
        told.append({"policy": policy, "document": number, **cost})
    asked.call.counted_tokens = sum(lengths)
    _note(asked, told, "documents")
    return Reranking(wanted.query, documents), told


def _note(asked: Asked, told: list[Json], what: str) -> None:
    """The header of what was cut, where anything was."""
    if told:
        tokens = sum(one["cut_tokens"] for one in told)
        mark = f"{told[0]['policy']}; {what}={len(told)}; tokens={tokens}"
        asked.wire.marks.append((b"x-dunoe-truncated", mark.encode()))


class _Fitting:
    """One call's requests, one after another. said_in: the field of the body that has the prompt."""

    def __init__(self, engine: Engine, model: Model, policy: Policy | None, said_in: str) -> None:
        self.engine, self.model, self.policy, self.said_in = engine, model, policy, said_in
        self.tokens = 0
        self.is_whole = True  # every prompt so far could be counted

    async def one(self, ask: Generation) -> Cut:
        tokens = await self.engine.measure(self.model, ask)
        if tokens is None:
            self.is_whole = False
            return self._unmeasured(ask)
        context = await self.engine.context(self.model)
        found = await self._fit(ask, tokens, context)
        self.tokens += found.told.get("prompt_tokens", tokens)
        return found

    async def _fit(self, ask: Generation, tokens: int, context: int) -> Cut:
        wanted = _wanted(ask)
        if tokens + max(1, wanted) <= context:
            return Cut(ask, {})
        if self.policy is None:
            raise self._too_long(ask, tokens, context)
        told: Json = {"policy": "max_tokens", "context": context}
        if tokens >= context:
            shorter = await cut(
                ask, self.policy, context - max(1, min(wanted, context // 4)), self._measured
            )
            if shorter is None:
                raise self._too_long(ask, tokens, context)
            ask = shorter.ask
            told |= {"policy": self.policy, **shorter.told, "cut_tokens": tokens}
            tokens = await self._measured(ask)
            told["cut_tokens"] -= tokens
        told["prompt_tokens"] = tokens
        if tokens + wanted > context:
            told["max_tokens"] = context - tokens
            ask = replace(ask, options={**ask.options, "max_tokens": context - tokens})
        return Cut(ask, told)

    def _too_long(self, ask: Generation, tokens: int, context: int) -> TooLong:
        may_be_cut = self.policy is None and ask.task != "infill"
        wanted, param = _wanted(ask), self.said_in
        return too_long(tokens, context, wanted, param=param, may_be_cut=may_be_cut)

    async def _measured(self, ask: Generation) -> int:
        found = await self.engine.measure(self.model, ask)
        if found is None:
            raise _uncountable(self.model)
        return found

    def _unmeasured(self, ask: Generation) -> Cut:
        if self.policy is not None and not self.model.is_embedded:
            raise _uncountable(self.model)
        return Cut(ask, {})


def _wanted(ask: Generation) -> int:
    """Tokens of answer that were asked for; 0 where nobody said how many."""
    wanted = ask.options.get("max_tokens")
    return wanted if isinstance(wanted, int) and wanted > 0 else 0


def too_long(
    prompt_tokens: int,
    context: int,
    max_tokens: int = 0,
    *,
    param: str = "",
    document: int | None = None,
    may_be_cut: bool = True,
) -> TooLong:
    """What a caller hears whose request does not fit; the words that clients look for are in it.

    document: which one it was, of those to rerank.
    """
    numbers = {"prompt_tokens": prompt_tokens, "context": context, "max_tokens": max_tokens}
    before = ""
    if document is not None:
        param, before = "documents", f"documents[{document}]: "
        numbers["document"] = document
    if prompt_tokens >= context:
        ko = f"글이 너무 깁니다: {prompt_tokens:,}토큰, 모델의 context는 {context:,}토큰"
        en = f"prompt is too long: {prompt_tokens:,} tokens"
    else:
        ko = f"max_tokens가 너무 큽니다: 글 {prompt_tokens:,} + 답 {max_tokens:,}토큰, 모델의 context는 {context:,}토큰"
        en = f"max_tokens does not fit: {prompt_tokens:,} tokens of prompt and {max_tokens:,} of answer"
    en = f"{en}; this model's maximum context length is {context:,} tokens"
    # The English has the words that clients look for.
    message = Text(f"{before}{ko} ({en})", before + en)
    hint = Text("글이나 max_tokens를 줄이세요.", "send less, or ask for less.")
    if not max_tokens:
        hint = Text("글을 나누거나 줄이세요.", "send less, or in pieces.")
    if may_be_cut:
        hint = Text(
            f"{hint.ko} 잘라도 되면 'x-dunoe-truncate: oldest'(또는 middle) 머리말을 붙이세요.",
            f"{hint.en} Where it may be cut, add the header 'x-dunoe-truncate: oldest' (or middle).",
        )
    if prompt_tokens < context:
        param = "max_tokens"
    return TooLong(message, hint, code="context_length_exceeded", param=param, numbers=numbers)


def _uncountable(model: Model) -> NotSupported:
    return NotSupported(
        Text(
            f"엔진 '{model.engine}'은(는) 토큰을 세어 주지 않아 '{model.name}'에 보낼 글을 자를 수 없습니다",
            f"engine '{model.engine}' counts no tokens, so nothing for '{model.name}' can be cut",
        ),
        Text("x-dunoe-truncate 없이 보내세요.", "send it without x-dunoe-truncate."),
        param="x-dunoe-truncate",
    )


def _mark(told: list[Json]) -> str:
    """The header: the policy, and what it cost."""
    first = told[0]
    numbers = {
        "messages": sum(len(one.get("messages") or one.get("texts") or ()) for one in told),
        "tokens": sum(one.get("cut_tokens", 0) for one in told),
        "max_tokens": min((one["max_tokens"] for one in told if "max_tokens" in one), default=0),
    }
    return "; ".join(
        [first["policy"], *(f"{name}={value}" for name, value in numbers.items() if value)]
    )
