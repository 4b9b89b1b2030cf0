"""What Python hands over as scenarios and parts of them, refused where it is no data.

A slip is told here, with what stands instead, before Python's own words for it would be.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from types import FunctionType, MethodType
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import fields

from mockgpt.core.entry import Place, path_of
from mockgpt.core.scenario import Scenario
from mockgpt.files.scenarios import plain

_SHOWN = 60  # characters of a value that a message repeats


def data_of(value: Any, place: Place = ()) -> Any:
    """Return a value of the language as YAML gives it; the place is its own, for the message.

    Raises TypeError for what is no data.
    """
    wrong = next(_wrong(value, place), None)
    if wrong is not None:
        at, message = wrong
        raise TypeError(f"{path_of(at)}: {message}".removeprefix(": "))
    return plain(value)


def check_sources(sources: Iterable[Any]) -> None:
    """Raise TypeError for what is no scenario: no name, path, mapping or value."""
    for source in sources:
        match source:
            case str() | PathLike() | Scenario():
                pass
            case Mapping():
                data_of(source)
            case _:
                raise TypeError(
                    f"expected the names or paths of scenarios, or mappings, found {shown(source)}"
                    f"{_instead_of_source(source)}"
                )


def shown(value: Any) -> str:
    """Return a value as a message repeats it."""
    if isinstance(value, FunctionType | MethodType):
        return f"the function {value.__name__}"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _instead_of_source(source: Any) -> str:
    match source:
        case list() | tuple():
            return "; give several as several arguments: 'first.yaml', 'second.yaml'"
        case Callable():
            return (
                "; begin a server in a test by `with MockGPT(…) as mock`, or by pytest's `mockgpt`"
            )
        case _:
            return ""


def _wrong(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield what is no data, with its place."""
    match value:
        case Struct():
            for one in fields(value):
                yield from _wrong(getattr(value, one.name), (*place, one.encode_name))
        case Mapping():
            for key, item in value.items():
                if isinstance(key, str):
                    yield from _wrong(item, (*place, key))
                else:
                    yield place, f"expected keys that are strings, found {shown(key)}"
        case Sequence() if not isinstance(value, str | bytes | bytearray | memoryview):
            for index, item in enumerate(value):
                yield from _wrong(item, (*place, index))
        case _ if value is not UNSET and not _is_data(value):
            wanted = "text, a number, True, False, None, a list or a mapping"
            yield place, f"expected {wanted}, found {shown(value)}{_instead(value)}"


def _is_data(value: Any) -> bool:
    if isinstance(value, bytes | bytearray | memoryview):  # which msgspec would write in base64
        return False
    try:
        msgspec.to_builtins(value)
    except TypeError:
        return False
    return True


def _instead(value: Any) -> str:
    match value:
        case re.Pattern(pattern=str() as pattern):
            more = ", ignore_case=True" if value.flags & re.IGNORECASE else ""
            return f"; write matches({pattern!r}{more})"
        case bytes():
            return "; decode it, or answer bytes by raw={'chunks': [{'base64': '…'}]}"
        case Callable():
            return (
                "; a condition is contains('…'), matches('…') or body={…}, an answer that is made of "
                "its request template='You said: {{ user }}'"
            )
        case _:
            return ""
