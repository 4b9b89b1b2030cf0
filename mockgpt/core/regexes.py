"""Which regular expressions can take exponential time in Python's `re`, told without running them.

A pattern becomes an automaton whose states are its single characters and classes (Glushkov's), with
the number of ways from each to the next. Where a state leads back to itself in two ways on the same
text, n repetitions of that text have 2**n ways, and `re` tries all of them once the rest fails. This
is the EDA of Weber and Seidl, "On the degree of ambiguity of finite automata" (1991).
"""

import re
import string
import sys
from collections import deque
from collections.abc import Iterator

# Private, but the parser and compiler that `re` itself uses: no other reading can agree with it.
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

from msgspec import Struct

_STATES = 500  # of an automaton
_STEPS = 200_000  # of a search
_COPIES = 64  # states that a bounded repeat is written out to; a larger one is read as unbounded
_ELASTIC = 8  # the most copies of what itself repeats without bound
_TYPES = re.ASCII | re.LOCALE | re.UNICODE

# The characters that classes are compared on: all of ASCII, those that print first, and one or two
# of each kind beyond. Those at the ends of the pattern's own ranges are added.
_CHARACTERS = (
    string.ascii_lowercase + string.digits + " " + string.ascii_uppercase + string.punctuation
    + "".join(map(chr, (*range(32), 127, 0x85))) + "éÉßſK²٣中\u00a0\u2003😀"
)  # fmt: skip


def exponential(pattern: str) -> str | None:
    """Tell how a search for a pattern can take exponential time; None where it cannot.

    A lookaround and an atomic group are judged by themselves; around them the one counts as nothing,
    the other as one pass. A reference to a group counts as nothing. Classes are compared on samples beyond ASCII.
    None, too, where there is too much to look at. Raises re.error for what is no pattern.
    """
    tree = _parser.parse(pattern)
    left = [(tree, tree.state.flags)]
    while left:
        try:
            automaton = _Automaton(*left.pop())
            word = automaton.ambiguous()
        except (_TooLargeError, RecursionError):
            return None
        if word is not None:
            return f"repetitions of {word!r} can match in exponentially many ways"
        left += automaton.inner
    return None


class _TooLargeError(Exception):
    """There is more to look at than a linter has time for."""


class _Part(Struct, frozen=True):
    """A part of a pattern: the states that it may begin and end with, each with its ways in or out."""

    first: dict[int, int] = {}
    last: dict[int, int] = {}
    done: frozenset[int] = frozenset()  # of `last`: those with a way out that cannot fail
    empty: int = 0  # the ways to match nothing
    done_empty: bool = False  # one of these cannot fail


_NOTHING = _Part(empty=1, done_empty=True)
_ASSERTION = _Part(empty=1)


class _Automaton:
    """The states of one pattern, as they are read: what each matches, and what follows it how often."""

    def __init__(self, tree: Any, flags: int) -> None:
        self.state = tree.state
        ends = {code + near for code in _codes(tree) for near in (0, 1, -1)}
        extra = "".join(chr(code) for code in sorted(ends) if 0 <= code <= sys.maxunicode)
        self.characters = "".join(dict.fromkeys(_CHARACTERS + extra))
        self.matches: list[int] = []  # bits, of `characters`
        self.follow: list[dict[int, int]] = []
        self.inner: list[tuple[Any, int]] = []  # what is judged by itself
        self.once = False  # whether what is read gives nothing back
        self.accepting = self._sequence(tree, flags).done

    def ambiguous(self) -> str | None:
        """Return a text that leads from some state to itself in two ways, before a match is sure."""
        live = [
            {
                after: ways
                for after, ways in follow.items()
                if state not in self.accepting and after not in self.accepting
            }
            for state, follow in enumerate(self.follow)
        ]
        reached = [_reached(live, state) for state in range(len(live))]
        looping = [
            {after: ways for after, ways in follow.items() if state in reached[after]}
            for state, follow in enumerate(live)
        ]
        steps = iter(range(_STEPS))
        shortest = None
        for state in reversed(range(len(looping))):  # a repeat's first copy was added last
            shortest = self._word(looping, state, steps, shortest)
        return shortest

    def _word(
        self,
        looping: list[dict[int, int]],
        state: int,
        steps: Iterator[int],
        shortest: str | None,
    ) -> str | None:
        """Search the automaton's square for a text from a state to itself in two ways.

        Return the shortest so far, which what is found must be shorter than.
        """
        start = (state, state, False)  # two runs, and whether they have parted yet
        words = {start: ""}
        queue = deque([start])
        while queue:
            one, other, parted = known = queue.popleft()
            if shortest is not None and len(words[known]) + 1 >= len(shortest):
                return shortest
            for a, ways in looping[one].items():
                for b in looping[other]:
                    if next(steps, None) is None:
                        return shortest
                    both = self.matches[a] & self.matches[b]
                    if not both:
                        continue
                    found = (min(a, b), max(a, b), parted or a != b or ways > 1)
                    if found not in words:
                        first = self.characters[(both & -both).bit_length() - 1]
                        words[found] = words[known] + first
                        queue.append(found)
            if (state, state, True) in words:
                return words[state, state, True]
        return shortest

    def _sequence(self, tree: Any, flags: int) -> _Part:
        part = _NOTHING
        for node in tree:
            part = self._joined(part, self._node(node, flags))
        return part

    def _node(self, node: tuple[Any, Any], flags: int) -> _Part:
        operation, value = node
        match operation.name, value:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN", _:
                return self._character(node, flags)
            case "SUBPATTERN", (_, added, removed, item):
                return self._sequence(item, scoped(flags, added, removed))
            case "BRANCH", (_, items):
                return _either([self._sequence(item, flags) for item in items])
            case "GROUPREF_EXISTS", (_, yes, no):
                return _either([self._sequence(item, flags) for item in (yes, no or ())])
            case "MAX_REPEAT" | "MIN_REPEAT", (least, most, item):
                return self._repeat(item, int(least), int(most), flags)
            case "POSSESSIVE_REPEAT", _:
                item = _parser.SubPattern(self.state, [(_parser.MAX_REPEAT, value)])
                self.inner.append((item, flags))
                return self._atomic(item, flags)
            case "ATOMIC_GROUP", item:
                self.inner.append((item, flags))
                return self._atomic(item, flags)
            case "ASSERT" | "ASSERT_NOT", (_, item):
                self.inner.append((item, flags))
                return _ASSERTION
            case "GROUPREF", _:
                return _ASSERTION
            case _:  # FAILURE, or a place such as ^ or \b, which parts what is on its two sides
                return _Part()

    def _character(self, node: tuple[Any, Any], flags: int) -> _Part:
        if len(self.matches) == _STATES:
            raise _TooLargeError
        compiled = single(node, flags, self.state)
        state = len(self.matches)
        self.matches.append(
            sum(1 << bit for bit, c in enumerate(self.characters) if compiled.match(c))
        )
        self.follow.append({})
        return _Part({state: 1}, {state: 1}, frozenset({state}))

    def _repeat(self, item: Any, least: int, most: int, flags: int) -> _Part:
        """Write a repeat out in copies, or where these are many read it as one without bound."""
        begin = len(self.matches)
        part = self._sequence(item, flags)
        size = max(1, len(self.matches) - begin)
        elastic = any(q <= p for p in range(begin, len(self.matches)) for q in self.follow[p])
        if self.once or most <= 1:
            copies, looped = min(most, 1), False
        elif most * size > _COPIES or (elastic and most > _ELASTIC):
            copies, looped = (least or 1) if least * size <= _COPIES else 1, True
        else:
            copies, looped = most, False
        repeated = _NOTHING  # built from its end: what is optional is so with all behind it
        for number in range(copies, 0, -1):
            if looped and number == copies:
                self._join(part, part)
            repeated = self._joined(part, repeated)
            if number > least:
                repeated = _either([repeated, _NOTHING])
            if number > 1:
                part = self._sequence(item, flags)
        return repeated

    def _atomic(self, item: Any, flags: int) -> _Part:
        """Read what gives nothing back as one pass: there are no two ways through it."""
        before, self.once = self.once, True
        part = self._sequence(item, flags)
        self.once = before
        return part

    def _joined(self, one: _Part, other: _Part) -> _Part:
        """Put one part behind another."""
        self._join(one, other)
        return _Part(
            first=_sum(one.first, other.first, one.empty),
            last=_sum(other.last, one.last, other.empty),
            done=other.done | (one.done if other.done_empty else frozenset()),
            empty=min(2, one.empty * other.empty),
            done_empty=one.done_empty and other.done_empty,
        )

    def _join(self, one: _Part, other: _Part) -> None:
        for state, ways in one.last.items():
            self.follow[state] = _sum(self.follow[state], other.first, ways)


def scoped(flags: int, added: int, removed: int) -> int:
    """Return the flags that hold within a group."""
    kept = flags & ~_TYPES if added & _TYPES else flags
    return (kept | added) & ~removed


def single(node: tuple[Any, Any], flags: int, state: Any) -> re.Pattern[str]:
    """Compile one node of a parsed pattern with the flags that hold there, as `(?flags-flags:...)`."""
    one = _parser.SubPattern(state, [node])
    scope = (_parser.SUBPATTERN, (None, flags, state.flags & ~flags, one))
    compiled: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [scope]))
    return compiled


def _either(parts: list[_Part]) -> _Part:
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for part in parts:
        first, last = _sum(first, part.first, 1), _sum(last, part.last, 1)
    return _Part(
        first,
        last,
        frozenset().union(*(part.done for part in parts)),
        min(2, sum(part.empty for part in parts)),
        any(part.done_empty for part in parts),
    )


def _sum(ways: dict[int, int], more: dict[int, int], times: int) -> dict[int, int]:
    """Add up ways; two are as good as more."""
    if not times:
        return ways
    added = {state: min(2, ways.get(state, 0) + times * number) for state, number in more.items()}
    return {**ways, **added}


def _reached(follow: list[dict[int, int]], state: int) -> set[int]:
    """Return the states that lie behind one, itself only if it repeats."""
    found: set[int] = set()
    left = [state]
    while left:
        new = follow[left.pop()].keys() - found
        found |= new
        left += new
    return found


def _codes(node: Any) -> Iterator[int]:
    """Yield the characters that a pattern names, and the ends of its ranges."""
    match node:
        case (operation, int(code)) if operation in (_parser.LITERAL, _parser.NOT_LITERAL):
            yield code
        case (operation, (low, high)) if operation is _parser.RANGE:
            yield from (low, high)
        case _ if isinstance(node, tuple | list | _parser.SubPattern):
            for item in node:
                yield from _codes(item)
