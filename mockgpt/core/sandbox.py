"""The environment of templates: Jinja2's sandbox, in which a rendering can neither last nor grow.

Steps are counted, not seconds, so that equal requests fail alike. Loops pay for their items, calls,
filters, tests and operators for what they are given and give; what multiplies is asked for the size
of its result before it makes it. Nothing is computed when a template is compiled: it has no budget.
"""

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import wraps
from itertools import chain
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mockgpt.core.growth import FILTERS, METHODS, formatted, multiplied, powered
from mockgpt.core.templates import TemplateFailedError

STEPS = 1_000_000
CHARACTERS = 1_000_000  # of a text that is put together
_EACH = 16  # characters that are a step
_ITEM = 4  # steps of an item that is looked into
_HIDDEN = ("_loop_vars", "_block_vars")  # which Jinja2 gives its own functions
_CALL = 10  # steps of a call or a filter, beside what it is given
_INNER = (list, tuple, dict, set, frozenset)
_PLAIN = frozenset([str, int, float, bool, type(None)])  # written as what they are
# Filters that look at a list's items, and no deeper.
_SHALLOW = frozenset([
    "batch", "count", "d", "default", "first", "items", "last", "length", "list", "map", "reject",
    "rejectattr", "reverse", "select", "selectattr", "slice",
])  # fmt: skip
_COMPARING = ("!=", "<", "<=", "==", ">", ">=", "eq", "equalto", "ge", "greaterthan", "gt", "in",
    "le", "lessthan", "lt", "ne")  # fmt: skip

_left: ContextVar[list[int]] = ContextVar("steps that a rendering has left")


class LimitError(RuntimeError):
    """A template that does too much."""


def rendered(template: Template, values: Mapping[str, Any]) -> str:
    """Render a template within the limits. Raises TemplateFailedError, with Jinja2's message."""
    before = _left.set([STEPS])
    try:
        text = template.render(values)
        text.encode()  # half of a surrogate pair has no place in an answer
    except (
        TemplateError, ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError,
        TypeError, ValueError,
    ) as error:  # fmt: skip
        raise TemplateFailedError(f"{type(error).__name__}: {error}") from error
    finally:
        _left.reset(before)
    return text


def _spend(steps: int) -> None:
    left = _left.get()  # LookupError when a template is compiled: Jinja2 then leaves it for later
    left[0] -= steps
    if left[0] < 0:
        message = f"expected up to {STEPS:,} steps, found more; loop, call and repeat less"
        raise LimitError(message)


def _grow(size: float) -> None:
    if size > CHARACTERS:
        message = f"expected texts and lists of up to {CHARACTERS:,}, found more; make less"
        raise LimitError(message)


def _weight(value: Any) -> int:
    """Return what it costs to look at a value."""
    if isinstance(value, str | bytes):
        return len(value) // _EACH + 1
    return len(value) + 1 if isinstance(value, (*_INNER, range)) else 1


def _pay(value: Any) -> None:
    _spend(_weight(value))


def _pay_whole(value: Any) -> None:
    """Pay for a value and all that is in it, as often as it is in it."""
    if type(value) is str:
        _spend(len(value) // _EACH + 1)
        return
    steps = _weight(value)
    inner = [value] if isinstance(value, _INNER) else []
    while inner and steps <= STEPS:
        one = inner.pop()
        steps += _ITEM * len(one) + 1
        for item in chain(one, one.values()) if isinstance(one, dict) else one:
            if isinstance(item, str):
                steps += len(item) // _EACH
            elif isinstance(item, _INNER):
                inner.append(item)
    _spend(steps)


def _concatenated(parts: Iterable[str]) -> str:
    """Put together what a template, a macro or a block writes."""
    texts = list(parts)
    size = sum(map(len, texts))
    _grow(size)
    _spend(size // _EACH + len(texts))
    return "".join(texts)


def _joined(parts: list[Any]) -> str:
    """Do what `~` does."""
    return _concatenated([str(_written(part)) for part in parts])


def _items(value: Any, weight: int) -> Any:
    """Pay for the items of a loop, each of which is so many parts of a template."""
    if hasattr(value, "__len__"):
        _spend(len(value) * weight)
        return value
    return _each(value, weight)


def _each(value: Iterable[Any], weight: int) -> Iterable[Any]:
    for item in value:
        _spend(weight)
        yield item


def _weighed(value: Any) -> Any:
    _pay_whole(value)
    return value


def _written(value: Any) -> Any:
    """Pay for what is written before it becomes a text: a list may be in itself many times."""
    if type(value) not in _PLAIN:
        _pay_whole(value)
    return value


def _paid(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a filter or a test pay for what it is given and what it gives."""
    at = int(hasattr(function, "jinja_pass_arg"))  # Jinja2 puts one before the value
    pay = _pay if name in _SHALLOW else _pay_whole
    size = FILTERS.get(name)

    @wraps(function)
    def paid(*given: Any, **named: Any) -> Any:
        _spend(_CALL)
        if name == "join":
            given = (*given[:at], list(given[at]), *given[at + 1 :])
        for one in given[at:]:
            pay(one)
        for one in named.values():
            pay(one)
        if size is not None:
            _grow(size(*given[at:], **named))
        result = function(*given, **named)
        _pay(result)
        return result

    return paid


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment whose templates are rendered by `rendered`, within a budget.

    The immutable one: `request` is the body that the journal and other prompts see.
    """

    intercepted_binops = frozenset(["*", "**", "+", "%"])
    concat = staticmethod(_concatenated)

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=False,
            keep_trailing_newline=True,
            finalize=_written,
        )
        del self.filters["random"], self.globals["lipsum"]
        self.filters = {name: _paid(name, one) for name, one in self.filters.items()}
        tests: dict[str, Any] = self.tests
        tests |= {name: _paid(name, tests[name]) for name in _COMPARING}
        own = (_items, _joined, _weighed, _spend)
        self.filters |= {_own(one): one for one in own}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _limited(super()._parse(source, name, filename))

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call something for a template."""
        _spend(_CALL)
        method = getattr(obj, "__wrapped__", obj)  # Jinja2 wraps str.format
        owner, name = getattr(method, "__self__", None), getattr(method, "__name__", "")
        if name in METHODS and isinstance(owner, str | bytes | int):
            if name == "join":
                args = (list(args[0]), *args[1:])
            named = {key: one for key, one in kwargs.items() if key not in _HIDDEN}
            _grow(METHODS[name](owner, *args, **named))
        if owner is not None:
            for one in (owner, *args, *kwargs.values()):
                _pay_whole(one)
        result = super().call(context, obj, *args, **kwargs)
        _pay(result)
        return result

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute `* ** + %` for a template."""
        match operator:
            case "*":
                _grow(multiplied(left, right))
            case "**":
                _grow(powered(left, right))
            case "%" if isinstance(left, str | bytes):
                _pay_whole(right)
                _grow(formatted(left, *(right if isinstance(right, tuple) else (right,))))
        result = super().call_binop(context, operator, left, right)
        _pay(result)
        if operator == "+" and not isinstance(result, int | float):
            _grow(len(result))
        return result


def _limited(tree: nodes.Template) -> nodes.Template:
    """Let the loops, joins, comparisons, slices and macros of a template pay."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _filtered(loop.iter, _items, nodes.Const(_parts(loop)))
    for compare in tree.find_all(nodes.Operand):
        if not isinstance(compare.expr, nodes.Const):
            compare.expr = _filtered(compare.expr, _weighed)
    macros: list[Any] = [*tree.find_all((nodes.Macro, nodes.CallBlock))]
    for macro in macros:
        paying = _filtered(nodes.Const(_parts(macro)), _spend)
        macro.body.insert(0, nodes.ExprStmt(paying, lineno=macro.lineno))
    for parent in list(tree.find_all(nodes.Node)):
        for name, value in list(parent.iter_fields()):
            if isinstance(value, list):
                setattr(parent, name, [_replaced(one) for one in value])
            else:
                setattr(parent, name, _replaced(value))
    return tree


def _replaced(node: Any) -> Any:
    if isinstance(node, nodes.Concat):
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), _joined)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        return _filtered(node, _weighed)
    return node


def _parts(node: nodes.Node) -> int:
    return sum(1 for _ in node.find_all(nodes.Node))


def _own(function: Callable[..., Any]) -> str:
    """Return the name of a filter that no template can name."""
    return f"({function.__name__})"


def _filtered(node: nodes.Node, function: Callable[..., Any], *given: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, _own(function), list(given), [], None, None, lineno=node.lineno or 1)
