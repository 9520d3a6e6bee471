"""A question that leans on the conversation, made into one that can be searched."""

import re
from collections.abc import Sequence
from contextlib import aclosing

from anyio import fail_after
from anyio.to_thread import run_sync

from dunoe.answering.citations import content
from dunoe.answering.pack import Candidate
from dunoe.answering.prompts import Prompts, Turn
from dunoe.engines.engine import Engine
from dunoe.engines.events import Said
from dunoe.engines.request import Generation, Json
from dunoe.errors import Problem
from dunoe.library import bm25, terms
from dunoe.portfolio.model import Model

LENGTH = 300  # letters; a rewritten question that is longer is babble
TOKENS = 96
LINES = 5  # among which the rewritten question is looked for
HOPS = 3
TURNS = 3  # earlier turns that a question may lean on
TALK = 10_000  # letters of them that are compared
# Of a rewritten question's terms that must have been said before, and of the question's own that must be in it.
SHARE = 0.5
WAIT_S = 30.0  # that a person would wait for a better search

_THINKING = re.compile(r".*</think(?:ing)?>|<think(?:ing)?>.*", re.DOTALL)  # that came as text
# What stands before a question instead of being a part of it: "Sure! Here is:", "알겠습니다. 고친 질문:", "네!"
_POLITE = r"(?:sure|okay|certainly|of course|네|예|물론(?:입니다|이죠)|알겠습니다)(?=\s*[,.!:])"
_LABEL = (
    r"here(?:'s| is)|다음은|(?:고친|다시 쓴|마지막) ?질문|질문|(?:(?:rewritten|last) )?question"
)
_LEAD_IN = re.compile(
    rf"^[\s*]*(?:(?:{_POLITE}|{_LABEL})[^:?]{{0,60}}:(?=[\s*])|(?:{_LABEL})[\s*]*:|{_POLITE}[,.!])[\s*]*",
    re.I,
)
_MARKS = " \t>\"'“”`*"


# Words that say nothing of what is asked, beside those of `bm25.ASKING`.
_COMMON = (
    "되 하 있 없 알 보 주 같 좋 많 며칠 몇 그럼 경우 때 수 것 거 그 이 더 다 또 너 당신 이름 예시 예 들 다르 차이 이유 "
    "방법 뜻 의미 설명 자세히 좀 정말 진짜 맞 쓰"
)
_COMMON_EN = (
    "about example difference different mean explain more tell then so else many much name s"
)
_EMPTY = bm25.ASKING.union(map(terms.word, _COMMON.split()), terms.read(_COMMON_EN).names)
_HAN = re.compile(f"[{terms.HAN}]")  # whose words we do not tell apart
_THAT = r"(?:그|이|저)(?:건|게|것|거|때|곳|중|들|분|\s)|그(?:럼|러면|렇다면|래서|녀)|거[기긴]|여기"
_THAT_EN = "(?:and|then|so|what about|how about|its?|they|them|that|those|these|this|there|he|she)"
_LEANING = re.compile(rf"\s*(?:{_THAT}|{_THAT_EN}\b)", re.IGNORECASE)
_CUT_SHORT = re.compile(r"\s*\S+(?:(?:은|는|도|이?요)[\s?.!]*|\s*\?+\s*)")  # "숙박비는?", "이자율?"


async def rewritten(
    engine: Engine, model: Model, prompts: Prompts, turns: Sequence[Turn], question: str
) -> str | None:
    """The question so that it stands alone; None where the model fails, takes too long or babbles."""
    told = turns[-TURNS:]
    said = await _said(engine, model, prompts.rewrite(told, question))
    return await run_sync(_asked, said, told, question)


def _asked(said: str, turns: Sequence[Turn], question: str) -> str | None:
    """The first line of what a model said that is the question, without what stands around it."""
    lines = (_LEAD_IN.sub("", line).strip(_MARKS) for line in said.split("\n"))
    some = [line for line in lines if line and len(line) <= LENGTH][:LINES]
    return next((line for line in some if _is_of(line, turns, question)), None)


def _is_of(line: str, turns: Sequence[Turn], question: str) -> bool:
    """Whether it asks what was asked, of what was spoken of; what a model makes up would find nothing, or anything."""
    talk = " ".join([*(f"{turn.question} {turn.answer}" for turn in turns), question])
    said = content(line)
    own = _own(question)
    if not said.all or len(own & said.all) < SHARE * len(own):
        return False  # it answers, or asks for something else
    return said.share(content(talk[-TALK:])) >= SHARE


def together(turns: Sequence[Turn], question: str) -> str:
    """The last question that stands alone, what was asked of it, and this, for a search without a model."""
    said = [turn.question[:LENGTH] for turn in turns]
    topic = next((at for at in reversed(range(len(said))) if not leans(said[at])), 0)
    return " ".join([*said[topic : topic + 1], *said[topic + 1 :][-TURNS:], question])


def subject(turns: Sequence[Turn], question: str) -> str:
    """The last question that has a word of its own: what is spoken of now, and where in a passage to look."""
    asked = (question, *(turn.question[:LENGTH] for turn in reversed(turns)))
    return next((one for one in asked if _own(one)), question)


def leans(question: str) -> bool:
    """Whether a question says by itself that it goes on: "그건", "숙박비는?", or no word of its own."""
    if _LEANING.match(question) or _CUT_SHORT.fullmatch(question):
        return True
    return not _own(question)


def speaking_of(question: str, candidates: Sequence[Candidate], about: str = "") -> list[Candidate]:
    """Those that have what this question asks for, and not what the one before it did.

    That is a word of its own; of a question that seems to stand alone, more than half of them. about: its subject, if
    it has no such word.
    """
    own = _own(about or question)
    least = min(1, len(own)) if leans(question) else len(own) // 2 + 1
    return [one for one in candidates if len(own & _said_by(one)) >= least]


def is_vague(turns: Sequence[Turn], question: str) -> bool:
    """Whether nobody could say what is asked: no word of its own, here or in the questions before."""
    asked = (question, *(turn.question[:LENGTH] for turn in turns))
    return not any(_own(one) or _HAN.search(one) for one in asked)


def _own(question: str) -> frozenset[int]:
    """The words of what is asked. A Latin one in a Korean question is a name: "this가 뭐야?"."""
    said = content(question)
    return said.words - _EMPTY | said.names if said.words else said.names - _EMPTY


def _said_by(candidate: Candidate) -> frozenset[int]:
    part = candidate.leaf.part
    return content("\n".join([candidate.title, *part.headings, part.text])).all


async def hops(engine: Engine, model: Model, prompts: Prompts, question: str) -> list[str]:
    """What should be looked up to answer a question; [] where the model fails."""
    said = await _said(engine, model, prompts.hops(question), TOKENS * 2)
    lines = (line.strip(' -*•"').lstrip("0123456789.) ") for line in said.split("\n"))
    return [line for line in lines if 0 < len(line) <= LENGTH][:HOPS]


async def _said(engine: Engine, model: Model, messages: list[Json], tokens: int = TOKENS) -> str:
    ask = Generation(
        "chat",
        messages=messages,
        stream=True,
        options={"temperature": 0.0, "max_tokens": tokens},
        think=False,
    )
    said = ""
    try:
        with fail_after(WAIT_S):
            async with aclosing(engine.generate(model, ask)) as batches:
                async for batch in batches:
                    said += "".join(event.text for event in batch if isinstance(event, Said))
    except (Problem, TimeoutError):
        return ""  # the search goes on with the words of the person
    return _THINKING.sub("", said)
