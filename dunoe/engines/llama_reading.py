"""What a GGUF model reads of a request, without the model: its template, its vocabulary, its context.

Reading a vocabulary takes a moment and some memory, so the last few are kept. See docs/design/context.md.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from dunoe.engines.llama_pairs import Pairs
from dunoe.engines.llama_pictures import Eye
from dunoe.engines.llama_server import written
from dunoe.engines.request import Counted, Counting, Generation, Json, Reranking
from dunoe.errors import Problem
from dunoe.portfolio.memory import context_of
from dunoe.portfolio.model import Model
from dunoe.weights.chat.template import Template, TemplateFailed
from dunoe.weights.header import Header, read_header
from dunoe.weights.memory.footprint import padded
from dunoe.weights.tokenizing.tokenizer import Tokenizer, Tokenizers

log = logging.getLogger(__name__)

KEPT = 4  # readers; a vocabulary of 150,000 tokens is some 100 MB
_MARK = f"<__{token_hex(8)}__>"  # nobody writes it, so it stands for a picture
MARKS = 3  # before the prefix, between, and where the gap's text is to come


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for one model, one request at a time. context: tokens of one slot, as llama.cpp will make it."""

    tokenizer: Tokenizer
    template: Template
    pairs: Pairs
    eye: Eye | None
    context: int
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def length(self, ask: Generation, model: Model) -> int | None:
        """Tokens of a request's prompt; None where only llama.cpp can tell."""
        if ask.task == "infill":
            return self._around_gap(ask)
        if ask.task == "complete":
            return len(ask.prompt if isinstance(ask.prompt, list) else self._whole(ask.prompt))
        found = self.chat(written(model, ask))
        return None if found is None else found.count

    def chat(self, body: Json) -> Counted | None:
        """The prompt of a chat, in the words of a llama-server; None where its template says no: llama.cpp has the last
        word on that, and on pictures that we cannot count. Raises TemplateFailed for one that does not come to an end.
        """
        pictures: list[Json] = []
        text = self._rendered(body, [_marked(message, pictures) for message in body["messages"]])
        if text is None:
            return None
        if pictures:
            return self._seen(text.split(_MARK), pictures)
        tokens = self._whole(text)
        return Counted(len(tokens), tokens)

    def _seen(self, texts: list[str], pictures: list[Json]) -> Counted | None:
        """Each text is read by itself, as are a picture's edges."""
        if self.eye is None or len(texts) != len(pictures) + 1:
            return None
        seen = [self.eye.tokens(picture) for picture in pictures]
        if None in seen:
            return None
        texts = [*texts, *self.eye.edges * len(pictures)]
        flags = self.tokenizer.vocabulary.flags
        read = sum(self.tokenizer.count(text, parse_special=True) for text in texts)
        return Counted(read + sum(filter(None, seen)) + flags["bos"] + flags["eos"], None)

    def _rendered(self, body: Json, messages: list[Json]) -> str | None:
        names = dict(body.get("chat_template_kwargs") or {})
        thinking = names.pop("enable_thinking", None)
        effort = body.get("reasoning_effort")
        if effort == "none":
            thinking = False
        elif effort is not None:
            names["reasoning_effort"] = effort
        try:
            return self.template.render(
                messages, tools=body.get("tools"), thinking=thinking, extra=names
            )
        except TemplateFailed as failed:
            if failed.code == "template_endless":
                raise
            return None

    def _around_gap(self, ask: Generation) -> int | None:
        """What stands before and behind the gap, as text without marks, and the three marks around it."""
        if not isinstance(ask.prompt, str):
            return None
        begin = self.tokenizer.encode("", add_special=True)
        before, behind = (self.tokenizer.encode(text) for text in (ask.prompt, ask.suffix))
        return len(begin) + len(before) + len(behind) + MARKS

    def text(self, text: str) -> list[int]:
        """A text as it stands in a prompt."""
        return self.tokenizer.encode(text, parse_special=True)

    def _whole(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special=True, parse_special=True)


class _Key(NamedTuple):
    """One state of the files that a reader is made of."""

    file: Path
    changed_ns: int
    template: Path | None
    template_changed_ns: int
    projector: Path | None
    projector_changed_ns: int
    context: int


class Readers:
    """The readers of the models that were asked for last. cache_folder: where vocabularies are kept on disk."""

    def __init__(self, cache_folder: Path | None) -> None:
        self._tokenizers = Tokenizers(cache_folder)
        self._kept: OrderedDict[_Key, Reader | None] = OrderedDict()
        self._building = asyncio.Lock()

    async def measure(self, model: Model, ask: Generation) -> int | None:
        """Tokens of a request's prompt; None where only the model itself would tell."""
        reader = await self.of(model)
        if reader is None:
            return None
        async with reader.turn:  # a hostile template takes seconds: of one thread, and not of all
            return await asyncio.to_thread(reader.length, ask, model)

    async def pairs(self, model: Model, ask: Reranking) -> list[int] | None:
        """Tokens of each document with its query; None as in `measure`."""
        reader = await self.of(model)
        if reader is None:
            return None
        async with reader.turn:
            return await asyncio.to_thread(reader.pairs.lengths, ask.query, ask.documents)

    async def count(self, model: Model, ask: Counting) -> Counted | None:
        """The tokens of a text, or of a chat; None as in `measure`."""
        reader = await self.of(model)
        if reader is None:
            return None
        async with reader.turn:
            if ask.content is not None:
                tokens = await asyncio.to_thread(reader.text, ask.content)
                return Counted(len(tokens), tokens)
            chat = {"messages": ask.messages, "tools": ask.tools or None}
            return await asyncio.to_thread(reader.chat, chat)

    async def of(self, model: Model) -> Reader | None:
        """The reader of this model; None where its vocabulary or template is of a kind that we do not read."""
        key = _key(model)  # here: to look at a file takes 2 µs, to ask a thread for it 35
        if key is None:
            return None
        if key not in self._kept:
            async with self._building:
                if key not in self._kept:
                    self._kept[key] = await asyncio.to_thread(self._read, model, key)
                    if len(self._kept) > KEPT:
                        self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _read(self, model: Model, key: _Key) -> Reader | None:
        try:
            header, tokenizer = read_header(key.file), self._tokenizers.of(key.file)
            template = _template(header, tokenizer, key.template)
            eye = None if key.projector is None else Eye.of(key.projector)
            pairs, context = Pairs.of(header, tokenizer), _context(model, header)
            return Reader(tokenizer, template, pairs, eye, context)
        except Problem as problem:
            log.warning("prompts for %s are counted by the model alone: %s", model.name, problem)
            return None


def _key(model: Model) -> _Key | None:
    file, template, eye = model.settings.file, model.settings.template, model.settings.projector
    if file is None or not file.is_file():
        return None
    at = [_changed_ns(one) for one in (file, template, eye)]
    return _Key(file, at[0], template, at[1], eye, at[2], model.settings.context or 0)


def _changed_ns(file: Path | None) -> int:
    return file.stat().st_mtime_ns if file is not None and file.is_file() else 0


def _template(header: Header, tokenizer: Tokenizer, own: Path | None) -> Template:
    """The model's own, or the one that the settings name instead."""
    vocabulary = tokenizer.vocabulary
    bos, eos = (_text(vocabulary.tokens, vocabulary.ids[name]) for name in ("bos", "eos"))
    adds = vocabulary.flags
    if own is None:
        return Template.of(header, bos, eos, add_bos=adds["bos"], add_eos=adds["eos"])
    source = own.read_text("utf-8")
    return Template(source, bos, eos, add_bos=adds["bos"], add_eos=adds["eos"])


def _text(tokens: Sequence[str], id: int | None) -> str:
    return "" if id is None else tokens[id]


def _context(model: Model, header: Header) -> int:
    """What llama.cpp gives a slot: whole pads, and never more than the model was trained on.

    A text to embed must fit one batch, which is no longer than the context that was wanted.
    """
    wanted = context_of(model.settings)
    if model.settings.mode != "chat":
        return wanted
    return min(padded(wanted), header.context_length or padded(wanted))


def _marked(message: Json, pictures: list[Json]) -> Json:
    """The message with a mark for each picture, which goes to `pictures`."""
    content = message.get("content")
    if not isinstance(content, list):
        return message
    pictures += [part for part in content if part.get("type") == "image_url"]
    mark = {"type": "media_marker", "text": _MARK}
    marked = [mark if part.get("type") == "image_url" else part for part in content]
    return {**message, "content": marked}
