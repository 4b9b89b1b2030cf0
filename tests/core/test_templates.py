"""Templates: what is refused when they are loaded, and what happens to a request."""

import subprocess
import sys

import pytest

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
    "{{ 2 ** 99999 }}": (
        "expected a template, found one that cannot be compiled: Exceeds the limit (4300 digits) "
        "for integer string conversion; use sys.set_int_max_str_digits() to increase the limit"
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
