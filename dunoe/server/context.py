"""Whether a request fits its model's context: told before it queues, with the numbers. See docs/design/context.md."""

import logging
from dataclasses import replace
from typing import NamedTuple

from dunoe.engines.engine import Engine
from dunoe.engines.request import Embedding, Generation, Json, Reranking, has_media
from dunoe.errors import NotSupported, Text, TooLong
from dunoe.portfolio.model import Model
from dunoe.server.endpoint import Asked
from dunoe.server.truncation import POLICIES, Cut, Measure, Policy, could_cut, cut, read_policy

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
            raise too_long(tokens, context, param="input")
        told.append({"policy": "end", "text": number, "cut_tokens": tokens - context})
    _note(asked, told, "texts")
    return told


async def fitted_documents(
    asked: Asked, model: Model, wanted: Reranking
) -> tuple[Reranking, list[Json]]:
    """The documents as the model can take them, and what was taken out of those that had to be cut.

    Notes the tokens on the call. Raises TooLong, which says of which document, or that it is the query.
    """
    policy = asked_policy(asked)
    engine = asked.brain.engines[model.engine]
    lengths = await engine.pairs(model, wanted)
    if lengths is None:
        return wanted, []  # the engine counts, and refuses what is too long
    context, documents = await engine.context(model), [*wanted.documents]
    measured = _pair_measure(engine, model, wanted.query)
    over = [number for number, tokens in enumerate(lengths) if tokens > context]
    if over and (alone := await measured(Generation("complete", prompt=""))) >= context:
        raise too_long(alone, context, param="query", before="query: ")
    told: list[Json] = []
    for number in over:
        tokens, whole = lengths[number], Generation("complete", prompt=documents[number])
        shorter = await cut(whole, policy, context, measured) if policy else None
        if shorter is None:
            ways = await _ways(whole, policy, context, measured)
            raise _document_too_long(number, tokens, context, ways)
        documents[number], lengths[number] = str(shorter.ask.prompt), await measured(shorter.ask)
        cost = {**shorter.told, "cut_tokens": tokens - lengths[number]}
        told.append({"policy": policy, "document": number, **cost})
    asked.call.counted_tokens = sum(lengths)
    _note(asked, told, "documents")
    return Reranking(wanted.query, documents), told


def _pair_measure(engine: Engine, model: Model, query: str) -> Measure:
    """How long a document is with the query."""

    async def measured(ask: Generation) -> int:
        found = await engine.pairs(model, Reranking(query, [str(ask.prompt)]))
        if found is None:
            raise _uncountable(model)
        return found[0]

    return measured


def _note(asked: Asked, told: list[Json], what: str) -> None:
    """The header of what was cut, where anything was."""
    if told:
        tokens = sum(one["cut_tokens"] for one in told)
        mark = f"{told[0]['policy']}; {what}={len(told)}; tokens={tokens}"
        asked.wire.marks.append((b"x-dunoe-truncated", mark.encode()))


class _Ways(NamedTuple):
    """The policy that could not make it fit, if one was asked for; those that can."""

    tried: Policy | None = None
    open: tuple[Policy, ...] = ()

    def hint(self, hint: Text) -> Text:
        """What else to do, with what of these."""
        ko, en = hint.ko, hint.en
        if self.tried is not None:
            ko += f" '{self.tried}'(으)로 잘라도 들어가지 않습니다."
            en += f" '{self.tried}' cannot make it fit."
        if self.open:
            first, *rest = self.open
            ko_or = "".join(f"(또는 {one})" for one in rest)
            en_or = "".join(f" (or {one})" for one in rest)
            ko += f" 잘라도 되면 'x-dunoe-truncate: {first}'{ko_or} 머리말을 붙이세요."
            en += f" Where it may be cut, add the header 'x-dunoe-truncate: {first}'{en_or}."
        return Text(ko, en)


_NONE = _Ways()


async def _ways(ask: Generation, tried: Policy | None, room: int, measure: Measure) -> _Ways:
    others = [one for one in POLICIES if one != tried]
    return _Ways(tried, tuple([one for one in others if await could_cut(ask, one, room, measure)]))


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
        room = context - max(1, min(wanted, context // 4))
        if self.policy is None:
            raise await self._too_long(ask, tokens, context, room)
        told: Json = {"policy": "max_tokens", "context": context}
        if tokens >= context:
            shorter = await cut(ask, self.policy, room, self._measured)
            if shorter is None:
                raise await self._too_long(ask, tokens, context, room)
            ask = shorter.ask
            told |= {"policy": self.policy, **shorter.told, "cut_tokens": tokens}
            tokens = await self._measured(ask)
            told["cut_tokens"] -= tokens
        told["prompt_tokens"] = tokens
        if tokens + wanted > context:
            told["max_tokens"] = context - tokens
            ask = replace(ask, options={**ask.options, "max_tokens": context - tokens})
        return Cut(ask, told)

    async def _too_long(self, ask: Generation, tokens: int, context: int, room: int) -> TooLong:
        ways = _Ways(open=POLICIES)  # only the answer is too long: any of them makes that shorter
        if tokens >= context:
            ways = await _ways(ask, self.policy, room, self._measured)
        return too_long(tokens, context, _wanted(ask), param=self.said_in, ways=ways)

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
    before: str = "",
    ways: _Ways = _NONE,
) -> TooLong:
    """What a caller hears whose request does not fit; the words that clients look for are in it.

    before: which part of the request it is.
    """
    numbers = {"prompt_tokens": prompt_tokens, "context": context, "max_tokens": max_tokens}
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
    if prompt_tokens < context:
        param = "max_tokens"
    return TooLong(message, ways.hint(hint), param=param, numbers=numbers)


def _document_too_long(number: int, tokens: int, context: int, ways: _Ways) -> TooLong:
    before = f"documents[{number}]: "
    problem = too_long(tokens, context, param="documents", before=before, ways=ways)
    problem.numbers["document"] = number
    return problem


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
