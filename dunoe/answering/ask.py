"""A question becomes a stream of events: found, packed, written, checked. docs/design/answering.md has the states."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace

from anyio.to_thread import run_sync

from dunoe.answering import fence, guard
from dunoe.answering.citations import Checker
from dunoe.answering.counting import Counter, Counts
from dunoe.answering.followup import (
    hops,
    is_vague,
    leans,
    rewritten,
    speaking_of,
    subject,
    together,
)
from dunoe.answering.masking import masked_candidates
from dunoe.answering.pack import Candidate, Packed, pack
from dunoe.answering.prompts import Prompts, Turn
from dunoe.answering.question import (
    Cited,
    Dropped,
    Ended,
    Event,
    Found,
    Piece,
    Question,
    Silent,
    Thought,
)
from dunoe.answering.quoting import in_two_lines, quote
from dunoe.answering.reader import Finding, Reader
from dunoe.answering.refusal import is_relevant
from dunoe.answering.source import Source
from dunoe.answering.veiled import veiled
from dunoe.engines import events
from dunoe.engines.engine import Engine
from dunoe.engines.request import Generation, Json
from dunoe.errors import EngineFailed, EngineTimeout, Problem, Text, TooLong, Unavailable
from dunoe.library.sureness import Features
from dunoe.portfolio.model import Model
from dunoe.portfolio.policy import policy_of

MARGIN = 16  # tokens that no counting sees: what a template adds at the very end
HISTORY_SHARE = 4  # history takes at most one of so many parts of the context
ANSWER_SHARE = 2  # and the answer's room at most one of so many
NEAREST = 3  # documents that a refusal names
NOTHING = Finding([], "", Features())  # of a question about nothing
TEMPERATURE = 0.7  # the ask contract's default

Slot = Callable[[Model], AbstractAsyncContextManager[Engine]]
Heard = Callable[[list[events.Event]], None]

_MARKER = re.compile(r"\s*\[\d{1,3}\]")  # of an earlier answer: its numbers mean nothing now


@dataclass(slots=True)
class _Draft:
    """What is known of an answer while it is being made."""

    question: Question
    prompts: Prompts
    turns: list[Turn]
    searched: str
    finding: Finding | None = None
    sources: list[Source] = field(default_factory=list)
    are_told: bool = False  # the sources have gone out: their numbers stand
    dropped: list[Dropped] = field(default_factory=list)
    room: int = 0  # tokens of the answer
    written: list[str] = field(default_factory=list)
    usage: events.Usage | None = None
    finish: str = "stop"
    warnings: list[Text] = field(default_factory=list)

    def found(self) -> Found:
        """The sources, on their way out."""
        self.are_told = True
        return Found(self.sources)

    def say(self, text: str) -> Piece:
        """Text that goes out, remembered."""
        self.written.append(text)
        return Piece(text)

    def ended(
        self, model: Model | None, checker: Checker | None = None, *, is_refusal: bool = False
    ) -> Ended:
        """The end of what was made."""
        finding = self.finding
        flagged = [told] if (told := guard.told(self.sources)) else []
        return Ended(
            answer="".join(self.written),
            model=None if model is None else model.name,
            searched=self.searched,
            is_refusal=is_refusal,
            citations=[] if checker is None else checker.citations,
            removed=0 if checker is None else checker.removed,
            dropped=self.dropped,
            usage=self.usage,
            finish=self.finish,
            modes=() if finding is None else finding.modes,
            warnings=(*(() if finding is None else finding.warnings), *flagged, *self.warnings),
        )


class Answerer:
    """Answers questions from a library.

    slot: a slot of a model, loaded if need be. engines: by name, to ask what needs no slot.
    heard: is told every batch of the answering model, to count it.
    reading: tokens of sources that are worth their prefill here.
    """

    def __init__(
        self,
        reader: Reader,
        slot: Slot,
        engines: Mapping[str, Engine],
        heard: Heard,
        counts: Counts,
        reading: int,
    ) -> None:
        self._reader, self._slot, self._heard = reader, slot, heard
        self._engines = engines
        self._counts, self._reading = counts, reading

    def answer(
        self, question: Question, turns: Sequence[Turn], model: Model | Problem
    ) -> AsyncGenerator[Event, None]:
        """The events of one answer. Close the generator and the model stops at once.

        turns: of the conversation so far, oldest first. model: or why there is none. Where its engine fails before
        it has written anything, the passages are quoted instead, if any are wanted. Raises TooLong when not even the
        question fits, whatever search raises, and what the engine raises later.
        """
        events = self._events(question, turns, model)
        return veiled(events) if question.masks else events

    async def _events(
        self, question: Question, turns: Sequence[Turn], model: Model | Problem
    ) -> AsyncGenerator[Event, None]:
        prompts = Prompts(question.language, question.role or "search")
        past = [_past(turn, question) for turn in turns]
        draft = _Draft(question, prompts, past, question.text)
        why = model
        if not isinstance(why, Problem):
            try:
                async with aclosing(self._by(why, draft)) as written:
                    async for event in written:
                        yield event
                return
            except (EngineFailed, EngineTimeout, Unavailable) as problem:
                if draft.written:
                    raise
                why = problem
        if question.uses_documents and draft.finding is None:
            draft.finding = await self._search(draft, None, None)
        async with aclosing(self._without_model(draft, why)) as written:
            async for event in written:
                yield event

    async def _by(self, model: Model, draft: _Draft) -> AsyncGenerator[Event, None]:
        """The answer that a model writes, or a refusal before it is asked."""
        question = draft.question
        await self._check(draft, model)
        async with AsyncExitStack() as stack:
            engine: Engine | None = None
            if draft.turns or question.use_multihop or not question.uses_documents:
                engine = await stack.enter_async_context(self._slot(model))
            if question.uses_documents:
                draft.finding = await self._search(draft, engine, model)
                if not _has_relevant(draft.finding):
                    for event in await _refused(draft, draft.finding):
                        yield event
                    return
            if engine is None:
                engine = await stack.enter_async_context(self._slot(model))
            async with aclosing(self._with_model(draft, engine, model)) as written:
                async for event in written:
                    yield event

    async def _search(self, draft: _Draft, engine: Engine | None, model: Model | None) -> Finding:
        question, more = draft.question, list[str]()
        if await run_sync(is_vague, draft.turns, question.text):
            return NOTHING
        alone: str | None = question.text
        if draft.turns:
            alone = None
            if engine is not None and model is not None:
                alone = await rewritten(
                    engine, model, draft.prompts, draft.turns, question.hidden(question.text)
                )
        if question.use_multihop and engine is not None and model is not None:
            seen = question.hidden(alone or question.text)
            more = await hops(engine, model, draft.prompts, seen)
        if alone is None:
            found = await self._followed(draft, more)
        else:
            draft.searched = alone
            found = await self._reader.find(question, [alone, *more])
        if not question.masks:
            return found
        return replace(found, candidates=masked_candidates(found.candidates))

    async def _followed(self, draft: _Draft, more: Sequence[str]) -> Finding:
        """What a follow-up finds that nobody has rewritten: by itself if it can stand, else with the question before.

        Of that, only what speaks of the new question: a refusal must not become an answer about the old one.
        """
        question = draft.question
        alone = await self._reader.find(question, [question.text, *more])
        if _has_relevant(alone) and not leans(question.text):
            return alone
        both = await run_sync(together, draft.turns, question.text)
        about = await run_sync(subject, draft.turns, question.text)
        found = await self._reader.find(question, [both, *more], about)
        candidates = await run_sync(speaking_of, question.text, found.candidates, about)
        is_found = candidates and is_relevant(found.features)
        if not is_found and about == question.text:
            return alone
        draft.searched = both
        return replace(found, candidates=candidates)

    async def _without_model(self, draft: _Draft, why: Problem) -> AsyncGenerator[Event, None]:
        """What can be said where no model answers: the best passages, or why that is."""
        finding, checker = draft.finding, None
        if finding is not None and not _has_relevant(finding):
            for event in await _refused(draft, finding):
                yield event
            return
        if finding is not None and not draft.are_told:
            draft.sources = (await _packed(finding.candidates)).sources
        if not draft.are_told:
            yield draft.found()
        yield Silent(why)
        if finding is not None:
            checker = Checker(draft.sources)
            text = await run_sync(quote, draft.prompts, draft.sources, finding.asked, checker)
            for citation in checker.citations:
                yield Cited(citation)
            yield draft.say(text)
        yield draft.say(in_two_lines(why, draft.question.language))
        yield draft.ended(None, checker)

    async def _with_model(
        self, draft: _Draft, engine: Engine, model: Model
    ) -> AsyncGenerator[Event, None]:
        counter = Counter(engine, model, self._counts)
        messages = await self._fitted(draft, counter, engine, model)
        checker = Checker(draft.sources)
        yield draft.found()
        async with aclosing(engine.generate(model, self._asked(draft, model, messages))) as batches:
            async for batch in batches:
                self._heard(batch)
                for event in batch:
                    for told in _told(draft, checker, event):
                        yield told
        for told in _checked(draft, checker, None):
            yield told
        if not "".join(draft.written).strip():
            draft.warnings.append(_EMPTY)
        elif draft.finish == "length" and draft.room < draft.question.max_tokens:
            draft.warnings.append(_no_room(draft.room, draft.question.max_tokens))
        yield draft.ended(model, checker)

    def _asked(self, draft: _Draft, model: Model, messages: list[Json]) -> Generation:
        policy, question = policy_of(model), draft.question
        options: Json = {
            "temperature": TEMPERATURE,
            **policy.sampling(),
            "max_tokens": draft.room,
        }
        if question.temperature is not None:
            options["temperature"] = question.temperature
        return Generation("chat", messages=messages, stream=True, options=options)

    async def _check(self, draft: _Draft, model: Model) -> None:
        """Raise TooLong for a question that can never fit, before anything is searched or loaded for it."""
        if not model.is_embedded:
            return  # to count would be to ask
        engine, alone = self._engines[model.engine], replace(draft, turns=[])
        messages = self._messages(alone, model)
        tokens = await engine.measure(model, Generation("chat", messages=messages))
        if tokens is not None:
            context = await engine.context(model)
            room = _room(draft, model, context)
            if tokens > context - room - MARGIN:
                raise _too_long(tokens, room, context)

    async def _fitted(
        self, draft: _Draft, counter: Counter, engine: Engine, model: Model
    ) -> list[Json]:
        """The prompt, with as many turns and sources as fit; raise TooLong when the question alone does not."""
        context = await engine.context(model)
        draft.room = _room(draft, model, context)
        limit = context - draft.room - MARGIN
        draft.turns = await _recent(draft.turns, counter, context // HISTORY_SHARE)
        bare = await counter.chat(self._messages(draft, model))
        if bare > limit:
            raise _too_long(bare, draft.room, context)
        if draft.finding is not None:
            packed = await pack(
                draft.finding.candidates, min(limit - bare, self._reading), counter.texts
            )
            draft.sources = packed.sources
            draft.dropped = [Dropped.of(one) for one in packed.dropped]
        messages = self._messages(draft, model)
        while draft.sources and await counter.prompt(messages) > limit:
            draft.dropped.append(Dropped.of(draft.sources.pop()))
            messages = self._messages(draft, model)
        return messages

    @staticmethod
    def _messages(draft: _Draft, model: Model) -> list[Json]:
        prompts, text = draft.prompts, draft.question.hidden(draft.question.text)
        if draft.question.uses_documents:
            return prompts.cited(model, draft.turns, draft.sources, text)
        return prompts.plain(model, draft.turns, text)


def _room(draft: _Draft, model: Model, context: int) -> int:
    """Tokens that are kept free for the answer."""
    return min(policy_of(model).room(draft.question.max_tokens), context // ANSWER_SHARE)


def _told(draft: _Draft, checker: Checker, event: events.Event) -> list[Event]:
    """Our events for one of the engine's."""
    match event:
        case events.Said():
            return _checked(draft, checker, event.text)
        case events.Thought():
            return [Thought(event.text)]
        case events.Usage():
            draft.usage = event
        case events.Finished():
            draft.finish = event.reason
    return []


def _checked(draft: _Draft, checker: Checker, text: str | None) -> list[Event]:
    """What of a text may go out, behind its citations; None: the text has ended."""
    known = len(checker.citations)
    out = checker.close() if text is None else checker.feed(text)
    cited: list[Event] = [Cited(one) for one in checker.citations[known:]]
    return [*cited, draft.say(out)] if out else cited


def _past(turn: Turn, question: Question) -> Turn:
    """An earlier turn as a model may read it: what it took from documents is no more than text here either."""
    answer = fence.escaped(_MARKER.sub("", turn.answer))
    return Turn(question.hidden(turn.question), question.hidden(answer))


async def _recent(turns: Sequence[Turn], counter: Counter, room: int) -> list[Turn]:
    """The newest turns that fit, oldest first."""
    counts = await counter.texts([f"{turn.question}\n{turn.answer}" for turn in turns])
    kept: list[Turn] = []
    for turn, count in zip(reversed(turns), reversed(counts), strict=True):
        room -= count
        if room < 0:
            break
        kept.insert(0, turn)
    return kept


def _has_relevant(finding: Finding) -> bool:
    return bool(finding.candidates) and is_relevant(finding.features)


async def _refused(draft: _Draft, finding: Finding) -> list[Event]:
    """The answer to what no document speaks of, with the nearest of them."""
    sources = (await _packed(finding.candidates)).sources
    documents = {source.document: source for source in reversed(sources)}
    nearest = sorted(documents.values(), key=lambda source: source.number)[:NEAREST]
    draft.sources = [replace(one, number=n) for n, one in enumerate(nearest, 1)]
    say = draft.prompts.say
    if finding is NOTHING:
        text = say("vague")
    elif finding.is_empty:
        text = say("empty")
    else:
        files = ", ".join(source.file for source in draft.sources)
        text = f"{say('refused')} {say('nearest', files) if files else ''}".rstrip()
    return [draft.found(), draft.say(text), draft.ended(None, is_refusal=True)]


async def _packed(candidates: Sequence[Candidate]) -> Packed:
    """Sources for a person to read: the sections that were found, as they are."""

    async def free(texts: list[str]) -> list[int]:
        return [0] * len(texts)

    alone = [replace(one, leaves=one.section) for one in candidates]
    return await pack(alone, 1_000_000, free)


def _too_long(prompt: int, answer: int, context: int) -> TooLong:
    return TooLong(
        Text(
            f"질문이 너무 깁니다: 질문 {prompt:,}토큰 + 답 {answer:,}토큰, 모델의 context는 {context:,}토큰",
            f"the question is too long: {prompt:,} tokens and {answer:,} for the answer, of {context:,}",
        ),
        Text(
            "질문을 줄이거나 모델의 context를 늘리세요.",
            "ask something shorter, or raise the model's context.",
        ),
        param="question",
        numbers={"prompt_tokens": prompt, "max_tokens": answer, "context": context},
    )


def _no_room(had: int, wanted: int) -> Text:
    return Text(
        f"모델의 context가 짧아 답의 자리가 {wanted:,}토큰이 아니라 {had:,}토큰이었고, 답이 거기서 끝났습니다.",
        f"the model's context left {had:,} tokens for the answer, not {wanted:,}, and it ended there.",
    )


_EMPTY = Text(
    "모델이 답을 쓰지 못하고 끝났습니다. max_tokens를 늘려 다시 물어 보세요.",
    "the model ended without an answer; ask again with more max_tokens.",
)
