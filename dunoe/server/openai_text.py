"""OpenAI's completions, fill-in-the-middle among them. Pure: JSON in, bytes out."""

import time

from pydantic import Field

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Generation, Json
from dunoe.errors import BadRequest, Language, Problem, Text
from dunoe.server import problems
from dunoe.server.answer import Answer
from dunoe.server.jsontext import oneline
from dunoe.server.openai import Sampling, Value, format_of, options_of, texts, usage_json


class CompletionBody(Sampling):
    """POST /v1/completions; `suffix` asks for what belongs in the middle."""

    prompt: str | list[str] | list[int] | list[list[int]]
    suffix: str | None = None
    logprobs: int | None = Field(None, ge=0, le=20)
    echo: bool | None = None


def decode_completion(body: CompletionBody, raw: Json) -> list[Generation]:
    """One request a prompt; raise BadRequest when there is none."""
    if not body.prompt and body.prompt != "":
        raise BadRequest(
            Text("prompt가 비어 있습니다", "prompt is an empty list"),
            Text("글이나 토큰 번호를 하나 이상 보내세요.", "send a text, or some token ids."),
            param="prompt",
        )
    options = options_of(raw)
    return [
        Generation(
            task="infill" if body.suffix else "complete",
            prompt=prompt,
            suffix=body.suffix or "",
            stream=bool(body.stream),
            options=options,
            format=format_of(body.response_format),
            logprobs=body.logprobs,
            n=body.n or 1,
        )
        for prompt in texts(body.prompt)
    ]


class CompletionReply:
    """text_completion chunks, or one text_completion."""

    media_type = "text/event-stream"
    ping = b": ping\n\n"

    def __init__(self, call_id: str, model: str, body: CompletionBody) -> None:
        self.id = f"cmpl-{call_id.removeprefix('req_')}"
        self.model = model
        self.has_usage = bool(body.stream_options and body.stream_options.include_usage)
        self.prompts = texts(body.prompt) if body.echo else []
        self.n = body.n or 1
        self.created = int(time.time())
        self.usage: Usage | None = None
        self._extra: Json = {}
        self._finished: list[Finished] = []

    def _shell(self, choices: list[Json], **more: Value) -> Json:
        return {
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            **more,
        }

    def _line(self, body: Json) -> bytes:
        return b"data: " + oneline(body) + b"\n\n"

    def _echo(self, index: int) -> str:
        prompt = self.prompts[index // self.n] if self.prompts else ""
        return prompt if isinstance(prompt, str) else ""

    def start(self) -> bytes:
        """The prompts, where they are to be repeated."""
        count = len(self.prompts) * self.n
        return b"".join(
            self._line(self._shell([_text_choice(i, self._echo(i), None, None)]))
            for i in range(count)
        )

    def pieces(self, batch: list[Event]) -> bytes:
        """One chunk an event; how choices ended goes out last, with what else the engine still tells."""
        out: list[bytes] = []
        for event in batch:
            match event:
                case Said():
                    out.append(self._chunk(event.index, event.text, None, event.logprobs))
                case Finished():
                    self._finished.append(event)
                case Usage():
                    self.usage = event
                case Extra():
                    self._extra |= event.fields
                case Thought() | Called():
                    continue  # a completion has neither
        return b"".join(out)

    def _chunk(
        self, index: int, text: str, finish: str | None, logprobs: list[Json] | None
    ) -> bytes:
        extra, self._extra = self._extra, {}
        return self._line(self._shell([_text_choice(index, text, finish, logprobs)], **extra))

    def end(self) -> bytes:
        """How each choice ended, usage where it was asked for, and the end mark."""
        ended = [self._chunk(one.index, "", one.reason, None) for one in self._finished]
        if self.has_usage and self.usage is not None:
            ended.append(self._line(self._shell([], usage=usage_json(self.usage))))
        return b"".join(ended) + b"data: [DONE]\n\n"

    def broken(self, problem: Problem, language: Language) -> bytes:
        """The error as the last event, without an end mark."""
        return self._line(problems.body(problem, "openai", language))

    def whole(self, answer: Answer) -> Json:
        """The body of an answer in one piece."""
        choices = [
            _text_choice(i, self._echo(i) + choice.text, choice.finish, choice.logprobs)
            for i, choice in enumerate(answer.choices)
        ]
        return self._shell(choices, usage=usage_json(answer.usage), **answer.extra)


def _text_choice(index: int, text: str, finish: str | None, logprobs: list[Json] | None) -> Json:
    return {
        "index": index,
        "text": text,
        "logprobs": _legacy(logprobs) if logprobs is not None else None,
        "finish_reason": finish,
    }


def _legacy(entries: list[Json]) -> Json:
    """Log probabilities in the older form: parallel lists, offsets in characters of this piece."""
    offsets, at = [], 0
    for entry in entries:
        offsets.append(at)
        at += len(entry["token"])
    return {
        "tokens": [entry["token"] for entry in entries],
        "token_logprobs": [entry["logprob"] for entry in entries],
        "top_logprobs": [
            {top["token"]: top["logprob"] for top in entry.get("top_logprobs") or []}
            for entry in entries
        ],
        "text_offset": offsets,
    }
