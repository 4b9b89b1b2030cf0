"""Templates: what is refused when they are loaded, and what happens to a request."""

import subprocess
import sys

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mockgpt.core.templates import TemplateFailedError, rendered, template_problems

KNOWN = "known are attempt, call, city, model, request, system, turn, user"
BROKEN = {
    "{{ cty }}": "expected a known name, found 'cty' in line 1 of the template; did you mean 'city'?",
    "\n{{ qqq }}": f"expected a known name, found 'qqq' in line 2 of the template; {KNOWN}",
    "{% for x in request.messages %}{{ x }}{% endfor %}{{ x }}": (
        f"expected a known name, found 'x' in line 1 of the template; {KNOWN}"
    ),
    "\n{% set a.b = 1 %}": f"expected a known name, found 'a' in line 2 of the template; {KNOWN}",
    "a\n{{ user | uper }}": (
        "expected a known filter, found 'uper' in line 2 of the template; did you mean 'upper'?"
    ),
    "{% if false %}{{ user | zzz }}{% endif %}": (
        "expected a known filter, found 'zzz' in line 1 of the template"
    ),
    "{{ [1, 2] | random }}": "expected a known filter, found 'random' in line 1 of the template",
    "{{ lipsum() }}": f"expected a known name, found 'lipsum' in line 1 of the template; {KNOWN}",
    "{% if user is strin %}{% endif %}": (
        "expected a known test, found 'strin' in line 1 of the template; did you mean 'string'?"
    ),
    "{% include 'a' %}": (
        "expected a template that needs no other, found 'include' in line 1 of the template"
    ),
    "{{ user ": (
        "expected a template, found an error in its line 1: "
        "unexpected end of template, expected 'end of print statement'."
    ),
    "a\n{% fi %}": (
        "expected a template, found an error in its line 2: Encountered unknown tag 'fi'."
    ),
    "{% block a %}{% endblock %}{% block a %}{% endblock %}": (
        "expected a template, found an error in its line 1: block 'a' defined twice"
    ),
    "{{ " + "(" * 1000 + "1" + ")" * 1000 + " }}": (
        "expected a template, found one that cannot be compiled: maximum recursion depth exceeded"
    ),
}


@pytest.mark.parametrize(("source", "message"), BROKEN.items(), ids=[s[:30] for s in BROKEN])
def test_a_broken_template_is_refused(source, message):
    (found,) = template_problems(source, ["city"])
    assert found.startswith(message)
    assert "maximum recursion" in message or found == message


@pytest.mark.parametrize(
    "source",
    [
        "",
        "Sunny in {{ city }}.\n",
        "{{ user }}{{ system }}{{ model }}{{ turn }}{{ call }}{{ attempt }}{{ request.n }}",
        "{% set x = 1 %}{{ x }}{% for i in range(3) %}{{ loop.index }}{% endfor %}",
        "{% macro m(a) %}{{ a }}{{ caller is defined }}{% endmacro %}{{ m(1) }}",
        "{{ city | default('nowhere') | upper if city is defined else namespace(a=1).a }}",
    ],
)
def test_a_right_template_has_no_problems(source):
    assert list(template_problems(source, ["city"])) == []


def test_several_unknown_names_are_told_in_order():
    found = list(template_problems("{{ b }}\n{{ a }}", []))
    assert [message.partition(" of the")[0] for message in found] == [
        "expected a known name, found 'a' in line 2",
        "expected a known name, found 'b' in line 1",
    ]


def test_a_template_says_what_it_says():
    assert rendered("<{{ user }}>\n", {"user": "a & b"}) == "<a & b>\n"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ 1 / turn }}", "ZeroDivisionError: division by zero"),
        ("{{ request.n }}", "UndefinedError: 'dict object' has no attribute 'n'"),
        ("{{ user.__class__ }}", "SecurityError: access to attribute '__class__' of 'str' object is unsafe."),
        ("{{ request.clear() }}", "SecurityError: "),
        ("{{ request.update(a=1) }}", "SecurityError: "),
        ("{% for i in range(10 ** 6) %}{% endfor %}", "OverflowError: Range too big."),
        ("{{ user + 1 }}", "TypeError: can only concatenate str"),
        ("{{ user | int(base=99) }}{{ [] | first }}", "UndefinedError: No first item, sequence was empty."),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError: maximum recursion"),
        ("{{ 2 ** 99999 }}", "ValueError: Exceeds the limit (4300 digits) for integer string conversion"),
        ("{{ '\\ud800' }}", "UnicodeEncodeError: "),
        ("{{ {}['a'].b }}", "UndefinedError: "),
    ],
)  # fmt: skip
def test_a_template_that_fails_says_why(source, message):
    request = {"model": "gpt-4"}
    assert list(template_problems(source, [])) == []
    with pytest.raises(TemplateFailedError) as caught:
        rendered(source, {"turn": 0, "user": "a", "request": request})
    assert str(caught.value).startswith(message)
    assert request == {"model": "gpt-4"}


STEPS = "LimitError: expected up to 100,000 steps, found more; loop, call and repeat less"
SIZE = "LimitError: expected texts and lists of up to 1,000,000, found more; make less"
DOUBLED = "{% set ns = namespace(a='a') %}{% for i in range(60) %}{% set ns.a = ns.a OP ns.a %}{% endfor %}"
LISTS = "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", STEPS),
        ("{% for i in user * 9 %}{% for j in user * 9 %}{{ j }}{% endfor %}{% endfor %}", STEPS),
        ("{% for i in [[1]] recursive %}{{ loop(i) if i is iterable else loop([[1, 1], [1, 1]]) }}{{ loop([i]) }}{% endfor %}", None),
        ("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(99) }}", STEPS),
        ("{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}{% macro n(k) %}{% call m() %}{% if k %}{{ n(k - 1) }}{% endif %}{% endcall %}{% endmacro %}{{ n(25) }}", STEPS),
        (DOUBLED.replace("OP", "~"), SIZE),
        (DOUBLED.replace("OP", "+"), SIZE),
        (DOUBLED.replace("ns.a OP ns.a", "'%s%s' % (ns.a, ns.a)"), SIZE),
        (DOUBLED.replace("ns.a OP ns.a", "'{0}{0}'.format(ns.a)"), SIZE),
        (DOUBLED.replace("ns.a OP ns.a", "'%s%s' | format(ns.a, ns.a)"), SIZE),
        (DOUBLED.replace("ns.a OP ns.a", "ns.a | replace('a', 'aa')"), SIZE),
        (DOUBLED.replace("ns.a OP ns.a", "ns.a.replace('a', 'aa')"), SIZE),
        (DOUBLED.replace("ns.a OP ns.a", "ns.a.join([ns.a, ns.a, ns.a])"), SIZE),
        (LISTS + "{{ ns.a }}", STEPS),
        (LISTS + "{{ ns.a ~ '' }}", STEPS),
        (LISTS + "{{ ns.a | string }}", STEPS),
        (LISTS + "{{ ns.a | tojson }}", STEPS),
        (LISTS + "{{ '%s' % ns.a }}", STEPS),
        (LISTS + "{{ '{}'.format(ns.a) }}", STEPS),
        (LISTS + "{% set a = ns.a %}" + LISTS + "{{ a == ns.a }}", STEPS),
        (LISTS + "{% set a = ns.a %}" + LISTS + "{{ a is eq ns.a }}", STEPS),
        ("{{ 'a' * 10 ** 9 }}", SIZE),
        ("{{ 10 ** 9 * 'a' }}", SIZE),
        ("{{ [1] * 10 ** 9 }}", SIZE),
        ("{{ 9 ** (9 ** 9) }}", SIZE),
        ("{{ (1).to_bytes(10 ** 9, 'big') }}", SIZE),
        ("{{ 'a' | center(10 ** 9) }}", SIZE),
        ("{{ 'a' | center(width=10 ** 9) }}", SIZE),
        ("{{ 'a'.ljust(10 ** 9) }}", SIZE),
        ("{{ '\t'.expandtabs(10 ** 9) }}", SIZE),
        ("{{ 'a' | indent(10 ** 9, true) }}", SIZE),
        ("{{ ('a\n' * 9999) | indent('a' * 9999) }}", SIZE),
        ("{{ ('a' * 9999) | wordwrap(1, wrapstring='a' * 9999) }}", SIZE),
        ("{{ '%99999999d' % 1 }}", SIZE),
        ("{{ '%*d' % (99999999, 1) }}", SIZE),
        ("{{ '%99999999d' | format(1) }}", SIZE),
        ("{{ '{:>99999999}'.format(1) }}", SIZE),
        ("{{ '{:>{}}'.format(1, 99999999) }}", SIZE),
        ("{{ '{a:>99999999}'.format_map({'a': 1}) }}", SIZE),
        ("{{ ('a' * 9999).translate({97: 'a' * 9999}) }}", SIZE),
        ("{{ [1] | tojson(indent=99999999) }}", SIZE),
        ("{{ [1] | batch(10 ** 9, 'a') | list }}", SIZE),
        ("{{ [1] | slice(10 ** 9) | list }}", SIZE),
        ("{{ 1 | round(10 ** 9) }}", SIZE),
        ("{{ [[1], [2]] | sum(start=[]) }}", SIZE),
        ("{% for i in range(999) %}" + "a" * 9999 + "{% endfor %}", SIZE),
        ("{% set a %}{% for i in range(999) %}" + "a" * 9999 + "{% endfor %}{% endset %}", SIZE),
        ("{% for i in range(9999) %}{{ user[:9999] | length }}{% endfor %}", STEPS),
        ("{% for i in range(9999) %}{{ 'z' in user }}{% endfor %}", STEPS),
        ("{% for i in range(9999) %}{{ user | upper | length }}{% endfor %}", STEPS),
        ("{% for i in range(9999) %}{{ user.upper() | length }}{% endfor %}", STEPS),
        ("{% for i in range(9999) %}{{ range(9999) | map('string') | list | length }}{% endfor %}", STEPS),
    ],
)  # fmt: skip
def test_a_template_that_does_too_much_is_ended(source, message, monkeypatch):
    """Each of these would take the time or the memory of the machine."""
    if message == STEPS:
        monkeypatch.setattr("mockgpt.core.sandbox.STEPS", 100_000)
    assert list(template_problems(source, [])) == []
    with pytest.raises(TemplateFailedError) as caught:
        rendered(source, {"user": "a" * 20_000})
    assert message is None or str(caught.value) == message


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ user }}", "a" * 500_000),
        ("{% for i in range(10000) %}{{ i % 10 }}{% endfor %}", "0123456789" * 1000),
        ("{{ user | replace('a', 'bb') }}", "bb" * 500_000),
        ("{{ user[:9] | center(19) }}", "     aaaaaaaaa     "),
        ("{{ '%5d|%-5s' % (1686986070, 'a') }}", "1686986070|a    "),
        ("{{ '{:>5}{}'.format('a', 1686986070) }}", "    a1686986070"),
        ("{{ 1 | default(1686986070) ~ [1, 2] ~ {'a': none} }}", "1[1, 2]{'a': None}"),
        ("{{ [1, 2] | sum(start=1686986070) }}", "1686986073"),
        ("{% for i in [1, 2] %}{{ loop.index }}/{{ loop.length }}{{ ', ' if not loop.last else '' }}{% endfor %}", "1/2, 2/2"),
        ("{% for a in [[1], [2, 3]] recursive %}{{ a if a is number else loop(a) }}{% endfor %}", "123"),
        ("{% macro m(a) %}<{{ a }}{{ caller() if caller is defined else '' }}>{% endmacro %}{{ m(1) }}{% call m(2) %}c{% endcall %}", "<1><2c>"),
        ("{{ {'a': [1, {'b': 2}]} | tojson }}{{ [3, 1] | sort | join('-') }}{{ 'a-b'.split('-') }}", "{\"a\": [1, {\"b\": 2}]}1-3['a', 'b']"),
        ("{{ range(5) | map('string') | select('in', '13') | join }}{{ 2 in [1, 2] }}{{ 1 < 2 < 3 }}", "13TrueTrue"),
        ("{{ user[1:3] ~ user[-1] ~ (1, 2)[:1] }}{{ none }}{{ 1.5 }}{{ true }}", "aaa(1,)None1.5True"),
        ("{% block b %}x{% endblock %}{{ self.b() }}{% filter upper %}y{% endfilter %}", "xxY"),
    ],
)  # fmt: skip
def test_within_limits_templates_are_jinja_s(source, text):
    assert list(template_problems(source, [])) == []
    values = {"user": "a" * 500_000}
    assert rendered(source, values) == text
    plain = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    assert plain.from_string(source).render(values) == text


def test_a_budget_is_that_of_one_rendering():
    source = "{% for i in range(60000) %}{{ i }}{% endfor %}"
    assert rendered(source, {}) == rendered(source, {})


@pytest.mark.parametrize("name", ["_spend", "(_spend)", "_items"])
def test_no_template_can_name_what_keeps_its_budget(name):
    assert list(template_problems(f"{{{{ -9 | {name} }}}}", []))


@pytest.mark.parametrize("name", ["user", "city"])
def test_what_a_client_says_is_no_template(name):
    said = "{{ 7 * 7 }}{% for i in range(9) %}a{% endfor %}{# b #}{{ request }}"
    values = {name: said, "request": {}}
    assert rendered(f"{{{{ {name} }}}}", values) == said
    assert rendered(f"{{{{ {name} | upper | lower ~ '' }}}}", values) == said


@pytest.mark.parametrize(("reply", "loaded"), [("say: a", "False"), ("template: a", "True")])
def test_jinja_is_loaded_for_a_template_alone(reply, loaded, tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(f"mockgpt: 1\nrules:\n- reply: {{{reply}}}\n", "utf-8")
    code = (
        f"import sys, mockgpt\nwith mockgpt.MockGPT({str(path)!r}): print('jinja2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == loaded
