"""Searches by regular expressions that have an end: by `re` where that is quick, else step by step.

`re` tries the ways through a pattern one after another, of which a hostile text can make any
number. Where it can, the pattern, as read by `re`'s own parser, runs here: no place of the pattern
meets the same place of the text twice (as in RE2's BitState), and steps are counted, not seconds.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from re import _parser  # type: ignore[attr-defined]  # as in regexes.py
from typing import Any

from mockgpt.core.patterns import regex
from mockgpt.core.programs import SIZE, Program, Step, TooLargeError

_WAYS = 100_000_000  # that `re` may try at worst, which takes it tenths of a second
_STEPS = 2_000_000  # of a search here: some 50,000 characters by a pattern at its worst
_UNROLLED = 64  # copies of a repeat that count as factors, not as a repeat of any length
_FACTOR = 10_000.0  # of one copy; two of these are more than _WAYS


class PatternFailedError(Exception):
    """A search that would take too long."""


def search(pattern: str, text: str, *, ignore_case: bool = False) -> Mapping[str, str] | None:
    """Return what the named groups of the first match hold ("" for none), or None without a match.

    Raises PatternFailedError where telling would take more than a fixed number of steps.
    """
    compiled, reach = _prepared(pattern, ignore_case)
    if len(text) > reach:
        return _Search(compiled, text).groups()
    found = compiled.search(text)
    return None if found is None else found.groupdict("")


@lru_cache(maxsize=1024)
def _prepared(pattern: str, ignore_case: bool) -> tuple[re.Pattern[str], float]:  # noqa: FBT001 - keywords are slower
    compiled = regex(pattern, ignore_case=ignore_case)
    return compiled, _reach(compiled)


def _reach(pattern: re.Pattern[str]) -> float:
    """Return how long a text may be that `re` is quick with, whatever is in it."""
    factor, power = _ways(_parser.parse(pattern.pattern, pattern.flags))
    if not power and factor <= SIZE:
        return float("inf")  # every place of the text is looked at so many times
    return (_WAYS / factor) ** (1 / (power + 1)) if factor < _WAYS else 0


def _ways(nodes: Any) -> tuple[float, int]:
    """Return a bound of the ways through a sequence: a factor, and a power of the text's length."""
    factor, power = 1.0, 0
    for operation, value in nodes:
        match operation.name, value:
            case "SUBPATTERN", (*_, item):
                ways = _ways(item)
            case (("ASSERT" | "ASSERT_NOT"), (_, item)):
                ways = _ways(item)
            case "ATOMIC_GROUP", item:
                ways = _ways(item)
            case "BRANCH", (_, items):
                ways = _either([_ways(item) for item in items])
            case "GROUPREF_EXISTS", (_, yes, no):
                ways = _either([_ways(yes), _ways(no or ())])
            case (("MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT"), (least, most, item)):
                ways = _repeated(int(least), int(most), *_ways(item))
            case "GROUPREF", _:
                ways = 1.0, 1
            case _:
                ways = 1.0, 0
        factor, power = factor * ways[0], power + ways[1]
    return factor, power


def _either(branches: list[tuple[float, int]]) -> tuple[float, int]:
    return sum(factor for factor, _ in branches), max(power for _, power in branches)


def _repeated(least: int, most: int, factor: float, power: int) -> tuple[float, int]:
    if most <= 1:
        return factor + 1, power
    if most <= _UNROLLED and not power:
        return min(factor, _FACTOR) ** most * (most - least + 1), 0
    return (1.0, 1) if factor == 1 and not power else (float("inf"), power)  # ways of ways


@lru_cache(maxsize=128)
def _program(pattern: re.Pattern[str]) -> Program:
    return Program(pattern)


class _Search:
    """One search in one text."""

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self._pattern, self._text, self._left = pattern, text, _STEPS
        try:
            self._program = _program(pattern)
        except TooLargeError as error:
            raise self._failed(str(error)) from None

    def _failed(self, why: str) -> PatternFailedError:
        return PatternFailedError(f"the regular expression '{self._pattern.pattern}': {why}")

    def groups(self) -> dict[str, str] | None:
        """Return what named groups hold, or None without a match."""
        seen: set[int] = set()
        for start in self._starts():
            held: list[int | None] = [None] * (2 * self._pattern.groups + 2)
            if self._run(0, start, held, seen) is not None:
                named = self._pattern.groupindex.items()
                return {name: self._held(group, held) or "" for name, group in named}
        return None

    def _held(self, group: int, held: list[int | None]) -> str | None:
        begin, end = held[2 * group : 2 * group + 2]
        return None if begin is None or end is None else self._text[begin:end]

    def _starts(self) -> Iterator[int]:
        """Yield the places where a match may begin."""
        prefix, at = self._program.prefix, -1
        while (at := self._text.find(prefix, at + 1)) >= 0:
            yield at

    def _run(  # noqa: C901, PLR0912 - a table
        self, pc: int, at: int, held: list[int | None], seen: set[int]
    ) -> int | None:
        """Return where a match from here ends; what groups hold is written into `held`.

        `seen` are the splits that have been come to, each at one place of the text.
        """
        text, size, steps = self._text, len(self._text), self._program.steps
        remembers = self._program.remembers
        back: list[tuple[int, int | None, bool]] = []  # where to go on, or what a group held before
        while True:
            self._left -= 1
            if self._left < 0:
                raise self._failed(
                    f"it takes more than {_STEPS:,} steps on a text of {size:,} characters"
                )
            step = steps[pc]
            pc, fits = pc + 1, True
            match step.kind:
                case "character":
                    pattern, known = step.what
                    if at == size:
                        fits = False
                    else:
                        character = text[at]
                        if character not in known:
                            known[character] = pattern.match(character) is not None
                        fits = known[character]
                        at += 1
                case "split":
                    key = (pc - 1) * (size + 1) + at
                    fits = key not in seen
                    if remembers:
                        seen.add(key)
                    if fits:
                        back.append((step.other, at, True))
                    pc = step.to
                case "loop":  # around, but on from where that was done, also by nothing
                    again = step.to * (size + 1) + at not in seen
                    pc = step.to if again else step.other
                case "jump":
                    pc = step.to
                case "save":
                    back.append((step.what, held[step.what], False))
                    held[step.what] = at
                case "at":
                    fits = step.what.match(text, at) is not None
                case "match":
                    return at
                case _:
                    fits, pc, at = self._other(step, pc, at, held, back)
            while not fits:
                if not back:
                    return None
                pc, before, goes_on = back.pop()
                if goes_on:
                    assert before is not None
                    at, fits = before, True
                else:
                    held[pc] = before

    def _other(
        self,
        step: Step,
        pc: int,
        at: int,
        held: list[int | None],
        back: list[tuple[int, int | None, bool]],
    ) -> tuple[bool, int, int]:
        """Do what is rare; return whether it fits, and where to go on in the program and the text."""
        match step.kind:
            case "fail":
                return False, pc, at
            case "exists":
                return True, step.to if self._held(step.what, held) is None else pc, at
            case "reference":
                group, flags = step.what
                wanted = self._held(group, held)
                if wanted is None:
                    return False, pc, at
                self._left -= len(wanted)
                found = re.compile(re.escape(wanted), flags).match(self._text, at)
                return found is not None, pc, at if found is None else found.end()
        before = list(held)
        end = self._run(pc, at - step.what, held, set()) if step.what <= at else None
        fits = (end is None) is (step.kind == "assert_not")
        if step.kind == "assert_not":
            held[:] = before
        back += [(n, old, False) for n, old in enumerate(before) if old != held[n]]
        return fits, step.to, end if step.kind == "atomic" and end is not None else at
