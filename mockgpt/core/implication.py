"""Whether every request that meets some conditions meets others, as far as that can be told.

A doubt is a no: what is told here is certain. Of many rules only those pairs are compared that have
something in common without which there is no implication, so ten thousand take seconds.
"""

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from re import _parser  # type: ignore[attr-defined]  # as in regexes.py
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from mockgpt.core.conditions import TEXTS, Text, TextMatch, When, endpoints
from mockgpt.core.differences import meets
from mockgpt.core.equality import unequal
from mockgpt.core.patterns import glob, regex
from mockgpt.core.replies import EMBEDDED, SPOKEN
from mockgpt.core.scenario import Rule
from mockgpt.core.searching import PatternFailedError

_ANYTHING = When()
_SLOW = {*TEXTS, "headers", "body"}  # keys that are compared last
_GRAM = 4  # characters of a text that are looked up

_Asked = tuple[tuple[str, Any], ...]  # the keys that conditions ask for, and what they want of each
_Token = tuple[Any, ...]  # what conditions give, as it is looked up: a key, and a text or a value


class _Part(Struct, frozen=True):
    """Conditions, or some that hold besides, and the endpoints whose requests can meet them."""

    when: When
    endpoints: frozenset[str]


def implies(narrow: When, wide: When) -> bool:
    """Tell whether every request that meets `narrow` meets `wide`."""
    return _implies(_parts(narrow), _asked(wide))


def shadows(rules: Sequence[Rule]) -> Iterator[tuple[int, int]]:
    """Yield the rules that one before them leaves nothing to answer, and the first that does.

    Both are positions; the rules stand in their order.
    """
    fitting = [answerable(rule) for rule in rules]
    parts = [_parts(rule.when) for rule in rules]
    asked = [_asked(rule.when) for rule in rules]
    found: dict[int, int] = {}
    for earlier, lists in enumerate(_candidates(parts, asked)):
        if rules[earlier].vectors:  # it answers as many inputs as it has vectors
            continue
        before = len(found)
        for positions in lists:
            for index in positions[bisect_right(positions, earlier) :]:
                if (
                    index not in found
                    and fitting[index] <= fitting[earlier]
                    and _implies(parts[index], asked[earlier])
                ):
                    found[index] = earlier
        if len(found) > before:  # one that stands before it is enough
            for positions in lists:
                positions[:] = [index for index in positions if index not in found]
    yield from sorted(found.items())


def answerable(rule: Rule) -> frozenset[str]:
    """Return the endpoints whose requests a rule can answer: its replies fit them."""
    found = endpoints(rule.when)
    if not rule.sources.isdisjoint(SPOKEN):
        found -= {"embeddings"}
    if not rule.sources.isdisjoint(EMBEDDED):
        found &= {"embeddings"}
    return found


# --- whether one implies the other


def _parts(narrow: When) -> tuple[_Part, ...]:
    """Return conditions and those of their `all`, of which each holds wherever they hold."""
    inner = (part for one in narrow.all_ or () for part in _parts(one))
    return (_Part(narrow, endpoints(narrow)), *inner)


def _asked(wide: When) -> _Asked:
    given = ((key, getattr(wide, key)) for key in wide.__struct_fields__)
    asked = [(key, wanted) for key, wanted in given if wanted != getattr(_ANYTHING, key)]
    return tuple(sorted(asked, key=lambda one: one[0] in _SLOW))


def _implies(parts: tuple[_Part, ...], asked: _Asked) -> bool:
    return any(
        all(_key_implies(key, part, wanted, asked) for key, wanted in asked) for part in parts
    )


def _key_implies(key: str, part: _Part, wanted: Any, asked: _Asked) -> bool:
    if key == "endpoint":
        return part.endpoints.issubset(_listed(wanted))
    given = getattr(part.when, key)
    if given is UNSET:
        return False
    if key == "model":
        return set(_listed(given)) <= set(_listed(wanted)) or "*" in _listed(wanted)
    if key in TEXTS:
        return _text_implies(given, wanted)
    if key == "exactly":
        return bool(given == wanted and part.when.ignore == dict(asked).get("ignore", ()))
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
    narrow = _match(narrow)
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


def _match(text: Text) -> TextMatch:
    return TextMatch(equals=text) if isinstance(text, str) else text


# --- which are worth comparing


def _candidates(
    parts: Sequence[tuple[_Part, ...]], asked: Sequence[_Asked]
) -> Iterator[list[list[int]]]:
    """Yield for each of some conditions lists of the positions of all that may imply it, in order.

    What implies conditions gives one token of each of their choices. Of these the one is looked up
    that the fewest give. The lists are the index's own: what is removed from one stays away.
    """
    literals = _rarest({text for wide in asked for _, text in _texts(wide)})
    choices = [[*_choices(wide, literals)] for wide in asked]
    known = {token for some in choices for choice in some for token in choice}
    grams: dict[int, set[str]] = defaultdict(set)
    for gram in (token[-1] for token in known if token[1:2] == ("part",)):
        grams[len(gram)].add(gram)
    given = [{token for part in some for token in _given(part, grams)} & known for some in parts]
    load = Counter(token for tokens in given for token in tokens)
    chosen = [
        min(some, key=lambda choice: sum(load[token] for token in choice), default=((),))
        for some in choices
    ]
    looked_up = {token for choice in chosen for token in choice}
    index: dict[_Token, list[int]] = defaultdict(list)
    index[()] = [*range(len(parts))]  # whoever asks for nothing is implied by all
    for position, tokens in enumerate(given):
        for token in tokens & looked_up:
            index[token].append(position)
    for choice in chosen:
        yield [index[token] for token in choice if token in index]


def _texts(asked: _Asked) -> Iterator[tuple[str, TextMatch]]:
    """Yield the conditions on texts, those on headers included, with a key for each."""
    for key, wanted in asked:
        if key in TEXTS:
            yield key, _match(wanted)
        elif key == "headers":
            yield from ((f"headers.{name}", _match(text)) for name, text in wanted.items())


def _rarest(texts: Iterable[TextMatch]) -> dict[TextMatch, list[str]]:
    """Return for each condition the rarest parts of the literal texts that are in what meets it."""
    literals = {text: [literal.casefold() for literal in _literals(text)] for text in texts}
    common = Counter(gram for found in literals.values() for part in found for gram in _grams(part))
    return {
        text: [min(_grams(part), key=common.__getitem__) for part in found]
        for text, found in literals.items()
    }


def _choices(asked: _Asked, literals: Mapping[TextMatch, list[str]]) -> Iterator[Sequence[_Token]]:
    """Yield tokens of which conditions that imply these give one, choice by choice."""
    for key, text in _texts(asked):
        same = (key, "same", text)  # or else what gives a literal text
        if text.equals is not UNSET:
            yield [(key, "whole", text.equals.casefold())]
            continue
        literal = text.matches is UNSET and text.glob is UNSET  # a pattern is met by whole texts
        yield same, (key, "literal" if literal else "equals")
        yield from ((same, (key, "part", gram)) for gram in literals[text])
    for key, wanted in asked:
        if key == "model":
            names = _listed(wanted)
            yield [(key, "any")] if "*" in names else [(key, "first", name) for name in names]
        elif key == "endpoint":
            yield [(key, name) for name in _listed(wanted)]
        elif key not in (*TEXTS, "headers", "ignore"):
            yield [(key, _hashable(wanted))]


def _given(part: _Part, grams: Mapping[int, set[str]]) -> Iterator[_Token]:
    """Yield the tokens that conditions give. `grams` are the texts that are looked up, by length."""
    # Conditions that no request meets imply whatever is asked.
    yield from [("endpoint", name) for name in part.endpoints or endpoints(_ANYTHING)]
    asked = _asked(part.when)
    for key, text in _texts(asked):
        yield key, "same", text
        if text.equals is not UNSET:
            yield from ((key, "equals"), (key, "whole", text.equals.casefold()))
        for literal in (text.equals, text.contains):
            if literal is not UNSET:
                yield key, "literal"
                folded = literal.casefold()
                for size, known in grams.items():
                    found = known.intersection(_grams(folded, size))
                    yield from [(key, "part", gram) for gram in found]
    for key, given in asked:
        if key == "model":
            yield from ((key, "any"), *((key, "first", name) for name in _listed(given)[:1]))
        elif key not in (*TEXTS, "endpoint", "headers", "ignore"):
            yield key, _hashable(given)


def _literals(text: TextMatch) -> Iterator[str]:
    """Yield texts that are in whatever meets a condition, but for case."""
    if text.contains:
        yield text.contains
    patterns = []
    if text.matches is not UNSET:
        patterns.append(regex(text.matches, ignore_case=text.ignore_case))
    if text.glob is not UNSET:
        patterns.append(glob(text.glob, ignore_case=text.ignore_case))
    for pattern in patterns:
        characters = _characters(_parser.parse(pattern.pattern), pattern.flags)
        yield from ("".join(run) for literal, run in groupby(characters, bool) if literal)


def _characters(nodes: Any, flags: int) -> Iterator[str]:
    """Yield the characters that every match has, one after another; "" for anything else."""
    for operation, value in nodes:
        match operation.name, value:
            case "LITERAL", code:
                character = chr(code)
                yield character if not flags & re.IGNORECASE or _folds(character) else ""
            case "SUBPATTERN", (_, added, _, inner):
                yield from _characters(inner, flags | added)
            case "ATOMIC_GROUP", inner:
                yield from _characters(inner, flags)
            case _:
                yield ""


def _folds(character: str) -> bool:
    """Tell whether `casefold` makes one of all that `re` takes for a character: of ı and İ it does not."""
    return character not in "iI" and (character.isascii() or character.lower() == character.upper())


def _grams(text: str, size: int = _GRAM) -> Iterator[str]:
    """Return the parts of a text of so many characters, of a shorter one the whole."""
    return (text[start : start + size] for start in range(max(len(text) - size, 0) + 1))


def _hashable(value: Any) -> Any:
    """Return what is equal for values that are equal, and can be looked up."""
    match value:
        case dict():
            return frozenset((key, _hashable(item)) for key, item in value.items())
        case list() | tuple():
            return tuple(map(_hashable, value))
        case Struct():
            return _hashable(msgspec.to_builtins(value))
        case _:
            return value
