"""Scenarios in Python: the language's rules and steps, spelt as calls.

>>> from mockgpt import MockGPT, contains, expect
>>> mock = MockGPT()
>>> weather = mock.on(user=contains("weather"), id="weather")
>>> weather.attempts({"error": "overloaded"}, "Sunny").then("I told you already")
<rule 'weather' when {'user': {'contains': 'weather'}}: 2 replies>
>>> mock.script(expect(user=contains("plan")).reply("First"), expect(user="Bye").reply("Bye"))
>>> print(mock.to_yaml(), end="")
mockgpt: 1
seed: 0
script:
- id: expect-1
  expect:
    user:
      contains: plan
  reply: First
- id: expect-2
  expect:
    user: Bye
  reply: Bye
rules:
- id: weather
  when:
    user:
      contains: weather
  reply:
  - attempts:
    - error: overloaded
    - Sunny
  - I told you already

What YAML may not say is refused in the same words: ScenarioError, with the line of the call.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Self, Unpack

from msgspec import Struct

from mockgpt.core.conditions import TextMatch
from mockgpt.core.exchange import Exchange
from mockgpt.core.replies import SOURCES
from mockgpt.core.scenario import AfterLast, Rule
from mockgpt.given import data_of, shown
from mockgpt.keywords import ErrorKeys, FaultKeys, FaultKind, ReplyKeys, Said, WhenKeys

Data = dict[str, Any]  # a mapping of the language, as YAML gives it

_RESERVED = {"any_": "any", "all_": "all", "not_": "not", "for_": "for"}


def equals(text: str, *, ignore_case: bool = False) -> TextMatch:
    """Match the whole text."""
    return TextMatch(equals=text, ignore_case=ignore_case)


def contains(text: str, *, ignore_case: bool = False) -> TextMatch:
    """Match a part of the text."""
    return TextMatch(contains=text, ignore_case=ignore_case)


def matches(pattern: str, *, ignore_case: bool = False) -> TextMatch:
    """Match by a regular expression, searched; its named groups become captures."""
    return TextMatch(matches=pattern, ignore_case=ignore_case)


def glob(pattern: str, *, ignore_case: bool = False) -> TextMatch:
    """Match the whole text, with *, ? and [sets] as in a shell."""
    return TextMatch(glob=pattern, ignore_case=ignore_case)


def caller() -> str:
    """Return the line that called mockgpt: a file's name and a number, such as test_it.py:12."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("mockgpt."):
        frame = frame.f_back
    if frame is None:
        return "Python"
    return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"


def keys_of(given: Mapping[str, Any]) -> Data:
    """Return keyword arguments by the language's names, as plain data. Raises TypeError."""
    return {_RESERVED.get(name, name): data_of(value, (name,)) for name, value in given.items()}


class LiveRule:
    """A rule of a session, made by `on`. It is tried as soon as it has a reply.

    Each method changes what is answered from now on; how many calls it has had stays. They raise
    ScenarioError for what the language refuses, TypeError for what is no data, and RuntimeError
    once `load` replaced the scenario.
    """

    def __init__(
        self,
        name: str,
        when: Data,
        install: Callable[["LiveRule", Data], None],
        answered: Callable[[str], tuple[Exchange, ...]],
    ) -> None:
        self.id = name
        self.rule: Rule | None = None
        self._when = when
        self._install = install
        self._answered = answered
        self._replies: list[Any] = []
        self._after_last: AfterLast | None = None

    def __repr__(self) -> str:
        count = len(self._replies)
        told = f"{count} repl{'y' if count == 1 else 'ies'}" if count else "no reply yet, not tried"
        return f"<rule {self.id!r} when {self._when}: {told}>"

    @property
    def calls(self) -> tuple[Exchange, ...]:
        """The exchanges that it answered, also those of further attempts."""
        return self._answered(self.id)

    def reply(
        self,
        *said: Said | Sequence[Said],
        after_last: AfterLast | None = None,
        **keys: Unpack[ReplyKeys],
    ) -> Self:
        """Answer so, instead of what it answered before.

        A reply is a text, a `Reply` or a mapping; several, also as one list, are those of as many
        calls. `keys` are those of every one. `after_last` says what follows the last: `fail` (the
        default of several), `repeat` (that of one) or `cycle`.
        """
        return self._answer(_replies(said, keys), after_last)

    def error(self, preset: str | None = None, **keys: Unpack[ErrorKeys]) -> Self:
        """Answer by an error of the service's, instead of what it answered before.

        Without a preset it is the service's `server_error`, with what `keys` say otherwise.
        """
        return self._answer([_error(preset, keys)])

    def attempts(self, *replies: Said | Sequence[Said]) -> Self:
        """Answer the attempts of one call, a reply for each, instead of what was before."""
        return self._answer([{"attempts": _each(replies)}])

    def then(
        self,
        *said: Said | Sequence[Said],
        after_last: AfterLast | None = None,
        **keys: Unpack[ReplyKeys],
    ) -> Self:
        """Answer the next call so, after the replies that there are."""
        replies = [*self._replies, *_replies(said, keys)]
        return self._answer(replies, after_last or self._after_last)

    def fault(self, kind: FaultKind, **options: Unpack[FaultKeys]) -> Self:
        """Let something go wrong with the last of its replies, after the faults it has."""
        *before, last = self._replies or [{}]
        return self._answer([*before, _disturbed(last, kind, options)], self._after_last)

    def _answer(self, replies: list[Any], after_last: AfterLast | None = None) -> Self:
        data: Data = {"id": self.id, "when": self._when}
        data["reply"] = replies[0] if len(replies) == 1 else replies
        if after_last is not None:
            data["after_last"] = after_last
        self._install(self, data)
        self._replies, self._after_last = replies, after_last
        return self


class Expectation(Struct, frozen=True):
    """A step of a script: what is expected next and what it is answered; a value.

    It is checked when `script` takes it.
    """

    data: Data
    line: str

    def reply(self, said: Said | None = None, **keys: Unpack[ReplyKeys]) -> "Expectation":
        """Answer so."""
        if isinstance(said, list | tuple):
            raise TypeError(
                f"expected one reply, found {shown(said)}; a step answers one call: give each a step "
                "of its own, or its attempts by attempts(…)"
            )
        (reply,) = _replies(() if said is None else (said,), keys)
        return self._with(reply=reply)

    def error(self, preset: str | None = None, **keys: Unpack[ErrorKeys]) -> "Expectation":
        """Answer by an error of the service's; without a preset by `server_error`, but for `keys`."""
        return self._with(reply=_error(preset, keys))

    def attempts(self, *replies: Said | Sequence[Said]) -> "Expectation":
        """Answer the attempts of the call, a reply for each."""
        return self._with(reply={"attempts": _each(replies)})

    def fault(self, kind: FaultKind, **options: Unpack[FaultKeys]) -> "Expectation":
        """Let something go wrong with its reply, after the faults it has."""
        return self._with(reply=_disturbed(self.data.get("reply", {}), kind, options))

    def optional(self) -> "Expectation":
        """Let it be left out."""
        return self._with(optional=True)

    def after(self, *ids: str) -> "Expectation":
        """Let it come after other steps of the same `script`, by their ids."""
        return self._with(after=list(ids))

    def _with(self, **more: Any) -> "Expectation":
        return Expectation({**self.data, **more}, self.line)


class AnyOrder(Struct, frozen=True):
    """Steps that may come in any order."""

    steps: tuple[Expectation, ...]


def expect(*, id: str = "", **when: Unpack[WhenKeys]) -> Expectation:  # noqa: A002 - the language's
    """Begin a step of a script. `id` names it; without it it is numbered."""
    return Expectation({"id": id, "expect": keys_of(when)}, caller())


def any_order(*steps: Expectation) -> AnyOrder:
    """Let steps of a script come in any order. Raises TypeError for what is no step."""
    for step in steps:
        if not isinstance(step, Expectation):
            hint = "; give several as several arguments" if isinstance(step, list | tuple) else ""
            raise TypeError(f"expected expect(…), found {shown(step)}{hint}")
    return AnyOrder(steps)


def _replies(said: Sequence[Said | Sequence[Said]], keys: ReplyKeys) -> list[Any]:
    more = keys_of(keys)
    if not said:
        return [more]
    replies = _each(said)
    return [_adjusted(_mapping(reply), more) for reply in replies] if keys else replies


def _each(said: Sequence[Said | Sequence[Said]]) -> list[Any]:
    """Return the replies of several calls or attempts, which may be given as one list."""
    match said:
        case [list() | tuple() as listed]:
            said = listed
    replies = [data_of(one, ("reply",)) for one in said]
    for reply in replies:
        if not isinstance(reply, str | dict):
            several = "; give several as several arguments" if isinstance(reply, list) else ""
            raise TypeError(
                f"reply: expected a text, a Reply or a mapping, found {shown(reply)}{several}"
            )
    return replies


def _mapping(reply: str | Data) -> Data:
    return {"say": reply} if isinstance(reply, str) else reply


def _adjusted(reply: Data, more: Data) -> Data:
    """Return a reply with further keys, which may change how it is answered, not what."""
    for key in SOURCES:
        if key in reply and key in more:
            both = f"{shown(reply[key])} and {key}={shown(more[key])}"
            raise TypeError(f"reply: expected one `{key}`, found {both}; leave one of them out")
    return {**reply, **more}


def _error(preset: str | None, keys: ErrorKeys) -> Data:
    more = keys_of(keys)
    if preset is None:
        return {"error": more}
    if not isinstance(preset, str):
        raise TypeError(
            f"error: expected a preset such as 'overloaded', found {shown(preset)}; a status by "
            "itself is error(status=429)"
        )
    return {"error": {"preset": preset, **more} if more else preset}


def _disturbed(reply: str | Data, kind: FaultKind, options: FaultKeys) -> Data:
    mapping = _mapping(reply)
    return {**mapping, "faults": [*mapping.get("faults", ()), {"kind": kind, **keys_of(options)}]}
