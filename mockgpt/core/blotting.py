"""Where a redaction takes effect: in the strings of JSON bodies, in streams, in messages that quote.

A stream's pieces are read together: a secret that an answer repeats is cut into tokens.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from mockgpt.core.encode.sse import json_bytes
from mockgpt.core.errors import ApiError
from mockgpt.core.redaction import (
    MARK,
    Change,
    Redaction,
    forms,
    looking_secret,
    named_secret,
    unescaped,
    withheld,
)

# What bodies have besides a client's and an answer's text, and is shown in any case.
_PLAIN = frozenset(
    {"code", "created", "encoding_format", "finish_reason", "id", "model", "object", "param"}
    | {"role", "type"}
)
_TEXTS = "content", "text"  # of a choice's delta, and of a choice
_NUMBERS = 8  # a list of more is token ids or a vector, which say what the text did
_QUOTED = 4  # characters: a shorter text is only known between quotation marks
_CUT = "..."  # behind what a message has no room for
_LONGEST = 2_100  # characters of a text that a message repeats, escaped
_LINE_END = re.compile("(\r\n|\n|\r)")  # WHATWG HTML, section 9.2.5

Blot = Callable[[str, str], str]  # of the name that a text has, and the text


def request_body(body: bytes, by: Redaction) -> bytes:
    """Return a request's body as it may be shown: the very bytes where nothing in them is hidden."""

    def blot(name: str, text: str) -> str:
        if named_secret(name, text):
            return MARK
        return withheld(text) if by.prompts and name not in _PLAIN else by.text(text)

    return _body(body, blot, by.text, whole=by.prompts)


def reply_body(body: bytes, by: Redaction, tell: Change, *, careful: bool = False) -> bytes:
    """Return a response's body as it may be shown; `tell` changes what it repeats of the request.

    Where one is `careful`, what cannot be read of a stream may be a part of what `tell` changes.
    """

    def blot(name: str, text: str) -> str:
        return withheld(text) if by.replies and name not in _PLAIN else tell(text)

    if body.startswith(b"data:") or b"\ndata:" in body or b"\rdata:" in body:
        with suppress(RecursionError):
            return _stream(body, blot, tell, whole=by.replies, careful=careful)
    return _body(body, blot, tell, whole=by.replies)


def teller(body: bytes, by: Redaction) -> Change:
    """Return what changes a text that may quote a request with this body, whole or cut."""
    quoted: list[tuple[str, str]] | None = None

    def tell(text: str) -> str:
        nonlocal quoted
        if quoted is None:  # only now: of most requests there is nothing to tell
            quoted = sorted(_quoted(body, by), key=lambda one: -len(one[0]))
        return by.text(_unquoted(text, quoted) if quoted else text)

    return tell


def discreet(errors: tuple[ApiError, ...], tell: Change) -> tuple[ApiError, ...]:
    """Return errors that repeat what was sent only so; of a key they have the ends alone."""
    return tuple(
        replace(
            error,
            values={
                name: tell(value) if isinstance(value, str) and name != "key" else value
                for name, value in error.values.items()
            },
            instead={
                dialect: discreet((other,), tell)[0] for dialect, other in error.instead.items()
            },
        )
        for error in errors
    )


def _body(body: bytes, blot: Blot, change: Change, *, whole: bool) -> bytes:
    """Return a body with its strings changed; one that is no JSON is changed as a text."""
    if not body:
        return body
    try:
        value = _decoded(body)
        if isinstance(value, dict | list):
            changed = _walked(value, blot, whole=whole)
            if changed != value:
                return json_bytes(changed)
            whole = False
    except RecursionError:  # nested nearly too deep: a text, too
        pass
    text = body.decode("utf-8", "replace")
    told = withheld(text) if whole else change(text)
    plain = unescaped(told.encode()).decode()  # a secret may be escaped in what is no whole JSON
    if plain != told and (changed := change(plain)) != plain:
        told = changed
    return body if told == text else told.encode()


def _decoded(body: bytes | str) -> Any:
    """Return the JSON of a body, None for what is no JSON."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError and DecodeError are ValueErrors
        return None


def _walked(value: Any, blot: Blot, name: str = "", *, whole: bool) -> Any:
    match value:
        case str():
            return blot(name, value)
        case dict():
            # A name may be anything, too, but of what the service knows none is a text.
            return {
                blot("id", key): _walked(item, blot, key, whole=whole)
                for key, item in value.items()
            }
        case list() if whole and value and _are_numbers(value, name):
            return f"‹redacted, {len(value):,} numbers›"
        case list():
            return [_walked(item, blot, name, whole=whole) for item in value]
        case _:
            return value


def _are_numbers(value: list[Any], name: str) -> bool:
    numbers = all(isinstance(item, int | float) for item in value)
    return numbers and (len(value) > _NUMBERS or name in ("prompt", "input", "embedding"))


def _stream(body: bytes, blot: Blot, change: Change, *, whole: bool, careful: bool) -> bytes:
    """Return a stream of events with the texts of its choices changed, each as a whole."""
    lines = _LINE_END.split(body.decode("utf-8", "replace"))  # and the ends between them
    events = {
        number: value
        for number, line in enumerate(lines)
        if line.startswith("data:") and isinstance(value := _decoded(line[5:]), dict)
    }
    pieces: dict[Any, list[tuple[dict[str, Any], str]]] = {}
    before = json.dumps(list(events.values()))
    for event in events.values():
        for index, holder, name in _pieces(event):
            pieces.setdefault(index, []).append((holder, name))
    for parts in pieces.values():
        text = "".join(holder[name] for holder, name in parts)
        if not whole and (changed := change(text)) != text:
            for holder, name in parts:
                holder[name], changed = changed, ""
    walked = {number: _walked(event, blot, whole=whole) for number, event in events.items()}
    if json.dumps(list(walked.values())) != before:
        for number, event in walked.items():
            lines[number] = f"data: {json_bytes(event).decode()}"
    told = partial(_line, change=change, whole=whole, careful=careful)
    return "".join(
        line if number in events or line.isspace() else told(line)
        for number, line in enumerate(lines)
    ).encode()


def _line(line: str, change: Change, *, whole: bool, careful: bool) -> str:
    """Return a line of a stream that is no event of ours: a cut one, a comment, the end."""
    withholds = whole or (careful and any(f'"{name}":' in line for name in _TEXTS))
    if withholds and line.startswith("data:") and line.strip() != "data: [DONE]":
        return f"data: {withheld(line[5:].strip())}"
    return change(line)


def _pieces(event: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any], str]]:
    """Yield where an event has text of a choice: its index, and what holds the text by which name."""
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            delta = choice.get("delta")
            for holder, name in zip((delta, choice), _TEXTS, strict=True):
                if isinstance(holder, dict) and isinstance(holder.get(name), str):
                    yield choice.get("index"), holder, name


def _quoted(body: bytes, by: Redaction) -> Iterator[tuple[str, str]]:
    """Yield what a message may repeat of a body and may not show, with what stands for it."""
    for secret in by.secrets:
        yield from ((form, MARK) for form in forms(secret))
    value = _decoded(body)
    texts: list[tuple[str, str]] = []

    def note(name: str, text: str) -> str:
        texts.append((name, text))
        return text

    try:
        _walked(value, note, whole=False)
    except RecursionError:
        value = None
    if not isinstance(value, dict | list):
        note("", body.decode("utf-8", "replace"))
    for name, text in texts:
        if by.prompts and name not in _PLAIN:
            yield from ((form, withheld(text)) for form in _forms(text))
        found = looking_secret(text)
        for pattern in by.patterns:
            found += [one[0] for one in pattern.finditer(text)]
        for one in found:
            yield from ((form, MARK) for form in _forms(one))


def _forms(text: str) -> Iterable[str]:
    """Return how messages write a text: as it is, as Python does, and as JSON does."""
    forms = (text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False))
    return {form for form in (*forms[:3], forms[3][1:-1]) if form}


def _unquoted(text: str, quoted: list[tuple[str, str]]) -> str:
    """Return a message without what it quotes; of a text that it cuts, without the beginning."""
    for form, mark in quoted:
        if len(form) < _QUOTED:
            for quote in "'\"":
                text = text.replace(f"{quote}{form}{quote}", f"{quote}{mark}{quote}")
        else:
            text = text.replace(form, mark)
    return _CUT.join(_uncut(part, quoted) for part in text.split(_CUT))


def _uncut(text: str, quoted: list[tuple[str, str]]) -> str:
    """Return a message's part without the longest beginning of a form that it ends with."""
    end = text[-1:] if text[-1:] in "'\"" else ""
    head = text.removesuffix(end)
    size, mark = max(((_overlap(head, form), mark) for form, mark in quoted), default=(0, ""))
    return head[:-size] + mark + end if size else text


def _overlap(head: str, form: str) -> int:
    """Return how much of a form's beginning stands at the end of a text."""
    if form[:_QUOTED] not in head:  # quickly: there may be many forms
        return 0
    sizes = range(min(len(form), len(head), _LONGEST), _QUOTED - 1, -1)
    return next((size for size in sizes if head.endswith(form[:size])), 0)
