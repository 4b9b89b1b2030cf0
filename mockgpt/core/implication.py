"""Whether every request that meets some conditions meets others, as far as that can be told.

A doubt is a no: what is told here is certain.
"""

from msgspec import UNSET

from mockgpt.core.conditions import TEXTS, Text, TextMatch, When, endpoints
from mockgpt.core.differences import meets
from mockgpt.core.equality import unequal
from mockgpt.core.replies import EMBEDDED, SPOKEN
from mockgpt.core.scenario import Rule
from mockgpt.core.searching import PatternFailedError


def implies(narrow: When, wide: When) -> bool:
    """Tell whether every request that meets `narrow` meets `wide`."""
    if narrow.all_ is not UNSET and any(implies(one, wide) for one in narrow.all_):
        return True
    return all(
        _key_implies(key, narrow, wide)
        for key in wide.__struct_fields__
        if getattr(wide, key) != getattr(_ANYTHING, key)
    )


_ANYTHING = When()


def _key_implies(key: str, narrow: When, wide: When) -> bool:
    given, wanted = getattr(narrow, key), getattr(wide, key)
    if key == "endpoint":
        return endpoints(narrow) <= endpoints(When(endpoint=wanted))
    if given is UNSET:
        return False
    if key == "model":
        return set(_listed(given)) <= set(_listed(wanted)) or "*" in _listed(wanted)
    if key in TEXTS:
        return _text_implies(given, wanted)
    if key == "exactly":
        return bool(given == wanted and narrow.ignore == wide.ignore)
    if key == "ignore":
        return True  # compared with `exactly`
    if key == "headers":
        return all(name in given and _text_implies(given[name], wanted[name]) for name in wanted)
    if key == "body":
        return next(unequal(wanted, given), None) is None
    return bool(given == wanted)


def _text_implies(narrow: Text, wide: Text) -> bool:
    if narrow == wide:
        return True
    narrow = TextMatch(equals=narrow) if isinstance(narrow, str) else narrow
    if narrow.equals is not UNSET and not narrow.ignore_case:
        return _surely_meets(wide, narrow.equals)
    if isinstance(wide, str) or narrow.contains is UNSET:
        return False
    only_contains = wide == TextMatch(contains=wide.contains, ignore_case=wide.ignore_case)
    return (
        only_contains
        and wide.ignore_case >= narrow.ignore_case
        and _surely_meets(wide, narrow.contains)
    )


def _surely_meets(wanted: Text, text: str) -> bool:
    try:
        return meets(wanted, text)
    except PatternFailedError:
        return False


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def answerable(rule: Rule) -> frozenset[str]:
    """Return the endpoints whose requests a rule can answer: its replies fit them."""
    found = endpoints(rule.when)
    if not rule.sources.isdisjoint(SPOKEN):
        found -= {"embeddings"}
    if not rule.sources.isdisjoint(EMBEDDED):
        found &= {"embeddings"}
    return found
