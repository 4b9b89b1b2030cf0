"""Templates of replies: Jinja2 in its sandbox, compiled when a scenario is loaded.

Jinja2 is imported for the first template: most scenarios have none. What draws by chance is taken
out of it, so that equal requests get equal texts.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from mockgpt.core.entry import did_you_mean

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.nodes import Template as Tree

_Unknown = tuple[int, str, str, Collection[str]]  # line, what is wanted, what is there, known names

NAMES = frozenset({"user", "system", "model", "turn", "call", "attempt", "request"})


class TemplateFailedError(Exception):
    """A template that cannot be rendered for a request; the text is Jinja2's message."""


def template_problems(source: str, captures: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with a template that may use these captures."""
    from jinja2 import TemplateSyntaxError, meta

    environment = _environment()
    try:
        tree = environment.parse(source)
        found: list[_Unknown] = [*_unknown(tree, environment)]
        if not found:  # the next two lines raise for what is unknown
            used = meta.find_undeclared_variables(tree)
            _compiled(source)
            names = {*NAMES, *captures}
            found = [
                (_line(tree, name), "a known name", name, names)
                for name in sorted(used - names - environment.globals.keys())
            ]
    except TemplateSyntaxError as error:
        yield f"expected a template, found an error in its line {error.lineno}: {error.message}"
    except (RecursionError, SyntaxError, ValueError) as error:  # ValueError: {{ 2 ** 99999 }}
        yield f"expected a template, found one that cannot be compiled: {error}"
    else:
        for line, what, name, known in found:
            hint = did_you_mean(name, known)
            if not hint and what == "a known name":
                hint = f"; known are {', '.join(sorted(known))}"
            yield f"expected {what}, found '{name}' in line {line} of the template{hint}"


def names_in(source: str) -> frozenset[str]:
    """Return the names that a template uses and does not make itself."""
    from jinja2 import meta

    return frozenset(meta.find_undeclared_variables(_environment().parse(source)))


def rendered(source: str, values: Mapping[str, Any]) -> str:
    """Render a template. Raises TemplateFailedError, with Jinja2's message."""
    return _compiled(source)(values)


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from mockgpt.core.sandbox import Sandbox

    return Sandbox()


@lru_cache(maxsize=1024)
def _compiled(source: str) -> Callable[[Mapping[str, Any]], str]:
    from mockgpt.core.sandbox import rendered

    return partial(rendered, _environment().from_string(source))


def _unknown(tree: "Tree", environment: "Environment") -> Iterator["_Unknown"]:
    """Yield unknown filters and tests and what needs other files.

    Jinja2 itself refuses a filter within an `if` only when it comes to it.
    """
    from jinja2 import nodes

    for node in tree.find_all(nodes.Filter):
        if node.name not in environment.filters:
            yield node.lineno, "a known filter", str(node.name), environment.filters
    for test in tree.find_all(nodes.Test):
        if test.name not in environment.tests:
            yield test.lineno, "a known test", test.name, environment.tests
    for other in tree.find_all((nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)):
        yield other.lineno, "a template that needs no other", type(other).__name__.lower(), ()


def _line(tree: "Tree", name: str) -> int:
    from jinja2 import nodes

    for node in tree.find_all((nodes.Name, nodes.NSRef)):  # the latter: the `a` of `set a.b = 1`
        if getattr(node, "name", None) == name:
            return node.lineno
    raise AssertionError("a name that is used is somewhere")
