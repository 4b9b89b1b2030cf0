"""How large a result can be at most, told before it is made: of what multiplies in templates.

Sizes are characters or items. What is no size, such as a width that is a text, is told by the call.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Size = Callable[..., float]

_INDENT = 16  # the most that JSON is indented by
_TOO_LARGE = float("inf")


def size_of(value: Any) -> int:
    """Return the length of a text, a list or what there is as many of."""
    return len(value) if hasattr(value, "__len__") else 0


def multiplied(left: Any, right: Any) -> float:
    """Return how large a product is: a text or a list so many times, or a number's bits."""
    for one, times in ((left, right), (right, left)):
        if isinstance(times, int) and hasattr(one, "__len__"):
            return len(one) * times
    if isinstance(left, int) and isinstance(right, int):
        return left.bit_length() + right.bit_length()
    return 0


def powered(left: Any, right: Any) -> float:
    """Return how many bits a power has."""
    if isinstance(left, int) and isinstance(right, int):
        return left.bit_length() * abs(right)
    return 0


def formatted(text: str | bytes, *args: Any, **named: Any) -> float:
    """Return how large a text is once it is filled: of fields as wide as any number that says so."""
    told = text.decode("latin-1") if isinstance(text, bytes) else text
    given = [*args, *named.values()]
    given += [one for mapping in given if isinstance(mapping, Mapping) for one in mapping.values()]
    widths = [int(digits[:9]) for digits in re.findall("[0-9]+", told)]
    if "*" in told or re.search(r"{[^{}]*{", told):  # a width that is an argument
        widths += [one for one in given if isinstance(one, int)]
    fields = told.count("{") + told.count("%")
    widest = max([0, *widths, *(size_of(one) for one in given)])
    return len(told) + fields * widest


def _widened(value: Any, width: int = 80, *_: Any) -> float:
    return size_of(value) + width


def _indented(value: Any, width: int | str = 4, *_: Any, **__: Any) -> float:
    each = len(width) if isinstance(width, str) else width
    return size_of(value) + (str(value).count("\n") + 1) * each


def _replaced(value: Any, old: str, new: str, *_: Any, **__: Any) -> float:
    return size_of(value) + str(value).count(str(old)) * (size_of(new) - size_of(old))


def _joined(value: Iterable[Any], d: str = "", *_: Any, **__: Any) -> float:
    items = list(value)
    return sum(map(size_of, items)) + len(items) * size_of(d)


def _wrapped(
    value: str, width: int = 79, _long: object = None, wrapstring: str | None = None, *_: Any, **__: Any
) -> float:  # fmt: skip
    return size_of(value) * (1 + size_of(wrapstring or "\n") / max(1, width))


def _as_json(_value: Any, indent: int | None = None) -> float:
    return _TOO_LARGE if indent is not None and indent > _INDENT else 0


def _counted(_value: Any, number: float = 0, *_: Any, **__: Any) -> float:
    return number


def _summed(_value: Any, attribute: Any = None, start: Any = 0) -> float:
    """Return nothing for numbers; a sum of lists takes the square of their number."""
    del attribute
    return 0 if isinstance(start, int | float) else _TOO_LARGE


def _linked(value: Any, *args: Any, **named: Any) -> float:
    return size_of(value) * (1 + sum(map(size_of, (*args, *named.values()))))


def _translated(value: Any, table: Any, *_: Any) -> float:
    longest = max(map(size_of, table.values()), default=0) if isinstance(table, Mapping) else 0
    return size_of(value) * (1 + longest)


def _expanded(value: Any, tabsize: int = 8) -> float:
    return size_of(value) * (1 + tabsize)


FILTERS: dict[str, Size] = {
    "batch": _counted,
    "center": _widened,
    "format": formatted,
    "indent": _indented,
    "join": _joined,
    "replace": _replaced,
    "round": _counted,
    "slice": _counted,
    "sum": _summed,
    "tojson": _as_json,
    "urlize": _linked,
    "wordwrap": _wrapped,
}
METHODS: dict[str, Size] = {
    "center": _widened,
    "expandtabs": _expanded,
    "format": formatted,
    "format_map": formatted,
    "join": lambda separator, items: _joined(items, separator),
    "ljust": _widened,
    "replace": _replaced,
    "rjust": _widened,
    "to_bytes": _counted,
    "translate": _translated,
    "zfill": _widened,
}
