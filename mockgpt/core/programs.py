"""Regular expressions as programs: what `searching.py` runs, read from the tree of `re`'s own parser.

The instructions are those of a backtracking machine (Thompson's, with Pike's `save` and a few more
for what `re` has beyond regular languages). A repeat is written out as often as it must be met.
"""

import re
from re import _parser  # type: ignore[attr-defined]  # as in regexes.py
from typing import Any

from msgspec import Struct

from mockgpt.core.regexes import scoped, single

SIZE = 5_000  # instructions of a program


class TooLargeError(Exception):
    """A pattern of too many parts."""


class Step(Struct, frozen=True):
    """One instruction: what it does, and what with; `to` and `other` are places in the program."""

    kind: str
    what: Any = None
    to: int = -1
    other: int = -1


class Program:
    """A pattern as instructions, read from `re`'s own tree of it."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        tree = _parser.parse(pattern.pattern, pattern.flags)
        self._state = tree.state
        self.steps: list[Step] = []
        self.remembers = True  # whether what failed once at a place fails there always
        begin, rest = [], list(tree)
        while rest and rest[0][0].name == "LITERAL" and not pattern.flags & re.IGNORECASE:
            begin.append(chr(rest[0][1]))
            del rest[0]
        self.prefix = "".join(begin)  # that every match begins with
        self._sequence(tree, tree.state.flags)
        self._add("match")

    def _add(self, kind: str, what: Any = None, to: int = -1, other: int = -1) -> int:
        if len(self.steps) == SIZE:
            raise TooLargeError(f"it has more than {SIZE:,} parts, counting its repeats")
        self.steps.append(Step(kind, what, to, other))
        return len(self.steps) - 1

    def _land(self, *jumps: int) -> None:
        """Let jumps that were added before lead to what comes now."""
        for at in jumps:
            step, here = self.steps[at], len(self.steps)
            self.steps[at] = Step(
                step.kind,
                step.what,
                here if step.to < 0 else step.to,
                here if step.other < 0 else step.other,
            )

    def _sequence(self, nodes: Any, flags: int) -> None:
        for node in nodes:
            self._node(node, flags)

    def _node(self, node: tuple[Any, Any], flags: int) -> None:  # noqa: C901, PLR0912 - a table
        operation, value = node
        match operation.name, value:
            case "SUBPATTERN", (group, added, removed, item):
                if group is not None:
                    self._add("save", 2 * group)
                self._sequence(item, scoped(flags, added, removed))
                if group is not None:
                    self._add("save", 2 * group + 1)
            case "BRANCH", (_, items):
                self._branches(items, flags)
            case (("MAX_REPEAT" | "MIN_REPEAT"), (least, most, item)):
                self._repeat(int(least), int(most), item, flags, greedy=operation.name[1] == "A")
            case "POSSESSIVE_REPEAT", _:
                self._apart("atomic", 0, [(_parser.MAX_REPEAT, value)], flags)
            case "ATOMIC_GROUP", item:
                self._apart("atomic", 0, item, flags)
            case (("ASSERT" | "ASSERT_NOT"), (direction, item)):
                back = item.getwidth()[0] if direction < 0 else 0
                self._apart(operation.name.lower(), back, item, flags)
            case "GROUPREF", group:
                self.remembers = False
                self._add("reference", (group, flags & re.IGNORECASE))
            case "GROUPREF_EXISTS", (group, yes, no):
                self.remembers = False
                asked = self._add("exists", group)
                self._sequence(yes, flags)
                end = self._add("jump")
                self._land(asked)
                self._sequence(no or (), flags)
                self._land(end)
            case "FAILURE", _:
                self._add("fail")
            case "AT", _:
                self._add("at", single(node, flags, self._state))
            case _:
                self._add("character", (single(node, flags, self._state), {}))

    def _branches(self, items: Any, flags: int) -> None:
        ends = []
        for item in items[:-1]:
            split = self._add("split", to=len(self.steps) + 1)
            self._sequence(item, flags)
            ends.append(self._add("jump"))
            self._land(split)
        self._sequence(items[-1], flags)
        self._land(*ends)

    def _repeat(self, least: int, most: int, item: Any, flags: int, *, greedy: bool) -> None:
        for _ in range(least):
            self._sequence(item, flags)
        splits = []
        for _ in range(1 if most == _parser.MAXREPEAT else most - least):
            splits.append(self._split(greedy=greedy))
            self._sequence(item, flags)
        if most == _parser.MAXREPEAT:
            splits.append(self._add("loop", to=splits[0]))
        self._land(*splits)

    def _split(self, *, greedy: bool) -> int:
        inner = len(self.steps) + 1
        return self._add("split", to=inner) if greedy else self._add("split", other=inner)

    def _apart(self, kind: str, back: int, item: Any, flags: int) -> None:
        """Add what is searched by itself, so many characters back."""
        at = self._add(kind, back)
        self._sequence(item, flags)
        self._add("match")
        self._land(at)
