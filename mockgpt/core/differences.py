"""What a request has otherwise than conditions ask: each key of `when`, and what meets it.

`differences` is the matcher. A value that is secret, a key or a header's, is never told.
"""

import math
from collections.abc import Callable, Iterator, Sized
from functools import partial
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from mockgpt.core import bodies, keys
from mockgpt.core.conditions import Range, Text, TextMatch, When, endpoints
from mockgpt.core.entry import Place, path_of
from mockgpt.core.equality import Found, parsed, shown, unequal
from mockgpt.core.forms import form_hint, unmet_hint
from mockgpt.core.patterns import glob
from mockgpt.core.requests import (
    Asked,
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    Request,
)
from mockgpt.core.searching import search

LISTED = 5  # texts, places and differences that are told of one thing
_HIDDEN = "***"


class Difference(Struct, frozen=True):
    """One condition that does not hold: its key, what was wanted, what the request has."""

    key: str
    wanted: str
    got: str

    def __str__(self) -> str:
        return f"{self.key}: wanted {self.wanted}, got {self.got}"


Tell = Callable[[], Difference]  # puts a condition that does not hold in words


def distance(when: When, asked: Asked, found: Sized) -> tuple[bool, int]:
    """Return how far conditions with these are from being met: what is for another endpoint is far."""
    return asked.request.__struct_config__.tag not in endpoints(when), len(found)


def holds(when: When, asked: Asked) -> bool:
    """Tell whether the request meets the conditions: there is not one difference."""
    return next(unmet(when, asked), None) is None


def differences(when: When, asked: Asked) -> tuple[Difference, ...]:
    """Return the conditions that the request does not meet; none means that it matches."""
    return tuple(tell() for tell in unmet(when, asked))


def unmet(when: When, asked: Asked) -> Iterator[Tell]:
    """Yield what tells each condition that the request does not meet.

    Most rules differ from most requests, and of those nobody wants to be told.
    """
    for key, wanted in when.given:
        yield from _CONDITIONS[key](wanted, asked)
    for name, wanted in when.headers.items():
        yield from _header(name.lower(), wanted, asked)
    if when.exactly is not UNSET:
        ignored = [path for path in map(parsed, when.ignore) if path is not None]
        yield from _places("exactly", unequal(when.exactly, asked.body, ignored))


def _endpoint(wanted: str | tuple[str, ...], asked: Asked) -> Iterator[Tell]:
    endpoint = asked.request.__struct_config__.tag
    names = (wanted,) if isinstance(wanted, str) else wanted
    if endpoint not in names:
        yield lambda: Difference("endpoint", " or ".join(names), str(endpoint))


def _model(wanted: str | tuple[str, ...], asked: Asked) -> Iterator[Tell]:
    model = asked.request.model
    globs = (wanted,) if isinstance(wanted, str) else wanted
    if not any(glob(one).match(model) for one in globs):
        yield lambda: Difference("model", " or ".join(globs), model)


def _text(key: str) -> Callable[[Text, Asked], Iterator[Tell]]:
    """Return what finds the difference unless one of the texts of a key meets the condition."""
    texts_of = TEXTS[key]

    def find(wanted: Text, asked: Asked) -> Iterator[Tell]:
        texts = texts_of(asked.request)
        for text in texts:  # a loop, since every rule comes here
            if meets(wanted, text):
                return
        yield lambda: _unlike(key, wanted, texts)

    return find


def _unlike(key: str, wanted: Text, texts: tuple[str, ...]) -> Difference:
    listed = texts[:LISTED]
    told = " | ".join(map(shown, listed)) + unmet_hint(wanted, listed)
    return Difference(key, _described(wanted), told or "no such text")


def meets(wanted: Text, text: str) -> bool:
    """Tell whether a text meets a condition. Raises PatternFailedError."""
    if isinstance(wanted, str):
        return wanted == text
    fold = str.casefold if wanted.ignore_case else str
    return (
        (wanted.equals is UNSET or fold(wanted.equals) == fold(text))
        and (wanted.contains is UNSET or fold(wanted.contains) in fold(text))
        and (
            wanted.matches is UNSET
            or search(wanted.matches, text, ignore_case=wanted.ignore_case) is not None
        )
        and (
            wanted.glob is UNSET
            or glob(wanted.glob, ignore_case=wanted.ignore_case).match(text) is not None
        )
    )


def _described(wanted: Text) -> str:
    match = TextMatch(equals=wanted) if isinstance(wanted, str) else wanted
    given = [(k, getattr(match, k)) for k in ("equals", "contains", "matches", "glob")]
    parts = [f"{key} {value!r}" for key, value in given if value is not UNSET]
    return " and ".join(parts) + (" (ignoring case)" if match.ignore_case else "")


def _turn(wanted: int | Range, asked: Asked) -> Iterator[Tell]:
    bounds = Range(at_least=wanted, at_most=wanted) if isinstance(wanted, int) else wanted
    turn = asked.request.turn if isinstance(asked.request, ChatRequest) else None
    least = 0 if bounds.at_least is UNSET else bounds.at_least
    most = math.inf if bounds.at_most is UNSET else bounds.at_most
    if turn is None or not least <= turn <= most:
        found = "no chat" if turn is None else str(turn)
        yield lambda: Difference("turn", _numbers(bounds), found)


def _numbers(bounds: Range) -> str:
    if bounds.at_least == bounds.at_most:
        return str(bounds.at_least)
    given = [("at least", bounds.at_least), ("at most", bounds.at_most)]
    return " and ".join(f"{words} {number}" for words, number in given if number is not UNSET)


def _stream(wanted: bool, asked: Asked) -> Iterator[Tell]:  # noqa: FBT001 - a condition
    request = asked.request
    stream = not isinstance(request, EmbeddingRequest) and request.stream
    if stream != wanted:
        yield lambda: Difference("stream", shown(wanted), shown(stream))


def header_values(asked: Asked, name: str) -> tuple[str, ...]:
    """Return the value of a header, if the request has it."""
    value = asked.headers.get(name.lower())
    return () if value is None else (value,)


def _header(name: str, wanted: Text, asked: Asked) -> Iterator[Tell]:
    values = header_values(asked, name)
    if not any(meets(wanted, value) for value in values):
        yield lambda: _unlike_header(name, wanted, values)


def _unlike_header(name: str, wanted: Text, values: tuple[str, ...]) -> Difference:
    secret = keys.sounds_secret(name)
    told = (_HIDDEN, _HIDDEN) if secret else (_described(wanted), *map(shown, values))
    return Difference(f"headers.{name}", told[0], told[1] if values else "no such header")


def _api_key(wanted: str, asked: Asked) -> Iterator[Tell]:
    if not any(glob(wanted).match(key) for key in asked.api_keys):
        got = " | ".join(map(_fingerprint, asked.api_keys)) or "no key"
        yield lambda: Difference("api_key", _shown_glob(wanted), got)


def _shown_glob(wanted: str) -> str:
    """Return a glob as it stands, unless it is a whole key: not even ends of those are recorded."""
    return wanted if any(c in wanted for c in "*?[") else _fingerprint(wanted)


def _fingerprint(key: str) -> str:
    return f"a key of the fingerprint {keys.fingerprint(key)}"


def _body(wanted: dict[str, Any], asked: Asked) -> Iterator[Tell]:
    return _places("body", bodies.unmet(wanted, asked.body))


def _places(key: str, found: Iterator[Found]) -> Iterator[Tell]:
    for one in islice(found, LISTED):
        yield partial(_unequal, key, *one)


def _unequal(key: str, place: Place, wanted: Any, got: Any) -> Difference:
    words, found = bodies.told(wanted, got)
    return Difference(path_of((key, *place)), words, found + form_hint(wanted, got))


def _any(wanted: tuple[When, ...], asked: Asked) -> Iterator[Tell]:
    if not any(holds(branch, asked) for branch in wanted):
        yield lambda: _nearest(wanted, asked)


def _nearest(wanted: tuple[When, ...], asked: Asked) -> Difference:
    """Return the difference of the nearest of alternatives of which none holds."""
    missed = []
    for index, branch in enumerate(wanted):
        tells = tuple(unmet(branch, asked))
        missed.append((distance(branch, asked, tells), index, tells))
    _, index, tells = min(missed, key=lambda miss: miss[:2])
    told = [tell() for tell in tells[:LISTED]]
    if len(told) == 1:
        return replace(told[0], key=f"any[{index}].{told[0].key}")
    return Difference(
        f"any[{index}]",
        " and ".join(f"{one.key} {one.wanted}" for one in told),
        " and ".join(f"{one.key} {one.got}" for one in told),
    )


def _all(wanted: tuple[When, ...], asked: Asked) -> Iterator[Tell]:
    for one in wanted:
        yield from unmet(one, asked)


def _not(wanted: When, asked: Asked) -> Iterator[Tell]:
    if holds(wanted, asked):
        yield lambda: _just(wanted)


def _just(wanted: When) -> Difference:
    told = msgspec.to_builtins(_without_secrets(wanted))
    return Difference("not", f"not {shown(told)}", "just that")


def _without_secrets(when: When) -> When:
    """Return conditions as they may be shown."""
    headers = {n: _HIDDEN if keys.sounds_secret(n) else text for n, text in when.headers.items()}
    return replace(
        when,
        headers=headers,
        api_key=UNSET if when.api_key is UNSET else _shown_glob(when.api_key),
        any_=UNSET if when.any_ is UNSET else tuple(map(_without_secrets, when.any_)),
        all_=UNSET if when.all_ is UNSET else tuple(map(_without_secrets, when.all_)),
        not_=UNSET if when.not_ is UNSET else _without_secrets(when.not_),
    )


def _strings(kind: type[Request] | None = None) -> Callable[[Request], tuple[str, ...]]:
    """Return what lists the texts of a kind of request, or of any; token ids are none."""

    def texts(request: Request) -> tuple[str, ...]:
        if kind is not None and not isinstance(request, kind):
            return ()
        return tuple(text for text in request.texts if isinstance(text, str))

    return texts


def _last(role: str) -> Callable[[Request], tuple[str, ...]]:
    """Return what lists the last message of a role, if there is one."""

    def texts(request: Request) -> tuple[str, ...]:
        text = request.last(role) if isinstance(request, ChatRequest) else None
        return () if text is None else (text,)

    return texts


# The texts that a condition on texts may be met by, one of which is enough.
TEXTS: dict[str, Callable[[Request], tuple[str, ...]]] = {
    "user": _last("user"),
    "system": _last("system"),
    "assistant": _last("assistant"),
    "text": _strings(),
    "prompt": _strings(CompletionRequest),
    "input": _strings(EmbeddingRequest),
}
_CONDITIONS: dict[str, Callable[[Any, Asked], Iterator[Tell]]] = {
    "endpoint": _endpoint,
    "model": _model,
    **{key: _text(key) for key in TEXTS},
    "turn": _turn,
    "stream": _stream,
    "api_key": _api_key,
    "body": _body,
    "any_": _any,
    "all_": _all,
    "not_": _not,
}
