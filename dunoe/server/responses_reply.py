"""The answer of OpenAI's /v1/responses: typed events, or the response that the last of them carries."""

import time
from collections.abc import Iterable
from typing import Literal
from uuid import uuid4

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Json
from dunoe.errors import Language, Problem
from dunoe.server.answer import Answer
from dunoe.server.problems import body as problem_body
from dunoe.server.responses_items import CallItem, Sequence, TextItem
from dunoe.server.responses_request import ResponsesBody, Tool


class ResponsesReply:
    """/v1/responses: typed events numbered through, or the response that the last of them carries."""

    media_type = "text/event-stream"
    ping = b": ping\n\n"

    def __init__(self, body: ResponsesBody, model: str) -> None:
        self.response = _response(body, model)
        self.events = Sequence()
        self.items: list[TextItem | CallItem] = []  # the last one may go on
        self.finished = Finished("stop")
        self.usage: Usage | None = None

    def start(self) -> bytes:
        """The response as it begins."""
        return self._whole_event("response.created") + self._whole_event("response.in_progress")

    def pieces(self, batch: list[Event]) -> bytes:
        """Events for one batch."""
        return b"".join([self._piece(event) for event in batch])

    def _piece(self, event: Event) -> bytes:
        match event:
            case Said() if event.text or event.logprobs:
                return self._spoken("message", event.text, event.logprobs)
            case Thought() if event.text:
                return self._spoken("reasoning", event.text, None)
            case Called():
                return self._called(event)
            case Finished():
                self.finished = event
            case Usage():
                self.usage = event
            case Extra(fields) if "dropped" in fields:
                self.response["dropped"] = fields["dropped"]
        return b""

    def _spoken(
        self, kind: Literal["message", "reasoning"], text: str, logprobs: list[Json] | None
    ) -> bytes:
        opened = b""
        item = self.items[-1] if self.items else None
        if not isinstance(item, TextItem) or item.kind != kind:
            opened = self._close()
            item = TextItem(kind, len(self.items), self.events)
            self.items.append(item)
            opened += item.begin()
        return opened + item.say(text, logprobs)

    def _called(self, event: Called) -> bytes:
        for item in self.items:
            if isinstance(item, CallItem) and item.call == event.call:
                return item.say(event.arguments)
        opened = self._close()
        item = CallItem(event, len(self.items), self.events)
        self.items.append(item)
        return opened + item.begin() + item.say(event.arguments)

    def _close(self, status: str = "completed") -> bytes:
        return self.items[-1].end(status) if self.items else b""

    def end(self) -> bytes:
        """The end of the last item, and the whole response."""
        opened = b"" if self.items else self._spoken("message", "", None)
        is_cut = self.finished.reason in ("length", "content_filter")
        status = "incomplete" if is_cut else "completed"
        closed = self._close(status)
        self.response |= {
            "status": status,
            "output": [item.item() for item in self.items],
            "usage": _usage(self.usage or Usage(0, 0)),
        }
        if is_cut:
            is_long = self.finished.reason == "length"
            reason = "max_output_tokens" if is_long else "content_filter"
            self.response["incomplete_details"] = {"reason": reason}
        else:
            self.response["completed_at"] = int(time.time())
        return opened + closed + self._whole_event(f"response.{status}")

    def broken(self, problem: Problem, language: Language) -> bytes:
        """The error, which the openai client raises, and the response as it failed."""
        error = problem_body(problem, "openai", language)["error"]
        told = {name: error[name] for name in ("code", "message", "param")}
        failure = {"code": "server_error", "message": problem.message.in_(language)}
        self.response |= {"status": "failed", "error": failure}
        self.response["output"] = [item.item() for item in self.items]
        return self.events.event("error", {**told, "error": error}) + self._whole_event(
            "response.failed"
        )

    def whole(self, answer: Answer) -> Json:
        """The response in one piece."""
        self.pieces(list(_again(answer)))
        self.end()
        return self.response

    def _whole_event(self, kind: str) -> bytes:
        return self.events.event(kind, {"response": self.response})


def _again(answer: Answer) -> Iterable[Event]:
    """A gathered answer as the events that made it."""
    choice = answer.choice(0)
    yield Thought(choice.reasoning)
    yield Said(choice.text, logprobs=choice.logprobs)
    for number, call in enumerate(choice.calls):
        yield Called(number, call.id, call.name, call.arguments)
    yield Finished(choice.finish, stop=choice.stop)
    yield answer.usage


def _usage(usage: Usage) -> Json:
    """reasoning_tokens: 0, because no engine counts them apart."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _response(body: ResponsesBody, model: str) -> Json:
    """The response before its first item: what was asked, said back."""
    return {
        "id": f"resp_{uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "model": model,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
        "store": False,
        "temperature": body.temperature,
        "text": {"format": _format(body)},
        "tool_choice": _choice(body),
        "tools": [_tool(tool) for tool in body.tools or []],
        "top_logprobs": body.top_logprobs,
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
        "usage": None,
    }


def _format(body: ResponsesBody) -> Json:
    asked = body.text.format if body.text else None
    if asked is None or asked.schema_ is None:
        return {"type": asked.type if asked else "text"}
    return {"type": asked.type, "name": asked.name, "schema": asked.schema_, "strict": asked.strict}


def _choice(body: ResponsesBody) -> str | Json:
    asked = body.tool_choice or "auto"
    if isinstance(asked, str):
        return asked
    if asked.tools is None:
        return {"type": asked.type, "name": asked.name}
    tools = [{"type": tool.type, "name": tool.name} for tool in asked.tools]
    return {"type": asked.type, "mode": asked.mode, "tools": tools}


def _tool(tool: Tool) -> Json:
    return {
        "type": tool.type,
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }
