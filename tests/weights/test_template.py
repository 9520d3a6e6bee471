"""A chat template is somebody's program: what it may do here, and what it may not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dunoe.weights.chat.template import Template, TemplateFailed

HELLO = [{"role": "user", "content": "안녕"}]


def rendered(source: str, **rest: object) -> str:
    return Template(source, "<s>", "</s>").render(HELLO, **rest)  # type: ignore[arg-type]


def test_a_prompt_is_what_the_template_writes() -> None:
    source = "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    assert rendered(source) == "<s>[user]안녕"


def test_a_token_that_the_tokenizer_adds_is_not_in_the_prompt() -> None:
    template = Template("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", "<s>", "</s>")
    assert template.render(HELLO) == "<s>안녕</s>"
    template.add_bos = template.add_eos = True
    assert template.render(HELLO) == "안녕"


def test_lengths_and_slices_are_those_of_bytes_as_in_llama_cpp() -> None:
    assert rendered("{{ messages[0].content|length }} {{ messages[0].content[:3] }}") == "6 안"


def test_a_template_for_tools_is_taken_when_there_are_tools() -> None:
    template = Template("plain", tool_use="tools: {{ tools[0].function.name }}")
    tool = {"type": "function", "function": {"name": "weather"}}
    assert template.render(HELLO) == "plain"
    assert template.render(HELLO, tools=[tool]) == "tools: weather"


def test_a_template_without_a_system_role_gets_the_system_message_in_the_next_one() -> None:
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}"
    )
    messages = [{"role": "system", "content": "Be kind."}, *HELLO]
    assert Template(source).render(messages) == "Be kind.\n안녕"


def test_an_answer_that_was_begun_is_continued() -> None:
    template = Template("chatml")
    prompt = template.render([*HELLO, {"role": "assistant", "content": "네, "}])
    assert prompt == "<|im_start|>user\n안녕<|im_end|>\n<|im_start|>assistant\n네, "


def test_a_refusal_says_what_the_template_said_and_what_to_do() -> None:
    with pytest.raises(TemplateFailed, match="roles must alternate") as failed:
        rendered("{{ raise_exception('roles must alternate') }}")
    assert failed.value.hint.ko and failed.value.hint.en and failed.value.status == 400


@pytest.mark.parametrize(
    "reach",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__ }}{{ messages['__class__'] }}{{ messages|attr('__class__') }}",
        "{{ messages[0].__init__.__globals__ }}",
        "{{ raise_exception.call.__globals__ }}",
        "{{ range.__self__ }}{{ namespace().__dict__ }}",
        "{{ '{0.__class__}'.format(messages) }}",
        "{{ self._TemplateReference__context }}{{ self.__init__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}{{ lipsum.__globals__ }}",
        "{{ loop.__class__ }}{{ joiner }}{{ config }}{{ request }}{{ __builtins__ }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends '/etc/passwd' %}",
        "{{ open('/etc/passwd').read() }}{{ __import__('os') }}",
    ],
)
def test_nothing_of_python_can_be_reached(reach: str) -> None:
    try:
        text = rendered(reach)
    except TemplateFailed:
        return
    assert text == ""


ATTACKS = {
    "a long loop": "{% for i in range(1000000000) %}x{% endfor %}",
    "loops in loops": "{% for i in range(9999) %}" * 5 + "{% endfor %}" * 5,
    "a huge text": "{{ 'a' * 1000000000 }}",
    "a huge range": "{{ range(9223372036854775807)|length }}",
    "a text doubled": "{% set n = namespace(s='ab') %}{% for i in range(60) %}"
    "{% set n.s = n.s + n.s %}{% endfor %}",
    "a list doubled": "{% set n = namespace(s=[1]) %}{% for i in range(60) %}"
    "{% set n.s = n.s + n.s %}{% endfor %}",
    "lists that share": "{% set n = namespace(s=[1]) %}{% for i in range(60) %}"
    "{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
    "lists that share, as JSON": "{% set n = namespace(s=[1]) %}{% for i in range(60) %}"
    "{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s|tojson }}",
    "tuples that share, as a key": "{% set n = namespace(s=(1, 2)) %}{% for i in range(60) %}"
    "{% set n.s = (n.s, n.s) %}{% endfor %}{{ {n.s: 1} }}",
    "a list in itself": "{% set l = [1] %}{% set _ = l.append(l) %}{{ l|tojson }}",
    "a macro in itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro that forks": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}"
    "{% endmacro %}{{ m(40) }}",
    "callers": "{% macro m() %}{{ caller() }}{% endmacro %}"
    "{% macro r() %}{% call m() %}{{ r() }}{% endcall %}{% endmacro %}{{ r() }}",
    "a wide indent": "{{ 'a'|indent(9000000000000000000) }}",
    "wide JSON": "{{ [[[1]]]|tojson(indent=9000000000) }}",
    "replaced": "{{ ('a' * 1000000)|replace('a', 'b' * 1000000) }}",
    "joined": "{{ range(100000)|join('a' * 100000) }}",
    "split": "{{ ('a' * 10000000).split('a')|length }}",
    "formatted": "{{ ('{}' * 100000).format('a') }}",
    "titled": "{% set x = 'a b ' * 1000000 %}{% for i in range(1000) %}"
    "{% set y = x|title %}{% endfor %}",
    "compared": "{% set x = 'a' * 10000000 %}{% set z = x ~ '' %}{% for i in range(1000000) %}"
    "{% set y = z == x %}{% endfor %}",
    "much written": "{% set x = 'a' * 1000000 %}{% for i in range(1000000) %}{{ x }}{% endfor %}",
    "many objects": "{% set l = [] %}{% for i in range(1000000) %}"
    "{% set _ = l.append({'a': i, 'b': i}) %}{% endfor %}",
    "many brackets": "{{ " + "(" * 100000,
    "many nots": "{{ " + "not " * 100000 + "1 }}",
    "many ifs": "{% if 1 %}" * 50000 + "{% endif %}" * 50000,
    "many ors": "{{ 0" + " or 0" * 100000 + " }}",
    "a long source": "a" * 2_000_000,
}

ATTACK = """
import json, re, resource, sys
from pathlib import Path
from dunoe.weights.chat.template import Template, TemplateFailed
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
try:
    Template(json.loads(sys.stdin.read())).render([{"role": "user", "content": "hi"}])
    told = "rendered"
except TemplateFailed as problem:
    told = problem.message.en
status = Path("/proc/self/status").read_text()  # ru_maxrss would be that of the tests, who made this process
print(json.dumps([told, int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])]))
"""


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_as_a_problem_and_takes_little(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ATTACK],
        input=json.dumps(ATTACKS[name]),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    told, peak_kib = json.loads(done.stdout)
    assert "does not take this conversation" in told
    assert peak_kib < 600 * 1024
