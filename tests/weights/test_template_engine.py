"""Our prompts beside those of the real engine, for every template there is, byte by byte."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from dunoe.weights.chat.families import FAMILIES, Family
from dunoe.weights.chat.template import Template, TemplateFailed
from tests import tiny

TEMPLATES = sorted((tiny.VOCAB / "chat-templates").glob("*.jinja"))

Json = dict[str, Any]  # Any: JSON

SYSTEM = {"role": "system", "content": "You are 두뇌.\nBe kind. "}
USER = {"role": "user", "content": "안녕? <hi>"}
ANSWER = {"role": "assistant", "content": " 네, 안녕하세요. "}
ARGUMENTS = '{"city": "서울", "n": 1.50, "l": ["a", "b\'c"], "o": {"x": null, "y": true}}'


def tool(name: str) -> Json:
    properties = {
        "city": {"type": "string", "description": "도시 이름"},
        "n": {"type": "integer", "default": 3},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "l": {"type": "array", "items": {"type": "string"}},
        "o": {"type": "object", "properties": {"x": {"type": "number"}}},
    }
    parameters = {"type": "object", "properties": properties, "required": ["city"]}
    function = {"name": name, "description": f"날씨 {name}", "parameters": parameters}
    return {"type": "function", "function": function}


def calls(*numbers: str, arguments: object = ARGUMENTS, **more: object) -> Json:
    made = [
        {"id": one, "type": "function", "function": {"name": "weather", "arguments": arguments}}
        for one in numbers
    ]
    return {"role": "assistant", "content": None, "tool_calls": made, **more}


def result(number: str, content: str = "맑음, 21도") -> Json:
    return {"role": "tool", "tool_call_id": number, "content": content}


def parts(role: str, *texts: str) -> Json:
    return {"role": role, "content": [{"type": "text", "text": text} for text in texts]}


ONE, TWO = "call00001", "call00002"
CONVERSATIONS: dict[str, list[Json]] = {
    "one turn": [USER],
    "system": [SYSTEM, USER],
    "several turns": [SYSTEM, USER, ANSWER, USER, ANSWER, USER],
    "developer": [{"role": "developer", "content": "D"}, USER],
    "a late system message": [USER, ANSWER, SYSTEM, USER],
    "system alone": [SYSTEM],
    "two users": [USER, USER],
    "empty": [{"role": "user", "content": ""}],
    "null": [{"role": "user", "content": None}],
    "parts": [parts("system", "S1", "S2"), parts("user", "하나", "둘")],
    "an answer in parts": [USER, parts("assistant", "x", "y"), USER],
    "thoughts": [USER, {"role": "assistant", "content": "답", "reasoning_content": "생각"}, USER],
    "thoughts in tags": [USER, {"role": "assistant", "content": "<think>\nq\n</think>\n답"}, USER],
    "begun": [SYSTEM, USER, {"role": "assistant", "content": "Sure, "}],
    "begun with a thought": [
        USER,
        {"role": "assistant", "content": "답", "reasoning_content": "생각"},
    ],
    "begun to think": [USER, {"role": "assistant", "content": "", "reasoning_content": "생각"}],
    "begun with nothing": [USER, {"role": "assistant", "content": ""}],
    "begun in parts": [USER, parts("assistant", "x", "y")],
    "a call": [USER, calls(ONE), result(ONE)],
    "a call with words and thoughts": [
        USER,
        calls(ONE, content="볼게요", reasoning_content="흠"),
        result(ONE),
        ANSWER,
        USER,
    ],
    "two calls": [USER, calls(ONE, TWO), result(TWO, '{"t": 21.5}'), result(ONE), ANSWER, USER],
    "calls in turn": [USER, calls(ONE), result(ONE), calls(TWO), result(TWO)],
    "arguments as an object": [USER, calls(ONE, arguments={"a": 1e15, "b": 10**12}), result(ONE)],
    "arguments that are no JSON": [USER, calls(ONE, arguments="no"), result(ONE)],
    "a call at the end": [USER, calls(ONE)],
    "an unknown role": [{"role": "alien", "content": "x"}],
    "the assistant first": [ANSWER, USER],
    "two assistants at the end": [USER, ANSWER, ANSWER],
    "no messages": [],
    "control characters": [{"role": "user", "content": 'tab\t\x01 \u2028 "q" \\ 😀 </s>'}],
}
TOOLS = [tool("weather"), tool("other")]
REQUESTS: list[Json] = [
    {},
    {"tools": TOOLS},
    {"add_generation_prompt": False},
    {"chat_template_kwargs": {"enable_thinking": True}},
    {"tools": TOOLS[:1], "tool_choice": "none", "chat_template_kwargs": {"enable_thinking": False}},
    {"chat_template_kwargs": {"reasoning_effort": "low"}},
]
CASES = [
    (f"{name} {request}", {"messages": messages, **request})
    for name, messages in CONVERSATIONS.items()
    for request in REQUESTS
]

ENGINE = """
import json, sys, os, threading
options = json.loads(sys.stdin.readline())
said = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
import xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.port, p.hostnames, p.n_ctx, p.n_parallel = options["model"], 0, ["127.0.0.1"], 256, 1
p.n_gpu_layers, p.fit_params, p.ui, p.warmup, p.verbosity = 0, False, False, False, 1
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
if options["template"] is not None:
    p.chat_template = options["template"]
server = xllamacpp.Server(p)
print(server.listening_address, file=said, flush=True)
sys.stdin.read()
os._exit(0)
"""


@contextlib.contextmanager
def engine(model: Path, template: str | None = None) -> Iterator[str]:
    """The address of a real llama.cpp server, for as long as it is asked."""
    with subprocess.Popen(
        [sys.executable, "-c", ENGINE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"model": str(model), "template": template}) + "\n")
        process.stdin.flush()
        yield process.stdout.readline().strip()
        process.stdin.close()


def ask(address: str, body: Json) -> str | None:
    """The engine's prompt; None when it refuses."""
    data = json.dumps(body).encode()
    request = Request(address + "/apply-template", data, {"content-type": "application/json"})
    try:
        with urlopen(request) as reply:
            prompt: str = json.load(reply)["prompt"]
            return prompt
    except HTTPError as exc:
        exc.close()
        return None


def ours(template: Template, body: Json) -> str | None:
    extra = dict(body.get("chat_template_kwargs", {}))
    try:
        return template.render(
            body["messages"],
            tools=body.get("tools"),
            add_generation_prompt=body.get("add_generation_prompt", True),
            thinking=extra.pop("enable_thinking", None),
            extra=extra,
        )
    except TemplateFailed:
        return None


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = tiny.Shape(layers=1, hidden=64, context=256, merges=100)
    return tiny.chat_model(tmp_path_factory.mktemp("template") / "small.gguf", shape)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_prompt_is_the_engines_own(small: Path, path: Path) -> None:
    source = path.read_text("utf-8")
    template = Template(source, "<|endoftext|>", "<|im_end|>")
    with engine(small, source) as address:
        theirs = {name: ask(address, body) for name, body in CASES}
    assert {name: ours(template, body) for name, body in CASES} == theirs


# Shows all that a template is given.
MIRROR = """
{%- for message in messages %}{{ message|tojson }}{{ '\n' }}{% endfor -%}
{{ [enable_thinking, reasoning_effort, reasoning_strength, preserve_thinking, drop_thinking]|tojson }}
{%- if tools %}{{ tools|tojson }}{% endif %}<turn|>{{ '\n' }}
{%- if add_generation_prompt %}<assistant>{% endif %}"""
MORE: list[Json] = [
    {"reasoning_effort": "medium", "preserve_reasoning": True},
    {"enable_thinking": False, "reasoning_effort": "low", "target_lang_code": "ko"},
    {"preserve_reasoning": False, "drop_thinking": "mine", "reasoning_strength": "mine"},
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: " ".join(family.words) or "none")
def test_a_family_gets_what_the_engine_gives_it(small: Path, family: Family) -> None:
    source = "{# " + " ".join(family.words) + " #}" + MIRROR
    template = Template(source, "<|endoftext|>", "<|im_end|>")
    cases = CASES + [
        (f"{name} {kwargs}", {"messages": messages, "chat_template_kwargs": kwargs})
        for name, messages in CONVERSATIONS.items()
        for kwargs in MORE
    ]
    with engine(small, source) as address:
        theirs = {name: ask(address, body) for name, body in cases}
    # its parser of answers refuses some prompts, for the mirror begins an answer in words of its own
    told = {name for name in theirs if theirs[name] is not None}
    mine = {name: ours(template, body) for name, body in cases if name in told}
    assert mine == {name: theirs[name] for name in told} and len(told) > 200


# One expression each: llama.cpp's dialect where it differs from Python's Jinja, or might.
DIALECT = """
{{ [1,2] }} {{ {'a':1} }} {{ none }} {{ undef }} {{ 1.5 }} {{ true }}
{{ 'a' ~ 1 + 2 }} {{ 'héllo한'|length }} {{ '한글'[0:3] }} {{ 'abc'[::-1] }} {{ 'abc'[-1] }}
{{ ('ÀÉa'|upper) }} {{ 'aBc dE'|title }} {{ -3|abs }} {{ 7/2 }} {{ 5/0 }} {{ 10 % 3 }} {{ -7 % 3 }}
{{ 9007199254740993 + 0 }} {{ 4611686018427387904 * 4 }} {{ 0.1+0.2 }} {{ 123456789.0|tojson }}
{{ {'a':[1,'x',none,true,1.5]}|string }} {{ ["a'b",'c']|string }} {{ (1,2)|string }}
{{ [1,{'a':2}]|tojson(indent=2) }} {{ {}|tojson(indent=2) }} {{ '/<>&한'|tojson(ensure_ascii=true) }}
{{ [1,2]==[1] }} {{ [[1]]==[[1]] }} {{ none is eq none }} {{ '1' is eq 1 }} {{ '1' == 1 }} {{ true == 1 }}
{{ none in ['a'] }} {{ 'a' in {'a':1} }} {{ {'items':1}['items'] }} {{ {'a':1}.get('b','d') }}
{{ {'B':1,'a':2,'C':3}|dictsort|items|list|tojson }} {{ ['B','a']|sort }} {{ [3,1,2]|sort(reverse=true) }}
{{ [1,2,3]|selectattr('gt',2)|list }} {{ [{'a':'x'},{'a':'y'}]|rejectattr('a','in',['x'])|list|tojson }}
{{ ' a  b '.split()|tojson }} {{ 'a,b,c'.rsplit(',',1)|tojson }} {{ 'abc'.replace('','.') }}
{{ 'a\\n\\nb'|indent(width=2,blank=true) }} {{ '3.7'|int }} {{ 'ff'|int(base=16) }} {{ '{}-{}'.format('a', 3) }}
{{ none|trim }} {{ none|upper }} {{ undef|length }} {{ {} is iterable }} {{ true is number }} {{ 3 is ge 2 }}
{% for i in [1,2] %}{{ x|default('-') }}{% set x = i %}{% endfor %}
{% for i in [1] %}a{% continue %}{% else %}E{% endfor %}
{% for i in [1,2] %}{% if i == 1 %}lost{% continue %}{% endif %}{{ i }}{% endfor %}
{% macro m(a,b='x') %}{{a}}{{b}}{% endmacro %}{{ m(1) }}{{ m(1,b=2) }}{{ m(b=3,a=4) }}
{% macro z() %}{{ q }}{% endmacro %}{% for q in [1,2] %}{{ z() }}{% endfor %}
{% macro w(a) %}[{{ caller(1) }}]{% endmacro %}{% call(c) w(2) %}c{{ c }}{% endcall %}
{% filter upper %}abc{% endfilter %}{% generation %}x{% endgeneration %}{# c -#}   y
{{ dict(a=1)|tojson }} {{ namespace({'a':1}).a }} {{ messages.0.role }} {{ range(10)[2:4] }} {{ +3 }}
{{ [{'k':1},{'k':0}]|min(attribute='k') }} {{ [['x']]|map(attribute='0')|join }} {{ [1,2][true] }}
{{ 'a'['upper']() }} {{ 'a' is eq 'A'.lower() }} {{ 'a' if false else 'b'|upper }}
{{ 'x'.__class__ }} {{ range == range }} {{ 1 if false }} {{ 'a' 'b' }} {{ not 'a' in 'b' }}
"""
REFUSED = [
    "'a' < 'b'",
    "'%s' % 'a'",
    "[1,2]|sum",
    "'a'|e",
    "1 ~ 2",
    "true + 1",
    "undef in ['a']",
    "'a' in none",
    "1 in 'a'",
    "none|length",
    "x.y()",
    "undef[1:]",
    "3.7|round",
    "['a', none]|join",
    "{[1]: 2}",
    "[1] * 2",
    "1 < 2 < 3",
    "undef|default",
    "'abc'|first",
    "[]|selectattr('a', 'unknown')",
    "dict(*[1])",
    "'a b'.split()|join('-')[0]",
    "range in {}",
    "[1, 2]|slice(1)",
    "['a']|join('-', attribute='n')",
]


def test_our_dialect_is_llama_cpps(small: Path) -> None:
    lines = DIALECT.strip().split("\n")
    expressions = lines + [f"{{{{ {one} }}}}" for one in REFUSED]
    source = "".join(
        f"{{% if messages[0].content == 'line {n}' %}}{one}{{% endif %}}"
        for n, one in enumerate(expressions)
    )
    bodies: list[Json] = [
        {"messages": [{"role": "user", "content": f"line {n}"}]} for n in range(len(expressions))
    ]
    with engine(small, source) as address:
        theirs = [ask(address, body) for body in bodies]
    assert [ours(Template(source), body) for body in bodies] == theirs
    assert None not in theirs[: len(lines)] and not any(theirs[len(lines) :])
